"""Why an answer says nothing: its `Cause`, from how it came and what the grader made of it.

The grader knows the text alone: that nothing stands in it (`EMPTY`), that it is garble or
repetition, that its words answer nothing, that its thinking was never closed, or that it
cannot read it. How the answer came, its finish reason, its tokens, its reasoning field, says
the rest. In order:

1. Garble stays garble, and a text that cannot be read stays what it is: tokens that ran out
   do not make a loop an answer that was on its way.
2. A content filter of the server held it back: `FILTER`.
3. Nothing came. With thinking beside it, or with thinking alone in the text: `REASONING`.
   Out of tokens: `LENGTH`. The first token was an end token: `STOP`. Else `EMPTY`.
4. Words came, none of them a claim, and tokens ran out: `LENGTH`. Else `NO_ANSWER`.
"""

from __future__ import annotations

from harness.core.records import Answer, Cause, Verdict

# Finish reasons of servers in use, in small letters: OpenAI and vLLM, Anthropic, Gemini, Mistral,
# Bedrock, Hugging Face TGI.
CUT = frozenset({"length", "max_tokens", "model_length", "max_output_tokens", "max_new_tokens"})
FILTERED = frozenset(
    {"content_filter", "content_filtered", "safety", "prohibited_content", "blocklist", "spii"}
    | {"recitation", "guardrail_intervened", "refusal"}
)


def is_cut(finish_reason: str) -> bool:
    """Whether an answer ended because its tokens ran out."""
    return finish_reason.lower() in CUT


def is_filtered(finish_reason: str) -> bool:
    """Whether a server says that its content filter held the answer back."""
    return finish_reason.lower() in FILTERED


def cause_of(answer: Answer, verdict: Verdict, said: Cause | None, *, claims: int) -> Cause | None:
    """The cause of one verdict, by the rules above; None where the answer says something.

    said: what the grader saw in the text alone; claims: how many it found there.
    """
    if verdict is not Verdict.UNRESPONSIVE:
        return said
    if said in (Cause.GARBLE, Cause.REASONING):
        return said
    if is_filtered(answer.finish_reason):
        return Cause.FILTER
    if said is Cause.EMPTY:
        return _of_nothing(answer)
    return Cause.LENGTH if is_cut(answer.finish_reason) and not claims else Cause.NO_ANSWER


def _of_nothing(answer: Answer) -> Cause:
    if answer.reasoning and answer.reasoning.strip():
        return Cause.REASONING
    if is_cut(answer.finish_reason):
        return Cause.LENGTH
    # Of a server no token is seen, so that it stopped at once cannot be told from any other end.
    at_once = len(answer.token_ids) == 1 or (not answer.token_ids and answer.ended_by is not None)
    return Cause.STOP if at_once else Cause.EMPTY
