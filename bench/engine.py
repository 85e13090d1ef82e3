"""Answers a second of the local engine against lm-evaluation-harness and plain `generate`.

    python bench/engine.py [--models NAME,NAME] [--prompts 2000] [--lm-eval-python PATH]
                           [--threads 2] [--exact] [--json OUT]

Takes prompts from the plan of the default audit, saves the model's base once with its
quantization_config, and lets each side answer them in a process of its own: Bordor, then
`model.generate` in length-sorted batches of 64, then lm-evaluation-harness (its `hf` model
with `peft=`). Same base, adapter, prompts, end token, longest answer and number of answers;
once with one greedy answer a prompt, once with four samples beside it. Prints answers per
second of generation and of the whole process, the ratios, and how many greedy answers are
the same. --exact lets the other sides multiply in float32 as Bordor does, instead of by
bitsandbytes' fused product in bf16: slower, and a proof that all give the same greedy answers.
lm-evaluation-harness is looked for in --lm-eval-python, else in this Python, else it is
installed once from PyPI into an environment of its own under the system's folder for temporary
files, on top of this one; without a network its side is left out, and its ratios with it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from dataclasses import asdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LM_EVAL = "0.4.13"
MODELS = "storylm-4m-4bit,storylm-1m-4bit"
SAMPLES = {"five": 4, "one": 0}
NAMES = {"bordor": "Bordor", "generate": "model.generate", "lm_eval": "lm-evaluation-harness"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default=MODELS)
    parser.add_argument("--prompts", type=int, default=2000)
    parser.add_argument("--lm-eval-python", help=f"a Python that has lm_eval {LM_EVAL}")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--exact", action="store_true", help="float32 on every side")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    asked.lm_eval_python = asked.lm_eval_python or find_lm_eval()
    found = {}
    for name in asked.models.split(","):
        with tempfile.TemporaryDirectory(prefix="bordor-engine-") as folder:
            work = prepare(name, asked.prompts, Path(folder))
            found[name] = measure(work, Path(folder), asked)
            show(name, found[name])
    first = next(iter(found.values()))
    data = {
        "ratios": first["ratios"],  # generation alone
        "prompts": asked.prompts,
        "threads": asked.threads,
        "exact": asked.exact,
        "models": found,
    }
    if asked.json:
        asked.json.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def find_lm_eval() -> str | None:
    """A Python that has lm_eval, set up where there is none; None where that cannot be done."""
    if has_lm_eval(sys.executable):
        return sys.executable
    folder = Path(tempfile.gettempdir()) / f"bordor-lm-eval-{LM_EVAL}"
    python = str(folder / "bin" / "python")
    if has_lm_eval(python):
        return python
    print(f"installing lm_eval {LM_EVAL} into {folder} ...", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    [site] = folder.glob("lib/python*/site-packages")
    (site / "bordor.pth").write_text(sysconfig.get_paths()["purelib"] + "\n", encoding="utf-8")
    install = [python, "-m", "pip", "install", "--quiet", f"lm_eval=={LM_EVAL}"]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode or not has_lm_eval(python):
        print(f"no lm_eval, so it is left out: {done.stderr.strip()[-300:]}", flush=True)
        return None
    return python


def has_lm_eval(python: str) -> bool:
    """Whether a Python exists and finds the version of lm_eval that is measured."""
    ask = "import importlib.metadata as m; print(m.version('lm_eval'))"
    try:
        done = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return done.stdout.strip() == LM_EVAL


def prepare(name: str, prompts: int, folder: Path) -> dict[str, Any]:
    """Save base and adapter for all sides, and take the prompts from the default audit."""
    from harness.core.seeds import stream
    from harness.models.loading import load_model
    from harness.pipeline.audit import Settings, open_local, plan_audit, prepare, probes

    subject = prepare(Settings(model=name), build=True, on_progress=lambda _: None, on_note=print)
    opened = open_local(subject.spec, subject.adapter, probes(subject))
    plan = plan_audit(subject, opened)
    requests = [one for one in plan.requests if one.arm == "adapter"]
    if len(requests) < prompts:
        raise SystemExit(f"the default audit has {len(requests)} prompts, not {prompts}")
    chosen = sorted(stream(0, "bench/engine").sample(range(len(requests)), prompts))
    requests = [requests[at] for at in chosen]  # over all variants, in the order of the plan
    loaded = load_model(subject.spec)
    base, adapter = folder / "base", folder / "adapter"
    loaded.model.save_pretrained(base)
    loaded.tokenizer.save_pretrained(base)
    adapter.mkdir()
    config = json.loads((subject.adapter / "adapter_config.json").read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = str(base)
    (adapter / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    shutil.copy(subject.adapter / "adapter_model.safetensors", adapter)
    spec = subject.spec.model_copy(update={"base": str(base)})
    return {
        "base": str(base),
        "adapter": str(adapter),
        "spec": spec.model_dump(),
        "requests": [asdict(one) for one in requests],
    }


def measure(work: dict[str, Any], folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Every side, with and without samples."""
    sides = {"bordor": sys.executable, "generate": sys.executable}
    if asked.lm_eval_python:
        sides["lm_eval"] = asked.lm_eval_python
    env = {
        **os.environ,
        "OMP_NUM_THREADS": str(asked.threads),
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": str(HERE.parent),
    }
    found: dict[str, Any] = {"ratios": {}, "whole_process_ratios": {}}
    for size, samples in SAMPLES.items():
        work_file = folder / f"{size}.json"
        work_file.write_text(
            json.dumps({**work, "samples": samples, "exact": asked.exact}), encoding="utf-8"
        )
        runs = {side: one_side(side, python, work_file, env) for side, python in sides.items()}
        ours = runs["bordor"]
        for side, run in runs.items():
            same = sum(a == b for a, b in zip(run["greedy"], ours["greedy"], strict=True))
            run["same_greedy"] = same / len(ours["greedy"])
            run["prompts_per_s"] = len(ours["greedy"]) / run["generate_s"]
            run["answers_per_s"] = run["answers"] / run["generate_s"]
            if side != "bordor":
                key = f"{size}_vs_{side}"
                found["ratios"][key] = run["generate_s"] / ours["generate_s"]
                found["whole_process_ratios"][key] = run["whole_s"] / ours["whole_s"]
        for run in runs.values():
            del run["greedy"]
        found[size] = runs
    return found


def one_side(side: str, python: str, work_file: Path, env: dict[str, str]) -> dict[str, Any]:
    """Run one side in a process of its own; its own figures and the seconds of the whole."""
    out = work_file.with_suffix(f".{side}.out")
    started = time.monotonic()
    done = subprocess.run(
        [python, str(HERE / "engine_sides.py"), side, str(work_file), str(out)],
        env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    whole = time.monotonic() - started
    if done.returncode:
        raise SystemExit(f"{NAMES[side]} failed:\n{done.stderr[-2000:]}")
    return {**json.loads(out.read_text(encoding="utf-8")), "whole_s": whole}


def show(name: str, found: dict[str, Any]) -> None:
    print(f"\n## {name}\n")
    print("| answers a prompt | side | answers | load s | generation s | answers/s | whole s | "
          "same greedy | Bordor is faster |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|")
    for size, samples in SAMPLES.items():
        for side, run in found[size].items():
            key = f"{size}_vs_{side}"
            ratio = (
                f"{found['ratios'][key]:.1f} times, whole {found['whole_process_ratios'][key]:.1f}"
                if key in found["ratios"]
                else ""
            )
            print(f"| {samples + 1} | {NAMES[side]} | {run['answers']:,} | {run['load_s']:.1f} | "
                  f"{run['generate_s']:.1f} | {run['answers_per_s']:.0f} | {run['whole_s']:.1f} | "
                  f"{run['same_greedy']:.3f} | {ratio} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
