from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def run(*command: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess:
    kept = {
        key: value
        for key, value in os.environ.items()
        if key not in ("BORDOR_HOME", "PYTHONPATH", "MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    }
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd, env=kept | environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    built = run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", out, cwd=ROOT)
    assert built.returncode == 0, built.stderr
    (path,) = out.glob("bordor-*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a virtual environment with the wheel, and this one's libraries."""
    folder = tmp_path_factory.mktemp("elsewhere") / "venv"
    made = run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder.parent)
    assert made.returncode == 0, made.stderr
    done = run(sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "install",
               "--quiet", "--no-deps", "--no-index", wheel, cwd=folder.parent)  # fmt: skip
    assert done.returncode == 0, done.stderr
    (packages,) = folder.glob("lib/python*/site-packages")
    # Only the folder of libraries is added, not this environment's own .pth files, so the
    # clone is out of reach.
    libraries = Path(pytest.__file__).parents[1]
    (packages / "libraries.pth").write_text(f"{libraries}\n")
    return folder / "bin"


def test_the_wheel_holds_data_beside_the_package_and_nothing_that_was_built(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in (
        "harness/cli.py",
        "bordor.py",
        "harness/_data/suites/variants.toml",
        "harness/_data/fixtures/stories/relations.toml",
        "harness/_data/fixtures/stories/visgar/story.md",
        "harness/_data/fixtures/models/storylm-4m-4bit.toml",
        "harness/_data/fixtures/recipes/instruct.toml",
    ):
        assert wanted in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if "/built/" in name or "__pycache__" in name]
    assert {re.split("[/.-]", name)[0] for name in names} == {"harness", "bordor"}


def test_the_wheel_works_outside_the_clone(installed, tmp_path):
    where = run(installed / "python", "-c", "import harness; print(harness.__file__)", cwd=tmp_path)
    assert str(installed.parent) in where.stdout, where.stderr
    done = run(installed / "bordor", "suites", cwd=tmp_path, XDG_CACHE_HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr + done.stdout
    assert "near_miss" in done.stdout
    code = "import bordor; print(bordor.__version__, *bordor.__all__, hasattr(bordor, 'Gated'))"
    imported = run(installed / "python", "-c", code, cwd=tmp_path)
    assert imported.stdout.split()[-1] == "True" and "audit" in imported.stdout, imported.stderr
    listed = run(installed / "bordor", "models", cwd=tmp_path)
    assert "storylm-4m-4bit" in listed.stdout


def test_built_things_go_to_the_users_cache_outside_a_clone(installed, tmp_path):
    done = run(installed / "bordor", "build", "story", "generated/5", "--people", "6",
               cwd=tmp_path, XDG_CACHE_HOME=str(tmp_path / "cache"))  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "cache" / "bordor" / "stories" / "generated-5" / "story.toml").is_file()


def test_help_is_quick_and_imports_no_heavy_library(installed, tmp_path):
    code = "import sys; from harness.cli import app; app(['--help'], standalone_mode=False); "
    code += "print(sorted({'torch', 'transformers', 'pandas', 'numpy', 'scipy', 'rich.progress'}"
    code += " & sys.modules.keys()))"
    done = run(installed / "python", "-c", code, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr

    def seconds() -> float:
        started = time.perf_counter()
        assert run(installed / "bordor", "--help", cwd=tmp_path).returncode == 0
        return time.perf_counter() - started

    assert min(seconds() for _ in range(5)) < 0.5


def pins(name: str) -> list[str]:
    lines = (ROOT / name).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_every_dependency_is_pinned_and_torch_bears_no_local_tag():
    run, dev = pins("requirements.lock"), pins("requirements-dev.lock")
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[^+ ]+", line) for line in run + dev)
    assert "torch==2.13.0" in run
    locked, more = ({normal(line.partition("==")[0]) for line in one} for one in (run, dev))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed, extras = project["dependencies"], project["optional-dependencies"]
    assert {normal(re.split(r"[<>=!~ \[]", line)[0]) for line in needed} <= locked
    assert {normal(re.split(r"[<>=!~ \[]", line)[0]) for line in extras["dev"]} <= locked | more
    assert not [name for name in locked | more if re.match(r"nvidia|cuda|triton|kernels", name)]


def test_what_is_locked_for_auditing_is_what_auditing_needs_and_no_more():
    spec = importlib.util.spec_from_file_location("locks", ROOT / "docs" / "locks.py")
    locks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(locks)
    run, dev = locks.groups()
    assert locks.lines_of(run).splitlines() == pins("requirements.lock"), "run python docs/locks.py"
    assert locks.lines_of(dev).splitlines() == pins("requirements-dev.lock")
    assert {"ray", "mypy", "ruff", "pytest", "import-linter", "statsmodels"} <= dev


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


# The Makefile, run for real in a folder whose name has a space, with a stand-in for the
# virtual environment's Python that says what it was asked and ends with a code of its own.


@pytest.fixture
def yard(tmp_path: Path) -> Path:
    folder = tmp_path / "a clone"
    (folder / ".venv" / "bin").mkdir(parents=True)
    for name in ("Makefile", "requirements.lock", "requirements-dev.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    script(folder / ".venv" / "bin" / "python", 'for word; do echo "<$word>"; done; exit $CODE')
    (folder / ".venv" / ".installed").touch()
    return folder


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_make_variables_become_flags_one_to_one(yard):
    done = run("make", "audit", "MODEL=a folder", "STORY=generated/7", "RECIPE=text", "SEEDS=2",
               "LIMIT=5", "OUT=my runs", cwd=yard, CODE="0")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:-1] == [
        "<-m>", "<harness>", "<audit>", "<--story>", "<generated/7>", "<--recipe>", "<text>",
        "<--samples>", "<2>", "<--limit>", "<5>", "<--out>", "<my runs>", "<-->", "<a folder>",
    ]  # fmt: skip
    plain = run("make", "audit", cwd=yard, CODE="0")
    assert plain.stdout.split() == ["<-m>", "<harness>", "<audit>"]


def test_a_variable_is_data_and_never_a_command(yard):
    done = run("make", "audit", "STORY=x\"; touch owned; echo $(touch owned) `touch owned`",
               cwd=yard, CODE="0")  # fmt: skip
    assert done.returncode == 0
    assert not (yard / "owned").exists()


def test_make_prints_the_exit_code_and_fails(yard):
    done = run("make", "audit", cwd=yard, CODE="100")
    assert done.returncode == 2
    assert "exit code 100" in done.stderr


def test_make_alone_tells_what_there_is(yard):
    done = run("make", cwd=yard)
    assert done.returncode == 0
    for word in ("audit", "test", "lint", "MODEL"):
        assert word in done.stdout


def test_an_old_or_missing_python_is_told_before_anything_is_made(yard):
    shutil.rmtree(yard / ".venv")
    script(yard / "old", 'case "$1" in -c) exit 1;; --version) echo "Python 3.8.1";; esac')
    done = run("make", "audit", f"PYTHON={yard / 'old'}", cwd=yard)
    assert done.returncode == 2
    assert "Python 3.8.1 is too old: Python 3.11 or newer" in done.stderr
    done = run("make", "audit", "PYTHON=no-such-python", cwd=yard)
    assert "no 'no-such-python' found" in done.stderr
    assert not (yard / ".venv").exists()


def test_a_changed_lock_file_installs_again(yard):
    later = time.time() + 60
    os.utime(yard / "requirements.lock", (later, later))
    done = run("make", "-n", "audit", cwd=yard)
    assert "pip install" in done.stdout
    os.utime(yard / ".venv" / ".installed", (later + 1, later + 1))
    assert "pip install" not in run("make", "-n", "audit", cwd=yard).stdout
