"""Lines of a JSONL file and the checks of their fields: an error names file and line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from harness.core.bounded import parse_json
from harness.core.errors import LabelError
from harness.core.files import Unreadable, read_bytes

Row = tuple[int, dict[str, Any]]


def read_rows(path: Path) -> Iterator[Row]:
    """Number and object of every line that is not blank. Raises LabelError."""
    try:
        data = read_bytes(path)
    except Unreadable as error:
        raise LabelError(f"{path}: cannot be read: {error}; name the JSONL file itself") from None
    found = False
    for line, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not raw.strip():
            continue
        found = True
        yield line, _parsed(path, line, raw)
    if not found:
        raise LabelError(f"{path}: empty: no labelled answers; one JSON object a line is expected")


def _parsed(path: Path, line: int, raw: bytes) -> dict[str, Any]:
    try:
        row = parse_json(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        wrong(path, line, f"not UTF-8 (byte {error.start + 1}); save the file as UTF-8")
    except ValueError as error:
        told = str(error).removeprefix("not valid JSON: ")
        wrong(path, line, f"not JSON: {told}; one object a line is expected")
    if not isinstance(row, dict):
        wrong(path, line, f"a {type(row).__name__}, not an object with named fields")
    return row


def wrong(path: Path, line: int, what: str) -> NoReturn:
    """Raise LabelError for a line of a file."""
    raise LabelError(f"{path}:{line}: {what}")


def which(path: Path, rows: list[Row], choices: Sequence[Mapping[str, bool]]) -> Mapping[str, bool]:
    """Whichever of the label sets the first line's label is of."""
    line, row = rows[0]
    label = text_of(path, line, row, "label")
    fitting = [known for known in choices if label in known]
    if not fitting:
        _unknown(path, line, label, choices)
    return fitting[0]


def label_of(path: Path, line: int, row: Mapping[str, Any], known: Mapping[str, bool]) -> str:
    """The label of a line, one of `known`. Raises LabelError."""
    label = text_of(path, line, row, "label")
    if label not in known:
        _unknown(path, line, label, (known,))
    return label


def _unknown(path: Path, line: int, label: str, choices: Sequence[Mapping[str, bool]]) -> NoReturn:
    names = "; or ".join(", ".join(known) for known in choices)
    wrong(path, line, f"unknown label {label[:60]!r}; known here: {names}")


def text_of(path: Path, line: int, row: Mapping[str, Any], name: str) -> str:
    """A field that must be a text. Raises LabelError."""
    if name not in row:
        there = ", ".join(map(repr, row))[:200] or "no fields"
        wrong(path, line, f"field '{name}' is missing (there are: {there})")
    return _checked(path, line, row[name], f"field '{name}'")


def texts_of(path: Path, line: int, row: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """A text with words in it, or a list of texts of which one has. Raises LabelError."""
    value = row.get(name)
    if isinstance(value, list):
        found = tuple(_checked(path, line, one, f"an entry of '{name}'") for one in value)
    else:
        found = (text_of(path, line, row, name),)
    if not any(_has_words(text) for text in found):
        wrong(path, line, f"field '{name}' holds no words; at least one text is expected")
    return found


def words_of(path: Path, line: int, row: Mapping[str, Any], name: str) -> str:
    """A text with words in it. Raises LabelError."""
    found = text_of(path, line, row, name)
    if not _has_words(found):
        wrong(path, line, f"field '{name}' holds no words")
    return found


def _has_words(text: str) -> bool:
    return any(char.isalnum() for char in text)


def _checked(path: Path, line: int, value: Any, what: str) -> str:
    if not isinstance(value, str):
        wrong(path, line, f"{what} is {type(value).__name__}, a text is expected")
    if any("\ud800" <= char <= "\udfff" for char in value):
        wrong(path, line, f"{what} holds half of a surrogate pair: write the character in UTF-8")
    return value


def spans_of(
    path: Path, line: int, row: Mapping[str, Any], length: int
) -> tuple[tuple[int, int], ...] | None:
    """Field `spans` of a response of `length` characters; None where absent. LabelError."""
    if "spans" not in row:
        return None
    spans = row["spans"]
    if not isinstance(spans, list):
        wrong(path, line, f"field 'spans' is {_kind(spans)}, a list of spans is expected")
    return tuple(_span(path, line, span, number, length) for number, span in enumerate(spans, 1))


def _span(path: Path, line: int, span: Any, number: int, length: int) -> tuple[int, int]:
    """Start and end of the span of this number, counted from 1. Raises LabelError."""
    where = f"span {number}"
    if not isinstance(span, dict):
        wrong(path, line, f"{where} is {_kind(span)}, an object with 'start' and 'end' is expected")
    start, end = (_offset(path, line, span, name, where) for name in ("start", "end"))
    shown = f"{where}, [{_shown(start)}, {_shown(end)}),"
    if start > end:
        wrong(path, line, f"{shown} ends before it starts; give the smaller offset as 'start'")
    if start < 0 or end > length:
        wrong(path, line, f"{shown} lies outside the response of {length} characters; offsets are "
              "characters, counted from 0")  # fmt: skip
    return start, end


def _offset(path: Path, line: int, span: Mapping[str, Any], name: str, where: str) -> int:
    """A whole number of a span; 3.0 is one, as some exporters write it. Raises LabelError."""
    if name not in span:
        there = ", ".join(map(repr, span))[:200] or "no fields"
        wrong(path, line, f"{where} has no '{name}' (there are: {there})")
    value = span[name]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        wrong(path, line, f"'{name}' of {where} is {_kind(value)}, a whole number is expected")
    return value


def _shown(number: int) -> str:
    """A number for a message, whatever its length."""
    return str(number) if abs(number) < 10**18 else "over 18 digits"


def _kind(value: Any) -> str:
    """What a JSON value is, in words."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int | float):
        return "a number" if isinstance(value, int) else f"the number {value}"
    names: dict[type, str] = {str: "a text", list: "a list", dict: "an object"}
    return names.get(type(value), type(value).__name__)
