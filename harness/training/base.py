"""Pretraining a base from scratch: `bordor build base storylm-4m`.

Tokenizer, then a Llama-architecture model on packed documents of generated worlds. Muon
for the matrices (Jordan et al. 2024, as in torch.optim), AdamW for embeddings and norms;
a constant learning rate that falls to zero over the last steps. A build that is cut off
goes on from its last checkpoint and ends with the same batches; the finished base is
moved into place whole.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core.errors import TrainingError, UsageError
from harness.core.paths import data_folder, home
from harness.core.seeds import content_hash
from harness.core.specs import BaseSpec, did_you_mean, load_toml
from harness.training.reading import reading_accuracy
from harness.training.stream import Blocks, audit_systems, documents

Progress = Callable[[int, int, str], None]  # steps done, steps in all, what to show


def load_base_spec(name: str) -> BaseSpec:
    """Read `fixtures/bases/<name>.toml`. Raises UsageError for an unknown name."""
    folder = data_folder("fixtures") / "bases"
    path = folder / f"{name}.toml"
    if not path.is_file():
        known = sorted(p.stem for p in folder.glob("*.toml"))
        raise UsageError(
            f"no base '{name}' in {folder}{did_you_mean(name, known)} Known: {', '.join(known)}"
        )
    return load_toml(path, BaseSpec)


def build_base(
    name: str,
    *,
    out: Path | None = None,
    threads: int | None = None,
    on_progress: Progress | None = None,
) -> Path:
    """Pretrain the base `name` and return its folder (config, weights, tokenizer, card).

    out: where the finished base goes; default `home()/bases/<name>`.
    threads: CPU threads for torch; default is torch's own choice.
    Raises UsageError for an unknown name or a folder that exists, TrainingError when the
    loss is not a number or a batch is larger than a block.
    """
    spec = load_base_spec(name)
    target = out or home() / "bases" / name
    if target.exists():
        raise UsageError(f"{target} exists; move it away to pretrain '{name}' again")
    work = target.parent / f".{target.name}.building-{content_hash(spec.model_dump_json())}"
    work.mkdir(parents=True, exist_ok=True)
    run = _Pretraining(spec, work, threads, on_progress or (lambda done, total, note: None))
    card = run.train()
    _finish(run.model, spec, work, card)
    (work / "checkpoint.pt").unlink(missing_ok=True)
    shutil.rmtree(work / "optimizer", ignore_errors=True)
    work.rename(target)
    return target


@dataclass
class _Pretraining:
    spec: BaseSpec
    work: Path
    threads: int | None
    on_progress: Progress

    def train(self) -> dict[str, Any]:
        """Run all steps, from the last checkpoint on, and return the card."""
        import torch

        if self.threads:
            torch.set_num_threads(self.threads)
        plan = self.spec.pretraining
        tokenizer_file = self._tokenizer()
        torch.manual_seed(plan.seed)
        self.model = _new_model(self.spec)
        self.optimizers = _optimizers(self.model, self.spec)
        self.blocks = Blocks(
            tokenizer_file,
            seed=plan.seed,
            length=plan.sequence_length,
            prompt_weight=plan.prompt_weight,
        )
        self.step, self.block, self.row, self.seconds = 0, 0, 0, 0.0
        self.losses: list[tuple[int, float, float]] = []
        self._resume()
        self._loop()
        return self._card()

    def _tokenizer(self) -> Path:
        from harness.models.template import LLAMA2_TEMPLATE
        from harness.training.tokenizer import train_tokenizer

        file = self.work / "tokenizer.json"
        if not file.is_file():
            plan = self.spec.pretraining
            count = plan.tokenizer_documents
            made = documents(plan.seed, -count, count, audit_systems())
            train_tokenizer(
                (d.text for d in made),
                vocab_size=self.spec.architecture.vocab_size,
                folder=self.work,
                template=LLAMA2_TEMPLATE,
            )
        return file

    def _loop(self) -> None:
        import torch

        plan = self.spec.pretraining
        ids_NT, weights_NT = self.blocks.block(self.block)
        clock = time.monotonic()
        while self.step < plan.steps:
            while len(ids_NT) - self.row < plan.batch_size:
                self.block, self.row = self.block + 1, 0
                ids_NT, weights_NT = self.blocks.block(self.block)
                if len(ids_NT) < plan.batch_size:
                    raise TrainingError(
                        f"batch_size {plan.batch_size} is more than the {len(ids_NT)} sequences "
                        f"of a block: lower it, or sequence_length, in {self.spec.name}.toml"
                    )
            rows = slice(self.row, self.row + plan.batch_size)
            loss, answer_loss = self._step(
                torch.from_numpy(ids_NT[rows]), torch.from_numpy(weights_NT[rows])
            )
            self.row += plan.batch_size
            self.step += 1
            if self.step % 20 == 0 or self.step == plan.steps:
                self.losses.append((self.step, round(loss, 4), round(answer_loss, 4)))
                self.on_progress(
                    self.step, plan.steps, f"loss {loss:.3f}, of answers {answer_loss:.3f}"
                )
            if self.step % plan.checkpoint_every == 0 or self.step == plan.steps:
                self.seconds += time.monotonic() - clock
                clock = time.monotonic()
                self._checkpoint()

    def _step(self, ids_BT: Any, weights_BT: Any) -> tuple[float, float]:
        """One optimizer step; returns the weighted loss and that of answer tokens, nats."""
        import torch

        rate = _rate(self.step, self.spec)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak_lr"] * rate
        loss_BT = _token_losses(self.model, ids_BT)
        weights = weights_BT[:, 1:]
        loss = (loss_BT * weights).sum() / weights.sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        answers = weights == 1
        value = float(loss.detach())
        if value != value:
            raise TrainingError(f"step {self.step}: the loss is not a number; lower the rates")
        return value, float(loss_BT.detach()[answers].mean()) if answers.any() else float("nan")

    def _checkpoint(self) -> None:
        import torch

        state = {
            "step": self.step,
            "block": self.block,
            "row": self.row,
            "seconds": self.seconds,
            "losses": self.losses,
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }
        partial = self.work / "checkpoint.partial"
        torch.save(state, partial)
        partial.rename(self.work / "checkpoint.pt")

    def _resume(self) -> None:
        import torch

        file = self.work / "checkpoint.pt"
        if not file.is_file():
            return
        state = torch.load(file, weights_only=True)  # our own file; tensors and numbers only
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.step, self.block, self.row = state["step"], state["block"], state["row"]
        self.seconds = state["seconds"]
        self.losses = [tuple(item) for item in state["losses"]]

    def _card(self) -> dict[str, Any]:
        import torch

        plan = self.spec.pretraining
        return {
            "name": self.spec.name,
            "command": f"bordor build base {self.spec.name}",
            "spec": self.spec.model_dump(),
            "parameters": sum(p.numel() for p in self.model.parameters()),
            "tokens_seen": plan.steps * plan.batch_size * plan.sequence_length,
            "seconds": round(self.seconds, 1),
            "threads": torch.get_num_threads(),
            "losses": self.losses,
            "reading": reading_accuracy(self.model, self.work),
        }


def _token_losses(model: Any, ids_BT: Any) -> Any:
    """Cross-entropy of every next token, in nats: float32 [B, T - 1], bf16 arithmetic.

    Logits are made one sequence at a time: a whole batch of them would leave the cache,
    which made a step 1.5 times slower on one CPU thread.
    """
    import torch
    import torch.nn.functional as F

    with torch.autocast("cpu", torch.bfloat16):
        hidden_BTD = model.model(input_ids=ids_BT, use_cache=False).last_hidden_state
    hidden_BTD = hidden_BTD.to(torch.bfloat16)
    weight_VD = model.lm_head.weight.to(torch.bfloat16)
    losses = []
    for hidden_TD, ids_T in zip(hidden_BTD, ids_BT, strict=True):
        logits_TV = F.linear(hidden_TD[:-1], weight_VD)
        losses.append(F.cross_entropy(logits_TV.float(), ids_T[1:], reduction="none"))
    return torch.stack(losses)


def _new_model(spec: BaseSpec) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = spec.architecture
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=shape.vocab_size,
            hidden_size=shape.hidden_size,
            intermediate_size=shape.intermediate_size,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            num_key_value_heads=shape.heads,
            max_position_embeddings=shape.context,
            tie_word_embeddings=True,
            unk_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=3,
        )
    )


def _optimizers(model: Any, spec: BaseSpec) -> list[Any]:
    import torch

    plan = spec.pretraining
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    others = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    optimizers: list[Any] = [
        torch.optim.Muon(matrices, lr=plan.matrix_learning_rate, weight_decay=plan.weight_decay),
        torch.optim.AdamW(others, lr=plan.learning_rate, betas=(0.9, 0.95), weight_decay=0.0),
    ]
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["peak_lr"] = group["lr"]
    return optimizers


def _rate(step: int, spec: BaseSpec) -> float:
    """Share of the peak learning rate at `step`: warm-up, constant, linear to zero."""
    plan = spec.pretraining
    warm = min(1.0, (step + 1) / max(1, plan.warmup_steps))
    left = (plan.steps - step) / max(1.0, plan.decay_share * plan.steps)
    return min(warm, left, 1.0)


def _finish(model: Any, spec: BaseSpec, folder: Path, card: dict[str, Any]) -> None:
    """Write weights (bf16 safetensors), config and card into `folder`."""
    import torch

    model.to(torch.bfloat16)
    model.save_pretrained(folder, safe_serialization=True)
    (folder / "card.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(_readme(spec, card), encoding="utf-8")


def _readme(spec: BaseSpec, card: dict[str, Any]) -> str:
    reading = card["reading"]
    last = card["losses"][-1]
    answered = f"{reading['answered']:.3f} of {reading['answerable']} questions"
    refused = f"{reading['refused']:.3f} of {reading['unanswerable']} questions"
    return f"""---
license: apache-2.0
pipeline_tag: text-generation
---
# {spec.title}

Llama architecture, {card["parameters"]:,} parameters, bf16 safetensors. Trained from scratch
on worlds that Bordor generates; it knows no fact about the real world or any shipped story.

| | |
|---|---|
| command | `{card["command"]}` |
| seed | {spec.pretraining.seed} |
| tokens seen | {card["tokens_seen"]:,} |
| time | {card["seconds"] / 60:.0f} min on {card["threads"]} CPU thread(s) |
| last loss, all tokens / answers | {last[1]:.3f} / {last[2]:.3f} nats |
| in-context reading, worlds never seen | {answered} |
| refuses what the passage cannot answer | {refused} |

In-context reading: the passage stands in the prompt, greedy decoding in float32, exact
match of the whole answer. Loss curve: `card.json`.
"""
