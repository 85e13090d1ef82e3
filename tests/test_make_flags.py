"""The variables of `make` are the flags of the command; the lock holds what the tests need."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def yard(tmp_path_factory) -> Path:
    """A folder with the Makefile and a Python that says what it was asked."""
    folder = tmp_path_factory.mktemp("clone")
    (folder / ".venv" / "bin").mkdir(parents=True)
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        (folder / name).symlink_to(ROOT / name)
    python = folder / ".venv" / "bin" / "python"
    python.write_text('#!/bin/sh\nprintf "<%s>" "$@"\n')
    python.chmod(0o755)
    (folder / ".venv" / ".installed").touch()
    return folder


ASKED = [
    (("audit",), ""),
    (("audit", "AS_IS=1"), "<--as-is>"),
    (("audit", "AS_IS=yes"), "<--as-is>"),
    (("audit", "AS_IS=0"), ""),
    (("audit", "AS_IS=no"), ""),
    (("audit", "AS_IS="), ""),
    (("doctor", "AS_IS=0"), ""),
    (("audit", "CONCURRENCY=3", "TIMEOUT=9.5"), "<--concurrency><3><--timeout><9.5>"),
    (("audit", "EXECUTOR=ray", "ACTORS=2"), "<--executor><ray><--actors><2>"),
    (("audit", "MODEL=a b", "BASE=c d"), "<a b><--base><c d>"),
]


@pytest.mark.parametrize(("words", "flags"), ASKED, ids=lambda value: " ".join(value)[:40])
def test_make_passes_its_variables_on_as_flags(yard, words, flags):
    ours = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "AS_IS", "BASE", "CONCURRENCY", "TIMEOUT",
            "EXECUTOR", "ACTORS", "MODEL", "STORY", "RECIPE", "SEEDS", "LIMIT", "OUT")  # fmt: skip
    env = {name: value for name, value in os.environ.items() if name not in ours}
    done = subprocess.run(
        ["make", *words], cwd=yard, env=env, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"<-m><harness><{words[0]}>{flags}"


def test_what_the_tests_of_ray_and_of_servers_need_is_in_the_lock():
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    assert {"ray", "fastapi", "uvicorn"} <= {line.partition("==")[0] for line in lines}
