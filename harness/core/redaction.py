"""Takes API keys out of text: of a server that sends them back, and of whatever is printed.

A key is looked for whole and in parts, in upper and lower case, with spaces or invisible
characters between, and as it looks percent-encoded, in base64 at any offset (as in
"Bearer KEY"), in hexadecimal, escaped for JSON or HTML, or backwards. A server that wants to
hide a key further can: this is for echoes, and where one is seen the report says so.
"""

from __future__ import annotations

import base64
import html
import json
import os
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote, unquote, urlsplit

REMOVED = "[API key removed]"
PART = 8  # characters of a key in a row that stand in no file
CLOSE_PART = 6  # and in no message, where there is no answer to keep whole
_SPACED = 16  # characters in a row, where there are spaces between: words would fit shorter ones
_SHORTEST = 4  # a key; shorter ones are in every text
_BASE64, _HEX, _PERCENT, _ESCAPED = 12, 16, 24, 48  # of encoded keys in a row: 8 or 9 of the key

# What people put where a key is asked for and none is needed: no secrets, but words.
PLACEHOLDERS = frozenset(
    "empty none null nil no nothing dummy fake test testing example placeholder changeme secret "
    "password key api-key apikey api_key your-api-key token token-here no-key no_key nokey "
    "not-needed not_needed unused ignored anything local localhost ollama vllm lm-studio lmstudio "
    "llama llamacpp llama.cpp llama-cpp openai bordor".split()
)
# Names in the environment whose values Bordor or its libraries send to somebody.
SECRET_NAMES = (
    "BORDOR_API_KEY", "OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_WEBHOOK_SECRET",
    "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN",
)  # fmt: skip
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_WORD = r"[\w.*+/=~%\\-]*"  # a key goes with the word around it
_BETWEEN = re.compile(r"[\s\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]")


class Redactor:
    """Replaces keys and their parts by `REMOVED`; may be used by many threads at once."""

    def __init__(self, keys: Iterable[str], *, part: int = PART) -> None:
        """part: so many characters of a key in a row are taken for it."""
        self._windows: dict[int, set[str]] = {}  # by length, in lower case
        self._spaced: dict[int, set[str]] = {}
        self._short: set[str] = set()
        for key in keys:
            if is_secret(key):
                self._learn(key, part)

    def __call__(self, text: str) -> str:
        """`text` without the keys; the same object where it holds none."""
        if not text or not (self._windows or self._short):
            return text
        lower = _lower(text)
        hidden = self._spans(lower, self._windows)
        if self._spaced and _BETWEEN.search(text):
            kept = [at for at, char in enumerate(lower) if not _BETWEEN.match(char)]
            squeezed = "".join(lower[at] for at in kept)
            hidden += [
                (kept[start], kept[end - 1] + 1)
                for start, end in self._spans(squeezed, self._spaced)
            ]
        for key in self._short:  # as a word of its own: it may be a part of others
            found = re.finditer(rf"(?<![^\W_]){re.escape(key)}(?![^\W_])", lower)
            hidden += [one.span() for one in found]
        if not hidden:
            return text
        marked = list(text)
        for start, end in hidden:
            marked[start:end] = "\0" * (end - start)
        return re.sub(rf"{_WORD}\0[\0\w.*+/=~%\\-]*", REMOVED, "".join(marked))

    def _learn(self, key: str, part: int) -> None:
        if len(key) < part:
            self._short.add(key.lower())
        else:
            self._add(self._windows, key, part)
            self._add(self._spaced, key, max(part, min(_SPACED, len(key))))
        for form, size in _encoded(key, part):
            if form.lower() != key.lower() and len(form) >= part:
                self._add(self._windows, form, size)

    @staticmethod
    def _add(windows: dict[int, set[str]], form: str, size: int) -> None:
        size, form = min(size, len(form)), form.lower()
        parts = {form[at : at + size] for at in range(len(form) - size + 1)}
        windows.setdefault(size, set()).update(parts)

    @staticmethod
    def _spans(text: str, windows: dict[int, set[str]]) -> list[tuple[int, int]]:
        return [
            (at, at + size)
            for size, parts in windows.items()
            for at in range(len(text) - size + 1)
            if text[at : at + size] in parts
        ]


def clean_data(data: Any, clean: Callable[[str], str]) -> Any:
    """Plain data with every text in it, keys of objects too, as `clean` gives it."""
    if isinstance(data, str):
        return clean(data)
    if isinstance(data, list):
        return [clean_data(one, clean) for one in data]
    if isinstance(data, dict):
        return {clean(str(key)): clean_data(value, clean) for key, value in data.items()}
    return data


def is_secret(key: str) -> bool:
    """Whether a key is one that nobody else has: neither a placeholder nor a few letters."""
    return len(key) >= _SHORTEST and key.lower() not in PLACEHOLDERS and len(set(key)) > 1


def environment_secrets() -> list[str]:
    """The keys in the environment, and the user and password of its proxies."""
    found = [os.environ.get(name, "").strip() for name in SECRET_NAMES]
    for name in (*_PROXIES, *map(str.lower, _PROXIES)):
        try:
            password = urlsplit(os.environ.get(name, "")).password
        except ValueError:  # no address
            password = None
        found += [unquote(password)] if password else []
    return [one for one in found if one]


def without_keys(text: str) -> str:
    """A message without the keys of the environment: the net under everything printed."""
    return Redactor(environment_secrets())(text)


def holds_key(text: str) -> bool:
    """Whether a key of the environment stands in what somebody typed."""
    return any(is_secret(key) and key.lower() in text.lower() for key in environment_secrets())


def _encoded(key: str, part: int) -> list[tuple[str, int]]:
    """The forms in which a key may travel, each with how much of it in a row is taken for it."""
    raw = key.encode()
    forms = [
        (quote(key, safe=""), part),
        (html.escape(key), part),
        (json.dumps(key)[1:-1], part),
        (json.dumps(key)[1:-1].replace("/", "\\/"), part),
        (key[::-1], part),
        (raw.hex(), _HEX),
        ("".join(f"%{byte:02x}" for byte in raw), _PERCENT),
        ("".join(f"\\u{byte:04x}" for byte in raw), _ESCAPED),
    ]
    for shift in range(3):  # a byte's place among three decides its four characters
        whole = (shift + len(raw)) // 3 * 4
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(b"\0" * shift + raw).decode()[(0, 2, 3)[shift] : whole]
            forms.append((text, _BASE64))
    return forms


def _lower(text: str) -> str:
    """`text` in lower case, every character in its place."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(one if len(one := char.lower()) == 1 else char for char in text)
