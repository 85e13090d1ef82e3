"""Files of answers that go to a person and come back labelled: CSV and JSONL.

The grader's verdict is in neither. Before what a spreadsheet would run as a formula stands an
apostrophe in CSV (`spreadsheet_text`); what comes back is read by `id`, `label` and
`note` alone, so that nothing else in the file has to survive a spreadsheet.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core.errors import LabelError
from harness.core.files import Unreadable, read_bytes
from harness.core.records import Verdict
from harness.report.clean import spreadsheet_text
from harness.validation.lines import read_rows, wrong

KINDS = ("csv", "jsonl")
COLUMNS = ("id", "suite", "question", "answer", "expected", "told", "label", "note")
NEEDED = ("id", "label")
BETWEEN = " | "  # told facts in one cell
DELIMITERS = ",;\t"
LONGEST_NOTE = 4000


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """One line for a person: `expected` is the right answer, or that it must be refused."""

    id: str
    suite: str
    question: str
    answer: str
    expected: str
    told: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ReadLabel:
    """One line that came back; `label` None where the person left it empty."""

    line: int
    id: str
    label: Verdict | None
    note: str


def sheet_text(sheets: Sequence[Sheet], kind: str) -> str:
    """The file as text: CSV for spreadsheets (with a byte order mark), or JSONL."""
    if kind == "jsonl":
        return "".join(
            json.dumps(_cells(one) | {"told": list(one.told)}, ensure_ascii=False) + "\n"
            for one in sheets
        )
    held = io.StringIO()
    writer = csv.DictWriter(held, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    for one in sheets:
        writer.writerow({key: spreadsheet_text(value) for key, value in _cells(one).items()})
    return "\ufeff" + held.getvalue()


def _cells(one: Sheet) -> dict[str, Any]:
    return {
        "id": one.id,
        "suite": one.suite,
        "question": one.question,
        "answer": one.answer,
        "expected": one.expected,
        "told": BETWEEN.join(one.told),
        "label": "",
        "note": "",
    }


def read_labelled(path: Path, known: Collection[str]) -> list[ReadLabel]:
    """The lines of a labelled file; `known` are the ids that were drawn.

    Raises LabelError naming file and line: wrong encoding, a missing column, an unknown id
    or label, one answer labelled in two ways, no label at all.
    """
    text = _text(path)  # whatever the file is called: a line of JSONL starts with a brace
    rows = read_rows(path) if text.lstrip().startswith("{") else _csv_rows(path, text)
    found: dict[str, ReadLabel] = {}
    for line, row in rows:
        one = _read(path, line, row, known)
        before = found.get(one.id)
        if before and before.label and one.label and before.label is not one.label:
            wrong(path, line, f"id {one.id!r} has label '{one.label}' here and '{before.label}' "
                  f"in line {before.line}; keep one of them")  # fmt: skip
        if before is None or before.label is None:
            found[one.id] = one
    if not any(one.label for one in found.values()):
        raise LabelError(
            f"{path}: no line has a label; write one of {', '.join(Verdict)} in column 'label'"
        )
    return list(found.values())


def _read(path: Path, line: int, row: Mapping[str, Any], known: Collection[str]) -> ReadLabel:
    cells = {}
    for name in (*NEEDED, "note"):
        if name not in row and name in NEEDED:
            there = ", ".join(map(str, row))[:200] or "none"
            wrong(path, line, f"column '{name}' is missing (there are: {there})")
        value = row.get(name)
        if value is not None and not isinstance(value, str):
            wrong(path, line, f"column '{name}' is {type(value).__name__}, a text is expected")
        cells[name] = (value or "").strip()
    if cells["id"] not in known:
        wrong(path, line, f"id {cells['id'][:60]!r} was not drawn from this run; take the file "
              "back to the run it was written from, and leave column 'id' as it is")  # fmt: skip
    label = "_".join(cells["label"].lower().replace("-", " ").split())
    if label and label not in set(Verdict):
        wrong(path, line, f"unknown label {cells['label'][:60]!r}; known: {', '.join(Verdict)}")
    if any("\ud800" <= char <= "\udfff" for char in cells["note"]):
        wrong(path, line, "column 'note' holds half of a surrogate pair")
    return ReadLabel(
        line=line,
        id=cells["id"],
        label=Verdict(label) if label else None,
        note=cells["note"][:LONGEST_NOTE],
    )


def _csv_rows(path: Path, text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Line and cells of each row of a CSV file, whatever delimiter a spreadsheet chose."""
    header = text.split("\n", 1)[0]
    delimiter = max(DELIMITERS, key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        for name in NEEDED:
            if name not in names:
                there = ", ".join(names)[:200] or "none"
                wrong(path, 1, f"column '{name}' is missing (there are: {there})")
        while True:
            line = reader.line_num + 1
            cells = next(reader, None)
            if cells is None:
                return
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) < len(names) and any(
                names[i] in NEEDED for i in range(len(cells), len(names))
            ):
                wrong(path, line, f"{len(cells)} cells, {len(names)} are expected: "
                      "the row is cut off")  # fmt: skip
            yield line, dict(zip(names, cells, strict=False))
    except csv.Error as error:
        wrong(path, reader.line_num, f"not CSV: {error}; save the file as CSV again")


def _text(path: Path) -> str:
    try:
        data = read_bytes(path)
    except Unreadable as error:
        raise LabelError(
            f"{path}: cannot be read: {error}; name the labelled file itself"
        ) from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        wrong(path, line, "not UTF-8; save the file as 'CSV UTF-8'")
