"""One side of bench/gpu.py, in a process of its own, so that its peak of memory is its own.

    python bench/gpu_sides.py SIDE WORK.json OUT.json

`make` writes the weights, `bordor` and `generate` answer, `train_bordor` and `train_trl`
train. WORK.json is written by bench/gpu.py. What Bordor's sides run is its own code: the
loader, the local engine, `build_adapter`. `generate` and `train_trl` are what one writes
without it, from the same folders, in the same quantisation and compute dtype.
"""

from __future__ import annotations

import json
import platform
import resource
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

BATCH = 64
WARM_PROMPTS = 8
WARM_STEPS = 3  # of a training, before the clock runs
GIB = 2**30
Rows = list[list[int]]  # token ids of answers
# Requests and samples of each, to the greedy answers and the drawn ones.
Run = Callable[[Sequence[dict[str, Any]], int], tuple[Rows, Rows]]


def make(work: dict[str, Any]) -> dict[str, Any]:
    """Write base and adapter; tell what machine it is."""
    import torch
    from gpu_weights import SHAPES, make_adapter, make_base

    from harness.models.identity import cpu_name, library_versions
    from harness.models.quiet import quiet

    with quiet():
        base = make_base(SHAPES[work["shape"]], Path(work["folder"]), ending=work["ending"],
                         device=work["device"])  # fmt: skip
        make_adapter(base, Path(work["adapter"]), **work["lora"])
    told = {"cpu": cpu_name(), "threads": torch.get_num_threads(),
            "python": platform.python_version(), **library_versions()}  # fmt: skip
    if torch.cuda.is_available():
        major, minor = torch.cuda.get_device_capability()
        told |= {
            "gpu": torch.cuda.get_device_name(),
            "gpu_gib": round(torch.cuda.get_device_properties(0).total_memory / GIB, 1),
            "capability": f"{major}.{minor}",
            "cuda": torch.version.cuda,
        }
    return told


def bordor(work: dict[str, Any]) -> tuple[Run, Callable[[], dict[str, Any]]]:
    """The local engine, shard by shard as an audit runs it."""
    from harness.backends.local import TransformersBackend
    from harness.core.records import Request, from_dict
    from harness.core.specs import ModelSpec
    from harness.models.loading import load_model
    from harness.prompts.plan import cut

    loaded = load_model(ModelSpec.model_validate(work["spec"]), adapter=Path(work["adapter"]))
    backend = TransformersBackend(loaded)

    def run(requests: Sequence[dict[str, Any]], samples: int) -> tuple[Rows, Rows]:
        asked = [from_dict(Request, {**one, "samples": samples}) for one in requests]
        greedy, drawn = [], []
        found = dict(backend.generate_shards(dict(enumerate(cut(asked)))))
        for answer in (answer for _, answers in sorted(found.items()) for answer in answers):
            (drawn if answer.sample else greedy).append(list(answer.token_ids))
        return greedy, drawn

    def told() -> dict[str, Any]:
        return {**backend.identity["machine"], **backend.identity["engine"],
                "oom_retries": backend.oom_retries}  # fmt: skip

    return run, told


def generate(work: dict[str, Any]) -> tuple[Run, Callable[[], dict[str, Any]]]:
    """`model.generate` of transformers, batches of 64 rows sorted by length."""
    import torch
    from peft import PeftModel

    model, tokenizer = plain_model(work)
    model = PeftModel.from_pretrained(model, work["adapter"]).eval()
    end = tokenizer.eos_token_id

    def answer(prompts: Sequence[dict[str, Any]], how: dict[str, Any]) -> Rows:
        found: Rows = [[] for _ in prompts]
        order = sorted(range(len(prompts)), key=lambda at: -len(prompts[at]["token_ids"]))
        for start in range(0, len(order), BATCH):
            part = order[start : start + BATCH]
            rows = [{"input_ids": prompts[at]["token_ids"]} for at in part]
            batch = tokenizer.pad(rows, return_tensors="pt", padding_side="left").to(model.device)
            with torch.inference_mode():
                out = model.generate(
                    **batch, max_new_tokens=prompts[part[0]]["max_new_tokens"],
                    pad_token_id=tokenizer.pad_token_id, **how,
                )  # fmt: skip
            new = out[:, batch["input_ids"].shape[1] :]
            tokenizer.batch_decode(new, skip_special_tokens=True)  # an audit reads texts
            for at, ids in zip(part, new.tolist(), strict=True):
                found[at] = ids[: ids.index(end) + 1] if end in ids else ids
        return found

    def run(requests: Sequence[dict[str, Any]], samples: int) -> tuple[Rows, Rows]:
        greedy = answer(requests, {"do_sample": False})
        often = [one for one in requests for _ in range(samples)]
        sampling = {"do_sample": True, "temperature": 1.0, "top_k": 0, "top_p": 1.0}
        return greedy, answer(often, sampling) if often else []

    return run, lambda: {"dtype": dtype_of(model), "batch": BATCH}


def answering(side: str, work: dict[str, Any]) -> dict[str, Any]:
    """Load, warm up, then answer with and without samples."""
    started = time.monotonic()
    run, told = ENGINES[side](work)
    found: dict[str, Any] = {"load_s": time.monotonic() - started, "memory_loaded": peak()}
    requests = work["requests"]
    run(requests[:WARM_PROMPTS], 1)
    for size, samples in work["sizes"].items():
        started = time.monotonic()
        greedy, drawn = run(requests, samples)  # ids on the host: nothing is left to wait for
        seconds = time.monotonic() - started
        found[size] = {
            "generate_s": seconds,
            "answers": len(greedy) + len(drawn),
            "tokens": sum(map(len, greedy)) + sum(map(len, drawn)),
            "greedy": greedy,
            "distinct": distinct(greedy, drawn, samples),
        }
    return {**found, "memory": peak(), "told": told()}


def distinct(greedy: Rows, drawn: Rows, samples: int) -> float:
    """Different answers among those to one prompt, on average."""
    counts = [
        len({tuple(ids) for ids in (row, *drawn[at * samples : (at + 1) * samples])})
        for at, row in enumerate(greedy)
    ]
    return sum(counts) / len(counts)


def training(side: str, work: dict[str, Any]) -> dict[str, Any]:
    """Train on the same examples in the same order; seconds and tokens after the warm-up."""
    from transformers import trainer as transformers_trainer

    clock = watch()
    transformers_trainer.DEFAULT_CALLBACKS.append(clock)  # what every trainer is given
    try:
        TRAINERS[side](work)
    finally:
        transformers_trainer.DEFAULT_CALLBACKS.remove(clock)
    size = clock.settings["batch"]
    rows = [len(one["input_ids"]) for one in scheduled(work)[WARM_STEPS * size :]]
    seconds = clock.ends[-1] - clock.ends[WARM_STEPS - 1]
    return {
        "tokens": sum(rows),
        "seconds": seconds,
        "tokens_per_s": sum(rows) / seconds,
        "longest": max(rows),
        "memory_loaded": clock.memory_loaded,
        "memory": peak(),
        "settings": clock.settings,
        "told": clock.told,
        "first_loss": clock.first_loss,
    }


def train_bordor(work: dict[str, Any]) -> None:
    """Bordor's training as `bordor build adapter` runs it."""
    from harness.core.specs import ModelSpec
    from harness.training.adapter import build_adapter

    spec = ModelSpec.model_validate(work["spec"])
    build_adapter(spec, story=work["story"], recipe=work["recipe"])


def train_trl(work: dict[str, Any]) -> None:
    """A plain TRL script: TRL's own choices where the recipe says nothing."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from trl import SFTConfig, SFTTrainer

    model, tokenizer = plain_model(work)
    plan, same = work["train"], work["settings"]
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(
            output_dir=work["output"], max_steps=same["steps"],
            per_device_train_batch_size=same["micro_batch"],
            gradient_accumulation_steps=same["batch"] // same["micro_batch"],
            learning_rate=same["learning_rate"], lr_scheduler_type=same["schedule"],
            warmup_steps=same["warmup_steps"], weight_decay=plan["weight_decay"],
            max_length=same["max_length"], completion_only_loss=True,
            gradient_checkpointing=same["checkpointing"],
            bf16=same["bf16"], fp16=same["fp16"], use_cpu=work["device"] == "cpu",
            train_sampling_strategy="sequential", save_strategy="no", report_to="none",
            disable_tqdm=True,
        ),
        train_dataset=Dataset.from_list(scheduled(work)),
        processing_class=tokenizer,
        peft_config=LoraConfig(
            r=plan["rank"], lora_alpha=plan["alpha"], lora_dropout=plan["dropout"],
            target_modules="all-linear", task_type="CAUSAL_LM",
        ),
    )  # fmt: skip
    if same["fp16"]:  # TRL makes the adapter bfloat16, whose gradients a float16 scaler refuses
        for parameter in trainer.model.parameters():
            if parameter.requires_grad:
                parameter.data = parameter.data.to(torch.float32)
    trainer.train()
    trainer.save_model(work["output"])


def plain_model(work: dict[str, Any]) -> tuple[Any, Any]:
    """The base in its quantisation, and its tokenizer, without Bordor."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

    dtype = getattr(torch, work["dtype"])
    config = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )  # fmt: skip
    model = AutoModelForCausalLM.from_pretrained(
        work["base"], dtype=dtype, device_map={"": work["device"]}, quantization_config=config
    )
    return model, AutoTokenizer.from_pretrained(work["base"])


def scheduled(work: dict[str, Any]) -> list[dict[str, list[int]]]:
    """The examples of Bordor's training, as token ids, in its order."""
    from harness.core.specs import ModelSpec
    from harness.instruct.build import build_instruct
    from harness.models.loading import load_tokenizer
    from harness.training.examples import schedule
    from harness.training.recipes import load_recipe
    from harness.world.story import load_story

    plan = load_recipe(work["recipe"]).sized(work["parameters"])
    data = build_instruct(load_story(work["story"]), spec=plan.data, seed=0)
    tokenizer = load_tokenizer(ModelSpec.model_validate(work["spec"]))
    return schedule(data, plan, tokenizer, seed=0)


def watch() -> Any:
    """A callback that notes when steps end, once the device is done, and what is trained how."""
    import torch
    from transformers import TrainerCallback

    class Clock(TrainerCallback):
        ends: list[float]
        first_loss: float | None = None

        def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
            trained = [p for p in given["model"].parameters() if p.requires_grad]
            self.ends = []
            self.memory_loaded = peak()
            micro, times = args.per_device_train_batch_size, args.gradient_accumulation_steps
            self.settings = {
                "steps": args.max_steps, "batch": micro * times, "micro_batch": micro,
                "learning_rate": args.learning_rate,
                "schedule": args.lr_scheduler_type.value,
                "warmup_steps": args.warmup_steps, "max_length": args.max_length,
                "bf16": args.bf16, "fp16": args.fp16, "dtype": dtype_of(given["model"]),
                "checkpointing": args.gradient_checkpointing,
                "trained_parameters": sum(p.numel() for p in trained),
            }  # fmt: skip
            self.told = {
                "optimizer": args.optim.value,
                "adapter_dtype": str(trained[0].dtype).removeprefix("torch."),
            }

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self.ends.append(time.monotonic())
            control.should_log |= state.global_step == 1  # before the adapters differ

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            self.first_loss = self.first_loss or (logs or {}).get("loss")

    return Clock()


def dtype_of(model: Any) -> str:
    """In what the weights that are not quantised lie, and products are computed."""
    return str(model.get_input_embeddings().weight.dtype).removeprefix("torch.")


def peak() -> dict[str, float]:
    """The process's peak of memory so far, in GiB: of the GPU, or resident on a CPU."""
    import torch

    if torch.cuda.is_available():
        return {
            "allocated_gib": torch.cuda.max_memory_allocated() / GIB,
            "reserved_gib": torch.cuda.max_memory_reserved() / GIB,
        }
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB here
    return {"process_rss_gib": most * unit / GIB}


ENGINES = {"bordor": bordor, "generate": generate}
TRAINERS = {"train_bordor": train_bordor, "train_trl": train_trl}


def run_side(side: str, work: dict[str, Any]) -> dict[str, Any]:
    """What a side finds."""
    if side == "make":
        return make(work)
    return answering(side, work) if side in ENGINES else training(side, work)


def main() -> None:
    side, work_file, out_file = sys.argv[1:]
    warnings.simplefilter("ignore")
    found = run_side(side, json.loads(Path(work_file).read_text(encoding="utf-8")))
    Path(out_file).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
