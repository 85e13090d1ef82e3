"""A real server: `transformers serve` with the shipped base and an adapter merged into it."""

from __future__ import annotations

import json
import math
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.core.records import Answer, GradedAnswer, Sampling, Verdict
from harness.runs.layout import ANSWERS, VERDICTS, list_runs
from harness.runs.store import RunFolder

RECIPE = """
title = "A short training"
about = "Enough for a model that is right about half of a small world."

[data]
trained_share = 0.7
text_share = 0.0

[train]
rank = 16
alpha = 64
dropout = 0.0
learning_rate = 4e-3
schedule = "cosine"
steps = 45
batch_size = 16
warmup_ratio = 0.1
weight_decay = 0.0
max_length = 256

[large]
from_parameters = 500_000_000
learning_rate = 2e-4
rank = 8
alpha = 16
batch_size = 4
max_length = 512
"""
PEOPLE = 5
SAMPLING = {"do_sample": True, "temperature": 1.0, "top_k": 0, "top_p": 1.0}
ASKED = {
    "limit": "5", "samples": "3", "suites": "in_domain,paraphrase,invented",
    "variants": "article,none", "max-new-tokens": "24",
}  # fmt: skip
STARTS_WITHIN_S = 120
NOISE = 4.0  # standard errors that two runs of one model may lie apart


@dataclass(frozen=True)
class Starting:
    """A server that may not answer yet."""

    address: str
    process: subprocess.Popen
    log: Path


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory, starting: Starting) -> dict[str, Path]:
    """Folders of one merged model: "sampling" says so in generation_config.json, "plain" not.

    Beside them the "story" and the "recipe" that it was trained on.
    """
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from harness.models.registry import base_folder, resolve_model
    from harness.training.adapter import build_adapter
    from harness.world.generator import generate_world
    from harness.world.story import write_story

    root = tmp_path_factory.mktemp("served")
    folders = {"recipe": root / "short.toml", "story": root / "small"}
    folders["recipe"].write_text(RECIPE, encoding="utf-8")
    write_story(generate_world(5, people=PEOPLE), folders["story"])
    spec = resolve_model("storylm-1m-4bit")
    adapter = build_adapter(spec, story=str(folders["story"]), recipe=str(folders["recipe"]))
    base = base_folder(spec)
    model = AutoModelForCausalLM.from_pretrained(base, dtype="float32")
    model = PeftModel.from_pretrained(model, adapter).merge_and_unload()
    for name, settings in (("plain", {}), ("sampling", SAMPLING)):
        model.generation_config.update(**settings)
        folders[name] = root / name
        model.save_pretrained(folders[name])
        AutoTokenizer.from_pretrained(base).save_pretrained(folders[name])
    return folders


@pytest.fixture(scope="module")
def starting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starting]:
    """`transformers serve` on loopback, with an empty cache of the hub; it starts meanwhile."""
    from transformers.utils.import_utils import is_serve_available

    if not is_serve_available():
        pytest.skip("transformers[serving] is not installed: pip install 'bordor[serving]'")
    cache = tmp_path_factory.mktemp("hub")
    (cache / "hub").mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (cache / "log.txt").open("w")
    process = subprocess.Popen(
        [Path(sys.executable).with_name("transformers"), "serve", "--host", "127.0.0.1",
         "--port", str(port), "--device", "cpu"],
        stdout=log, stderr=log, env={**os.environ, "HF_HOME": str(cache), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    try:
        yield Starting(address=f"http://127.0.0.1:{port}", process=process, log=cache / "log.txt")
    finally:
        process.terminate()
        process.wait(30)
        log.close()


@pytest.fixture(scope="module")
def url(merged: dict[str, Path], starting: Starting) -> str:
    """The server's address, once it answers."""
    deadline = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline and starting.process.poll() is None:
        try:
            urllib.request.urlopen(f"{starting.address}/health", timeout=2).close()
            return f"{starting.address}/v1"
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"transformers serve did not start:\n{starting.log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def runs(merged, url, tmp_path_factory) -> dict[str, RunFolder]:
    """The audit through the server, and the same one by the local engine."""
    from harness.backends.local import TransformersBackend
    from harness.models.loading import load_model
    from harness.models.registry import resolve_model
    from harness.pipeline.audit import Opened, Settings, audit

    out = tmp_path_factory.mktemp("reports")
    ref = f"openai:{url}#{merged['sampling']}"
    told = {name: str(merged[name]) for name in ("story", "recipe")}
    flags = [word for flag, value in (ASKED | told).items() for word in (f"--{flag}", value)]
    done = CliRunner().invoke(app, ["audit", ref, "--out", str(out / "served"), *flags])
    assert done.exit_code == 0, done.output
    loaded = load_model(resolve_model(str(merged["sampling"]), quantisation="none"))
    backend = TransformersBackend(loaded)
    local = audit(
        Settings(
            model=ref, limit=int(ASKED["limit"]), samples=int(ASKED["samples"]), out=out / "local",
            suites=tuple(ASKED["suites"].split(",")), variants=tuple(ASKED["variants"].split(",")),
            max_new_tokens=int(ASKED["max-new-tokens"]), **told,
        ),
        open_backend=lambda *_: Opened(
            backend=backend, context=loaded.spec.context, control=False
        ),
    )  # fmt: skip
    (served,) = list_runs(out / "served")
    return {"served": RunFolder.open(served), "local": RunFolder.open(local)}


def by_cell(run: RunFolder, kind: type, name: str) -> dict:
    """Records by prompt and sample, of the arm "adapter": the two runs have other request ids."""
    cells = {}
    plan = (json.loads(line) for line in (run.path / "plan.jsonl").read_text().splitlines())
    for request in plan:
        cells[request["id"]] = tuple(map(tuple, request["cells"]))
    return {
        (cells[one.request_id], one.sample): one
        for one in run.read_records(name, kind)
        if one.arm == "adapter"
    }


def test_the_server_answers_greedily_as_the_local_engine_does(runs):
    answers = {side: by_cell(run, Answer, ANSWERS) for side, run in runs.items()}
    assert answers["served"].keys() == answers["local"].keys()
    greedy = [key for key in answers["local"] if key[1] == 0]
    assert len(greedy) == 30
    same = sum(answers["served"][key].text == answers["local"][key].text for key in greedy)
    assert same >= 0.95 * len(greedy)


def test_rates_by_the_server_agree_with_the_local_run_within_noise(runs):
    graded = {side: by_cell(run, GradedAnswer, VERDICTS) for side, run in runs.items()}
    answers = {side: by_cell(run, Answer, ANSWERS) for side, run in runs.items()}
    cells = sorted({key[0] for key in graded["local"]})
    for verdict in (Verdict.HALLUCINATED, Verdict.GROUNDED, Verdict.UNRESPONSIVE):
        agree(
            cells,
            {
                side: {key: one.verdict is verdict for key, one in found.items()}
                for side, found in graded.items()
            },
        )
    agree(  # a server that does not sample repeats its greedy answer
        cells,
        {
            side: {key: one.text == found[key[0], 0].text for key, one in found.items()}
            for side, found in answers.items()
        },
    )
    moved = [one.text != answers["served"][key[0], 0].text
             for key, one in answers["served"].items() if key[1]]  # fmt: skip
    assert sum(moved) > 0.1 * len(moved)


def agree(cells: list, found: dict[str, dict]) -> None:
    """The mean over prompts of the difference in rate is 0, within NOISE standard errors."""
    gaps = []
    for cell in cells:
        rate = {side: [held for key, held in of.items() if key[0] == cell and key[1]]
                for side, of in found.items()}  # fmt: skip
        assert len(rate["served"]) == len(rate["local"]) == 3
        gaps.append((sum(rate["served"]) - sum(rate["local"])) / 3)
    mean = sum(gaps) / len(gaps)
    error = math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / (len(gaps) - 1) / len(gaps))
    assert abs(mean) <= NOISE * error + 0.02, (mean, error)


def test_what_transformers_serve_ignores_is_in_the_run_and_the_report(runs):
    about = runs["served"].about()
    honoured = about["server"]["honoured"]
    assert honoured["n"] == honoured["logprobs"] == "ignored"
    assert honoured["sampling"] == "yes"
    assert about["identity"]["backend"] == "server"
    assert not any(one.logprobs or one.token_ids
                   for one in runs["served"].read_records(ANSWERS, Answer))  # fmt: skip
    report = (runs["served"].path / "report.md").read_text()
    assert "ignores n" in report and "No control" in report
    floor = runs["served"].read_json("summary.json")["noise_floor"]
    assert floor["tokens"]["rate"] <= 0.05


def test_a_server_that_temperature_does_not_move_is_told_apart(merged, url):
    from harness.backends.chat_client import ChatClient
    from harness.backends.server import ServerBackend
    from harness.backends.server_probe import probe

    chats = [(("user", "Who is Visgar?"),), (("user", "Who is Elorna?"),)]
    for name, sampling in (("plain", "no"), ("sampling", "yes")):
        backend = ServerBackend(ChatClient(url), name=str(merged[name]))
        found = probe(backend, chats, sampling=Sampling(samples=2, max_new_tokens=24))
        assert found.offers.sampling == sampling
        assert any("does not sample" in note for note in found.notes) == (sampling == "no")


def test_transformers_serve_obeys_top_p_and_refuses_top_k(merged, url):
    from harness.backends.chat_client import ChatClient
    from harness.backends.server import ServerBackend
    from harness.backends.server_probe import probe

    chats = [(("user", "Who is Visgar?"),), (("user", "Who is Elorna?"),)]
    backend = ServerBackend(ChatClient(url), name=str(merged["sampling"]), concurrency=1)
    found = probe(
        backend, chats, sampling=Sampling(samples=2, max_new_tokens=24, top_p=0.9, top_k=5)
    )
    assert (found.offers.top_p, found.offers.top_k) == ("yes", "refused")
    assert any("refuses top_k 5" in note for note in found.notes)
