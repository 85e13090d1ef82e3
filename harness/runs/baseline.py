"""The pinned baseline: which run a gate compares with when none is named.

A small file in the folder of the runs, `baseline.json`, that can be committed.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.core.errors import DamageError, StoreError, UsageError
from harness.core.files import Unreadable, make_folder, named, read_object, write_json
from harness.runs.layout import ANSWERS
from harness.runs.pairing import read_pairable
from harness.runs.store import RunFolder

FILE = "baseline.json"
_MEND = "remove it and pin a run with 'bordor baseline set RUN'"


def pin(run: Path, out: Path) -> dict[str, Any]:
    """Make `run` the baseline of the folder `out`; returns what was written.

    Raises PairingError or StoreError when it is no run that can be compared.
    """
    audit = read_pairable(run)
    data = {
        "run": os.path.relpath(run.resolve(), out.resolve()),
        "model": audit.about.get("model"),
        "story": audit.about.get("story"),
        "grader": audit.grader,
        **_bound(audit.about),
    }
    make_folder(out)
    write_json(out / FILE, data)
    return data


def pinned(out: Path) -> Path:
    """The run folder of the pinned baseline.

    Raises UsageError when none is pinned, StoreError when its run is gone, or another one lies
    there now, or the file is damaged.
    """
    data = read_pin(out)
    path = out / data["run"]
    if not path.is_dir():
        raise StoreError(
            f"{out / FILE}: the baseline {path} is gone; pin another with 'bordor baseline set RUN'"
        )
    with contextlib.suppress(DamageError):  # of a damaged run the gate says what is wrong
        try:
            now = _bound(RunFolder.open(path).about())
        except DamageError:
            raise
        except StoreError as error:
            raise StoreError(f"{out / FILE}: {error}; {_MEND}") from None
        other = [name for name in now if name in data and data[name] != now[name]]
        if other:
            raise StoreError(
                f"{out / FILE}: {path} is not the run that was pinned: {', '.join(other)} "
                "differ; put that run back, or pin this one with 'bordor baseline set RUN'"
            )
    return path


def _bound(about: Mapping[str, Any]) -> dict[str, Any]:
    """What stays the same of a run that is graded or reported on again."""
    return {
        "plan": about.get("plan", {}).get("hash"),
        "finished": about.get("finished"),
        "answers": about.get("files", {}).get(ANSWERS, {}).get("sha256"),
    }


def read_pin(out: Path) -> dict[str, Any]:
    """What baseline.json says. Raises UsageError without one, StoreError when it is damaged."""
    path = out / FILE
    try:
        data = read_object(path)
    except Unreadable as error:
        if error.missing:
            raise UsageError(
                f"no baseline is pinned in {out}: name one (BASELINE=...), "
                "or pin it with 'bordor baseline set RUN'"
            ) from None
        raise StoreError(f"{path}: damaged: {error}; {_MEND}") from None
    if not isinstance(data.get("run"), str) or "\0" in data["run"]:
        raise StoreError(f"{path}: damaged: 'run' is {named(data.get('run'))}, no path; {_MEND}")
    return data
