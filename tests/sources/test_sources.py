"""A story as a source, and what a run folder gives back of it."""

import dataclasses
import json

import pytest

from harness.core.errors import DamageError, StoreError
from harness.core.records import Exposure
from harness.instruct.exposure import split_exposure
from harness.runs.store import RunFolder
from harness.sources import Source, WorldSource, planned_source, read_source
from harness.world.story import load_story


@pytest.fixture(scope="module")
def source():
    world = load_story("visgar")
    exposure = split_exposure(world, trained_share=0.7, seed=0)
    return WorldSource(world=world, exposure=exposure, story="visgar")


@pytest.fixture
def kept(source, tmp_path):
    about = {"source": source.kind, **source.about()}
    with RunFolder.create(tmp_path, model="m", plan_hash="0" * 12, files=source.files(),
                          run=about) as run:  # fmt: skip
        yield run


def test_a_run_folder_gives_back_what_it_was_audited_against(source, kept):
    again: Source = read_source(kept)
    assert (again.kind, again.name, again.hash) == ("world", "visgar", source.hash)
    assert again.planned() == source.planned() == planned_source(kept)
    assert again.files() == source.files()
    counts = again.about()["exposure"]
    assert set(counts) == {"trained", "text_only", "unstated"}
    assert sum(counts.values()) == len(source.world.facts)


def test_questions_evidence_and_passages_speak_of_the_same_facts(source):
    (question,) = source.questions(suites=["in_domain"], limit=1)
    assert source.exposure[question.fact_ids[0]] is Exposure.TRAINED
    (sentence, unknown) = source.evidence([question.fact_ids[0], "no-such"])
    assert source.world.label(question.subject).lower() in sentence.lower() and unknown == "no-such"
    assert sentence in source.told_about(question, "")
    told = [one for one in source.world.passages if question.fact_ids[0] in one.fact_ids]
    assert {one.text for one in told} <= set(source.passages(question))
    (absent,) = source.questions(suites=["invented"], limit=1)
    assert (
        source.passages(absent)
        == ()
        == source.told_about(dataclasses.replace(absent, text="?"), "")
    )


def test_another_world_a_damaged_one_and_an_unknown_kind_are_refused(source, kept):
    kept.update(source="poem")
    with pytest.raises(StoreError, match="source of kind 'poem', which this version"):
        read_source(kept)
    kept.update(source="world", world={"name": "visgar", "hash": "f" * 12})
    with pytest.raises(DamageError, match="another world than the one"):
        read_source(kept)
    (kept.path / "exposure.json").write_text(json.dumps({"f1": "sung"}))
    with pytest.raises(DamageError, match=r"exposure\.json"):
        planned_source(kept)
