"""Answers made elsewhere, read from a file: JSONL, or one JSON array.

One JSON object an answer: `question` and `answer`; optional `gold` (a text or a list of texts,
any of which is right), `model`, `split`, `cluster` (what the question is about; the question
itself where it is missing), `must_refuse` (true where nobody can know the answer), `id`.
Numbers are read as they are written; an `answer` that is null is an empty one. Other fields are
kept out. Files of other programs are refused by name (log_formats.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core.bounded import parse_json
from harness.core.errors import SpecError
from harness.core.files import Unreadable, read_bytes
from harness.grading.equivalence.reading import read
from harness.logs.formats import format_of, not_json

_PROMPT = re.compile(r"^\s*(?:Q(?:uestion)?|User|Human)\s?:\s*", re.IGNORECASE)
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, kw_only=True)
class Logged:
    """One answer of a log. `golds` is empty where none is given."""

    id: str
    question: str
    answer: str
    golds: tuple[str, ...] = ()
    model: str = ""
    split: str = ""
    cluster: str = ""
    must_refuse: bool = False


def rows_of(path: Path) -> Iterator[Logged]:
    """The answers of a file, in order. Raises SpecError naming file and line, or entry."""
    try:
        data = read_bytes(path)
    except Unreadable as error:
        raise SpecError(f"{path}: cannot be read: {error}") from None
    other = not_json(str(path), path.suffix.lower(), data[:8])
    if other:
        raise SpecError(f"{path}: {other}")
    yield from _entries(data.removeprefix(_BOM), path)


def _entries(data: bytes, path: Path) -> Iterator[Logged]:
    lines = [(n, raw) for n, raw in enumerate(data.split(b"\n"), 1) if raw.strip()]
    whole = _document(data) if lines and not isinstance(_document(lines[0][1]), dict) else None
    if isinstance(whole, list):
        for number, one in enumerate(whole, 1):
            yield _logged(one, f"{path}: entry {number}", path, number)
    elif isinstance(whole, dict):
        yield _logged(whole, str(path), path, 1)
    else:
        for number, raw in lines:
            yield _logged(_parsed(raw, f"{path}:{number}"), f"{path}:{number}", path, number)


def _document(data: bytes) -> Any:
    """A file as one JSON document; None where it is none."""
    try:
        return parse_json(data)
    except ValueError:
        return None


def _parsed(raw: bytes, where: str) -> Any:
    try:
        return parse_json(raw)
    except ValueError as error:
        if str(error).startswith("not UTF-8"):
            raise SpecError(f"{where}: not UTF-8; save the file as UTF-8") from None
        raise SpecError(f"{where}: no JSON object: {error}") from None


def _refuse_other(data: dict[str, Any], where: str, path: Path) -> None:
    found = format_of(data)
    if found is not None:
        raise SpecError(f"{where}: {found.refusal(str(path))}")


def _logged(data: Any, where: str, path: Path, number: int) -> Logged:
    if not isinstance(data, dict):
        raise SpecError(f"{where}: a JSON object is expected, not {type(data).__name__}")
    if "question" not in data or "answer" not in data:
        _refuse_other(data, where, path)
    question = _PROMPT.sub("", _text(data, "question", where, required=True)).strip()
    if not question:
        raise SpecError(f"{where}: 'question' is empty")
    return Logged(
        id=_text(data, "id", where) or str(number),
        question=question,
        answer=_answer(data, where),
        golds=_golds(data.get("gold"), where),
        model=_text(data, "model", where),
        split=_text(data, "split", where),
        cluster=_text(data, "cluster", where) or question,
        must_refuse=_flag(data.get("must_refuse"), where),
    )


def _answer(data: dict[str, Any], where: str) -> str:
    if "answer" in data and data["answer"] is None:
        return ""  # what a client writes where a server sent no text
    return _text(data, "answer", where, required=True)


def _text(data: dict[str, Any], key: str, where: str, *, required: bool = False) -> str:
    value = data.get(key)
    if value is None and not required:
        return ""
    if value is None:
        known = ", ".join(f"'{name[:40]}'" for name in sorted(data)[:8])
        what = "null" if key in data else f"missing; this line has {known or 'no fields'}"
        raise SpecError(f"{where}: '{key}' is {what}")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise SpecError(f"{where}: '{key}' is {_kind(value)}, a text is expected")
    # a lone surrogate, which JSON can hold and UTF-8 cannot, becomes U+FFFD
    return value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def _kind(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else type(value).__name__


def _golds(value: Any, where: str) -> tuple[str, ...]:
    golds = [] if value is None else value if isinstance(value, list) else [value]
    for gold in golds:
        if isinstance(gold, bool):
            word = "yes" if gold else "no"
            raise SpecError(
                f"{where}: 'gold' is {_kind(gold)}; write it as a text, like \"{word}\""
            )
        if not isinstance(gold, str | int | float):
            raise SpecError(f"{where}: 'gold' is neither a text or number nor a list of them")
    return tuple(text for text in map(str, golds) if read(text).words)


def _flag(value: Any, where: str) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    raise SpecError(f"{where}: 'must_refuse' is {value!r}; true or false is expected")
