"""What a file may say where a name or a path is wanted: a hub id or a path, never an address.

A file comes from whoever made the adapter; what the user typed comes from the user. Only the
latter may lead to a server, which gets prompts and a key.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PureWindowsPath

from harness.core.errors import ModelError

_SCHEME = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]+:")  # one letter is a drive of Windows
_HUB_PART = r"[A-Za-z0-9_](?:[\w.-]*[A-Za-z0-9_])?"
_HUB_ID = re.compile(rf"{_HUB_PART}/{_HUB_PART}", re.ASCII)
_REVISION = re.compile(r"[A-Za-z0-9][\w./+-]*", re.ASCII)
_LONGEST_ID = 96  # characters, as the hub has it
_SHOWN = 100


def is_hub_id(text: str) -> bool:
    """Whether a text has the form "org/name" that the hub gives its repositories."""
    odd = "--" in text or ".." in text or text.endswith(".git")
    return len(text) <= _LONGEST_ID and not odd and bool(_HUB_ID.fullmatch(text))


def is_revision(text: str) -> bool:
    """Whether a text can name a branch, a tag or a commit on the hub."""
    return len(text) <= 255 and ".." not in text and bool(_REVISION.fullmatch(text))


def refuse_address(text: str, *, where: str) -> None:
    r"""Raise ModelError where a text that stood in a file is an address and no name or path.

    where: file and key, for the message. Refused are schemes (`openai:`, `http:`, `file:`,
    `s3:`), shares of a network (`\\host\share`, `//host`) and control characters.
    """
    short = repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in text):
        raise ModelError(f"{where}: {short} holds control characters")
    if _SCHEME.match(text) or text.strip().startswith(("//", "\\\\", "/\\", "\\/")):
        raise ModelError(
            f"{where}: {short} is an address, which a file may not name: only what you type "
            "yourself leads to a server. Name the base with --base"
        )


def refuse_revision(text: str, *, where: str) -> None:
    """Raise ModelError where a text from a file cannot be a revision on the hub."""
    if not is_revision(text):
        raise ModelError(f"{where}: {text[:_SHOWN]!r} is no revision (a branch, tag or commit)")


def last_name(path: str) -> str:
    """The last part of a path as POSIX or Windows writes it."""
    return PureWindowsPath(path).name if "\\" in path or path[1:2] == ":" else Path(path).name


def is_folder(path: Path) -> bool:
    """Whether `path` is a folder; a name that no disk can hold is none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):  # too long, or not to be looked into
        return False


def is_model_folder(path: Path) -> bool:
    """Whether `path` is a folder that holds a model: config.json and safetensors."""
    try:
        return (path / "config.json").is_file() and any(path.glob("*.safetensors"))
    except (OSError, ValueError):
        return False


def named_folder(base: str, adapter: Path) -> Path | None:
    """The folder with a model that an adapter's files name as its base, or None.

    Looked at: an absolute path; a relative one from where the command runs, in the adapter's
    folder and beside it. A relative one that climbs out of these by `..` is not followed,
    and `~` stands for nobody's home.
    """
    given = Path(base)
    if base.startswith("~"):
        return None
    if given.is_absolute():
        return given if is_model_folder(given) else None
    adapter = adapter.resolve()
    beside = adapter.parent
    for place in (Path.cwd() / given, adapter / given, beside / given):
        climbs = not Path(os.path.normpath(place)).is_relative_to(beside)
        if climbs and ".." in given.parts:
            continue
        if is_model_folder(place):
            return place
    return None
