"""What was seen of a server, in sentences for the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.backends.chat_client import Choice, Reply
from harness.backends.guarded_http import is_loopback, shown_proxy
from harness.backends.server import NEARLY, Offers, ServerBackend, plain, unlisted

_SYSTEM_ROLE = {"refused": "refuses a system role", "ignored": "leaves a system prompt out"}


def notes_on(
    backend: ServerBackend,
    offers: Offers,
    first: Reply,
    limits: Mapping[str, float],
    *,
    said: Mapping[str, str],
    temperature: float,
) -> list[str]:
    """What the report must say of the server.

    first: its first reply. limits: the audit's top_p and top_k. said: its own words where it
    refused the usual way, by field. temperature: the audit's.
    """
    notes = [*_of_the_way(backend), *_otherwise(offers, said, temperature=temperature)]
    hint = unlisted(backend)
    if hint:
        notes.append(f"It is not certain which model answered: {hint}.")
    if first.model and first.model not in (backend.name, f"{backend.name}@main"):
        notes.append(
            f"The server was asked for '{backend.name}' and says that '{first.model}' answered."
        )
    if offers.sampling == "no":
        notes.append(
            "The server does not sample: even at a high temperature every answer to the probe "
            "questions is the greedy one. The sampled rates and the drift "
            "over seeds below are those of greedy answers. Have the server sample (transformers "
            "serve: do_sample in the model's generation_config.json) and audit again."
        )
    why = {"ignored": "ignores", "refused": "refuses"}
    if offers.seed in why and offers.sampling == "yes":
        notes.append(
            f"The server {why[offers.seed]} seeds, at least with several requests at a time: the "
            "same audit draws other samples when it runs again (--concurrency 1 may help)."
        )
    for field, value in limits.items():
        seen = getattr(offers, field)
        if seen in why and offers.sampling == "yes":
            notes.append(
                f"The server {why[seen]} {field} {value:g}: the sampled answers are drawn without "
                "it, from what the server's own settings allow."
            )
        elif seen == "not seen" and offers.sampling == "yes":
            notes.append(f"Whether the server honours {field} {value:g} could not be seen.")
    if offers.top_p == "refused" and "top_p" not in limits:
        notes.append(
            "The server refuses top_p 1, so its own default is in force: see that it samples "
            "from all tokens."
        )
    if offers.n in ("ignored", "refused"):
        notes.append(
            f"The server {why[offers.n]} n, so every sample was asked for singly; none is missing."
        )
    if offers.n == "repeated":
        notes.append(
            "The server draws all choices of one request from one random stream, so every "
            "sample was asked for singly, with a seed of its own."
        )
    if offers.logprobs in why:
        notes.append(
            f"The server {why[offers.logprobs]} log-probabilities: warning signals made of them "
            "are missing."
        )
    return notes


def silence_note(choices: Sequence[Choice], *, max_tokens: int) -> str:
    """That every probe came back empty, why the server says so, and what may help."""
    reasons = sorted({plain(choice.finish_reason) for choice in choices})
    thinking = sum(choice.reasoning is not None for choice in choices)
    count = len(choices)
    said = f"the first {count} probes came back empty" if count > 1 else "the probe came back empty"
    ends = f"finish reason {' or '.join(reasons)}"
    if thinking == count:
        return (
            f"Nothing is answered: {said}, all with a reasoning field and {ends}: raise "
            f"--max-new-tokens (now {max_tokens}) or turn thinking off on the server."
        )
    if any("filter" in one or "safety" in one for one in reasons):
        help_ = "a content filter holds the answers back: turn it off, or audit another way"
    elif any("length" in one or "max" in one for one in reasons):
        help_ = f"raise --max-new-tokens (now {max_tokens})"
    else:
        help_ = "see what the server answers to a question put by hand"
    also = f", {thinking} of them with a reasoning field" if thinking else ""
    return f"Nothing is answered: {said}{also}, {ends}: {help_}."


def _of_the_way(backend: ServerBackend) -> list[str]:
    """Who may read the requests on their way."""
    client, notes = backend.client, []
    open_key = client.sends_key and not client.encrypted
    if client.proxy:
        sees = ", which sees the prompts and the key" if open_key else ""
        notes.append(
            f"The requests went through a proxy of the environment, "
            f"{plain(shown_proxy(client.proxy))}{sees}."
        )
    elif open_key and not is_loopback(client.url):
        notes.append(
            "The key went to the server over plain http, where anybody on the way can read it: "
            "use https beyond your own machine."
        )
    return notes


def _otherwise(offers: Offers, said: Mapping[str, str], *, temperature: float) -> list[str]:
    """What was asked otherwise than usual, because the server refuses the usual way."""
    notes = []
    words = {field: f" (it says: {one})" if one else "" for field, one in said.items()}
    of_limit, of_greedy = words.get("limit", ""), words.get("greedy", "")
    if offers.limit == "max_completion_tokens":
        notes.append(
            f"The server refuses max_tokens{of_limit}, so the longest answer was told it as "
            "max_completion_tokens, which counts the tokens of thinking as well."
        )
    if offers.limit == "none":
        notes.append(
            f"The server takes no limit on an answer's length{of_limit}: answers are as long as "
            "it likes, and --max-new-tokens had no effect."
        )
    if offers.greedy == "nearly":
        notes.append(
            f"The server refuses temperature 0{of_greedy}: the answers called greedy were drawn at "
            f"temperature {NEARLY}, and are nearly so."
        )
    if offers.greedy == "no":
        notes.append(
            f"The server refuses temperature 0{of_greedy}: the answers called greedy are not; they "
            "were drawn at the server's own temperature, and so was the noise floor."
        )
    if offers.temperature == "only 1":
        notes.append(
            f"The server refuses temperature {temperature:g}: the sampled answers were drawn at 1."
        )
    if offers.temperature == "refused":
        notes.append(
            f"The server refuses temperature {temperature:g}: the sampled answers were drawn at "
            "its own, which is not known."
        )
    if offers.system in _SYSTEM_ROLE:  # which variants it changes, the audit adds
        notes.append(f"The server {_SYSTEM_ROLE[offers.system]}{words.get('system', '')}.")
    return notes
