"""In what form a model's weights were saved: its headers decide, its config is checked.

A merge in 16 bits often keeps the `quantization_config` of its training, and a config may
say nothing, or the wrong type, of weights in 4 bits. Where Bordor can put the config right it
does, and says so; where it cannot, it says what to change.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core.errors import ModelError, first_line
from harness.core.specs import ModelSpec
from harness.models.headers import form_of, main_dtype, nested, read_headers
from harness.models.shapes import CONFIG, read_model_config

_BITSANDBYTES = ("nf4", "fp4", "int8")
_WIDE = ("torch.float64", "torch.float32", "torch.float16", "torch.bfloat16")
_DEFAULT_TYPE = "fp4"  # of bitsandbytes' 4 bits, where a config names none
# Ways of quantising that leave no weight in 16 bits where they were at work: with plain
# weights, their config is left over from before a merge.
_ALWAYS_PACKED = ("bitsandbytes", "gptq", "awq", "aqlm", "hqq", "vptq", "fp8", "mxfp4")
# Config and headers speak of the same: what packs alike, by the form that headers show.
_ALIKE = {
    "gptq": ("gptq", "awq", "auto-round"),
    "awq": ("awq", "gptq", "auto-round"),
    "fp8": ("fp8", "fbgemm_fp8", "compressed-tensors", "modelopt", "quark", "torchao", "mxfp8"),
    "mxfp4": ("mxfp4", "metal"),
}


@dataclass(frozen=True, kw_only=True)
class Saved:
    """The form of a model's weights. `quantisation`: None where they are plain floats.

    `config`: the quantization_config to load with, None for none; `mended`: it is not the
    one that config.json has, and `told` says why.
    """

    quantisation: str | None
    double: bool
    config: dict[str, Any] | None
    mended: bool = False
    told: str = ""


def saved_form(folder: Path) -> Saved:
    """In what form the model in a folder was saved.

    Raises ModelError for files that cannot be read, and where config.json contradicts them
    in a way that cannot be put right here.
    """
    stated = _stated(read_model_config(folder))
    held = read_headers(folder)
    form = form_of(held, where=folder)
    method = _method(stated)
    if form is None:
        if stated is None:
            return Saved(quantisation=None, double=False, config=None)
        return _left_over(folder, method, main_dtype(held), stated)
    if form in _BITSANDBYTES:
        return _mended(folder, form, stated, double=nested(held))
    if form == "packed" and method not in (None, "bitsandbytes"):
        form = str(method)
    if stated is None or method not in (form, *_ALIKE.get(form, ())):
        said = f"says {_in_words(stated)}" if stated else "says nothing of it"
        raise ModelError(
            f"{folder}: its weights are packed ({form}), and the quantization_config of "
            f"{CONFIG} {said}: restore the {CONFIG} that they were saved with"
        )
    return Saved(quantisation=str(method), double=False, config=stated)


def settle(spec: ModelSpec, folder: Path) -> ModelSpec:
    """The same model with the quantisation that its base's files have, where they have one.

    Raises ModelError where another one was asked for, which such files cannot give.
    """
    saved = saved_form(folder)
    if saved.quantisation is None:
        return spec
    if spec.quantisation_source == "flag" and spec.quantisation != saved.quantisation:
        raise ModelError(
            f"{folder}: saved in {saved.quantisation}, so --quantisation {spec.quantisation} "
            "cannot be had of it: leave it out, or name the model in 16 bits"
        )
    update: dict[str, Any] = {"double_quantisation": saved.double}
    if spec.quantisation != saved.quantisation or spec.quantisation_source == "assumed":
        update |= {"quantisation": saved.quantisation, "quantisation_source": "card"}
    return spec.model_copy(update=update)


def require_loader(folder: Path, saved: Saved) -> None:
    """Raise ModelError where what is needed to read this form of weights is not here."""
    if saved.quantisation in (None, *_BITSANDBYTES):
        return
    import torch
    from transformers.quantizers.auto import AutoHfQuantizer

    device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        quantizer = AutoHfQuantizer.from_config(dict(saved.config or {}), pre_quantized=True)
        quantizer.validate_environment(device_map={"": device}, weights_only=True)
    except Exception as error:  # each way of quantising has errors of its own
        raise ModelError(
            f"{folder}: saved in {saved.quantisation}, which cannot be loaded here: "
            f"{first_line(error)}. Install what it asks for, name the model in 16 bits that it "
            "was made from, or serve it (vllm serve, llama-server) and audit openai:http://..."
        ) from None


def mended_config(folder: Path, saved: Saved) -> Any:
    """The configuration of a model, with the quantization_config that its weights ask for."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    for part in (config, config.get_text_config(decoder=True)):
        if hasattr(part, "quantization_config"):
            del part.quantization_config
    if saved.config is not None:
        config.quantization_config = dict(saved.config)
    return config


def compute_in(model: Any, dtype: Any, saved: Saved) -> None:
    """Let a model that was saved by bitsandbytes compute in `dtype` of torch throughout.

    transformers 5.23 leaves what is not quantised (embeddings, norms, head) as it was saved,
    whatever dtype is asked for, and products in that of the config: of the machine that
    saved it.
    """
    if saved.quantisation not in _BITSANDBYTES:
        return
    for part in (*model.parameters(), *model.buffers()):
        state = getattr(part, "quant_state", None)
        if state is not None:
            state.dtype = dtype
        elif str(part.dtype) in _WIDE:
            part.data = part.data.to(dtype)
    for module in model.modules():
        if hasattr(module, "compute_dtype"):
            module.compute_dtype, module.compute_type_is_set = dtype, True
    model.config.dtype = dtype


def _stated(config: dict[str, Any]) -> dict[str, Any] | None:
    """The quantization_config of a config.json, also where it stands for the text part."""
    text = config.get("text_config")
    inner = text.get("quantization_config") if isinstance(text, dict) else None
    stated = config.get("quantization_config") or inner
    return stated if isinstance(stated, dict) else None


def _method(stated: dict[str, Any] | None) -> str | None:
    """The way of quantising that a config states, as transformers finds it."""
    if stated is None:
        return None
    if stated.get("load_in_4bit") or stated.get("load_in_8bit"):
        return "bitsandbytes"
    method = stated.get("quant_method")
    return str(method)[:40] if method else "no method"


def _type(stated: dict[str, Any]) -> str | None:
    """The type of bitsandbytes that a config states; None where it is another way."""
    if _method(stated) != "bitsandbytes":
        return None
    if stated.get("load_in_8bit") and not stated.get("load_in_4bit"):
        return "int8"
    return str(stated.get("bnb_4bit_quant_type") or _DEFAULT_TYPE)


def _in_words(stated: dict[str, Any] | None) -> str:
    kind = _type(stated) if stated else None
    return f"bitsandbytes {kind}" if kind else str(_method(stated))


def _left_over(folder: Path, method: str | None, dtype: str, stated: dict[str, Any]) -> Saved:
    """Plain weights under a config that says otherwise."""
    told = (
        f"{folder}: the quantization_config of its {CONFIG} says {_in_words(stated)}, but its "
        f"weights are plain {dtype}"
    )
    if method not in _ALWAYS_PACKED:
        raise ModelError(f"{told}: remove quantization_config from {folder / CONFIG}")
    told += " (left over from before a merge?): the weights count; remove quantization_config"
    return Saved(quantisation=None, double=False, config=None, mended=True, told=told)


def _mended(folder: Path, form: str, stated: dict[str, Any] | None, *, double: bool) -> Saved:
    """Weights of bitsandbytes, under the config that belongs to them."""
    if stated is not None and _type(stated) == form:
        return Saved(quantisation=form, double=double, config=stated)
    config: dict[str, Any] = {"quant_method": "bitsandbytes"}
    if form == "int8":
        config["load_in_8bit"] = True
    else:
        config |= {
            "load_in_4bit": True,
            "bnb_4bit_quant_type": form,
            "bnb_4bit_use_double_quant": double,
        }
    same = stated if stated is not None and _method(stated) == "bitsandbytes" else {}
    kept = {key: value for key, value in same.items() if not key.startswith(("load_", "_load_"))}
    said = f"says {_in_words(stated)}" if stated else "says nothing of it"
    return Saved(
        quantisation=form, double=double, config=kept | config, mended=True,
        told=f"{folder}: its weights are {form}, and the quantization_config of its {CONFIG} "
        f"{said}: the weights count",
    )  # fmt: skip
