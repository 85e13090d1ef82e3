"""What an adapter's files say by themselves: settings, and names, shapes and numbers of weights.

peft takes much on trust: an integer or a NaN is loaded like any other weight. What no base can
mend is told here, by file and tensor, before a base is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core.errors import ModelError
from harness.models.registry import ADAPTER_CONFIG, read_json

WEIGHTS = "adapter_model.safetensors"
# Initialisations of peft 0.21 that take from the base's weights what they put in the adapter.
_TAKEN = {"pissa": "PiSSA", "olora": "OLoRA", "corda": "CorDA", "loftq": "LoftQ",
          "lora_ga": "LoRA-GA"}  # fmt: skip
_TAKEN_AGAIN = ("PiSSA", "OLoRA", "LoftQ")  # peft can do it again from the base alone
_AT_RANDOM = "_niter_"  # of "pissa_niter_16": a decomposition that draws random numbers
_INPUTS = frozenset("embed_tokens wte word_embeddings embed_in tok_embeddings".split())
_OUTPUTS = frozenset("lm_head embed_out output".split())
_FLOATS = ("F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2")


@dataclass(frozen=True, kw_only=True)
class AdapterFiles:
    """An adapter by its configuration and the header of its weights."""

    folder: Path
    config: dict[str, Any]
    shapes: dict[str, tuple[int, ...]]
    dtypes: dict[str, str]  # as safetensors writes them

    @property
    def taken_by(self) -> str | None:
        """Which initialisation took the adapter's first weights out of the base, if one did."""
        init = self.config.get("init_lora_weights")
        if not isinstance(init, str):
            return None
        return next((name for key, name in _TAKEN.items() if init.lower().startswith(key)), None)

    def stored_rows(self) -> dict[str, int]:
        """Rows of the whole embeddings ("input") and head ("output") that lie in the file."""
        found: dict[str, int] = {}
        for key, shape in self.shapes.items():
            module = key.removesuffix(".weight").removesuffix(".base_layer")
            if not key.endswith(".weight") or len(shape) != 2:
                continue
            name = module.rpartition(".")[2]
            if name in _INPUTS | _OUTPUTS:
                found["input" if name in _INPUTS else "output"] = shape[0]
        return found

    def low_rank_rows(self) -> int | None:
        """Rows that low-rank weights on embeddings or head were made for; None without any."""
        for key, shape in self.shapes.items():
            module, _, kind = key.partition(".lora_")
            name = module.rpartition(".")[2]
            if len(shape) == 2 and name in _INPUTS | _OUTPUTS:
                if kind == "embedding_A":
                    return shape[1]
                if kind == "B.weight" and name in _OUTPUTS:
                    return shape[0]
        return None


def read_adapter(folder: Path) -> AdapterFiles:
    """Read an adapter's configuration and the header of its weights.

    Raises ModelError when it is no LoRA, or its weights cannot be read.
    """
    config = read_json(folder / ADAPTER_CONFIG)
    kind = config.get("peft_type")
    if kind != "LORA":
        raise ModelError(f"{folder}: peft_type is {kind}; only LORA adapters are audited")
    with open_weights(folder / WEIGHTS) as file:
        slices = {key: file.get_slice(key) for key in file.keys()}  # noqa: SIM118
        return AdapterFiles(
            folder=folder,
            config=config,
            shapes={key: tuple(one.get_shape()) for key, one in slices.items()},
            dtypes={key: str(one.get_dtype()) for key, one in slices.items()},
        )


def check_numbers(folder: Path) -> AdapterFiles:
    """Read all weights of an adapter once: each must be made of finite floating-point numbers.

    Raises ModelError naming the file and the first tensor that is not, and as `read_adapter`.
    """
    files = read_adapter(folder)
    if not files.shapes:
        raise ModelError(f"{folder / WEIGHTS}: holds no weights: save the adapter again")
    wrong = {key: kind for key, kind in files.dtypes.items() if kind not in _FLOATS}
    for key, kind in wrong.items():
        raise ModelError(
            f"{folder / WEIGHTS}: {key} holds numbers of type {kind}{_more(len(wrong) - 1)}, and "
            "an adapter's weights are floating-point: save it again in float32, bfloat16 or float16"
        )
    first, count = not_finite(folder / WEIGHTS)
    if first:
        raise ModelError(
            f"{folder / WEIGHTS}: {first} holds NaN or infinite values{_more(count - 1)}: its "
            "training diverged or the file is damaged. Take an earlier checkpoint, or train it "
            "again with a lower learning rate"
        )
    return files


def not_finite(path: Path) -> tuple[str | None, int]:
    """The first tensor of a safetensors file that holds NaN or infinity, and how many do."""
    import torch

    bad = []
    with open_weights(path) as file:
        for key in file.keys():  # noqa: SIM118
            if file.get_slice(key).get_dtype() in _FLOATS:
                tensor = file.get_tensor(key)
                if not bool(torch.isfinite(tensor if tensor.itemsize > 1 else tensor.half()).all()):
                    bad.append(key)
    return (min(bad) if bad else None), len(bad)


@contextmanager
def open_weights(path: Path) -> Iterator[Any]:
    """Open a safetensors file. Raises ModelError where it is missing or damaged."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path}: damaged: {error}; fetch it or save it again") from None


def refuse_lost_start(files: AdapterFiles, quantisation: str) -> None:
    """Raise ModelError when the base that an adapter was trained on cannot be made again.

    PiSSA and its kin move part of the base's weights into the adapter, which then holds for
    the rest of the base alone. Saved unconverted, it needs that same rest when it is loaded:
    peft computes it anew for PiSSA in 16 bits or more, for OLoRA in any quantisation, for
    LoftQ; for CorDA and LoRA-GA it cannot, since the data they were computed from are gone, nor
    for PiSSA's quick form, which draws at random.
    """
    name = files.taken_by
    drawn = _AT_RANDOM in str(files.config.get("init_lora_weights")).lower()
    again = name in _TAKEN_AGAIN and not drawn
    if name is None or (again and (quantisation == "none" or name == "OLoRA")):
        return
    where = f"{files.folder}: made by {name}"
    what = (
        "moved part of the base's weights into it before training: it holds for what is left of "
        "the base, and not for the base itself"
    )
    convert = (
        "save it again converted to a plain LoRA, with model.save_pretrained(..., "
        "path_initial_model_for_weight_conversion=<the adapter as saved before training>)"
    )
    if again:
        if name == "LoftQ":
            convert = (
                "name what was left, if it was saved as a model, with --base and set "
                "init_lora_weights to true in adapter_config.json"
            )
        raise ModelError(
            f"{where}, which {what}. What is left cannot be computed from a base in "
            f"{quantisation}: audit it with --quantisation none, or {convert}"
        )
    lost = "without the data it was made from"
    if drawn:
        lost = f"from the base alone ({files.config['init_lora_weights']} draws random numbers)"
    raise ModelError(
        f"{where}, which {what}. What is left cannot be computed again {lost}: {convert}"
    )


def refuse_unheard(files: AdapterFiles) -> None:
    """Raise ModelError for an adapter that acts only behind certain tokens (aLoRA).

    Where it acts depends on the whole prompt, and Bordor's own engine, which reads a prompt in
    parts and answers token by token, would switch it off behind the first.
    """
    if files.config.get("alora_invocation_tokens"):
        raise ModelError(
            f"{files.folder}: an activated LoRA (alora_invocation_tokens): it acts only behind "
            "its invocation tokens, which cannot be computed here. Serve it (vllm serve) and audit "
            "openai:http://..."
        )


def _more(count: int) -> str:
    return f" (and {count} more)" if count > 0 else ""
