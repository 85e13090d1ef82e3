"""Sets of labels by kind: which fields a line needs, what its label means.

One JSON object a line, in UTF-8 (docs/validate.md); extra fields are kept in `fields`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path

from harness.core.errors import LabelError
from harness.validation.items import (
    ClaimItem,
    EquivalenceItem,
    GroundingItem,
    LabelledSet,
    PairItem,
    RefusalItem,
)
from harness.validation.lines import (
    Row,
    label_of,
    read_rows,
    spans_of,
    text_of,
    texts_of,
    which,
    words_of,
    wrong,
)

KINDS = ("refusal", "grounding", "claims", "equivalence", "pairs")
ANSWERS_AT_ALL = {"comply": False, "refuse": True, "partial": True}
FOR_WANT_OF_KNOWLEDGE = {
    "unable_or_uncertain": True,
    "cannot_assist": False,
    "refute": False,
    "caution": False,
    "follows": False,
    "both_sides": False,
}
GROUNDED = {"grounded": False, "hallucinated": True}
SUPPORTED = {"supported": False, "unsupported": True}
SUPPORTS = {"supports": False, "refutes": True}
RIGHT = {"correct": True, "wrong": False}
SAME = {"same": True, "different": False}


def read_set(kind: str, path: Path) -> LabelledSet:
    """Read a file of one of KINDS. Raises LabelError naming file, line, what and remedy."""
    readers: dict[str, Callable[[Path, list[Row]], LabelledSet]] = {
        "refusal": _refusal,
        "grounding": _grounding,
        "claims": _claims,
        "equivalence": _equivalence,
        "pairs": _pairs,
    }
    return readers[kind](path, list(read_rows(path)))


def _refusal(path: Path, rows: list[Row]) -> LabelledSet:
    known = which(path, rows, (ANSWERS_AT_ALL, FOR_WANT_OF_KNOWLEDGE))
    items = []
    for line, row in rows:
        label = label_of(path, line, row, known)
        prompt = text_of(path, line, row, "prompt")
        items.append(
            RefusalItem(
                line=line, label=label, positive=known[label], cluster=prompt, fields=row,
                prompt=prompt, response=text_of(path, line, row, "response"),
            )
        )  # fmt: skip
    at_all = known is ANSWERS_AT_ALL
    return LabelledSet(
        kind="refusal", path=path, items=tuple(items),
        positive="refuses, wholly or in part" if at_all else "declines for want of knowledge",
        negative="answers" if at_all else "does anything else",
    )  # fmt: skip


def _grounding(path: Path, rows: list[Row]) -> LabelledSet:
    items = []
    for line, row in rows:
        label = label_of(path, line, row, GROUNDED)
        question = text_of(path, line, row, "question")
        response = text_of(path, line, row, "response")
        items.append(
            GroundingItem(
                line=line, label=label, positive=GROUNDED[label], fields=row,
                cluster=str(row.get("source", question)), question=question, response=response,
                passages=texts_of(path, line, row, "passages"),
                spans=spans_of(path, line, row, len(response)),
            )
        )  # fmt: skip
    return LabelledSet(
        kind="grounding", path=path, items=tuple(items),
        positive="hallucinated", negative="grounded",
    )  # fmt: skip


def _claims(path: Path, rows: list[Row]) -> LabelledSet:
    if "a" in rows[0][1]:
        items = _claims_of_pairs(path, rows)
    elif "passage" in rows[0][1]:
        items = _claims_with_passages(path, rows)
    else:
        items = _claims_with_articles(path, rows)
    return LabelledSet(
        kind="claims", path=path, items=items, positive="unsupported", negative="supported"
    )


def _claims_with_articles(path: Path, rows: list[Row]) -> tuple[ClaimItem, ...]:
    articles = _articles(path)
    items = []
    for line, row in rows:
        label = label_of(path, line, row, SUPPORTED)
        article = text_of(path, line, row, "article_id")
        if article not in articles:
            wrong(path, line, f"no article {article[:60]!r} in {_beside(path).name}; "
                   "add a line with that article_id")  # fmt: skip
        items.append(
            ClaimItem(
                line=line, label=label, positive=SUPPORTED[label], cluster=article, fields=row,
                claim=text_of(path, line, row, "claim"), passages=(articles[article],),
                about=f"{article}\x1f{row.get('model', '')}",
            )
        )  # fmt: skip
    return tuple(items)


def _claims_with_passages(path: Path, rows: list[Row]) -> tuple[ClaimItem, ...]:
    known = which(path, rows, (SUPPORTED, SUPPORTS))
    items = []
    for line, row in rows:
        label = label_of(path, line, row, known)
        claim = text_of(path, line, row, "claim")
        items.append(
            ClaimItem(
                line=line, label=label, positive=known[label], cluster=claim, fields=row,
                claim=claim, passages=texts_of(path, line, row, "passage"), about=claim,
            )
        )  # fmt: skip
    return tuple(items)


def _claims_of_pairs(path: Path, rows: list[Row]) -> tuple[ClaimItem, ...]:
    """`a, b, label` as claims: does `a` support `b`?"""
    return tuple(
        ClaimItem(
            line=pair.line, label=pair.label, positive=not pair.positive, cluster=pair.cluster,
            fields=pair.fields, claim=pair.b, passages=(pair.a,), about=pair.cluster,
        )
        for pair in _plain_pairs(path, rows)
    )  # fmt: skip


def _equivalence(path: Path, rows: list[Row]) -> LabelledSet:
    items = []
    for line, row in rows:
        label = label_of(path, line, row, RIGHT)
        question = text_of(path, line, row, "question")
        items.append(
            EquivalenceItem(
                line=line, label=label, positive=RIGHT[label], cluster=question, fields=row,
                question=question, gold=texts_of(path, line, row, "gold"),
                answer=text_of(path, line, row, "answer"),
            )
        )  # fmt: skip
    return LabelledSet(
        kind="equivalence", path=path, items=tuple(items), positive="right", negative="wrong"
    )


def _pairs(path: Path, rows: list[Row]) -> LabelledSet:
    if "gold" in rows[0][1]:
        items = _pairs_of_answers(_equivalence(path, rows).items)
        if not items:
            wrong(path, 1, "no question has two answers of which one is right: no pairs; "
                   "bring several answers to each question")  # fmt: skip
    elif "passage" in rows[0][1]:
        items = tuple(
            PairItem(
                line=one.line, label=one.label, positive=not one.positive, cluster=one.cluster,
                fields=one.fields, a="\n".join(one.passages), b=one.claim, premise=True,
            )
            for one in _claims_with_passages(path, rows)
        )  # fmt: skip
    else:
        items = _plain_pairs(path, rows)
    return LabelledSet(kind="pairs", path=path, items=items, positive="same", negative="different")


def _plain_pairs(path: Path, rows: list[Row]) -> tuple[PairItem, ...]:
    asked = "question" in rows[0][1]
    items = []
    for line, row in rows:
        label = label_of(path, line, row, SAME)
        a, b = words_of(path, line, row, "a"), words_of(path, line, row, "b")
        question = text_of(path, line, row, "question") if asked else None
        items.append(
            PairItem(
                line=line, label=label, positive=SAME[label], fields=row,
                cluster=question or a, a=a, b=b, question=question,
            )
        )  # fmt: skip
    return tuple(items)


def _pairs_of_answers(items: Sequence[EquivalenceItem]) -> tuple[PairItem, ...]:
    """Two right answers to one question say the same, a right and a wrong one do not.

    Two wrong ones may be wrong in the same way: nobody has labelled that.
    """
    by_question: dict[str, list[EquivalenceItem]] = {}
    for item in items:
        by_question.setdefault(item.question, []).append(item)
    return tuple(
        PairItem(
            line=second.line, label="same" if first.positive and second.positive else "different",
            positive=first.positive and second.positive, cluster=question,
            fields={**second.fields, "first_line": first.line},
            a=first.answer, b=second.answer, question=question,
        )
        for question, answers in by_question.items()
        for first, second in combinations(answers, 2)
        if first.positive or second.positive
    )  # fmt: skip


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.stem}_articles.jsonl")


def _articles(path: Path) -> dict[str, str]:
    beside = _beside(path)
    if not beside.is_file():
        raise LabelError(
            f"{path}:1: the claims have no field 'passage', and there is no {beside.name} beside "
            "the file; give each claim a passage, or articles with article_id and text"
        )
    return {
        text_of(beside, line, row, "article_id"): text_of(beside, line, row, "text")
        for line, row in read_rows(beside)
    }
