"""Policies of the gate: `fixtures/gates/<name>.toml`, or any file of that form."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from harness.core.errors import SpecError
from harness.core.paths import data_folder
from harness.core.specs import Strict, did_you_mean, load_toml
from harness.stats.rates import METRICS

DEFAULT_POLICY = "release"


class RuleSpec(Strict):
    """One `[[rule]]`: a rate and what bounds it.

    `margin` bounds how far the candidate's rate may be worse than the baseline's: above it,
    or below it where higher is better. `ceiling` bounds the candidate's rate itself from
    above, `floor` from below. Which way is better follows from the metric, and is to be said
    (`higher_is_better`) where that depends on what is wanted. The rate is the macro-average
    over `suites` (all that the metric is about where none is named), or with `each` every
    suite is a rule of its own.
    """

    id: str = Field(pattern=r"^[a-z0-9_]+$")
    title: str = ""
    metric: str
    suites: list[str] = Field(default=[])
    each: bool = False
    margin: float | None = Field(default=None, gt=0, lt=1)
    ceiling: float | None = Field(default=None, gt=0, lt=1)
    floor: float | None = Field(default=None, gt=0, lt=1)
    higher_is_better: bool | None = None
    confidence: float = Field(default=0.95, ge=0.5, lt=1)  # one-sided
    min_clusters: int = Field(default=40, ge=2)
    answers: Literal["sampled", "greedy"] = "sampled"

    @model_validator(mode="after")
    def _check(self) -> RuleSpec:
        if self.metric not in METRICS:
            hint = did_you_mean(self.metric, list(METRICS)) or f"; known: {', '.join(METRICS)}"
            raise ValueError(f"metric: there is no rate '{self.metric}'{hint}")
        if sum(bound is not None for bound in (self.margin, self.ceiling, self.floor)) != 1:
            raise ValueError(f"rule '{self.id}' needs one of margin, ceiling and floor")
        known, said = METRICS[self.metric].higher_is_better, self._said()
        if known is None and said is None:
            raise ValueError(
                f"rule '{self.id}': whether more '{self.metric}' is better depends on what you "
                "want; say higher_is_better = true or false"
            )
        if None not in (known, said) and known != said:
            way = "higher" if known else "lower"
            other = "a floor, or a margin" if known else "a ceiling, or a margin"
            raise ValueError(
                f"rule '{self.id}': of '{self.metric}' {way} is better; give it {other} "
                "without higher_is_better"
            )
        return self

    def _said(self) -> bool | None:
        """The direction that the rule itself states. Raises ValueError where it states two."""
        if self.margin is not None:
            return self.higher_is_better
        implied = self.floor is not None
        if self.higher_is_better not in (None, implied):
            bound = "ceiling" if self.ceiling is not None else "floor"
            raise ValueError(
                f"rule '{self.id}': a {bound} and higher_is_better = "
                f"{str(self.higher_is_better).lower()} contradict each other"
            )
        return implied

    @property
    def upwards(self) -> bool:
        """Whether higher is better."""
        known = METRICS[self.metric].higher_is_better
        return bool(self._said() if known is None else known)

    @property
    def kind(self) -> str:
        """What bounds the rate: "margin", "ceiling" or "floor"."""
        return next(k for k in ("margin", "ceiling", "floor") if getattr(self, k) is not None)

    @property
    def bound(self) -> float:
        """What the estimate is held against: the margin with its sign, the ceiling, the floor."""
        value = float(getattr(self, self.kind))
        return -value if self.kind == "margin" and self.upwards else value


class PolicySpec(Strict):
    """A policy: all of its rules must pass, and enough must have been said to judge by.

    `max_unresponsive`, `max_unscored`: the largest shares of a run's answers that say nothing,
    and that the grader cannot read, with which a gate still decides.
    """

    title: str = Field(min_length=1)
    about: str = ""
    max_unresponsive: float = Field(default=0.3, gt=0, le=1)
    max_unscored: float = Field(default=0.3, gt=0, le=1)
    rule: list[RuleSpec] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> PolicySpec:
        names = [rule.id for rule in self.rule]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"rule: the id '{twice[0]}' is given twice")
        return self


def load_policy(ref: str | Path) -> PolicySpec:
    """The policy of a shipped name or of a file.

    Raises SpecError for a name or a file that is not there, or a file that is no policy.
    """
    folder = data_folder("fixtures") / "gates"
    path = Path(ref)
    if path.suffix != ".toml":
        known = sorted(one.stem for one in folder.glob("*.toml"))
        if str(ref) not in known:
            hint = did_you_mean(str(ref), known) or f"; shipped: {', '.join(known)}"
            raise SpecError(f"there is no policy '{ref}'{hint}; or name a .toml file")
        path = folder / f"{ref}.toml"
    return load_toml(path, PolicySpec)
