"""The recipes of CONTRIBUTING.md, followed in a folder outside the clone."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^```\w+ file=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """The files of the recipes, and what they have pip install."""
    folder = tmp_path_factory.mktemp("outside")
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for name, content in BLOCK.findall(text):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    for package in re.findall(r"^pip install \./(\w+)$", text, re.MULTILINE):
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index",
             "--no-build-isolation", "--target", folder / "installed", folder / package],
            check=True, capture_output=True,
        )  # fmt: skip
    return folder


def bordor(place: Path, *words: str) -> str:
    paths = os.pathsep.join([str(ROOT), str(place / "installed")])
    done = subprocess.run(
        [sys.executable, "-m", "harness", *words], cwd=place, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": paths, "BORDOR_HOME": str(place / "home")}, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return " ".join(done.stdout.split())


def test_a_suite_is_one_file(place):
    shown = bordor(place, "suites", "--suite-path", "suite")
    assert "article_names 2 1" in shown and "every gold answer passes" in shown
    assert sorted(path.name for path in (place / "suite").iterdir()) == ["article_names.toml"]


def test_a_grader_and_a_backend_are_two_files_each_and_an_audit_takes_all_three(place):
    assert "strict strict@1 bordor-strict 1.0" in bordor(place, "graders")
    suite = (place / "suite" / "article_names.toml").read_text(encoding="utf-8")
    (place / "strict").mkdir()
    strict = suite.replace("article_names", "strict_names")
    (place / "strict" / "strict_names.toml").write_text('grader = "strict"\n' + strict)
    shown = bordor(
        place, "audit", "parrot:green", "--limit", "2", "--samples", "1", "--variants", "none",
        "--suite-path", "strict", "--suites", "strict_names,in_domain", "--out", "runs",
    )  # fmt: skip
    assert "strict_names" in shown and "world@" in shown and "strict@1" in shown
    (run,) = (place / "runs").glob("parrot-green/*")
    verdicts = (run / "verdicts.jsonl").read_text(encoding="utf-8")
    assert verdicts.count('"strict@1"') == 4 + 2  # two questions: greedy, drawn, noise floor
    assert bordor(place, "verify", str(run)).endswith("whole")
    for recipe in ("grader", "backend"):
        assert len([path for path in (place / recipe).iterdir() if path.is_file()]) == 2
