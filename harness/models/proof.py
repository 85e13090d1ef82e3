"""Proof that an adapter acts: an audit of a silent adapter would be one of the base."""

from __future__ import annotations

from collections.abc import Sequence

from harness.errors import ModelError
from harness.models.loading import LoadedModel


def prove_adapter_acts(loaded: LoadedModel, prompts: Sequence[tuple[int, ...]]) -> float:
    """Return the largest difference of a logit with and without the adapter over `prompts`.

    prompts: token ids, each run on its own (no padding), all positions compared.
    Raises ModelError when there is no adapter, no prompt, or no difference at all.
    """
    import torch

    model = loaded.model
    if loaded.adapter is None:
        raise ModelError(f"{loaded.spec.name}: there is no adapter to prove")
    if not prompts:
        raise ModelError("no prompt was given to prove the adapter on")
    model.eval()
    largest = 0.0
    with torch.inference_mode():
        for prompt in prompts:
            ids_BT = torch.tensor([prompt], device=loaded.device)
            with_BTV = model(input_ids=ids_BT, use_cache=False).logits.float()
            with loaded.without_adapter():
                without_BTV = model(input_ids=ids_BT, use_cache=False).logits.float()
            largest = max(largest, float((with_BTV - without_BTV).abs().max()))
    if largest == 0.0:
        raise ModelError(
            f"{loaded.spec.name}: the adapter does nothing: the logits with and without it are "
            "equal on every probe. Was it saved before training, or with its weights unset?"
        )
    return largest
