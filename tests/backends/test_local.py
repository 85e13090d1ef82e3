"""The local engine gives what the model gives, whatever rides beside it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from harness.backends import shared_prefix
from harness.backends.local import TransformersBackend
from harness.backends.shared_prefix import alike
from harness.core.errors import BackendError

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")
NEAR_TIE = 1e-4  # logits closer than this may swap places
FAIR = 0.001  # significance below which a distribution is called wrong


def generate_one(loaded, request):
    """What transformers' own generate gives greedily, with its logits."""

    ids = torch.tensor([request.token_ids])
    with torch.inference_mode():
        out = loaded.model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False,
            max_new_tokens=request.max_new_tokens, pad_token_id=3, eos_token_id=2,
            return_dict_in_generate=True, output_logits=True,
        )  # fmt: skip
    return out.sequences[0, ids.shape[1] :].tolist(), torch.cat(out.logits)


@pytest.fixture(scope="module")
def backend(load):
    return TransformersBackend(load())


def test_the_fast_path_is_taken_for_llama(backend):
    assert backend.folded and backend.shares_prefix


@pytest.mark.parametrize("options", [{}, {"fold": False}, {"share_prefix": False}])
def test_greedy_equals_transformers_generate_token_by_token(load, make_requests, options):
    requests = make_requests(40)
    loaded = load()
    wanted = [generate_one(loaded, request) for request in requests]
    answers = TransformersBackend(load(), **options).generate(requests)
    assert len({len(answer.token_ids) for answer in answers}) > 1  # some stop early
    for (ids, logits), answer in zip(wanted, answers, strict=True):
        assert answer.sample == 0
        for at, (want, got) in enumerate(zip(ids, answer.token_ids, strict=False)):
            if want != got:
                best = logits[at].topk(2).values
                assert best[0] - best[1] < NEAR_TIE
                break
        else:
            assert tuple(ids) == answer.token_ids
            scores = logits.log_softmax(-1)[range(len(ids)), ids]
            assert np.allclose(scores.numpy(), answer.logprobs, atol=1e-4)
            spread = -(logits.softmax(-1) * logits.log_softmax(-1)).sum(-1)[: len(ids)]
            assert np.allclose(spread.numpy(), answer.entropies, atol=2e-4)


def test_the_control_arm_is_the_base_without_its_adapter(load, make_requests):
    requests = make_requests(12)
    control = [replace(request, arm="base") for request in requests]
    loaded = load()
    with loaded.without_adapter():
        wanted = [tuple(generate_one(loaded, request)[0]) for request in requests]
    for options in ({}, {"fold": False}):
        backend = TransformersBackend(load(), **options)
        answers = backend.generate(requests + control)
        assert [answer.token_ids for answer in answers[12:]] == wanted
        assert [answer.arm for answer in answers] == ["adapter"] * 12 + ["base"] * 12
        assert [answer.token_ids for answer in answers[:12]] != wanted


@pytest.mark.parametrize("batch_tokens", [1, 700, 6400])
def test_answers_do_not_depend_on_the_batch(backend, load, make_requests, batch_tokens):
    requests = make_requests(64, samples=3)
    whole = backend.generate(requests)
    other = TransformersBackend(load(), batch_tokens=batch_tokens)
    assert [a.token_ids for a in other.generate(requests)] == [a.token_ids for a in whole]
    alone = [a for request in requests[:7] for a in backend.generate([request])]
    assert [a.text for a in alone] == [a.text for a in whole[: len(alone)]]
    turned = backend.generate(requests[::-1])
    assert {(a.request_id, a.sample): a for a in turned} == {
        (a.request_id, a.sample): a for a in whole
    }


@pytest.mark.parametrize("blanks", [0, 12, 10**6])
def test_answers_do_not_depend_on_how_a_prefill_is_cut_by_length(
    backend, load, make_requests, monkeypatch, blanks
):
    requests = make_requests(48, samples=2)
    whole = backend.generate(requests)
    monkeypatch.setitem(shared_prefix.MOST_BLANKS, "cpu", blanks)
    assert len({len(request.token_ids) for request in requests}) > 5
    again = TransformersBackend(load()).generate(requests)
    assert [answer.token_ids for answer in again] == [answer.token_ids for answer in whole]
    for one, other in zip(again, whole, strict=True):
        assert np.allclose(one.logprobs, other.logprobs, atol=1e-4)


@pytest.mark.parametrize("blanks", [0, 5, 256])
def test_a_prefill_is_cut_so_that_few_blanks_fill_it_up(blanks):
    lengths = [9, 3, 9, 40, 38, 3, 8]
    parts = alike(lengths, blanks)
    assert sorted(at for part in parts for at in part) == list(range(len(lengths)))
    for part in parts:
        assert sum(max(lengths[at] for at in part) - lengths[at] for at in part) <= blanks
    assert len(parts) == {0: 5, 5: 3, 256: 1}[blanks]


def test_answers_come_in_plan_order_with_samples_ascending(backend, make_requests):
    requests = make_requests(9, samples=2)
    answers = backend.generate(requests)
    assert [(a.request_id, a.sample) for a in answers] == [
        (request.id, sample) for request in requests for sample in range(3)
    ]


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_the_first_sampled_token_follows_the_models_probabilities(load, make_requests, temperature):
    from scipy.stats import chisquare

    loaded = load()
    backend = TransformersBackend(loaded)
    [request] = make_requests(1, samples=4000, max_new_tokens=1, temperature=temperature)
    counts = Counter(a.token_ids[0] for a in backend.generate([request]) if a.sample)
    plain = load()
    with torch.inference_mode():
        logits = plain.model(torch.tensor([request.token_ids])).logits[0, -1].double()
    expected = torch.softmax(logits / temperature, dim=-1).numpy() * 4000
    common = [token for token in range(len(expected)) if expected[token] >= 8]
    seen = [counts[token] for token in common] + [4000 - sum(counts[t] for t in common)]
    hoped = [expected[token] for token in common] + [4000 - expected[common].sum()]
    assert len(common) > 5
    assert chisquare(seen, hoped).pvalue > FAIR


def test_samples_differ_from_each_other_and_repeat_with_their_seed(backend, make_requests):
    [request] = make_requests(1, samples=8)
    first, again = backend.generate([request]), backend.generate([request])
    other = backend.generate([replace(request, seed=1)])
    assert first == again
    assert len({a.token_ids for a in first}) > 4
    assert first[0].token_ids == other[0].token_ids  # greedy has no seed
    assert [a.token_ids for a in first[1:]] != [a.token_ids for a in other[1:]]


def test_rows_that_stop_leave_and_the_others_go_on(backend, make_requests):
    requests = make_requests(30, samples=4, max_new_tokens=40)
    answers = backend.generate(requests)
    reasons = Counter(answer.finish_reason for answer in answers)
    assert reasons["stop"] > 20 and reasons["length"] > 20
    for answer in answers:
        assert (2 in answer.token_ids) == (answer.finish_reason == "stop")
        assert 2 not in answer.token_ids[:-1]
        assert len(answer.token_ids) == len(answer.logprobs) <= 40
        assert "</s>" not in answer.text


def test_a_short_limit_beside_a_long_one_is_kept(backend, make_requests):
    requests = [
        replace(request, max_new_tokens=2 + 6 * (at % 2))
        for at, request in enumerate(make_requests(8))
    ]
    for request, answer in zip(requests, backend.generate(requests), strict=True):
        assert len(answer.token_ids) <= request.max_new_tokens


def test_generation_ends_with_the_context(backend, make_requests):
    [request] = make_requests(1, max_new_tokens=50)
    long = replace(request, token_ids=(1, *range(4, 254)))
    [answer] = backend.generate([long])
    assert len(answer.token_ids) <= 256 - 251
    with pytest.raises(BackendError, match="reads 256"):
        backend.generate([replace(request, token_ids=(1,) * 256)])


def test_sampling_at_temperature_zero_is_refused(backend, make_requests):
    with pytest.raises(BackendError, match="temperature above 0"):
        backend.generate(make_requests(1, samples=1, temperature=0.0))


def test_memory_running_out_halves_the_batch(load, make_requests, short_of_memory):
    requests = make_requests(8, samples=1)
    backend = TransformersBackend(load())
    wanted = backend.generate(requests)
    short_of_memory(backend)
    got = backend.generate(requests)
    assert [a.token_ids for a in got] == [a.token_ids for a in wanted]
    assert backend.oom_retries >= 3


def test_folding_is_the_four_bit_model_and_not_another(load, make_requests):
    requests = make_requests(20)
    folded = TransformersBackend(load("nf4"))
    unfolded = TransformersBackend(load("nf4"), fold=False, share_prefix=False)
    plain = TransformersBackend(load("none"))
    assert folded.folded and not unfolded.folded
    one, other, full = (b.generate(requests) for b in (folded, unfolded, plain))
    assert [a.token_ids for a in one] == [a.token_ids for a in other]
    assert [a.token_ids for a in one] != [a.token_ids for a in full]  # 4 bits do cost something
    gaps = [abs(x - y) for a, b in zip(one, other, strict=True)
            for x, y in zip(a.logprobs, b.logprobs, strict=True)]  # fmt: skip
    assert max(gaps) < 1e-3


def test_a_large_models_path_in_sixteen_bits_is_the_same_model_up_to_rounding(load, adapter):

    from harness.models.loading import DEQUANTISED, FUSED, load_model
    from harness.models.registry import resolve_model

    spec = resolve_model(str(adapter), quantisation="nf4")
    loaded = load_model(spec.model_copy(update={"compute_dtype": "bfloat16"}))
    assert loaded.identity["machine"]["compute_path"] in (FUSED, DEQUANTISED)
    backend = TransformersBackend(loaded)
    assert not backend.folded and backend.shares_prefix
    ids = torch.tensor([[1, 40, 41, 42, 43]])
    exact = load("nf4")
    with torch.inference_mode():
        wanted = exact.model(ids).logits
        gap = loaded.model(ids).logits - wanted
    # weights rounded to bf16 first fall on other 4-bit codes here and there
    assert gap.square().mean() < 0.2**2 * wanted.square().mean()
