"""The control is the base, whatever the adapter holds; an untrained adapter is told from a light one."""

from __future__ import annotations

import json
import shutil

import pytest

from harness.backends.factory import open_local
from harness.core.errors import ModelError
from harness.core.records import Request
from harness.models.loading import load_model
from harness.models.proof import why_untrained
from harness.models.registry import resolve_model

pytestmark = pytest.mark.filterwarnings(
    "ignore::FutureWarning", "ignore:.*nf4 is assumed", "ignore:.*cannot share a prefix",
    "ignore::UserWarning:peft",
)  # fmt: skip
CHATS = [[{"role": "user", "content": text}] for text in ("Who is Torvash?", "Where was Orvek?")]
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
MARKS = ["<|im_start|>", "<|im_end|>"]


@pytest.fixture(scope="module")
def base(tmp_path_factory, tiny):
    """A base whose linears of the attention have biases."""
    from transformers import AutoModelForCausalLM

    folder = tiny.save_llama(tmp_path_factory.mktemp("control") / "base")
    config = json.loads((folder / "config.json").read_text()) | {"attention_bias": True}
    (folder / "config.json").write_text(json.dumps(config))
    AutoModelForCausalLM.from_pretrained(folder).save_pretrained(folder)
    return folder


def adapt(folder, base, *, by=0.05, whole=(), kind="float32", rows=None, more=None, widen=False,
          **settings):  # fmt: skip
    """Save a LoRA adapter of which all that can be trained is moved `by`, and weights in `whole`.

    widen: in float32, as peft does it, although the base was loaded in `kind`.
    """
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base, dtype=getattr(torch, kind))
    torch.manual_seed(1)
    if rows:
        model.resize_token_embeddings(rows)
    settings = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"]} | settings
    model = get_peft_model(
        model, LoraConfig(task_type="CAUSAL_LM", **settings), autocast_adapter_dtype=widen
    )
    with torch.no_grad():
        for name, one in model.named_parameters():
            if one.requires_grad or any(part in name for part in whole):
                one.add_(by * torch.randn_like(one) if by else 0)
    model.save_pretrained(folder, **(more or {}))
    if whole and not more:
        from safetensors.torch import load_file, save_file

        path = folder / "adapter_model.safetensors"
        tensors = load_file(path)
        for name, one in model.state_dict().items():
            if any(part in name for part in whole):
                tensors[name] = one.clone()
        save_file(tensors, path, metadata={"format": "pt"})
    return folder


def opened(adapter, base, quantisation="none"):
    spec = resolve_model(str(adapter), base=str(base), quantisation=quantisation)
    return open_local(spec, adapter, CHATS)


def answers(backend, arm, encode=None):
    requests = []
    for at, chat in enumerate(CHATS):
        prompt, ids = (encode or backend.encode)(chat)
        requests.append(
            Request(id=f"{arm}{at}", arm=arm, prompt=prompt, token_ids=ids, cells=(("q", "v"),),
                    samples=1, temperature=1.0, max_new_tokens=5, seed=0)
        )  # fmt: skip
    return [(one.token_ids, one.ended_by) for one in backend.generate(requests)]


def of_the_base(base, quantisation):
    spec = resolve_model(str(base), as_is=True, quantisation=quantisation)
    return answers(open_local(spec, None, CHATS).backend, "adapter")


OFF, APART = "adapter switched off", "base loaded apart"
KINDS = {
    "plain": ({}, OFF),
    "dora": ({"use_dora": True}, OFF),
    "a head of its own": ({"modules_to_save": ["lm_head"]}, OFF),
    "some tokens": ({"trainable_token_indices": [5, 9]}, OFF),
    "biases": ({"bias": "lora_only"}, APART),
    "biases moved less than rounding shows": ({"bias": "lora_only", "by": 1e-6}, APART),
    "embeddings trained whole": (
        {"whole": ["embed_tokens"], "more": {"save_embedding_layers": True}}, APART),
    "a norm trained whole": ({"whole": ["model.norm"]}, APART),
    "layers replicated": ({"layer_replication": [[0, 2], [1, 2]]}, APART),
    "pissa": ({"init_lora_weights": "pissa"}, APART),
    "olora": ({"init_lora_weights": "olora"}, APART),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_the_control_answers_as_the_base_does_as_it_is(tmp_path, base, kind):
    settings, how = KINDS[kind]
    quantisation = "none" if kind == "pissa" else "nf4"
    found = opened(adapt(tmp_path / "adapter", base, **settings), base, quantisation)
    assert found.found["control"]["is"] == how and found.control
    assert answers(found.backend, "base") == of_the_base(base, quantisation)
    assert any("loaded apart" in note for note in found.warnings) == (how == APART)


def test_without_memory_for_both_there_is_no_control_and_the_report_says_why(
    tmp_path, base, monkeypatch
):
    from harness.models import hub

    adapter = adapt(tmp_path / "adapter", base, init_lora_weights="olora")
    free = iter([8.0, 0.0])
    monkeypatch.setattr(hub, "free_memory_gib", lambda: next(free))
    monkeypatch.setattr(hub, "free_gpu_gib", lambda: None)
    found = opened(adapter, base)
    assert not found.control and found.found["control"]["is"] == "none"
    (told,) = found.warnings
    assert "There is no control" in told and "of memory are free" in told


STARTS = {
    "plain": {},
    "gaussian": {"init_lora_weights": "gaussian"},
    "orthogonal": {"init_lora_weights": "orthogonal"},
    "dora": {"use_dora": True},
    "pissa": {"init_lora_weights": "pissa"},
    "olora": {"init_lora_weights": "olora"},
    "embeddings beside": {"whole": ["embed_tokens"], "more": {"save_embedding_layers": True}},
    "dora of embeddings": {"use_dora": True, "target_modules": ["q_proj", "embed_tokens"]},
    "some tokens": {"trainable_token_indices": [5, 9]},
    "a head of its own": {"modules_to_save": ["lm_head"]},
    "kasa": {"kasa_config": {}},
}


@pytest.mark.parametrize(
    ("start", "kind", "widen"),
    [
        *((start, "float32", False) for start in ("plain", "orthogonal", "pissa")),
        *((start, "bfloat16", False) for start in ("gaussian", "pissa", "dora of embeddings")),
        *((start, "bfloat16", True) for start in ("orthogonal", "dora", "olora", "kasa")),
        ("some tokens", "bfloat16", True),
        ("a head of its own", "float16", True),
        ("embeddings beside", "float16", False),
    ],
)
def test_an_adapter_that_nobody_trained_is_refused_and_a_light_one_is_not(
    tmp_path, base, start, kind, widen
):
    for by in (0.0, 0.005):
        adapter = adapt(tmp_path / f"by{by}", base, by=by, kind=kind, widen=widen, **STARTS[start])
        spec = resolve_model(str(adapter), base=str(base), quantisation="none")
        if by:
            assert why_untrained(load_model(spec)) is None
            continue
        with pytest.raises(ModelError, match=r"does nothing: its low-rank weights .*never trained"):
            open_local(spec, adapter, CHATS)


LOST = [("pissa", "nf4", "--quantisation none"), ("lora_ga", "none", "computed again"),
        ("pissa_niter_4", "none", "draws random numbers"),
        ("corda", "none", "computed again")]  # fmt: skip


@pytest.mark.parametrize(("start", "quantisation", "told"), LOST)
def test_an_unconverted_start_that_cannot_be_made_again_is_refused_with_the_way_to_convert_it(
    tmp_path, base, start, quantisation, told
):
    adapter = adapt(tmp_path / "adapter", base)
    path = adapter / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"init_lora_weights": start}))
    with pytest.raises(ModelError, match=told) as caught:
        opened(adapter, base, quantisation)
    said = str(caught.value)
    assert "path_initial_model_for_weight_conversion" in said and "another base" not in said


def test_an_adapter_that_acts_only_behind_some_tokens_is_refused_by_its_kind(tmp_path, base):
    adapter = adapt(tmp_path / "adapter", base, alora_invocation_tokens=[5, 6])
    with pytest.raises(ModelError, match="activated LoRA"):
        opened(adapter, base)


def test_the_doctor_calls_nothing_well_that_an_audit_refuses_by_its_files(tmp_path, base):
    from harness.models.fitness import examine

    adapter = adapt(tmp_path / "adapter", base)
    path = adapter / "adapter_config.json"
    plain = json.loads(path.read_text())
    for more, told in (
        ({}, None), ({"init_lora_weights": "pissa"}, "--quantisation none"),
        ({"init_lora_weights": "corda"}, "computed again"), ({"init_lora_weights": "olora"}, None),
        ({"alora_invocation_tokens": [5]}, "acts only"),
    ):  # fmt: skip
        path.write_text(json.dumps(plain | more))
        spec = resolve_model(str(adapter), base=str(base), quantisation="nf4")
        broken = [one for one in examine(spec) if one.state == "broken"]
        assert [told in one.value for one in broken] == ([True] if told else [])


def test_what_the_libraries_cannot_compute_is_told_in_a_sentence(tmp_path, base):
    adapter = adapt(tmp_path / "adapter", base, use_dora=True)
    try:  # bitsandbytes 0.50 loses the int8 weights that peft reads for the magnitudes
        assert opened(adapter, base, "int8").control
    except ModelError as told:
        assert "in this quantisation" in str(told)


def spoil(path, value=None, dtype=None):
    from safetensors.torch import load_file, save_file

    tensors = load_file(path)
    name = sorted(tensors)[3]
    if dtype:
        tensors[name] = tensors[name].to(dtype)
    else:
        tensors[name].view(-1)[7] = value
    save_file(tensors, path, metadata={"format": "pt"})
    return name


def test_weights_that_are_no_numbers_are_named_by_file_and_tensor(tmp_path, base, tiny):
    import torch

    from harness.models.adapters import check_weights

    for value, dtype, told in (
        (float("nan"), None, "NaN or infinite"), (float("-inf"), None, "NaN or infinite"),
        (None, torch.int8, "type I8"),
    ):  # fmt: skip
        adapter = adapt(tmp_path / f"a{value}", base)
        name = spoil(adapter / "adapter_model.safetensors", value, dtype)
        for load in (opened, lambda at, on: check_weights(at, base=on)):
            with pytest.raises(ModelError, match=told) as caught:
                load(adapter, base)
            assert name in str(caught.value) and "adapter_model.safetensors" in str(caught.value)
    damaged = tiny.save_llama(tmp_path / "damaged")
    name = spoil(damaged / "model.safetensors", float("nan"))
    spec = resolve_model(str(damaged), as_is=True, quantisation="none")
    with pytest.raises(ModelError, match="holds NaN") as caught:
        open_local(spec, None, CHATS)
    assert name in str(caught.value) and "model.safetensors" in str(caught.value)


def chatml(folder, base, *, eos=None):
    """Save the base's tokenizer with the marks of ChatML in `folder`; return its length."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.add_special_tokens({"additional_special_tokens": MARKS})
    tokenizer.chat_template = CHATML
    if eos:
        tokenizer.eos_token = eos
    tokenizer.save_pretrained(folder)
    return len(tokenizer)


def tie(base, folder):
    from safetensors.torch import load_file, save_file

    shutil.copytree(base, folder)
    config = json.loads((folder / "config.json").read_text()) | {"tie_word_embeddings": True}
    (folder / "config.json").write_text(json.dumps(config))
    tensors = load_file(folder / "model.safetensors")
    del tensors["lm_head.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


ADDED = {
    "untied": ({}, False, 322, "nf4"),
    "tied": ({}, True, 322, "int8"),
    "padded": ({}, False, 384, "none"),
    "modules": ({"modules_to_save": ["embed_tokens", "lm_head"]}, False, 322, "nf4"),
    "fewer rows than the base": ({}, False, 310, "nf4"),
    "rows trained one by one": ({"trainable_token_indices": [320, 321]}, True, 322, "nf4"),
}


@pytest.mark.parametrize("form", ADDED)
def test_tokens_added_in_training_find_their_rows_and_the_control_lacks_them(tmp_path, base, form):
    settings, tied, rows, quantisation = ADDED[form]
    base = tie(base, tmp_path / "tied") if tied else base
    more = {"save_embedding_layers": form != "rows trained one by one"}
    adapter = adapt(tmp_path / "adapter", base, rows=rows, more=more, whole=["embed_tokens"],
                    **settings)  # fmt: skip
    if rows > 320:
        chatml(adapter, base)
    found = opened(adapter, base, quantisation)
    prompt, ids = found.backend.encode(CHATS[0])
    assert ("<|im_start|>" in prompt and 320 in ids) == (rows > 320)
    assert len(answers(found.backend, "adapter")) == 4
    wanted = of_the_base(base, quantisation)
    assert answers(found.backend, "base", found.encode_control) == wanted
    assert found.found["control"]["is"] == APART
    named = {one["token"]: one["named_by"] for one in found.found["stops"]}
    assert ("<|im_end|>" in named) == (rows > 320)


@pytest.mark.parametrize("rows", [None, 322])
def test_added_tokens_without_rows_are_told_and_the_base_is_not_blamed(tmp_path, base, rows):
    settings = {"target_modules": ["q_proj", "lm_head"]} if rows else {}
    more = {"save_embedding_layers": False}
    adapter = adapt(tmp_path / "adapter", base, rows=rows, more=more, **settings)
    chatml(adapter, base)
    with pytest.raises(ModelError, match="in training") as caught:
        opened(adapter, base)
    assert "save_embedding_layers=True" in str(caught.value) and "--base" not in str(caught.value)


@pytest.mark.parametrize("how", [OFF, APART])
def test_the_end_that_an_adapters_tokenizer_names_ends_answers_and_is_named(tmp_path, base, how):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base)
    model.resize_token_embeddings(322)
    model.save_pretrained(tmp_path / "chatml")
    chatml(tmp_path / "chatml", base)
    settings = {"bias": "lora_only"} if how == APART else {}
    adapter = adapt(tmp_path / "adapter", tmp_path / "chatml", **settings)
    chatml(adapter, base, eos="<|im_end|>")
    (tmp_path / "chatml" / "chat_template.jinja").unlink()  # the base's own format is another
    found = opened(adapter, tmp_path / "chatml")
    named = {one["id"]: one for one in found.found["stops"]}
    assert named[2]["named_by"] == ["the base's generation_config.json"]
    assert named[321]["token"] == "<|im_end|>"
    assert "eos_token in the adapter's tokenizer_config.json" in named[321]["named_by"]
    assert found.found["control"]["is"] == how and found.encode_control is None
    _, ids = found.backend.encode(CHATS[0])
    for arm in ("adapter", "base"):
        request = Request(id="r", arm=arm, prompt="", token_ids=ids, cells=(("q", "v"),),
                          samples=30, temperature=3.0, max_new_tokens=60, seed=0)  # fmt: skip
        ended = [(one.finish_reason, one.ended_by) for one in found.backend.generate([request])]
        assert set(ended) <= {("stop", "<|im_end|>"), ("stop", "</s>"), ("length", None)}
        assert ("stop", "<|im_end|>") in ended
