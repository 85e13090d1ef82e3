"""Requests to an OpenAI-compatible server that lose no answer: retries, and what to tell.

The `openai` library sends. Its own retries are switched off: they know neither bodies that
are no JSON nor answers without choices, and vary a delay by a quarter only, so that many
workers which failed together would come back together. Source of the full jitter: Brooker
2015, "Exponential Backoff And Jitter", AWS Architecture Blog.
"""

from __future__ import annotations

import json
import math
import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from harness.errors import BackendError
from harness.models.served import KEYS, read_key

TIMEOUT_S = 120.0
TRIES = 7
BACKOFF_S = 0.5  # before the second try at most; doubles from try to try
LONGEST_BACKOFF_S = 30.0
LONGEST_WAIT_S = 300.0  # that a server may ask for in Retry-After
_UNNEEDED_TRIES = 2
_SHOWN = 300  # characters of a server's own words in an error
_TELLING = 6  # characters of a key in a row that are not shown
_CHANCE = random.SystemRandom()  # who failed together must not come back together

Read = TypeVar("Read")


class RequestRefusedError(BackendError):
    """The server will not answer a request of this kind, however often it is asked (4xx)."""


class _UnusableError(Exception):
    """A reply came and holds no answer; asking again may help."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One answer of a server. `logprobs` in nats, empty where it gave none."""

    text: str
    logprobs: tuple[float, ...]
    finish_reason: str


@dataclass(frozen=True, kw_only=True)
class Reply:
    """All choices of one request, and as which model the server says that it answered."""

    choices: tuple[Choice, ...]
    model: str | None
    software: str | None  # the header Server


class ChatClient:
    """Speaks to one server; may be used by many threads at once."""

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = TIMEOUT_S,
        tries: int = TRIES,
        backoff_s: float | None = None,
    ) -> None:
        """timeout_s: for connecting, and for every wait for bytes; tries: of one request."""
        from openai import OpenAI, omit

        self.url = url
        self._timeout_s = timeout_s
        self._tries = tries
        self._backoff_s = BACKOFF_S if backoff_s is None else backoff_s
        self._key = read_key()
        # Without a key no header is sent: the library wants that said with every request.
        self._headers: dict[str, Any] = {} if self._key else {"Authorization": omit}
        self._client = OpenAI(
            base_url=url,
            api_key=self._key or "none",
            admin_api_key="",  # else the library takes one from the environment
            timeout=timeout_s,
            max_retries=0,
        )
        # Taken from the environment by the library, and nobody's affair but OpenAI's.
        self._client.organization = self._client.project = None

    def list_models(self, *, needed: bool) -> list[dict[str, Any]] | None:
        """What the server lists under /models; None where it has no such page.

        needed: whether the list matters; where it does not, None also stands for a broken one
        (transformers serve 5.23 answers 500 where the hub's cache folder is missing).
        Raises RequestRefusedError when the server refuses the key, BackendError when a list
        that is needed does not come.
        """
        try:
            listing = self._client.models.with_raw_response.list
            return self._ask(
                "its list of models",
                lambda: listing(extra_headers=self._headers),
                _models,
                tries=self._tries if needed else min(self._tries, _UNNEEDED_TRIES),
            )
        except RequestRefusedError as error:
            if self._is_about_the_key(error):
                raise
        except BackendError:
            if needed:
                raise
        return None

    def complete(
        self,
        messages: Sequence[tuple[str, str]],
        *,
        model: str,
        n: int,
        temperature: float,
        max_tokens: int,
        seed: int | None,
        logprobs: bool,
        top_p: float | None,
        top_k: int | None = None,
        label: str,
        tries: int | None = None,
    ) -> Reply:
        """Ask for `n` choices of one chat; there may come fewer, but never none.

        seed, top_p, top_k: None to send none; the last two go with drawn requests only, and
        top_k as vLLM has it beside OpenAI's fields. label: names the request in an error.
        tries: at most as many as the client has.
        Raises RequestRefusedError on a 4xx that trying again does not mend, BackendError
        when no try gave an answer.
        """
        body: dict[str, Any] = {
            "model": model,
            "messages": [{"role": role, "content": content} for role, content in messages],
            "temperature": temperature,
            "max_tokens": max_tokens,
        }
        if temperature > 0 and top_p is not None:
            body["top_p"] = top_p
        if temperature > 0 and top_k is not None:
            body["extra_body"] = {"top_k": top_k}
        if n > 1:
            body["n"] = n
        if seed is not None:
            body["seed"] = seed
        if logprobs:
            body["logprobs"] = True
        create = self._client.chat.completions.with_raw_response.create
        return self._ask(
            label,
            lambda: create(**body, extra_headers=self._headers),
            _reply,
            tries=min(tries or self._tries, self._tries),
        )

    def _ask(
        self,
        label: str,
        send: Callable[[], Any],
        read: Callable[[Any, Mapping[str, str]], Read],
        *,
        tries: int | None = None,
    ) -> Read:
        """Send until a reply can be read; see the head of this file."""
        import openai

        why, tries = "", tries or self._tries
        for attempt in range(tries):
            asked_s = None
            try:
                raw = send()
                return read(_parse(raw.http_response), raw.headers)
            except openai.APIStatusError as error:
                status = error.status_code
                why = f"HTTP {status}{self._words(error.response)}"
                if status < 500 and status not in (408, 429):
                    raise self._refusal(label, status, why) from None
                asked_s = _retry_after(error.response.headers.get("retry-after"))
                if asked_s is not None and asked_s > LONGEST_WAIT_S:
                    raise self._given_up(label, attempt + 1, f"{why}; it asks to wait "
                                         f"{asked_s:.0f} s") from None  # fmt: skip
            except openai.APITimeoutError:
                why = f"nothing came for {self._timeout_s:g} s (--timeout)"
            except openai.APIConnectionError as error:
                cause = error.__cause__
                why = f"the connection failed or broke ({type(cause or error).__name__})"
            except _UnusableError as error:
                why = str(error)
            if attempt + 1 < tries:
                self._wait(attempt, asked_s)
        raise self._given_up(label, tries, why)

    def _wait(self, attempt: int, asked_s: float | None) -> None:
        """Sleep as long as the server asked, and a random share of the doubled delay.

        The share decides no result, so it comes from no seed.
        """
        ceiling = min(LONGEST_BACKOFF_S, self._backoff_s * 2**attempt)
        time.sleep(ceiling * _CHANCE.random() + (asked_s or 0.0))

    def _given_up(self, label: str, tries: int, why: str) -> BackendError:
        return BackendError(
            f"{self.url}: no answer to {label} in {tries} tries; the last time: {why}. What "
            "was finished before is kept: see to the server, then run the same command again"
        )

    def _refusal(self, label: str, status: int, why: str) -> RequestRefusedError:
        if status in (401, 403):
            # Not in the server's own words: they may repeat a part of the key.
            held = "the key in the environment" if self._key else "requests without a key"
            return RequestRefusedError(
                f"{self.url}: HTTP {status}: the server refuses {held}: "
                f"set {' or '.join(KEYS)} to one that it takes"
            )
        return RequestRefusedError(f"{self.url}: the server refuses {label}: {why}")

    @staticmethod
    def _is_about_the_key(error: RequestRefusedError) -> bool:
        return any(f"HTTP {status}:" in str(error) for status in (401, 403))

    def _words(self, response: Any) -> str:
        """The server's explanation, shortened and without the key; empty where there is none."""
        try:
            text = " ".join(str(response.text).split())
        except Exception:  # a body that cannot be decoded explains nothing
            return ""
        text = "".join(char for char in text if char.isprintable())
        text = _without_key(text, self._key)
        return f": {text[:_SHOWN]}" if text else ""


def _without_key(text: str, key: str) -> str:
    """`text` with [key] for every word that holds a part of the key, or all of a short one."""
    size = min(_TELLING, len(key)) or len(text) + 1
    parts = {key[at : at + size] for at in range(len(key) - size + 1)}
    marked = list(text)
    for at in range(len(text) - size + 1):
        if text[at : at + size] in parts:
            marked[at : at + size] = "\0" * size
    return re.sub(r"[\w.*+/=~-]*\0[\w.*+/=~\0-]*", "[key]", "".join(marked))


def _parse(response: Any) -> Any:
    """The body as JSON, every text in it whole: half a surrogate pair becomes "?".

    No file and no terminal takes such a half, and JSON can spell it.
    """
    try:
        text = json.dumps(json.loads(response.content), ensure_ascii=False)
        return json.loads(text.encode("utf-8", "replace"))
    except (ValueError, RecursionError):  # so long a number or so deep a nest, too
        raise _UnusableError("the reply is no valid JSON") from None


def _models(data: Any, _: Mapping[str, str]) -> list[dict[str, Any]]:
    listed = data.get("data") if isinstance(data, dict) else None
    if not isinstance(listed, list):
        raise _UnusableError("the reply is no list of models")
    return [one for one in listed if isinstance(one, dict) and isinstance(one.get("id"), str)]


def _reply(data: Any, headers: Mapping[str, str]) -> Reply:
    choices = data.get("choices") if isinstance(data, dict) else None
    if not isinstance(choices, list) or not choices:
        raise _UnusableError("the reply holds no choices")
    if all(isinstance(one, dict) and isinstance(one.get("index"), int) for one in choices):
        choices = sorted(choices, key=lambda one: int(one["index"]))
    model = data.get("model")
    return Reply(
        choices=tuple(map(_choice, choices)),
        model=model if isinstance(model, str) else None,
        software=headers.get("server"),
    )


def _choice(data: Any) -> Choice:
    message = data.get("message") if isinstance(data, dict) else None
    if not isinstance(message, dict):
        raise _UnusableError("a choice holds no message")
    text = message.get("content") or message.get("refusal") or ""
    if not isinstance(text, str):
        raise _UnusableError("a message holds no text")
    reason = data.get("finish_reason")
    return Choice(
        text=text.strip(),
        logprobs=_logprobs(data.get("logprobs")),
        finish_reason=reason if isinstance(reason, str) and reason else "unknown",
    )


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


def _retry_after(header: str | None) -> float | None:
    """Seconds that a Retry-After header asks for: a number, or until a date (RFC 9110, 10.2.3)."""
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(header).timestamp() - time.time()
        except (TypeError, ValueError, OverflowError):
            return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None
