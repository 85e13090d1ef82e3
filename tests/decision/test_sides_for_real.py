"""`bordor compare` and `bordor gate` on real tiny models: adapters, whole ones, a server's."""

from __future__ import annotations

import importlib.util
import json
import shutil
import threading
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.core.paths import home
from harness.models import resident
from harness.pipeline.audit import Settings, audit
from harness.runs.layout import ANSWERS, VERDICTS, list_runs
from harness.runs.store import RunFolder

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore:.*nf4 is assumed")
TESTS = Path(__file__).parents[1]
GATES = (0, 100, 101, 102)
SIZE = ("--limit", "1", "--samples", "0")


def load_module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> dict[str, Path]:
    """Two adapters on one base, and a whole model."""
    tiny = load_module(TESTS / "models" / "conftest.py")
    root = tmp_path_factory.mktemp("models")
    base = tiny.save_llama(root / "base")
    config = json.loads((base / "config.json").read_text())
    config["max_position_embeddings"] = 2048
    (base / "config.json").write_text(json.dumps(config))
    # half of all tokens end an answer: the audits are short
    (base / "generation_config.json").write_text(json.dumps({"eos_token_id": [*range(2, 160)]}))
    shutil.copytree(base, root / "whole")
    found = {"base": base, "whole": root / "whole"}
    for seed, name in enumerate(("first", "second")):
        found[name] = tiny.save_adapter(root / name, base, seed=seed)
    return found


@pytest.fixture(scope="module")
def compared(models, tmp_path_factory):
    """The two adapters compared: the runs' folder, and the quantisations of bases read."""
    read: list[str] = []
    really = resident.load_base

    def load_base(prepared):
        read.append(prepared.spec.quantisation)
        return really(prepared)

    out = tmp_path_factory.mktemp("reports")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resident, "load_base", load_base)
        done = bordor("compare", models["first"], models["second"], *SIZE, "--out", out)
    assert done.exit_code == 0, done.output
    return out, read


@pytest.fixture
def out(compared, tmp_path):
    """A copy of the runs' folder."""
    return shutil.copytree(compared[0], tmp_path / "reports")


@pytest.fixture
def server():
    faulty = load_module(TESTS / "backends" / "fault_server.py")
    found = faulty.FaultServer()
    threading.Thread(target=found.serve_forever, args=(0.01,), daemon=True).start()
    yield found
    found.shutdown()
    found.server_close()


def bordor(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_two_adapters_share_a_base_that_is_read_once_and_answer_as_in_audits_of_their_own(
    models, compared, tmp_path
):
    out, read = compared
    assert read == ["nf4"]
    for name in ("first", "second"):
        alone = audit(Settings(model=str(models[name]), out=tmp_path, limit=1, samples=0))
        (together,) = (out / name).iterdir()
        assert together.name.split("-")[-1] == alone.name.split("-")[-1]  # hash of the plan
        for file in (ANSWERS, VERDICTS):
            assert (together / file).read_bytes() == (alone / file).read_bytes()
        one, other = (RunFolder.open(path).about() for path in (together, alone))
        for key in ("identity", "adapter"):
            assert one[key] == other[key]


def test_a_whole_model_is_audited_as_it_is_against_an_adapter(models, out):
    built = sorted((home() / "adapters").glob("*"))
    done = bordor("gate", models["whole"], models["first"], *SIZE, "--as-is", "--out", out)
    assert done.exit_code in GATES, done.output
    (run,) = (out / "whole-as-is").iterdir()
    about = RunFolder.open(run).about()
    assert about["identity"]["adapter_hash"] is None
    assert about["identity"]["quantisation"] == "none"
    assert about["command"].endswith("--as-is")
    assert len(list((out / "first").iterdir())) == 1  # the adapter's own run was taken
    again = bordor("compare", models["first"], models["whole"], "--as-is", "--out", out)
    assert again.exit_code == 0 and str(run) in again.stderr
    assert len(list_runs(out)) == 3 and sorted((home() / "adapters").glob("*")) == built


def test_a_model_on_a_server_stands_on_either_side_of_an_adapter_or_a_whole_model(
    models, out, server
):
    ref = f"openai:{server.url}#m"
    done = bordor("compare", ref, models["first"], *SIZE, "--out", out)
    assert done.exit_code == 0, done.output
    assert len(list_runs(out)) == 3
    done = bordor("gate", models["whole"], ref, *SIZE, "--as-is", "--out", out)
    assert done.exit_code in GATES, done.output
    assert len(list_runs(out)) == 4


def test_what_cannot_be_is_said_before_anything_is_audited(models, tmp_path):
    whole, first, served = models["whole"], models["first"], "openai:http://127.0.0.1:9/v1#m"
    wrong = [
        (("compare", first, served, "--as-is"), "no side is a whole model"),
        (("gate", first, first, "--as-is"), "no side is a whole model"),
        (("compare", whole, whole, "--as-is", "--train-seeds", "2"), "leave one of them out"),
        (("compare", whole, first, "--train-seeds", "2"), "has one training seed"),
        (("compare", whole, served, "--train-seeds", "2"), "has one training seed"),
        (("compare", first, "no-such-thing"), "neither a run in"),
        (("gate", first, "openai:127.0.0.1:9#m"), "openai:"),
    ]
    for words, told in wrong:
        done = bordor(*words, "--out", tmp_path / "reports")
        assert (done.exit_code, told in done.stderr) == (2, True), (words, done.stderr)
    assert not (tmp_path / "reports").exists()
