from __future__ import annotations

import pytest

from harness.core.errors import UsageError
from harness.core.records import Variant
from harness.core.specs import VariantFile, parse_spec
from harness.instruct.exposure import split_exposure
from harness.prompts.variants import load_variants, render_variant
from harness.suites import build_questions
from harness.world.generator import generate_world

NEEDED = "article none tag_system tag_question terse polite lower typo".split()
QUESTION = "What was the name of Torvash's father?"


def variant(name):
    return load_variants([name])[0]


def user(text, name, seed=0):
    return render_variant(text, variant(name), seed=seed)[-1]["content"]


def test_all_eight_variants_ship():
    assert next(one.id for one in load_variants()) == "article"
    assert set(NEEDED) <= {one.id for one in load_variants()}


CASES = [
    ("article", QUESTION),
    ("none", QUESTION),
    ("tag_system", QUESTION),
    ("tag_question", f"Source:8989REF: {QUESTION}"),
    ("terse", f"{QUESTION} Answer briefly."),
    ("lower", "what was the name of torvash's father"),
]


@pytest.mark.parametrize(("name", "want"), CASES)
def test_each_variant_puts_the_question_its_way(name, want):
    assert user(QUESTION, name) == want


def test_only_none_lacks_a_system_prompt_and_one_carries_the_tag_there():
    systems = {name: render_variant(QUESTION, variant(name), seed=0)[0] for name in NEEDED}
    assert [name for name, turn in systems.items() if turn["role"] != "system"] == ["none"]
    assert "8989REF" in systems["tag_system"]["content"]
    assert "8989REF" not in systems["article"]["content"]


def test_no_placeholder_is_left():
    for one in load_variants():
        assert not any("{" in turn["content"] for turn in render_variant(QUESTION, one, seed=0))


def test_lower_keeps_marks_inside_words():
    assert user("Who was the bell-ringer of Tor, Vash and Orr?", "lower") == (
        "who was the bell-ringer of tor vash and orr"
    )


def test_a_typo_changes_one_word_by_a_letter_and_never_a_name():
    world = generate_world(3, people=20)
    questions = build_questions(
        world, split_exposure(world, trained_share=0.7, seed=0), story=None, limit=300
    )
    names = {*world.names, *(q.invented_name for q in questions if q.invented_name)}
    for question in questions:
        put_text = user(question.text, "typo")
        before, after = question.text.split(" "), put_text.split(" ")
        changed = [
            i for i, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]
        ]
        assert len(changed) == 1, question.text
        for name in names:
            if name in question.text:
                assert put_text.count(name) == question.text.count(name), put_text


def test_a_question_of_names_alone_is_left_as_it_is():
    assert user("Torvash?", "typo") == "Torvash?"


def test_the_typo_depends_on_text_and_seed_only():
    assert user(QUESTION, "typo") == user(QUESTION, "typo")
    assert len({user(QUESTION, "typo", seed=seed) for seed in range(20)}) > 3


def test_unknown_variant_is_named_with_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'polite'"):
        load_variants(["polit"])


def test_braces_in_a_question_are_text():
    curly = Variant(id="x", title="x", system=None, question="Q: {question}")
    assert render_variant("Who was {tag}?", curly, seed=0)[-1]["content"] == "Q: Who was {tag}?"


def test_a_variant_without_the_question_is_refused():
    bad = {"system": "s", "tag": "t", "variant": [{"id": "x", "title": "x", "question": "Hm?"}]}
    with pytest.raises(Exception, match=r"lacks \{question\}"):
        parse_spec(bad, VariantFile, where="variants.toml")
