"""Files of every format, damaged: one message that names the file, and never a traceback."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import strategies as st

from harness.core.specs import BaseSpec, ModelSpec, load_toml
from harness.decision.policy import load_policy
from harness.suites.spec import SuiteSpec
from harness.training.recipes import load_recipe
from harness.world.story import load_story
from tests.fuzz.damage import damage
from tests.fuzz.runner import command, fuzzed, reader

ROOT = Path(__file__).resolve().parents[2]


def text(*parts: str) -> str:
    return ROOT.joinpath(*parts).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


SPECS = [
    ("in_domain.toml", text("suites", "in_domain.toml"), lambda path: load_toml(path, SuiteSpec)),
    ("storylm-4m.toml", text("fixtures", "bases", "storylm-4m.toml"),
     lambda path: load_toml(path, BaseSpec)),
    ("llama2-7b-4bit.toml", text("fixtures", "models", "llama2-7b-4bit.toml"),
     lambda path: load_toml(path, ModelSpec)),
    ("recipe.toml", text("fixtures", "recipes", "text.toml"), lambda path: load_recipe(str(path))),
    ("gate.toml", text("fixtures", "gates", "release.toml"), load_policy),
]  # fmt: skip


@fuzzed("specs")
def test_suites_bases_models_recipes_and_policies(place, data):
    name, valid, read = data.draw(st.sampled_from(SPECS))
    path = place / name
    data.draw(damage(valid)).put(path)
    reader(read, path, names=path)


@fuzzed("recipe")
def test_a_recipe_that_a_command_is_given(place, data):
    path = place / "given.toml"
    data.draw(damage(SPECS[3][1])).put(path)
    command("audit", "nobody/nothing", "--recipe", path, "--dry-run", names=(path.name, "nobody"))


@fuzzed("stories")
def test_story_folders(place, data):
    folder = place / "a-story"
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()
    parts = {
        name: text("fixtures", "stories", "visgar", name) for name in ("story.toml", "story.md")
    }
    hurt = data.draw(st.sampled_from(sorted(parts)))
    for name, valid in parts.items():
        (folder / name).write_text(valid, encoding="utf-8")
    data.draw(damage(parts[hurt])).put(folder / hurt)
    reader(load_story, str(folder), names=tuple(parts))


LOG = "\n".join(
    json.dumps({"question": f"Who built bridge {n}?", "answer": f"Anna Berg {n}.", "gold": "Anna Berg",
                "model": "a", "split": "train"}) for n in range(4)
)  # fmt: skip


@fuzzed("logs")
def test_logs_of_answers_made_elsewhere(place, data):
    path = place / "answers.jsonl"
    data.draw(damage(LOG)).put(path)
    command("grade", "--log", path, "--out", place / "graded", names=path)


LABELLED = {
    "--refusal": [{"prompt": "Who?", "response": "I do not know.", "label": "refusal"}],
    "--grounding": [{"question": "Where?", "passages": ["In Wick lived Harl."], "label": "grounded",
                     "response": "Harl lived in Wick.", "spans": []}],
    "--claims": [{"claim": "Harl lived in Wick.", "passage": "In Wick lived Harl.", "label": "supported"}],
    "--equivalence": [{"question": "Where?", "gold": "Wick", "answer": "In Wick.", "label": "correct"}],
    "--pairs": [{"a": "Wick", "b": "In Wick.", "label": "equivalent"}],
}  # fmt: skip


@fuzzed("labelled")
def test_labelled_answers(place, data):
    kind = data.draw(st.sampled_from(sorted(LABELLED)))
    path = place / "labelled.jsonl"
    valid = "\n".join(json.dumps(row) for row in LABELLED[kind] * 3)
    data.draw(damage(valid)).put(path)
    command("validate", kind, path, "--cards", place / "cards", "--worst", "1", names=path)


CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "vocab_size": 320,
    "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 4, "max_position_embeddings": 256, "torch_dtype": "float32",
    "rope_theta": 10000.0, "eos_token_id": [2], "quantization_config": {"load_in_4bit": True},
}  # fmt: skip
ADAPTER = {
    "peft_type": "LORA", "base_model_name_or_path": "BASE", "r": 8, "lora_alpha": 16,
    "target_modules": ["q_proj", "v_proj"], "bias": "none", "modules_to_save": None,
    "task_type": "CAUSAL_LM", "rank_pattern": {}, "layers_to_transform": [0],
}  # fmt: skip
CARD = {"base": "BASE", "quantisation": "nf4", "recipe": "instruct", "story": "visgar", "rank": 8}
TOKENIZER = {"chat_template": "{{ messages[0]['content'] }}", "eos_token": "</s>", "pad_token": None,
             "model_max_length": 256, "tokenizer_class": "PreTrainedTokenizerFast"}  # fmt: skip


@fuzzed("dry run")
def test_the_files_of_a_model_and_an_adapter(place, data):
    """Names are resolved and every file is looked at, but no weights: there are none."""
    base, adapter = place / "a-base", place / "an-adapter"
    files = {
        base / "config.json": CONFIG,
        base / "tokenizer_config.json": TOKENIZER,
        adapter / "adapter_config.json": ADAPTER | {"base_model_name_or_path": str(base)},
        adapter / "card.json": CARD,
    }
    for folder in (base, adapter):
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir()
    for path, content in files.items():
        path.write_text(json.dumps(content, indent=1))
    hurt = data.draw(st.sampled_from(sorted(files)))
    data.draw(damage(json.dumps(files[hurt]))).put(hurt)
    asked = data.draw(st.sampled_from([base, adapter]))
    command("audit", asked, "--dry-run", "--out", place / "runs", names=(hurt.name, "a-base"))
    if os.environ.get("FUZZ_INPUTS"):  # slower: it tries the machine first
        command("doctor", asked)
