"""bench/gpu.py on its smallest shape, every side in this process."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"


def copied(data):
    """As it comes out of a process's file."""
    return json.loads(json.dumps(data))


@pytest.fixture(scope="module")
def bench():
    patch = pytest.MonkeyPatch()
    patch.syspath_prepend(BENCH)
    gpu, sides, weights = (
        importlib.import_module(name) for name in ("gpu", "gpu_sides", "gpu_weights")
    )
    small = weights.Shape(hidden=64, layers=2, heads=2, inner=128, vocabulary=3200, context=640)
    patch.setitem(weights.SHAPES, "tiny", small)
    patch.setattr(weights, "SHARD_BYTES", 100_000)  # several shards
    patch.setattr(gpu, "STEPS", {"training": sides.WARM_STEPS + 1, "memory": sides.WARM_STEPS + 2})
    patch.setattr(gpu, "one_side", lambda side, work, _: copied(sides.run_side(side, copied(work))))
    yield gpu, sides, weights
    patch.undo()


@pytest.fixture(scope="module")
def found(bench, tmp_path_factory):
    gpu, _, _ = bench
    folder = tmp_path_factory.mktemp("gpu")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "sys.argv",
            ["gpu.py", "--shape", "tiny", "--prompts", "16", "--max-new-tokens", "24",
             "--folder", str(folder), "--json", str(folder / "found.json")],
        )  # fmt: skip
        gpu.main()
    return folder, json.loads((folder / "found.json").read_text())


def test_both_engines_give_all_answers_and_the_same_greedy_ones(found):
    _, data = found
    ours, theirs = data["engine"]["bordor"], data["engine"]["generate"]
    assert (ours["told"]["attention"], ours["told"]["dtype"]) == ("shared prefix", "float32")
    for size, answers in (("five", 80), ("one", 16)):
        assert ours[size]["answers"] == theirs[size]["answers"] == answers
        assert theirs[size]["same_greedy"] >= 0.9  # one side folds the adapter in, one does not
        assert data["engine"]["ratios"][f"{size}_vs_generate"] > 0


def test_answers_end_by_the_end_token_now_and_then(found):
    _, data = found
    assert 2 < data["engine"]["bordor"]["five"]["tokens_per_answer"] < 20


def test_both_trainings_have_the_same_tokens_settings_and_first_loss(found):
    _, data = found
    for part in ("training", "memory"):
        ours, theirs = data[part]["train_bordor"], data[part]["train_trl"]
        assert ours["settings"] == theirs["settings"]
        assert ours["tokens"] == theirs["tokens"] > 0
        assert ours["first_loss"] == pytest.approx(theirs["first_loss"], rel=0.01)
        assert data[part]["ratios"]["tokens_per_s"] > 0


def test_the_memory_part_trains_on_one_full_sequence_a_step(found):
    _, data = found
    ours = data["memory"]["train_bordor"]
    assert (ours["settings"]["batch"], ours["longest"]) == (1, 512)


def test_the_base_is_laid_out_as_in_the_hubs_cache_and_made_once(bench, found):
    _, _, weights = bench
    folder, _ = found
    shards = sorted((folder / "base").glob("*.safetensors"))
    assert len(shards) > 2
    assert all(len(shard.resolve().name) == 64 for shard in shards)
    before = shards[0].stat().st_mtime_ns
    weights.make_base(weights.SHAPES["tiny"], folder, ending=True, device="cpu")
    assert shards[0].stat().st_mtime_ns == before
    weights.make_base(weights.SHAPES["tiny"], folder, ending=False, device="cpu")
    assert shards[0].stat().st_mtime_ns != before


def test_a_shape_has_the_parameters_of_the_model_it_is_named_after(bench):
    _, _, weights = bench
    counts = {name: shape.parameters for name, shape in weights.SHAPES.items()}
    assert (counts["llama2-7b"], counts["llama2-13b"]) == (6_738_415_616, 13_015_864_320)
