"""How English a word looks, by its letters: whether some rare English word might be spelt so.

Runs of four letters, counted over the encoder's word list. It tells a rare word that the list
lacks ("synovial") from letters put together by a model that is too small ("ctidec"), roughly: of
the rare words that occur twice or more in 5,815 real answers (EVOUNA) four in five pass.
"""

from __future__ import annotations

import math
from collections import Counter
from functools import lru_cache

from harness.encoder.embedding import vocabulary

RUN = 4  # letters that are looked at together
LETTERS = 28  # that can follow, the end of a word included
PRIOR = 0.1  # count given to every run, seen or not
PLAUSIBLE = -3.1  # mean log probability of a letter, from which a word may be English
MIN_PART = 4  # letters of the parts of a compound

_BEFORE = ("un", "re", "dis", "in", "im", "non", "pre", "sub", "over", "mis", "inter", "out")
_AFTER = (
    "ation", "ations", "ology", "ologist", "ist", "ists", "ism", "ity", "ities", "ment", "ments",
    "ous", "al", "ally", "ic", "ical", "ive", "able", "ably", "ible", "ise", "ize", "ised", "ized",
    "ising", "izing", "ish", "ship", "hood", "like", "wards", "ingly", "edly", "ian", "er", "ers",
    "or", "ors", "ess", "iness", "ier", "iest", "ily", "y", "ies", "ied",
)  # fmt: skip


@lru_cache(maxsize=1)
def _runs() -> tuple[Counter[str], Counter[str]]:
    runs: Counter[str] = Counter()
    starts: Counter[str] = Counter()
    for word in sorted(vocabulary()):
        if len(word) >= RUN:
            for run in _runs_of(word):
                runs[run] += 1
                starts[run[:-1]] += 1
    return runs, starts


def _runs_of(word: str) -> list[str]:
    padded = "^" * (RUN - 1) + word + "$"
    return [padded[i : i + RUN] for i in range(len(padded) - RUN + 1)]


def looks_english(low: str) -> bool:
    """Whether a lower-case word's letters follow each other as in English.

    >>> looks_english("horologist"), looks_english("tcidqu")
    (True, False)
    """
    runs, starts = _runs()
    logs = [
        math.log((runs[run] + PRIOR) / (starts[run[:-1]] + PRIOR * LETTERS))
        for run in _runs_of(low)
    ]
    return sum(logs) / len(logs) >= PLAUSIBLE


def is_derived(low: str) -> bool:
    """Whether a word is made of English ones: "inhaling", "unridden", "clockmaker".

    Only endings and beginnings that the lexicon does not know, and compounds of two words of
    MIN_PART letters or more.
    """
    known = vocabulary()
    bases = {low[: -len(end)] for end in _AFTER if low.endswith(end)}
    bases |= {base + silent for base in bases for silent in ("e", "y", "t")}
    bases |= {low[len(start) :] for start in _BEFORE if low.startswith(start)}
    if any(len(base) >= MIN_PART and base in known for base in bases):
        return True
    cuts = range(MIN_PART, len(low) - MIN_PART + 1)
    return any(low[:cut] in known and low[cut:] in known for cut in cuts)
