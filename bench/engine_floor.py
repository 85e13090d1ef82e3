"""What the answers must cost at the least: products of the model at this machine's own speed.

    python bench/engine_floor.py [--model NAME] [--prompts 2000] [--threads 1] [--profile]

Counts the tokens that the local engine feeds the model (shared prefixes, prompts behind them,
blanks among those, lines of every step), turns them into products of the model's linears,
times products of the same shapes alone, adds up the keys and values that attention reads, and
prints both beside the seconds that the engine took. One worker, seconds of processor time, so
that other work does not count. --profile says where the rest goes instead: seconds of torch's
operations, by name.
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

REPEATS = 30
SHOWN = 14  # operations of a profile


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="storylm-4m-4bit")
    parser.add_argument("--prompts", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--profile", action="store_true")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    import torch

    torch.set_num_threads(asked.threads)
    with tempfile.TemporaryDirectory(prefix="bordor-floor-") as folder:
        work = prepare(asked.model, asked.prompts, Path(folder))
        for name, samples in SAMPLES.items():
            backend, requests = opened(work, samples)
            if asked.profile:
                profile(backend, requests, name)
            else:
                measure(backend, requests, name)


def opened(work: dict[str, Any], samples: int) -> tuple[Any, list[Any]]:
    """The local engine with one worker, and what it is asked."""
    from harness.backends.local import TransformersBackend
    from harness.core.records import Request, from_dict
    from harness.core.specs import ModelSpec
    from harness.models.loading import load_model

    spec = ModelSpec.model_validate(work["spec"])
    backend = TransformersBackend(load_model(spec, adapter=Path(work["adapter"])), workers=1)
    requests = [from_dict(Request, {**one, "samples": samples}) for one in work["requests"]]
    return backend, requests


def answer(backend: Any, requests: list[Any]) -> tuple[list[Any], float]:
    """All answers, shard by shard, and the seconds of processor time they took."""
    from harness.prompts.plan import cut

    answers, started = [], time.process_time()
    for shard in cut(requests):
        answers += backend.generate(shard)
    return answers, time.process_time() - started


def profile(backend: Any, requests: list[Any], name: str) -> None:
    """Print the seconds of torch's operations, and what is left: Python and numpy."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as watched

    with watched(activities=[ProfilerActivity.CPU]) as seen:
        _, spent = answer(backend, requests)
    found = sorted(seen.key_averages(), key=lambda one: -one.self_cpu_time_total)
    print(f"\n{name}, by operation (the profiler's own costs included):")
    for one in found[:SHOWN]:
        print(f"  {one.self_cpu_time_total / 1e6:6.2f} s  {one.count:8,} times  {one.key}")
    rest = sum(one.self_cpu_time_total for one in found[SHOWN:]) / 1e6
    print(f"  {rest:6.2f} s  all other operations\n  {spent:6.2f} s  in all", flush=True)


def measure(backend: Any, requests: list[Any], name: str) -> None:
    """Run the engine on the prompts, and print what it did and what that costs at the least."""
    shapes: Counter[tuple[int, int, int]] = Counter()  # rows, in, out of every product
    tokens: Counter[str] = Counter()
    watch(backend._model, shapes, tokens)
    answers, spent = answer(backend, requests)
    new = sum(len(answer.token_ids) for answer in answers)
    flops = sum(2 * rows * wide * out * times for (rows, wide, out), times in shapes.items())
    floor = alone(shapes)
    print(f"\n{name}: {len(answers):,} answers, {new:,} tokens in them")
    print(f"tokens fed: {tokens['long']:,} of prompts, {tokens['step']:,} in steps of one")
    rate = flops / floor / 1e9
    print(f"linears: {flops / 1e12:.2f} TFLOP, alone {floor:.1f} s ({rate:.0f} GFLOP/s)")
    speed = read_speed()
    print(f"keys and values read: {tokens['bytes'] / 1e9:.1f} GB, at {speed / 1e9:.0f} GB/s "
          f"{tokens['bytes'] / speed:.1f} s")  # fmt: skip
    print(f"engine: {spent:.1f} s of processor, {len(answers) / spent:.0f} answers a second and "
          f"core; {floor / spent:.0%} of it is the floor", flush=True)  # fmt: skip


def watch(model: Any, shapes: Counter[tuple[int, int, int]], tokens: Counter[str]) -> None:
    """Count the products of all linears, the tokens fed, and the bytes attended to."""
    from transformers import AttentionInterface

    from harness.backends import joint_attention as joint

    def linear(module: Any, inputs: tuple[Any, ...], output: Any) -> None:
        wide, out = inputs[0].shape[-1], output.shape[-1]
        shapes[inputs[0].numel() // wide, wide, out] += 1

    def embedding(module: Any, inputs: tuple[Any, ...], output: Any) -> None:
        tokens["step" if inputs[0].shape[1] == 1 else "long"] += inputs[0].numel()

    def attention(module: Any, query: Any, key: Any, *rest: Any, **options: Any) -> Any:
        cache = joint.current.cache
        layer = cache.held[module.layer_idx]
        pairs = [*layer.groups, layer.own(len(query))] if cache.stepping else [layer.groups[-1]]
        pairs += [layer.shared] if layer.shared is not None else []
        for held in (held for pair in pairs for held in pair):
            tokens["bytes"] += held.numel() * held.element_size()
        return joint.joint_attention(module, query, key, *rest, **options)

    AttentionInterface.register(joint.ATTENTION, attention)
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


def read_speed() -> float:
    """Bytes a second of reading memory that no cache holds."""
    import torch

    block = torch.ones(2**26)  # 256 MiB
    started = time.process_time()
    for _ in range(5):
        block.sum()
    return 5 * block.numel() * block.element_size() / (time.process_time() - started)


if __name__ == "__main__":
    main()
