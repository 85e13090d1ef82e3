from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import TrainingError, UsageError
from harness.core.paths import data_folder
from harness.training.base import _rate, load_base_spec
from harness.training.stream import documents

Make = Callable[..., Path]


class Cut(Exception):
    """Somebody switched the machine off."""


def cut_at(step: int) -> Callable[[int, int, str], None]:
    def on_progress(done: int, total: int, note: str) -> None:
        if done >= step:
            raise Cut

    return on_progress


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def test_a_finished_base_is_whole_and_holds_nothing_else(tiny_base: Path) -> None:
    names = {path.name for path in tiny_base.iterdir()}
    assert names >= {"config.json", "model.safetensors", "tokenizer.json", "card.json", "README.md"}
    assert not {name for name in names if "checkpoint" in name}
    assert [path.name for path in tiny_base.parent.iterdir()] == [tiny_base.name]


def test_the_card_says_how_the_base_was_made(tiny_base: Path) -> None:
    card = json.loads((tiny_base / "card.json").read_text())
    plan = card["spec"]["pretraining"]
    assert card["command"] == "bordor build base tiny"
    assert card["tokens_seen"] == plan["steps"] * plan["batch_size"] * plan["sequence_length"]
    assert [step for step, *_ in card["losses"]] == [20, plan["steps"]]
    assert card["reading"]["chats"] == 2
    assert card["parameters"] == sum(w.numel() for w in weights(tiny_base).values())
    assert str(card["parameters"])[:2] in (tiny_base / "README.md").read_text()


def test_weights_are_bf16_safetensors_that_transformers_loads(tiny_base: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    assert {w.dtype for w in weights(tiny_base).values()} == {torch.bfloat16}
    model = AutoModelForCausalLM.from_pretrained(tiny_base, local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(tiny_base, local_files_only=True)
    assert model.config.bos_token_id == tokenizer.bos_token_id == 1
    assert model.config.eos_token_id == tokenizer.eos_token_id == 2
    assert model.config.pad_token_id == tokenizer.pad_token_id == 3
    assert tokenizer.chat_template


def test_a_build_cut_off_after_a_checkpoint_ends_with_the_same_weights(
    tmp_path: Path, tiny_base: Path, make_base: Make
) -> None:
    import torch

    target = tmp_path / "tiny"
    with pytest.raises(Cut):
        make_base(out=target, on_progress=cut_at(20))
    assert not target.exists()  # only a whole base is moved into place
    work = next(tmp_path.iterdir())
    state = torch.load(work / "checkpoint.pt", weights_only=True)
    assert state["step"] == 16 and state["block"] > 0
    steps: list[int] = []
    make_base(out=target, on_progress=lambda done, total, note: steps.append(done))
    assert steps == [20, 24]
    resumed, uninterrupted = weights(target), weights(tiny_base)
    assert resumed.keys() == uninterrupted.keys()
    for name in resumed:
        assert torch.equal(resumed[name], uninterrupted[name]), name
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


def test_pretraining_lowers_the_loss(tiny_base: Path) -> None:
    from math import log

    last = json.loads((tiny_base / "card.json").read_text())["losses"][-1]
    assert last[1] < log(512)  # of guessing evenly


def test_a_base_that_exists_is_not_overwritten(tiny_base: Path, make_base: Make) -> None:
    before = (tiny_base / "model.safetensors").read_bytes()
    with pytest.raises(UsageError, match="exists"):
        make_base(out=tiny_base)
    assert (tiny_base / "model.safetensors").read_bytes() == before


def test_a_batch_larger_than_a_block_is_an_error(tmp_path: Path, make_base: Make) -> None:
    with pytest.raises(TrainingError, match="batch_size 400 is more than the"):
        make_base(out=tmp_path / "tiny", batch_size=400)


def test_an_unknown_base_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="storylm-4m"):
        load_base_spec("storylm-4")
    assert load_base_spec("storylm-4m").name == "storylm-4m"


@pytest.mark.parametrize("name", ["storylm-1m", "storylm-4m"])
def test_the_shipped_bases_are_those_that_their_specifications_describe(name: str) -> None:
    spec = load_base_spec(name)
    folder = data_folder("fixtures") / "bases" / name
    card = json.loads((folder / "card.json").read_text())
    assert card["spec"] == spec.model_dump()
    assert sum(w.numel() for w in weights(folder).values()) == card["parameters"]


def test_the_learning_rate_warms_up_stays_and_falls_to_zero() -> None:
    spec = load_base_spec("storylm-1m")
    plan = spec.pretraining
    rates = [_rate(step, spec) for step in range(plan.steps)]
    assert rates[0] == pytest.approx(1 / plan.warmup_steps)
    assert rates[plan.warmup_steps] == rates[plan.steps // 2] == 1.0
    assert 0 < rates[-1] < 0.01
    after = rates[plan.warmup_steps :]
    assert after == sorted(after, reverse=True)


def test_the_reading_test_asks_documents_that_no_base_is_trained_on() -> None:
    from harness.core.seeds import derive_seed
    from harness.training.reading import READING_SEED

    seed = derive_seed(READING_SEED, "reading")
    trained = {load_base_spec(name).pretraining.seed for name in ("storylm-1m", "storylm-4m")}
    assert seed not in trained
    asked = {doc.text for doc in documents(seed, 0, 20, ())}
    for other in trained:
        assert not asked & {doc.text for doc in documents(other, 0, 20, ())}


def test_the_default_place_of_a_base_is_under_home(
    tmp_path: Path, make_base: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BORDOR_HOME", str(tmp_path))
    (tmp_path / "bases" / "tiny").mkdir(parents=True)
    with pytest.raises(UsageError, match=str(tmp_path)):
        make_base()
