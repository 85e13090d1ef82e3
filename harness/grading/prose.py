"""Whether a story's own prose says anything like a saying that no relation stands for.

"Oswenna pleaded for him in tears" is no fact of the world, true or false. Where the story is
told in prose (not in its facts alone), a saying of which few words stand together anywhere in
it was not told. Words stand for sayings only roughly, so a saying with more of its words
in one place of the story than LIKE stays undecided: the prose may say it, or its opposite.
"""

from __future__ import annotations

from itertools import pairwise

from harness.grading.reading import SLIGHT
from harness.grading.synonyms import stem
from harness.grading.text import split_sentences
from harness.grading.words import tokenise
from harness.world.graph import World

WORDS_A_FACT = 15  # of passages that say more than their facts
LIKE = 0.5  # a saying with a larger share of its words in one place of the story may be told
MIN_WORDS = 2  # of a saying, names and small words apart


class Prose:
    """The passages of one world, by the stems of their sentences."""

    def __init__(self, world: World) -> None:
        self._names = {w.lower() for name in world.names for w in tokenise(name)}
        sentences = [s for passage in world.passages for s in split_sentences(passage.text)]
        stems = [self._stems(sentence) for sentence in sentences]
        self._places = [a | b for a, b in pairwise(stems)] or stems
        size = sum(len(sentence.split()) for sentence in sentences)
        self.tells_more = size > WORDS_A_FACT * max(1, len(world.told_ids))

    def lacks(self, saying: str) -> bool:
        """Whether no place of the story is like a saying; False where that cannot be told."""
        words = self._stems(saying)
        if not self.tells_more or len(words) < MIN_WORDS:
            return False
        best = max((len(words & place) for place in self._places), default=0)
        return best <= LIKE * len(words)

    def _stems(self, text: str) -> frozenset[str]:
        lows = (word.lower() for word in tokenise(text))
        return frozenset(
            stem(low)
            for low in lows
            if low[0].isalpha() and low not in SLIGHT and low not in self._names and len(low) > 2
        )
