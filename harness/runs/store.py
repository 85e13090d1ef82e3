"""The run folder: made whole or not at all, appended by shards, resumed, finished once.

A shard is the unit of resume: its answers are appended in one piece, and what a killed
process left of an unfinished shard is cut off before the next one is written.

Files are sealed: run.json holds the hash of every other one and its own (`seals`). What is
read is checked against it, and what does not fit is a DamageError that names the file.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, TypeVar

from harness.core.bounded import parse_json
from harness.core.errors import DamageError, StoreError
from harness.core.files import (
    MAX_LINE,
    Unreadable,
    atomic_file,
    make_folder,
    open_regular,
    read_bytes,
    read_lines,
    told_writing,
    write_text,
)
from harness.core.records import Answer, from_json, reader, to_json
from harness.core.seals import Seal, Sealer, canonical, check_about, digest_of, seal_of, sealed_text
from harness.runs.layout import (
    ANSWERS,
    FORMAT,
    NAMED,
    REPORTS,
    RUN,
    UNSEALED,
    VERDICTS,
    list_runs,
    looks_like_run,
    remedy,
    slug,
)
from harness.runs.lock import rename_to_free, sweep, take_lock

_AHEAD = ".ahead-{:06d}.jsonl"  # a shard that was done before an earlier one
_ELSEWHERE = "name another place with --out"
_AHEAD_NAME = re.compile(r"^\.ahead-(\d{6})\.jsonl$")

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
        started = datetime.now(UTC)
        seals = {name: sealed_text(text).to_data() for name, text in files.items()}
        about = {"format": FORMAT, "started": started.isoformat(), "finished": None, **run,
                 "files": seals, "verified_from": "audit"}  # fmt: skip
        try:
            make_folder(parent, remedy=_ELSEWHERE)
            with told_writing(parent, remedy=_ELSEWHERE):
                sweep(parent, plan_hash)
                hidden.mkdir()
            lock = take_lock(hidden)
            for name, text in files.items():
                write_text(hidden / name, text)
            write_text(hidden / ANSWERS, "")
            cls(hidden)._write_about(about)
            with told_writing(parent, remedy=_ELSEWHERE):
                path = rename_to_free(hidden, parent, f"{started:%Y%m%dT%H%M%SZ}-{plan_hash}")
        except StoreError as error:
            raise StoreError(f"no run folder can be made: {error}") from None
        finally:
            shutil.rmtree(hidden, ignore_errors=True)  # gone already where all went well
        return cls(path, lock)

    @classmethod
    def find_unfinished(
        cls,
        out: Path,
        *,
        model: str,
        plan_hash: str,
        passed_over: Callable[[str], object] = lambda sentence: None,
    ) -> list[Path]:
        """The unfinished runs of this plan under `out`, newest first.

        passed_over: told of every one that is damaged.
        """
        parent = out / slug(model)
        found = []
        for path in reversed(list_runs(out)):
            if path.parent != parent or plan_hash not in path.name.split("-")[1:2]:
                continue
            try:
                if not cls(path).finished:
                    found.append(path)
            except StoreError as error:
                passed_over(f"{path} is passed over: {error}")
        return found

    @classmethod
    def resume(cls, path: Path, *, files: Mapping[str, str] | None = None) -> RunFolder:
        """Open an unfinished run for writing.

        files: what those of the start must hold.
        Raises DamageError when they hold something else, StoreError when another process is
        writing the run, or when it is finished.
        """
        run = cls.open(path).locked()
        try:
            if run.finished:
                raise StoreError(f"{path}: this run is finished; a new one starts with --fresh")
            run._start_anew(files or {})
        except StoreError:
            run.close()
            raise
        return run

    def _start_anew(self, files: Mapping[str, str]) -> None:
        """Check the files of the start and forget the seals of the others."""
        seals = {name: sealed_text(text) for name, text in files.items()}
        for name, seal in seals.items():
            try:
                as_asked = seal_of(self.path / name) == seal
            except Unreadable as error:
                raise self.damaged(name, str(error)) from None
            if not as_asked:
                raise self.damaged(name, "not what this audit would ask")
        about = self.about()
        known = {} if self.sealed else {name: seal.to_data() for name, seal in seals.items()}
        for name, kept in about.get("files", {}).items():
            if name not in (ANSWERS, VERDICTS, *REPORTS):
                known[name] = kept
        self._write_about({"verified_from": "audit", **about, "format": FORMAT, "files": known})

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Open a run for reading. Raises StoreError when `path` is no run folder."""
        if not looks_like_run(path):
            raise StoreError(
                f"{path}: no run folder (it has no {RUN}); 'bordor ls' lists the runs there are"
            )
        run = cls(path)
        if run.about()["format"] not in (UNSEALED, NAMED, FORMAT):
            raise StoreError(
                f"{path / RUN}: format {run.about()['format']!r} is not {FORMAT}: "
                "the run was written by another version of bordor; audit again"
            )
        return run

    def locked(self) -> RunFolder:
        """Take the lock, clear away half-written files of killed processes, return itself.

        Raises StoreError when another process holds the lock.
        """
        self._lock = take_lock(self.path)
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
        """What run.json says. Raises DamageError when it is missing, damaged or was edited."""
        path = self.path / RUN
        try:
            data = parse_json(read_bytes(path))
            check_about(data)
        except ValueError as error:
            raise self.damaged(RUN, f"damaged: {error}") from None
        if data["format"] == UNSEALED and data.keys() & {"files", "digest"}:
            what = f"edited since bordor wrote it: no run of format {UNSEALED} has seals"
            raise self.damaged(RUN, what)
        if data["format"] != UNSEALED and data.get("digest") != digest_of(data):
            raise self.damaged(RUN, "edited since bordor wrote it: its digest is another")
        return data

    @property
    def finished(self) -> bool:
        """Whether the run has ended and may not be written again, reports apart."""
        return self.about().get("finished") is not None

    @property
    def sealed(self) -> bool:
        """Whether run.json says what the other files must hold."""
        return self.about()["format"] != UNSEALED

    def seals(self) -> dict[str, Seal]:
        """The seals of the files, by name; none where the run was written before there were."""
        return {name: Seal(**kept) for name, kept in self.about().get("files", {}).items()}

    def warn(self, sentences: Sequence[str]) -> None:
        """Add to the warnings in run.json; each stands there once."""
        known = self.about().get("warnings", [])
        new = [sentence for sentence in sentences if sentence not in known]
        if new:
            self.update(warnings=[*known, *new])

    def finalise(self, **results: Any) -> None:
        """Write in run.json that the run has ended, with `results` beside it."""
        unsealed = [name for name in (ANSWERS, VERDICTS) if name not in self.seals()]
        self.seal(*(name for name in unsealed if (self.path / name).is_file()))
        self.update(**results, finished=datetime.now(UTC).isoformat())

    def update(self, **changes: Any) -> None:
        """Write run.json anew with some keys changed. Raises StoreError."""
        self._write_about({**self.about(), **changes})

    def seal(self, *names: str) -> None:
        """Write into run.json what these files hold now. Raises DamageError for one unreadable."""
        self.update(files={**self.about().get("files", {}), **self.seals_of(*names)})

    def seals_of(self, *names: str) -> dict[str, dict[str, Any]]:
        """The seals of these files as they are now, as run.json holds them. DamageError."""
        found = {}
        for name in names:
            try:
                found[name] = seal_of(self.path / name).to_data()
            except Unreadable as error:
                raise self.damaged(name, str(error)) from None
        return found

    def _write_about(self, about: Mapping[str, Any]) -> None:
        data = {key: value for key, value in about.items() if key != "digest"}
        if data["format"] != UNSEALED:
            data["digest"] = digest_of(data)
        write_text(self.path / RUN, canonical(data, indent=1) + "\n", through=False)

    # Files

    def damaged(self, name: str, what: str, *, line: int | None = None) -> DamageError:
        """The error that says what is wrong with a file, and the way on."""
        where = f"{self.path / name}" + (f":{line}" if line else "")
        return DamageError(f"{where}: {what}; {remedy(name)}")

    def check(self, name: str, seal: Seal) -> None:
        """Raise DamageError where a file that holds `seal` does not hold what run.json says."""
        kept = self.seals().get(name)
        if kept is not None and kept != seal:
            raise self.damaged(name, kept.told(seal))

    def read_bytes(self, name: str) -> bytes:
        """A whole file, checked against its seal. Raises DamageError."""
        try:
            data = read_bytes(self.path / name)
        except Unreadable as error:
            raise self.damaged(name, str(error)) from None
        self.check(name, sealed_text(data))
        return data

    def read_json(self, name: str) -> Any:
        """Read one JSON file. Raises DamageError when it is missing, damaged or changed."""
        data = self.read_bytes(name)
        try:
            return parse_json(data)
        except ValueError as error:
            raise self.damaged(name, f"damaged: {error}") from None

    def read_record(self, name: str, kind: type[Kind]) -> Kind:
        """Read a JSON file that holds one record. Raises DamageError naming the key."""
        data = self.read_bytes(name)
        try:
            return from_json(kind, data)
        except ValueError as error:
            raise self.damaged(name, f"damaged: {error}") from None

    def write_json(self, name: str, data: Any) -> None:
        """Write one JSON file, whole or not at all, and seal it. Raises StoreError."""
        self.write_text(name, json.dumps(data, ensure_ascii=False, indent=2) + "\n")

    def write_text(self, name: str, text: str) -> None:
        """Write one text file, whole or not at all, and seal it. Raises StoreError."""
        with self._replacing(name) as write:
            write(text)

    def read_records(self, name: str, kind: type[Kind]) -> Iterator[Kind]:
        """Yield the records of a JSONL file. Raises DamageError naming file, line and key.

        Whether the file is the sealed one is known, and raised, after its last record.
        """
        read, sealer, number = reader(kind), Sealer(), 0
        try:
            for line in read_lines(self.path / name, seen=sealer.update):
                number += 1
                try:
                    record = read(line)
                except ValueError as error:
                    raise self.damaged(name, f"damaged record: {error}", line=number) from None
                yield record
        except Unreadable as error:
            raise self.damaged(name, str(error)) from None
        self.check(name, sealer.seal())

    def write_records(self, name: str, records: Iterable[Any]) -> int:
        """Write a JSONL file record by record, whole or not at all; returns the count.

        It is sealed, but for hidden files.
        """
        count = 0
        with self._replacing(name) as write:
            for record in records:
                write(to_json(record) + "\n")
                count += 1
        return count

    @contextlib.contextmanager
    def _replacing(self, name: str) -> Iterator[Callable[[str], None]]:
        """Write a file piece by piece; it takes its place when run.json holds its seal."""
        sealer = Sealer()

        def write(text: str) -> None:
            file.write(text)
            sealer.update(text.encode())

        # A full disk may have room for the file and none for run.json: then nothing changes.
        with atomic_file(
            self.path / name, through=False, first=lambda: self._keep_seal(name, sealer.seal())
        ) as file:
            yield write

    def _keep_seal(self, name: str, seal: Seal) -> None:
        if name.startswith(".") or not self.sealed:
            return
        files = self.about().get("files", {})
        if name == VERDICTS and files.get(name) != seal.to_data():
            files = {key: kept for key, kept in files.items() if key not in REPORTS}
        self.update(files={**files, name: seal.to_data()})

    # Answers, shard by shard

    def keep_whole_shards(self, expected: Sequence[Sequence[tuple[str, int]]]) -> int:
        """Cut answers.jsonl back to its last whole shard; returns how many shards it holds.

        expected: for each shard the (request id, sample) of its answers in order.
        Raises StoreError when the file holds answers that this plan does not have there.
        """
        path = self.path / ANSWERS
        whole, end_of_whole = 0, 0
        try:
            file = open_regular(path)
        except Unreadable as error:
            raise self.damaged(ANSWERS, str(error)) from None
        with file:
            for shard in expected:
                lines = [file.readline(MAX_LINE) for _ in shard]
                if not lines[-1].endswith(b"\n"):
                    break
                for line, key in zip(lines, shard, strict=True):
                    if _answer_key(line) != key:
                        held = f"shard {whole + 1} holds {_answer_key(line) or 'no answer'}"
                        raise self.damaged(ANSWERS, f"damaged: {held} where the plan has {key}")
                whole, end_of_whole = whole + 1, file.tell()
        with told_writing(path), path.open("r+b") as out:
            out.truncate(end_of_whole)
            out.flush()
            os.fsync(out.fileno())
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
        with contextlib.suppress(OSError):  # a folder of that name: it is in nobody's way
            (self.path / _AHEAD.format(at)).unlink(missing_ok=True)

    def shards_ahead(self) -> list[int]:
        """The numbers of the shards kept ahead, ascending."""
        found = map(_AHEAD_NAME.match, os.listdir(self.path))  # noqa: PTH208 - names, not paths
        return sorted(int(match[1]) for match in found if match)


def records_text(records: Iterable[Any]) -> str:
    """Records as the text of a JSONL file."""
    return "".join(to_json(record) + "\n" for record in records)


def _answer_key(line: bytes) -> tuple[str, int] | None:
    try:
        answer = from_json(Answer, line)
    except ValueError:
        return None
    return answer.request_id, answer.sample


def readable_runs(
    out: Path, passed_over: Callable[[str], object] = lambda sentence: None
) -> list[tuple[Path, dict[str, Any]]]:
    """The run folders under `out` with what their run.json says, newest first.

    passed_over: told of every one that is damaged.
    """
    found = []
    for path in reversed(list_runs(out)):
        try:
            found.append((path, RunFolder.open(path).about()))
        except StoreError as error:
            passed_over(f"{path} is passed over: {error}")
    return found
