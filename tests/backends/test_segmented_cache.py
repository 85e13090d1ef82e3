"""Lines that leave and fork in any order see what transformers' own cache shows them."""

from __future__ import annotations

import numpy as np
import pytest

from harness.backends import shared_prefix
from harness.backends.plain import PlainRunner
from harness.backends.shared_prefix import SharedPrefixRunner
from harness.backends.tree import stay_or_replace


@pytest.fixture(scope="module")
def model(load):
    return load().model.get_base_model().eval()


@pytest.mark.parametrize("blanks", [0, 12, 10**6])
@pytest.mark.parametrize("shared", [(), (5, 6, 7, 8)])
@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_leaving_and_forking_gives_the_logits_of_a_plain_cache(
    model, monkeypatch, blanks, shared, seed
):
    import torch

    monkeypatch.setitem(shared_prefix.MOST_BLANKS, "cpu", blanks)
    chance = np.random.default_rng(seed)
    prompts = [tuple(chance.integers(4, 320, chance.integers(1, 9)).tolist()) for _ in range(12)]
    runners = [SharedPrefixRunner(model), PlainRunner(model)]
    options = {"arm": "adapter", "lines": 40, "steps": 8}
    with torch.inference_mode():
        one, other = (r.prefill(shared, prompts, **options) for r in runners)
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
        length_L = np.array([len(shared) + len(prompt) for prompt in prompts])
        for step in range(8):
            alive = np.flatnonzero(chance.random(len(length_L)) < 0.7)
            alive = alive if len(alive) else np.array([0])
            keep = stay_or_replace(alive)
            fork = np.sort(chance.integers(0, len(keep), chance.integers(0, 12)))
            fork = fork[: 40 - len(keep)]
            length_L = length_L[keep]
            length_L = np.concatenate([length_L, length_L[fork]])
            ids = torch.from_numpy(chance.integers(4, 320, len(length_L)))
            found = []
            for runner in runners:
                runner.keep(keep)
                if len(fork):
                    runner.fork(fork)
                found.append(runner.step(ids, torch.from_numpy(length_L + step)))
            torch.testing.assert_close(*found, rtol=1e-4, atol=1e-4)


def test_prompts_without_lines_are_let_go(model):
    import torch

    runner = SharedPrefixRunner(model)
    prompts = [(4 + at, 9, 10) for at in range(16)]
    with torch.inference_mode():
        runner.prefill((5, 6), prompts, arm="adapter", lines=16, steps=4)
        runner.keep(np.array([0, 1, 15, 3]))
        runner.step(torch.tensor([4, 5, 6, 7]), torch.full((4,), 5))
    [group] = runner._cache.groups
    assert group.count == 4 and group.slots == 1
    assert {pair[0].shape[0] for layer in runner._cache.held for pair in layer.groups} == {4}


def test_samples_of_a_prompt_hold_its_keys_once(model):
    import torch

    runner = SharedPrefixRunner(model)
    with torch.inference_mode():
        runner.prefill((5, 6), [(7, 8, 9), (10, 11, 12)], arm="adapter", lines=10, steps=4)
        runner.fork(np.array([0, 0, 0, 1]))
        runner.step(torch.arange(4, 10), torch.full((6,), 5))
    [group] = runner._cache.groups
    assert (group.count, group.slots) == (2, 4)
    keys, _ = runner._cache.held[0].groups[0]
    assert keys.shape[0] == 2 and keys.shape[2] == 3
