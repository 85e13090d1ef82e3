from __future__ import annotations

import dataclasses
from dataclasses import replace

import pytest

from harness.core.errors import UsageError
from harness.core.records import Question, Request, Sampling, Variant, from_json, to_json
from harness.prompts.plan import cut, make_plan

PLAIN = Variant(id="plain", title="as it is", system=None)
LOWER = Variant(id="lower", title="lower case", system=None, lower=True)


def question(number: int, text: str | None = None) -> Question:
    return Question(
        id=f"q{number}",
        suite="in_domain",
        text=text or f"Who was Person {number}?",
        gold="x",
        must_refuse=False,
        cluster=f"c{number}",
    )


def put(text: str, variant: Variant, *, seed: int) -> list[dict[str, str]]:
    return [{"role": "user", "content": text.lower() if variant.lower else text}]


def encode(messages: list[dict[str, str]]) -> tuple[str, tuple[int, ...]]:
    text = messages[0]["content"]
    return text, tuple(ord(letter) for letter in text)


DRAWN = Sampling(samples=2, max_new_tokens=8)


def plan_of(questions, variants=(PLAIN, LOWER), **changes):
    names = {one.name for one in dataclasses.fields(Sampling)}
    drawn = {name: changes.pop(name) for name in names & changes.keys()}
    settings = {
        "encode": encode,
        "render": put,
        "sampling": dataclasses.replace(DRAWN, **drawn),
        "identity": {"name": "m"},
        "floor": 5,
        "shard_requests": 7,
    }
    return make_plan(questions, variants, **(settings | changes))


QUESTIONS = [question(number) for number in range(20)]


def test_every_cell_is_served_by_the_adapter_and_in_the_first_variant_by_the_control():
    plan = plan_of(QUESTIONS)
    served = [cell for r in plan.requests if r.arm == "adapter" for cell in r.cells]
    assert sorted(served) == sorted((q.id, v.id) for q in QUESTIONS for v in (PLAIN, LOWER))
    control = [cell for r in plan.requests if r.arm == "base" for cell in r.cells]
    assert sorted(control) == sorted((q.id, "plain") for q in QUESTIONS)
    assert {r.samples for r in plan.requests if r.arm != "adapter"} == {0}


def test_equal_prompts_are_one_request_that_serves_all_their_cells():
    same = [question(1, "who?"), question(2, "who?")]
    plan = plan_of(same, control=False, floor=0)
    (request,) = plan.requests
    assert request.cells == (("q1", "lower"), ("q1", "plain"), ("q2", "lower"), ("q2", "plain"))
    assert plan.answers == 3


def test_the_plan_depends_on_content_and_not_on_order():
    backwards = plan_of(QUESTIONS[::-1])
    assert backwards == plan_of(QUESTIONS)


CHANGES = [
    {"samples": 3},
    {"temperature": 0.7},
    {"top_p": 0.9},
    {"top_k": 5},
    {"max_new_tokens": 9},
    {"seed": 1},
    {"identity": {"name": "another"}},
    {"floor": 4},
    {"control": False},
    {"shard_requests": 8},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_whatever_shapes_answers_changes_the_hash(change):
    assert plan_of(QUESTIONS, **change).hash != plan_of(QUESTIONS).hash


def test_without_top_p_and_top_k_a_plan_and_its_lines_are_those_of_before_there_were_any():
    before = plan_of(QUESTIONS)
    assert before.hash == "c6c0a1231ef1"
    assert plan_of(QUESTIONS, top_p=None, top_k=None) == before
    line = to_json(before.requests[0])
    assert "top_" not in line
    assert from_json(Request, line) == before.requests[0]
    assert plan_of(QUESTIONS, samples=0, top_k=5) == plan_of(QUESTIONS, samples=0)


def test_top_p_and_top_k_are_of_the_drawn_requests_and_in_their_lines():
    plan = plan_of(QUESTIONS, top_p=0.9, top_k=5)
    drawn = [r for r in plan.requests if r.arm == "adapter"]
    assert {(r.top_p, r.top_k) for r in drawn} == {(0.9, 5)}
    assert {(r.top_p, r.top_k) for r in plan.requests if r.arm != "adapter"} == {(None, None)}
    assert all(from_json(Request, to_json(r)) == r for r in plan.requests)
    assert not {r.id for r in drawn} & {r.id for r in plan_of(QUESTIONS).requests}


def test_another_question_changes_the_hash_but_not_the_other_requests():
    before, after = plan_of(QUESTIONS), plan_of([*QUESTIONS, question(99)])
    assert before.hash != after.hash
    adapter = {r.id for r in before.requests if r.arm != "floor"}
    assert adapter <= {r.id for r in after.requests}


def test_shards_hold_one_arm_each_and_prompts_that_begin_alike_lie_together():
    plan = plan_of(QUESTIONS)
    assert sum(plan.shard_sizes) == len(plan.requests)
    for shard in plan.shards:
        assert len({r.arm for r in shard}) == 1
        assert len(shard) <= 7
    adapter = [r.prompt for r in plan.requests if r.arm == "adapter"]
    assert adapter == sorted(adapter)
    assert list(plan.answers_by_arm()) == ["adapter", "base", "floor"]


def test_the_noise_floor_repeats_requests_in_other_company():
    plan = plan_of([question(number) for number in range(60)], floor=14)
    floor = [r for r in plan.requests if r.arm == "floor"]
    first = {r.prompt: r for r in plan.requests if r.arm == "adapter"}
    assert len(floor) == 14
    for repeat in floor:
        original = first[repeat.prompt]
        assert replace(repeat, id=original.id, arm="adapter", samples=2) == original
    company = [{r.prompt for r in shard} for shard in plan.shards if shard[0].arm == "adapter"]
    repeated = [{r.prompt for r in shard} for shard in plan.shards if shard[0].arm == "floor"]
    assert not any(prompts <= others for prompts in repeated for others in company)


def test_a_prompt_that_does_not_fit_the_context_is_named():
    with pytest.raises(UsageError, match=r"question q\d+ in variant 'plain'.*--max-new-tokens"):
        plan_of(QUESTIONS, context=20)


def test_nothing_to_ask_is_an_error():
    with pytest.raises(UsageError, match="nothing to ask"):
        plan_of([])


@pytest.mark.parametrize(
    ("count", "size", "sizes"),
    [(20, 7, [6, 7, 7]), (14, 7, [7, 7]), (1, 7, [1]), (0, 7, []), (63, 256, [63]),
     (130, 256, [65, 65]), (400, 256, [100] * 4), (1100, 256, [220] * 5)],
)  # fmt: skip
def test_requests_are_cut_as_evenly_as_can_be_and_short_arms_into_some_shards(count, size, sizes):
    requests = list(range(count))
    shards = cut(requests, size)
    assert [len(shard) for shard in shards] == sizes
    assert [request for shard in shards for request in shard] == requests
