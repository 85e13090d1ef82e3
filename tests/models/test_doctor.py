"""The doctor says what works, what is broken and what to do, and hangs on nothing."""

from __future__ import annotations

import http.server
import json
import shutil
import socket
import threading
import time
from importlib import metadata

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.encoder import embedding
from harness.models import hub, machine
from harness.models.doctor import diagnose
from harness.models.findings import broken, within
from harness.models.identity import base_hash
from harness.models.product import try_product

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore:.*nf4 is assumed")
SECRET = "hf_0123456789secret"


def doctor(*words):
    return CliRunner().invoke(app, ["doctor", *map(str, words)])


def found_in(done):
    return {one["name"]: one for one in json.loads(done.stdout)["findings"]}


def test_a_sound_machine_is_told_as_such_in_plain_lines():
    done = doctor()
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1] == "all that is needed works"
    assert "\x1b" not in done.stdout
    for name in ("python", "torch", "bitsandbytes", "kernels", "cpu features", "threads", "memory",
                 "gpu", "disk", "path", "sentence encoder", "hub", "token"):  # fmt: skip
        assert f": {name}: " in done.stdout


def test_json_holds_every_finding_with_state_and_advice():
    data = json.loads(doctor("--json").stdout)
    assert data["fit"] is True
    assert {"area", "name", "value", "state", "advice"} == set(data["findings"][0])
    assert {one["state"] for one in data["findings"]} <= {"ok", "note", "warning"}


def test_a_four_bit_product_is_right_and_a_wrong_one_is_seen(monkeypatch):
    tried = try_product()
    assert tried.problem == "" and tried.error < 1e-3 and 0.05 < tried.lost < 0.15
    assert (tried.fused_error is not None) == tried.fused
    import bitsandbytes.functional as functional

    right = functional.dequantize_4bit
    monkeypatch.setattr(functional, "dequantize_4bit", lambda *given: right(*given) * 1.5)
    assert "is off by" in try_product().problem
    done = doctor("--json")
    assert done.exit_code == 1
    assert (
        found_in(done)["bitsandbytes"]["state"] == "broken" and not json.loads(done.stdout)["fit"]
    )


def fail(*_):
    raise RuntimeError("no native library\nat all")


def test_a_bitsandbytes_that_raises_is_a_finding_and_no_traceback(monkeypatch):
    import bitsandbytes.functional as functional

    monkeypatch.setattr(functional, "dequantize_4bit", fail)
    assert try_product().problem == "RuntimeError: no native library"


BREAKS = {
    "disk": lambda m: m.setattr(machine, "free_disk_gib", lambda folder: 0.1),
    "memory": lambda m: m.setattr(machine, "free_memory_gib", lambda: 0.5),
    "sentence encoder": lambda m: m.setattr(embedding, "WEIGHTS_SHA256", "0" * 64),
    "no-such-library": lambda m: m.setattr(metadata, "requires", lambda _: ["no-such-library>=1"]),
    "torch": lambda m: m.setattr(metadata, "requires", lambda _: ["torch>=99"]),
}


@pytest.mark.parametrize("name", BREAKS)
def test_what_is_needed_and_broken_is_named_with_a_way_on(name, monkeypatch):
    BREAKS[name](monkeypatch)
    bad = broken(diagnose())
    assert [one.name for one in bad] == [name] and bad[0].advice


@pytest.fixture
def online(monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "ENDPOINT", f"https://me:{SECRET}@hub.invalid")
    monkeypatch.setattr("huggingface_hub.get_token", lambda: SECRET)


def test_a_name_server_that_hangs_does_not_hang_the_doctor_and_no_secret_is_shown(
    online, monkeypatch
):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(30))
    monkeypatch.setattr(machine, "REACH_S", 0.3)
    started = time.monotonic()
    done = doctor("--json")
    assert time.monotonic() - started < 10
    found = found_in(done)
    assert done.exit_code == 0  # shipped models need no network
    assert found["hub"]["value"].startswith("https://hub.invalid does not answer")
    assert found["token"]["value"] == "there (not shown)"
    assert SECRET not in done.output


def test_within_gives_up_on_time_and_takes_an_error_for_no_answer():
    assert within(5, lambda: 7) == 7
    assert within(0.05, lambda: time.sleep(5)) is None
    assert within(5, fail) is None


def test_offline_by_switch_is_said():
    assert "HF_HUB_OFFLINE" in found_in(doctor("--json"))["hub"]["value"]


def test_an_adapter_that_fits_is_told_with_base_quantisation_and_proofs(adapter, llama, tmp_path):
    copy = shutil.copytree(adapter, tmp_path / "copy")
    found = found_in(doctor(copy, "--json"))
    assert found["quantisation"]["state"] == "warning"
    assert found["card"]["state"] == "note"
    (copy / "card.json").write_text(
        json.dumps({"base_hash": base_hash(llama), "quantisation": "nf4"})
    )
    done = doctor(copy, "--json")
    found = found_in(done)
    assert done.exit_code == 0
    assert str(llama) in found["adapter"]["value"] and "card" in found["quantisation"]["value"]
    for name in ("weights", "memory to audit", "card", "adapter weights", "chat template"):
        assert found[name]["state"] == "ok", found[name]


def pickled(adapter, base):
    (adapter / "adapter_model.safetensors").rename(adapter / "adapter_model.bin")


def of_another_base(adapter, base):
    (adapter / "card.json").write_text(json.dumps({"base_hash": "0" * 64}))


def without_weights(adapter, base):
    (base / "model.safetensors").rename(base / "model.bin")


def never_stopping(adapter, base):
    (base / "chat_template.jinja").write_text("{{ bos_token }}{{ messages[-1]['content'] }}")


SICK = [
    (pickled, "card", "pickled"),
    (of_another_base, "card", "another base"),
    (without_weights, "weights", "pickled"),
    (never_stopping, "chat template", "no end"),
]


@pytest.mark.parametrize(("harm", "name", "told"), SICK, ids=lambda value: str(value)[:20])
def test_what_is_wrong_with_an_adapter_is_found_without_loading_it(
    harm, name, told, adapter, llama, tmp_path
):
    copy = shutil.copytree(adapter, tmp_path / "copy")
    base = shutil.copytree(llama, tmp_path / "base")
    harm(copy, base)
    done = doctor(copy, "--base", base, "--json")
    assert done.exit_code == 1
    found = found_in(done)[name]
    assert found["state"] == "broken" and told in found["value"]


def test_a_model_too_large_for_this_machine_is_told_before_it_is_fetched(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(hub, "free_memory_gib", lambda: 10.0)
    monkeypatch.setattr(hub, "free_gpu_gib", lambda: None)
    done = doctor("llama2-13b-4bit", "--json")
    found = found_in(done)
    assert done.exit_code == 1
    assert found["weights"]["value"].startswith("24.2 GiB to download")
    assert found["memory to audit"]["state"] == "ok"
    assert found["memory to train"]["state"] == "broken"  # it has no adapter yet
    assert "8.2 GiB" in found["memory to audit"]["value"]


def test_a_whole_model_audited_as_it_is_needs_no_memory_to_train(llama, monkeypatch):
    monkeypatch.setattr(hub, "free_memory_gib", lambda: 1e-5)
    monkeypatch.setattr(hub, "free_gpu_gib", lambda: None)
    assert found_in(doctor(llama, "--json"))["memory to train"]["state"] == "broken"
    whole = found_in(doctor(llama, "--as-is", "--json"))
    assert whole["memory to train"]["state"] == "note"
    assert "audited as it is" in whole["base"]["value"]


class Answering(http.server.BaseHTTPRequestHandler):
    status, seen = 200, ""

    def do_GET(self):
        Answering.seen = f"{self.path} {self.headers.get('Authorization')}"
        self.send_response(self.status)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


STATUSES = [
    (200, "ok", "answers"), (401, "warning", "refuses the key"), (403, "warning", "refuses the key"),
    (404, "warning", "HTTP 404"), (500, "warning", "HTTP 500"), (302, "warning", "HTTP 302"),
]  # fmt: skip


def test_a_server_is_well_when_it_lists_its_models_and_broken_when_none_answers(monkeypatch):
    monkeypatch.setenv("BORDOR_API_KEY", SECRET)
    with http.server.HTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        ref = f"openai:http://127.0.0.1:{server.server_port}/v1#m"
        for status, state, told in STATUSES:
            Answering.status = status
            done = doctor(ref, "--json")
            found = found_in(done)["server"]
            assert (done.exit_code, found["state"]) == (0, state), found
            assert told in found["value"] and bool(found["advice"]) == (state == "warning")
            assert Answering.seen == f"/v1/models Bearer {SECRET}"
            assert SECRET not in done.output
        monkeypatch.delenv("BORDOR_API_KEY")
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        Answering.status = 401
        assert "requests without a key" in found_in(doctor(ref, "--json"))["server"]["value"]
        assert Answering.seen == "/v1/models None"
        server.shutdown()
    done = doctor(ref, "--json")
    assert done.exit_code == 1 and "does not answer" in found_in(done)["server"]["value"]


def test_kernels_installed_is_a_warning_with_a_way_on(monkeypatch):
    from importlib.machinery import ModuleSpec

    real = machine.importlib.util.find_spec
    monkeypatch.setattr(
        machine.importlib.util, "find_spec",
        lambda name, *more: ModuleSpec(name, None) if name == "kernels" else real(name, *more),
    )  # fmt: skip
    found = found_in(doctor("--json"))["kernels"]
    assert found["state"] == "warning" and "pip uninstall kernels" in found["advice"]


def test_the_quantisation_asked_for_moves_the_memory_that_is_needed(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    needed = {}
    for quantisation in ("nf4", "int8", "none"):
        found = found_in(doctor("llama2-7b-4bit", "--quantisation", quantisation, "--json"))
        needed[quantisation] = float(found["memory to audit"]["value"].split(" GiB")[0])
        assert quantisation in found["quantisation"]["value"]
    assert needed["nf4"] < needed["int8"] < needed["none"]


def test_a_model_nobody_knows_is_a_usage_error(tmp_path):
    done = doctor("storylm-5m-4bit")
    assert done.exit_code == 2 and "storylm-4m-4bit" in done.stderr
    assert doctor(tmp_path).exit_code == 1  # an empty folder: a model, but a broken one
