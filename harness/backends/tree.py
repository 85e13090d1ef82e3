"""Which rows still say the same: samples of one prompt are computed once until they part.

A row is one sample of one request. Rows of a request that have drawn the same tokens so
far have the same keys, values and logits, so one line of the batch carries them all. When
their next tokens differ the line forks. A well-trained model at temperature 1 says the
same most of the time, and then five samples cost little more than one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

LEAVE_SHARE = 16  # lines without rows leave together once they are this share of the batch


@dataclass(frozen=True)
class Moves:
    """What the runner must do before the next step.

    keep: the lines that stay, None for all, each where it was or in the place of one that
    leaves; fork: lines of which a copy is appended then; ids: int64 [lines], the token that
    each line is fed.
    """

    keep: Any
    fork: Any
    ids: Any


class Tree:
    """Rows, the lines that carry them, and what the rows have drawn."""

    def __init__(self, source_R: Any, limits_R: Any, stop: frozenset[int]) -> None:
        """source_R: int64 [R], the prompt, and first line, of each row; limits_R: its tokens."""
        import numpy as np

        count, steps = len(source_R), int(limits_R.max())
        self.ids = np.zeros((count, steps), dtype=np.int64)
        self.logprobs = np.zeros((count, steps))
        self.entropies = np.zeros((count, steps))
        self.length = np.zeros(count, dtype=np.int64)
        self.step = 0
        self.prompt_L = np.arange(int(source_R.max()) + 1)  # which prompt a line continues
        self.rows = np.arange(count)  # rows that go on, and the line of each
        self.line = np.array(source_R)
        self._limits = limits_R
        self._stop = np.array(sorted(stop), dtype=np.int64)

    @property
    def done(self) -> bool:
        """Whether no row goes on."""
        return len(self.rows) == 0

    def places(self) -> tuple[Any, int]:
        """Number the rows of each line: return the number of each row, and the most of any."""
        import numpy as np

        order = np.argsort(self.line, kind="stable")
        sorted_line = self.line[order]
        first = np.searchsorted(sorted_line, sorted_line)
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order)) - first
        return place, int(place.max()) + 1

    def record(self, token: Any, logprob: Any, entropy: Any) -> None:
        """Note what every row that goes on has drawn, [rows] each; ended rows leave."""
        import numpy as np

        self.ids[self.rows, self.step] = token
        self.logprobs[self.rows, self.step] = logprob
        self.entropies[self.rows, self.step] = entropy
        self.length[self.rows] = self.step + 1
        self.step += 1
        ended = np.isin(token, self._stop) | (self.step >= self._limits[self.rows])
        self.rows, self.line = self.rows[~ended], self.line[~ended]

    def advance(self) -> Moves:
        """Let lines go that carry no row, fork those whose rows part, and say how."""
        import numpy as np

        alive = np.unique(self.line)
        keep = None
        if (len(self.prompt_L) - len(alive)) * LEAVE_SHARE >= len(self.prompt_L):
            keep = stay_or_replace(alive)
            moved = np.empty_like(self.prompt_L)
            moved[keep] = np.arange(len(keep))
            self.line = moved[self.line]
            self.prompt_L = self.prompt_L[keep]
        lines = len(self.prompt_L)
        token = self.ids[self.rows, self.step - 1]
        pairs, which = np.unique(np.stack([self.line, token]), axis=1, return_inverse=True)
        parent, said = pairs
        new = np.concatenate([[False], parent[1:] == parent[:-1]])  # all but a parent's first
        place = np.where(new, lines + np.cumsum(new) - 1, parent)
        fork = parent[new]
        ids = np.zeros(lines + len(fork), dtype=np.int64)
        ids[place] = said
        self.line = place[which.reshape(-1)]
        self.prompt_L = np.concatenate([self.prompt_L, self.prompt_L[fork]])
        return Moves(keep=keep, fork=fork, ids=ids)


def stay_or_replace(alive: Any) -> Any:
    """What the first len(alive) places hold then: what they held, or one alive from behind.

    alive: int64, ascending.
    """
    import numpy as np

    sources = np.arange(len(alive))
    sources[np.setdiff1d(sources, alive)] = alive[alive >= len(alive)]
    return sources
