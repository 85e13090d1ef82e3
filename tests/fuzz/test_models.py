"""A model and an adapter that load, one file of theirs damaged: examined, then loaded."""

from __future__ import annotations

import os
import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from harness.models.fitness import examine
from harness.models.loading import load_model
from harness.models.registry import resolve_model
from harness.prompts.variants import load_variants, render_variant
from tests.fuzz.damage import bytes_damage, damage
from tests.fuzz.runner import fuzzed, reader
from tests.models.conftest import save_adapter, save_as_llama_2, write_card

BASE = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
        "model.safetensors.index.json", "model-00001-of-00002.safetensors")  # fmt: skip
ADAPTER = ("adapter_config.json", "adapter_model.safetensors", "card.json", "tokenizer.json",
           "tokenizer_config.json", "chat_template.jinja", "special_tokens_map.json",
           "added_tokens.json", "generation_config.json")  # fmt: skip
TEMPLATE = (
    "{% for m in messages %}{{ bos_token if loop.first else '' }}[INST] {{ m['content'] }} [/INST]"
    "{% if m['role'] == 'assistant' %} {{ eos_token }}{% endif %}{% endfor %}"
)
TEXTS = {
    "chat_template.jinja": TEMPLATE,
    "special_tokens_map.json": '{"eos_token": {"content": "</s>", "lstrip": false}}',
    "added_tokens.json": '{"<s>": 1}',
    "generation_config.json": '{"eos_token_id": [2], "do_sample": true, "temperature": 0.6}',
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A folder of `base` and `adapter`, to be left as they are."""
    folder = tmp_path_factory.mktemp("whole")
    save_adapter(folder / "adapter", save_as_llama_2(folder / "base"))
    write_card(folder / "adapter", quantisation="none", story="visgar", recipe="instruct")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(folder / "base" / name, folder / "adapter" / name)
    for name, text in TEXTS.items():
        if not (folder / "adapter" / name).exists():
            (folder / "adapter" / name).write_text(text)
    return folder


def hurt(whole: Path, place: Path, data: Any) -> Path:
    """A copy in `place` with one file damaged; that file."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(whole, place, copy_function=os.link)
    name = data.draw(
        st.sampled_from([f"base/{n}" for n in BASE] + [f"adapter/{n}" for n in ADAPTER])
    )
    path = place / name
    if path.suffix == ".safetensors":
        how = data.draw(bytes_damage(path.read_bytes()))
    else:
        how = data.draw(damage(path.read_text(encoding="utf-8")))
    how.put(path)
    return path


@fuzzed("model")
def test_a_damaged_model_or_adapter_is_named(whole, tmp_path_factory, data):
    place = tmp_path_factory.getbasetemp() / "a-model"
    path = hurt(whole, place, data)
    chats = {one.id: render_variant("Who?", one, seed=0) for one in load_variants()}

    def resolved() -> Any:
        return resolve_model(str(place / "adapter"), base=str(place / "base"))

    names = (path.name, str(place / "adapter"), str(place / "base"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # libraries about what they read
        spec = reader(resolved, names=names)
        if spec is None:
            return
        found: Any = reader(lambda: examine(spec, chats=chats), names=names)
        broken = [one for one in found or () if one.state == "broken"]
        loaded = reader(lambda: load_model(spec), names=names)
    assert loaded is not None or found is None or broken, "the doctor found nothing wrong"
