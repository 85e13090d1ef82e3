"""Drawing tokens: one random stream for each sample, one uniform for each step."""

from __future__ import annotations

from typing import Any

from harness.records import Request
from harness.seeds import derive_seed


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


def choose(logits_RV: Any, greedy_R: Any, temperature_R: Any, uniform_R: Any) -> tuple[Any, Any]:
    """Choose one token for each row; return ids int64 [R] and log-probabilities float64 [R].

    Rows marked in greedy_R (bool) take the most likely token. The others take the token at
    which the cumulative softmax(logits / temperature), in float64, passes the row's
    uniform. Log-probabilities are the chosen tokens' at temperature 1, in nats.
    """
    import torch

    logits_RV = logits_RV.float()
    ids_R = logits_RV.argmax(dim=-1)
    drawn = (~greedy_R).nonzero().squeeze(-1)
    if drawn.numel():
        scaled_SV = logits_RV[drawn].double()
        scaled_SV.sub_(scaled_SV.amax(dim=-1, keepdim=True)).div_(temperature_R[drawn, None])
        mass_SV = scaled_SV.exp_().cumsum_(dim=-1)
        # right=True: a token whose probability is zero is never drawn
        target_S1 = uniform_R[drawn, None] * mass_SV[:, -1:]
        found_S = torch.searchsorted(mass_SV, target_S1, right=True).squeeze(-1)
        ids_R[drawn] = found_S.clamp_(max=logits_RV.shape[-1] - 1)
    logprob_R = logits_RV.gather(1, ids_R[:, None]).squeeze(1).double()
    return ids_R, logprob_R - logits_RV.logsumexp(dim=-1).double()
