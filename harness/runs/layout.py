"""How run folders are named, and the files in them.

reports/<model>/<UTC time>-<plan hash>/
run.json  world.json  exposure.json  questions.jsonl  plan.jsonl    at the start
answers.jsonl                                                       shard by shard
verdicts.jsonl  summary.json  answers.parquet  report.*             at the end
"""

from __future__ import annotations

import re
from pathlib import Path

FORMAT = 3  # of the run folder; raised when old code could not read a new folder
NAMED = 2  # the format in which questions were known by their suite's name alone
UNSEALED = 1  # the format before files were sealed: read, but believed by no gate
RUN, PLAN, ANSWERS, VERDICTS = "run.json", "plan.jsonl", "answers.jsonl", "verdicts.jsonl"
QUESTIONS, WORLD, EXPOSURE, SUMMARY = (
    "questions.jsonl",
    "world.json",
    "exposure.json",
    "summary.json",
)
MARKDOWN, PAGE, TABLE = "report.md", "report.html", "answers.parquet"
REPORTS = (SUMMARY, MARKDOWN, PAGE, TABLE)  # made of the others, for people
LOCK = ".lock"
RUN_NAME = re.compile(r"^\d{8}T\d{6}Z-[0-9a-f]{12}(-\d+)?$")


def list_runs(out: Path) -> list[Path]:
    """All run folders under `out`, oldest first, also those that are damaged."""
    found = [path for path in out.glob("*/*") if RUN_NAME.match(path.name) and path.is_dir()]
    return sorted(found, key=lambda path: (path.name, path.parent.name))


def looks_like_run(path: Path) -> bool:
    """Whether a folder is a run's, be it damaged: by its name, or by something called run.json."""
    return path.is_dir() and (
        bool(RUN_NAME.match(path.name)) or (path / RUN).is_symlink() or (path / RUN).exists()
    )


def hash_in_name(path: Path) -> str | None:
    """The plan's hash in the name of a run folder; None where it was renamed."""
    name = path.resolve().name
    return name.split("-")[1] if RUN_NAME.match(name) else None


def slug(name: str) -> str:
    """A model's name as a folder name: no separators, no leading dots."""
    return re.sub(r"[^\w.@+-]+", "--", name).strip(".-") or "model"


def remedy(name: str) -> str:
    """What mends a file of this name that is damaged."""
    if name == VERDICTS:
        return "write it anew with 'bordor grade RUN'"
    if name in REPORTS:
        return "write it anew with 'bordor report RUN'"
    if name.startswith("review/"):
        return (
            "put it back as it was, or remove the folder review/, draw again with "
            "'bordor review RUN' and take the labelled files back again"
        )
    return "put it back as it was, or audit again: that starts a new run"
