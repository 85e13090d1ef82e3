"""Both arms of a model as plain products: the adapter folded in, and the base without it.

On a CPU, bitsandbytes dequantises a 4-bit weight at every product, and an unmerged LoRA
adds two small products to each: at four million parameters that overhead is most of the
time. Folding does both once: every linear keeps two float32 weights, the dequantised base
W and W + s·B·A, packed for quick products (`packed.Product`); linears in float32 are
packed alone. The function is that of the 4-bit base with its adapter, computed in float32;
nothing is quantised again, as merging a checkpoint would.
"""

from __future__ import annotations

from typing import Any

from harness.models.loading import DEQUANTISED, PLAIN, LoadedModel
from harness.models.needs import GIB, free_memory_gib
from harness.models.packed import TORCH, Product, how_products_run

FOLDED = "dequantised once to float32, adapter folded in"
_MEMORY_SHARE = 0.5  # of free memory that the folded weights may take


def fold_adapter(loaded: LoadedModel) -> bool:
    """Replace the linears of `loaded` by two-armed float32 ones; return whether that was done.

    Nothing is changed on a GPU, in 16 bits, in int8 (which rounds activations too), under
    adapters that are more than plain LoRA on linears, or without the memory for it; nor where
    there is neither an adapter nor 4-bit weights, and torch's own products are the quickest.
    """
    if not _can_fold(loaded):
        return False
    root = loaded.model.get_base_model() if loaded.adapter else loaded.model
    arm_linear = _arm_linear_class()
    for name, module in _to_fold(root):
        parent, _, child = name.rpartition(".")
        folded = arm_linear(*_weights(module))
        folded.changed = _is_adapted(module) or _is_four_bit(module)
        setattr(root.get_submodule(parent), child, folded)
        loaded.folded.append(folded)
    loaded.model = root
    if any(linear.changed for linear in loaded.folded):
        loaded.identity["machine"]["compute_path"] = FOLDED
    return True


def _can_fold(loaded: LoadedModel) -> bool:
    machine = loaded.identity["machine"]
    if machine["compute_path"] not in (DEQUANTISED, PLAIN) or machine["dtype"] != "float32":
        return False
    if loaded.device != "cpu" or loaded.spec.quantisation == "int8" or loaded.folded:
        return False
    modules = list(loaded.model.modules())
    if loaded.adapter and not all(_is_plain_lora(m) for m in modules if _is_tuned(m)):
        return False
    to_fold = [module for _, module in _to_fold(loaded.model)]
    if not any(_is_adapted(m) or _is_four_bit(m) for m in to_fold) and how_products_run() == TORCH:
        return False
    numbers = sum(_size(module) * (2 if _is_adapted(module) else 1) for module in to_fold)
    return numbers * 4 / GIB <= free_memory_gib() * _MEMORY_SHARE


def _arm_linear_class() -> Any:
    import torch

    class ArmLinear(torch.nn.Module):
        """A linear with two weights [out, in]; `adapted` says which of them is in force."""

        changed: bool  # from a 4-bit or adapted one; else only packed

        def __init__(self, base: Any, adapted: Any, bias: Any) -> None:
            super().__init__()
            self.in_features, self.out_features = base.shape[1], base.shape[0]
            self.base_product = Product(base, bias)
            self.adapted_product = self.base_product if adapted is base else Product(adapted, bias)
            self.adapted = True

        def forward(self, x: Any) -> Any:
            return self.adapted_product(x) if self.adapted else self.base_product(x)

    return ArmLinear


def _weights(module: Any) -> tuple[Any, Any, Any]:
    """The base weight, the adapted weight and the bias of a linear, in float32."""
    import torch
    from bitsandbytes.functional import dequantize_4bit

    linear = module.get_base_layer() if _is_adapted(module) else module
    if _is_four_bit(linear):
        base = dequantize_4bit(linear.weight.data, linear.weight.quant_state)
        base = base.reshape(linear.out_features, linear.in_features).float()
    else:
        base = linear.weight.data.float()
    bias = None if linear.bias is None else linear.bias.data.float()
    adapted = base
    if _is_adapted(module):
        with torch.no_grad():
            for name in module.active_adapters:
                down = module.lora_A[name].weight.float()
                up = module.lora_B[name].weight.float()
                adapted = adapted + module.scaling[name] * (up @ down)
    return base, adapted, bias


def _to_fold(root: Any) -> list[tuple[str, Any]]:
    """The linears of a model with their names: adapted, 4-bit, and torch's own."""
    import torch

    found: list[tuple[str, Any]] = []
    for name, module in root.named_modules():
        inside = bool(found) and name.startswith(found[-1][0] + ".")  # parts of an adapted one
        plain = type(module) is torch.nn.Linear and not inside
        if _is_adapted(module) or (_is_four_bit(module) and not inside) or plain:
            found.append((name, module))
    return found


def _is_four_bit(module: Any) -> bool:
    import bitsandbytes as bnb

    return isinstance(module, bnb.nn.Linear4bit)


def _is_tuned(module: Any) -> bool:
    from peft.tuners.tuners_utils import BaseTunerLayer
    from peft.utils.other import AuxiliaryTrainingWrapper

    return isinstance(module, BaseTunerLayer | AuxiliaryTrainingWrapper)


def _is_adapted(module: Any) -> bool:
    from peft.tuners.lora import LoraLayer

    return isinstance(module, LoraLayer)


def _is_plain_lora(module: Any) -> bool:
    import torch

    return (
        _is_adapted(module)
        and isinstance(module.get_base_layer(), torch.nn.Linear)
        and not module.lora_variant
        and not module.lora_embedding_A
        and not any(module.lora_bias.values())
        and not getattr(module, "fan_in_fan_out", False)
    )


def _size(module: Any) -> int:
    linear = module.get_base_layer() if _is_adapted(module) else module
    return int(linear.in_features * linear.out_features)
