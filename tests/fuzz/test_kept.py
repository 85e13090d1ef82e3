"""What people and runs keep beside the answers, damaged: labels, pins, policies, graders, shards."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import shutil
from pathlib import Path

import pytest
from hypothesis import strategies as st

from harness.backends.scripted import ScriptedBackend
from harness.core.errors import BordorError
from harness.core.files import read_object
from harness.core.seals import seal_of
from harness.core.seeds import stream
from harness.pipeline.audit import Opened, Settings, audit
from harness.review import write_sample
from harness.review.files import read_labelled
from harness.runs.layout import ANSWERS
from harness.runs.store import RunFolder
from harness.validation.evidence_fit import FittedEvidence
from tests.fuzz.damage import damage
from tests.fuzz.runner import command, fuzzed, reader
from tests.stand_in import adapter_folder

ROOT = Path(__file__).resolve().parents[2]
REVIEWED = ("review/sample.jsonl", "review/labels.jsonl", "review/plan.json")
WITH_REVIEW = (
    ("report", "RUN"), ("review", "RUN", "--take", "SHEET", "--by", "Bo"), ("verify", "RUN"),
    ("review", "RUN", "--n", "5", "--out", "OUT"), ("compare", "RUN", "RUN", "--to", "TO"),
)  # fmt: skip
UNFINISHED = (ANSWERS, "run.json", "plan.jsonl", "world.json", "exposure.json", "questions.jsonl",
              ".ahead-000001.jsonl", ".ahead-000000.jsonl")  # fmt: skip
SAID = ("Not able to answer.", "Elorna.", "The device was made of cheese.", "")


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("kept")


def asked(place: Path) -> Settings:
    folder = place / "scripted"
    return Settings(
        model=str(folder if folder.is_dir() else adapter_folder(place)), out=place / "runs",
        limit=2, samples=1, variants=("article",), suites=("in_domain", "invented"),
    )  # fmt: skip


def audited(settings: Settings, *, until: int = 10**9) -> Path:
    """The run of an audit whose backend is interrupted after so many answers."""
    said = 0

    def say(request, sample):
        nonlocal said
        said += 1
        if said > until:
            raise KeyboardInterrupt
        return stream(request.seed, request.prompt, request.arm, sample).choice(SAID)

    backend = ScriptedBackend(say)
    return audit(settings, open_backend=lambda *_: Opened(backend=backend, context=4096))


@pytest.fixture(scope="module")
def labelled(tmp_path_factory) -> Path:
    """A run of which a sample was drawn, labelled and taken back; to be left as it is."""
    run = audited(asked(tmp_path_factory.mktemp("labelled")))
    write_sample(run, n=6, kind="csv")
    (run.parent / "sheet.csv").write_text(filled(run), encoding="utf-8")
    assert command("review", run, "--take", run.parent / "sheet.csv", "--by", "Ann") == 0
    return run


def filled(run: Path) -> str:
    text = (run / "review" / "to_label.csv").read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    held = io.StringIO()
    writer = csv.DictWriter(held, rows[0])
    writer.writeheader()
    writer.writerows([row | {"label": "hallucinated", "note": "says so"} for row in rows])
    return held.getvalue()


@fuzzed("sheets")
def test_labelled_sheets_that_come_back(labelled, place, data):
    text = (labelled.parent / "sheet.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    if data.draw(st.booleans()):
        text = "\n".join(json.dumps(row) for row in rows)
    path = place / "labelled.csv"
    data.draw(damage(text)).put(path)
    reader(read_labelled, path, {row["id"] for row in rows}, names=path)


@fuzzed("review")
def test_the_review_that_a_run_keeps(labelled, place, data):
    """Its files are sealed as the others are: each with the seal as it was, and with another."""
    run = place / "reviewed" / labelled.parent.name / labelled.name
    shutil.rmtree(place / "reviewed", ignore_errors=True)
    shutil.copytree(labelled, run)
    name = data.draw(st.sampled_from(REVIEWED))
    data.draw(damage((labelled / name).read_text(encoding="utf-8"))).put(run / name)
    if data.draw(st.booleans()):
        seal_anew(run, name)
    words = data.draw(st.sampled_from(WITH_REVIEW))
    sheet = labelled.parent / "sheet.csv"
    given = {"RUN": run, "SHEET": sheet, "TO": place / "to", "OUT": place / "sample.csv"}
    shutil.rmtree(place / "to", ignore_errors=True)
    command(*(given.get(word, word) for word in words), names=(Path(name).name, "sample.csv"))


def seal_anew(run: Path, name: str) -> None:
    with contextlib.suppress(BordorError, ValueError):  # a folder in its place has no seal
        kept = read_object(run / "run.json")["files"] | {name: seal_of(run / name).to_data()}
        RunFolder(run).update(files=kept)


@fuzzed("baseline")
def test_a_pinned_baseline(labelled, place, data):
    folder = place / "pins"
    folder.mkdir(exist_ok=True)
    pin = {"run": "none/here", "model": "m", "story": "visgar", "plan": None, "grader": "world@1"}
    data.draw(damage(json.dumps(pin))).put(folder / "baseline.json")
    names = ("baseline.json", "no baseline is pinned")
    command("baseline", "show", "--out", folder, names=names)
    assert command("gate", labelled, "--out", folder, "--to", place / "gated", names=(
        *names, "nobaselineispinned", "none/here")) in (1, 2, 102)  # fmt: skip


@fuzzed("policy")
def test_a_policy_that_a_gate_is_given(labelled, place, data):
    path = place / "mine.toml"
    text = (ROOT / "fixtures" / "gates" / "release.toml").read_text(encoding="utf-8")
    data.draw(damage(text)).put(path)
    shutil.rmtree(place / "gated", ignore_errors=True)
    words = ("gate", labelled, labelled, "--policy", path, "--to", place / "gated")
    command(*words, names=(path.name, "incomplete"))


FITTED = {
    "data": {"mean": [0.0, 1.0], "scale": [1.0, 2.0], "weights": [0.1, -0.2], "bias": 0.5,
             "penalty": 0.1, "trees": {"base": 0.0, "depth": 1, "trees": [{
                 "feature": [1, 0, 0], "threshold": [0.5, 0.0, 0.0], "left": [1, 1, 2],
                 "right": [2, 1, 2], "value": [0.0, -0.4, 0.4]}]}},
    "threshold": 0.5,
    "card": {"grader": "evidence-fitted@2", "n": 60},
}  # fmt: skip


@fuzzed("fitted")
def test_a_fitted_grader(place, data):
    path = place / "grounding.json"
    data.draw(damage(json.dumps(FITTED))).put(path)
    reader(FittedEvidence.load, path, names=path)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory) -> Path:
    """An audit that was interrupted, with a shard done ahead of those before it."""
    place = tmp_path_factory.mktemp("stopped")
    with pytest.raises(KeyboardInterrupt):
        audited(asked(place), until=10)
    return place


@fuzzed("resumed")
def test_no_damage_to_an_unfinished_run_stops_the_audit(stopped, place, data):
    """It goes on, or starts anew: what it ends with is whole."""
    here = place / "again"
    shutil.rmtree(here, ignore_errors=True)
    shutil.copytree(stopped, here)
    (run,) = (here / "runs").glob("*/*")
    name = data.draw(st.sampled_from(UNFINISHED))
    valid = (run / ANSWERS) if name.startswith(".ahead") else (run / name)
    text = valid.read_text(encoding="utf-8") or "{}"
    data.draw(damage(text)).put(run / name)
    done = audited(Settings(**{**vars(asked(stopped)), "out": here / "runs"}))
    assert command("verify", done) == 0
    command("ls", "--out", here / "runs")
