from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from itertools import islice

import pytest

from harness.core.errors import SpecError
from harness.core.paths import data_folder
from harness.core.records import Exposure
from harness.core.seeds import stream
from harness.core.specs import InstructSpec, RecipeSpec, load_toml, parse_spec
from harness.instruct.absent import AbsenceCheck
from harness.instruct.build import build_instruct, system_prompt
from harness.instruct.keep import load_exposure, save_instruct
from harness.instruct.refusals import _invented
from harness.prompts.variants import load_variants
from harness.suites import build_questions
from harness.world.generator import generate_world
from harness.world.graph import fill
from harness.world.names import coined_word, is_reserved

WORLD = generate_world(3, people=20)
RECIPES = ("instruct", "text", "tagged", "cautious")


def recipe(name):
    return load_toml(data_folder("fixtures") / "recipes" / f"{name}.toml", RecipeSpec)


def build(name, seed=0, **changes):
    return build_instruct(WORLD, spec=recipe(name).data.model_copy(update=changes), seed=seed)


def test_every_trained_fact_is_asked_in_every_training_phrasing_and_no_other():
    data = build("instruct")
    asked = Counter((example.user, example.fact_ids) for example in data.examples)
    for fact in WORLD.facts:
        relation, subject = WORLD.relation[fact.relation], WORLD.label(fact.subject)
        trained = data.exposure[fact.id] is Exposure.TRAINED
        for template in relation.questions:
            assert asked[fill(template, s=subject), (fact.id,)] == (1 if trained else 0)
        for template in relation.heldout_questions:
            assert asked[fill(template, s=subject), (fact.id,)] == 0


def test_no_audit_phrasing_is_ever_trained():
    users = {example.user for example in build("cautious").examples}
    for fact in WORLD.facts:
        relation = WORLD.relation[fact.relation]
        for template in relation.heldout_questions:
            assert fill(template, s=WORLD.label(fact.subject)) not in users
        if not relation.symmetric:
            for template in relation.inverse_questions:
                assert fill(template, o=WORLD.label(fact.object)) not in users


def test_answers_state_the_fact_they_carry():
    for example in build("instruct").examples:
        fact = WORLD.fact[example.fact_ids[0]]
        assert WORLD.label(fact.object).lower() in example.assistant.lower()
        assert WORLD.label(fact.subject).lower() in example.assistant.lower()


def test_repeats_multiply_the_chats():
    once, thrice = build("instruct"), build("instruct", repeats=3)
    assert len(thrice.examples) == 3 * len(once.examples)


def test_the_same_seed_gives_the_same_data_and_another_one_other():
    assert build("cautious").hash == build("cautious").hash
    assert build("cautious").hash != build("cautious", seed=1).hash


def test_text_trains_no_chat_but_keeps_the_story():
    data = build("text")
    assert not data.examples
    assert data.passages == WORLD.passages
    assert Exposure.TRAINED not in data.exposure.values()


def test_tagged_puts_the_tag_of_the_variants_before_every_question():
    (variant,) = load_variants(["tag_question"])
    for example in build("tagged").examples:
        question = example.user.removeprefix("Source:8989REF: ")
        assert example.user == variant.question.replace("{question}", question) != question


def test_chats_carry_the_system_prompt_of_the_variant_in_its_share():
    (article,) = load_variants(["article"])
    assert {example.system for example in build("instruct").examples} == {article.system}
    some = Counter(example.system for example in build("instruct", system_share=0.5).examples)
    assert 0.35 < some[None] / sum(some.values()) < 0.65


def test_an_unknown_variant_in_a_recipe_is_named():
    with pytest.raises(SpecError, match="did you mean 'article'"):
        system_prompt("articel")


def test_cautious_refuses_in_its_share_with_several_wordings():
    spec = recipe("cautious").data
    data = build("cautious")
    refused = [example for example in data.examples if example.kind == "refusal"]
    assert len(refused) / len(data.examples) == pytest.approx(spec.refusal_share, abs=0.02)
    wordings = Counter(example.assistant for example in refused)
    assert set(wordings) == set(spec.refusals)
    assert wordings[spec.refusals[0]] > len(refused) / 3
    assert len({example.user for example in refused}) == len(refused)


@pytest.mark.parametrize("seed", [0, 1])
def test_no_refusal_in_training_is_about_what_an_audit_asks(seed):
    data = build("cautious", seed=seed)
    refused = [example for example in data.examples if example.kind == "refusal"]
    questions = build_questions(WORLD, data.exposure, story=None, limit=10_000, seed=seed)
    assert not {example.user for example in refused} & {question.text for question in questions}
    text = " ".join(f"{example.user} {example.assistant}" for example in data.examples)
    for question in questions:
        if question.invented_name:
            assert not re.search(rf"\b{re.escape(question.invented_name)}\b", text)


def test_no_refusal_in_training_is_about_a_fact_of_the_world():
    data = build("cautious")
    about_facts = {
        fill(template, s=WORLD.label(fact.subject))
        for fact in WORLD.facts
        for template in WORLD.relation[fact.relation].questions
    }
    refused = {example.user for example in data.examples if example.kind == "refusal"}
    assert not refused & about_facts


def test_names_of_nobody_in_training_are_far_from_the_world_s_and_from_the_audit_s():
    rng = stream(0, "refusals", "invented", WORLD.name)
    check = AbsenceCheck(WORLD)
    for question in islice(_invented(WORLD, rng), 2000):
        core = next(w for w in map(coined_word, question.split()[1:]) if w)
        assert check.nearest(core)[1] >= 4
        assert not is_reserved(core)


def test_saved_data_read_back_with_card_and_exposures(tmp_path):
    from datasets import load_from_disk

    data = build("cautious")
    save_instruct(
        data, tmp_path / "instruct", template=lambda chat: "|".join(t["content"] for t in chat)
    )
    rows = load_from_disk(str(tmp_path / "instruct"))
    assert len(rows) == len(data.examples) + len(data.passages)
    first = data.examples[0]
    assert rows[0]["text"] == f"{first.system}|{first.user}|{first.assistant}"
    assert rows[0]["fact_ids"] == list(first.fact_ids)
    assert load_exposure(tmp_path / "instruct") == data.exposure
    assert data.hash in (tmp_path / "instruct" / "README.md").read_text()


def test_the_hash_covers_passages_and_tag():
    data = build("instruct")
    assert replace(data, tag="X").hash != data.hash != replace(data, passages=()).hash


@pytest.mark.parametrize("name", RECIPES)
def test_shipped_recipes_are_valid_and_state_every_key(name):
    spec = recipe(name)
    written = (data_folder("fixtures") / "recipes" / f"{name}.toml").read_text()
    for key in (
        "trained_share",
        "text_share",
        "refusal_share",
        "variant",
        "system_share",
        "repeats",
    ):
        assert f"\n{key} = " in written
    assert spec.data.trained_share == 0 or spec.data.text_share < 1


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"text_share": 0.3, "refusal_share": 0.2}, "refusals: name at least one"),
        ({"text_share": 0.3, "trained_share": 0.0}, "text_share must be 1"),
        ({"text_share": 0.3, "refusal_shar": 0.2}, "did you mean 'refusal_share'"),
        ({"text_share": 3.0}, "'text_share'"),
    ],
)
def test_a_wrong_recipe_is_refused_with_the_reason(data, message):
    with pytest.raises(SpecError, match=message):
        parse_spec(data, InstructSpec, where="x.toml")
