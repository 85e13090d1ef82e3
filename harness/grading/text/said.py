"""What of a model's text every grader reads: the answer, without thinking and without dress.

One function for all of them (world, refusal, evidence, equivalence, logs), so that an answer
means the same to each. The text itself is kept as it came in the run.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from harness.grading.text.dress import undress
from harness.grading.text.thinking import split_thinking


@dataclass(frozen=True, kw_only=True)
class Said:
    """An answer as it is graded.

    `text`: without thinking and dress, "" where nothing else came; `thinking`: what was taken
    off as such; `closed`: whether that ended.
    """

    text: str
    thinking: str
    closed: bool

    @property
    def thought(self) -> bool:
        """Whether the model thought aloud."""
        return bool(self.thinking) or not self.closed

    @property
    def only_thought(self) -> bool:
        """Whether there was thinking, and no answer."""
        return self.thought and not self.text.strip()


@lru_cache(maxsize=20_000)
def said(text: str) -> Said:
    """What of `text` is graded. Never raises."""
    split = split_thinking(text)
    return Said(text=undress(split.answer), thinking=split.thinking, closed=split.closed)
