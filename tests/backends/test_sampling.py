"""Streams are named and draws follow the probabilities."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.backends.sampling import choose, uniforms


def test_a_stream_belongs_to_seed_question_variant_and_sample(make_requests):
    [request] = make_requests(1)
    first = uniforms(request, 1, 5)
    assert uniforms(replace(request, id="other", token_ids=(1, 2)), 1, 5).tolist() == first.tolist()
    assert uniforms(request, 1, 9)[:5].tolist() == first.tolist()
    others = [
        uniforms(request, 2, 5),
        uniforms(replace(request, seed=1), 1, 5),
        uniforms(replace(request, cells=(("q9", "plain"),)), 1, 5),
        uniforms(replace(request, cells=(("q0", "terse"),)), 1, 5),
    ]
    assert all(not np.isclose(first, other).any() for other in others)


def test_a_draw_is_where_the_cumulative_probability_passes_the_uniform():
    import torch

    probabilities = torch.tensor([[0.5, 0.0, 0.3, 0.2]])
    uniform = torch.tensor([[0.0, 0.49, 0.51, 0.79, 0.81, 0.999999]], dtype=torch.float64)
    warmth = torch.ones(1, dtype=torch.float64)
    ids, scores, _ = choose(probabilities.log(), warmth, uniform)
    assert ids[0].tolist() == [0, 0, 0, 2, 2, 3, 3]
    wanted = np.log([0.5, 0.5, 0.5, 0.3, 0.3, 0.2, 0.2])
    assert np.allclose(scores[0].numpy(), wanted, atol=1e-6)


def test_temperature_moves_the_draw_but_not_the_log_probability():
    import torch

    logits = torch.tensor([[0.6, 0.4], [0.6, 0.4]]).log()
    uniform = torch.full((2, 1), 0.62, dtype=torch.float64)
    warmth = torch.tensor([1.0, 0.1], dtype=torch.float64)
    ids, scores, _ = choose(logits, warmth, uniform)
    assert ids[:, 1].tolist() == [1, 0]
    assert np.allclose(scores[:, 1].numpy(), np.log([0.4, 0.6]), atol=1e-6)


@pytest.mark.parametrize("temperature", [1.0, 0.5])
@pytest.mark.parametrize("drawn", [0, 2])
def test_the_entropy_is_of_the_whole_distribution_at_temperature_1(temperature, drawn):
    import torch

    probabilities = torch.tensor([[0.25, 0.25, 0.25, 0.25], [0.5, 0.0, 0.3, 0.2], [0, 0, 1.0, 0]])
    warmth = torch.full((3,), temperature, dtype=torch.float64)
    uniform = torch.full((3, drawn), 0.4, dtype=torch.float64)
    _, _, entropy = choose(probabilities.log() + 7, warmth, uniform)
    wanted = [np.log(4), -(0.5 * np.log(0.5) + 0.3 * np.log(0.3) + 0.2 * np.log(0.2)), 0.0]
    assert np.allclose(entropy.numpy(), wanted, atol=1e-6)
