"""The whole path with a real model: a tiny random Llama in NF4 and a LoRA adapter on it."""

from __future__ import annotations

import functools
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.core.records import Answer
from harness.runs.layout import ANSWERS, SUMMARY, VERDICTS, list_runs
from harness.runs.store import RunFolder

RESULTS = (ANSWERS, VERDICTS, SUMMARY, "plan.jsonl")


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from peft import LoraConfig, get_peft_model
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    base = tmp_path_factory.mktemp("tiny-base")
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = ["<unk>", "<s>", "</s>", "<pad>", *letters]
    bytes_only = Tokenizer(
        models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=[])
    )
    bytes_only.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_only.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(
        tokenizer_object=bytes_only,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
    ).save_pretrained(base)
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=320, hidden_size=64, intermediate_size=128, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=1024,
            initializer_range=0.2, bos_token_id=1, eos_token_id=2, pad_token_id=3,
        )
    )  # fmt: skip
    model.save_pretrained(base)
    lora = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False)
    folder = tmp_path_factory.mktemp("adapters") / "tiny"
    get_peft_model(LlamaForCausalLM.from_pretrained(base), lora).save_pretrained(folder)
    return folder


def command(adapter: Path, out: Path) -> list[str]:
    return [
        sys.executable, "-m", "harness", "audit", str(adapter), "--out", str(out), "--limit", "6",
        "--samples", "2", "--suites", "in_domain,invented", "--variants", "article,none,lower,typo",
        "--max-new-tokens", "12",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def whole(adapter: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    out = tmp_path_factory.mktemp("reports")
    done = subprocess.run(command(adapter, out), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (path,) = list_runs(out)
    return path, done.stdout, done.stderr


def test_an_audit_ends_with_the_table_and_the_path_of_the_report(whole):
    path, shown, _ = whole
    assert shown.splitlines()[-1] == str(path / "report.html")
    assert (path / "report.html").is_file()
    assert "in_domain" in shown
    about = RunFolder.open(path).about()
    assert about["identity"]["quantisation"] == "nf4"
    assert about["adapter"]["largest_logit_difference"] > 0
    assert about["identity"]["adapter_hash"]


def test_progress_is_told_with_rate_and_own_warnings_as_sentences(whole):
    _, _, told = whole
    assert "answers/s" in told
    assert "bordor: warning: tiny: nothing says in which quantisation" in told
    assert "UserWarning" not in told


def test_the_control_and_the_noise_floor_are_in_the_run(whole):
    path, _, _ = whole
    answers = list(RunFolder.open(path).read_records(ANSWERS, Answer))
    by_prompt: dict[str, dict[str, str]] = {}
    prompts = {line["id"]: line["prompt"] for line in read_lines(path / "plan.jsonl")}
    for answer in answers:
        if answer.sample == 0:
            by_prompt.setdefault(prompts[answer.request_id], {})[answer.arm] = answer.text
    both = [arms for arms in by_prompt.values() if {"adapter", "base"} <= arms.keys()]
    assert both
    assert any(arms["adapter"] != arms["base"] for arms in both)
    repeated = [arms for arms in by_prompt.values() if "floor" in arms]
    assert repeated
    assert sum(arms["adapter"] == arms["floor"] for arms in repeated) >= 0.9 * len(repeated)


def read_lines(path: Path) -> list[dict]:
    import json

    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_model_killed_twice_ends_with_the_same_bytes(whole, adapter, tmp_path):
    path, _, _ = whole
    for lines_wanted in (1, 100):
        with subprocess.Popen(command(adapter, tmp_path), stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as process:  # fmt: skip
            wait_for_answers(tmp_path, lines_wanted, process)
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
    done = subprocess.run(command(adapter, tmp_path), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "going on with" in done.stderr
    (again,) = list_runs(tmp_path)
    for name in RESULTS:
        assert (again / name).read_bytes() == (path / name).read_bytes(), name


def wait_for_answers(out: Path, lines: int, process: subprocess.Popen) -> None:
    """Until the run under `out` holds `lines` answers."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if any((path / ANSWERS).read_bytes().count(b"\n") >= lines for path in list_runs(out)):
            return
        time.sleep(0.01)
    raise AssertionError("the audit gave no answers in time")


def test_ctrl_c_ends_with_130_and_tells_how_to_go_on(adapter, tmp_path):
    # Started in the background by a script, this test would hand down an ignored SIGINT.
    listen = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command(adapter, tmp_path), stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, preexec_fn=listen) as process:  # fmt: skip
        wait_for_answers(tmp_path, 0, process)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "run the same command again to resume" in told
    assert "Traceback" not in told
    (path,) = list_runs(tmp_path)
    assert not RunFolder.open(path).finished


def test_grading_again_works_where_the_model_is_gone(whole, tmp_path):
    path = tmp_path / "run"
    shutil.copytree(whole[0], path)
    (path / VERDICTS).unlink()
    (path / SUMMARY).unlink()
    done = subprocess.run(
        [sys.executable, "-m", "harness", "grade", str(path)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "BORDOR_HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert (path / VERDICTS).read_bytes() == (whole[0] / VERDICTS).read_bytes()
    assert (path / SUMMARY).read_bytes() == (whole[0] / SUMMARY).read_bytes()
