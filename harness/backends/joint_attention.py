"""Attention over a shared prefix, each prompt and each line's own tokens, in one softmax.

Hung into transformers' attention interface. The prefix is attended by all lines as one
matrix product, a prompt by all its lines as one, and the parts are joined by their sums, as
an attention that is computed in blocks joins its blocks (Dao et al. 2022, section 3.1).
"""

from __future__ import annotations

import threading
from typing import Any

ATTENTION = "bordor_shared_prefix"
# What an architecture may ask of its attention that this one does not do.
_UNSUPPORTED = ("softcap", "s_aux", "position_bias")

current = threading.local()  # `cache`: that of this thread's forward pass under way


class UnsupportedArchitecture(Exception):
    """The model's attention needs something that only its own implementation does."""


def joint_attention(
    module: Any, query: Any, key: Any, value: Any, attention_mask: Any, scaling: float = 1.0,
    dropout: float = 0.0, **options: Any,
) -> tuple[Any, None]:  # fmt: skip
    """Attend to all segments of the cache of this thread's pass.

    query: [L, Hq, T, D]; returns [L, T, Hq, D]. A window is not looked at: the runner takes
    no text that is longer. Raises UnsupportedArchitecture for an attention with soft caps,
    sinks or biases.
    """
    cache = getattr(current, "cache", None)
    if attention_mask is not None or cache is None:
        raise UnsupportedArchitecture("a mask of its own")
    for name in _UNSUPPORTED:
        if options.get(name) is not None:
            raise UnsupportedArchitecture(name)
    layer = cache.held[module.layer_idx]
    lines, heads, new, width = query.shape
    groups = key.shape[1]
    query = (query * scaling).reshape(lines, groups, heads // groups * new, width)
    parts: list[Any] = []
    if layer.shared is not None:
        parts.append(Prefix(query, *layer.shared))
    if cache.stepping:
        parts.append(Prompts(query, cache, layer.groups))
        parts.append(Own(query, *layer.own(lines)))
    else:
        parts.append(Own(query, *layer.groups[-1], mask=cache.mask, new=new))
    out = _join(parts).to(query.dtype).reshape(lines, heads, new, width)
    return out.transpose(1, 2).contiguous(), None


class Own:
    """What each line holds for itself: keys and values [L, G, T, D]."""

    def __init__(
        self, query: Any, keys: Any, values: Any, *, mask: Any = None, new: int = 1
    ) -> None:
        self.scores = (query @ keys.transpose(2, 3)).float()  # [L, G, N, T]
        self._values = values
        if mask is not None:
            lines, groups, _, width = self.scores.shape
            self.scores.view(lines, groups, -1, new, width).add_(mask[:, :, None])
        self.top = self.scores.amax(-1, keepdim=True)

    def weigh(self, top: Any) -> tuple[Any, Any]:
        """Sums [L, G, N, 1] and weighted values [L, G, N, D] of exp(scores - top)."""
        self.scores.sub_(top).exp_()
        out = self.scores.to(self._values.dtype) @ self._values
        return self.scores.sum(-1, keepdim=True), out


class Prefix:
    """What all lines share: keys and values [G, P, D], one product for all lines."""

    def __init__(self, query: Any, keys: Any, values: Any) -> None:
        lines, groups, count, width = query.shape
        self._shape = groups, lines, count, -1
        flat = query.transpose(0, 1).reshape(groups, lines * count, width)
        self.scores = (flat @ keys.transpose(1, 2)).float()  # [G, L N, P]
        self._values = values
        self.top = self._by_line(self.scores.amax(-1, keepdim=True))

    def _by_line(self, x: Any) -> Any:
        return x.view(self._shape).transpose(0, 1)

    def weigh(self, top: Any) -> tuple[Any, Any]:
        """As `Own.weigh`."""
        groups, lines, count, _ = self._shape
        self.scores.sub_(top.transpose(0, 1).reshape(groups, lines * count, 1)).exp_()
        out = self.scores.to(self._values.dtype) @ self._values
        return self._by_line(self.scores.sum(-1, keepdim=True)), self._by_line(out)


class Prompts:
    """What the lines of a prompt share: in each group keys and values [N, G, T, D].

    The queries of a prompt's lines stand in its slots, so that its keys are read once.
    """

    def __init__(self, query: Any, cache: Any, pairs: list[tuple[Any, Any]]) -> None:
        import torch

        _, self._heads, self._count, _ = query.shape
        self._groups, self._place = cache.groups, cache.place
        self._values = [values for _, values in pairs]
        self._scores = []
        for group, (keys, _) in zip(self._groups, pairs, strict=True):
            scores = (self._to_slots(query, group) @ keys.transpose(2, 3)).float()
            if group.mask is not None:
                scores += group.mask
            self._scores.append(scores)  # [N, G, S n, T]
        tops = [self._by_slot(scores.amax(-1, keepdim=True)) for scores in self._scores]
        self.top = torch.cat(tops)[self._place] if len(tops) > 1 else tops[0][self._place]

    def _to_slots(self, x: Any, group: Any) -> Any:
        """From lines [L, G, n, D] to the slots of a group's prompts [N, G, S n, D]."""
        x = x[group.slot]
        if group.slots == 1:
            return x
        x = x.view(group.count, group.slots, self._heads, self._count, -1).transpose(1, 2)
        return x.reshape(group.count, self._heads, group.slots * self._count, -1)

    def _by_slot(self, x: Any) -> Any:
        """From [N, G, S n, D] to [N S, G, n, D]."""
        count, heads, rows, width = x.shape
        if rows == self._count:
            return x
        x = x.view(count, heads, -1, self._count, width).transpose(1, 2)
        return x.reshape(-1, heads, self._count, width)

    def weigh(self, top: Any) -> tuple[Any, Any]:
        """As `Own.weigh`."""
        import torch

        sums, outs = [], []
        for group, scores, values in zip(self._groups, self._scores, self._values, strict=True):
            scores.sub_(self._to_slots(top, group)).exp_()
            sums.append(self._by_slot(scores.sum(-1, keepdim=True)))
            outs.append(self._by_slot(scores.to(values.dtype) @ values))
        if len(sums) == 1:
            return sums[0][self._place], outs[0][self._place]
        return torch.cat(sums)[self._place], torch.cat(outs)[self._place]


def _join(parts: list[Any]) -> Any:
    """One softmax over all parts: the weighted values [L, G, N, D]."""
    import torch

    top = parts[0].top
    for part in parts[1:]:
        top = torch.maximum(top, part.top)
    total, out = parts[0].weigh(top)
    for part in parts[1:]:
        more, weighted = part.weigh(top)
        total, out = total + more, out + weighted
    return out / total
