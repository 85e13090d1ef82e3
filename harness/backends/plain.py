"""The runner for any architecture: transformers' own cache and attention, left-padded."""

from __future__ import annotations

from typing import Any


class PlainRunner:
    """Same duties as `SharedPrefixRunner`, with nothing shared between prompts."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._cache: Any = None
        self._mask_RT: Any = None

    def prefill(self, prefix: tuple[int, ...], prompts: list[tuple[int, ...]], arm: str) -> Any:
        """Run whole prompts; return logits [N, V] of the last tokens."""
        import torch
        from transformers import DynamicCache

        whole = [prefix + prompt for prompt in prompts]
        width = max(len(prompt) for prompt in whole)
        ids_NT = torch.zeros((len(whole), width), dtype=torch.long)
        mask_NT = torch.zeros((len(whole), width), dtype=torch.long)
        for row, prompt in enumerate(whole):
            ids_NT[row, width - len(prompt) :] = torch.tensor(prompt)
            mask_NT[row, width - len(prompt) :] = 1
        device = self._model.device
        self._cache = DynamicCache(config=self._model.config)
        self._mask_RT = mask_NT.to(device)
        positions = (self._mask_RT.cumsum(dim=1) - 1).clamp_(min=0)
        return self._forward(ids_NT.to(device), positions)

    def step(self, ids_R: Any, position_R: Any) -> Any:
        """Feed one token to each row; return logits [R, V]."""
        import torch

        ones = torch.ones_like(self._mask_RT[:, :1])
        self._mask_RT = torch.cat([self._mask_RT, ones], dim=1)
        return self._forward(ids_R[:, None], position_R[:, None])

    def select(self, rows: Any) -> None:
        """Keep or repeat rows, by index."""
        self._cache.batch_select_indices(rows)
        self._mask_RT = self._mask_RT[rows]

    def _forward(self, ids: Any, positions: Any) -> Any:
        out = self._model(
            input_ids=ids, attention_mask=self._mask_RT, position_ids=positions,
            past_key_values=self._cache, use_cache=True, logits_to_keep=1,
        )  # fmt: skip
        return out.logits[:, -1]
