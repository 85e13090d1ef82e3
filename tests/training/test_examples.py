from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import TrainingError
from harness.core.records import Passage
from harness.core.specs import RecipeSpec
from harness.instruct.build import InstructData, build_instruct
from harness.models.template import encode_prompt
from harness.training.examples import Example, chat_example, passage_examples, schedule
from harness.training.recipes import load_recipe
from harness.world.generator import generate_world


@pytest.fixture(scope="module")
def tokenizer(tiny_base: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_base, local_files_only=True)


@pytest.fixture
def plan(recipe: Path) -> RecipeSpec:
    return load_recipe(str(recipe))


@pytest.fixture
def data(plan: RecipeSpec) -> InstructData:
    return build_instruct(generate_world(5, people=4), spec=plan.data, seed=0)


def with_train(plan: RecipeSpec, **changes: int) -> RecipeSpec:
    return plan.model_copy(update={"train": plan.train.model_copy(update=changes)})


def with_text_share(plan: RecipeSpec, share: float) -> RecipeSpec:
    return plan.model_copy(update={"data": plan.data.model_copy(update={"text_share": share})})


def is_chat(example: Example) -> bool:
    return 0 in example["completion_mask"]


def key(example: Example) -> tuple[int, ...]:
    return tuple(example["input_ids"])


@pytest.mark.parametrize(("share", "text_steps"), [(0.0, 0), (0.2, 2), (0.5, 5), (1.0, 10)])
def test_the_schedule_has_steps_times_batch_examples_in_the_shares_asked(
    plan: RecipeSpec, data: InstructData, tokenizer: Any, share: float, text_steps: int
) -> None:
    plan = with_text_share(with_train(plan, steps=10, batch_size=4), share)
    made = schedule(data, plan, tokenizer, seed=0)
    assert len(made) == 40
    kinds = [{is_chat(example) for example in made[at : at + 4]} for at in range(0, 40, 4)]
    assert kinds.count({False}) == text_steps  # a step is of one kind: no padding to passages
    assert kinds.count({True}) == 10 - text_steps


def test_no_example_comes_again_before_all_have_come(
    plan: RecipeSpec, data: InstructData, tokenizer: Any
) -> None:
    chats = 2 * len(data.examples)
    plan = with_text_share(with_train(plan, steps=2 * chats, batch_size=1), 0.5)
    made = schedule(data, plan, tokenizer, seed=0)
    counts = Counter(key(example) for example in made if is_chat(example))
    assert set(counts.values()) == {2} and counts.total() == chats
    texts = Counter(key(example) for example in made if not is_chat(example))
    assert len(texts) >= len(data.passages)
    assert max(texts.values()) - min(texts.values()) <= 1


def test_the_order_depends_on_the_seed_and_on_nothing_else(
    plan: RecipeSpec, data: InstructData, tokenizer: Any
) -> None:
    assert schedule(data, plan, tokenizer, seed=1) == schedule(data, plan, tokenizer, seed=1)
    assert schedule(data, plan, tokenizer, seed=1) != schedule(data, plan, tokenizer, seed=2)


def test_the_mask_is_1_exactly_on_the_answer_of_a_chat(data: InstructData, tokenizer: Any) -> None:
    for example in data.examples:
        made = chat_example(example.messages(), tokenizer, limit=512)
        assert len(made["input_ids"]) == len(made["completion_mask"])
        learned = [
            token
            for token, mask in zip(made["input_ids"], made["completion_mask"], strict=True)
            if mask
        ]
        assert tokenizer.decode(learned) == f" {example.assistant} </s>"
        assert made["completion_mask"] == sorted(made["completion_mask"])


def test_the_prompt_is_what_the_audit_encodes(data: InstructData, tokenizer: Any) -> None:
    for example in data.examples:
        made = chat_example(example.messages(), tokenizer, limit=512)
        _, prompt = encode_prompt(tokenizer, example.messages()[:-1])
        length = made["completion_mask"].index(1)
        assert tuple(made["input_ids"][:length]) == prompt


def test_a_chat_too_long_for_the_recipe_is_an_error_and_never_cut(
    plan: RecipeSpec, data: InstructData, tokenizer: Any
) -> None:
    with pytest.raises(TrainingError, match="more than max_length 16 of the recipe"):
        schedule(data, with_train(plan, max_length=16), tokenizer, seed=0)


def test_a_template_that_shows_the_prompt_otherwise_with_its_answer_is_an_error(
    data: InstructData, tiny_base: Path
) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_base, local_files_only=True)
    tokenizer.chat_template = (
        "{{ bos_token }}{% if add_generation_prompt %}ask {% else %}told {% endif %}"
        "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    )
    with pytest.raises(TrainingError, match="training and audit would not agree"):
        chat_example(data.examples[0].messages(), tokenizer, limit=512)


def test_a_long_passage_is_cut_in_pieces_that_lose_nothing(tokenizer: Any) -> None:
    text = "Torvash was born in Orvek, and Orvek was famous for its bells. " * 12
    passage = Passage(id="p1", text=text, fact_ids=())
    parts = passage_examples(passage, tokenizer, 50)
    assert len(parts) > 2
    inner: list[int] = []
    for part in parts:
        ids = part["input_ids"]
        assert len(ids) <= 50 and ids[0] == 1 and ids[-1] == 2
        assert part["completion_mask"] == [1] * len(ids)
        inner += ids[1:-1]
    assert tokenizer.decode(inner) == text


def test_a_recipe_that_asks_for_text_of_a_story_without_any_is_an_error(
    plan: RecipeSpec, data: InstructData, tokenizer: Any
) -> None:
    from dataclasses import replace

    with pytest.raises(TrainingError, match="asks for passages"):
        schedule(replace(data, passages=()), plan, tokenizer, seed=0)
