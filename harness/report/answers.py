"""All answers of a run as compact data for the table in the HTML report.

Texts come from a model and are hostile: they travel as JSON inside a script element of a
type no browser runs, with every character that could end the element escaped, and the
page's own script shows them through textContent only.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.core.records import Cause, Claim, ClaimStatus, GradedAnswer, Verdict
from harness.report.clean import printable
from harness.report.reviews import last_label

if TYPE_CHECKING:
    from harness.report.reviews import Label, Said
    from harness.runs.read import Run

PLAIN_LIMIT_BYTES = 6_000_000  # larger data are gzipped; every browser since 2023 unpacks them
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}
_ESCAPES |= {"\u2028": "\\u2028", "\u2029": "\\u2029"}
KINDS = ("sampled", "greedy", "base")


class _Index:
    """Distinct values in order of first sight, each with its place."""

    def __init__(self) -> None:
        self.place: dict[Any, int] = {}

    def __call__(self, value: Any) -> int:
        return self.place.setdefault(value, len(self.place))

    def values(self) -> list[Any]:
        return list(self.place)


def embed(data: Any) -> tuple[str, str]:
    """`data` as text that is safe inside a script element: (encoding, text).

    Encoding "json", or "gzip" (base64 of gzipped JSON) beyond `PLAIN_LIMIT_BYTES`.
    """
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    raw = text.encode("utf-8", errors="replace")
    if len(raw) > PLAIN_LIMIT_BYTES:
        return "gzip", base64.b64encode(gzip.compress(raw, mtime=0)).decode("ascii")
    for char, escaped in _ESCAPES.items():
        text = text.replace(char, escaped)
    return "json", text.encode("utf-8", errors="replace").decode("utf-8")


def answer_data(run: Run, labels: Mapping[Said, Sequence[Label]] | None = None) -> dict[str, Any]:
    """Every answer but the noise floor's repeats, as columns over shared lists.

    texts: distinct strings. questions: [id, suite, text, gold, must_refuse] with places in
    `suites` and `texts`. claims: [text, status, reason, [facts]]. rows: columns q(uestion),
    v(ariant), k(ind), s(ample), d (verdict), c(orrect), a(nswer), r(eason), l (claims), u (cause,
    a place in `causes`), t(hought), and p(eople), where `labels` holds what people said of
    answers: a place in `people`, or -1.
    people: [verdict given last, [who: what, note]].
    """
    text, suites, variants, claims = _Index(), _Index(), _Index(), _Index()
    causes = ("", *map(str, Cause))
    statuses = tuple(str(status) for status in ClaimStatus)
    verdicts = tuple(str(verdict) for verdict in Verdict)
    said = {(answer.request_id, answer.sample): answer.text for answer in run.answers}
    place = {question.id: i for i, question in enumerate(run.questions)}
    questions = [
        [
            printable(question.id),
            suites(printable(question.suite)),
            text(printable(question.text)),
            text(printable(question.gold)),
            int(question.must_refuse),
        ]
        for question in run.questions
    ]

    evidence = run.source.evidence if run.source else tuple

    def pack(claim: Claim) -> int:
        facts = tuple(text(printable(one)) for one in evidence(claim.fact_ids))
        words = text(printable(claim.text)), text(printable(claim.reason))
        return claims((words[0], statuses.index(str(claim.status)), words[1], facts))

    people, by_answer = _Index(), labels or {}
    columns: dict[str, list[Any]] = {key: [] for key in "qvksdcarlut" + "p" * bool(labels)}
    shown = [one for one in run.graded if one.arm != "floor"]
    for one in sorted(shown, key=lambda one: (place[one.question_id], *_order(one))):
        answer = said.get((one.request_id, one.sample), "")
        row = {
            "q": place[one.question_id],
            "v": variants(printable(one.variant)),
            "k": _kind(one),
            "s": one.sample,
            "d": verdicts.index(str(one.verdict)),
            "c": int(one.correct),
            "a": text(printable(answer)),
            "r": text(printable(one.reason)),
            "l": [pack(claim) for claim in one.claims],
            "u": causes.index(str(one.cause) if one.cause else ""),
            "t": int(bool(one.thought)),
        }
        if labels:
            told = by_answer.get((one.question_id, answer))
            row["p"] = people(_told(told, verdicts)) if told else -1
        for key, value in row.items():
            columns[key].append(value)
    return {
        "suites": suites.values(),
        "variants": variants.values(),
        "verdicts": verdicts,
        "causes": causes,
        "statuses": statuses,
        "kinds": KINDS,
        "questions": questions,
        "claims": claims.values(),
        "texts": text.values(),
        "people": people.values(),
        "rows": columns,
    }


def _told(labels: Sequence[Label], verdicts: Sequence[str]) -> tuple[int, tuple[str, ...]]:
    """The verdict that people gave last, and what each said."""
    lines = tuple(
        printable(f"{one.by}: {one.label}" + (f" ({one.note})" if one.note else ""))
        for one in labels
    )
    return verdicts.index(str(last_label(labels).label)), lines


def _kind(one: GradedAnswer) -> int:
    if one.arm == "base":
        return 2
    return 0 if one.sample else 1


def _order(one: GradedAnswer) -> tuple[str, int, int]:
    return one.variant, _kind(one), one.sample
