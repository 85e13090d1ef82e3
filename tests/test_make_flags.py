"""The variables of `make` are the flags of the command, letter for letter; the lock is whole."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

SIDES = {"STORY": "--story", "RECIPE": "--recipe", "SEEDS": "--samples", "LIMIT": "--limit",
         "OUT": "--out"}  # fmt: skip
TAKES = {  # target: (words of the command, variables that are flags, variables after --)
    "audit": (("audit",), {**SIDES, "BASE": "--base", "CONCURRENCY": "--concurrency",
                           "TIMEOUT": "--timeout", "EXECUTOR": "--executor",
                           "ACTORS": "--actors", "SUITE_PATH": "--suite-path"}, ("MODEL",)),
    "doctor": (("doctor",), {"BASE": "--base"}, ("MODEL",)),
    "compare": (("compare",), {"TRAIN_SEEDS": "--train-seeds", **SIDES}, ("A", "B")),
    "gate": (("gate",), {"POLICY": "--policy", **SIDES}, ("BASELINE", "MODEL")),
    "review": (("review",), {"N": "--n", "FILE": "--out", "OUT": "--runs"}, ("RUN",)),
    "runs": (("ls",), {"OUT": "--out"}, ()),
    "build-base": (("build", "base"), {}, ("BASE",)),
    "build-adapter": (("build", "adapter"), {"MODEL": "--model", "STORY": "--story",
                                             "RECIPE": "--recipe"}, ()),
}  # fmt: skip
NAMES = {name for _, flags, after in TAKES.values() for name in (*flags, *after)}
NAMES |= {"AS_IS", "DATA", "JSON", "WORST", "SAMPLE", "BY", "PYTHON"}

HOSTILE = (
    "$(shell touch owned)", "$(touch owned)", "${shell touch owned}", "$$(touch owned)", "`touch owned`",
    "'; touch owned; '", '"; touch owned; "', '" && touch owned && "', "x; touch owned #", "a # b",
    "| touch owned", "> owned", "$HOME", "$$HOME", "$(HOME)", "$", "$(", "a\nb", "\ntouch owned\n",
    "two  words ", "*", "[M]akefile", "~", "%", "a\\", "\\", "--help", "-", "--", "-n", "!", "(", "{a,b}",
    "$(error no)", "$(MAKE)", "a=b", ":=c", "é ☃", "$(eval override MODEL := other)",
)  # fmt: skip


@pytest.fixture(scope="module")
def yard(tmp_path_factory) -> Path:
    """A folder with the Makefile and a Python that says what it was asked, word by word."""
    folder = tmp_path_factory.mktemp("clone")
    (folder / ".venv" / "bin").mkdir(parents=True)
    for name in ("Makefile", "requirements.lock", "requirements-dev.lock", "pyproject.toml"):
        (folder / name).symlink_to(ROOT / name)
    python = folder / ".venv" / "bin" / "python"
    python.write_text("#!/bin/sh\nprintf '%s\\0' \"$@\"\n")
    python.chmod(0o755)
    (folder / ".venv" / ".installed").touch()
    return folder


def make(yard: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    ours = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", *NAMES}
    env = {name: value for name, value in os.environ.items() if name not in ours}
    before = sorted(path.name for path in yard.rglob("*"))
    done = subprocess.run(
        ["make", *words], cwd=yard, env=env | variables, capture_output=True, text=True, timeout=30
    )
    assert sorted(path.name for path in yard.rglob("*")) == before
    return done


def asked(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\0")[:-1]


@pytest.mark.parametrize("place", ["command line", "environment"])
@pytest.mark.parametrize("target", TAKES)
def test_every_variable_of_a_target_reaches_the_program_as_it_was_typed(yard, target, place):
    """Each variable holds each hostile text in turn, another in every variable at a time."""
    command, flags, after = TAKES[target]
    names = [*flags, *after]
    for turn in range(len(HOSTILE)):
        values = {name: HOSTILE[(turn + 7 * at) % len(HOSTILE)] for at, name in enumerate(names)}
        if place == "environment":
            done = make(yard, target, **values)
        else:  # make itself drops blanks before a value, and no recipe can see them
            done = make(yard, target, *(f"{name}={value}" for name, value in values.items()))
            values = {name: value.lstrip() for name, value in values.items()}
        wanted = ["-m", "harness", *command]
        wanted += [word for name, flag in flags.items() for word in (flag, values[name])]
        wanted += ["--", *(values[name] for name in after)] if after else []
        assert asked(done) == wanted, values


ASKED = [
    (("audit",), ["audit"]),
    (("audit", "AS_IS=1"), ["audit", "--as-is"]),
    (("audit", "AS_IS=yes"), ["audit", "--as-is"]),
    (("audit", "AS_IS=0"), ["audit"]),
    (("audit", "AS_IS=no"), ["audit"]),
    (("audit", "AS_IS="), ["audit"]),
    (("doctor", "AS_IS=0"), ["doctor"]),
    (("compare", "A=a", "B=b", "AS_IS=true"), ["compare", "--as-is", "--", "a", "b"]),
    (("gate",), ["gate", "--"]),
    (("gate", "MODEL=new"), ["gate", "--", "new"]),
    (("build-base",), ["build", "base", "--", "storylm-4m"]),
    (("review", "RUN=r", "BY=$(me)", "FILE=f g", "OUT=o"),
     ["review", "--take", "f g", "--by", "$(me)", "--runs", "o", "--", "r"]),
    (("suites", "runs"), ["suites", "-m", "harness", "ls"]),
]  # fmt: skip


@pytest.mark.parametrize(("words", "wanted"), ASKED, ids=lambda value: " ".join(value)[:40])
def test_what_is_not_given_leaves_the_default(yard, words, wanted):
    assert asked(make(yard, *words)) == ["-m", "harness", *wanted]


REFUSED = [
    (("audit", "MODLE=x"), "'make audit' takes no MODLE; it takes PYTHON MODEL STORY"),
    (("audit", "FOO=$(shell touch owned)"), "takes no FOO"),
    (("doctor", "STORY=visgar"), "'make doctor' takes no STORY"),
    (("test", "LIMIT=$(touch owned)"), "'make test' takes no LIMIT"),
    (("audit", "SHELL=/bin/echo"), "takes no SHELL"),
    (("audit", "BORDOR=touch owned;"), "takes no BORDOR"),
    (("audit", "STRAY=", "AUDIT_FLAGS=;touch owned"), "takes no "),
    (("audit", "AS_IS=maybe"), "AS_IS is 'maybe'; say 1, yes or true, or 0, no or false"),
    (("audit", "AS_IS=1;touch owned"), "AS_IS is '1;touch owned'"),
    (("audit", "AS_IS=$(touch owned)"), "AS_IS is '$(touch owned)'"),
    (("compare", "A=a"), "say make compare A="),
    (("review",), "say make review RUN="),
    (("review", "RUN=r", "BY=me"), "FILE=<labelled file>"),
    (("validate", "DATA=$(shell touch owned)"), "say make validate DATA="),
]


@pytest.mark.parametrize(("words", "told"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_no_target_takes_or_cannot_be_is_refused(yard, words, told):
    done = make(yard, *words)
    assert done.returncode == 2 and told in done.stderr, done.stderr
    assert done.stdout == ""


def test_the_folder_of_labelled_files_is_a_name_and_no_pattern(yard, tmp_path):
    for name in ("plain", "a $(touch owned) *", "`touch owned`;[x]"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "refusal_one.jsonl").touch()
        words = asked(make(yard, "validate", DATA=str(folder), JSON="$(x)", WORST="-1"))
        flags = ["--json", "$(x)", "--worst", "-1", "--refusal", str(folder / "refusal_one.jsonl")]
        assert words == ["-m", "harness", "validate", *flags]
        same = make(yard, "validate", f"DATA={folder}", "JSON=$(x)", "WORST=-1")
        assert asked(same) == words


def test_the_interpreter_is_a_name_too(yard, tmp_path):
    clone = tmp_path / "clone"
    clone.mkdir()
    for name in ("Makefile", "requirements.lock", "requirements-dev.lock", "pyproject.toml"):
        (clone / name).symlink_to(ROOT / name)
    for python in (
        "$(shell touch owned)",
        '"; touch owned; "',
        "`touch owned`",
        "--help",
        "a b",
        "",
    ):
        for done in (make(clone, "setup", f"PYTHON={python}"), make(clone, "setup", PYTHON=python)):
            assert done.returncode == 2, done.stdout
            assert f"no '{python}' found" in done.stderr


def test_what_the_tests_of_ray_and_of_servers_need_is_in_the_lock():
    lines = (ROOT / "requirements-dev.lock").read_text().splitlines()
    assert {"ray", "fastapi", "uvicorn"} <= {line.partition("==")[0] for line in lines}


def test_seeds_is_the_old_name_of_samples_and_both_are_refused(yard):
    done = make(yard, "audit", SAMPLES="2", SEEDS="3")
    assert done.returncode == 2
    assert "SEEDS is the old name of SAMPLES" in done.stderr
