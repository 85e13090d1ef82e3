"""Loading a model as it is audited or trained: quantised base, adapter unmerged, safe files.

On a CPU with AVX512-BF16, bitsandbytes packs 4-bit weights in place at the first
evaluation and multiplies in bf16. Loads are fresh for training and for the audit, and the
path taken is part of the identity.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.core.errors import ModelError
from harness.core.specs import ModelSpec
from harness.models.adapter_files import (
    AdapterFiles,
    check_numbers,
    refuse_lost_start,
    refuse_unheard,
)
from harness.models.adapters import Start, attach_adapter, check_card, is_plain_lora
from harness.models.chat_proof import adapter_template, prove_template, prove_trained_prompts
from harness.models.control import Reference, refer
from harness.models.hub import fetch_base, require_memory
from harness.models.identity import base_hash, identify
from harness.models.layouts import refuse_pickles
from harness.models.needs import free_memory_gib, measure
from harness.models.nets import blamed_on
from harness.models.quiet import quiet
from harness.models.registry import base_folder, context_of
from harness.models.saved import (
    compute_in,
    mended_config,
    require_loader,
    saved_form,
    settle,
)
from harness.models.shapes import check_texts, read_model_config, refuse_odd_files
from harness.models.stops import Stops
from harness.models.template import encode_prompt, install_template
from harness.models.vocabulary import (
    added_tokens,
    own_tokenizer,
    read_tokenizer,
    refuse_ids_without_rows,
    resize,
    rows_of,
    rows_wanted,
    speaks_added,
)

__all__ = ["LoadedModel", "base_hash", "load_model", "load_tokenizer"]

# How a quantised linear is multiplied on this machine.
FUSED = "bitsandbytes fused, AVX512-BF16"
DEQUANTISED = "dequantised, then multiplied"
GPU = "bitsandbytes, GPU"
PLAIN = "not quantised"
LARGE = 500_000_000  # parameters from which a CPU computes in bf16, for memory's sake
_EXPANDED_SHARE = 0.25  # of free memory that float32 copies of the weights may take


Chat = Sequence[Mapping[str, str]]  # messages with role and content


@dataclass
class LoadedModel:
    """A model in memory. `folder` holds the base, `identity` says what it all is.

    `stops`: where answers end. `control_tokenizer`: that of the base, where it is asked in its
    own chat format, since the adapter's has tokens that it lacks. `reference`: what the base
    said before anything was attached. `start`: what an initialisation took from the base.
    `folded` are the linears that carry both arms, once `folding.fold_adapter` has run.
    `retired`: the base in it carries another adapter by now, or none.
    """

    model: Any
    tokenizer: Any
    spec: ModelSpec
    identity: dict[str, Any]
    folder: Path
    device: str
    stops: Stops
    adapter: Path | None = None
    control_tokenizer: Any = None
    reference: Reference | None = None
    start: Start | None = None
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
    files: AdapterFiles | None  # of the adapter
    plain: bool  # the base stays as it is under the adapter: see `adapters.is_plain_lora`
    rows: int | None  # to which embeddings and head are resized; None: they stay
    tokenizer: Any
    control_tokenizer: Any  # see LoadedModel
    stops: Stops
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
    spec: ModelSpec,
    *,
    adapter: Path | None = None,
    for_training: bool = False,
    probes: Sequence[Chat] = (),
) -> LoadedModel:
    """Load `spec`'s base in its quantisation, with its adapter attached and unmerged.

    adapter: a folder that takes precedence over `spec.adapter`. `for_training` leaves the
    base in training mode (so that no weight is packed for inference); the base's own
    weights never want a gradient. probes: chats on which the base is tried before the
    adapter is put on it, so that the control can be compared with it.
    Raises ModelError when weights, token, memory or disk are missing, when weights are
    pickled, when the adapter does not belong to the base, or when the chat template writes
    no single BOS, never stops, or is not that of the adapter's training.
    """
    prepared = prepare(spec, base_folder(spec) or fetch_base(spec), adapter=adapter)
    require_memory(prepared.sized)
    base = load_base(prepared)
    reference = try_base(base, prepared, probes)
    if reference and not prepared.plain and spec.quantisation != "none":
        del base  # evaluated, its weights may be packed, and this adapter may take from them
        base = load_base(prepared)
    return complete(base, prepared, reference=reference, for_training=for_training)


def prepare(spec: ModelSpec, folder: Path, *, adapter: Path | None = None) -> Prepared:
    """Check base, adapter and template by their files, before any weight is read.

    folder: of the base. Raises ModelError as `load_model` does.
    """
    spec = spec.model_copy(update={"context": _true_context(spec, folder)})
    refuse_pickles(folder)
    adapter = adapter or (Path(spec.adapter) if spec.adapter else None)
    files = None
    for place in (folder, adapter):
        if place:
            refuse_odd_files(place)
    spec, saved = settle(spec, folder), saved_form(folder)
    require_loader(folder, saved)
    if saved.told:
        warnings.warn(saved.told, stacklevel=3)
    if adapter:
        check_card(adapter, base=folder, spec=spec)
        files = check_numbers(adapter)
        refuse_unheard(files)
        refuse_lost_start(files, spec.quantisation)
    if adapter and spec.quantisation_source == "assumed":
        warnings.warn(
            f"{spec.name}: nothing says in which quantisation its adapter was trained; "
            f"{spec.quantisation} is assumed",
            stacklevel=3,
        )
    tokenizer = load_tokenizer(spec, folder, adapter=adapter)
    rows, control_tokenizer = None, None
    if files:
        plain_tokenizer = read_tokenizer(folder)
        rows = rows_wanted(files, tokenizer, plain_tokenizer, folder=folder)
        if speaks_added(tokenizer, added_tokens(tokenizer, plain_tokenizer)):
            control_tokenizer = load_tokenizer(spec, folder)
    stops = prove_template(tokenizer, folder, adapter)
    refuse_ids_without_rows(tokenizer, rows or rows_of(folder), stops, adapter or folder)
    if adapter:
        prove_trained_prompts(adapter, tokenizer)
    sized = measure(spec, folder)
    device, dtype = _device_and_dtype(sized)
    return Prepared(
        spec=spec, sized=sized, folder=folder, adapter=adapter, files=files,
        plain=adapter is None or (is_plain_lora(adapter) and not rows), rows=rows,
        tokenizer=tokenizer, control_tokenizer=control_tokenizer, stops=stops, device=device,
        dtype=dtype,
    )  # fmt: skip


def load_base(prepared: Prepared) -> Base:
    """Read and quantise the base's weights. Raises ModelError when they cannot be loaded."""
    with quiet():
        model = _load_base(
            prepared.spec, prepared.folder, device=prepared.device, dtype=prepared.dtype
        )
    path = _choose_compute_path(model, device=prepared.device)
    return Base(model=model, device=prepared.device, dtype=prepared.dtype, path=path)


def try_base(base: Base, prepared: Prepared, probes: Sequence[Chat]) -> Reference | None:
    """What a base says on `probes` before an adapter is put on it; None without any.

    Raises ModelError when its logits are no numbers.
    """
    tokenizer = prepared.control_tokenizer or prepared.tokenizer
    prompts = [encode_prompt(tokenizer, chat)[1] for chat in probes]
    return refer(base.model, base.device, prompts, folder=prepared.folder) if prompts else None


def complete(
    base: Base,
    prepared: Prepared,
    *,
    reference: Reference | None = None,
    for_training: bool = False,
) -> LoadedModel:
    """Put the adapter on its base, in place. Raises ModelError when it does not fit."""
    model, start = base.model, None
    if prepared.adapter and prepared.files:
        with quiet(), left_packed(model):
            if prepared.rows:
                resize(model, prepared.rows, prepared.files)
            model, start = attach_adapter(model, prepared.adapter)
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
        folder=prepared.folder, device=base.device, stops=prepared.stops,
        adapter=prepared.adapter, control_tokenizer=prepared.control_tokenizer,
        reference=reference, start=start,
    )  # fmt: skip


@contextmanager
def left_packed(model: Any) -> Iterator[None]:
    """Keep bitsandbytes from unpacking 4-bit weights inside the block, where nothing is computed.

    Its fused path on a CPU packs them at the first product. Every state_dict, which peft takes
    to attach an adapter, would unpack them, and not to the last bit.
    """
    states: list[Any] = [getattr(weight, "quant_state", None) for weight in model.parameters()]
    packed = [state for state in states if getattr(state, "packing_format_for_cpu", False)]
    for state in packed:
        state.packing_format_for_cpu = False
    try:
        yield
    finally:
        for state in packed:
            state.packing_format_for_cpu = True


def load_tokenizer(
    spec: ModelSpec, folder: Path | None = None, *, adapter: Path | None = None
) -> Any:
    """Load the tokenizer beside the base, with its chat template installed.

    A tokenizer saved beside `adapter`, or a template alone, goes before the base's: it is the
    one of its training. Raises ModelError when a folder holds no tokenizer that can be read
    without remote code, or when the adapter's template needs tokens that it lacks.
    """
    folder = folder or base_folder(spec) or fetch_base(spec)
    for place in (folder, adapter):
        if place:
            check_texts(place)
    tokenizer = read_tokenizer(folder)
    if adapter:
        tokenizer = own_tokenizer(adapter, tokenizer) or tokenizer
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "left"
    own = adapter_template(adapter, tokenizer) if adapter else None
    if own:
        tokenizer.chat_template = own
    install_template(tokenizer, "own" if own else spec.chat_template, spec.template_set)
    return tokenizer


def _load_base(spec: ModelSpec, folder: Path, *, device: str, dtype: Any) -> Any:
    from transformers import AutoModelForCausalLM

    saved = saved_form(folder)
    options: dict[str, Any] = {}
    if spec.quantisation != "none" and saved.quantisation is None:
        options["quantization_config"] = quantisation_config(spec, dtype)
    with blamed_on(f"{folder}: cannot be loaded"):
        if saved.mended:
            options["config"] = mended_config(folder, saved)
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
    missing = sorted(report["missing_keys"]) + [str(key) for key in report["mismatched_keys"]]
    if missing:  # transformers would fill them with random numbers
        raise ModelError(
            f"{folder}: its files lack {len(missing)} of the weights its config asks for "
            f"({missing[0]}, ...): fetch or save the model again"
        )
    compute_in(model, dtype, saved)
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
    stated = context_of(read_model_config(folder))
    return stated if spec.quantisation_source == "assumed" else min(spec.context, stated)
