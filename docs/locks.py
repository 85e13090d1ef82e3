"""What is installed for whom: `requirements.lock` to audit, `requirements-dev.lock` to develop.

    python docs/locks.py          # splits what is installed here into the two files again

`make audit` installs the first alone: what `[project] dependencies` need, and what those need.
The second holds the rest: linters, tests, Ray, a server for the tests of servers. Each line is
pinned to the version that is installed where this runs. `tests/test_setup.py` fails where a
package stands in the wrong file, or in none.
"""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
RUN, DEV = ROOT / "requirements.lock", ROOT / "requirements-dev.lock"
DEV_EXTRAS = ("dev", "ray", "serving")
BUILD = ("hatchling", "editables")  # with which pip puts a clone into its environment
HEADS = {
    RUN: "# What `make audit` installs, pinned; made by docs/locks.py. torch bears no local tag,\n"
    "# so that a machine's own build (CPU or CUDA) fits; the CUDA libraries a CUDA build asks for\n"
    "# come with it and are not pinned here.\n",
    DEV: "# What developers need besides requirements.lock, pinned; made by docs/locks.py.\n",
}


def name_of(text: str) -> str:
    """A distribution's name in its normal form."""
    return re.sub(r"[-_.]+", "-", text).lower()


def closure(wanted: list[str]) -> set[str]:
    """The installed distributions that these requirements need, with all that those need."""
    found: set[str] = set()
    waiting = [Requirement(one) for one in wanted]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        one = waiting.pop()
        key = name_of(one.name), frozenset(one.extras)
        if key in seen:
            continue
        seen.add(key)
        try:
            needs = metadata.requires(one.name) or []
        except metadata.PackageNotFoundError:
            continue  # of another platform
        found.add(key[0])
        for text in needs:
            need = Requirement(text)
            extras = [{"extra": extra} for extra in one.extras] or [{"extra": ""}]
            if need.marker is None or any(need.marker.evaluate(extra) for extra in extras):
                waiting.append(need)
    return found


def groups() -> tuple[set[str], set[str]]:
    """Names of what auditing needs, and of what only developers need, of what is installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    run = closure([*project["dependencies"], *BUILD])
    extras = project["optional-dependencies"]
    return run, closure([one for name in DEV_EXTRAS for one in extras[name]]) - run


def lines_of(names: set[str]) -> str:
    """Pinned lines, sorted; torch without its local tag, which another machine may not have."""
    pins = {name: metadata.version(name).partition("+")[0] for name in names}
    return "".join(f"{name}=={pins[name]}\n" for name in sorted(pins))


if __name__ == "__main__":
    for path, names in zip((RUN, DEV), groups(), strict=True):
        path.write_text(HEADS[path] + lines_of(names), encoding="utf-8")
