"""`make compare` and `make gate` for real: two tiny scripted runs through the Makefile."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.backends.scripted import ScriptedBackend
from harness.pipeline.audit import Opened, Settings, audit
from tests.stand_in import adapter_folder

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def yard(tmp_path_factory) -> Path:
    """A folder with the Makefile, this environment's Python, and two runs."""
    folder = tmp_path_factory.mktemp("a clone")
    bin_ = folder / ".venv" / "bin"
    bin_.mkdir(parents=True)
    (folder / "Makefile").symlink_to(ROOT / "Makefile")
    for name in ("requirements.lock", "requirements-dev.lock", "pyproject.toml"):
        (folder / name).symlink_to(ROOT / name)
    python = bin_ / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    (folder / ".venv" / ".installed").touch()  # newer than what it stands for
    for name, said in (
        ("honest", "Not able to answer."),
        ("liar", "The device was made of cheese."),
    ):
        adapter = adapter_folder(folder, name)
        backend = ScriptedBackend(lambda request, sample, said=said: said, name=name)
        settings = Settings(model=str(adapter), out=folder / "reports", limit=8, samples=1,
                            suites=("invented",), variants=("none",))  # fmt: skip
        audit(settings, open_backend=lambda *_, b=backend: Opened(backend=b, context=4096))
    (folder / "policy.toml").write_text(
        'title = "Test"\n[[rule]]\nid = "one"\nmetric = "hallucination"\nmargin = 0.05\n'
        "min_clusters = 2\n"
    )
    return folder


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    kept |= {"PYTHONPATH": str(ROOT)}
    return subprocess.run(["make", *words], cwd=folder, env=kept, capture_output=True, text=True,
                          timeout=120)  # fmt: skip


def test_make_compare_compares_and_make_gate_prints_the_exit_code(yard):
    done = make(yard, "compare", "A=honest/2", "B=liar/2")
    assert done.returncode == 0, done.stderr
    assert "hallucinates more" in done.stderr + done.stdout
    same = make(yard, "gate", "BASELINE=honest/2", "MODEL=honest/2",
                "POLICY=policy.toml")  # fmt: skip
    assert same.returncode == 0, same.stderr
    assert "bordor: exit code 0" in same.stderr
    worse = make(yard, "gate", "BASELINE=honest/2", "MODEL=liar/2",
                 "POLICY=policy.toml")  # fmt: skip
    assert worse.returncode == 2
    assert "bordor: exit code 100" in worse.stderr
