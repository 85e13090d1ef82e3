"""What the answers must cost at the least: products of the model at this machine's own speed.

    python bench/engine_floor.py [--model storylm-4m-4bit] [--prompts 2000] [--threads 1]

Counts the tokens that the local engine feeds the model (shared prefixes, prompts behind them,
blanks among those, lines of every step), turns them into products of the model's linears,
times products of the same shapes alone, and prints that floor beside the seconds that the
engine took. One worker, seconds of processor time, so that other work does not count.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

from engine import SAMPLES, prepare
from engine_sides import SHARD

REPEATS = 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="storylm-4m-4bit")
    parser.add_argument("--prompts", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    import torch

    torch.set_num_threads(asked.threads)
    with tempfile.TemporaryDirectory(prefix="bordor-floor-") as folder:
        work = prepare(asked.model, asked.prompts, Path(folder))
        for name, samples in SAMPLES.items():
            measure(work, name, samples)


def measure(work: dict[str, Any], name: str, samples: int) -> None:
    """Run the engine on the prompts, and print what it did and what that costs at the least."""
    from harness.backends.local import TransformersBackend
    from harness.models.loading import load_model
    from harness.records import Request, from_dict
    from harness.specs import ModelSpec

    spec = ModelSpec.model_validate(work["spec"])
    backend = TransformersBackend(load_model(spec, adapter=Path(work["adapter"])), workers=1)
    shapes: Counter[tuple[int, int, int]] = Counter()  # rows, in, out of every product
    tokens: Counter[str] = Counter()
    watch(backend._model, shapes, tokens)
    requests = [from_dict(Request, {**one, "samples": samples}) for one in work["requests"]]
    answers, started = [], time.process_time()
    for start in range(0, len(requests), SHARD):
        answers += backend.generate(requests[start : start + SHARD])
    spent = time.process_time() - started
    new = sum(len(answer.token_ids) for answer in answers)
    flops = sum(2 * rows * wide * out * times for (rows, wide, out), times in shapes.items())
    floor = alone(shapes)
    print(f"\n{name}: {len(answers):,} answers, {new:,} tokens in them")
    print(f"tokens fed: {tokens['long']:,} of prompts, {tokens['step']:,} in steps of one")
    rate = flops / floor / 1e9
    print(f"linears: {flops / 1e12:.2f} TFLOP, alone {floor:.1f} s ({rate:.0f} GFLOP/s)")
    print(f"engine: {spent:.1f} s of processor, {len(answers) / spent:.0f} answers a second and "
          f"core; {floor / spent:.0%} of it is the floor", flush=True)  # fmt: skip


def watch(model: Any, shapes: Counter[tuple[int, int, int]], tokens: Counter[str]) -> None:
    """Count the products of all linears, and the tokens that go into the embedding."""

    def linear(module: Any, inputs: tuple[Any, ...], output: Any) -> None:
        wide, out = inputs[0].shape[-1], output.shape[-1]
        shapes[inputs[0].numel() // wide, wide, out] += 1

    def embedding(module: Any, inputs: tuple[Any, ...], output: Any) -> None:
        tokens["step" if inputs[0].shape[1] == 1 else "long"] += inputs[0].numel()

    for module in model.modules():
        if type(module).__name__ in ("ArmLinear", "Linear"):
            module.register_forward_hook(linear)
    model.get_input_embeddings().register_forward_hook(embedding)


def alone(shapes: Counter[tuple[int, int, int]]) -> float:
    """Seconds of the same products with nothing between them; sizes rounded to keep it short."""
    import torch

    from harness.models.packed import Product

    rounded: Counter[tuple[int, int, int]] = Counter()
    for (rows, wide, out), times in shapes.items():
        near = max(1, round(rows, -1)) if rows < 200 else round(rows, -2)
        rounded[near, wide, out] += times
    total = 0.0
    for (rows, wide, out), times in rounded.items():
        x, product = torch.randn(rows, wide), Product(torch.randn(out, wide), None)
        product(x)
        count = min(REPEATS, times)
        started = time.process_time()
        for _ in range(count):
            product(x)
        total += (time.process_time() - started) / count * times
    return total


if __name__ == "__main__":
    main()
