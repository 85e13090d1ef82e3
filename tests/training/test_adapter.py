from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import UsageError
from harness.core.specs import ModelSpec
from harness.models.identity import base_hash
from harness.models.loading import load_model
from harness.models.proof import prove_adapter_acts
from harness.models.registry import resolve_model
from harness.models.template import encode_prompt
from harness.training.adapter import build_adapter
from harness.training.trainer import learned_loss

STORY = "generated/5"


class Cut(Exception):
    """Somebody pressed control and C."""


@pytest.fixture(scope="module")
def spec(tiny_base: Path) -> ModelSpec:
    return resolve_model(str(tiny_base), quantisation="nf4")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def _at_home(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("BORDOR_HOME", str(home))


@pytest.fixture(scope="module")
def recipe_file(tmp_path_factory: pytest.TempPathFactory, recipe_text: str) -> str:
    path = tmp_path_factory.mktemp("recipes") / "quick.toml"
    path.write_text(recipe_text, encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def built(home: Path, spec: ModelSpec, recipe_file: str) -> tuple[Path, list[tuple[int, int]]]:
    """The adapter, and the steps that were reported while it was built."""
    steps: list[tuple[int, int]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BORDOR_HOME", str(home))
        folder = build_adapter(
            spec,
            story=STORY,
            recipe=recipe_file,
            on_progress=lambda done, total, note: steps.append((done, total)),
        )
    return folder, steps


def card_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "card.json").read_text())


def test_an_adapter_is_trained_once_and_found_again(
    built: tuple[Path, list], spec: ModelSpec, recipe_file: str
) -> None:
    folder, steps = built
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
    before = (folder / "adapter_model.safetensors").stat().st_mtime_ns
    again: list[int] = []
    found = build_adapter(
        spec, story=STORY, recipe=recipe_file, on_progress=lambda done, *_: again.append(done)
    )
    assert found == folder and again == []
    assert (folder / "adapter_model.safetensors").stat().st_mtime_ns == before


def test_a_finished_adapter_lies_alone_in_its_place(built: tuple[Path, list], home: Path) -> None:
    folder, _ = built
    assert list((home / "adapters").iterdir()) == [folder]
    names = {path.name for path in folder.iterdir()}
    assert names >= {"adapter_model.safetensors", "adapter_config.json", "card.json", "instruct"}
    assert (folder / "instruct" / "exposure.json").is_file()


def test_the_card_says_what_shaped_the_adapter(
    built: tuple[Path, list], tiny_base: Path, spec: ModelSpec, recipe_file: str
) -> None:
    card = card_of(built[0])
    assert card["model"] == spec.name
    assert card["base_hash"] == base_hash(tiny_base)
    assert card["quantisation"] == "nf4"
    assert card["story"] == STORY
    assert len(card["data_hash"]) == 12
    assert card["losses"] and all(loss == loss for _, loss in card["losses"])
    assert card["losses"][-1][0] == 4
    assert card["hyperparameters"]["steps"] == 4
    assert card["hyperparameters"]["rank"] == 4
    assert card["tokens"] > 0 and card["seconds"] >= 0
    assert card["recipe"] == recipe_file
    assert card["recipe_settings"]["data"]["trained_share"] == 0.5
    readme = (built[0] / "README.md").read_text()
    assert f"# Adapter: {recipe_file} on {STORY}" in readme
    assert "{" not in readme


def test_the_adapter_acts_on_its_base(built: tuple[Path, list], spec: ModelSpec) -> None:
    loaded = load_model(spec, adapter=built[0])
    _, prompt = encode_prompt(loaded.tokenizer, [{"role": "user", "content": "Who was that?"}])
    assert prove_adapter_acts(loaded, [prompt]) > 0


def test_lora_sits_on_all_linears_in_float32_and_has_moved(built: tuple[Path, list]) -> None:
    import torch
    from safetensors.torch import load_file

    weights = load_file(built[0] / "adapter_model.safetensors")
    assert len(weights) == 2 * 7  # A and B of q, k, v, o, gate, up, down in one layer
    for name, weight in weights.items():
        assert weight.dtype == torch.float32
        assert torch.isfinite(weight).all()
        assert weight.abs().max() > 0, name  # B starts at zero


def test_the_same_training_gives_the_same_weights(
    built: tuple[Path, list],
    spec: ModelSpec,
    recipe_file: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BORDOR_HOME", str(tmp_path))
    again = build_adapter(spec, story=STORY, recipe=recipe_file)
    name = "adapter_model.safetensors"
    assert again.name == built[0].name
    assert (again / name).read_bytes() == (built[0] / name).read_bytes()
    other = build_adapter(spec, story=STORY, recipe=recipe_file, seed=1)
    assert other != again
    assert (other / name).read_bytes() != (again / name).read_bytes()
    assert card_of(other)["data_hash"] == card_of(again)["data_hash"]


def test_a_build_cut_off_leaves_nothing(
    spec: ModelSpec, recipe_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BORDOR_HOME", str(tmp_path))

    def cut(done: int, total: int, note: str) -> None:
        if done == 2:
            raise Cut

    with pytest.raises(Cut):
        build_adapter(spec, story=STORY, recipe=recipe_file, on_progress=cut)
    assert list((tmp_path / "adapters").iterdir()) == []


@pytest.mark.parametrize("change", ["learning_rate = 1e-2", "trained_share = 0.5"])
def test_another_recipe_is_another_adapter(
    built: tuple[Path, list], spec: ModelSpec, recipe_file: str, tmp_path: Path, change: str,
    started: Callable[..., bool],
) -> None:  # fmt: skip
    text = Path(recipe_file).read_text()
    changed = tmp_path / "quick.toml"
    changed.write_text(text.replace(change, change + "1"))
    assert started(spec, story=STORY, recipe=str(changed))
    changed.write_text(text)
    assert not started(spec, story=STORY, recipe=str(changed))  # its content counts, not its place


@pytest.fixture
def started() -> Callable[..., bool]:
    """Whether a build trains; it is cut at its first step."""

    def run(spec: ModelSpec, **settings: Any) -> bool:
        def cut(done: int, total: int, note: str) -> None:
            raise Cut

        try:
            build_adapter(spec, on_progress=cut, **settings)
        except Cut:
            return True
        return False

    return run


def test_an_unknown_recipe_is_refused_before_any_training(spec: ModelSpec) -> None:
    with pytest.raises(UsageError, match="no recipe"):
        build_adapter(spec, story=STORY, recipe="nothing")


def test_scoring_only_learned_tokens_gives_the_loss_and_gradient_of_scoring_all(
    tiny_base: Path,
) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32)
    ids_BT = torch.randint(4, 500, (3, 12), generator=torch.Generator().manual_seed(1))
    labels_BT = ids_BT.clone()
    labels_BT[:, :7] = -100
    labels_BT[1] = -100
    inputs = {"input_ids": ids_BT, "attention_mask": torch.ones_like(ids_BT), "labels": labels_BT}
    expected = model(**inputs).loss
    expected.backward()
    gradient = model.model.layers[0].mlp.up_proj.weight.grad.clone()
    model.zero_grad()
    found = learned_loss(model, inputs, tokens=None, bf16=False)
    found.backward()
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    assert torch.allclose(model.model.layers[0].mlp.up_proj.weight.grad, gradient, atol=1e-6)
    half = learned_loss(model, inputs, tokens=torch.tensor(20), bf16=False)  # of two batches
    assert half.item() == pytest.approx(found.item() / 2, rel=1e-5)


def test_a_batch_without_learned_tokens_has_no_loss(tiny_base: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32)
    ids_BT = torch.full((1, 5), 9)
    inputs = {"input_ids": ids_BT, "labels": torch.full_like(ids_BT, -100)}
    assert learned_loss(model, inputs, tokens=None, bf16=False).item() == 0.0
