"""How many answers say nothing or cannot be read, and why; what ended them; where thinking was.

Counts of answers, not rates: the rate of silence with its interval is the metric
`unresponsive` of `stats.rates`. Causes are the grader's (`records.Cause`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.core.records import Verdict

if TYPE_CHECKING:
    import pandas as pd

NOT_RECORDED = "not_recorded"  # the cause of a verdict that an older grader gave
UNDECIDED = "undecided"  # the grader could read it, and nothing decided


@dataclass(frozen=True, kw_only=True)
class Responses:
    """Counts over some answers. `scored` leaves `unscored` out; `thought`: with thinking.

    causes: of the unresponsive ones; unread: of the unscored ones; ended: finish reasons;
    ended_by: texts of end tokens, where known. Most frequent first.
    """

    answers: int
    unresponsive: int
    unscored: int
    thought: int
    causes: dict[str, int]
    unread: dict[str, int]
    ended: dict[str, int]
    ended_by: dict[str, int]

    @property
    def scored(self) -> int:
        """Answers that the grader could read."""
        return self.answers - self.unscored

    @property
    def silent_share(self) -> float:
        """Unresponsive of scored answers; 0 where none was scored."""
        return self.unresponsive / self.scored if self.scored else 0.0

    @property
    def unscored_share(self) -> float:
        """Unscored of all answers; 0 where there is none."""
        return self.unscored / self.answers if self.answers else 0.0

    def to_data(self) -> dict[str, Any]:
        """Plain data for summary.json and gate.json."""
        names = ("answers", "scored", "unresponsive", "unscored", "thought", "causes", "unread",
                 "ended", "ended_by")  # fmt: skip
        return {name: getattr(self, name) for name in names}


def responses(rows: pd.DataFrame) -> Responses:
    """Count the answers of these rows of a verdict table."""
    silent = rows["verdict"] == str(Verdict.UNRESPONSIVE)
    unknown = rows["verdict"] == str(Verdict.UNSCORED)
    return Responses(
        answers=len(rows),
        unresponsive=int(silent.sum()),
        unscored=int(unknown.sum()),
        thought=int(rows["thought"].sum()),
        causes=_counts(rows["cause"][silent], bare=NOT_RECORDED),
        unread=_counts(rows["cause"][unknown], bare=UNDECIDED),
        ended=_counts(rows["finish_reason"]),
        ended_by=_counts(rows["ended_by"]),
    )


def _counts(values: pd.Series, *, bare: str = "") -> dict[str, int]:
    """How often each value stands, most frequent first, then by name; "" under `bare` if any."""
    found = {str(value) or bare: int(n) for value, n in values.value_counts().items() if n}
    found.pop("", None)
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))
