"""Files of any origin, read and written the one way: regular, bounded, whole, told in one line.

Reading never blocks on a pipe, never takes a folder for a file and never takes more than it
was told to; what is wrong is an `Unreadable`, to which callers add the path and an error of
their own. Writing puts a whole file in place or leaves what was there, and tells a full disk,
a folder that may not be written or an impossible path as a StoreError with the way on.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO

from harness.core.bounded import MAX_BYTES, parse_json, parse_toml
from harness.core.errors import StoreError

MAX_LINE = 1 << 26  # bytes of one line of JSONL: the longest answers are far below a MiB
_PIECE = 1 << 20  # bytes read at a time
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_count = itertools.count()  # tells apart the hidden files of one process


class Unreadable(ValueError):
    """What is wrong with a file, in one line and without its path."""

    def __init__(self, what: str, *, missing: bool = False) -> None:
        super().__init__(what)
        self.missing = missing  # there is no such file


# Reading


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading bytes. Raises Unreadable, also for folders and pipes."""
    try:
        # Not blocking: the plain open of a pipe waits until somebody writes into it.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        dangling = os.path.islink(path)  # noqa: PTH114 - Path.is_symlink raises on odd paths
        what = "a link to a file that is not there" if dangling else "no such file"
        raise Unreadable(what, missing=True) from None
    except OSError as error:  # of a socket, too many links in a circle, a name too long
        raise Unreadable(f"cannot be read: {error.strerror}") from None
    except ValueError:  # a null byte
        raise Unreadable("no such file: the name holds a null character", missing=True) from None
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        kind = next((name for test, name in _KINDS if test(mode)), "something else")
        raise Unreadable(f"{kind}, not a file")
    return os.fdopen(handle, "rb")


def read_bytes(path: Path, *, most: int = MAX_BYTES) -> bytes:
    """All bytes of a regular file. Raises Unreadable, also for more than `most` of them."""
    with open_regular(path) as file, _readable():
        data = file.read(most + 1)
    if len(data) > most:
        raise Unreadable(f"longer than {most:,} bytes")
    return data


def read_text(path: Path, *, most: int = MAX_BYTES) -> str:
    """A regular file as UTF-8 text. Raises Unreadable."""
    try:
        return read_bytes(path, most=most).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable(f"not UTF-8 text: byte {error.start + 1}: {error.reason}") from None


def read_json(path: Path, *, most: int = MAX_BYTES) -> Any:
    """A file of one JSON document, within the limits of `bounded`. Raises Unreadable."""
    try:
        return parse_json(read_bytes(path, most=most))
    except Unreadable:
        raise
    except ValueError as error:
        raise Unreadable(str(error)) from None


def read_object(path: Path, *, most: int = MAX_BYTES) -> dict[str, Any]:
    """A file of one JSON object. Raises Unreadable."""
    data = read_json(path, most=most)
    if not isinstance(data, dict):
        raise Unreadable(f"holds {named(data)}, not an object with named fields")
    return data


def read_toml(path: Path, *, most: int = MAX_BYTES) -> dict[str, Any]:
    """A TOML file, within the limits of `bounded`. Raises Unreadable."""
    text = read_text(path, most=most)
    try:
        return parse_toml(text)
    except ValueError as error:
        raise Unreadable(str(error)) from None


def read_lines(
    path: Path, *, longest: int = MAX_LINE, seen: Callable[[bytes], object] | None = None
) -> Iterator[bytes]:
    """The lines of a regular file one by one, without their ends. Raises Unreadable.

    seen: given every byte of the file, piece by piece, as it is read.
    """
    with open_regular(path) as file, _readable():
        number, rest = 1, b""
        while piece := file.read(_PIECE):
            if seen:
                seen(piece)
            could_be_long = len(rest) + len(piece) > longest
            *lines, rest = (rest + piece).split(b"\n")
            if could_be_long:
                for at, line in enumerate((*lines, rest)):
                    if len(line) > longest:
                        raise Unreadable(f"line {number + at} is longer than {longest:,} bytes")
            yield from lines
            number += len(lines)
        if rest:
            yield rest


def named(value: Any) -> str:
    """What kind of JSON value this is, in words."""
    if value is None:
        return "null"
    kinds = {bool: "true or false", int: "a number", float: "a number", str: "a text",
             list: "a list", dict: "an object"}  # fmt: skip
    return kinds.get(type(value), type(value).__name__)


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except OSError as error:  # a disk that fails, a share that went away
        raise Unreadable(f"cannot be read: {error.strerror or error}") from None


# Writing


@contextlib.contextmanager
def told_writing(path: Path, *, remedy: str | None = None) -> Iterator[None]:
    """Tell what stops a file or folder from being written as a StoreError with the way on.

    remedy: the way on, where another than that of the cause is right.
    """
    if "\0" in str(path):
        raise StoreError(f"{path}: cannot be written: a null character; name another file")
    try:
        yield
    except OSError as error:
        raise StoreError(_unwritable(path, error, remedy)) from error


def make_folder(path: Path, *, remedy: str | None = None) -> None:
    """Make a folder and those above it, where they are not there. Raises StoreError."""
    with told_writing(path, remedy=remedy):
        path.mkdir(parents=True, exist_ok=True)


@contextlib.contextmanager
def atomic_file(
    path: Path, *, through: bool = True, first: Callable[[], object] | None = None
) -> Iterator[IO[str]]:
    """A text file that takes the place of `path` when the block ends without an error.

    A device or a pipe (`/dev/stdout`, a shell's `>(…)`) is written to, not replaced,
    unless `through` is False: where nobody but Bordor writes.
    first: done when the new text is on the disk and nothing is replaced yet.
    Raises StoreError where it cannot be written; what was there stays.
    """
    with told_writing(path):
        special = _special(path) if through else None
        if special is not None:
            with special:
                yield special
            return
        hidden = path.with_name(f".{path.name[:40]}.{os.getpid()}-{next(_count)}.tmp")
        try:
            with hidden.open("w", encoding="utf-8", newline="\n") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if first:
                first()
            hidden.replace(path)
        finally:
            with contextlib.suppress(OSError):
                hidden.unlink(missing_ok=True)
        sync_folder(path.parent)


def write_text(path: Path, text: str, *, through: bool = True) -> None:
    """Write `path`, whole or not at all. Raises StoreError. through: as for `atomic_file`."""
    with atomic_file(path, through=through) as file:
        file.write(text)


def write_json(path: Path, data: Any) -> None:
    """Write `data` as JSON for people: indented, keys in the given order. Raises StoreError."""
    write_text(path, json.dumps(data, ensure_ascii=False, indent=2) + "\n")


def append_text(path: Path, text: str) -> None:
    """Append to a file, which is made where it is not there. Raises StoreError."""
    with told_writing(path):
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
        with os.fdopen(os.open(path, flags, 0o666), "a", encoding="utf-8") as file:
            file.write(text)


def sync_folder(folder: Path) -> None:
    """Bring a rename to the disk. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _special(path: Path) -> IO[str] | None:
    """`path` open for writing where it is a device or a pipe; None for any other."""
    mode = path.stat().st_mode if path.exists() else stat.S_IFREG
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not (stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)):
        return None
    handle = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # no reader: an error
    os.set_blocking(handle, True)
    return os.fdopen(handle, "w", encoding="utf-8", newline="\n")


def _unwritable(path: Path, error: OSError, remedy: str | None) -> str:
    number, why = error.errno, error.strerror or str(error)
    if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        way = "what was there stays: make room, then run the same command again"
    elif number in (errno.ENAMETOOLONG, errno.EISDIR):
        way = "name another file"
    else:
        way = "name another place, or make this one writable"
    shown = str(path) if len(str(path)) <= 300 else f"{str(path)[:300]}…"
    return f"{shown}: cannot be written: {why}; {remedy or way}"
