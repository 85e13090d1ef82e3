"""Runs prompts that share a prefix: the prefix once, prompts of like length, then all lines.

The engine's own cache (`segmented_cache`) and attention (`joint_attention`), hung into
transformers' interfaces while a pass is under way.
"""

from __future__ import annotations

from typing import Any

from harness.backends.joint_attention import (
    ATTENTION,
    UnsupportedArchitecture,
    current,
    joint_attention,
)
from harness.backends.segmented_cache import make_cache

# Tokens to fill up a part of a prefill; more cost more than another pass and, in every step,
# another group of prompts.
MOST_BLANKS = {"cpu": 256, "cuda": 16_384}


class SharedPrefixRunner:
    """Runs a model with the shared-prefix cache: prefix once, prompts, then token by token."""

    def __init__(self, model: Any) -> None:
        from transformers import AttentionInterface

        AttentionInterface.register(ATTENTION, joint_attention)
        before = model.config._attn_implementation
        model.set_attn_implementation(ATTENTION)  # says so where the architecture refuses
        if model.config._attn_implementation != ATTENTION:
            raise UnsupportedArchitecture("an attention that cannot be exchanged")
        model.set_attn_implementation(before)
        self._model = model
        configs = (getattr(module, "config", None) for module in model.modules())
        self._configs = list(
            {id(config): config for config in configs if config is not None}.values()
        )
        self._cache: Any = None
        self._prefix: list[tuple[Any, Any]] | None = None
        self._known: tuple[Any, tuple[int, ...]] | None = None

    def prefill(
        self, prefix: tuple[int, ...], prompts: list[tuple[int, ...]], *, arm: str,
        lines: int, steps: int,
    ) -> Any:  # fmt: skip
        """Run the prompts behind their shared prefix; return logits [N, V] of the last tokens.

        prompts: what follows the prefix, at least one token each. `lines` and `steps` say
        how many lines and new tokens may come. The last prefix's keys and values are kept
        for the next batch of its arm that begins with it.
        """
        import torch

        device = self._model.device
        if self._known != (arm, prefix):
            self._prefix = self._run_prefix(prefix) if prefix else None
            self._known = (arm, prefix)
        parts = alike([len(prompt) for prompt in prompts], MOST_BLANKS[device.type])
        self._cache = make_cache(self._prefix, (lines, steps))
        logits_NV = None
        for part in parts:
            ids_NT, pad_N = left_pad([prompts[at] for at in part], device)
            self._cache.add_group(pad_N, ids_NT.shape[1])
            position_NT = _arange(ids_NT.shape[1], device)[None] - pad_N[:, None]
            logits = self._forward(ids_NT, position_NT.clamp_(min=0) + len(prefix))
            if logits_NV is None:
                logits_NV = logits.new_empty(len(prompts), logits.shape[1])
            logits_NV[torch.tensor(part, device=device)] = logits
        self._cache.begin([at for part in parts for at in part])
        return logits_NV

    def step(self, ids_L: Any, position_L: Any) -> Any:
        """Feed one token to each line, at its position; return logits [L, V]."""
        return self._forward(ids_L[:, None], position_L[:, None])

    def keep(self, lines: Any) -> None:
        """Let all lines go but these, by index (int64 of numpy), as `Moves.keep` says."""
        self._cache.keep(lines)

    def fork(self, lines: Any) -> None:
        """Append a copy of each of these lines (int64 of numpy)."""
        self._cache.fork(lines)

    def _run_prefix(self, prefix: tuple[int, ...]) -> list[tuple[Any, Any]]:
        import torch

        ids_1T, pad_1 = left_pad([prefix], self._model.device)
        self._cache = make_cache(None, (1, 1))
        self._cache.add_group(torch.zeros_like(pad_1), len(prefix))
        self._forward(ids_1T, _arange(len(prefix), self._model.device)[None])
        return [(keys[0], values[0]) for [(keys, values)] in (x.groups for x in self._cache.held)]

    def _forward(self, ids: Any, positions: Any) -> Any:
        """Run the model with this attention in force, and its own again afterwards."""
        before = [config._attn_implementation for config in self._configs]
        for config in self._configs:
            config._attn_implementation_internal = ATTENTION
        current.cache = self._cache
        try:
            out = self._model(
                input_ids=ids, position_ids=positions, past_key_values=self._cache,
                use_cache=True, logits_to_keep=1,
            )  # fmt: skip
        finally:
            current.cache = None
            for config, one in zip(self._configs, before, strict=True):
                config._attn_implementation_internal = one
        return out.logits[:, -1]


def alike(lengths: list[int], most_blanks: int) -> list[list[int]]:
    """Cut prompts of these lengths, longest first, into parts with few blanks to fill up."""
    parts: list[list[int]] = []
    blanks = 0
    for at in sorted(range(len(lengths)), key=lambda at: -lengths[at]):
        blanks += lengths[parts[-1][0]] - lengths[at] if parts else 0
        if not parts or blanks > most_blanks:
            parts.append([])
            blanks = 0
        parts[-1].append(at)
    return parts


def left_pad(prompts: list[tuple[int, ...]], device: Any) -> tuple[Any, Any]:
    """Return token ids int64 [N, T] with blanks (0) on the left, and their number [N]."""
    import torch

    width = max(len(prompt) for prompt in prompts)
    ids_NT = torch.tensor([(0,) * (width - len(prompt)) + prompt for prompt in prompts])
    pad_N = torch.tensor([width - len(prompt) for prompt in prompts])
    return ids_NT.to(device), pad_N.to(device)


def _arange(length: int, device: Any) -> Any:
    import torch

    return torch.arange(length, device=device)
