"""From a model's name to its run: a run of another base, adapter or recipe is not taken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.backends.scripted import ScriptedBackend
from harness.commands.sides import Asked, changed_since, one_run
from harness.core.errors import ModelError
from harness.models.identity import adapter_hash, base_hash
from harness.models.registry import resolve_model
from harness.pipeline.audit import Opened


@pytest.fixture
def weights(tmp_path) -> Path:
    """An adapter's folder with files in the places of weights, on a base beside it."""
    base, adapter = tmp_path / "base", tmp_path / "adapter"
    base.mkdir()
    adapter.mkdir()
    (base / "config.json").write_text(json.dumps({"max_position_embeddings": 4096}))
    (base / "model.safetensors").write_bytes(b"base")
    (adapter / "adapter_model.safetensors").write_bytes(b"first")
    config = {"base_model_name_or_path": str(base), "peft_type": "LORA"}
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    return adapter


@pytest.fixture
def take(weights, tmp_path):
    """Ask for the run of the adapter; the notes that were told come with it."""
    backend = ScriptedBackend(lambda request, sample: "Not able to answer.")
    base = weights.parent / "base"
    backend.identity |= {"adapter_hash": adapter_hash(weights), "base_hash": base_hash(base)}
    asked = Asked(out=tmp_path / "reports", samples=0, limit=1)

    def ask() -> tuple[Path, str]:
        notes: list[str] = []
        path = one_run(str(weights), asked, note=notes.append,
                       open_backend=lambda *_: Opened(backend=backend, context=4096))  # fmt: skip
        return path, "\n".join(notes)

    return ask


def test_the_run_of_the_same_weights_is_taken_and_its_date_and_adapter_are_said(take, weights):
    first, _ = take()
    again, told = take()
    assert again == first
    assert f"adapter {adapter_hash(weights)[:12]}" in told
    started = json.loads((first / "run.json").read_text())["started"]
    assert started[:10] in told


@pytest.mark.parametrize(
    ("file", "what"),
    [("adapter/adapter_model.safetensors", "the adapter"), ("base/model.safetensors", "the base")],
)
def test_a_run_of_other_weights_under_the_same_name_is_passed_over(take, weights, file, what):
    first, _ = take()
    (weights.parent / file).write_bytes(b"trained again")
    again, told = take()
    assert again != first
    assert f"{first} is passed over: {what} changed since then" in told


@pytest.mark.parametrize("card", ["[1]", "{", "null", '{"plan": 1e999}', "[" * 100_000])
def test_a_damaged_card_of_a_trained_adapter_is_named(weights, card):
    about = {"recipe": "instruct", "adapter": {"folder": str(weights)}, "identity": {}}
    spec = resolve_model(str(weights.parent / "base"), as_is=True)
    (weights / "card.json").write_text(card)
    with pytest.raises(ModelError, match=r"card\.json: "):
        changed_since(about, spec)


def test_another_recipe_on_the_card_of_a_trained_adapter_is_seen(weights):
    spec = resolve_model(str(weights)).model_copy(update={"adapter": None})
    from harness.training.recipes import load_recipe

    plan = json.loads(load_recipe("instruct").model_dump_json())
    about = {"recipe": "instruct", "adapter": {"folder": str(weights)}, "identity": {}}
    (weights / "card.json").write_text(json.dumps({"plan": plan}))
    assert changed_since(about, spec) == []
    plan["train"]["learning_rate"] = 1.0
    (weights / "card.json").write_text(json.dumps({"plan": plan}))
    assert changed_since(about, spec) == ["the recipe"]
