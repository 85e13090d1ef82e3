"""Where data and built things lie: in a clone, or installed as a wheel."""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
CLONE = PACKAGE.parent


def in_clone() -> bool:
    """Whether the package runs from a clone, where data lie beside it."""
    return (CLONE / "pyproject.toml").is_file() and (CLONE / "fixtures").is_dir()


def data_folder(name: str) -> Path:
    """The shipped folder `name`: "fixtures" or "suites"."""
    return CLONE / name if in_clone() else PACKAGE / "_data" / name


def home() -> Path:
    """Where built things go: $BORDOR_HOME, `fixtures/built/` in a clone, else the user's cache."""
    named = os.environ.get("BORDOR_HOME")
    if named:
        return Path(named).expanduser()
    if in_clone():
        return CLONE / "fixtures" / "built"
    from platformdirs import user_cache_path

    return user_cache_path("bordor")
