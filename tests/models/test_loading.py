"""Models are loaded as they were trained, and only from safe files."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time

import pytest

from harness.core.errors import ModelError
from harness.core.paths import CLONE
from harness.models import hub, needs
from harness.models.folding import fold_adapter
from harness.models.identity import base_hash
from harness.models.loading import load_model
from harness.models.proof import prove_adapter_acts
from harness.models.registry import resolve_model

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore:.*nf4 is assumed")
PROMPTS = [(1, 40, 41, 42), (1, 50)]


@pytest.fixture
def copy(tmp_path, adapter):
    return shutil.copytree(adapter, tmp_path / "copy")


def card(folder, **entries):
    (folder / "card.json").write_text(json.dumps(entries), encoding="utf-8")


@pytest.mark.parametrize("quantisation", ["nf4", "fp4", "int8", "none"])
def test_a_folder_in_the_hub_layout_loads_and_generates(llama, quantisation):
    import torch

    loaded = load_model(resolve_model(str(llama), quantisation=quantisation))
    ids = torch.tensor([PROMPTS[0]])
    out = loaded.model.generate(input_ids=ids, max_new_tokens=4, do_sample=False, pad_token_id=3)
    assert 5 <= out.shape[1] <= 8
    kinds = {type(module).__name__ for module in loaded.model.modules()}
    expected = {"nf4": "Linear4bit", "fp4": "Linear4bit", "int8": "Linear8bitLt", "none": "Linear"}
    assert expected[quantisation] in kinds
    assert loaded.identity["quantisation"] == quantisation
    assert loaded.identity["base_hash"] == base_hash(llama)


def test_identity_names_content_versions_and_machine(adapter):
    identity = load_model(resolve_model(str(adapter))).identity
    assert len(identity["adapter_hash"]) == len(identity["base_hash"]) == 64
    assert set(identity["libraries"]) >= {"torch", "transformers", "peft", "bitsandbytes"}
    assert identity["machine"]["threads"] >= 1 and identity["machine"]["compute_path"]
    json.dumps(identity)


def test_loading_says_nothing_on_the_terminal(adapter, capfd):
    load_model(resolve_model(str(adapter)))
    out, err = capfd.readouterr()
    assert (out, err.replace("\n", "")) == ("", "")


def test_our_own_warning_comes_through(adapter):
    with pytest.warns(UserWarning, match="nf4 is assumed"):
        load_model(resolve_model(str(adapter)))


def test_a_matching_card_passes_and_brings_the_quantisation(copy, llama):
    card(copy, base_hash=base_hash(llama), quantisation="fp4")
    loaded = load_model(resolve_model(str(copy)))
    assert (loaded.spec.quantisation, loaded.spec.quantisation_source) == ("fp4", "card")


def test_an_adapter_of_another_base_is_refused(copy):
    card(copy, base_hash="0" * 64, quantisation="nf4")
    with pytest.raises(ModelError, match="another base"):
        load_model(resolve_model(str(copy)))


def test_another_quantisation_than_in_training_is_refused_unless_asked_for(copy, llama):
    card(copy, base_hash=base_hash(llama), quantisation="nf4")
    spec = resolve_model(str(llama)).model_copy(
        update={"quantisation": "none", "quantisation_source": "spec"}
    )
    with pytest.raises(ModelError, match="trained on a base in nf4"):
        load_model(spec, adapter=copy)
    asked = resolve_model(str(copy), quantisation="none")
    assert load_model(asked).identity["quantisation_source"] == "flag"


def rewrite(folder, change):
    from safetensors.torch import load_file, save_file

    path = folder / "adapter_model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, metadata={"format": "pt"})


def test_missing_and_unexpected_adapter_weights_are_refused(copy):
    key = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
    held = {}
    rewrite(copy, lambda tensors: held.update(lost=tensors.pop(key)))
    with pytest.raises(ModelError, match="lacks weights"):
        load_model(resolve_model(str(copy)))
    rewrite(
        copy,
        lambda t: t.update(
            {key: held["lost"], key.replace("layers.0", "layers.9"): held["lost"].clone()}
        ),
    )
    with pytest.raises(ModelError, match="does not have"):
        load_model(resolve_model(str(copy)))


def test_an_adapter_of_another_width_is_refused(copy):
    rewrite(copy, lambda t: t.update({k: v[:, :32].contiguous() for k, v in t.items()
                                      if "lora_A" in k}))  # fmt: skip
    with pytest.raises(ModelError, match="does not fit"):
        load_model(resolve_model(str(copy)))


def test_pickled_weights_are_refused(tmp_path, llama, copy):
    base = shutil.copytree(llama, tmp_path / "pickled")
    (base / "model.safetensors").rename(base / "pytorch_model.bin")
    with pytest.raises(ModelError, match="pickled"):
        load_model(resolve_model(str(base)))
    (copy / "adapter_model.safetensors").rename(copy / "adapter_model.bin")
    with pytest.raises(ModelError, match="pickled"):
        load_model(resolve_model(str(copy)))


def test_damaged_weights_are_a_clear_error(tmp_path, llama):
    base = shutil.copytree(llama, tmp_path / "damaged")
    (base / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_model(resolve_model(str(base)))


def test_weights_that_are_not_there_are_not_made_up(tmp_path, llama):
    from safetensors.torch import load_file, save_file

    base = shutil.copytree(llama, tmp_path / "partial")
    tensors = load_file(base / "model.safetensors")
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, base / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="lack 1 of the weights"):
        load_model(resolve_model(str(base)))


def test_remote_code_is_not_run(tmp_path, llama):
    base = shutil.copytree(llama, tmp_path / "remote")
    config = json.loads((base / "config.json").read_text())
    config |= {"model_type": "odd", "auto_map": {"AutoModelForCausalLM": "evil.Evil"}}
    (base / "config.json").write_text(json.dumps(config))
    (base / "evil.py").write_text("raise SystemExit('ran')")
    with pytest.raises(ModelError):
        load_model(resolve_model(str(base)))


def test_the_adapter_is_proven_to_act_before_and_after_folding(adapter):
    loaded = load_model(resolve_model(str(adapter)))
    before = prove_adapter_acts(loaded, PROMPTS)
    assert before > 0.01
    assert fold_adapter(loaded)
    assert prove_adapter_acts(loaded, PROMPTS) == pytest.approx(before, rel=1e-3)


def test_an_adapter_that_does_nothing_is_refused(tmp_path, llama, tiny):
    silent = tiny.save_adapter(tmp_path / "silent", llama, zero=True)
    with pytest.raises(ModelError, match="the adapter does nothing"):
        prove_adapter_acts(load_model(resolve_model(str(silent))), PROMPTS)


def test_for_training_no_weight_is_packed_for_inference(llama):
    import torch

    loaded = load_model(resolve_model(str(llama)), for_training=True)
    assert loaded.model.training
    loaded.model(input_ids=torch.tensor([PROMPTS[0]]))
    assert not any(
        getattr(getattr(parameter, "quant_state", None), "packing_format_for_cpu", False)
        for parameter in loaded.model.parameters()
    )


@pytest.fixture
def offline(tmp_path, monkeypatch):
    from huggingface_hub import constants

    def refuse(*args, **kwargs):
        raise OSError("no network in tests")

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)


@pytest.mark.parametrize("name", ["llama2-7b-4bit", "llama2-13b-4bit"])
def test_without_weights_one_message_says_what_is_missing_and_the_ways_on(name, offline):
    started = time.monotonic()
    with pytest.raises(ModelError) as caught:
        load_model(resolve_model(name))
    assert time.monotonic() - started < 10
    text = str(caught.value)
    for part in ("not on this machine", "no hub token", "cannot be reached", "GiB of disk",
                 "GiB of memory", "hf auth login", "MODEL=<folder>",
                 "MODEL=storylm-4m-4bit"):  # fmt: skip
        assert part in text
    assert caught.value.exit_code == 1


def test_too_little_memory_is_said_before_anything_is_fetched(offline, monkeypatch):
    monkeypatch.setattr(hub, "free_memory_gib", lambda: 4.0)
    monkeypatch.setattr(hub, "free_gpu_gib", lambda: None)
    with pytest.raises(ModelError, match=r"4\.0 GiB of memory are free where 8\.2 GiB"):
        load_model(resolve_model("llama2-13b-4bit"))
    monkeypatch.setattr(hub, "free_gpu_gib", lambda: 6.0)
    with pytest.raises(ModelError, match=r"the GPU has 6\.0 GiB free"):
        load_model(resolve_model("llama2-13b-4bit"))


def test_a_folder_is_measured_before_it_is_loaded(llama, monkeypatch):
    spec = needs.measure(resolve_model(str(llama)), llama)
    assert spec.parameters == 2 * 320 * 64 + 64 + 2 * (4 * 64 * 64 + 3 * 64 * 128 + 2 * 64)
    assert spec.kept_parameters == 2 * 320 * 64
    monkeypatch.setattr(hub, "free_memory_gib", lambda: 0.0)
    monkeypatch.setattr(hub, "free_gpu_gib", lambda: None)
    with pytest.raises(ModelError, match="of memory are free where"):
        load_model(resolve_model(str(llama)))


def test_training_reaches_the_adapter_and_nothing_else(llama):
    import torch
    from peft import LoraConfig, get_peft_model

    loaded = load_model(resolve_model(str(llama)), for_training=True)
    lora = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(loaded.model, lora)
    ids = torch.tensor([PROMPTS[0]])
    model(input_ids=ids, labels=ids).loss.backward()
    with_gradient = [name for name, p in model.named_parameters() if p.grad is not None]
    assert len(with_gradient) == 2 * 2 * 7 and all("lora_" in name for name in with_gradient)


SCRIPT = """
import sys
from harness.backends.local import TransformersBackend
from harness.models.loading import load_model
from harness.models.registry import resolve_model
from harness.core.records import Request
loaded = load_model(resolve_model(sys.argv[1], quantisation="nf4"))
backend = TransformersBackend(loaded)
prompt, ids = backend.encode([{"role": "user", "content": "Who is Torvash?"}])
request = Request(id="r", arm="adapter", prompt=prompt, token_ids=ids, cells=(("q", "v"),),
                  samples=1, temperature=1.0, max_new_tokens=3, seed=0)
print(len(backend.generate([request])))
"""


def test_a_whole_run_writes_nothing_but_its_own_words(adapter):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(adapter)],
        capture_output=True,
        text=True,
        check=False,
        cwd=CLONE,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "2\n", "")


def test_needs_grow_with_size_and_bits():
    small, large = resolve_model("llama2-7b-4bit"), resolve_model("llama2-13b-4bit")
    assert 3.0 < needs.weights_gib(small) < 4.0  # Dettmers et al.: 7B in NF4 about 3.6 GiB
    assert needs.weights_gib(large) > 1.8 * needs.weights_gib(small)
    whole = large.model_copy(update={"quantisation": "none"})
    assert needs.weights_gib(whole) == pytest.approx(24.2, abs=0.1)
