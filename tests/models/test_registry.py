"""What a user may call a model."""

from __future__ import annotations

import json

import pytest

from harness.errors import ModelError, UsageError
from harness.models.registry import base_folder, list_models, resolve_model

SHIPPED = {"storylm-4m-4bit", "storylm-1m-4bit", "llama2-7b-4bit", "llama2-13b-4bit"}


def test_all_shipped_specifications_resolve_under_their_names():
    assert set(list_models()) >= SHIPPED
    assert len(list_models()) >= 7
    for name in list_models():
        spec = resolve_model(name)
        assert spec.name == name
        assert spec.quantisation == "nf4" and spec.double_quantisation


def test_hub_models_state_their_sizes_so_that_needs_are_known_offline():
    for name in list_models():
        spec = resolve_model(name)
        if "/" in spec.base:
            assert spec.parameters and spec.download_gib
            assert spec.download_gib == pytest.approx(spec.parameters * 2 / 1024**3, rel=0.03)


def test_an_unknown_name_is_a_usage_error_with_the_nearest_and_the_list():
    with pytest.raises(UsageError, match="did you mean 'llama2-13b-4bit'") as caught:
        resolve_model("lama2-13b-4bit")
    assert all(name in str(caught.value) for name in SHIPPED)


def test_a_hub_id_with_a_revision():
    spec = resolve_model("Qwen/Qwen3-4B-Instruct-2507@abc")
    assert (spec.base, spec.revision) == ("Qwen/Qwen3-4B-Instruct-2507", "abc")
    assert base_folder(spec) is None


def test_a_model_folder_brings_its_context(llama):
    spec = resolve_model(str(llama))
    assert spec.base == str(llama) and spec.context == 256 and spec.adapter is None


def test_an_adapter_folder_leads_to_its_base(adapter, llama):
    spec = resolve_model(str(adapter))
    assert spec.adapter == str(adapter) and base_folder(spec) == llama


def test_an_adapter_without_a_base_is_an_error(tmp_path):
    (tmp_path / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA"}))
    with pytest.raises(ModelError, match="names no base"):
        resolve_model(str(tmp_path))


def test_an_empty_folder_is_no_model(tmp_path):
    with pytest.raises(ModelError, match="neither config"):
        resolve_model(str(tmp_path))


def test_quantisation_can_be_overridden_and_is_checked():
    spec = resolve_model("storylm-4m-4bit", quantisation="none")
    assert (spec.quantisation, spec.quantisation_source) == ("none", "flag")
    with pytest.raises(UsageError, match="did you mean 'nf4'"):
        resolve_model("storylm-4m-4bit", quantisation="nf44")


def test_a_base_that_was_never_built_says_how_to_build_it(tmp_path, monkeypatch):
    monkeypatch.setenv("BORDOR_HOME", str(tmp_path))
    spec = resolve_model("storylm-4m-4bit").model_copy(update={"base": "storylm-9m"})
    with pytest.raises(ModelError, match="bordor build base storylm-9m"):
        base_folder(spec)
