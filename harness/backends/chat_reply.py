"""What a server's reply says: answers, thinking, and errors, in all the shapes they come in.

Text is a string or a list of parts (Mistral, OpenAI's newer interfaces); thinking stands in
parts or in a field of its own: `reasoning_content` (vLLM, SGLang, DeepSeek), `reasoning`
(OpenRouter, vLLM, Ollama), `reasoning_details` (OpenRouter), `thinking` (Ollama, Anthropic's
form). An error may come with status 200, as an object beside or inside the choices (OpenRouter).
Sources: the documentation of these servers and replies of theirs in public reports.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MOST_TEXT = 100_000  # characters of an answer that are kept; no token limit of an audit gives more
MOST_REASONING = 20_000  # of thinking, which is kept to be looked at and graded by nobody
_MOST_REASON = 40  # of a finish reason
_MOST_DEPTH = 8  # of parts within parts
_SHOWN = 300  # characters of a server's own words in an error
_THINKING = ("reasoning_content", "reasoning", "thinking", "reasoning_details")
_APART = ("analysis", "commentary")  # channels of gpt-oss that are no answer

Clean = Callable[[str], str]


class UnusableError(Exception):
    """A reply came and holds no answer; asking again may help."""


class ErrorReplyError(Exception):
    """A reply with status 200 that is an error. `status`: the one it names, if any."""

    def __init__(self, words: str, status: int | None) -> None:
        super().__init__(words)
        self.status = status


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One answer of a server. `logprobs` in nats, empty where it gave none.

    `reasoning`: what it sent apart as thinking, None where nothing. `cut`: whether the text
    was longer than `MOST_TEXT` and is kept in part.
    """

    text: str
    logprobs: tuple[float, ...]
    finish_reason: str
    reasoning: str | None = None
    cut: bool = False


@dataclass(frozen=True, kw_only=True)
class Reply:
    """All choices of one request, and as which model the server says that it answered.

    prompt_tokens, completion_tokens: of all choices, as it counts them; None where it does not.
    """

    choices: tuple[Choice, ...]
    model: str | None
    software: str | None  # the header Server
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


def parse(content: bytes) -> Any:
    """The body as JSON, every text in it whole: half a surrogate pair becomes "?".

    No file and no terminal takes such a half, and JSON can spell it. Numbers that are not
    finite are let through: a log-probability may be one, and is then left out.
    """
    try:
        text = json.dumps(json.loads(content), ensure_ascii=False)
        return json.loads(text.encode("utf-8", "replace"))
    except (ValueError, RecursionError):  # so long a number or so deep a nest, too
        raise UnusableError("the reply is no valid JSON") from None


def read_models(data: Any, _: Mapping[str, str], clean: Clean) -> list[dict[str, Any]]:
    """The cards that a server lists. Raises UnusableError or ErrorReplyError."""
    listed = data.get("data") if isinstance(data, dict) else None
    if not isinstance(listed, list):
        _raise_error(data, clean)
        raise UnusableError("the reply is no list of models")
    return [one for one in listed if isinstance(one, dict) and isinstance(one.get("id"), str)]


def read_reply(data: Any, headers: Mapping[str, str], clean: Clean) -> Reply:
    """The choices of a reply; there is at least one.

    clean: takes keys out of text. Raises UnusableError, or ErrorReplyError with the server's
    own words where it says that something went wrong.
    """
    choices = data.get("choices") if isinstance(data, dict) else None
    if not isinstance(choices, list) or not choices:
        _raise_error(data, clean)
        raise UnusableError("the reply holds no choices")
    sound = [one for one in choices if not (isinstance(one, dict) and one.get("error"))]
    if not sound:
        _raise_error(choices[0], clean)
    _raise_error(data, clean)
    if all(isinstance(one, dict) and isinstance(one.get("index"), int) for one in sound):
        sound = sorted(sound, key=lambda one: int(one["index"]))
    usage = data.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    details = usage.get("completion_tokens_details")
    hidden = _count(details.get("reasoning_tokens")) if isinstance(details, dict) else None
    model, software = data.get("model"), headers.get("server")
    return Reply(
        choices=tuple(_choice(one, clean, hidden) for one in sound),
        model=clean(model)[:200] if isinstance(model, str) else None,
        software=clean(software)[:200] if software else None,
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
    )


def told_words(data: Any) -> str:
    """What a server says went wrong, in its own words and with its code; "" where nothing.

    data: the body of a reply, as plain data or text.
    """
    found = _error_of(data) or data
    if isinstance(found, str):
        return found
    if not isinstance(found, dict):
        return _compact(found)
    said = next((found[key] for key in ("message", "detail", "error", "msg", "title")
                 if found.get(key) and found[key] is not True), None)  # fmt: skip
    if said is None:
        return _compact(found)
    words = said if isinstance(said, str) else _compact(said)
    code = found.get("code") or found.get("type")
    if isinstance(code, str | int) and str(code) not in words:
        words += f" (code {code})"
    more = found.get("metadata")
    raw = more.get("raw") if isinstance(more, dict) else None
    if raw:  # OpenRouter: the words of the provider behind it
        words += f": {raw if isinstance(raw, str) else _compact(raw)}"
    return words


def shorten(words: str) -> str:
    """Words of a server on one line, short, without what steers a terminal."""
    line = "".join(char for char in " ".join(words.split()) if char.isprintable())
    return line[:_SHOWN]


def _raise_error(data: Any, clean: Clean) -> None:
    """Raise ErrorReplyError where `data` says that it is an error."""
    error = _error_of(data)
    if error is None:
        return
    code = error.get("code", error.get("status")) if isinstance(error, dict) else None
    digits = str(code) if isinstance(code, int | str) and not isinstance(code, bool) else ""
    status = int(digits) if digits.isdecimal() and len(digits) == 3 else None
    raise ErrorReplyError(shorten(clean(told_words(data))), status)


def _error_of(data: Any) -> Any:
    """The error that an object, or a list of one, holds or is; None where it is none."""
    if isinstance(data, list) and len(data) == 1:  # Gemini's
        data = data[0]
    if not isinstance(data, dict):
        return None
    if data.get("error"):
        return data if data["error"] is True else data["error"]
    if data.get("object") == "error" or data.get("type") == "error":
        return data
    is_reply = "choices" in data or isinstance(data.get("message"), dict)
    told = [data[key] for key in ("message", "detail", "errors") if data.get(key)]
    return data if told and not is_reply and "data" not in data else None


def _choice(data: Any, clean: Clean, hidden: int | None) -> Choice:
    """hidden: thinking tokens that the server counts, of all choices, and may not show."""
    message = data.get("message") if isinstance(data, dict) else None
    if not isinstance(message, dict):
        raise UnusableError("a choice holds no message")
    said, thought = _content(message)
    # Keys are looked for when the parts are put together: they may be cut apart by them.
    text = clean(said[: MOST_TEXT + 1].strip())
    reasoning = clean(thought[:MOST_REASONING].strip()) or None
    if not text and reasoning is None and hidden:
        reasoning = f"[{hidden:,} tokens of thinking, which the server does not show]"
    reason = data.get("finish_reason")
    return Choice(
        text=text[:MOST_TEXT],
        logprobs=_logprobs(data.get("logprobs")),
        finish_reason=clean(reason)[:_MOST_REASON] if isinstance(reason, str) and reason
        else "unknown",
        reasoning=reasoning,
        cut=len(said) > MOST_TEXT,
    )  # fmt: skip


def _content(message: Mapping[str, Any]) -> tuple[str, str]:
    """The answer and the thinking of a message. Raises UnusableError for content of no shape."""
    content = message.get("content")
    if content is not None and not isinstance(content, str | list | dict):
        raise UnusableError("a message holds no text")
    said: list[str] = []
    thought: list[str] = []
    for kind, text in _parts(content, "text"):
        (thought if kind == "thinking" else said).append(text)
    fields: list[str] = []
    for name in _THINKING:
        whole = "".join(text for _, text in _parts(message.get(name), "thinking"))
        if whole.strip() and whole not in fields:  # vLLM sends the same under two names
            fields.append(whole)
    thought += [one for one in fields if one not in thought]
    if message.get("channel") in _APART:
        said, thought = [], [*said, *thought]
    refusal = message.get("refusal")
    if isinstance(refusal, str) and not "".join(said).strip():
        said = [refusal]
    return "".join(said), "\n".join(thought)


def _parts(data: Any, kind: str, depth: int = 0) -> Iterator[tuple[str, str]]:
    """(kind, text) of every piece of content in order; kind is "text" or "thinking".

    A part that is neither, a picture say, gives nothing.
    """
    if isinstance(data, str):
        yield kind, data
    elif depth > _MOST_DEPTH:
        return
    elif isinstance(data, list):
        for one in data:
            yield from _parts(one, kind, depth + 1)
    elif isinstance(data, dict):
        name = str(data.get("type") or "")
        if "tool" in name or "function" in name:
            return
        if "think" in name or "reason" in name or data.get("thought") is True:
            kind = "thinking"
        keys = ("text", "refusal", "value", "thinking", "reasoning", "summary", "content",
                "parts")  # fmt: skip
        for key in keys:
            if data.get(key):
                inner = "thinking" if key in ("thinking", "reasoning", "summary") else kind
                yield from _parts(data[key], inner, depth + 1)
                return


def _logprobs(data: Any) -> tuple[float, ...]:
    """The log-probabilities of the tokens said; none where one of them is no number."""
    tokens = data.get("content") if isinstance(data, dict) else None
    if not isinstance(tokens, list):
        return ()
    found = []
    for token in tokens:
        value = token.get("logprob") if isinstance(token, dict) else None
        if isinstance(value, bool) or not isinstance(value, int | float):
            return ()
        try:
            found.append(float(value))
        except OverflowError:  # a whole number of hundreds of digits
            return ()
    return tuple(found) if all(map(math.isfinite, found)) else ()


def _count(value: Any) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= value < 1 << 53 else None


def _compact(data: Any) -> str:
    try:
        return json.dumps(data, ensure_ascii=False) if data not in (None, {}, []) else ""
    except (ValueError, RecursionError):
        return ""
