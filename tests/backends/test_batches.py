"""Batches depend on content and budget, not on order, and share what is worth sharing."""

from __future__ import annotations

import random
from dataclasses import replace

from harness.backends.batches import halve, make_batches

BIG = 10**6


def ids(batches):
    return sorted(request.id for batch in batches for request in batch.requests)


def test_every_request_rides_once_and_order_does_not_matter(make_requests):
    requests = make_requests(50, samples=2)
    batches = make_batches(requests, batch_tokens=900)
    turned = requests[:]
    random.Random(5).shuffle(turned)
    assert ids(batches) == sorted(request.id for request in requests)
    assert make_batches(turned, batch_tokens=900) == batches
    assert len(batches) > 3


def test_a_batch_keeps_to_its_budget_unless_one_request_is_over_it(make_requests):
    for batch in make_batches(make_requests(50, samples=2), batch_tokens=400):
        held = sum(
            (len(r.token_ids) - batch.prefix + r.max_new_tokens) * (r.samples + 1)
            for r in batch.requests
        )
        assert held <= 400 or len(batch.requests) == 1


def test_the_prefix_is_common_to_all_and_leaves_every_prompt_a_token(make_requests):
    requests = make_requests(50)
    same = [replace(requests[1], id=f"same{at}") for at in range(3)]
    for batch in make_batches(requests + same, batch_tokens=2000):
        assert all(r.token_ids[: batch.prefix] == batch.prefix_ids for r in batch.requests)
        assert all(len(r.token_ids) > batch.prefix for r in batch.requests)


def test_prompts_with_a_long_system_prompt_ride_apart_from_those_without(make_requests):
    base = make_requests(120)
    long = [
        replace(r, token_ids=(1, *range(50, 130), *r.token_ids[-3:]))
        for r in base[:60]
    ]  # fmt: skip
    short = [replace(r, token_ids=(1, *r.token_ids[-3:])) for r in base[60:]]
    batches = make_batches(long + short, batch_tokens=BIG)
    assert sorted(batch.prefix for batch in batches) == [1, 81]


def test_arms_never_mix_and_the_floor_meets_other_neighbours(make_requests):
    requests = make_requests(40)
    floor = [replace(request, arm="floor") for request in requests]
    for budget in (1200, BIG):
        check_neighbours(make_batches(requests + floor, batch_tokens=budget))


def test_the_floor_rides_in_small_batches_that_share_no_more_than_a_token(make_requests):
    floor = make_requests(64, arm="floor")
    floor = [replace(r, token_ids=(1, *range(50, 130), *r.token_ids[-3:])) for r in floor]
    batches = make_batches(floor, batch_tokens=BIG)
    assert ids(batches) == sorted(request.id for request in floor)
    assert max(len(batch.requests) for batch in batches) == 7
    assert {batch.prefix for batch in batches} == {1}
    assert make_batches(floor[::-1], batch_tokens=BIG) == batches
    few = make_batches(floor[:5], batch_tokens=BIG)
    assert len(few) > 1  # smaller than the one batch that it repeats


def check_neighbours(batches):
    together = {"adapter": [], "floor": []}
    for batch in batches:
        assert {request.arm for request in batch.requests} == {batch.arm}
        together[batch.arm].append({request.id for request in batch.requests})
    assert not any(group in together["adapter"] for group in together["floor"])


def test_longest_prompts_come_first(make_requests):
    [batch] = make_batches(make_requests(20), batch_tokens=BIG)
    lengths = [len(request.token_ids) for request in batch.requests]
    assert lengths == sorted(lengths, reverse=True)


def test_halves_hold_all_requests_in_order(make_requests):
    [batch] = make_batches(make_requests(7), batch_tokens=BIG)
    first, second = halve(batch)
    assert first.requests + second.requests == batch.requests
    assert first.requests and second.requests
