"""Run folders with one file damaged, with and without a seal made to fit: every command."""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import strategies as st

from harness.backends.scripted import ScriptedBackend
from harness.core.errors import BordorError
from harness.pipeline.audit import Opened, Settings, audit
from harness.runs.layout import RUN
from harness.runs.verify import seal_by_hand
from tests.fuzz.damage import damage
from tests.fuzz.runner import command, fuzzed
from tests.stand_in import adapter_folder

SAID = itertools.cycle(("Not able to answer.", "Elorna.", "The device was made of cheese.", ""))
FILES = (RUN, "world.json", "exposure.json", "questions.jsonl", "plan.jsonl", "answers.jsonl",
         "verdicts.jsonl", "summary.json")  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A finished run of two questions a suite, to be left as it is."""
    settings = Settings(
        model=str(adapter_folder(tmp_path_factory.mktemp("adapters"))),
        out=tmp_path_factory.mktemp("runs"), limit=2, samples=1, variants=("article",),
        suites=("in_domain", "invented"),
    )  # fmt: skip
    backend = ScriptedBackend(lambda request, sample: next(SAID))
    return audit(settings, open_backend=lambda *_: Opened(backend=backend, context=4096))


class Texts(dict[str, str]):
    """What the files of the run hold; hypothesis prints what a test was given."""

    def __repr__(self) -> str:
        return "<texts>"


@pytest.fixture(scope="module")
def texts(whole) -> Texts:
    return Texts({name: (whole / name).read_text(encoding="utf-8") for name in FILES})


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> Iterator[Path]:
    place = tmp_path_factory.mktemp("fuzz")
    return (place / str(number) for number in itertools.count())


def hurt(whole: Path, place: Path, name: str, how) -> Path:
    run = place / whole.parent.name / whole.name
    run.mkdir(parents=True)
    for one in FILES:
        shutil.copyfile(whole / one, run / one)
    how.put(run / name)
    return run


@fuzzed("seals")
def test_what_does_not_fit_its_seal_is_named(whole, texts, folders, data):
    name = data.draw(st.sampled_from(FILES))
    how = data.draw(damage(texts[name]))
    place = next(folders)
    run = hurt(whole, place, name, how)
    file = run / name
    same = file.is_file() and file.read_bytes() == texts[name].encode()
    code = command("verify", run, names=name)
    # Of run.json the canonical form is sealed: blanks between its values are free.
    assert code == (0 if same else 1) or (name == RUN and _as_before(file, texts[name])), how
    command("ls", "--out", place)
    shutil.rmtree(place)


def _as_before(file: Path, text: str) -> bool:
    try:
        return json.loads(file.read_bytes()) == json.loads(text)
    except (OSError, ValueError):
        return False


WITH_ONE = ("view", "grade", "report", "verify")
WITH_TWO = ("compare", "gate", "review", "baseline")


@fuzzed("forged")
def test_what_a_forged_seal_lets_in_ends_in_a_message(whole, texts, folders, data):
    """Whoever writes a folder can seal it, too: its shapes are checked by themselves."""
    name = data.draw(st.sampled_from(FILES))
    place = next(folders)
    run = hurt(whole, place, name, data.draw(damage(texts[name])))
    with contextlib.suppress(BordorError, OSError, ValueError):  # nothing that could be sealed
        seal_by_hand(run)
    asked = data.draw(st.sampled_from(WITH_ONE + WITH_TWO))
    to = ("--to", place / "to", "--out", place)
    words = {
        "compare": ("compare", whole, run, *to),
        "gate": ("gate", whole, run, *to),
        "review": ("review", run, "--n", "2", "--out", place / "sample.csv"),
        "baseline": ("baseline", "set", run, "--out", place),
    }.get(asked, (asked, run))
    command(*words, names=(*FILES, run.name))  # a forged run.json may name any file of the run
    shutil.rmtree(place)
