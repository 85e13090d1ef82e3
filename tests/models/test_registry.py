"""What a user may call a model."""

from __future__ import annotations

import json
import shutil

import pytest

from harness.core.errors import ModelError, UsageError
from harness.core.paths import data_folder
from harness.models.registry import base_folder, list_models, names_base, resolve_model

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


def test_a_revision_belongs_to_a_hub_id_and_not_to_a_folder(adapter, llama, tmp_path):
    copy = shutil.copytree(adapter, tmp_path / "copy")
    config = json.loads((copy / "adapter_config.json").read_text()) | {"revision": "v2"}
    (copy / "adapter_config.json").write_text(json.dumps(config))
    spec = resolve_model(str(copy))
    assert base_folder(spec) == llama and spec.revision is None
    config["base_model_name_or_path"] = "org/lost"
    (copy / "adapter_config.json").write_text(json.dumps(config))
    assert resolve_model(str(copy)).revision == "v2"


def test_the_hub_is_asked_for_the_revision(monkeypatch, tmp_path):
    import huggingface_hub

    from harness.models import hub

    asked = []
    snapshot = shutil.copytree(data_folder("fixtures") / "bases" / "storylm-1m", tmp_path / "s")

    def download(base, *, revision, **options):
        asked.append(("download", base, revision, options.get("local_files_only", False)))
        return str(snapshot)

    class Api:
        def model_info(self, base, *, revision, **_):
            asked.append(("info", base, revision, False))
            raise OSError

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    spec = resolve_model("org/name@v3")
    assert hub.cached_base(spec) == snapshot
    assert hub._download(spec) == snapshot
    hub.ask_hub(spec)
    assert asked == [("download", "org/name", "v3", True), ("download", "org/name", "v3", False),
                     ("info", "org/name", "v3", False)]  # fmt: skip


def test_whether_an_adapter_names_the_base_it_is_put_on(adapter, llama, tmp_path, tiny):
    from harness.pipeline.trained_on import assumptions

    def told(spec):
        sentences = assumptions(spec, story="visgar", recipe="instruct")
        return [one for one in sentences if "nothing proves that it was trained on it" in one]

    assert names_base(adapter, resolve_model(str(adapter))) is True
    assert told(resolve_model(str(adapter))) == []
    other = tiny.save_llama(tmp_path / "other", seed=7)
    spec = resolve_model(str(adapter), base=str(other))
    assert names_base(adapter, spec) is False
    [sentence] = told(spec)
    assert str(llama) in sentence and str(other) in sentence
    copy = shutil.copytree(adapter, tmp_path / "copy")
    config = json.loads((copy / "adapter_config.json").read_text())
    for named, base, same in (
        ("org/name", "org/name", True),
        ("org/name", "org/name@v3", True),
        ("org/name", "org/other", False),
        ("org/name", str(other), False),
        ("storylm-1m", "storylm-1m-4bit", True),
    ):
        config["base_model_name_or_path"] = named
        (copy / "adapter_config.json").write_text(json.dumps(config))
        assert names_base(copy, resolve_model(str(copy), base=base)) is same, (named, base)
    cached = tmp_path / "models--org--name" / "snapshots" / "abc"
    shutil.copytree(llama, cached)
    config["base_model_name_or_path"] = "org/name"
    (copy / "adapter_config.json").write_text(json.dumps(config))
    assert names_base(copy, resolve_model(str(copy), base=str(cached))) is True
    (copy / "card.json").write_text(json.dumps({"base_hash": "0" * 64}))  # it is checked at load
    assert told(resolve_model(str(copy), base=str(other))) == []


def test_an_assumed_quantisation_is_told_in_the_report(adapter, tmp_path):
    from harness.backends.factory import Opened
    from harness.backends.scripted import ScriptedBackend
    from harness.pipeline.audit import Settings, audit

    backend = ScriptedBackend(lambda request, sample: "Not able to answer.")
    for quantisation in (None, "nf4"):
        path = audit(
            Settings(model=str(adapter), out=tmp_path, limit=1, samples=1, suites=("invented",),
                     variants=("none",), quantisation=quantisation),
            open_backend=lambda *_: Opened(backend=backend, context=4096),
        )  # fmt: skip
        told = "in which quantisation the adapter was trained: nf4 is assumed"
        assert (told in (path / "report.md").read_text()) == (quantisation is None)
