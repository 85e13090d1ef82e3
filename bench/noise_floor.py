"""How many greedy answers differ when nothing but the batch does: the noise floor by precision.

    python bench/noise_floor.py [--models NAME,NAME] [--prompts 200] [--json OUT]

Takes prompts from the plan of the default audit, over all suites and variants, and answers
them greedily in batches of 1, 7 and 64 prompts: in float32, in bf16, in NF4 computed in
float32 (how an audit computes small models on a CPU) and in NF4 computed in bf16 (how it
computes large ones; on a CPU with AVX512-BF16 by bitsandbytes' fused product). Prints the
share of answers of which any token differs between two sizes, how far log-probabilities of
the same tokens lie apart, and what the audit's own noise floor reports: the requests once
as an audit batches them, and once more in the arm "floor".
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

MODELS = "storylm-4m-4bit,storylm-1m-4bit"
SIZES = (1, 7, 64)
PRECISIONS = {  # quantisation, and what products are computed in
    "float32": ("none", "float32"),
    "bf16": ("none", "bfloat16"),
    "NF4, float32": ("nf4", "float32"),
    "NF4, bf16": ("nf4", "bfloat16"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default=MODELS)
    parser.add_argument("--prompts", type=int, default=200)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    found: dict[str, Any] = {"prompts": asked.prompts, "models": {}}
    print("| model | precision | path | 1 and 7 | 1 and 64 | 7 and 64 | log-probability apart "
          "| the audit's own floor |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|")
    for name in asked.models.split(","):
        subject, requests = choose(name, asked.prompts)
        found["models"][name] = {}
        for precision in PRECISIONS:
            measured = measure(subject, requests, precision)
            found["models"][name][precision] = measured
            show(name, precision, measured, len(requests))
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def choose(name: str, prompts: int) -> tuple[Any, list[Any]]:
    """The subject of the default audit, and `prompts` of its greedy requests."""
    from harness.core.seeds import stream
    from harness.pipeline.audit import Settings, open_local, plan_audit, prepare, probes

    subject = prepare(Settings(model=name), build=True, on_progress=lambda _: None, on_note=print)
    plan = plan_audit(subject, open_local(subject.spec, subject.adapter, probes(subject)))
    requests = [replace(one, samples=0) for one in plan.requests if one.arm == "adapter"]
    if len(requests) < prompts:
        raise SystemExit(f"the default audit has {len(requests)} prompts, not {prompts}")
    return subject, stream(0, "bench/noise_floor").sample(requests, prompts)


def measure(subject: Any, requests: list[Any], precision: str) -> dict[str, Any]:
    """Shares of `requests` that differ, and the largest gap of a log-probability, in nats."""
    from harness.backends.local import TransformersBackend
    from harness.models.loading import load_model
    from harness.prompts.plan import FLOOR_REQUESTS

    quantisation, dtype = PRECISIONS[precision]
    changes = {"quantisation": quantisation, "quantisation_source": "flag", "compute_dtype": dtype}
    loaded = load_model(subject.spec.model_copy(update=changes), adapter=subject.adapter)
    backend = TransformersBackend(loaded)
    by_size = {}
    for size in SIZES:
        parts = [requests[at : at + size] for at in range(0, len(requests), size)]
        by_size[size] = [answer for part in parts for answer in backend.generate(part)]
    pairs = {f"{a} and {b}": (by_size[a], by_size[b]) for a, b in combinations(SIZES, 2)}
    repeats = [replace(request, arm="floor") for request in requests]
    again = [repeats[at : at + FLOOR_REQUESTS] for at in range(0, len(repeats), FLOOR_REQUESTS)]
    return {
        "path": loaded.identity["machine"]["compute_path"],
        "shares": {key: share(*pair) for key, pair in pairs.items()},
        "logprob_gap": max(gap(*pair) for pair in pairs.values()),
        "floor": share(
            backend.generate(requests), [one for part in again for one in backend.generate(part)]
        ),
    }


def share(first: list[Any], second: list[Any]) -> float:
    """The share of answers of which any token differs."""
    differ = sum(a.token_ids != b.token_ids for a, b in zip(first, second, strict=True))
    return differ / len(first)


def gap(first: list[Any], second: list[Any]) -> float:
    """The largest difference of a log-probability among answers of the same tokens."""
    return max(
        abs(x - y)
        for a, b in zip(first, second, strict=True)
        if a.token_ids == b.token_ids
        for x, y in zip(a.logprobs, b.logprobs, strict=True)
    )


def show(name: str, precision: str, found: dict[str, Any], prompts: int) -> None:
    shares = " | ".join(
        f"{value:.3f} ({value * prompts:.0f})" for value in found["shares"].values()
    )
    print(f"| {name} | {precision} | {found['path']} | {shares} | {found['logprob_gap']:.2g} "
          f"| {found['floor']:.3f} ({found['floor'] * prompts:.0f}) |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
