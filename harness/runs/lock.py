"""One writer at a time in a run folder, and folders that are made whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from pathlib import Path
from typing import IO

from harness.core.errors import StoreError
from harness.core.files import sync_folder, told_writing
from harness.runs.layout import LOCK


def take_lock(folder: Path) -> IO[str]:
    """Lock a run folder; the kernel gives the lock back however the process ends."""
    with told_writing(folder / LOCK):
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
    with contextlib.suppress(OSError):  # on a full disk the lock holds all the same
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
    return lock


def rename_to_free(hidden: Path, parent: Path, name: str) -> Path:
    """Give a folder its name, with a number where that is taken. Raises StoreError."""
    for attempt in range(1, 1000):
        path = parent / (name if attempt == 1 else f"{name}-{attempt}")
        if not path.exists():
            hidden.rename(path)
            sync_folder(parent)
            return path
    raise StoreError(f"{parent / name}: a thousand runs started in one second; wait a moment")


def sweep(parent: Path, plan_hash: str) -> None:
    """Remove what killed processes left of folders they were making."""
    for left in parent.glob(f".making-{plan_hash}-*"):
        try:
            take_lock(left).close()
        except (StoreError, OSError):
            continue  # somebody is at work on it
        shutil.rmtree(left, ignore_errors=True)
