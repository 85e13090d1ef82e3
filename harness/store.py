"""The run folder: made whole or not at all, appended by shards, resumed, finished once.

    reports/<model>/<UTC time>-<plan hash>/
        run.json  world.json  exposure.json  questions.jsonl  plan.jsonl    at the start
        answers.jsonl                                                       shard by shard
        verdicts.jsonl  summary.json  answers.parquet  report.*             at the end

A shard is the unit of resume: its answers are appended in one piece, and what a killed
process left of an unfinished shard is cut off before the next one is written.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, TypeVar

from harness.errors import StoreError
from harness.files import (
    atomic_file,
    make_folder,
    sync_folder,
    told_writing,
    write_json,
    write_text,
)
from harness.records import Answer, from_json, to_json

FORMAT = 1  # of the run folder; raised when old code could not read a new folder
RUN, PLAN, ANSWERS, VERDICTS = "run.json", "plan.jsonl", "answers.jsonl", "verdicts.jsonl"
QUESTIONS, WORLD, EXPOSURE, SUMMARY = (
    "questions.jsonl",
    "world.json",
    "exposure.json",
    "summary.json",
)
LOCK = ".lock"
_AHEAD = ".ahead-{:06d}.jsonl"  # a shard that was done before an earlier one
_ELSEWHERE = "name another place with --out"
_RUN_NAME = re.compile(r"^\d{8}T\d{6}Z-[0-9a-f]{12}(-\d+)?$")

Kind = TypeVar("Kind")


class RunFolder:
    """One run on disk. A writer holds its lock; readers need none.

    `with RunFolder.create(...) as run` or `with RunFolder.resume(...) as run` to write,
    `RunFolder.open(path)` to read.
    """

    def __init__(self, path: Path, lock: IO[str] | None = None) -> None:
        self.path = path
        self._lock = lock

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Finding and making

    @classmethod
    def create(
        cls,
        out: Path,
        *,
        model: str,
        plan_hash: str,
        files: Mapping[str, str],
        run: Mapping[str, Any],
    ) -> RunFolder:
        """Make `out/<model>/<UTC time>-<plan_hash>/` holding `files` and run.json, locked.

        The folder appears whole or not at all: it is filled under a hidden name first.
        Raises StoreError when `out` cannot be written.
        """
        parent = out / slug(model)
        hidden = parent / f".making-{plan_hash}-{os.getpid()}"
        try:
            make_folder(parent, remedy=_ELSEWHERE)
            with told_writing(parent, remedy=_ELSEWHERE):
                _sweep(parent, plan_hash)
                hidden.mkdir()
            lock = _take_lock(hidden)
            started = datetime.now(UTC)
            for name, text in files.items():
                write_text(hidden / name, text)
            write_text(hidden / ANSWERS, "")
            about = {"format": FORMAT, "started": started.isoformat(), "finished": None, **run}
            write_json(hidden / RUN, about)
            with told_writing(parent, remedy=_ELSEWHERE):
                path = _rename_to_free(hidden, parent, f"{started:%Y%m%dT%H%M%SZ}-{plan_hash}")
        except StoreError as error:
            raise StoreError(f"no run folder can be made: {error}") from None
        finally:
            shutil.rmtree(hidden, ignore_errors=True)  # gone already where all went well
        return cls(path, lock)

    @classmethod
    def find_unfinished(cls, out: Path, *, model: str, plan_hash: str) -> Path | None:
        """The newest unfinished run of this plan under `out`, or None."""
        parent = out / slug(model)
        found = [path for path in list_runs(out) if path.parent == parent]
        for path in reversed(found):
            same_plan = plan_hash in path.name.split("-")[1:2]
            if same_plan and not cls(path).finished:
                return path
        return None

    @classmethod
    def resume(cls, path: Path) -> RunFolder:
        """Open an unfinished run for writing.

        Raises StoreError when another process is writing it, or when it is finished.
        """
        run = cls.open(path).locked()
        if run.finished:
            run.close()
            raise StoreError(f"{path}: this run is finished; a new one starts with --fresh")
        return run

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Open a run for reading. Raises StoreError when `path` is no run folder."""
        if not (path / RUN).is_file():
            raise StoreError(
                f"{path}: no run folder (it has no {RUN}); 'bordor ls' lists the runs there are"
            )
        run = cls(path)
        if run.about().get("format") != FORMAT:
            raise StoreError(
                f"{path / RUN}: format {run.about().get('format')!r} is not {FORMAT}: "
                "the run was written by another version of bordor; audit again"
            )
        return run

    def locked(self) -> RunFolder:
        """Take the lock, clear away half-written files of killed processes, return itself.

        Raises StoreError when another process holds the lock.
        """
        self._lock = _take_lock(self.path)
        for pattern in (".*.tmp", ".*.part"):
            for left in self.path.glob(pattern):
                left.unlink(missing_ok=True)
        return self

    def close(self) -> None:
        """Give the lock back."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    # What the run is

    def about(self) -> dict[str, Any]:
        """What run.json says. Raises StoreError when it is damaged."""
        data = self.read_json(RUN)
        if not isinstance(data, dict):
            raise StoreError(f"{self.path / RUN}: damaged: no JSON object; {_remedy(RUN)}")
        return data

    @property
    def finished(self) -> bool:
        """Whether the run has ended and may not be written again, reports apart."""
        return self.about().get("finished") is not None

    def warn(self, sentences: Sequence[str]) -> None:
        """Add to the warnings in run.json; each stands there once."""
        about = self.about()
        known = about.get("warnings", [])
        new = [sentence for sentence in sentences if sentence not in known]
        if new:
            self.write_json(RUN, {**about, "warnings": [*known, *new]})

    def finalise(self, **results: Any) -> None:
        """Write in run.json that the run has ended, with `results` beside it."""
        finished = datetime.now(UTC).isoformat()
        self.write_json(RUN, {**self.about(), **results, "finished": finished})

    # Files

    def read_json(self, name: str) -> Any:
        """Read one JSON file. Raises StoreError when it is missing or damaged."""
        try:
            return json.loads((self.path / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise StoreError(f"{self.path / name}: no such file; {_remedy(name)}") from None
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise StoreError(f"{self.path / name}: damaged: {error}; {_remedy(name)}") from None

    def write_json(self, name: str, data: Any) -> None:
        """Write one JSON file, whole or not at all. Raises StoreError."""
        with told_writing(self.path / name):
            write_json(self.path / name, data)

    def read_records(self, name: str, kind: type[Kind]) -> Iterator[Kind]:
        """Yield the records of a JSONL file. Raises StoreError naming file and line."""
        path = self.path / name
        try:
            with path.open(encoding="utf-8") as lines:
                for number, line in enumerate(lines, start=1):
                    try:
                        yield from_json(kind, line)
                    except (TypeError, ValueError, KeyError) as error:
                        raise StoreError(
                            f"{path}:{number}: damaged record: {error}; {_remedy(name)}"
                        ) from None
        except UnicodeDecodeError as error:
            raise StoreError(f"{path}: damaged: {error}; {_remedy(name)}") from None
        except FileNotFoundError:
            raise StoreError(f"{path}: no such file; {_remedy(name)}") from None

    def write_records(self, name: str, records: Iterable[Any]) -> int:
        """Write a JSONL file record by record, whole or not at all; returns the count."""
        count = 0
        with told_writing(self.path / name), atomic_file(self.path / name) as file:
            for record in records:
                file.write(to_json(record) + "\n")
                count += 1
        return count

    # Answers, shard by shard

    def keep_whole_shards(self, expected: Sequence[Sequence[tuple[str, int]]]) -> int:
        """Cut answers.jsonl back to its last whole shard; returns how many shards it holds.

        expected: for each shard the (request id, sample) of its answers in order.
        Raises StoreError when the file holds answers that this plan does not have there.
        """
        path = self.path / ANSWERS
        whole, end_of_whole = 0, 0
        with path.open("rb") as file:
            for shard in expected:
                lines = [file.readline() for _ in shard]
                if not lines[-1].endswith(b"\n"):
                    break
                for line, key in zip(lines, shard, strict=True):
                    if _answer_key(line) != key:
                        raise StoreError(
                            f"{path}: shard {whole + 1} holds {_answer_key(line)} where the plan "
                            f"has {key}: the file is damaged; start anew with --fresh"
                        )
                whole, end_of_whole = whole + 1, file.tell()
        with path.open("r+b") as file:
            file.truncate(end_of_whole)
            file.flush()
            os.fsync(file.fileno())
        return whole

    def append_shard(self, answers: Sequence[Answer]) -> None:
        """Append the answers of one shard and bring them to the disk."""
        data = "".join(to_json(answer) + "\n" for answer in answers).encode()
        with told_writing(self.path / ANSWERS), (self.path / ANSWERS).open("ab") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def keep_ahead(self, at: int, answers: Sequence[Answer]) -> None:
        """Keep the answers of shard `at` until those before it are appended."""
        self.write_records(_AHEAD.format(at), answers)

    def take_ahead(self, at: int) -> list[Answer]:
        """The answers of shard `at` as kept ahead. Raises StoreError when they are damaged."""
        return list(self.read_records(_AHEAD.format(at), Answer))

    def drop_ahead(self, at: int) -> None:
        """Forget shard `at`, which is appended by now or is to be generated again."""
        (self.path / _AHEAD.format(at)).unlink(missing_ok=True)

    def shards_ahead(self) -> list[int]:
        """The numbers of the shards kept ahead, ascending."""
        found = self.path.glob(_AHEAD.partition("{")[0] + "*.jsonl")
        return sorted(int(path.name.split("-")[1].removesuffix(".jsonl")) for path in found)


def list_runs(out: Path) -> list[Path]:
    """All run folders under `out`, oldest first."""
    found = [path.parent for path in out.glob(f"*/*/{RUN}") if _RUN_NAME.match(path.parent.name)]
    return sorted(found, key=lambda path: (path.name, path.parent.name))


def slug(name: str) -> str:
    """A model's name as a folder name: no separators, no leading dots."""
    return re.sub(r"[^\w.@+-]+", "--", name).strip(".-") or "model"


def records_text(records: Iterable[Any]) -> str:
    """Records as the text of a JSONL file."""
    return "".join(to_json(record) + "\n" for record in records)


def _answer_key(line: bytes) -> tuple[str, int] | None:
    try:
        data = json.loads(line)
        return data["request_id"], data["sample"]
    except (ValueError, KeyError, TypeError):
        return None


def _take_lock(folder: Path) -> IO[str]:
    """Lock a run folder; the kernel gives the lock back however the process ends."""
    lock = (folder / LOCK).open("a+", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        owner = lock.read().strip() or "unknown"
        lock.close()
        raise StoreError(
            f"{folder}: another bordor (process {owner}) is writing this run: "
            "wait for it, stop it, or start a run of its own with --fresh"
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def _rename_to_free(hidden: Path, parent: Path, name: str) -> Path:
    for attempt in range(1, 1000):
        path = parent / (name if attempt == 1 else f"{name}-{attempt}")
        if not path.exists():
            hidden.rename(path)
            sync_folder(parent)
            return path
    raise StoreError(f"{parent / name}: a thousand runs started in one second; wait a moment")


def _sweep(parent: Path, plan_hash: str) -> None:
    """Remove what killed processes left of folders they were making."""
    for left in parent.glob(f".making-{plan_hash}-*"):
        try:
            _take_lock(left).close()
        except (StoreError, OSError):
            continue  # somebody is at work on it
        shutil.rmtree(left, ignore_errors=True)


def _remedy(name: str) -> str:
    if name == VERDICTS:
        return "write it anew with 'bordor grade RUN'"
    if name == SUMMARY:
        return "write it anew with 'bordor report RUN'"
    return "the run cannot be read; audit again"
