"""Keys and values held once where prompts share them, and once per line where they do not.

The engine's own cache and attention, hung into transformers' interfaces. Every layer keeps
two stretches: the prefix that all lines of a batch share, attended by all as one matrix
product, and a stretch for each line of the batch. One softmax joins the two.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

ATTENTION = "bordor_shared_prefix"
MOST_BLANKS = 256  # tokens to fill up a part of a prefill; more cost more than another pass
# On a CPU every new number of rows costs a product some code made for it: lines come in
# numbers that are met again.
_ROUND = 16
# What an architecture may ask of its attention that this one does not do.
_UNSUPPORTED = ("softcap", "s_aux", "position_bias", "sliding_window")


class UnsupportedArchitecture(Exception):
    """The model's attention needs something that only its own implementation does."""


class Layer:
    """One layer's keys and values: shared [Hkv, P, D] and own [lines, Hkv, length, D].

    The own stretches lie in buffers with room for all the lines and tokens to come.
    """

    def __init__(self, shared: tuple[Any, Any] | None, room: tuple[int, int]) -> None:
        self.shared = shared
        self.lines = 0
        self.length = 0
        self._room = room
        self._buffers: list[Any] = []

    def own(self) -> tuple[Any, Any]:
        """Keys and values of the lines, as views."""
        keys, values = (b[: self.lines, :, : self.length] for b in self._buffers)
        return keys, values

    def append(self, keys: Any, values: Any) -> None:
        """Add [lines, Hkv, T, D] to the lines' own stretches."""
        if not self._buffers:
            lines, tokens = self._room
            self.lines = keys.shape[0]
            room = (max(lines, self.lines), keys.shape[1], max(tokens, keys.shape[2]))
            self._buffers = [b.new_empty((*room, b.shape[3])) for b in (keys, values)]
        end = self.length + keys.shape[2]
        for buffer, new in zip(self._buffers, (keys, values), strict=True):
            buffer[: self.lines, :, self.length : end] = new
        self.length = end

    def adopt(self, other: Layer, lines: Any, count: int, width: int) -> None:
        """Take over another layer's lines, as these of `count`, ending at token `width`."""
        import torch

        if not self._buffers:
            most, tokens = self._room
            for held in other.own():
                shape = (max(most, count), held.shape[1], max(tokens, width), held.shape[3])
                buffer = held.new_empty(shape)
                buffer[:count, :, :width] = 0  # blanks are masked, but must be numbers
                self._buffers.append(buffer)
        places = torch.arange(width - other.length, width, device=lines.device)
        for buffer, held in zip(self._buffers, other.own(), strict=True):
            buffer[lines[:, None], :, places] = held.transpose(1, 2)
        self.lines, self.length = count, width

    def keep(self, lines: Any, moved: Any) -> None:
        """Let all lines go but these; those at the places `moved` come from elsewhere."""
        for buffer in self._buffers:
            buffer[moved, :, : self.length] = buffer[lines[moved], :, : self.length]
        self.lines = len(lines)

    def fork(self, lines: Any) -> None:
        """Append a copy of each of these lines."""
        end = self.lines + len(lines)
        for buffer in self._buffers:
            buffer[self.lines : end, :, : self.length] = buffer[lines, :, : self.length]
        self.lines = end


def make_cache(prefix: list[tuple[Any, Any]] | None, pad_L: Any, room: tuple[int, int]) -> Any:
    """Return a cache for lines whose own stretches begin with `pad_L` (int64 [L]) blanks.

    prefix: for every layer keys and values [Hkv, P, D], or None for none; room: the most
    lines, and tokens in a line, to come.
    """
    import torch
    from transformers.cache_utils import Cache

    class SharedPrefixCache(Cache):
        """Looks like a transformers cache; `joint_attention` reads its layers."""

        def __init__(self) -> None:
            super().__init__(layers=[])
            self.held: list[Layer] = []
            self.mask: Any = None
            self.pad = pad_L

        def update(self, key_states: Any, value_states: Any, layer_idx: int, *args: Any,
                   **kwargs: Any) -> tuple[Any, Any]:  # fmt: skip
            while len(self.held) <= layer_idx:
                self.held.append(Layer(prefix[len(self.held)] if prefix else None, room))
            self.held[layer_idx].append(key_states, value_states)
            return key_states, value_states

        def get_seq_length(self, layer_idx: int = 0) -> int:
            shared = prefix[0][0].shape[1] if prefix else 0
            return shared + (self.held[layer_idx].length if len(self.held) > layer_idx else 0)

        def prepare(self, new: int) -> None:
            """Make the mask for `new` tokens to come: [L, 1, new, own length], or None."""
            length = (self.held[0].length if self.held else 0) + new
            self.mask = _mask(self.pad, new, length)

        def adopt(self, other: Any, lines: Any, width: int) -> None:
            """Take over the lines of another cache of the same prefix, as `lines` of these."""
            for at, layer in enumerate(other.held):
                while len(self.held) <= at:
                    self.held.append(Layer(prefix[at] if prefix else None, room))
                self.held[at].adopt(layer, lines, len(self.pad), width)

        def keep(self, lines: Any) -> None:
            self.pad = self.pad[lines]
            moved = (lines != torch.arange(len(lines), device=lines.device)).nonzero()[:, 0]
            for layer in self.held:
                layer.keep(lines, moved)

        @contextmanager
        def lend(self, count: int) -> Iterator[None]:
            """Add `count` lines that nobody reads inside the block; what they hold is anything."""
            pad, self.pad = self.pad, torch.nn.functional.pad(self.pad, (0, count))
            for layer in self.held:
                layer.lines += count
            try:
                yield
            finally:
                self.pad = pad
                for layer in self.held:
                    layer.lines -= count

        def fork(self, lines: Any) -> None:
            self.pad = torch.cat([self.pad, self.pad[lines]])
            for layer in self.held:
                layer.fork(lines)

    return SharedPrefixCache()


_current = threading.local()  # `cache`: that of this thread's forward pass under way


def joint_attention(
    module: Any, query: Any, key: Any, value: Any, attention_mask: Any, scaling: float = 1.0,
    dropout: float = 0.0, **options: Any,
) -> tuple[Any, None]:  # fmt: skip
    """Attend to the shared prefix and to the line's own stretch with one softmax.

    query: [L, Hq, T, D]; returns [L, T, Hq, D]. Raises UnsupportedArchitecture for an
    attention with soft caps, sinks, biases or windows.
    """
    cache = getattr(_current, "cache", None)
    if attention_mask is not None or cache is None:
        raise UnsupportedArchitecture("a mask of its own")
    for name in _UNSUPPORTED:
        if options.get(name) is not None:
            raise UnsupportedArchitecture(name)
    layer = cache.held[module.layer_idx]
    own_keys, own_values = layer.own()
    lines, heads, new, width = query.shape
    groups = own_keys.shape[1]
    query = (query * scaling).reshape(lines, groups, heads // groups * new, width)
    scores = (query @ own_keys.transpose(2, 3)).float()
    if cache.mask is not None:
        scores += cache.mask.repeat(1, 1, heads // groups, 1)
    if layer.shared is None:
        out = scores.softmax(dim=-1).to(query.dtype) @ own_values
    else:
        out = _join(query, scores, own_values, *layer.shared)
    out = out.reshape(lines, heads, new, width)
    return out.transpose(1, 2).contiguous(), None


def _join(query: Any, own: Any, own_values: Any, keys: Any, values: Any) -> Any:
    """Attend to the prefix [G, P, D] too, for query [L, G, N, D] with own scores [L, G, N, T]."""
    import torch

    lines, groups, count, width = query.shape
    flat = query.transpose(0, 1).reshape(groups, lines * count, width)
    shared = (flat @ keys.transpose(1, 2)).float()  # [G, L N, P]: one product for all lines

    def by_line(x: Any) -> Any:
        return x.view(groups, lines, count, -1).transpose(0, 1)

    top = torch.maximum(own.amax(-1, keepdim=True), by_line(shared.amax(-1, keepdim=True)))
    own.sub_(top).exp_()
    shared.sub_(top.transpose(0, 1).reshape(groups, lines * count, 1)).exp_()
    total = own.sum(-1, keepdim=True) + by_line(shared.sum(-1, keepdim=True))
    out = own.to(query.dtype) @ own_values + by_line(shared.to(query.dtype) @ values)
    return out / total.to(query.dtype)


def _mask(pad_L: Any, new: int, length: int) -> Any:
    """Blanks at the head of a line, and what lies ahead of a token, are not attended."""
    import torch

    padded = bool((pad_L > 0).any())
    if new == 1 and not padded:
        return None
    key_T = torch.arange(length, device=pad_L.device)
    query_N = torch.arange(length - new, length, device=pad_L.device)
    seen = key_T[None, :] <= query_N[:, None]
    if padded:
        # a blank query sees itself, so that its softmax is not empty
        itself = key_T[None, :] == query_N[:, None]
        seen = (seen & (key_T >= pad_L[:, None])[:, None, :]) | itself
    else:
        seen = seen[None]
    mask = torch.zeros(seen.shape, device=pad_L.device)
    return mask.masked_fill_(~seen, float("-inf"))[:, None]


class Switch:
    """Puts `joint_attention` in force in a model while any thread runs it."""

    def __init__(self, model: Any) -> None:
        configs = (getattr(module, "config", None) for module in model.modules())
        self._configs = list({id(c): c for c in configs if c is not None}.values())
        self._before: list[Any] = []
        self._lock = threading.Lock()
        self._inside = 0

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._before = [config._attn_implementation for config in self._configs]
                for config in self._configs:
                    config._attn_implementation_internal = ATTENTION

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                for config, before in zip(self._configs, self._before, strict=True):
                    config._attn_implementation_internal = before


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
        self._start(model, Switch(model))

    def _start(self, model: Any, switch: Switch) -> None:
        self._model = model
        self._switch = switch
        self._cache: Any = None
        self._prefix: list[tuple[Any, Any]] | None = None
        self._known: tuple[Any, tuple[int, ...]] | None = None

    def another(self) -> SharedPrefixRunner:
        """One more runner of the same model, for another thread."""
        runner = object.__new__(SharedPrefixRunner)
        runner._start(self._model, self._switch)
        return runner

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
        width = max(len(prompt) for prompt in prompts)
        lines += -lines % _ROUND
        parts = alike([len(prompt) for prompt in prompts])
        if len(parts) == 1:
            logits, self._cache = self._run_part(prompts, (lines, width + steps), len(prefix))
            return logits
        pad_N = torch.tensor([width - len(prompt) for prompt in prompts], device=device)
        whole = make_cache(self._prefix, pad_N, (lines, width + steps))
        logits_NV = None
        for part in parts:
            members = [prompts[at] for at in part]
            room = (len(part), max(len(prompt) for prompt in members))
            logits, cache = self._run_part(members, room, len(prefix))
            which = torch.tensor(part, device=device)
            whole.adopt(cache, which, width)
            if logits_NV is None:
                logits_NV = logits.new_empty(len(prompts), logits.shape[1])
            logits_NV[which] = logits
        self._cache = whole
        return logits_NV

    def _run_part(
        self, prompts: list[tuple[int, ...]], room: tuple[int, int], before: int
    ) -> tuple[Any, Any]:
        """Run prompts behind a prefix of `before` tokens: last logits [N, V], and their cache."""
        ids_NT, pad_N = left_pad(prompts, self._model.device)
        self._cache = cache = make_cache(self._prefix, pad_N, room)
        position_NT = _arange(ids_NT.shape[1], self._model.device)[None] - pad_N[:, None]
        return self._forward(ids_NT, position_NT.clamp_(min=0) + before), cache

    def step(self, ids_L: Any, position_L: Any) -> Any:
        """Feed one token to each line; return logits [L, V]."""
        import torch

        count = len(ids_L)
        idle = -count % _ROUND if ids_L.device.type == "cpu" else 0
        if not idle:
            return self._forward(ids_L[:, None], position_L[:, None])
        ids_L, position_L = (torch.nn.functional.pad(x, (0, idle)) for x in (ids_L, position_L))
        with self._cache.lend(idle):
            return self._forward(ids_L[:, None], position_L[:, None])[:count]

    def keep(self, lines: Any) -> None:
        """Let all lines go but these, by index."""
        self._cache.keep(lines)

    def fork(self, lines: Any) -> None:
        """Append a copy of each of these lines."""
        self._cache.fork(lines)

    def _run_prefix(self, prefix: tuple[int, ...]) -> list[tuple[Any, Any]]:
        import torch

        ids_1T, pad_1 = left_pad([prefix], self._model.device)
        self._cache = make_cache(None, torch.zeros_like(pad_1), (1, len(prefix)))
        self._forward(ids_1T, _arange(len(prefix), self._model.device)[None])
        return [tuple(x[0] for x in layer.own()) for layer in self._cache.held]

    def _forward(self, ids: Any, positions: Any) -> Any:
        """Run the model with this attention in force, and its own again afterwards."""
        self._cache.prepare(ids.shape[1])
        with self._switch:
            _current.cache = self._cache
            try:
                out = self._model(
                    input_ids=ids, position_ids=positions, past_key_values=self._cache,
                    use_cache=True, logits_to_keep=1,
                )  # fmt: skip
            finally:
                _current.cache = None
        return out.logits[:, -1]


def alike(lengths: list[int]) -> list[list[int]]:
    """Cut prompts of these lengths, longest first, into parts with few blanks to fill up."""
    parts: list[list[int]] = []
    blanks = 0
    for at in sorted(range(len(lengths)), key=lambda at: -lengths[at]):
        blanks += lengths[parts[-1][0]] - lengths[at] if parts else 0
        if not parts or blanks > MOST_BLANKS:
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
