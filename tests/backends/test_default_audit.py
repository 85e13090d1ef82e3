"""On prompts of the default audit: what transformers gives, in batches of whatever size."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.backends.local import TransformersBackend
from harness.core.records import Answer, Request, Sampling
from harness.core.seeds import stream
from harness.models.loading import load_model, load_tokenizer
from harness.models.registry import base_folder, resolve_model
from harness.models.template import encode_prompt
from harness.pipeline.audit import Settings, audit, open_local, prepare
from harness.prompts.plan import make_plan
from harness.prompts.variants import render_variant
from harness.runs.layout import ANSWERS, PLAN, SUMMARY
from harness.runs.store import RunFolder

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")
MODEL = "storylm-1m-4bit"
PROMPTS = 200
LONGEST = 24  # new tokens
NEAR_TIE = 1e-4  # logits closer than this may swap places
SAME = 1e-4  # of a log-probability, in nats


@pytest.fixture(scope="module")
def adapter(tmp_path_factory, tiny) -> Path:
    """A random adapter on the shipped small base."""
    base = base_folder(resolve_model(MODEL))
    return tiny.save_adapter(tmp_path_factory.mktemp("adapters") / "random", base)


@pytest.fixture(scope="module")
def load(adapter):
    """Loads the base with its adapter, computed in float32."""

    def fresh(quantisation):
        spec = resolve_model(str(adapter), quantisation=quantisation)
        return load_model(spec.model_copy(update={"compute_dtype": "float32"}))

    return fresh


@pytest.fixture(scope="module")
def requests() -> list[Request]:
    """200 prompts of the default audit, drawn over all suites and variants."""
    spec = resolve_model(MODEL)
    settings = Settings(model=MODEL, limit=4)
    subject = prepare(settings, build=False, on_progress=print, on_note=print)
    plan = make_plan(
        subject.questions, subject.variants, encode=partial(encode_prompt, load_tokenizer(spec)), render=render_variant, sampling=Sampling(samples=1, max_new_tokens=LONGEST), identity={},
        control=False, floor=0,
    )  # fmt: skip
    chosen = sorted(stream(0, "proof").sample(range(len(plan.requests)), PROMPTS))
    return [plan.requests[at] for at in chosen]


def generate(loaded, requests) -> dict[str, list[int]]:
    """Greedy token ids by transformers' own generate, in left-padded batches of 50."""
    found = {}
    for at in range(0, len(requests), 50):
        part = requests[at : at + 50]
        batch = loaded.tokenizer.pad(
            {"input_ids": [list(request.token_ids) for request in part]}, return_tensors="pt"
        )
        with torch.inference_mode():
            out = loaded.model.generate(
                **batch, do_sample=False, max_new_tokens=LONGEST,
                pad_token_id=loaded.tokenizer.pad_token_id,
            )  # fmt: skip
        for request, row in zip(part, out[:, batch["input_ids"].shape[1] :].tolist(), strict=True):
            stop = loaded.tokenizer.eos_token_id
            found[request.id] = row[: row.index(stop) + 1] if stop in row else row
    return found


def gap(loaded, request, said) -> float:
    """How far apart the two best logits are once `said` has followed the prompt."""
    with torch.inference_mode():
        logits = loaded.model(torch.tensor([[*request.token_ids, *said]])).logits[0, -1]
    best = logits.topk(2).values
    return float(best[0] - best[1])


@pytest.mark.parametrize("quantisation", ["none", "nf4", "fp4"])
def test_greedy_tokens_are_those_of_generate_on_200_prompts(load, requests, quantisation):
    loaded = load(quantisation)
    wanted = generate(loaded, requests)
    greedy_only = [replace(request, samples=0) for request in requests]
    answers = TransformersBackend(load(quantisation)).generate(greedy_only)
    greedy = {one.request_id: list(one.token_ids) for one in answers}
    assert len(greedy) == PROMPTS
    assert len({*map(tuple, greedy.values())}) > PROMPTS / 4  # not one answer to all
    assert len({len(ids) for ids in greedy.values()}) > 3
    for request in requests:
        want, got = wanted[request.id], greedy[request.id]
        if want != got:
            same = next(at for at, (a, b) in enumerate(zip(want, got, strict=False)) if a != b)
            assert gap(loaded, request, want[:same]) < NEAR_TIE


@pytest.mark.parametrize(("quantisation", "workers"), [("none", 1), ("nf4", 2)])
def test_answers_are_the_same_in_batches_of_1_7_and_64(load, requests, quantisation, workers):
    backend = TransformersBackend(load(quantisation), workers=workers)
    asked = [replace(request, max_new_tokens=8) for request in requests[::3][:64]]
    whole = backend.generate(asked)
    for size in (1, 7):
        parts = [asked[at : at + size] for at in range(0, len(asked), size)]
        answers = [answer for part in parts for answer in backend.generate(part)]
        assert [one.token_ids for one in answers] == [one.token_ids for one in whole]
        assert [one.text for one in answers] == [one.text for one in whole]
        for one, other in zip(answers, whole, strict=True):
            assert np.allclose(one.logprobs, other.logprobs, rtol=0, atol=SAME)
            assert np.allclose(one.entropies, other.entropies, rtol=0, atol=2 * SAME)


def test_an_audit_in_bf16_reports_which_share_of_greedy_answers_its_batches_change(
    adapter, tmp_path
):
    def opened(spec, folder, chats):
        return open_local(spec.model_copy(update={"compute_dtype": "bfloat16"}), folder, chats)

    settings = Settings(
        model=str(adapter), out=tmp_path, limit=8, samples=0, max_new_tokens=LONGEST,
        suites=("in_domain", "invented", "unstated"), variants=("article", "none", "lower"),
        quantisation="nf4",
    )  # fmt: skip
    run = RunFolder.open(audit(settings, open_backend=opened))
    assert run.about()["identity"]["machine"]["dtype"] == "bfloat16"
    prompts = {one.id: one.prompt for one in run.read_records(PLAN, Request)}
    said: dict[str, dict[str, tuple[int, ...]]] = {"adapter": {}, "base": {}, "floor": {}}
    for answer in run.read_records(ANSWERS, Answer):
        said[answer.arm][prompts[answer.request_id]] = answer.token_ids
    differ = [said["adapter"][prompt] != ids for prompt, ids in said["floor"].items()]
    reported = run.read_json(SUMMARY)["noise_floor"]["tokens"]
    assert reported["n"] == len(differ) == 64
    assert reported["rate"] == sum(differ) / len(differ)
    assert any(differ)
    assert "noise floor, tokens" in (run.path / "report.md").read_text()
