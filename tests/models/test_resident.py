"""One base for several adapters: each answers as a fresh load would, in whatever order."""

from __future__ import annotations

import json
import shutil

import pytest

from harness.backends.local import TransformersBackend
from harness.core.errors import ModelError
from harness.core.records import Request
from harness.models.adapters import is_plain_lora
from harness.models.loading import load_model
from harness.models.proof import prove_adapter_acts
from harness.models.registry import resolve_model
from harness.models.resident import Resident

pytestmark = pytest.mark.filterwarnings(
    "ignore::FutureWarning", "ignore:.*nf4 is assumed", "ignore:.*cannot share a prefix"
)
PROMPTS = [(1, *range(20, 34), last) for last in (5, 9, 40)]
HOWS = ["nf4", "none", "int8", "nf4 in bf16"]


def save_lora(folder, base, *, seed, whole_embeddings=False, **settings):
    """Save a random LoRA adapter for the model in `base` with settings of peft."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    settings = {"r": 2, "lora_alpha": 16, "target_modules": ["q_proj"]} | settings
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(base), LoraConfig(task_type="CAUSAL_LM", **settings)
    )
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad or ("embed_tokens" in name and whole_embeddings):
            with torch.no_grad():
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.05)
    model.save_pretrained(folder, save_embedding_layers=whole_embeddings)
    return folder


@pytest.fixture(scope="module")
def adapters(tmp_path_factory, llama, tiny):
    """Three adapters of one base; the third is for other linears and of another rank."""
    root = tmp_path_factory.mktemp("several")
    return [
        *(tiny.save_adapter(root / name, llama, seed=at) for at, name in enumerate("ab")),
        save_lora(root / "c", llama, seed=3, target_modules=["q_proj", "lm_head"]),
    ]


def specification(folder, quantisation="none"):
    how, _, dtype = quantisation.partition(" in ")
    spec = resolve_model(str(folder), quantisation=how)
    return spec.model_copy(update={"compute_dtype": "bfloat16"}) if dtype else spec


def answers(loaded, *, fold=True):
    """Ids, log-probabilities and entropies of both arms, and what the proof says."""
    acts = prove_adapter_acts(loaded, PROMPTS) if loaded.adapter else None
    backend = TransformersBackend(loaded, fold=fold, workers=1)
    requests = [
        Request(id=f"{arm}{at}", arm=arm, prompt="", token_ids=ids, cells=(("q", "v"),), samples=2,
                temperature=1.0, max_new_tokens=6, seed=0)
        for arm in ("adapter", "base") for at, ids in enumerate(PROMPTS)
    ]  # fmt: skip
    return acts, backend.identity, backend.generate(requests)


def of_the_base(found):
    return [answer for answer in found[2] if answer.arm == "base"]


@pytest.mark.parametrize(
    ("how", "fold"), [*((how, True) for how in HOWS), ("nf4", False), ("none", False)]
)
def test_adapters_in_any_order_answer_as_fresh_loads_do(adapters, how, fold):
    specs = [specification(folder, how) for folder in adapters]
    fresh = [answers(load_model(spec), fold=fold) for spec in specs]
    assert fresh[0][2] != fresh[1][2] != fresh[2][2]
    resident = Resident()
    for at in (2, 0, 1, 1, 0):
        found = answers(resident.attach(specs[at]), fold=fold)
        assert found == fresh[at]
        assert of_the_base(found) == of_the_base(fresh[0])
    assert resident.loads == 1


def test_a_whole_model_takes_its_turn_too(adapters, llama):
    spec = specification(llama)
    fresh = answers(load_model(spec))
    resident = Resident()
    for folder in adapters[:2]:
        assert answers(resident.attach(spec)) == fresh
        assert answers(resident.attach(specification(folder)))[2] != fresh[2]
    assert answers(resident.attach(spec)) == fresh and resident.loads == 1


MORE = {
    "a module trained whole": {"modules_to_save": ["lm_head"]},
    "embeddings trained whole": {"whole_embeddings": True},
    "low-rank embeddings": {"target_modules": ["q_proj", "embed_tokens"]},
    "magnitudes": {"use_dora": True},
    "biases": {"lora_bias": True},
    "some tokens": {"trainable_token_indices": [5, 9]},
    "weights made from the base's": {"init_lora_weights": "pissa"},
}


@pytest.mark.parametrize("what", MORE)
def test_what_may_change_the_base_has_one_of_its_own(tmp_path, adapters, llama, what):
    more = save_lora(tmp_path / "more", llama, seed=5, **MORE[what])
    specs = [specification(folder) for folder in (adapters[0], more)]
    fresh = [answers(load_model(spec)) for spec in specs]
    resident = Resident()
    for at in (0, 1, 0):
        assert answers(resident.attach(specs[at])) == fresh[at]
    assert resident.loads == 3 and not is_plain_lora(more)


def test_settings_that_nobody_knows_count_as_more(tmp_path, adapters):
    copy = shutil.copytree(adapters[0], tmp_path / "copy")
    assert is_plain_lora(copy)
    change(copy / "adapter_config.json", use_something_new=True)
    assert not is_plain_lora(copy)


def change(path, **entries):
    data = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps(data | entries))


def rewrite(folder, edit):
    from safetensors.torch import load_file, save_file

    path = folder / "adapter_model.safetensors"
    tensors = load_file(path)
    edit(tensors)
    save_file(tensors, path, metadata={"format": "pt"})


PLACE = "base_model.model.model.layers.1.mlp.up_proj.lora_B.weight"
BROKEN = {
    "pickled": (lambda at: (at / "adapter_model.safetensors").rename(at / "adapter_model.bin"),
                "pickled"),
    "damaged": (lambda at: (at / "adapter_model.safetensors").write_bytes(b"{"), "damaged"),
    "no LoRA": (lambda at: change(at / "adapter_config.json", peft_type="LOHA"), "only LORA"),
    "incomplete": (lambda at: rewrite(at, lambda t: t.pop(PLACE)), "lacks weights"),
    "unexpected": (lambda at: rewrite(at, lambda t: t.update({f"odd.{PLACE}": t[PLACE].clone()})),
                   "the base does not have"),
    "narrow": (lambda at: rewrite(at, lambda t: t.update({PLACE: t[PLACE][:8].contiguous()})),
               "size mismatch"),
    "of another base": (lambda at: change(at / "card.json", base_hash="0" * 64), "another base"),
    "trained in 8 bits": (lambda at: change(at / "card.json", quantisation="int8"), "in int8"),
    "of another template": (lambda at: change(at / "card.json", template="0" * 12), "template"),
}  # fmt: skip


@pytest.mark.parametrize(("what", "fold"), [*((what, True) for what in BROKEN), ("narrow", False)])
def test_a_broken_adapter_is_refused_and_the_one_before_answers_on(tmp_path, adapters, what, fold):
    broken = shutil.copytree(adapters[1], tmp_path / "broken")
    damage, told = BROKEN[what]
    damage(broken)
    spec = specification(adapters[0], "nf4").model_copy(update={"quantisation_source": "spec"})
    wrong = spec.model_copy(update={"adapter": str(broken)})
    resident = Resident()
    loaded = resident.attach(spec)
    backend = TransformersBackend(loaded, fold=fold, workers=1)
    request = Request(id="r", arm="adapter", prompt="", token_ids=PROMPTS[0], cells=(("q", "v"),),
                      samples=2, temperature=1.0, max_new_tokens=6, seed=0)  # fmt: skip
    before = backend.generate([request])
    for load in (load_model, resident.attach):
        with pytest.raises(ModelError, match=told):
            load(wrong)
    assert backend.generate([request]) == before
    assert answers(resident.attach(spec), fold=fold) == answers(load_model(spec), fold=fold)
    assert resident.loads == 1


def test_each_adapter_must_be_seen_to_act(tmp_path, adapters, llama, tiny):
    silent = tiny.save_adapter(tmp_path / "silent", llama, zero=True)
    resident = Resident()
    first = answers(resident.attach(specification(adapters[0])))
    with pytest.raises(ModelError, match="the adapter does nothing"):
        answers(resident.attach(specification(silent)))
    assert answers(resident.attach(specification(adapters[0]))) == first


def test_a_model_whose_base_was_given_on_does_not_answer(adapters):
    resident = Resident()
    first = resident.attach(specification(adapters[0]))
    backend = TransformersBackend(first, workers=1)
    resident.attach(specification(adapters[1]))
    with pytest.raises(ModelError, match="attach it again"):
        backend.generate([])
    with pytest.raises(ModelError, match="attach it again"), first.without_adapter():
        pass


def test_another_base_or_quantisation_takes_the_place_of_the_first(tmp_path, adapters, tiny):
    import weakref

    other = tiny.save_adapter(
        tmp_path / "other", tiny.save_llama(tmp_path / "base", seed=7), seed=2
    )
    resident = Resident()
    for spec in (specification(adapters[0]), specification(other), specification(other, "nf4")):
        loads = resident.loads
        loaded = resident.attach(spec)
        assert resident.loads == loads + 1
        weights = [weakref.ref(module) for module in loaded.model.modules()]
        assert answers(loaded) == answers(load_model(spec))
        del loaded
    resident.release()
    assert not any(module() for module in weights)


def test_where_a_model_stops_belongs_to_its_base(tmp_path, adapters, llama):
    base = shutil.copytree(llama, tmp_path / "base")
    copy = shutil.copytree(adapters[0], tmp_path / "copy")
    change(base / "generation_config.json", eos_token_id=[2, 9])
    change(copy / "adapter_config.json", base_model_name_or_path=str(base))
    resident = Resident()
    resident.attach(specification(adapters[0]))
    loaded = resident.attach(specification(copy))
    assert loaded.model.generation_config.eos_token_id == [2, 9] and resident.loads == 2
