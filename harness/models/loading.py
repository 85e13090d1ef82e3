"""Loading a model as it is audited or trained: quantised base, adapter unmerged, safe files.

On a CPU with AVX512-BF16, bitsandbytes packs 4-bit weights in place at the first
evaluation and multiplies in bf16. Loads are fresh for training and for the audit, and the
path taken is part of the identity.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import ModelError, first_line
from harness.models.adapters import attach_adapter, check_card
from harness.models.chat_proof import adapter_template, prove_template, prove_trained_prompts
from harness.models.hub import fetch_base, require_memory
from harness.models.identity import base_hash, identify
from harness.models.needs import free_memory_gib, measure
from harness.models.quiet import quiet
from harness.models.registry import base_folder, context_of, read_json
from harness.models.template import install_template
from harness.specs import ModelSpec

__all__ = ["LoadedModel", "base_hash", "load_model", "load_tokenizer"]

# How a quantised linear is multiplied on this machine.
FUSED = "bitsandbytes fused, AVX512-BF16"
DEQUANTISED = "dequantised, then multiplied"
GPU = "bitsandbytes, GPU"
PLAIN = "not quantised"
LARGE = 500_000_000  # parameters from which a CPU computes in bf16, for memory's sake
_EXPANDED_SHARE = 0.25  # of free memory that float32 copies of the weights may take


@dataclass
class LoadedModel:
    """A model in memory. `folder` holds the base, `identity` says what it all is.

    `folded` are the linears that carry both arms, once `folding.fold_adapter` has run.
    `retired`: the base in it carries another adapter by now, or none.
    """

    model: Any
    tokenizer: Any
    spec: ModelSpec
    identity: dict[str, Any]
    folder: Path
    device: str
    adapter: Path | None = None
    folded: list[Any] = field(default_factory=list)
    retired: bool = False

    def require_attached(self) -> None:
        """Raise ModelError when the base was given to another adapter: its answers would mix."""
        if self.retired:
            raise ModelError(
                f"{self.spec.name}: its base carries another model by now: attach it again"
            )

    @contextmanager
    def without_adapter(self) -> Iterator[None]:
        """Switch the adapter off inside the block: the control arm. Nothing without one.

        Raises ModelError when the base was given to another adapter.
        """
        self.require_attached()
        if self.adapter is None:
            yield
        elif self.folded:
            for linear in self.folded:
                linear.adapted = False
            try:
                yield
            finally:
                for linear in self.folded:
                    linear.adapted = True
        else:
            with self.model.disable_adapter():
                yield


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A model whose files have passed every check that needs no weights; see `prepare`."""

    spec: ModelSpec
    sized: ModelSpec  # the same, with what its files say of its size
    folder: Path  # of the base
    adapter: Path | None
    tokenizer: Any
    device: str
    dtype: Any  # of torch


@dataclass(frozen=True, kw_only=True)
class Base:
    """A base in memory, without an adapter. `path`: how its products are computed."""

    model: Any
    device: str
    dtype: Any
    path: str


def load_model(
    spec: ModelSpec, *, adapter: Path | None = None, for_training: bool = False
) -> LoadedModel:
    """Load `spec`'s base in its quantisation, with its adapter attached and unmerged.

    adapter: a folder that takes precedence over `spec.adapter`. `for_training` leaves the
    base in training mode (so that no weight is packed for inference); the base's own
    weights never want a gradient.
    Raises ModelError when weights, token, memory or disk are missing, when weights are
    pickled, when the adapter does not belong to the base, or when the chat template writes
    no single BOS, never stops, or is not that of the adapter's training.
    """
    prepared = prepare(spec, base_folder(spec) or fetch_base(spec), adapter=adapter)
    require_memory(prepared.sized)
    return complete(load_base(prepared), prepared, for_training=for_training)


def prepare(spec: ModelSpec, folder: Path, *, adapter: Path | None = None) -> Prepared:
    """Check base, adapter and template by their files, before any weight is read.

    folder: of the base. Raises ModelError as `load_model` does.
    """
    spec = spec.model_copy(update={"context": _true_context(spec, folder)})
    refuse_pickles(folder)
    adapter = adapter or (Path(spec.adapter) if spec.adapter else None)
    if adapter:
        check_card(adapter, base=folder, spec=spec)
    if adapter and spec.quantisation_source == "assumed":
        warnings.warn(
            f"{spec.name}: nothing says in which quantisation its adapter was trained; "
            f"{spec.quantisation} is assumed",
            stacklevel=3,
        )
    tokenizer = load_tokenizer(spec, folder, adapter=adapter)
    prove_template(tokenizer, folder)
    if adapter:
        prove_trained_prompts(adapter, tokenizer)
    sized = measure(spec, folder)
    device, dtype = _device_and_dtype(sized)
    return Prepared(
        spec=spec, sized=sized, folder=folder, adapter=adapter, tokenizer=tokenizer,
        device=device, dtype=dtype,
    )  # fmt: skip


def load_base(prepared: Prepared) -> Base:
    """Read and quantise the base's weights. Raises ModelError when they cannot be loaded."""
    with quiet():
        model = _load_base(
            prepared.spec, prepared.folder, device=prepared.device, dtype=prepared.dtype
        )
    path = _choose_compute_path(model, device=prepared.device)
    return Base(model=model, device=prepared.device, dtype=prepared.dtype, path=path)


def complete(base: Base, prepared: Prepared, *, for_training: bool = False) -> LoadedModel:
    """Put the adapter on its base, in place. Raises ModelError when it does not fit."""
    model = base.model
    if prepared.adapter:
        with quiet():
            model = attach_adapter(model, prepared.adapter)
    model.train(for_training)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    identity = identify(
        prepared.spec, folder=prepared.folder, adapter=prepared.adapter,
        tokenizer=prepared.tokenizer, device=base.device,
        dtype=str(base.dtype).removeprefix("torch."), compute_path=base.path,
    )  # fmt: skip
    return LoadedModel(
        model=model, tokenizer=prepared.tokenizer, spec=prepared.spec, identity=identity,
        folder=prepared.folder, device=base.device, adapter=prepared.adapter,
    )  # fmt: skip


def load_tokenizer(
    spec: ModelSpec, folder: Path | None = None, *, adapter: Path | None = None
) -> Any:
    """Load the tokenizer beside the base, with its chat template installed.

    A template saved beside `adapter` goes before the base's: it is the one of its training.
    Raises ModelError when the folder holds no tokenizer that can be read without remote code,
    or when the adapter's template needs tokens that it lacks.
    """
    folder = folder or base_folder(spec) or fetch_base(spec)
    with quiet():
        from transformers import AutoTokenizer

        try:
            tokenizer = AutoTokenizer.from_pretrained(
                folder, trust_remote_code=False, local_files_only=True
            )
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise ModelError(
                f"{folder}: no tokenizer can be read from it: {first_line(error)}"
            ) from None
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "left"
    own = adapter_template(adapter, tokenizer) if adapter else None
    if own:
        tokenizer.chat_template = own
    install_template(tokenizer, "own" if own else spec.chat_template, spec.template_set)
    return tokenizer


def refuse_pickles(folder: Path) -> None:
    """Raise ModelError when `folder` has weights, but only as pickles, which run code."""
    if any(folder.glob("*.safetensors")):
        return
    pickles = sorted(p.name for kind in ("*.bin", "*.pt", "*.pth") for p in folder.glob(kind))
    if pickles:
        raise ModelError(
            f"{folder}: only pickled weights ({', '.join(pickles[:3])}), which can run any code "
            "when they are read: save the model again with safe_serialization=True"
        )
    raise ModelError(f"{folder}: no weights (*.safetensors) in it")


def _load_base(spec: ModelSpec, folder: Path, *, device: str, dtype: Any) -> Any:
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    config = read_json(folder / "config.json")
    options: dict[str, Any] = {}
    if spec.quantisation != "none" and "quantization_config" not in config:
        options["quantization_config"] = quantisation_config(spec, dtype)
    try:
        model, report = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=dtype,
            device_map={"": device},
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
            **options,
        )
    except (
        SafetensorError, OSError, ValueError, KeyError, RuntimeError, ImportError
    ) as error:  # fmt: skip
        raise ModelError(f"{folder}: cannot be loaded: {first_line(error)}") from error
    missing = sorted(report["missing_keys"]) + [str(key) for key in report["mismatched_keys"]]
    if missing:  # transformers would fill them with random numbers
        raise ModelError(
            f"{folder}: its files lack {len(missing)} of the weights its config asks for "
            f"({missing[0]}, ...): fetch or save the model again"
        )
    return model


def quantisation_config(spec: ModelSpec, dtype: Any) -> Any:
    """Return the BitsAndBytesConfig of `spec` for products computed in `dtype`."""
    from transformers import BitsAndBytesConfig

    if spec.quantisation == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=spec.quantisation,
        bnb_4bit_use_double_quant=spec.double_quantisation,
        bnb_4bit_compute_dtype=dtype,
    )


def _device_and_dtype(spec: ModelSpec) -> tuple[str, Any]:
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    if spec.compute_dtype != "auto":
        return device, getattr(torch, spec.compute_dtype)
    if device == "cpu" and (spec.parameters or 0) < LARGE:
        return device, torch.float32  # exact, and at these sizes as fast as bf16
    if device == "cpu":
        return device, torch.bfloat16
    native = torch.cuda.is_bf16_supported(including_emulation=False)  # a T4 only emulates it
    return device, torch.bfloat16 if native else torch.float16


def _choose_compute_path(model: Any, *, device: str) -> str:
    """Decide how 4-bit linears are multiplied, and hold bitsandbytes to it.

    On the CPU the fused path rounds to bf16 and wants widths divisible by 64 and 32. For a
    model in float32, where memory allows float32 copies of its weights, it is switched off,
    so that the model is computed as its 4-bit values say; a large model keeps it.
    """
    import bitsandbytes as bnb

    linears = [m for m in model.modules() if isinstance(m, bnb.nn.Linear4bit)]
    if device != "cpu":
        return GPU if linears else PLAIN
    if not linears:
        return PLAIN
    expanded_gib = sum(m.in_features * m.out_features for m in linears) * 4 / 1024**3
    exact = str(model.dtype) == "torch.float32"
    exact = exact and expanded_gib <= free_memory_gib() * _EXPANDED_SHARE
    for linear in linears:
        if exact or linear.in_features % 64 or linear.out_features % 32:
            linear.support_avx512bf16_for_cpu = False
    return FUSED if any(m.support_avx512bf16_for_cpu for m in linears) else DEQUANTISED


def _true_context(spec: ModelSpec, folder: Path) -> int:
    stated = context_of(read_json(folder / "config.json"))
    return stated if spec.quantisation_source == "assumed" else min(spec.context, stated)
