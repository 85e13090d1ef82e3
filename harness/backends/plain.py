"""The runner for any architecture: transformers' own cache and attention, left-padded."""

from __future__ import annotations

from typing import Any

from harness.backends.shared_prefix import left_pad


class PlainRunner:
    """Same duties as `SharedPrefixRunner`, with nothing shared between prompts."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._cache: Any = None
        self._mask_LT: Any = None

    def prefill(
        self, prefix: tuple[int, ...], prompts: list[tuple[int, ...]], *, arm: str,
        lines: int, steps: int,
    ) -> Any:  # fmt: skip
        """Run whole prompts; return logits [N, V] of the last tokens."""
        import torch
        from transformers import DynamicCache

        ids_NT, pad_N = left_pad([prefix + prompt for prompt in prompts], self._model.device)
        place_T = torch.arange(ids_NT.shape[1], device=ids_NT.device)
        self._mask_LT = (place_T[None] >= pad_N[:, None]).long()
        self._cache = DynamicCache(config=self._model.config)
        return self._forward(ids_NT, (self._mask_LT.cumsum(dim=1) - 1).clamp_(min=0))

    def step(self, ids_L: Any, position_L: Any) -> Any:
        """Feed one token to each line; return logits [L, V]."""
        import torch

        ones = torch.ones_like(self._mask_LT[:, :1])
        self._mask_LT = torch.cat([self._mask_LT, ones], dim=1)
        return self._forward(ids_L[:, None], position_L[:, None])

    def keep(self, lines: Any) -> None:
        """Let all lines go but these, by index (int64 of numpy)."""
        import torch

        lines = torch.from_numpy(lines).to(self._mask_LT.device)
        self._cache.batch_select_indices(lines)
        self._mask_LT = self._mask_LT[lines]

    def fork(self, lines: Any) -> None:
        """Append a copy of each of these lines (int64 of numpy)."""
        import numpy as np

        self.keep(np.concatenate([np.arange(len(self._mask_LT)), lines]))

    def _forward(self, ids: Any, positions: Any) -> Any:
        out = self._model(
            input_ids=ids, attention_mask=self._mask_LT, position_ids=positions,
            past_key_values=self._cache, use_cache=True, logits_to_keep=1,
        )  # fmt: skip
        return out.logits[:, -1]
