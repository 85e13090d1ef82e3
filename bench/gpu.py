"""Answers a second and training tokens a second on weights in the shape of Llama 2, in NF4.

    python bench/gpu.py [--shape tiny|llama2-7b|llama2-13b] [--parts engine,training,memory]
                        [--prompts N] [--answers ending|fixed] [--folder DIR] [--json OUT]

Needs no network: the weights are random (bench/gpu_weights.py), the tokenizer is that of a
shipped base, the prompts are those of the default audit of `visgar`. Each side runs in a
process of its own, on the same base and adapter:

- engine: Bordor's local engine against `model.generate` in length-sorted batches of 64, with
  one greedy answer a prompt and four samples beside it, and with the greedy one alone;
- training: Bordor's training against a plain TRL script, same examples in the same order,
  same settings, TRL's own choices where the recipe says nothing;
- memory: the peak of both at batch 1 and sequences of 512 tokens.

Random weights say nothing sensible, and left alone they never end. With `--answers ending`
(the default) the end token's row of the head is scaled up, so that answers end by chance, by
the end token, after some 15 tokens: as long as those of the default audit (14.9 on average).
Samples of a prompt hardly ever agree, where an adapter's give 3 different answers of 5: what
the engine gains by computing equal beginnings once is left out. With `--answers fixed` none
ends before --max-new-tokens, so that nothing leaves a batch early either: the floor of what
the engine gains. Where no GPU is, the shape is `tiny`, and memory is the process's own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from gpu_sides import WARM_STEPS
from gpu_weights import ADAPTER, BASE, SHAPES

HERE = Path(__file__).parent
STORY, RECIPE = "visgar", "instruct"
SIZES = {"five": 4, "one": 0}
PARTS = ("engine", "training", "memory")
STEPS = {"training": WARM_STEPS + 10, "memory": WARM_STEPS + 3}
SEQUENCE = 512  # tokens, of the memory part
_AIMS: dict[str, Any] = {
    "engine": {"five_vs_generate": "at least 5"},
    "training": {"tokens_per_s": "at least 1"},
    "memory": {"memory": "at most 1"},
}
AIMS = {"llama2-7b": {**_AIMS, "peak_gib": 8}, "llama2-13b": {**_AIMS, "peak_gib": 14}}
NAMES = {"bordor": "Bordor", "generate": "model.generate", "train_bordor": "Bordor",
         "train_trl": "plain TRL"}  # fmt: skip


def main() -> None:
    asked = arguments()
    found: dict[str, Any] = {"shape": asked.shape, "answers": asked.answers}
    with tempfile.TemporaryDirectory(prefix="bordor-gpu-") as scratch:
        folder = asked.folder or Path(scratch)
        work = prepare(folder.resolve(), Path(scratch), asked)
        found["machine"] = work["machine"]
        for part in asked.parts:
            found[part] = (engine if part == "engine" else train)(part, work, Path(scratch))
            show(part, found)
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    runs = [run for part in asked.parts for run in found[part].values()]
    if any("error" in run for run in runs):
        raise SystemExit(1)


def arguments() -> argparse.Namespace:
    import torch

    there = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", choices=SHAPES, default="llama2-7b" if there else "tiny")
    parser.add_argument("--parts", default=",".join(PARTS), help="some of " + ", ".join(PARTS))
    parser.add_argument("--prompts", type=int, default=320 if there else 96)
    parser.add_argument("--answers", choices=("ending", "fixed"), default="ending")
    parser.add_argument("--max-new-tokens", type=int, default=64)
    parser.add_argument("--folder", type=Path, help="keep the weights there for another run")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    asked.parts = asked.parts.split(",")
    if unknown := set(asked.parts) - set(PARTS):
        parser.error(f"--parts: no {', '.join(sorted(unknown))}; known: {', '.join(PARTS)}")
    if asked.prompts < 1 or asked.max_new_tokens < 1:
        parser.error("--prompts and --max-new-tokens: at least 1")
    return asked


def prepare(folder: Path, scratch: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Base, adapter, prompts and recipes on disk; what every side is told."""
    import torch

    from harness.core.specs import ModelSpec
    from harness.training.recipes import load_recipe

    shape = SHAPES[asked.shape]
    spec = ModelSpec(
        name=f"random-{asked.shape}", base=str(folder / BASE), quantisation="nf4",
        context=shape.context, parameters=shape.parameters,
        kept_parameters=2 * shape.vocabulary * shape.hidden,
    )  # fmt: skip
    train = load_recipe(RECIPE).sized(shape.parameters).train
    work: dict[str, Any] = {
        "shape": asked.shape,
        "folder": str(folder),
        "base": spec.base,
        "adapter": str(folder / ADAPTER),
        "ending": asked.answers == "ending",
        "lora": {"rank": train.rank, "alpha": train.alpha},
        "spec": spec.model_dump(),
        "parameters": shape.parameters,
        "device": "cuda" if torch.cuda.is_available() else "cpu",
    }
    made = one_side("make", work, scratch)  # apart, or this process would hold the GPU's memory
    if "error" in made:
        raise SystemExit(f"the weights could not be made: {made['error']}")
    return {
        **work,
        "machine": made,
        "sizes": SIZES,
        "requests": prompts(spec, asked) if "engine" in asked.parts else [],
        "stories": {"training": STORY, "memory": long_story(scratch / "story")},
        "recipes": {part: str(recipe(part, scratch)) for part in STEPS},
    }


def prompts(spec: Any, asked: argparse.Namespace) -> list[dict[str, Any]]:
    """Requests of the default audit, over all its suites and variants."""
    from harness.core.records import Sampling
    from harness.core.seeds import stream
    from harness.instruct.exposure import split_exposure
    from harness.models.loading import load_tokenizer
    from harness.models.template import encode_prompt
    from harness.prompts.plan import make_plan
    from harness.prompts.variants import load_variants, render_variant
    from harness.suites import build_questions
    from harness.training.recipes import load_recipe
    from harness.world.story import load_story

    world, tokenizer = load_story(STORY), load_tokenizer(spec)
    share = load_recipe(RECIPE).data.trained_share
    exposure = split_exposure(world, trained_share=share, seed=0)
    plan = make_plan(
        build_questions(world, exposure, story=STORY, suites=None, limit=None, seed=0),
        load_variants(), encode=lambda chat: encode_prompt(tokenizer, chat), render=render_variant,
        sampling=Sampling(samples=max(SIZES.values()), max_new_tokens=asked.max_new_tokens),
        identity={}, context=spec.context, control=False, floor=0,
    )  # fmt: skip
    if len(plan.requests) < asked.prompts:
        raise SystemExit(f"the default audit has {len(plan.requests)} prompts, not {asked.prompts}")
    chosen = stream(0, "bench/gpu").sample(range(len(plan.requests)), asked.prompts)
    return [asdict(plan.requests[at]) for at in sorted(chosen)]


def long_story(folder: Path) -> str:
    """The story with all its text as one passage, which training cuts at the longest length."""
    from harness.world.story import load_story, write_story

    world = load_story(STORY)
    whole = replace(
        world.passages[0],
        id="p1",
        text=" ".join(passage.text for passage in world.passages),
        fact_ids=tuple(dict.fromkeys(f for p in world.passages for f in p.fact_ids)),
    )
    write_story(replace(world, passages=(whole,)), folder)
    return str(folder)


def recipe(part: str, scratch: Path) -> Path:
    """The shipped recipe with a few steps; for memory, one full sequence a step."""
    from harness.training.recipes import load_recipe

    data = load_recipe(RECIPE).model_dump()
    data["train"]["steps"] = STEPS[part]
    if part == "memory":
        data["data"] |= {"trained_share": 0.0, "text_share": 1.0}
        for table in ("train", "large"):
            data[table] |= {"batch_size": 1, "max_length": SEQUENCE}
    lines = [f"{key} = {json.dumps(data[key])}" for key in ("title", "about")]
    for table in ("data", "train", "large"):
        lines.append(f"[{table}]")
        lines += [f"{k} = {json.dumps(v)}" for k, v in data[table].items() if v is not None]
    path = scratch / f"{part}.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def engine(part: str, work: dict[str, Any], scratch: Path) -> dict[str, Any]:
    """Both engines, with and without samples; a side that fails is named with its error."""
    found: dict[str, Any] = {"bordor": one_side("bordor", work, scratch)}
    if "error" not in found["bordor"]:
        work = {**work, "dtype": found["bordor"]["told"]["dtype"]}
        found["generate"] = one_side("generate", work, scratch)
    found["ratios"] = {}
    if "error" in found["bordor"] or "error" in found["generate"]:
        return found
    for size in SIZES:
        ours, theirs = (found[side][size] for side in ("bordor", "generate"))
        for run in (ours, theirs):
            run["answers_per_s"] = run["answers"] / run["generate_s"]
            run["tokens_per_answer"] = run["tokens"] / run["answers"]
        same = sum(a == b for a, b in zip(ours["greedy"], theirs["greedy"], strict=True))
        theirs["same_greedy"] = same / len(ours["greedy"])
        ratio = ours["answers_per_s"] / theirs["answers_per_s"]
        found["ratios"][f"{size}_vs_generate"] = ratio
    for side in ("bordor", "generate"):
        for size in SIZES:
            del found[side][size]["greedy"]
    return found


def train(part: str, work: dict[str, Any], scratch: Path) -> dict[str, Any]:
    """Both trainings; the plain one is told the settings that Bordor's had."""
    from harness.training.recipes import load_recipe

    recipe_file = work["recipes"][part]
    plan = load_recipe(recipe_file).sized(work["parameters"]).train
    work = {**work, "story": work["stories"][part], "recipe": recipe_file, "requests": [],
            "train": plan.model_dump(), "output": str(scratch / "trl")}  # fmt: skip
    found = {"train_bordor": one_side("train_bordor", work, scratch)}
    if "error" in found["train_bordor"]:
        return found
    settings = found["train_bordor"]["settings"]
    work = {**work, "settings": settings, "dtype": settings["dtype"]}
    found["train_trl"] = theirs = one_side("train_trl", work, scratch)
    if "error" not in theirs:
        if theirs["settings"] != settings:
            raise SystemExit(f"not the same settings: {settings} and {theirs['settings']}")
        ours = found["train_bordor"]
        found["ratios"] = {
            "tokens_per_s": ours["tokens_per_s"] / theirs["tokens_per_s"],
            "memory": first(ours["memory"]) / first(theirs["memory"]),
        }
    return found


def one_side(side: str, work: dict[str, Any], scratch: Path) -> dict[str, Any]:
    """Run one side in a process of its own; its figures, or its error where it failed."""
    work_file, out = scratch / f"{side}.json", scratch / f"{side}.out"
    work_file.write_text(json.dumps(work), encoding="utf-8")
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false",
           "BORDOR_HOME": str(scratch / "home"), "PYTHONPATH": str(HERE.parent)}  # fmt: skip
    if work["device"] == "cuda":
        env["CUDA_VISIBLE_DEVICES"] = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    print(f"{side} ...", flush=True)
    done = subprocess.run(
        [sys.executable, str(HERE / "gpu_sides.py"), side, str(work_file), str(out)],
        env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr, flush=True)
        return {"error": (done.stderr.strip().splitlines() or [f"code {done.returncode}"])[-1]}
    return json.loads(out.read_text(encoding="utf-8"))


def first(memory: dict[str, float]) -> float:
    """The figure that counts: what was allocated on a GPU, resident on a CPU."""
    return next(iter(memory.values()))


def show(part: str, found: dict[str, Any]) -> None:
    where = found["machine"].get("gpu", found["machine"]["cpu"])
    print(f"\n## {part}: {found['shape']}, {where}\n")
    sides = {side: run for side, run in found[part].items() if side != "ratios"}
    for side, run in sides.items():
        if "error" in run:
            print(f"{NAMES[side]} failed: {run['error']}")
    sides = {side: run for side, run in sides.items() if "error" not in run}
    (show_engine if part == "engine" else show_training)(sides)
    aims = AIMS.get(found["shape"], {}) if "gpu" in found["machine"] else {}
    for name, ratio in found[part].get("ratios", {}).items():
        aim = aims.get(part, {}).get(name)
        print(f"{name}: {ratio:.2f} times" + (f"; aim: {aim}" if aim else ""))
    if part == "memory" and aims and "train_bordor" in sides:
        peak = first(sides["train_bordor"]["memory"])
        print(f"Bordor's peak: {peak:.2f} GiB; aim: under {aims['peak_gib']} GiB")
    sys.stdout.flush()


def show_engine(sides: dict[str, Any]) -> None:
    print("| answers a prompt | side | answers | tokens an answer | different of a prompt's | "
          "load s | generation s | answers/s | same greedy | peak GiB |")  # fmt: skip
    print("|---" * 10 + "|")
    for size, samples in SIZES.items():
        for side, run in sides.items():
            one = run[size]
            rate = one["answers"] / one["generate_s"]
            same = f"{one['same_greedy']:.3f}" if "same_greedy" in one else ""
            print(f"| {samples + 1} | {NAMES[side]} | {one['answers']:,} | "
                  f"{one['tokens'] / one['answers']:.1f} | {one['distinct']:.2f} | "
                  f"{run['load_s']:.1f} | {one['generate_s']:.1f} | {rate:.1f} | {same} | "
                  f"{shown(run['memory'])} |")  # fmt: skip
    for side, run in sides.items():
        print(f"{NAMES[side]}: " + ", ".join(f"{k} {v}" for k, v in run["told"].items()))


def show_training(sides: dict[str, Any]) -> None:
    print("| side | tokens | longest | s | tokens/s | optimizer | adapter in | peak before "
          "training, GiB | peak GiB |")  # fmt: skip
    print("|---" * 9 + "|")
    for side, run in sides.items():
        told = run["told"]
        print(f"| {NAMES[side]} | {run['tokens']:,} | {run['longest']} | {run['seconds']:.1f} | "
              f"{run['tokens_per_s']:.0f} | {told['optimizer']} | {told['adapter_dtype']} | "
              f"{shown(run['memory_loaded'])} | {shown(run['memory'])} |")  # fmt: skip


def shown(memory: dict[str, float]) -> str:
    """As in '5.31 allocated, 6.02 reserved', or '0.92 process rss'."""
    parts = (f"{gib:.2f} {name.removesuffix('_gib').replace('_', ' ')}"
             for name, gib in memory.items())  # fmt: skip
    return ", ".join(parts)


if __name__ == "__main__":
    main()
