"""Where a model comes from: what a file may name, what lies in folders, adapters on the hub."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.core.errors import ModelError, SpecError, UsageError
from harness.core.paths import data_folder
from harness.models.registry import base_folder, resolve_model

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore:.*nf4 is assumed")
KEY = "sk-test-0123456789"


def naming(adapter: Path, folder: Path, base: object, **more: object) -> Path:
    """A copy of an adapter that names another base."""
    copy = shutil.copytree(adapter, folder)
    config = json.loads((copy / "adapter_config.json").read_text())
    config |= {"base_model_name_or_path": base, **more}
    (copy / "adapter_config.json").write_text(json.dumps(config))
    return copy


ADDRESSES = (
    "openai:http://127.0.0.1:9/v1#m", " openai:http://127.0.0.1:9/v1#m", "OpenAI:http://h/v1",
    "http://127.0.0.1:9/v1", "https://host/model", "file:///etc", "s3://bucket/model", "hf://org/a",
    "//host/share/model", "\\\\host\\share\\model", "org/name\nopenai:http://h",
)  # fmt: skip


@pytest.mark.parametrize("base", ADDRESSES)
def test_a_file_never_leads_to_an_address(base, adapter, tmp_path, monkeypatch):
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("something was contacted"))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    evil = naming(adapter, tmp_path / "evil", base)
    with pytest.raises(ModelError, match=r"adapter_config\.json") as caught:
        resolve_model(str(evil))
    assert caught.value.exit_code == 1 and "\n" not in str(caught.value)
    done = CliRunner().invoke(app, ["doctor", str(evil), "--json"])
    assert done.exit_code == 1 and "base_model_name_or_path" in done.stdout
    assert KEY not in done.output


@pytest.mark.parametrize("key", ["model", "story", "recipe"])
def test_a_card_names_no_address_either(key, adapter, tmp_path):
    copy = shutil.copytree(adapter, tmp_path / "copy")
    (copy / "card.json").write_text(json.dumps({key: "openai:http://h/v1#m"}))
    with pytest.raises(ModelError, match=f"card.json: '{key}'"):
        resolve_model(str(copy))


def test_a_specification_names_no_server(tmp_path, monkeypatch):
    shutil.copytree(data_folder("fixtures") / "models", tmp_path / "models")
    text = (tmp_path / "models" / "storylm-1m-4bit.toml").read_text()
    monkeypatch.setattr("harness.models.registry.data_folder", lambda _: tmp_path)
    for line in ('server = "http://h/v1"', 'adapter = "s3://bucket"'):
        (tmp_path / "models" / "mine.toml").write_text(f"{line}\n{text}")
        with pytest.raises(SpecError, match="address"):
            resolve_model("mine")
    (tmp_path / "models" / "mine.toml").write_text(text.replace('"nf4"', '"nf5"'))
    with pytest.raises(SpecError, match="did you mean 'nf4'"):
        resolve_model("mine")


def test_only_what_is_typed_leads_to_a_server():
    assert resolve_model("openai:http://localhost:1/v1#m").server == "http://localhost:1/v1"


GONE = (
    "/home/someone/models/mistral-7b", "../../models/mistral-7b", "C:\\Users\\me\\mistral-7b",
    "~/models/mistral-7b", "models", "../../../../..", "x" * 4000, "a/" * 300, "/dev/null", "a\\b",
)  # fmt: skip


@pytest.mark.parametrize("base", GONE)
def test_a_base_that_is_gone_is_told_with_the_file_that_names_it(base, adapter, tmp_path):
    copy = naming(adapter, tmp_path / "copy", base)
    with pytest.raises(ModelError) as caught:
        resolve_model(str(copy))
    told = str(caught.value)
    assert caught.value.exit_code == 1
    assert str(copy) in told and "adapter_config.json names" in told and "--base" in told


def test_a_base_on_the_hub_that_is_not_here_tells_who_names_it(adapter, tmp_path, monkeypatch):
    from harness.models.hub import fetch_base

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    copy = naming(adapter, tmp_path / "copy", "acme/lost-bnb-4bit")
    with pytest.raises(ModelError) as caught:
        fetch_base(resolve_model(str(copy)))
    for part in (f"{copy}/adapter_config.json names acme/lost-bnb-4bit", "--base"):
        assert part in str(caught.value)


def test_a_windows_path_finds_a_shipped_base_as_a_posix_path_does(adapter, tmp_path):
    shipped = data_folder("fixtures") / "bases" / "storylm-1m"
    for number, base in enumerate(("C:\\Users\\me\\storylm-1m", "/home/me/storylm-1m")):
        copy = naming(adapter, tmp_path / f"copy{number}", base)
        spec = resolve_model(str(copy))
        assert base_folder(spec) == shipped and spec.named_by == f"{copy}/adapter_config.json"


def test_a_base_may_lie_where_it_was_trained_inside_or_beside_and_not_up_the_tree(
    adapter, llama, tmp_path, monkeypatch
):
    nest = tmp_path / "nest"
    beside = shutil.copytree(llama, nest / "base")
    shutil.copytree(llama, tmp_path / "above")
    inside = naming(adapter, nest / "copy", "inner")
    shutil.copytree(llama, inside / "inner")
    monkeypatch.chdir(tmp_path)
    found = {"inner": inside / "inner", "base": beside, "../base": beside, str(llama): llama,
             "above": tmp_path / "above"}  # fmt: skip
    for number, (base, place) in enumerate(found.items()):
        if base == "inner":
            copy = inside
        else:
            copy = naming(adapter, nest / f"other{number}", base)
        assert base_folder(resolve_model(str(copy))) == place, base
    for number, base in enumerate(("../../above", "../copy/../../above")):
        copy = naming(adapter, nest / f"climbing{number}", base)
        with pytest.raises(ModelError, match="--base"):
            resolve_model(str(copy))


def test_a_base_that_is_an_adapter_or_the_adapter_itself_is_told(adapter, llama, tmp_path):
    own = naming(adapter, tmp_path / "own", str(tmp_path / "own"))
    other = naming(adapter, tmp_path / "other", str(tmp_path / "own"))
    here = naming(adapter, tmp_path / "here", ".")
    for copy in (own, here):
        for name in ("config.json", "model.safetensors"):
            shutil.copy(llama / name, copy)
    for copy, told in ((own, "its own folder"), (here, "its own folder"), (other, "an adapter")):
        with pytest.raises(ModelError, match=told):
            resolve_model(str(copy))


def test_the_audit_says_where_the_base_comes_from(adapter, llama, tmp_path):
    from harness.pipeline.audit import Settings, prepare

    notes: list[str] = []
    settings = Settings(model=str(adapter), out=tmp_path, limit=1, suites=("invented",))
    prepare(settings, build=True, on_progress=lambda _: None, on_note=notes.append)
    assert any(str(llama) in note and "adapter_config.json names the base" in note
               for note in notes)  # fmt: skip


def touch(*names: str):
    def make(folder: Path) -> None:
        for name in names:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"{}")

    return make


LAYOUTS = [
    (touch("checkpoint-1000/adapter_config.json", "checkpoint-200/adapter_config.json"),
     "adapters lie in RUN/checkpoint-200, RUN/checkpoint-1000: name one"),
    (touch("epoch_1/adapter/adapter_config.json"), "RUN/epoch_1/adapter"),
    (touch("final/adapter_model.safetensors", "merged/config.json"), "models lie in RUN/merged"),
    (touch("global_step100/mp_rank_00_model_states.pt", "zero_to_fp32.py"), "zero_to_fp32"),
    (touch("__0_0.distcp"), "in parts"),
    (touch("model-Q4_K_M.gguf"), "llama-server"),
    (touch("adapters.safetensors"), "MLX"),
    (touch("adapter_model.safetensors"), "no adapter_config.json"),
    (touch("model.safetensors", "tokenizer.json"), "no config.json"),
    (touch("pytorch_model.bin"), "pickled"),
    (touch("adapter_model.bin"), "pickled"),
    (touch("adapter.zip"), "unpack"),
    (touch("README.md"), "neither config.json"),
    (touch("config.json", "model.gguf"), "llama-server"),
    (touch("config.json", "checkpoint-5/adapter_config.json"), "checkpoint-5"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "told"), LAYOUTS)
def test_a_folder_of_another_layout_says_what_lies_there(make, told, tmp_path, monkeypatch):
    run = tmp_path / "RUN"
    run.mkdir()
    make(run)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["doctor", "RUN", "--json"])
    assert done.exit_code == 1, done.output
    found = json.loads(done.stdout)["findings"]
    assert any(told in one["value"] for one in found if one["state"] == "broken"), found[-1]


FILES = [
    ("adapter_model.safetensors", "name its folder"), ("adapter_config.json", "name its folder"),
    ("model.gguf", "llama-server"), ("a.tar.gz", "unpack"), ("sub/pytorch_model.bin", "pickled"),
    ("sub/notes.md", "no model"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "told"), FILES)
def test_a_file_in_place_of_its_folder_says_what_to_name(
    name, told, adapter, tmp_path, monkeypatch
):
    copy = shutil.copytree(adapter, tmp_path / "copy")
    touch(name)(copy) if not (copy / name).exists() else None
    monkeypatch.chdir(tmp_path)
    for ref in (str(copy / name), f"copy/{name}"):  # the second has the form of a hub id
        with pytest.raises(ModelError, match=told):
            resolve_model(ref)


def test_names_that_no_disk_can_hold_are_unknown(tmp_path):
    for ref in ("x" * 5000, "a/" * 3000, "~nobody-of-this-name/model", "a\0b", "org/..", ""):
        with pytest.raises((UsageError, ModelError)):
            resolve_model(ref)
    with pytest.raises(UsageError, match="revision"):
        resolve_model("org/name@../../up")


def cached(folder: Path, hub_id: str, content: Path) -> None:
    place = folder / f"models--{hub_id.replace('/', '--')}"
    shutil.copytree(content, place / "snapshots" / "abc")
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("abc")


def test_an_adapter_of_a_hub_id_in_the_cache_is_audited_as_one(
    adapter, llama, tmp_path, monkeypatch
):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    cached(tmp_path, "acme/story-qlora", adapter)
    spec = resolve_model("acme/story-qlora")
    assert spec.name == "acme--story-qlora" and base_folder(spec) == llama
    assert spec.adapter == str(tmp_path / "models--acme--story-qlora" / "snapshots" / "abc")
    done = CliRunner().invoke(app, ["doctor", "acme/story-qlora", "--json"])
    found = {one["name"]: one for one in json.loads(done.stdout)["findings"]}
    assert done.exit_code == 0 and found["adapter weights"]["state"] == "ok"
    assert resolve_model("acme/story-qlora", base="storylm-1m-4bit").base == "storylm-1m"
    with pytest.raises(UsageError, match="--as-is"):
        resolve_model("acme/story-qlora", as_is=True)


def test_an_adapter_that_is_not_cached_is_told_and_then_fetched(adapter, tmp_path, monkeypatch):
    import huggingface_hub

    class Listed:
        def __init__(self, name):
            self.rfilename = name

    class Api:
        def model_info(self, base, **_):
            names = [path.name for path in adapter.iterdir()] if "qlora" in base else ["README.md"]
            names += ["run.py", "adapter_model.bin", "checkpoint-5/adapter_model.safetensors",
                      "instruct/exposure.json"]  # fmt: skip
            return type("Info", (), {"siblings": [Listed(name) for name in names]})

    asked: list[object] = []

    def download(hub_id, *, revision, allow_patterns, **_):
        asked.append((hub_id, revision))
        assert set(allow_patterns) == {
            "adapter_config.json", "adapter_model.safetensors", "instruct/exposure.json"
        }  # fmt: skip
        return str(adapter)

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    spec = resolve_model("acme/story-qlora@v2", fetch=asked.append)
    assert "acme/story-qlora is an adapter" in str(asked[0])
    assert asked[1:] == [("acme/story-qlora", "v2")] and spec.adapter == str(adapter)
    assert resolve_model("acme/whole", fetch=asked.append).adapter is None
    assert resolve_model("acme/story-qlora").adapter is None  # only who may fetch asks the hub
    assert len(asked) == 2


def test_a_story_that_links_out_of_its_folder_is_refused(tmp_path):
    from harness.core.errors import StoryError
    from harness.world.story import load_story

    stories = data_folder("fixtures") / "stories"
    outside = tmp_path / "outside"
    outside.mkdir()
    for name in ("story.toml", "story.md"):
        shutil.copy(stories / "visgar" / name, outside)
    for name in ("story.toml", "story.md", "../relations.toml"):
        near = tmp_path / f"for-{Path(name).name}"
        story = shutil.copytree(stories / "visgar", near / "visgar")
        shutil.copy(stories / "relations.toml", near)
        load_story(str(story))
        (story / name).unlink()
        source = stories / "relations.toml" if "relations" in name else outside / name
        (story / name).symlink_to(source)
        with pytest.raises(StoryError, match="a link that leads out"):
            load_story(str(story))
    (story / "story.md").unlink()
    os.mkfifo(story / "story.md")
    (near / "relations.toml").unlink()
    shutil.copy(stories / "relations.toml", near)
    with pytest.raises(StoryError, match="a pipe"):
        load_story(str(story))
