"""Requests to an OpenAI-compatible server that lose no answer: retries, and what to tell.

The `openai` library sends, through the transport of `guarded_http.py`. Its own retries are
switched off: they know neither bodies that are no JSON nor answers without choices, and vary a
delay by a quarter only, so that many workers which failed together would come back together.
Source of the full jitter: Brooker 2015, "Exponential Backoff And Jitter", AWS Architecture Blog.

All text of a server comes in here, and leaves without the key.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

from harness.backends.chat_reply import (
    Choice,
    ErrorReplyError,
    Reply,
    UnusableError,
    parse,
    read_models,
    read_reply,
    shorten,
    told_words,
)
from harness.core.errors import BackendError
from harness.core.redaction import CLOSE_PART, Redactor, clean_data, environment_secrets
from harness.models.served import KEYS, read_key

__all__ = ["ChatClient", "Choice", "Reply", "RequestFailedError", "RequestRefusedError"]

TIMEOUT_S = 120.0
TRIES = 7
BACKOFF_S = 0.5  # before the second try at most; doubles from try to try
LONGEST_BACKOFF_S = 30.0
LONGEST_WAIT_S = 300.0  # that a server may ask for in Retry-After
_UNNEEDED_TRIES = 2
_TELLING = 4  # characters of a key in a row that no message about the key shows
_OF_THE_KEY = (401, 403)
_TRIED_AGAIN = (408, 425, 429)  # of the 4xx
_CHANCE = random.SystemRandom()  # who failed together must not come back together

Read = TypeVar("Read")


class RequestFailedError(BackendError):
    """No try gave an answer. `status` and `words`: the server's own, the last time, if any."""

    def __init__(self, message: str, *, status: int | None = None, words: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.words = words


class RequestRefusedError(RequestFailedError):
    """The server will not answer a request of this kind, however often it is asked (4xx)."""


class ChatClient:
    """Speaks to one server; may be used by many threads at once.

    `echoes` counts the texts in which the server sent a key back.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = TIMEOUT_S,
        tries: int = TRIES,
        backoff_s: float | None = None,
    ) -> None:
        """timeout_s: for a whole reply, from the request to its last byte; tries: of one request.

        Raises UsageError for a key that no header can hold.
        """
        import httpx2
        from openai import OpenAI, omit

        from harness.backends.guarded_http import GuardedTransport

        self.url = url
        self.echoes = 0
        self._lock = threading.Lock()
        self._timeout_s = timeout_s
        self._tries = tries
        self._backoff_s = BACKOFF_S if backoff_s is None else backoff_s
        self._key = read_key()
        secrets = [self._key, *environment_secrets()]
        self._answers = Redactor(secrets)
        self._messages = Redactor(secrets, part=CLOSE_PART)
        self._about_keys = Redactor(secrets, part=_TELLING)
        # Without a key no header is sent: the library wants that said with every request.
        self._headers: dict[str, Any] = {} if self._key else {"Authorization": omit}
        if self._key:  # else the library takes one from OPENAI_CUSTOM_HEADERS
            self._headers["Authorization"] = f"Bearer {self._key}"
        transport = GuardedTransport(url, timeout_s=timeout_s)
        self.proxy = transport.proxy
        self._client = OpenAI(
            base_url=url,
            api_key=self._key or "none",
            admin_api_key="",  # else the library takes one from the environment
            timeout=timeout_s,
            max_retries=0,
            http_client=httpx2.Client(transport=transport, trust_env=False),
        )
        # Taken from the environment by the library, and nobody's affair but OpenAI's.
        self._client.organization = self._client.project = None

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @property
    def sends_key(self) -> bool:
        """Whether a key goes with the requests."""
        return bool(self._key)

    @property
    def encrypted(self) -> bool:
        """Whether nobody on the way can read the requests."""
        return urlsplit(self.url).scheme == "https"

    def clean(self, text: str) -> str:
        """A text of the server without keys; counted where there was one."""
        found = self._answers(text)
        if found is not text:
            with self._lock:
                self.echoes += 1
        return found

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
                self._models,
                tries=self._tries if needed else min(self._tries, _UNNEEDED_TRIES),
            )
        except RequestRefusedError as error:
            if error.status in _OF_THE_KEY:
                raise
        except BackendError:
            if needed:
                raise
        return None

    def _models(self, data: Any, headers: Mapping[str, str]) -> list[dict[str, Any]]:
        return [clean_data(one, self.clean) for one in read_models(data, headers, self.clean)]

    def complete(
        self,
        messages: Sequence[tuple[str, str]],
        *,
        model: str,
        n: int,
        temperature: float | None,
        max_tokens: int,
        seed: int | None,
        logprobs: bool,
        top_p: float | None,
        top_k: int | None = None,
        limit: str | None = "max_tokens",
        label: str,
        tries: int | None = None,
    ) -> Reply:
        """Ask for `n` choices of one chat; there may come fewer, but never none.

        temperature, seed, top_p, top_k: None to send none; top_k as vLLM has it beside OpenAI's
        fields. limit: the field in which max_tokens goes, None for none. label: names the
        request in an error. tries: at most as many as the client has.
        Raises RequestRefusedError on a 4xx that trying again does not mend, RequestFailedError
        when no try gave an answer.
        """
        body: dict[str, Any] = {
            "model": model,
            "messages": [{"role": role, "content": content} for role, content in messages],
        }
        given = {"temperature": temperature, "top_p": top_p, "seed": seed}
        body |= {name: value for name, value in given.items() if value is not None}
        if limit is not None:
            body[limit] = max_tokens
        if top_k is not None:
            body["extra_body"] = {"top_k": top_k}
        if n > 1:
            body["n"] = n
        if logprobs:
            body["logprobs"] = True
        create = self._client.chat.completions.with_raw_response.create
        return self._ask(
            label,
            lambda: create(**body, extra_headers=self._headers),
            partial(read_reply, clean=self.clean),
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

        tries = tries or self._tries
        for attempt in range(tries):
            status, words, asked_s, of_key = None, "", None, False
            try:
                raw = send()
                return read(parse(raw.http_response.content), raw.headers)
            except openai.APIStatusError as error:
                status, words = error.status_code, self._words(error.response, error.status_code)
                why = f"HTTP {status}{words and ': '}{words}"
                of_key = status in _OF_THE_KEY
                asked_s = _retry_after(error.response.headers.get("retry-after"))
            except ErrorReplyError as error:
                status, words = error.status, self._messages(str(error))
                why = f"HTTP 200 with an error in it{words and ': '}{words}"
            except openai.APITimeoutError:
                why = f"nothing came for {self._timeout_s:g} s (--timeout)"
            except openai.APIConnectionError as error:
                why = self._of_the_connection(error.__cause__ or error)
            except UnusableError as error:
                came = self._words(raw.http_response, 200)
                why = f"{error}{came and '; it holds: '}{came}"
            if status and 300 <= status < 500 and status not in _TRIED_AGAIN:
                raise self._refusal(label, status, why, words, of_key=of_key)
            if asked_s is not None and asked_s > LONGEST_WAIT_S:
                why += f"; it asks to wait {asked_s:.0f} s"
                raise self._given_up(label, attempt + 1, why, status, words)
            if attempt + 1 < tries:
                self._wait(attempt, asked_s)
        raise self._given_up(label, tries, why, status, words)

    def _of_the_connection(self, cause: BaseException) -> str:
        """Why no reply came whole. Raises BackendError where another try would not help."""
        from harness.backends.guarded_http import GuardError

        if not isinstance(cause, GuardError):
            return f"the connection failed or broke ({type(cause).__name__})"
        why = shorten(self._messages(str(cause)))
        if cause.final:
            raise BackendError(f"{self.url}: {why}") from None
        return why

    def _wait(self, attempt: int, asked_s: float | None) -> None:
        """Sleep as long as the server asked, and a random share of the doubled delay.

        The share decides no result, so it comes from no seed.
        """
        ceiling = min(LONGEST_BACKOFF_S, self._backoff_s * 2**attempt)
        time.sleep(ceiling * _CHANCE.random() + (asked_s or 0.0))

    def _given_up(
        self, label: str, tries: int, why: str, status: int | None, words: str
    ) -> RequestFailedError:
        return RequestFailedError(
            f"{self.url}: no answer to {label} in {tries} tries; the last time: {why}. What "
            "was finished before is kept: see to the server, then run the same command again",
            status=status,
            words=words,
        )

    def _refusal(
        self, label: str, status: int, why: str, words: str, *, of_key: bool
    ) -> RequestRefusedError:
        message = f"{self.url}: the server refuses {label}: {why}"
        if of_key:
            held = "the key in the environment" if self._key else "requests without a key"
            said = f"; it says: {words}" if words else ""
            message = (
                f"{self.url}: HTTP {status}: the server refuses {held}: "
                f"set {' or '.join(KEYS)} to one that it takes{said}"
            )
        return RequestRefusedError(message, status=status, words=words)

    def _words(self, response: Any, status: int) -> str:
        """The server's explanation, shortened and without the key; empty where there is none."""
        try:
            told = told_words(parse(response.content))
        except UnusableError:
            told = response.content[: 1 << 16].decode("utf-8", "replace")
        without = self._about_keys if status in _OF_THE_KEY else self._messages
        return shorten(without(told[: 1 << 16]))


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
