"""Adapters one can trust: checked against their base before and after they are attached."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.errors import ModelError
from harness.models.identity import base_hash
from harness.models.registry import ADAPTER_CONFIG, CARD, read_json
from harness.specs import ModelSpec

WEIGHTS = "adapter_model.safetensors"
_SHOWN = 3  # keys of a mismatch that a message names
# Settings of a LoRA that leave the base's own weights and modules as they are.
_HARMLESS = frozenset(
    "alpha_pattern auto_mapping base_model_name_or_path exclude_modules inference_mode "
    "layers_pattern layers_to_transform lora_alpha lora_dropout megatron_core peft_type "
    "peft_version qalora_group_size r rank_pattern revision target_modules task_type "
    "use_rslora".split()
)
_NEUTRAL = {"bias": ("none",), "init_lora_weights": (True, "gaussian")}


def check_card(adapter: Path, *, base: Path, spec: ModelSpec) -> None:
    """Compare the adapter's card with the base and the quantisation it would be put on.

    The card is written by training; an adapter from elsewhere has none and passes.
    Raises ModelError when weights are pickled or missing, when the base is another one
    than in training, or when the quantisation differs.
    """
    if not (adapter / WEIGHTS).is_file():
        if (adapter / "adapter_model.bin").is_file():
            raise ModelError(
                f"{adapter}: the adapter's weights are pickled (adapter_model.bin), which can "
                "run any code when read: save it again with safe_serialization=True"
            )
        raise ModelError(f"{adapter}: {WEIGHTS} is missing")
    if not (adapter / CARD).is_file():
        return
    card = read_json(adapter / CARD)
    wanted = card.get("base_hash")
    found = base_hash(base) if wanted else None
    if wanted and wanted != found:
        raise ModelError(
            f"{adapter}: trained on another base: its card says {str(wanted)[:12]}, "
            f"{base} is {str(found)[:12]}. Train it again, or name the base it was trained on"
        )
    trained_in = card.get("quantisation")
    if trained_in and trained_in != spec.quantisation and spec.quantisation_source != "flag":
        raise ModelError(
            f"{adapter}: trained on a base in {trained_in}, but {spec.name} asks for "
            f"{spec.quantisation}: use {trained_in}, or say so with --quantisation"
        )


def attach_adapter(model: Any, adapter: Path) -> Any:
    """Return `model` with the LoRA adapter of `adapter` attached, unmerged and frozen.

    Raises ModelError when the adapter is no LoRA, or when any of its weights finds no
    place in the model or any place finds no weight.
    """
    from peft import PeftModel, get_peft_model_state_dict

    _, given = _config_and_keys(adapter)
    try:
        attached = PeftModel.from_pretrained(model, str(adapter), is_trainable=False)
    except (RuntimeError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{adapter}: does not fit the base: {_telling_line(error)}. It was made for another "
            "base: name that one with --base"
        ) from error
    places = set(get_peft_model_state_dict(attached, save_embedding_layers=False))
    known = places | set(attached.state_dict())  # embeddings trained whole lie beside the LoRA's
    _refuse(adapter, "has weights for modules the base does not have", given - known)
    _refuse(adapter, "lacks weights for modules it should change", places - given)
    return attached


def is_plain_lora(adapter: Path) -> bool:
    """Whether an adapter is low-rank weights beside linears and nothing that changes a base.

    Told by its files: any setting that is not known to be harmless counts as more, and so
    does any other weight (embeddings, whole modules, biases, magnitudes).
    Raises ModelError when it is no LoRA, or its weights cannot be read.
    """
    config, keys = _config_and_keys(adapter)
    harmless = all(
        key in _HARMLESS or not value or value in _NEUTRAL.get(key, ())
        for key, value in config.items()
    )
    return harmless and all(key.endswith((".lora_A.weight", ".lora_B.weight")) for key in keys)


def _config_and_keys(adapter: Path) -> tuple[dict[str, Any], set[str]]:
    """What an adapter's configuration says, and the names of its weights."""
    from safetensors import SafetensorError, safe_open

    config = read_json(adapter / ADAPTER_CONFIG)
    kind = config.get("peft_type")
    if kind != "LORA":
        raise ModelError(f"{adapter}: peft_type is {kind}; only LORA adapters are audited")
    try:
        with safe_open(adapter / WEIGHTS, framework="pt") as file:
            return config, set(file.keys())
    except SafetensorError as error:
        raise ModelError(f"{adapter / WEIGHTS}: damaged: {error}") from None


def check_weights(adapter: Path, *, base: Path) -> int:
    """Compare the weights of an adapter with its places in a base, without reading either.

    Only file headers and the base's configuration are read. Returns how many weights
    belong. Raises ModelError as `attach_adapter` does, and when the architecture cannot be
    laid out from its configuration alone.
    """
    import torch
    from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
    from safetensors import SafetensorError, safe_open
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        with safe_open(adapter / WEIGHTS, framework="pt") as file:
            given = {key: list(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
        config = AutoConfig.from_pretrained(base, local_files_only=True, trust_remote_code=False)
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
            empty = get_peft_model(model, LoraConfig.from_pretrained(str(adapter)))
    except (SafetensorError, RuntimeError, ValueError, KeyError, TypeError, OSError) as error:
        raise ModelError(f"{adapter}: cannot be laid on {base}: {_telling_line(error)}") from error
    places = get_peft_model_state_dict(empty, save_embedding_layers=False)
    shapes = {key: list(value.shape) for key, value in (empty.state_dict() | places).items()}
    _refuse(adapter, "has weights for modules the base does not have", given.keys() - shapes.keys())
    _refuse(adapter, "lacks weights for modules it should change", places.keys() - given.keys())
    wrong = {key for key, shape in given.items() if shape != shapes[key]}
    _refuse(adapter, "has weights of another width than the base", wrong)
    return len(given)


def _telling_line(error: Exception) -> str:
    """The line of a library's message that says which weight is wrong, else its first."""
    lines = [line.strip() for line in str(error).strip().splitlines()] or [type(error).__name__]
    return next((line for line in lines if "size mismatch" in line), lines[0])


def _refuse(adapter: Path, what: str, keys: set[str]) -> None:
    if keys:
        shown = ", ".join(sorted(keys)[:_SHOWN]) + (", ..." if len(keys) > _SHOWN else "")
        raise ModelError(
            f"{adapter}: {what} ({len(keys)}: {shown}): it was made for another architecture, or "
            "its file is not whole; name the base it was trained on with --base, or save it again"
        )
