"""Keys and values held once where prompts share them, and once per row where they do not.

The engine's own cache and attention, hung into transformers' interfaces. Every layer keeps
two stretches: the prefix that all rows of a batch share, attended by all rows as one matrix
product, and a stretch for each row, preallocated in steps. One softmax joins the two.
"""

from __future__ import annotations

from typing import Any

ATTENTION = "bordor_shared_prefix"
_GROW = 16  # tokens by which a row's stretch grows
# What an architecture may ask of its attention that this one does not do.
_UNSUPPORTED = ("softcap", "s_aux", "position_bias", "sliding_window")


class UnsupportedArchitecture(Exception):
    """The model's attention needs something that only its own implementation does."""


class Layer:
    """One layer's keys and values: shared [Hkv, P, D] and own [R, Hkv, capacity, D]."""

    def __init__(self, shared: tuple[Any, Any] | None) -> None:
        self.shared = shared
        self.keys: Any = None
        self.values: Any = None
        self.length = 0

    def append(self, keys: Any, values: Any) -> None:
        """Add [R, Hkv, T, D] to the rows' own stretches."""
        import torch

        new = self.length + keys.shape[2]
        if self.keys is None:
            self.keys, self.values = keys, values
        else:
            if new > self.keys.shape[2]:
                room = list(keys.shape)
                room[2] = new - self.keys.shape[2] + _GROW - 1
                space = keys.new_empty(room)
                self.keys = torch.cat([self.keys, space], dim=2)
                self.values = torch.cat([self.values, space], dim=2)
            self.keys[:, :, self.length : new] = keys
            self.values[:, :, self.length : new] = values
        self.length = new

    def select(self, rows: Any) -> None:
        """Keep or repeat rows."""
        self.keys = self.keys[rows]
        self.values = self.values[rows]


def make_cache(prefix: list[tuple[Any, Any]] | None, pad_R: Any) -> Any:
    """Return a cache for rows whose own stretches begin with `pad_R` (int64 [R]) blanks.

    prefix: for every layer keys and values [Hkv, P, D], or None for none.
    """
    from transformers.cache_utils import Cache

    class SharedPrefixCache(Cache):
        """Looks like a transformers cache; `joint_attention` reads its layers."""

        def __init__(self) -> None:
            super().__init__(layers=[])
            self.rows: list[Layer] = []
            self.mask: Any = None
            self.pad = pad_R

        def update(self, key_states: Any, value_states: Any, layer_idx: int, *args: Any,
                   **kwargs: Any) -> tuple[Any, Any]:  # fmt: skip
            while len(self.rows) <= layer_idx:
                at = len(self.rows)
                self.rows.append(Layer(prefix[at] if prefix else None))
            self.rows[layer_idx].append(key_states, value_states)
            return key_states, value_states

        def get_seq_length(self, layer_idx: int = 0) -> int:
            shared = prefix[0][0].shape[1] if prefix else 0
            return shared + (self.rows[layer_idx].length if len(self.rows) > layer_idx else 0)

        def prepare(self, new: int) -> None:
            """Make the mask for `new` tokens to come: [R, 1, new, own length], or None."""
            length = (self.rows[0].length if self.rows else 0) + new
            self.mask = _mask(self.pad, new, length)

        def select(self, rows: Any) -> None:
            self.pad = self.pad[rows]
            for layer in self.rows:
                layer.select(rows)

    return SharedPrefixCache()


_current: list[Any] = []  # the cache of the forward pass under way


def joint_attention(
    module: Any, query: Any, key: Any, value: Any, attention_mask: Any, scaling: float = 1.0,
    dropout: float = 0.0, **options: Any,
) -> tuple[Any, None]:  # fmt: skip
    """Attend to the shared prefix and to the row's own stretch with one softmax.

    query: [R, Hq, T, D]; returns [R, T, Hq, D]. Raises UnsupportedArchitecture for an
    attention with soft caps, sinks, biases or windows.
    """
    import torch

    if attention_mask is not None or not _current:
        raise UnsupportedArchitecture("a mask of its own")
    for name in _UNSUPPORTED:
        if options.get(name) is not None:
            raise UnsupportedArchitecture(name)
    cache = _current[-1]
    layer = cache.rows[module.layer_idx]
    rows, heads, new, width = query.shape
    groups = layer.keys.shape[1]
    repeat = heads // groups
    query = query * scaling
    own_keys = layer.keys[:, :, : layer.length]
    own_values = layer.values[:, :, : layer.length]
    query_own = query.reshape(rows, groups, repeat * new, width)
    scores = torch.matmul(query_own, own_keys.transpose(2, 3))
    if cache.mask is not None:
        mask = cache.mask if repeat == 1 else cache.mask.repeat(1, 1, repeat, 1)
        scores = scores + mask
    if layer.shared is None:
        weights = torch.softmax(scores, dim=-1, dtype=torch.float32).to(query.dtype)
        out = torch.matmul(weights, own_values)
    else:
        out = _join(query_own, scores, own_values, *layer.shared)
    out = out.reshape(rows, groups * repeat, new, width)
    return out.transpose(1, 2).contiguous(), None


def _join(query: Any, scores: Any, own_values: Any, keys: Any, values: Any) -> Any:
    """Attend to the prefix [G, P, D] too, for query [R, G, N, D] with own scores [R, G, N, T]."""
    import torch

    rows, groups, count, width = query.shape
    flat = query.transpose(0, 1).reshape(groups, rows * count, width)
    shared = torch.matmul(flat, keys.transpose(1, 2))
    shared = shared.view(groups, rows, count, -1).transpose(0, 1)
    length = shared.shape[-1]
    joint = torch.cat([shared, scores], dim=-1)
    weights = torch.softmax(joint, dim=-1, dtype=torch.float32).to(query.dtype)
    out = torch.matmul(weights[..., length:], own_values)
    flat = weights[..., :length].transpose(0, 1).reshape(groups, rows * count, length)
    return out + torch.matmul(flat, values).view(groups, rows, count, width).transpose(0, 1)


def _mask(pad_R: Any, new: int, length: int) -> Any:
    """Blanks at the head of a row, and what lies ahead of a token, are not attended."""
    import torch

    padded = bool((pad_R > 0).any())
    if new == 1 and not padded:
        return None
    key_T = torch.arange(length, device=pad_R.device)
    query_N = torch.arange(length - new, length, device=pad_R.device)
    seen = key_T[None, :] <= query_N[:, None]
    if padded:
        # a blank query sees itself, so that its softmax is not empty
        itself = key_T[None, :] == query_N[:, None]
        seen = (seen & (key_T >= pad_R[:, None])[:, None, :]) | itself
    else:
        seen = seen[None]
    mask = torch.zeros(seen.shape, device=pad_R.device)
    return mask.masked_fill_(~seen, float("-inf"))[:, None]


class SharedPrefixRunner:
    """Runs a model with the shared-prefix cache: prefix once, prompts, then token by token."""

    def __init__(self, model: Any) -> None:
        from transformers import AttentionInterface

        AttentionInterface.register(ATTENTION, joint_attention)
        model.set_attn_implementation(ATTENTION)
        self._model = model
        self._cache: Any = None
        self._prefix: list[tuple[Any, Any]] | None = None
        self._known: tuple[Any, tuple[int, ...]] | None = None

    def prefill(self, prefix: tuple[int, ...], prompts: list[tuple[int, ...]], arm: str) -> Any:
        """Run the prompts behind their shared prefix; return logits [N, V] of the last tokens.

        prompts: what follows the prefix, at least one token each. The keys and values of
        the last prefix are kept for the next batch that begins with it.
        """
        import torch

        device = self._model.device
        if self._known != (arm, prefix):
            self._prefix = self._run_prefix(prefix) if prefix else None
            self._known = (arm, prefix)
        width = max(len(prompt) for prompt in prompts)
        ids_NT = torch.zeros((len(prompts), width), dtype=torch.long)
        for row, prompt in enumerate(prompts):
            ids_NT[row, width - len(prompt) :] = torch.tensor(prompt)
        pad_N = torch.tensor([width - len(prompt) for prompt in prompts], device=device)
        self._cache = make_cache(self._prefix, pad_N)
        position_NT = torch.arange(width, device=device)[None] - pad_N[:, None]
        return self._forward(ids_NT.to(device), position_NT.clamp_(min=0) + len(prefix))

    def step(self, ids_R: Any, position_R: Any) -> Any:
        """Feed one token to each row; return logits [R, V]."""
        return self._forward(ids_R[:, None], position_R[:, None])

    def select(self, rows: Any) -> None:
        """Keep or repeat rows, by index."""
        self._cache.select(rows)

    def _run_prefix(self, prefix: tuple[int, ...]) -> list[tuple[Any, Any]]:
        import torch

        device = self._model.device
        self._cache = make_cache(None, torch.zeros(1, dtype=torch.long, device=device))
        ids_1T = torch.tensor([prefix], device=device)
        self._forward(ids_1T, torch.arange(len(prefix), device=device)[None])
        return [(layer.keys[0], layer.values[0]) for layer in self._cache.rows]

    def _forward(self, ids: Any, positions: Any) -> Any:
        self._cache.prepare(ids.shape[1])
        _current.append(self._cache)
        try:
            out = self._model(
                input_ids=ids, position_ids=positions, past_key_values=self._cache,
                use_cache=True, logits_to_keep=1,
            )  # fmt: skip
        finally:
            _current.pop()
        return out.logits[:, -1]
