"""A damaged file beside a model or an adapter is told by its name and its key, and loads nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.core.errors import ModelError
from harness.models.loading import load_tokenizer
from harness.models.nets import blamed_on, within_time
from harness.models.registry import resolve_model
from harness.models.shapes import read_adapter_config, read_card, read_model_config

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore:.*nf4 is assumed")

ADAPTER = [
    ("r", "16"), ("r", 0), ("r", True), ("r", 10**30), ("lora_alpha", "x"), ("lora_dropout", 2),
    ("target_modules", 3), ("target_modules", {"a": 1}), ("target_modules", [1]),
    ("target_modules", "("), ("target_modules", "(a+)+$"), ("target_modules", "x" * 20000),
    ("exclude_modules", "[z-a]"), ("modules_to_save", "lm_head"), ("layers_pattern", "*"),
    ("layers_pattern", ["(?P<n"]), ("layers_to_transform", "all"), ("rank_pattern", ["q"]),
    ("rank_pattern", {"q": "8"}), ("rank_pattern", {"(": 8}), ("alpha_pattern", {"q": None}),
    ("alpha_pattern", {"((a*)*)*": 1}), ("bias", 1), ("use_dora", "yes"), ("fan_in_fan_out", 1),
    ("init_lora_weights", 1.5), ("layer_replication", [[0, "x"]]), ("revision", 4),
    ("revision", "http://host"), ("trainable_token_indices", "all"), ("task_type", []),
    ("megatron_config", {}), ("base_model_name_or_path", 7), ("base_model_name_or_path", ["a/b"]),
    ("base_model_name_or_path", "a/" + "y" * 5000), ("loftq_config", 1),
]  # fmt: skip


def test_a_wrong_key_of_an_adapter_is_named(adapter, tmp_path):
    copy = shutil.copytree(adapter, tmp_path / "copy")
    path = copy / "adapter_config.json"
    whole = json.loads(path.read_text())
    for key, value in ADAPTER:
        path.write_text(json.dumps(whole | {key: value}))
        with pytest.raises(ModelError) as caught:
            resolve_model(str(copy))
        told = str(caught.value)
        assert f"{path}: '{key}'" in told and len(told) < 400 and "\n" not in told, (key, value)


FINE = [
    {"target_modules": "all-linear"}, {"target_modules": ["q_proj"], "layers_pattern": None},
    {"target_modules": r"^(?!.*(vision|head)).*(?:q_proj|v_proj|[a-z]{1,}\.x+).*$"},
    {"rank_pattern": {"^layers.0.q_proj": 4}, "alpha_pattern": {"q": 8.5}}, {"lora_alpha": 8.0},
    {"init_lora_weights": "pissa_niter_4", "unknown_key_of_tomorrow": {"a": [1]}},
    {"modules_to_save": ["lm_head"], "bias": "lora_only", "revision": "v1.0"},
    {"layers_to_transform": 3}, {"trainable_token_indices": {"embed_tokens": [1, 2]}},
]  # fmt: skip


def test_what_peft_writes_passes(adapter, tmp_path):
    copy = shutil.copytree(adapter, tmp_path / "copy")
    whole = json.loads((copy / "adapter_config.json").read_text())
    for more in FINE:
        (copy / "adapter_config.json").write_text(json.dumps(whole | more))
        assert read_adapter_config(copy)["peft_type"] == "LORA"


BROKEN_JSON = ["", "[1]", "null", "{", "[" * 100_000, '{"a": 1e999}', '{"a": ' + "9" * 5000 + "}"]


def test_a_file_that_is_no_object_is_named(adapter, llama, tmp_path):
    copy = shutil.copytree(adapter, tmp_path / "copy")
    for name in ("adapter_config.json", "card.json"):
        kept = (copy / name).read_bytes() if (copy / name).exists() else None
        for text in BROKEN_JSON:
            (copy / name).write_text(text)
            with pytest.raises(ModelError, match=name):
                resolve_model(str(copy))
        (copy / name).write_bytes(b"\xff\xfe{}")
        with pytest.raises(ModelError, match="UTF-8"):
            resolve_model(str(copy))
        (copy / name).unlink() if kept is None else (copy / name).write_bytes(kept)


MODEL = [
    ("hidden_size", "x"), ("hidden_size", 0), ("hidden_size", -1), ("num_hidden_layers", 10**9),
    ("num_hidden_layers", True), ("num_attention_heads", None), ("vocab_size", "many"),
    ("vocab_size", 10**12), ("quantization_config", [1]), ("quantization_config", "nf4"),
    ("rope_scaling", 3), ("eos_token_id", "2"), ("eos_token_id", [None]), ("model_type", ["llama"]),
    ("architectures", "LlamaForCausalLM"), ("dtype", 16), ("text_config", []),
    ("tie_word_embeddings", "no"), ("attn_implementation", "somebody/kernel"),
    ("transformers_weights", "other.safetensors"), ("max_position_embeddings", "long"),
]  # fmt: skip


def test_a_wrong_key_of_a_model_is_named(llama, tmp_path):
    path = tmp_path / "config.json"
    whole = json.loads((llama / "config.json").read_text())
    for key, value in MODEL:
        path.write_text(json.dumps(whole | {key: value}))
        if value is None:
            read_model_config(tmp_path)
            continue
        with pytest.raises(ModelError, match=f"config.json: '{key}'"):
            read_model_config(tmp_path)
    path.write_text(json.dumps({"text_config": {"hidden_size": "x"}}))
    with pytest.raises(ModelError, match="text_config: 'hidden_size'"):
        read_model_config(tmp_path)


CARDS = [("story", 5), ("recipe", ["a"]), ("model", {}), ("quantisation", 4), ("base_hash", 0),
         ("template", True), ("story", "http://host/story"), ("recipe", "\\\\host\\r.toml")]  # fmt: skip


def test_a_wrong_key_of_a_card_is_named(tmp_path):
    for key, value in CARDS:
        (tmp_path / "card.json").write_text(json.dumps({key: value}))
        with pytest.raises(ModelError, match=f"card.json: '{key}'"):
            read_card(tmp_path)
    (tmp_path / "card.json").write_text('{"story": "visgar", "of_others": [1]}')
    assert read_card(tmp_path)["story"] == "visgar"


TEXTS = [
    ("tokenizer_config.json", "[]"), ("tokenizer_config.json", '{"chat_template": 3}'),
    ("tokenizer_config.json", '{"eos_token": 2}'), ("generation_config.json", "null"),
    ("tokenizer_config.json", '{"added_tokens_decoder": {"0": "x"}}'),
    ("generation_config.json", '{"eos_token_id": "</s>"}'), ("tokenizer.json", "{"),
    ("tokenizer.json", '{"model": []}'), ("tokenizer.json", '{"added_tokens": [{"id": "0"}]}'),
    ("tokenizer.json", '{"model": {"type": "BPE", "vocab": 3, "merges": []}}'),
    ("special_tokens_map.json", "[3]"), ("chat_template.jinja", b"\xff\xfe"),
]  # fmt: skip


def test_damage_beside_the_weights_is_named(llama, tmp_path):
    spec = resolve_model(str(llama))
    for number, (name, content) in enumerate(TEXTS):
        folder = shutil.copytree(llama, tmp_path / str(number))
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        with pytest.raises(ModelError, match=str(folder)) as caught:
            load_tokenizer(spec, folder)
        assert "\n" not in str(caught.value)
        if "vocab" not in str(content):  # what only the library sees is told with its folder
            assert name in str(caught.value), caught.value


CONFIGS = [
    ("num_attention_heads", 7), ("num_key_value_heads", 3), ("hidden_act", "no-such-act"),
    ("model_type", "no-such-type"), ("rope_parameters", {"rope_type": "no-such-rope"}),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value"), CONFIGS)
def test_the_doctor_lays_the_architecture_out(key, value, llama, tmp_path):
    folder = shutil.copytree(llama, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text()) | {key: value}
    (folder / "config.json").write_text(json.dumps(config))
    done = CliRunner().invoke(app, ["doctor", str(folder), "--json"])
    assert done.exception is None or isinstance(done.exception, SystemExit)
    if key == "num_key_value_heads":
        return  # transformers builds it, and loading compares the shapes
    bad = [one for one in json.loads(done.stdout)["findings"] if one["state"] == "broken"]
    assert done.exit_code == 1 and str(folder) in bad[0]["value"]


class PanicException(BaseException):
    """As a library in Rust raises it."""


ERRORS = (ValueError("bad"), TypeError(), KeyError("k"), AttributeError("a"), RuntimeError("r\ns"),
          OSError("o"), RecursionError("deep"), PanicException("panicked"), ZeroDivisionError())  # fmt: skip


def test_whatever_a_library_raises_is_one_line_of_ours():
    for error in ERRORS:
        with (
            pytest.raises(ModelError, match=r"^folder: cannot be loaded: \S+") as caught,
            blamed_on("folder: cannot be loaded"),
        ):
            raise error
        assert "\n" not in str(caught.value)
    for error in (KeyboardInterrupt(), MemoryError(), ModelError("own"), SystemExit(3)):
        with pytest.raises(type(error)) as passed, blamed_on("folder"):
            raise error
        assert passed.value is error


def test_a_template_that_never_ends_is_stopped():
    with (
        pytest.raises(ModelError, match="rendering took longer"),
        within_time(0.05, what="rendering"),
    ):
        while True:
            pass
    with within_time(60, what="rendering"):
        assert Path("x").name == "x"
