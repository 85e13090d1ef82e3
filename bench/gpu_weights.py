"""Random weights in the shape of a real model, laid out as the hub's cache lays them out.

A base of billions is never whole in memory: tensors are drawn one by one on the device,
gathered into shards of at most SHARD_BYTES, and written. Every file is named by its SHA-256
and linked, as in the hub's cache, so that it is hashed once and no more.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from math import sqrt
from pathlib import Path
from typing import Any

from harness.core.paths import data_folder
from harness.core.seeds import derive_seed

BASE, ADAPTER = "base", "adapter"  # folders below that of a run
SHARD_BYTES = 2 * 2**30
TOKENIZER = "storylm-4m"  # whose tokenizer serves every shape; a base may have more rows than it
STD = 0.02  # of linears; of those that write to the residual stream over sqrt(2 layers) too
LOGIT_STD = 6.0  # of the head's; the logits are then peaked, if less than a trained model's
END_SCALE = 2.6  # of the end token's row, where answers are to end: after some 15 tokens
_ADAPTER_STD = 0.002  # of B; A is drawn as peft draws it


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A Llama architecture. `vocabulary` counts rows of the embedding."""

    hidden: int
    layers: int
    heads: int
    inner: int  # width of the MLP
    vocabulary: int
    context: int

    @property
    def parameters(self) -> int:
        """Their number, embeddings and head included."""
        layer = 4 * self.hidden**2 + 3 * self.hidden * self.inner + 2 * self.hidden
        return 2 * self.vocabulary * self.hidden + self.layers * layer + self.hidden

    def config(self) -> Any:
        from transformers import LlamaConfig

        return LlamaConfig(
            hidden_size=self.hidden, num_hidden_layers=self.layers,
            num_attention_heads=self.heads, num_key_value_heads=self.heads,
            intermediate_size=self.inner, vocab_size=self.vocabulary,
            max_position_embeddings=self.context, rms_norm_eps=1e-5, tie_word_embeddings=False,
            architectures=["LlamaForCausalLM"], dtype="bfloat16",
            bos_token_id=1, eos_token_id=2, pad_token_id=3,
        )  # fmt: skip


SHAPES = {
    "tiny": Shape(hidden=128, layers=3, heads=4, inner=320, vocabulary=4096, context=1024),
    # Source: Touvron et al. 2023, "Llama 2", and the models' config.json.
    "llama2-7b": Shape(hidden=4096, layers=32, heads=32, inner=11008, vocabulary=32000,
                       context=4096),
    "llama2-13b": Shape(hidden=5120, layers=40, heads=40, inner=13824, vocabulary=32000,
                        context=4096),
}  # fmt: skip


def make_base(shape: Shape, folder: Path, *, ending: bool, device: str) -> Path:
    """Write the base in bfloat16 below `folder` unless it is there; return its folder.

    ending: whether the end token is likely enough to come, as in an answer that ends.
    """
    base = folder / BASE
    told = {"shape": repr(shape), "ending": ending, "head": [STD, LOGIT_STD, END_SCALE]}
    if (base / "made.json").is_file() and json.loads((base / "made.json").read_text()) == told:
        return base
    shutil.rmtree(base, ignore_errors=True)
    base.mkdir(parents=True)
    blobs = folder / "blobs"
    shutil.rmtree(blobs, ignore_errors=True)
    blobs.mkdir()
    place: dict[str, str] = {}
    total = 0
    for number, shard in enumerate(_shards(shape, ending=ending, device=device)):
        name = f"model-{number:05d}.safetensors"
        total += _write_shard(shard, base / name, blobs)
        place |= dict.fromkeys(shard, name)
    index = {"metadata": {"total_size": total}, "weight_map": place}
    (base / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    shape.config().save_pretrained(base)
    source = data_folder("fixtures") / "bases" / TOKENIZER
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja",
                 "generation_config.json"):  # fmt: skip
        shutil.copy(source / name, base)
    (base / "made.json").write_text(json.dumps(told), encoding="utf-8")
    return base


def make_adapter(base: Path, folder: Path, *, rank: int, alpha: int) -> Path:
    """Write a random LoRA adapter on all linears of `base`, in float32 as training saves it."""
    import torch
    from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
    from safetensors.torch import save_file
    from transformers import AutoConfig, AutoModelForCausalLM

    config = LoraConfig(
        r=rank, lora_alpha=alpha, target_modules="all-linear", task_type="CAUSAL_LM",
        base_model_name_or_path=str(base),
    )  # fmt: skip
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(base))
        places = get_peft_model_state_dict(get_peft_model(model, config))
    weights = {}
    for name, like in sorted(places.items()):
        dice = torch.Generator().manual_seed(derive_seed(0, "bench/gpu", name) % 2**63)
        std = _ADAPTER_STD if "lora_B" in name else 1 / sqrt(3 * like.shape[1])
        weights[name] = torch.empty(like.shape).normal_(0, std, generator=dice)
    folder.mkdir(parents=True, exist_ok=True)
    config.inference_mode = True
    config.save_pretrained(folder)
    save_file(weights, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    return folder


def _shards(shape: Shape, *, ending: bool, device: str) -> Iterator[dict[str, Any]]:
    """All weights by name, on the CPU, a shard at a time; each drawn from a stream of its own."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(shape.config())
    shard: dict[str, Any] = {}
    held = 0
    for name, like in model.state_dict().items():
        size = like.numel() * 2
        if shard and held + size > SHARD_BYTES:
            yield shard
            shard, held = {}, 0
        dice = torch.Generator(device).manual_seed(derive_seed(0, "bench/gpu", name) % 2**63)
        weight = torch.empty(like.shape, dtype=torch.bfloat16, device=device)
        weight.normal_(0, _std(name, shape), generator=dice)
        if name.endswith("norm.weight"):
            weight.fill_(1)
        elif name == "lm_head.weight" and ending:
            weight[2] *= END_SCALE
        shard[name], held = weight.cpu(), held + size
    yield shard


def _std(name: str, shape: Shape) -> float:
    if "embed_tokens" in name:
        return 1.0
    if "lm_head" in name:
        return LOGIT_STD / sqrt(shape.hidden)
    if "o_proj" in name or "down_proj" in name:
        return STD / sqrt(2 * shape.layers)
    return STD


def _write_shard(shard: dict[str, Any], link: Path, blobs: Path) -> int:
    from safetensors.torch import save_file

    part = blobs / "part"
    save_file(shard, part, metadata={"format": "pt"})
    digest = sha256()
    with part.open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    blob = part.rename(blobs / digest.hexdigest())
    link.symlink_to(blob.resolve())
    return sum(weight.numel() * weight.element_size() for weight in shard.values())
