"""Lines of a JSONL file and the checks of their fields: an error names file and line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from harness.errors import LabelError

Row = tuple[int, dict[str, Any]]


def read_rows(path: Path) -> Iterator[Row]:
    """Number and object of every line that is not blank. Raises LabelError."""
    try:
        data = path.read_bytes()
    except IsADirectoryError:
        raise LabelError(f"{path}: a folder, not a file; name the JSONL file itself") from None
    except OSError as error:
        raise LabelError(f"{path}: cannot be read: {error.strerror}; check the path") from None
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
        row = json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        wrong(path, line, f"not UTF-8 (byte {error.start + 1}); save the file as UTF-8")
    except (ValueError, RecursionError) as error:
        wrong(path, line, f"not JSON: {error}; one object a line is expected")
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
    try:
        found = tuple((int(span["start"]), int(span["end"])) for span in spans)
    except (TypeError, KeyError, ValueError):
        wrong(path, line, "field 'spans' needs objects with whole numbers 'start' and 'end'")
    if any(not 0 <= start <= end <= length for start, end in found):
        wrong(path, line, f"a span lies outside the response of {length} characters")
    return found
