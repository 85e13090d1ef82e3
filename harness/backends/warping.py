"""Top-k and top-p: which tokens a draw may take, as transformers' own warpers have it.

Only drawn tokens are restricted, and only where a request asks for it. Log-probabilities and
entropies stay those of the unrestricted distribution at temperature 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.core.errors import BackendError
from harness.core.records import Request

_CELLS = 2**22  # logits sorted at once
_MANY = 2**31  # more than any vocabulary has


def check_sampling(request: Request) -> None:
    """Raise BackendError where a request's temperature, top_p or top_k allows no draw."""
    if request.samples and not request.temperature > 0:
        raise BackendError(
            f"request {request.id}: samples need a temperature above 0; sample 0 is greedy"
        )
    if request.top_p is not None and not 0 < request.top_p <= 1:
        raise BackendError(f"request {request.id}: top_p is {request.top_p}, not in (0, 1]")
    if request.top_k is not None and request.top_k < 1:
        raise BackendError(f"request {request.id}: top_k is {request.top_k}, not at least 1")


@dataclass(frozen=True, kw_only=True)
class Restriction:
    """How many of the likeliest tokens each of L lines may draw from.

    top_k_L: int64, how many; 0 for all. top_p_L: float64, the probability that the likeliest
    must reach together; 1 for all. Both on the CPU.
    """

    top_k_L: Any
    top_p_L: Any

    def of(self, lines: Any) -> Restriction:
        """The restriction of these lines, by index."""
        return Restriction(top_k_L=self.top_k_L[lines], top_p_L=self.top_p_L[lines])

    def ruled_out(self, logits_LV: Any, temperature_L: Any) -> Any:
        """Which tokens may not be drawn: bool [L, V], on the device of the logits.

        First the logits are divided by the temperature. Top-k then keeps what is no less than
        the k-th largest, so ties with it stay; top-p, among those, drops from the unlikely
        end what together has at most 1 - top_p, but never the likeliest; which of equally
        likely tokens it drops is as torch sorts them. In float32, each line by itself. Source:
        TemperatureLogitsWarper, TopKLogitsWarper and TopPLogitsWarper of transformers 5.23,
        in their order there.
        """
        import torch

        count, size = logits_LV.shape
        lines = max(1, _CELLS // size)
        parts = [
            self.of(slice(at, at + lines))._part(
                logits_LV[at : at + lines], temperature_L[at : at + lines]
            )
            for at in range(0, count, lines)
        ]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _part(self, logits_LV: Any, temperature_L: Any) -> Any:
        """`ruled_out` of a few lines."""
        import torch

        device, size = logits_LV.device, logits_LV.shape[1]
        scores_LV = logits_LV.float() / temperature_L.to(device, torch.float32)[:, None]
        out_LV = torch.zeros_like(scores_LV, dtype=torch.bool)
        if (self.top_k_L > 0).any():
            top_k_L1 = torch.where(self.top_k_L > 0, self.top_k_L, size).clamp(max=size)[:, None]
            kept_LK = scores_LV.topk(int(top_k_L1.max()), dim=-1).values
            out_LV = scores_LV < kept_LK.gather(1, top_k_L1.to(device) - 1)
            scores_LV = scores_LV.masked_fill(out_LV, -torch.inf)
        if (self.top_p_L < 1).any():
            sorted_LV, order_LV = scores_LV.sort(dim=-1)
            rest_L1 = (1 - self.top_p_L).to(device, torch.float32)[:, None]
            less_LV = sorted_LV.softmax(dim=-1).cumsum(dim=-1) <= rest_L1
            less_LV &= (self.top_p_L < 1).to(device)[:, None]
            less_LV[:, -1] = False
            out_LV |= torch.zeros_like(out_LV).scatter_(1, order_LV, less_LV)
        return out_LV


def restriction_of(requests: Sequence[Request]) -> Restriction | None:
    """The restriction of `requests`, a line each; None where none of them is restricted."""
    import torch

    if all(one.top_k is None and (one.top_p is None or one.top_p == 1) for one in requests):
        return None
    return Restriction(
        top_k_L=torch.tensor([min(one.top_k or 0, _MANY) for one in requests]),
        top_p_L=torch.tensor([one.top_p or 1.0 for one in requests], dtype=torch.float64),
    )
