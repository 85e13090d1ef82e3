"""Does bitsandbytes work on this machine: one 4-bit product, by every path it has here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.models.quiet import import_bitsandbytes

_ROWS, _IN, _OUT = 4, 256, 128  # widths that the fused path takes
_EXACT = 5e-3  # of the largest number: rounding, TF32 on a GPU included
_BF16 = 3e-2  # products of 8-bit mantissas
_NF4 = 0.2  # root mean square of what is lost; about 0.09 on normal weights


@dataclass(frozen=True, kw_only=True)
class Product:
    """One NF4 product against the same with the dequantised weight.

    Errors are the largest absolute ones, as shares of the largest number in the product;
    `lost` is the root mean square of what quantising took from the weight. `problem` is
    empty where all is well.
    """

    device: str = "cpu"
    error: float | None = None
    fused: bool = False  # whether this machine has the fused AVX512-BF16 path
    fused_error: float | None = None
    lost: float | None = None
    problem: str = ""


def try_product() -> Product:
    """Quantise a random weight in NF4 and multiply by it."""
    try:
        return _try()
    except (ImportError, OSError, RuntimeError, AttributeError, ValueError, TypeError) as error:
        words = (str(error).strip() or "no reason given").splitlines()[0]
        return Product(problem=f"{type(error).__name__}: {words}")


def _try() -> Product:
    import_bitsandbytes()
    import torch
    from bitsandbytes.functional import dequantize_4bit, has_avx512bf16

    device = "cuda" if torch.cuda.is_available() else "cpu"
    generator = torch.Generator().manual_seed(0)
    weight_OI = torch.randn(_OUT, _IN, generator=generator)
    x_BI = torch.randn(_ROWS, _IN, generator=generator).to(device)
    linear = _linear(weight_OI, device)
    linear.support_avx512bf16_for_cpu = False
    whole_OI = dequantize_4bit(linear.weight.data, linear.weight.quant_state).float()
    expected_BO = x_BI @ whole_OI.reshape(_OUT, _IN).T
    lost = (whole_OI.reshape(_OUT, _IN).cpu() - weight_OI).pow(2).mean().sqrt().item()
    fused = device == "cpu" and bool(has_avx512bf16())
    error, fused_error = _off(linear, x_BI, expected_BO), None
    if fused:  # a layer of its own: its weight is packed in place
        fused_error = _off(_linear(weight_OI, device), x_BI, expected_BO)
    problem = ""
    if not lost < _NF4:
        problem = f"a quantised weight is off by {lost:.2g} of its spread"
    elif not error < _EXACT:
        problem = f"a product is off by {error:.2g}"
    elif fused_error is not None and not fused_error < _BF16:
        problem = f"a fused product is off by {fused_error:.2g}"
    return Product(
        device=device, error=error, fused=fused, fused_error=fused_error, lost=lost, problem=problem
    )


def _linear(weight_OI: Any, device: str) -> Any:
    import bitsandbytes as bnb
    import torch

    linear = bnb.nn.Linear4bit(_IN, _OUT, bias=False, compute_dtype=torch.float32, quant_type="nf4")
    linear.weight = bnb.nn.Params4bit(weight_OI.clone(), requires_grad=False, quant_type="nf4")
    return linear.to(device).eval()


def _off(linear: Any, x_BI: Any, expected_BO: Any) -> float:
    import torch

    with torch.inference_mode():
        found_BO = linear(x_BI)
    return float((found_BO - expected_BO).abs().max() / expected_BO.abs().max())
