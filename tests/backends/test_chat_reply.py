"""Replies of all shapes: parts, thinking, refusals, and errors with status 200."""

from __future__ import annotations

import json

import pytest

from harness.backends.chat_client import ChatClient, RequestRefusedError
from harness.backends.chat_reply import MOST_REASONING, MOST_TEXT, read_reply
from harness.core.errors import BackendError

TEXT = {"type": "text", "text": "Not able to answer."}
THOUGHT = "Let me think."

MESSAGES = {
    "text": ({"content": " yes "}, "yes", None),
    "null": ({"content": None}, "", None),
    "no content": ({"role": "assistant"}, "", None),
    "tool calls": ({"content": None, "tool_calls": [{"function": {"name": "x"}}]}, "", None),
    "parts": ({"content": [TEXT]}, TEXT["text"], None),
    "two parts": ({"content": [{"type": "output_text", "text": "a"}, "b"]}, "ab", None),
    "one part": ({"content": TEXT}, TEXT["text"], None),
    "picture": ({"content": [{"type": "image_url", "image_url": {"url": "x"}}]}, "", None),
    "refusal field": ({"content": None, "refusal": "I cannot."}, "I cannot.", None),
    "refusal part": ({"content": [{"type": "refusal", "refusal": "I cannot."}]}, "I cannot.", None),
    "Mistral": (
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": THOUGHT}]}, TEXT]},
        TEXT["text"], THOUGHT,
    ),
    "Anthropic": (
        {"content": [{"type": "thinking", "thinking": THOUGHT, "signature": "q"}, TEXT]},
        TEXT["text"], THOUGHT,
    ),
    "hidden": ({"content": [{"type": "redacted_thinking", "data": "q"}, TEXT]}, TEXT["text"], None),
    "Gemini": ({"content": {"parts": [{"text": THOUGHT, "thought": True}, {"text": "A"}]}}, "A",
               THOUGHT),
    "vLLM": ({"content": "A", "reasoning_content": THOUGHT, "reasoning": THOUGHT}, "A", THOUGHT),
    "thinking only": ({"content": None, "reasoning_content": THOUGHT}, "", THOUGHT),
    "Ollama": ({"content": "A", "thinking": THOUGHT}, "A", THOUGHT),
    "OpenRouter": (
        {"content": "A", "reasoning": THOUGHT, "reasoning_details": [
            {"type": "reasoning.text", "text": THOUGHT}, {"type": "reasoning.encrypted", "data": 1}
        ]}, "A", THOUGHT,
    ),
    "summary": ({"content": "A", "reasoning_details": [
        {"type": "reasoning.summary", "summary": THOUGHT}]}, "A", THOUGHT),
    "channel": ({"content": THOUGHT, "channel": "analysis"}, "", THOUGHT),
}  # fmt: skip


def read(message, **more):
    data = {"choices": [{"message": message, "finish_reason": "stop"}], **more}
    return read_reply(data, {}, str).choices[0]


@pytest.mark.parametrize("shape", MESSAGES)
def test_the_answer_and_the_thinking_are_told_apart(shape):
    message, text, reasoning = MESSAGES[shape]
    found = read(message)
    assert (found.text, found.reasoning) == (text, reasoning)


def test_thinking_that_is_counted_and_not_shown_is_told_where_nothing_else_is():
    usage = {"completion_tokens": 64, "completion_tokens_details": {"reasoning_tokens": 64}}
    assert "64 tokens of thinking" in (read({"content": ""}, usage=usage).reasoning or "")
    assert read({"content": "A"}, usage=usage).reasoning is None


def test_a_text_of_any_length_is_kept_within_bounds():
    found = read({"content": "a" * (MOST_TEXT + 9), "reasoning": "b" * 10**6})
    assert found.cut and len(found.text) == MOST_TEXT
    assert len(found.reasoning or "") == MOST_REASONING
    nested = {"content": json.loads("[" * 90 + '"x"' + "]" * 90)}
    assert read(nested).text == ""


@pytest.mark.parametrize("reason", ["length", "content_filter", "tool_calls", None, 3, "x" * 999])
def test_the_finish_reason_is_the_servers(reason):
    data = {"choices": [{"message": {"content": "A"}, "finish_reason": reason}]}
    found = read_reply(data, {}, str).choices[0].finish_reason
    assert found == (reason[:40] if isinstance(reason, str) else "unknown")


def asked(serve, status, body, *, tries=2):
    server = serve(custom=lambda handler, _: not handler.send(status, body))
    client = ChatClient(server.url, tries=tries, backoff_s=0.001)
    with pytest.raises(BackendError) as told:
        client.complete([("user", "Who?")], model="m", n=1, temperature=0.0, max_tokens=8,
                        seed=None, logprobs=False, top_p=None, label="r0")  # fmt: skip
    return told, len(server.bodies)


BUSY = {"message": "Provider is overloaded", "code": 429}
TRIED_AGAIN = {
    "beside no choices": {"error": BUSY},
    "with empty choices": {"error": BUSY, "choices": []},
    "inside the choice": {"choices": [{"error": BUSY, "finish_reason": "error"}]},
    "a server's own": {"error": BUSY | {"code": 502}},
    "no code": {"error": "Provider is overloaded (code 429)"},
    "a word": {"error": BUSY | {"code": "rate_limit", "type": "429"}},
    "the provider's": {"error": {"message": "Provider returned error", "code": 429,
                                 "metadata": {"raw": "Provider is overloaded"}}},
    "an object": {"object": "error", "message": "Provider is overloaded", "code": 429},
    "detail": {"detail": "Provider is overloaded"},
    "in a list": [{"error": BUSY | {"status": "RESOURCE_EXHAUSTED"}}],
    "a flag": {"error": True, "message": "Provider is overloaded", "code": 429},
}  # fmt: skip


@pytest.mark.parametrize("shape", TRIED_AGAIN)
def test_an_error_with_status_200_is_tried_again_and_told_in_its_words(serve, shape):
    told, count = asked(serve, 200, TRIED_AGAIN[shape])
    assert count == 2 and "Provider is overloaded" in str(told.value)
    assert any(code in str(told.value) for code in ("429", "502", "rate_limit", "HTTP 200"))


def test_what_came_in_place_of_an_answer_is_shown(serve):
    """Servers have ways of their own to say what went wrong: their words are not lost."""
    for body, said in (
        ({"choices": None, "base_resp": {"status_msg": "no balance"}}, "no balance"),
        ({"status": "error", "reason": "model not loaded"}, "model not loaded"),
        ({"choices": [{"text": "of another endpoint"}]}, "of another endpoint"),
        (b"<html><title>Log in to the gateway</title></html>\x1b[31m", "Log in to the gateway"),
        (b'data: {"choices": [{"delta": {}}]}', "delta"),
    ):
        told, count = asked(serve, 200, body)
        assert count == 2 and said in str(told.value) and "\x1b" not in str(told.value)


def test_an_error_with_status_200_that_stays_is_asked_once(serve):
    told, count = asked(serve, 200, {"error": {"message": "No such model", "code": 404}})
    assert count == 1 and told.type is RequestRefusedError
    assert "No such model (code 404)" in str(told.value)


def test_an_error_of_any_shape_is_told(serve):
    shapes = {
        "field required": {"detail": [{"loc": ["body"], "msg": "field required"}]},
        "plain words": b"plain words\x1b[31m",
        "one (code c)": {"error": {"message": "one", "code": "c"}},
        "two": {"message": "two"},
    }
    for words, body in shapes.items():
        told, _ = asked(serve, 400, body)
        assert words in str(told.value) and "\x1b" not in str(told.value)


def test_a_choice_that_is_an_error_leaves_the_others():
    good = {"index": 1, "message": {"content": "A"}, "finish_reason": "stop"}
    data = {"choices": [{"index": 0, "error": BUSY}, good]}
    assert [one.text for one in read_reply(data, {}, str).choices] == ["A"]
