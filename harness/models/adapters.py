"""Adapters one can trust: checked against their base before and after they are attached."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core.errors import BordorError, ModelError
from harness.core.specs import ModelSpec
from harness.models.adapter_files import WEIGHTS, check_numbers, read_adapter
from harness.models.identity import base_hash
from harness.models.registry import CARD, read_json

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


@dataclass(frozen=True)
class Start:
    """The low-rank weights that peft took from the base: those of an untrained adapter.

    `factors`: per module, as the adapter's file names it, A and B on the CPU.
    """

    factors: dict[str, tuple[Any, Any]]


def attach_adapter(model: Any, adapter: Path) -> tuple[Any, Start | None]:
    """Put the adapter on `model`, unmerged, without gradients, with every weight in its place.

    Returns with it what its initialisation took from the base, where it is one that does.
    Raises ModelError when the adapter is no LoRA, or when any of its weights finds no
    place in the model or any place finds no weight.
    """
    from peft import PeftModel, get_peft_model_state_dict

    files = read_adapter(adapter)
    start = None
    try:
        if files.taken_by:
            attached, start = _attach_in_two_steps(model, adapter)
        else:
            attached = PeftModel.from_pretrained(model, str(adapter), is_trainable=False)
    except (BordorError, MemoryError):
        raise
    except Exception as error:  # whatever peft meets in somebody else's files
        raise ModelError(_unfit(adapter, _telling_line(error))) from error
    places = set(get_peft_model_state_dict(attached, save_embedding_layers=False))
    known = places | set(attached.state_dict())  # embeddings trained whole lie beside the LoRA's
    given = _own_keys(files.shapes)
    _refuse(adapter, "has weights for modules the base does not have", given - known)
    _refuse(adapter, "lacks weights for modules it should change", places - given)
    return attached, start


def _attach_in_two_steps(model: Any, adapter: Path) -> tuple[Any, Start]:
    """As `from_pretrained`, with a look at the weights between the start and the file's."""
    from peft import PeftConfig, get_peft_model
    from peft.tuners.lora import LoraLayer

    config = PeftConfig.from_pretrained(str(adapter))
    config.inference_mode = True
    attached = get_peft_model(model, config)
    factors = {
        name: (module.lora_A[key].weight.detach().cpu(), module.lora_B[key].weight.detach().cpu())
        for name, module in attached.named_modules()
        if isinstance(module, LoraLayer)
        for key in module.lora_A
    }
    start = Start({name: (down.clone(), up.clone()) for name, (down, up) in factors.items()})
    attached.load_adapter(str(adapter), "default", is_trainable=False)
    return attached, start


def is_plain_lora(adapter: Path) -> bool:
    """Whether an adapter is low-rank weights beside linears and nothing that changes a base.

    Told by its files: any setting that is not known to be harmless counts as more, and so
    does any other weight (embeddings, whole modules, biases, magnitudes).
    Raises ModelError when it is no LoRA, or its weights cannot be read.
    """
    files = read_adapter(adapter)
    harmless = all(
        key in _HARMLESS or not value or value in _NEUTRAL.get(key, ())
        for key, value in files.config.items()
    )
    return harmless and all(
        key.endswith((".lora_A.weight", ".lora_B.weight")) for key in files.shapes
    )


def check_weights(adapter: Path, *, base: Path) -> int:
    """Compare the weights of an adapter with its places in a base, without reading the base.

    Of the base only its configuration is read, of the adapter all of it. Returns how many
    weights belong. Raises ModelError as `attach_adapter` does, and when the architecture cannot be
    laid out from its configuration alone.
    """
    import torch
    from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
    from transformers import AutoConfig, AutoModelForCausalLM

    files = check_numbers(adapter)
    given = {key: files.shapes[key] for key in _own_keys(files.shapes)}
    try:
        config = AutoConfig.from_pretrained(base, local_files_only=True, trust_remote_code=False)
        for rows in set(files.stored_rows().values()):  # tokens were added in training
            config.get_text_config().vocab_size = rows
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
            laid = LoraConfig.from_pretrained(str(adapter))
            laid.init_lora_weights = True  # there are no numbers here to start from
            empty = get_peft_model(model, laid)
    except (BordorError, MemoryError):
        raise
    except Exception as error:  # whatever the libraries meet in somebody else's files
        raise ModelError(f"{adapter}: cannot be laid on {base}: {_telling_line(error)}") from error
    places = get_peft_model_state_dict(empty, save_embedding_layers=False)
    shapes = {key: tuple(value.shape) for key, value in (empty.state_dict() | places).items()}
    _refuse(adapter, "has weights for modules the base does not have", given.keys() - shapes.keys())
    _refuse(adapter, "lacks weights for modules it should change", places.keys() - given.keys())
    wrong = {key for key, shape in given.items() if shape != shapes[key]}
    _refuse(adapter, "has weights of another width than the base", wrong)
    return len(given)


def _own_keys(keys: Iterable[str]) -> set[str]:
    """The keys of an adapter's file that are not there twice.

    After a resize peft saves a trained embedding a second time, under a name that it ignores
    when it loads the file.
    """
    found = set(keys)
    twice = {key for key in found if key.replace(".modules_to_save.", ".") in found - {key}}
    return found - {key for key in twice if ".modules_to_save." in key}


def _telling_line(error: Exception) -> str:
    """The line of a library's message that says which weight is wrong, else its first."""
    lines = [line.strip() for line in str(error).strip().splitlines()] or [type(error).__name__]
    return next((line for line in lines if "size mismatch" in line), lines[0])


def _unfit(adapter: Path, line: str) -> str:
    """Why peft cannot put an adapter on a base; the base is blamed where a weight does not fit."""
    if "size mismatch" in line or "not found in the base model" in line:
        return (
            f"{adapter}: does not fit the base: {line}. It was made for another base: name that "
            "one with --base"
        )
    return f"{adapter}: cannot be put on a base: {line}: see its adapter_config.json"


def _refuse(adapter: Path, what: str, keys: set[str]) -> None:
    if keys:
        shown = ", ".join(sorted(keys)[:_SHOWN]) + (", ..." if len(keys) > _SHOWN else "")
        raise ModelError(
            f"{adapter}: {what} ({len(keys)}: {shown}): it was made for another architecture, or "
            "its file is not whole; name the base it was trained on with --base, or save it again"
        )
