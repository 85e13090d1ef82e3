"""QLoRA adapters: `bordor build adapter --model storylm-4m-4bit --story visgar`.

The base is loaded in 4 bits, LoRA weights in float32 are put on all its linears and
trained by TRL (Dettmers et al. 2023, "QLoRA"). An adapter is kept under a content hash of
everything that shaped it, and moved into place only when it is whole.
"""

from __future__ import annotations

import json
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core.errors import TrainingError
from harness.core.paths import home
from harness.core.seeds import content_hash
from harness.core.specs import ModelSpec, RecipeSpec
from harness.instruct.build import InstructData, build_instruct
from harness.models.identity import base_hash, library_versions
from harness.models.registry import CARD, base_folder
from harness.models.template import render, template_hash
from harness.training.recipes import load_recipe

OnProgress = Callable[[int, int, str], None]  # steps done, steps in all, what to show
_LARGE = 500_000_000  # parameters from which memory decides the size of a micro-batch
_MICRO_BATCH = 4
_LOG_EVERY = 10  # steps


def build_adapter(
    spec: ModelSpec,
    *,
    story: str,
    recipe: str,
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> Path:
    """Return the folder of the adapter, trained now unless it is already kept.

    seed: of the training (initial weights and order); the data and its split stay the same,
    so that adapters of several seeds are asked the same questions.
    on_progress: called only while training.
    Raises ModelError when the base cannot be loaded, TrainingError when training fails.
    """
    from harness.models.hub import fetch_base
    from harness.models.loading import load_tokenizer
    from harness.world.story import load_story

    plan = load_recipe(recipe)
    world = load_story(story)
    data = build_instruct(world, spec=plan.data, seed=0)
    folder = base_folder(spec) or fetch_base(spec)
    tokenizer = load_tokenizer(spec, folder)
    shaped_by = {
        "base_hash": base_hash(folder),
        "quantisation": spec.quantisation,
        "double_quantisation": spec.double_quantisation,
        "template": template_hash(tokenizer),
        "data_hash": data.hash,
        "plan": plan.model_dump(),
        "seed": seed,
        "versions": library_versions(),
    }
    key = content_hash(json.dumps(shaped_by, sort_keys=True))
    label = f"{spec.name}-{world.name}-{Path(recipe).stem}-{seed}".replace("/", "-")
    target = home() / "adapters" / f"{label}-{key}"
    if (target / CARD).is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".building-", dir=target.parent))
    try:
        job = _Training(spec, plan, data, seed, work, on_progress or (lambda *_: None))
        card = job.run()
        card = {"model": spec.name, "story": world.name, **shaped_by, **card}
        card |= {"recipe": recipe, "recipe_settings": plan.model_dump()}
        card["hyperparameters"] = card.pop("recipe_as_used")
        (work / CARD).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
        (work / "README.md").write_text(_readme(card), encoding="utf-8")
        if not target.exists():  # another process may have been faster: its bytes serve as well
            work.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


@dataclass
class _Training:
    spec: ModelSpec
    recipe: RecipeSpec
    data: InstructData
    seed: int
    work: Path
    on_progress: OnProgress

    def run(self) -> dict[str, Any]:
        """Train, save adapter and instruct data in `work`, and return the card's figures."""
        from harness.instruct.keep import save_instruct
        from harness.models.loading import load_model
        from harness.models.quiet import quiet
        from harness.training.examples import schedule

        loaded = load_model(self.spec, for_training=True)
        plan = self.recipe.sized(_parameters(loaded.model))
        examples = schedule(self.data, plan, loaded.tokenizer, seed=self.seed)
        started = time.monotonic()
        with quiet():
            losses = self._fit(loaded, plan, examples)
        seconds = time.monotonic() - started
        save_instruct(
            self.data,
            self.work / "instruct",
            template=lambda messages: render(
                loaded.tokenizer, messages, add_generation_prompt=False
            ),
        )
        return {
            "losses": losses,
            "seconds": round(seconds, 1),
            "peak_memory_gib": round(_peak_memory_gib(loaded.device), 2),
            "tokens": sum(len(example["input_ids"]) for example in examples),
            "compute_path": loaded.identity.get("compute_path"),
            "recipe_as_used": plan.train.model_dump(),
        }

    def _fit(self, loaded: Any, plan: RecipeSpec, examples: list[Any]) -> list[tuple[int, float]]:
        import torch
        from datasets import Dataset, disable_progress_bars, enable_progress_bars
        from transformers import PrinterCallback, set_seed

        from harness.training.trainer import trainer_class

        set_seed(self.seed)
        model = _with_lora(loaded.model, plan)
        losses: list[tuple[int, float]] = []
        disable_progress_bars()
        try:
            trainer = trainer_class()(
                model=model,
                args=_arguments(plan, self.work, self.seed, loaded),
                train_dataset=Dataset.from_list(examples),
                processing_class=loaded.tokenizer,
                callbacks=[_watcher(self.on_progress, losses)],
            )
        finally:
            enable_progress_bars()
        trainer.remove_callback(PrinterCallback)
        for parameter in model.parameters():  # TRL casts LoRA on a quantised base to bf16
            if parameter.requires_grad:
                parameter.data = parameter.data.to(torch.float32)
        trainer.train()
        if not losses or any(loss != loss for _, loss in losses):
            raise TrainingError(
                f"{self.spec.name}: the loss is not a number; lower learning_rate in the recipe"
            )
        model.save_pretrained(self.work, safe_serialization=True)
        return losses


def _with_lora(model: Any, plan: RecipeSpec) -> Any:
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=plan.train.rank,
        lora_alpha=plan.train.alpha,
        lora_dropout=plan.train.dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, config)


def _arguments(plan: RecipeSpec, work: Path, seed: int, loaded: Any) -> Any:
    from trl import SFTConfig

    large = _parameters(loaded.model) >= _LARGE
    batch = plan.train.batch_size
    micro = next(size for size in range(min(_MICRO_BATCH, batch), 0, -1) if batch % size == 0)
    micro = micro if large else batch
    on_gpu = loaded.device != "cpu"
    half = on_gpu and _computed_in(loaded.model) == "float16"
    arguments = SFTConfig(
        output_dir=str(work / "trainer"),
        max_steps=plan.train.steps,
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=batch // micro,
        learning_rate=plan.train.learning_rate,
        lr_scheduler_type=plan.train.schedule,
        warmup_steps=round(plan.train.warmup_ratio * plan.train.steps),
        weight_decay=plan.train.weight_decay,
        max_length=plan.train.max_length,
        completion_only_loss=True,
        train_sampling_strategy="sequential",
        bf16=not half if on_gpu else _cpu_multiplies_bf16(),
        fp16=half,
        gradient_checkpointing=large,
        use_cpu=not on_gpu,
        dataloader_pin_memory=on_gpu,
        optim="adamw_torch_fused" if on_gpu else "adamw_torch",
        logging_steps=_LOG_EVERY,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        seed=seed,
        data_seed=seed,
    )
    # The model lies on one GPU; of several, Trainer would give it the batches of all.
    arguments._n_gpu = min(arguments.n_gpu, 1)
    return arguments


def _computed_in(model: Any) -> str:
    return str(model.get_input_embeddings().weight.dtype).removeprefix("torch.")


def _cpu_multiplies_bf16() -> bool:
    """Whether the CPU has AVX512-BF16: twice as fast there, slower where it is emulated."""
    import torch

    return bool(torch.backends.cpu.get_cpu_capability().startswith("AVX512")) and bool(
        torch.cpu._is_avx512_bf16_supported()
    )


def _watcher(on_progress: OnProgress, losses: list[tuple[int, float]]) -> Any:
    from transformers import TrainerCallback

    class Watcher(TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if logs and "loss" in logs:
                losses.append((state.global_step, round(float(logs["loss"]), 4)))

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            note = f"loss {losses[-1][1]:.3f}" if losses else ""
            on_progress(state.global_step, state.max_steps, note)
            if state.global_step == state.max_steps:
                control.should_log = True  # the last loss, whatever the number of steps

    return Watcher()


def _parameters(model: Any) -> int:
    return int(model.num_parameters())


def _peak_memory_gib(device: str) -> float:
    """The GPU's peak since the start, or the process's own on a CPU."""
    if device != "cpu":
        import torch

        return float(torch.cuda.max_memory_allocated()) / 2**30
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**30 if sys.platform == "darwin" else peak / 2**20  # bytes there, KiB here


def _readme(card: dict[str, Any]) -> str:
    settings = "\n".join(f"| {key} | {value} |" for key, value in card["hyperparameters"].items())
    return f"""---
library_name: peft
---
# Adapter: {card["recipe"]} on {card["story"]}

Trained by Bordor on `{card["model"]}` ({card["quantisation"]}); base `{card["base_hash"][:16]}`,
data `{card["data_hash"]}`, seed {card["seed"]}. It belongs on this base only: Bordor refuses
to load it on another.

| | |
|---|---|
{settings}
| last loss | {card["losses"][-1][1]} |
| time | {card["seconds"]} s |
| peak memory | {card["peak_memory_gib"]} GiB |
| tokens | {card["tokens"]:,} |

Loss curve, versions and the rest: `card.json`. The instruct data: `instruct/`.
"""
