"""What answers mean, and discrete semantic entropy: how many meanings answers are spread over.

Two answers to one question mean the same when their verdicts are equal and they make the
same claims (subject, relation, object); all refusals mean the same; where the grader could
not read every claim whole, the words decide (normalised as SQuAD does; Rajpurkar et al.
2016). A function that judges equivalence can be given besides; it merges meanings as
Farquhar et al. 2024 (Nature 630, 625-630) do with bidirectional entailment: greedily, each
against the first member of every meaning found so far, in both directions.

Discrete semantic entropy is the entropy, in nats, of the shares of the meanings among the
answers to one question (ibid., "discrete semantic entropy": no token probabilities). With
n answers it lies between 0 and ln n, and it is biased downwards for few answers, so only
entropies over equally many answers compare; shares of ln n are reported beside nats.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from harness.core.records import GradedAnswer, Question, Verdict

if TYPE_CHECKING:
    import numpy as np

# Does answer `b` to the question say what answer `a` says? (question text, a, b)
Equivalent = Callable[[str, str, str], bool]

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation + "“”‘’«»…–—")


def meaning_of(graded: GradedAnswer, text: str) -> str:
    """A label that two answers to one question share when they mean the same.

    text: what the model said, used where the claims do not tell everything.
    """
    if graded.verdict is Verdict.REFUSED:
        return str(Verdict.REFUSED)
    said = {(claim.subject, claim.relation, claim.object, claim.negated) for claim in graded.claims}
    if said and all(None not in claim for claim in said):
        return f"{graded.verdict} claims {sorted(said, key=str)}"
    return f"{graded.verdict} words {normalised(text)}"


def normalised(text: str) -> str:
    """Lower case, no punctuation, no articles, single spaces."""
    words = unicodedata.normalize("NFKC", text).casefold().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", words).split())


def meaning_codes(
    graded: Sequence[GradedAnswer],
    texts: Sequence[str],
    asked: Sequence[Question],
    *,
    equivalent: Equivalent | None = None,
) -> np.ndarray:
    """Int codes [answers], equal for answers to one question that mean the same.

    graded, texts, asked: the verdict, text and question of each answer. The codes do not
    depend on the order of the answers.
    """
    import numpy as np
    import pandas as pd

    known: dict[str, str] = {}  # one copy of each label: a million answers say few things
    labels = []
    for one, text in zip(graded, texts, strict=True):
        label = meaning_of(one, text)
        labels.append(known.setdefault(label, label))
    if equivalent is not None:
        labels = _merged(labels, graded, texts, asked, equivalent)
    codes, _ = pd.factorize(np.asarray(labels, dtype=object), sort=True)
    return codes.astype(np.int64)


def _merged(
    labels: list[str],
    graded: Sequence[GradedAnswer],
    texts: Sequence[str],
    asked: Sequence[Question],
    equivalent: Equivalent,
) -> list[str]:
    """The labels after merging, within each question and verdict, those that are equivalent."""
    found: dict[tuple[str, str], dict[str, str]] = {}  # by question and verdict: label, text
    wording: dict[str, str] = {}
    for label, one, text, question in zip(labels, graded, texts, asked, strict=True):
        members = found.setdefault((question.id, str(one.verdict)), {})
        members[label] = min(members.get(label, text), text)
        wording[question.id] = question.text
    merged: dict[tuple[str, str], str] = {}
    for (question_id, _), members in found.items():
        firsts: list[str] = []
        for label in sorted(members):
            same = (
                first
                for first in firsts
                if equivalent(wording[question_id], members[first], members[label])
                and equivalent(wording[question_id], members[label], members[first])
            )
            home = next(same, label)
            if home == label:
                firsts.append(label)
            merged[question_id, label] = home
    return [merged[question.id, label] for label, question in zip(labels, asked, strict=True)]


def semantic_entropy(counts: np.ndarray, cell: np.ndarray, *, cells: int) -> np.ndarray:
    """Discrete semantic entropy in nats of every cell [cells]; NaN for a cell without answers.

    counts: int [meanings], answers that share a meaning; cell: int codes [meanings], the
    cell that each of these belongs to.
    """
    import numpy as np

    totals = np.bincount(cell, weights=counts, minlength=cells)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = counts / totals[cell]
        entropy = np.bincount(cell, weights=-share * np.log(share), minlength=cells)
    return np.where(totals > 0, np.maximum(entropy, 0.0), np.nan)
