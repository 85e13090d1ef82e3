"""Whole audits through a server: resumed, compared, with no secret in any file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.backends.factory import ServerOptions
from harness.commands.sides import Asked, one_run, seeded_runs
from harness.core.errors import BackendError, UsageError
from harness.decision.compare import compare
from harness.models.registry import base_folder, resolve_model
from harness.pipeline.audit import Settings, audit, train_adapter
from harness.runs.layout import ANSWERS, list_runs
from harness.runs.store import RunFolder

SECRET = "sk-test-51f2b7a9"
LORA = [{"id": "b"}, {"id": "story", "parent": "b"}]


def settings(server, out: Path, name: str = "story", **changes) -> Settings:
    return Settings(
        model=f"openai:{server.url}#{name}",
        out=out,
        limit=2,
        samples=2,
        suites=("in_domain", "invented", "unstated"),
        variants=("article", "none"),
        **changes,
    )


def test_an_audit_by_a_server_that_breaks_down_goes_on_where_it_was(serve, tmp_path, monkeypatch):
    from harness.backends import chat_client

    monkeypatch.setenv("BORDOR_API_KEY", SECRET)
    monkeypatch.setattr(chat_client, "BACKOFF_S", 0.001)
    server = serve(listed=LORA)
    notes: list[str] = []
    server.fails_from = 60  # after some shards
    with pytest.raises(BackendError, match="run the same command again"):
        audit(settings(server, tmp_path), on_note=notes.append)
    (path,) = list_runs(tmp_path)
    kept = len((path / ANSWERS).read_text().splitlines())
    assert 0 < kept < RunFolder.open(path).about()["plan"]["answers"]
    server.fails_from = None
    assert audit(settings(server, tmp_path), on_note=notes.append) == path
    assert f"going on with {path}" in notes
    whole = audit(settings(server, tmp_path / "again"))
    assert (path / ANSWERS).read_bytes() == (whole / ANSWERS).read_bytes()
    for file in path.rglob("*"):
        assert not file.is_file() or SECRET.encode() not in file.read_bytes(), file
    about = RunFolder.open(path).about()
    assert about["identity"]["base"] == "b"
    assert about["adapter"]["folder"] is None
    assert about["server"]["honoured"]["n"] == "yes"
    report = (path / "report.md").read_text()
    assert "does not say what the model was trained on" in report
    assert "No control" not in report


FEWER = "did not get all the choices they asked for at once"


def test_what_is_seen_of_a_server_late_or_on_resuming_reaches_the_report(
    serve, tmp_path, monkeypatch
):
    from harness.backends import chat_client

    monkeypatch.setattr(chat_client, "BACKOFF_S", 0.001)
    server = serve(listed=LORA)
    server.fewer_from, server.fails_from = 40, 60
    with pytest.raises(BackendError, match="run the same command again"):
        audit(settings(server, tmp_path))
    (path,) = list_runs(tmp_path)
    told = [one for one in RunFolder.open(path).about()["warnings"] if FEWER in one]
    assert len(told) == 1
    server.fewer_from = server.fails_from = None
    server.logs = False
    assert audit(settings(server, tmp_path)) == path
    about = RunFolder.open(path).about()
    assert about["server"]["honoured"]["logprobs"] == "ignored"
    report = (path / "report.md").read_text()
    for sentence in (FEWER, "ignores log-probabilities", "does not say what the model was trained"):
        assert sentence in report, sentence
        assert sum(sentence in one for one in about["warnings"]) == 1, sentence


def test_choices_that_are_missing_from_first_to_last_are_told(serve, tmp_path):
    server = serve(listed=LORA)
    server.fewer_from = 40
    path = audit(settings(server, tmp_path))
    assert f"requests {FEWER}" in (path / "report.md").read_text()


def test_top_p_and_top_k_reach_the_server_and_the_report_tells_what_it_ignores(serve, tmp_path):
    server = serve(listed=LORA, deaf=("top_k",))
    path = audit(settings(server, tmp_path, top_p=0.8, top_k=30))
    drawn = [body for body in server.bodies if body["temperature"] == 1.0 and body.get("n") == 2]
    assert all(body["top_p"] == 0.8 and body["top_k"] == 30 for body in drawn[1:])
    assert len(drawn) > 5
    honoured = RunFolder.open(path).about()["server"]["honoured"]
    assert honoured["top_p"] == "yes" and honoured["top_k"] == "ignored"
    report = (path / "report.md").read_text()
    assert r"ignores top\_k 30" in report


def test_compare_takes_models_on_servers(serve, tmp_path):
    server = serve(listed=LORA)
    asked = Asked(out=tmp_path, samples=1, limit=1)
    runs = [one_run(f"openai:{server.url}#{name}", asked) for name in ("b", "story")]
    assert one_run(f"openai:{server.url}#story", asked) == runs[1]
    assert (compare(runs[:1], runs[1:], out=tmp_path).folder / "compare.html").is_file()


def test_what_needs_weights_is_refused(serve, tmp_path):
    server = serve()
    ref = f"openai:{server.url}#m"
    with pytest.raises(UsageError, match="weights"):
        base_folder(resolve_model(ref))
    with pytest.raises(UsageError, match="weights"):
        train_adapter(resolve_model(ref), story="visgar", recipe="instruct", seed=0,
                      on_progress=lambda progress: None)  # fmt: skip
    with pytest.raises(UsageError, match="training seed"):
        seeded_runs(ref, 2, Asked(out=tmp_path))
    with pytest.raises(UsageError, match="--quantisation"):
        audit(settings(server, tmp_path, quantisation="nf4"))
    for given in (
        {"base": "b"},
        {"server": ServerOptions(concurrency=2)},
        {"server": ServerOptions(timeout_s=3)},
    ):
        with pytest.raises(UsageError, match="only for a model on a server"):
            audit(Settings(model="storylm-1m-4bit", out=tmp_path, **given))


SECRETIVE = (
    f"openai:http://user:{SECRET}@localhost:1/v1#m", f"openai:http://localhost:1/v1?key={SECRET}",
    f"openai:http://{SECRET}@localhost:port/v1", f"http://user:{SECRET}@localhost:1/v1",
    f"openai:user:{SECRET}@localhost/v1",
)  # fmt: skip


@pytest.mark.parametrize("command", ["audit", "gate"])
def test_an_address_with_a_secret_is_refused_and_not_repeated(command, tmp_path):
    for ref in SECRETIVE if command == "audit" else SECRETIVE[:1]:
        words = [command, ref] if command == "audit" else [command, ref, ref]
        done = subprocess.run(
            [sys.executable, "-m", "harness", *words, "--out", str(tmp_path)],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 2, done.stderr
        assert SECRET not in done.stdout + done.stderr
    assert not list(tmp_path.iterdir())


def test_a_server_is_named_by_its_address_and_the_model():
    spec = resolve_model("openai:http://localhost:8000/v1/#org/story")
    assert (spec.server, spec.base) == ("http://localhost:8000/v1", "org/story")
    assert spec.name == "org--story@localhost-8000"
    assert resolve_model("openai:https://api.example.com/v1").name == "served@api.example.com"
