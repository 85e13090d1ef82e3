"""Top-k, top-p and temperature rule out and weigh as transformers' own warpers do."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from harness.backends.local import TransformersBackend
from harness.backends.sampling import choose
from harness.backends.warping import Restriction, restriction_of
from harness.core.errors import BackendError

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")
FAIR = 0.001  # significance below which a distribution is called wrong
EXACT = 1e-6  # of a probability
# (temperature, top_k, top_p); no top_k or top_p where None
SETTINGS = [
    (1.0, None, 0.9), (1.0, None, 0.5), (1.0, None, 1e-6), (1.0, None, 1e-12), (1.0, None, 0.999999),
    (1.0, 1, None), (1.0, 5, None), (1.0, 97, None), (1.0, 10**12, None),
    (0.5, 20, 0.8), (2.0, 50, 0.95), (0.7, 7, 0.3), (1.3, 3, 0.99), (1.0, 40, 1.0),
]  # fmt: skip


def random_logits():
    chance = torch.Generator().manual_seed(3)
    return torch.randn(24, 97, generator=chance) * torch.linspace(0.1, 12, 24)[:, None]


def tied_logits():
    """Few different values, so that every threshold falls among equals; one line all equal."""
    chance = torch.Generator().manual_seed(4)
    logits = torch.randint(-3, 4, (24, 97), generator=chance).float()
    logits[0] = 0.25
    return logits


def extreme_logits():
    """Tokens ruled out before, one that is certain, very large and very small values."""
    chance = torch.Generator().manual_seed(5)
    logits = torch.randn(6, 97, generator=chance)
    logits[0, 5:] = -torch.inf
    logits[1, 40] = 1e4
    logits[2] *= 1024
    logits[3] = -1e4
    logits[4, ::2] = 3e38
    logits[5, 0], logits[5, 96] = 3e38, -3e38
    return logits


LOGITS = {"random": random_logits, "tied": tied_logits, "extreme": extreme_logits}


def warped(logits, temperature, top_k, top_p):
    """The scores after transformers' warpers in transformers' order."""
    if temperature != 1:
        logits = TemperatureLogitsWarper(temperature)(None, logits)
    if top_k is not None:
        logits = TopKLogitsWarper(top_k)(None, logits)
    if top_p is not None and top_p < 1:
        logits = TopPLogitsWarper(top_p)(None, logits)
    return logits


def restriction(lines, top_k, top_p):
    return Restriction(
        top_k_L=torch.full((lines,), top_k or 0),
        top_p_L=torch.full((lines,), top_p or 1.0, dtype=torch.float64),
    )


@pytest.mark.parametrize("kind", LOGITS)
@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_the_same_tokens_are_ruled_out_as_by_transformers(kind, setting):
    temperature, top_k, top_p = setting
    logits = LOGITS[kind]()
    ours = restriction(len(logits), top_k, top_p).ruled_out(
        logits, torch.full((len(logits),), temperature, dtype=torch.float64)
    )
    kept = ~(ours | (logits == -torch.inf))  # what has no probability anyhow
    assert kept.equal(warped(logits, *setting) > -torch.inf)
    assert kept.any(dim=1).all()


@pytest.mark.parametrize("kind", LOGITS)
@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_draws_have_the_probabilities_that_transformers_gives(kind, setting):
    """Uniforms a hair inside both ends of a token's share draw that token and no other."""
    logits = LOGITS[kind]()
    wanted_LV = warped(logits, *setting).double().softmax(dim=-1).cumsum(dim=-1)
    ends_LV = torch.cat([torch.zeros(len(logits), 1), wanted_LV], dim=1)
    wide_LV = ends_LV.diff() > 3 * EXACT
    low_LV, high_LV = ends_LV[:, :-1] + EXACT, ends_LV[:, 1:] - EXACT
    warmth = torch.full((len(logits),), setting[0], dtype=torch.float64)
    limits = restriction(len(logits), *setting[1:])
    for uniform_LV in (low_LV, high_LV):
        ids, _, _ = choose(logits, warmth, uniform_LV.clamp(0, 1 - 2**-53), limits)
        assert ids[:, 0].equal(logits.argmax(dim=-1))
        assert (ids[:, 1:] == torch.arange(logits.shape[1]))[wide_LV].all()


def test_the_last_uniform_draws_no_token_that_is_ruled_out():
    logits = torch.tensor([[3.0, 1.0, 2.0, 0.0, -1.0]]).repeat(3, 1)
    limits = Restriction(
        top_k_L=torch.tensor([2, 0, 1]),
        top_p_L=torch.tensor([1.0, 0.7, 0.9], dtype=torch.float64),
    )
    uniform = torch.tensor([[0.0, 1 - 2**-53]] * 3, dtype=torch.float64)
    ids, _, _ = choose(logits, torch.ones(3, dtype=torch.float64), uniform, limits)
    assert ids.tolist() == [[0, 0, 2], [0, 0, 2], [0, 0, 0]]


def test_a_line_is_restricted_as_if_it_were_alone():
    logits = torch.cat([random_logits(), tied_logits()])
    count = len(logits)
    limits = Restriction(
        top_k_L=torch.arange(count) % 9, top_p_L=torch.linspace(0.1, 1, count).double()
    )
    warmth = torch.linspace(0.3, 2, count).double()
    together = limits.ruled_out(logits, warmth)
    for at in range(count):
        one = slice(at, at + 1)
        assert limits.of(one).ruled_out(logits[one], warmth[one]).equal(together[one])


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_logprobs_and_entropies_stay_those_of_the_whole_distribution(temperature):
    logits = random_logits()
    warmth = torch.full((len(logits),), temperature, dtype=torch.float64)
    uniform = torch.linspace(0, 0.999, 9, dtype=torch.float64).expand(len(logits), -1)
    ids, scores, entropy = choose(logits, warmth, uniform, restriction(len(logits), 5, 0.8))
    exact = logits.double().log_softmax(-1)
    assert np.allclose(scores, exact.gather(1, ids), atol=1e-5)
    assert np.allclose(entropy, -(exact.exp() * exact).sum(-1), atol=1e-4)


def test_without_a_restriction_there_is_none(make_requests):
    requests = make_requests(4, samples=2)
    assert restriction_of(requests) is None
    assert restriction_of([replace(one, top_p=1.0) for one in requests]) is None
    mixed = [*requests[:3], replace(requests[3], top_k=2)]
    assert restriction_of(mixed).top_k_L.tolist() == [0, 0, 0, 2]


@pytest.mark.parametrize("limits", [{"top_p": 0.6}, {"top_k": 7}, {"top_k": 30, "top_p": 0.7}])
@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_the_engine_draws_first_tokens_as_the_warped_model_says(
    load, make_requests, limits, temperature
):
    count = 3000
    [request] = make_requests(1, samples=count, max_new_tokens=1, temperature=temperature, **limits)
    answers = TransformersBackend(load()).generate([request])
    counts = Counter(answer.token_ids[0] for answer in answers if answer.sample)
    with torch.inference_mode():
        logits = load().model(torch.tensor([request.token_ids])).logits[:, -1]
    scores = warped(logits, temperature, limits.get("top_k"), limits.get("top_p"))
    expected = scores[0].double().softmax(-1).numpy() * count
    assert set(counts) <= set(np.flatnonzero(expected))
    assert 3 < (expected > 0).sum() < len(expected) / 3
    common = np.flatnonzero(expected >= 8)
    seen, hoped = [counts[token] for token in common], expected[common]
    if count - hoped.sum() > 1:
        seen, hoped = [*seen, count - sum(seen)], [*hoped, count - hoped.sum()]
    assert chisquare(seen, hoped).pvalue > FAIR


def test_a_request_is_restricted_by_its_own_setting_and_greedy_ones_by_none(load, make_requests):
    backend = TransformersBackend(load())
    plain = make_requests(12, samples=3)
    limits = [{}, {"top_k": 1}, {"top_p": 0.3}]
    mixed = [replace(one, **limits[at % 3]) for at, one in enumerate(plain)]
    before, after = backend.generate(plain), backend.generate(mixed)
    by_key = {(a.request_id, a.sample): a.token_ids for a in after}
    for answer in before:
        at = int(answer.request_id[1:])
        if answer.sample == 0 or at % 3 == 0:
            assert by_key[answer.request_id, answer.sample] == answer.token_ids
        elif at % 3 == 1:
            assert by_key[answer.request_id, answer.sample] == by_key[answer.request_id, 0]
    assert [a.token_ids for a in before] != [a.token_ids for a in after]
    [one] = [r for r in mixed if r.id == "r002"]
    alone = backend.generate([one])
    assert [a.token_ids for a in alone] == [by_key["r002", sample] for sample in range(4)]


@pytest.mark.parametrize("wrong", [{"top_p": 0.0}, {"top_p": 1.2}, {"top_p": float("nan")},
                                   {"top_k": 0}, {"top_k": -3}])  # fmt: skip
def test_a_restriction_that_allows_nothing_is_refused(load, make_requests, wrong):
    [(name, _)] = wrong.items()
    with pytest.raises(BackendError, match=f"r000: {name}"):
        TransformersBackend(load()).generate(make_requests(1, samples=1, **wrong))
