"""The engine's cache: keys and values held once for all, once a prompt, and once a line.

A layer keeps three segments: the prefix that all prompts of a batch share, what follows it
in each prompt, and what each line has generated since. Lines of one prompt fork without
copying the prompt; prompts of like length lie in one group with few blanks among them.
"""

from __future__ import annotations

from typing import Any

from harness.backends.tree import LEAVE_SHARE, stay_or_replace

Pair = tuple[Any, Any]  # keys and values


class Layer:
    """One layer's segments. All own ones lie in buffers with room for what is to come.

    shared: [G, P, D] or None; groups: for each group of prompts [N, G, T, D]; the lines' own:
    [lines, G, length, D].
    """

    def __init__(self, shared: Pair | None) -> None:
        self.shared = shared
        self.groups: list[Pair] = []
        self.length = 0
        self._buffers: list[Any] = []

    def own(self, lines: int) -> Pair:
        """Keys and values that the lines have generated, as views."""
        keys, values = (b[:lines, :, : self.length] for b in self._buffers)
        return keys, values

    def append(self, keys: Any, values: Any, room: tuple[int, int]) -> None:
        """Add a token [lines, G, 1, D] to each line; room: the most lines, and tokens of one."""
        lines, groups, _, width = keys.shape
        if not self._buffers:
            self._buffers = [x.new_empty((room[0], groups, room[1], width)) for x in (keys, values)]
        for buffer, new in zip(self._buffers, (keys, values), strict=True):
            buffer[:lines, :, self.length : self.length + 1] = new
        self.length += 1

    def move(self, places: Any, sources: Any) -> None:
        """Let the lines at `places` hold what those at `sources` hold."""
        for buffer in self._buffers:
            buffer[places, :, : self.length] = buffer[sources, :, : self.length]

    def compact(self, group: int, places: Any, sources: Any, count: int) -> None:
        """Move prompts of a group as lines are moved, and let all behind the first `count` go."""
        pair = self.groups[group]
        for held in pair:
            held[places] = held[sources]
        self.groups[group] = (pair[0][:count], pair[1][:count])


class Group:
    """Prompts of like length: how many, their blanks, and the slots of their lines.

    slot: int64 [N · S], for each prompt the S lines that continue it, line 0 where there is
    none; mask: [N, 1, 1, T] that hides the blanks, or None.
    """

    def __init__(self, pad_N: Any, width: int) -> None:
        self.count = len(pad_N)
        self.mask = _blanks(pad_N, width)
        self.slots = 1
        self.slot: Any = None

    def compact(self, places: Any, sources: Any, count: int) -> None:
        """As `Layer.compact`."""
        self.count = count
        if self.mask is not None:
            self.mask[places] = self.mask[sources]
            self.mask = self.mask[:count]


class SegmentedCache:
    """The segments of all layers, and which prompt each line continues.

    mask: in a prefill [N, 1, T, T], which hides blanks and what is ahead; None in a step.
    """

    def __init__(self, prefix: list[Pair] | None, room: tuple[int, int]) -> None:
        import numpy as np

        self._prefix, self._room = prefix, room
        self.held: list[Layer] = []
        self.groups: list[Group] = []
        self.mask: Any = None
        self.stepping = False
        self.place: Any = None  # int64 [lines], where the groups' slots hold each line
        self._prompt = np.zeros(0, dtype=np.int64)  # [lines], numbered over all groups

    def update(self, key_states: Any, value_states: Any, layer_idx: int, *args: Any,
               **kwargs: Any) -> Pair:  # fmt: skip
        """Take over the keys and values [L, G, T, D] of a layer; transformers calls it."""
        while len(self.held) <= layer_idx:
            self.held.append(Layer(self._prefix[len(self.held)] if self._prefix else None))
        layer = self.held[layer_idx]
        if self.stepping:
            layer.append(key_states, value_states, self._room)
        else:
            layer.groups.append((key_states.contiguous(), value_states.contiguous()))
        return key_states, value_states

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Tokens that the longest line holds, blanks included; transformers calls it."""
        shared = self._prefix[0][0].shape[1] if self._prefix else 0
        if not self.stepping:
            return shared
        layer = self.held[layer_idx]
        return shared + max(keys.shape[2] for keys, _ in layer.groups) + layer.length

    def add_group(self, pad_N: Any, width: int) -> None:
        """Make ready for a prefill of prompts with `pad_N` (int64 [N]) blanks on the left."""
        self.groups.append(Group(pad_N, width))
        self.mask = _causal(pad_N, width)

    def begin(self, order: Any) -> None:
        """Begin to step: line `order[n]` continues the n-th prompt over all groups."""
        import numpy as np

        self.stepping, self.mask = True, None
        self._prompt = np.empty(len(order), dtype=np.int64)
        self._prompt[order] = np.arange(len(order))
        self._arrange()

    def keep(self, lines: Any) -> None:
        """Let all lines go but these, by index; each where it was or in another's place."""
        import numpy as np

        places = (lines != np.arange(len(lines))).nonzero()[0]
        self._move(places, lines[places])
        self._prompt = self._prompt[lines]
        self._compact()
        self._arrange()

    def fork(self, lines: Any) -> None:
        """Append a copy of each of these lines."""
        import numpy as np

        self._move(len(self._prompt) + np.arange(len(lines)), lines)
        self._prompt = np.concatenate([self._prompt, self._prompt[lines]])
        self._arrange()

    def _move(self, places: Any, sources: Any) -> None:
        import torch

        if len(places) and self.held[0].length:
            device = self.held[0].groups[0][0].device
            to, of = (torch.from_numpy(x).to(device) for x in (places, sources))
            for layer in self.held:
                layer.move(to, of)

    def _compact(self) -> None:
        """Let prompts without lines go where they have become many."""
        import numpy as np
        import torch

        renumber = np.zeros(sum(group.count for group in self.groups), dtype=np.int64)
        begin = done = 0
        for at, group in enumerate(self.groups):
            end = begin + group.count
            alive = np.unique(self._prompt[(self._prompt >= begin) & (self._prompt < end)])
            order = np.arange(group.count)
            if (group.count - len(alive)) * LEAVE_SHARE >= group.count:
                order = stay_or_replace(alive - begin)
                places = (order != np.arange(len(order))).nonzero()[0]
                device = self.held[0].groups[at][0].device
                to, of = (torch.from_numpy(x).to(device) for x in (places, order[places]))
                for layer in self.held:
                    layer.compact(at, to, of, len(order))
                group.compact(to, of, len(order))
            renumber[begin + order] = done + np.arange(len(order))
            begin, done = end, done + len(order)
        self._prompt = renumber[self._prompt]

    def _arrange(self) -> None:
        """Give every line a slot of its prompt."""
        import numpy as np
        import torch

        device = self.held[0].groups[0][0].device
        order = np.argsort(self._prompt, kind="stable")
        ordered = self._prompt[order]
        nth = np.arange(len(order)) - np.searchsorted(ordered, ordered)  # of its prompt
        place = np.empty(len(order), dtype=np.int64)
        begin = taken = 0
        for group in self.groups:
            first, last = np.searchsorted(ordered, (begin, begin + group.count))
            group.slots = int(nth[first:last].max(initial=0)) + 1
            at = (ordered[first:last] - begin) * group.slots + nth[first:last]
            slot = np.zeros(group.count * group.slots, dtype=np.int64)
            slot[at] = order[first:last]
            group.slot = torch.from_numpy(slot).to(device)
            place[order[first:last]] = taken + at
            begin, taken = begin + group.count, taken + len(slot)
        self.place = torch.from_numpy(place).to(device)


def make_cache(prefix: list[Pair] | None, room: tuple[int, int]) -> Any:
    """Return a cache for prompts behind a prefix, and for lines that continue them.

    It looks like a transformers cache; `joint_attention` reads its layers. prefix: for every
    layer keys and values [G, P, D], or None for none; room: the most lines, and tokens in a
    line, to come.
    """
    from transformers.cache_utils import Cache

    class StretchCache(SegmentedCache, Cache):
        def __init__(self) -> None:
            Cache.__init__(self, layers=[])
            SegmentedCache.__init__(self, prefix, room)

    return StretchCache()


def _blanks(pad_N: Any, width: int) -> Any:
    """A mask [N, 1, 1, T] that hides each prompt's blanks, or None where there are none."""
    import torch

    if not bool((pad_N > 0).any()):
        return None
    key_T = torch.arange(width, device=pad_N.device)
    mask = torch.zeros(len(pad_N), width, device=pad_N.device)
    return mask.masked_fill_(key_T < pad_N[:, None], float("-inf"))[:, None, None]


def _causal(pad_N: Any, width: int) -> Any:
    """Blanks at the head of a line, and what lies ahead of a token, are not attended."""
    import torch

    key_T = torch.arange(width, device=pad_N.device)
    seen = key_T[None, :] <= key_T[:, None]
    if bool((pad_N > 0).any()):
        # a blank query sees itself, so that its softmax is not empty
        itself = key_T[None, :] == key_T[:, None]
        seen = (seen & (key_T >= pad_N[:, None])[:, None, :]) | itself
    else:
        seen = seen[None]
    mask = torch.zeros(seen.shape, device=pad_N.device)
    return mask.masked_fill_(~seen, float("-inf"))[:, None]
