"""Drawing tokens: one random stream for each sample, one uniform for each step."""

from __future__ import annotations

from typing import Any

from harness.backends.warping import Restriction
from harness.core.records import Request
from harness.core.seeds import derive_seed

_CELLS = 2**17  # logits held at once beside those of a step


def uniforms(request: Request, sample: int, steps: int) -> Any:
    """Return the uniforms in [0, 1) of one sample: float64 [steps], from its own stream.

    The stream is keyed by (seed, question, variant, sample) of the request's first cell,
    so it does not depend on what else is generated, and a longer draw begins like a
    shorter one. Source: Philox counter-based generator, Salmon et al. 2011.
    """
    import numpy as np

    question, variant = request.cells[0]
    key = derive_seed(request.seed, question, variant, sample)
    return np.random.Generator(np.random.Philox(key=key)).random(steps)


def choose(
    logits_LV: Any, temperature_L: Any, uniform_LK: Any, restriction: Restriction | None = None
) -> tuple[Any, Any, Any]:
    """Choose tokens for L lines, each with a greedy row and up to K drawn ones.

    uniform_LK: float64 on the CPU, one for each drawn row of the line, anything where
    there is none; K may be 0. restriction: which tokens may be drawn, None for all. Returns
    ids int64 [L, K + 1], column 0 the most likely token and column k the one at which the
    cumulative softmax(logits / temperature), in float64, passes the row's uniform; their
    log-probabilities at temperature 1 in nats, float64 [L, K + 1]; and the entropy of the
    whole distribution at temperature 1 in nats, float64 [L], good to four digits; all on the
    CPU, and the last two of the unrestricted distribution.
    """
    import torch

    logits_LV = logits_LV.float()
    best_L = logits_LV.argmax(dim=-1, keepdim=True)
    if uniform_LK.shape[1] == 0:
        ids_LK, total_L = best_L, logits_LV.logsumexp(dim=-1, keepdim=True)
        mean_L = _weighted(logits_LV)
    else:
        device = logits_LV.device
        top_L = logits_LV.gather(1, best_L)
        mass_LV = logits_LV.double()
        mass_LV.sub_(top_L).div_(temperature_L.to(device)[:, None]).exp_()
        if restriction is not None:
            mass_LV.masked_fill_(restriction.ruled_out(logits_LV, temperature_L), 0.0)
        plain = restriction is None and bool((temperature_L == 1).all())
        mean_L = _weighted(logits_LV, mass_LV if plain else None)
        torch.cumsum(mass_LV, dim=-1, out=mass_LV)
        if plain:
            mean_L = mean_L / mass_LV[:, -1]
        # right=True: a token whose probability is zero is never drawn
        target_LK = uniform_LK.to(device) * mass_LV[:, -1:]
        drawn_LK = torch.searchsorted(mass_LV, target_LK, right=True)
        ids_LK = torch.cat([best_L, drawn_LK.clamp_(max=logits_LV.shape[-1] - 1)], dim=1)
        if plain:  # the sum is there already
            total_L = mass_LV[:, -1:].log() + top_L
        else:
            total_L = logits_LV.logsumexp(dim=-1, keepdim=True)
    scores_LK = logits_LV.gather(1, ids_LK) - total_L
    entropy_L = (total_L[:, 0].double() - mean_L).clamp_(min=0.0)
    if not logits_LV.is_cuda:
        return ids_LK, scores_LK.double(), entropy_L
    count = ids_LK.shape[1]  # one copy to the host, and one wait, instead of three
    packed = torch.cat([ids_LK.double(), scores_LK.double(), entropy_L[:, None]], dim=1).cpu()
    return packed[:, :count].long(), packed[:, count:-1], packed[:, -1]


def _weighted(logits_LV: Any, mass_LV: Any = None) -> Any:
    """Sums of the logits [L] weighted by mass_LV, by the probabilities where it is None.

    In float32, and on the CPU a few lines at a time: what is held stays small, which is far
    quicker.
    """
    import torch

    count, size = logits_LV.shape
    lines = count if logits_LV.is_cuda else max(1, _CELLS // size)
    found = []
    for at in range(0, count, lines):
        part = logits_LV[at : at + lines]
        weight = part.softmax(-1) if mass_LV is None else mass_LV[at : at + lines].float()
        if logits_LV.is_cuda:  # without waiting for the GPU to see whether there is a NaN
            found.append(torch.linalg.vecdot(weight, part.clamp(min=-1e4)))
            continue
        found.append(torch.linalg.vecdot(weight, part))
        if bool(found[-1].isnan().any()):  # a token that is ruled out: 0 times minus infinity
            found[-1] = torch.linalg.vecdot(weight, part.clamp(min=-1e4))
    return torch.cat(found).double()
