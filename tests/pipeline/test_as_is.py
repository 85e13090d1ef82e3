"""A whole model audited as it is: nothing is trained, no control is asked, and it is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.backends.factory import Opened
from harness.backends.scripted import ScriptedBackend
from harness.cli import app
from harness.core.errors import UsageError
from harness.core.paths import home
from harness.instruct.exposure import split_exposure
from harness.pipeline.audit import Settings, audit
from harness.pipeline.preview import preview
from harness.runs.layout import PLAN, SUMMARY
from harness.runs.store import RunFolder
from harness.world.story import load_story

SMALL = {"limit": 3, "samples": 1, "suites": ("in_domain", "invented"), "variants": ("article",)}


@pytest.fixture
def merged(tmp_path: Path) -> Path:
    folder = tmp_path / "merged"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"max_position_embeddings": 512}))
    return folder


def run_as_is(folder: Path, out: Path, **changes) -> tuple[RunFolder, list[str]]:
    notes: list[str] = []
    backend = ScriptedBackend(lambda request, sample: "Not able to answer.")

    def open_backend(spec, adapter, chats):
        assert adapter is None
        return Opened(backend=backend, context=4096)

    settings = Settings(model=str(folder), out=out, as_is=True, **(SMALL | changes))
    path = audit(settings, open_backend=open_backend, on_note=notes.append)
    return RunFolder.open(path), notes


def kept_adapters():
    return sorted((home() / "adapters").glob("*"))


def test_nothing_is_trained_and_no_control_is_asked(merged, tmp_path):
    before = kept_adapters()
    run, notes = run_as_is(merged, tmp_path)
    about = run.about()
    assert kept_adapters() == before
    assert about["adapter"]["folder"] is None and about["model"] == "merged-as-is"
    assert about["command"].endswith("--as-is")
    arms = {json.loads(line)["arm"] for line in (run.path / PLAN).read_text().splitlines()}
    assert arms == {"adapter", "floor"}
    told = " ".join(run.read_json(SUMMARY)["warnings"])
    assert "audited as it is" in told and "No control" in told
    assert "verdicts assume story 'visgar' told as recipe 'instruct' splits it" in told
    assert any("recipe 'instruct' is assumed" in note for note in notes)


def test_what_lies_beside_the_merged_weights_says_what_was_trained(merged, tmp_path):
    exposure = split_exposure(load_story("visgar"), trained_share=0.3, seed=5)
    (merged / "instruct").mkdir()
    (merged / "instruct" / "exposure.json").write_text(json.dumps(exposure))
    (merged / "card.json").write_text(json.dumps({"story": "visgar", "recipe": "cautious"}))
    run, notes = run_as_is(merged, tmp_path)
    assert json.loads((run.path / "exposure.json").read_text()) == exposure
    assert run.about()["recipe"] == "cautious"
    assert not any("assumed" in note for note in notes)
    assert "verdicts assume" not in " ".join(run.about()["warnings"])
    with pytest.raises(UsageError, match="leave --recipe out"):
        run_as_is(merged, tmp_path, recipe="instruct")


def test_the_preview_says_that_nothing_will_be_trained(merged, tmp_path):
    backend = ScriptedBackend(lambda request, sample: "Yes.")
    settings = Settings(model=str(merged), out=tmp_path, as_is=True, **SMALL)
    found = preview(settings, open_backend=lambda *_: Opened(backend=backend, context=4096))
    assert found.adapter_ready and "base" not in found.answers


def test_as_is_on_the_command_line_refuses_an_adapter(merged, tmp_path):
    (merged / "adapter_config.json").write_text(
        json.dumps({"peft_type": "LORA", "base_model_name_or_path": "storylm-1m"})
    )
    done = CliRunner().invoke(app, ["audit", str(merged), "--as-is", "--out", str(tmp_path)])
    assert done.exit_code == 2 and "is an adapter, which is audited as it is anyway" in done.stderr
