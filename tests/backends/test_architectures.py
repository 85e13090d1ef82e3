"""The shared prefix works for the architectures transformers writes in one style."""

from __future__ import annotations

import pytest

from harness.backends.local import TransformersBackend
from harness.models.loading import load_model
from harness.models.registry import resolve_model

SHAPE = {
    "vocab_size": 320, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "bos_token_id": 1, "eos_token_id": 2,
    "pad_token_id": 3, "max_position_embeddings": 128, "initializer_range": 0.2,
}  # fmt: skip
SHARING = {
    "Llama": {}, "Qwen2": {}, "Qwen3": {"head_dim": 16}, "SmolLM3": {}, "Granite": {},
    "Mistral": {"sliding_window": None}, "Phi3": {"num_key_value_heads": 4},
    "Gemma3Text": {"sliding_window": 64, "head_dim": 16, "sliding_window_pattern": 2},
}  # fmt: skip
FALLING_BACK = {"Mistral": {"sliding_window": 8}, "Gemma2": {"head_dim": 16}}


def build(name, changes, folder, tiny):
    import torch
    import transformers

    tiny.save_tokenizer(folder)
    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(**(SHAPE | changes))
    getattr(transformers, f"{name.removesuffix('Text')}ForCausalLM")(config).save_pretrained(folder)
    return load_model(resolve_model(str(folder), quantisation="none"))


def generated(loaded, requests):
    import torch

    answers = []
    for request in requests:
        ids = torch.tensor([request.token_ids])
        out = loaded.model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False,
            max_new_tokens=request.max_new_tokens, pad_token_id=3, eos_token_id=2,
        )  # fmt: skip
        answers.append(tuple(out[0, ids.shape[1] :].tolist()))
    return answers


@pytest.mark.parametrize("name", SHARING)
def test_prompts_share_their_prefix(name, tmp_path, tiny, make_requests):
    loaded = build(name, SHARING[name], tmp_path, tiny)
    requests = make_requests(8)
    wanted = generated(loaded, requests)
    backend = TransformersBackend(loaded)
    assert backend.shares_prefix
    assert [answer.token_ids for answer in backend.generate(requests)] == wanted


def test_texts_within_the_window_share_and_longer_ones_slide(
    tmp_path, tiny, make_requests, monkeypatch
):
    from harness.backends.plain import PlainRunner
    from harness.backends.shared_prefix import SharedPrefixRunner

    loaded = build("Mistral", {"sliding_window": 40}, tmp_path, tiny)
    requests = make_requests(24)
    wanted = generated(loaded, requests)
    backend = TransformersBackend(loaded, batch_tokens=200)
    used = []
    for runner in (PlainRunner, SharedPrefixRunner):
        prefill = runner.prefill

        def watched(self, *args, prefill=prefill, **options):
            used.append(type(self))
            return prefill(self, *args, **options)

        monkeypatch.setattr(runner, "prefill", watched)
    assert backend.shares_prefix
    assert [answer.token_ids for answer in backend.generate(requests)] == wanted
    assert set(used) == {PlainRunner, SharedPrefixRunner}
    lengths = [len(request.token_ids) + request.max_new_tokens for request in requests]
    assert min(lengths) <= 40 < max(lengths)


@pytest.mark.parametrize("name", FALLING_BACK)
def test_others_fall_back_and_say_so(name, tmp_path, tiny, make_requests):
    loaded = build(name, FALLING_BACK[name], tmp_path, tiny)
    requests = make_requests(8)
    wanted = generated(loaded, requests)
    with pytest.warns(UserWarning, match="cannot share a prefix"):
        backend = TransformersBackend(loaded)
    assert not backend.shares_prefix
    assert [answer.token_ids for answer in backend.generate(requests)] == wanted
