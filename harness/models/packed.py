"""Products with a weight that is packed once: oneDNN's blocked layout instead of row by row.

torch gives float32 products on the CPU to MKL, which leaves the AVX-512 units of other
makers' processors unused. oneDNN, which torch carries too, uses them when the weight comes
in its own layout: here 2 to 2.5 times as quick at the same precision, and a row's result
does not depend on how many rows there are. (Measured in reports/LOG.md; torch's own
inductor packs in the same way when it freezes a model.)
"""

from __future__ import annotations

from functools import cache
from typing import Any

ONEDNN = "oneDNN, packed"
TORCH = "torch"
_ROWS = 256  # rows that the layout is chosen for; it serves any number
_TOLERANCE = 1e-3  # of sums of 256 products of standard normal numbers


class Product:
    """x @ weight.T + bias for one weight [out, in] of float32 on the CPU."""

    def __init__(self, weight: Any, bias: Any) -> None:
        import torch

        self._bias = bias
        self._packed = how_products_run() == ONEDNN
        self._weight = weight.contiguous()
        if self._packed:
            self._weight = torch.ops.mkldnn._reorder_linear_weight(self._weight, _ROWS)

    def __call__(self, x: Any) -> Any:
        """Multiply x [..., in]; returns [..., out]."""
        import torch

        if self._packed:
            return torch.ops.mkldnn._linear_pointwise(x, self._weight, self._bias, "none", [], "")
        return torch.nn.functional.linear(x, self._weight, self._bias)


@cache
def how_products_run() -> str:
    """Which library multiplies float32 on this CPU: `ONEDNN` or `TORCH`."""
    import torch

    if not torch.backends.mkldnn.is_available():
        return TORCH
    if not torch.backends.cpu.get_cpu_capability().startswith("AVX512"):
        return TORCH
    generator = torch.Generator().manual_seed(0)
    x, weight = (torch.randn(rows, 256, generator=generator) for rows in (7, 64))
    try:
        packed = torch.ops.mkldnn._reorder_linear_weight(weight, _ROWS)
        found = torch.ops.mkldnn._linear_pointwise(x, packed, None, "none", [], "")
    except (AttributeError, RuntimeError, TypeError):  # another torch: it is not a public part
        return TORCH
    gap = float((found - torch.nn.functional.linear(x, weight)).abs().max())
    return ONEDNN if gap <= _TOLERANCE else TORCH
