"""Where data and built things lie: in a clone, or installed as a wheel."""

from __future__ import annotations

import os
from pathlib import Path

from harness.core.errors import UsageError

PACKAGE = Path(__file__).resolve().parents[1]
CLONE = PACKAGE.parent
DEFAULT_MODEL = "storylm-4m-4bit"  # of fixtures/models/: what is audited where none is named


def in_clone() -> bool:
    """Whether the package runs from a clone, where data lie beside it."""
    return (CLONE / "pyproject.toml").is_file() and (CLONE / "fixtures").is_dir()


def data_folder(name: str) -> Path:
    """The shipped folder `name`: "fixtures" or "suites"."""
    return CLONE / name if in_clone() else PACKAGE / "_data" / name


def expanded(path: str | Path) -> Path:
    """A path with its `~`; as it was typed where that is nobody's home."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def home() -> Path:
    """Where built things go: $BORDOR_HOME, `fixtures/built/` in a clone, else the user's cache.

    Raises UsageError for a home of nobody, in whose place a folder `~name` would be made.
    """
    named = os.environ.get("BORDOR_HOME")
    if named:
        folder = expanded(named)
        if str(folder).startswith("~"):
            raise UsageError(
                f"BORDOR_HOME: '{named}' is nobody's home: write the folder out, from / on"
            )
        return folder
    if in_clone():
        return CLONE / "fixtures" / "built"
    from platformdirs import user_cache_path

    return user_cache_path("bordor")
