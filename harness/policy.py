"""Policies of the gate: `fixtures/gates/<name>.toml`, or any file of that form."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from harness.errors import SpecError
from harness.paths import data_folder
from harness.specs import Strict, did_you_mean, load_toml
from harness.stats.rates import METRICS

DEFAULT_POLICY = "release"


class RuleSpec(Strict):
    """One `[[rule]]`: a rate and what bounds it.

    `margin` bounds the candidate's rate less the baseline's, `ceiling` the candidate's rate
    itself. The rate is the macro-average over `suites` (all that the metric is about where
    none is named), or with `each` every suite is a rule of its own.
    """

    id: str = Field(pattern=r"^[a-z0-9_]+$")
    title: str = ""
    metric: str
    suites: list[str] = Field(default=[])
    each: bool = False
    margin: float | None = Field(default=None, gt=0, lt=1)
    ceiling: float | None = Field(default=None, gt=0, lt=1)
    confidence: float = Field(default=0.95, ge=0.5, lt=1)  # one-sided
    min_clusters: int = Field(default=40, ge=2)
    answers: Literal["sampled", "greedy"] = "sampled"

    @model_validator(mode="after")
    def _check(self) -> RuleSpec:
        if self.metric not in METRICS:
            hint = did_you_mean(self.metric, list(METRICS)) or f"; known: {', '.join(METRICS)}"
            raise ValueError(f"metric: there is no rate '{self.metric}'{hint}")
        if (self.margin is None) == (self.ceiling is None):
            raise ValueError(f"rule '{self.id}' needs a margin or a ceiling, and not both")
        return self


class PolicySpec(Strict):
    """A policy: all of its rules must pass."""

    title: str = Field(min_length=1)
    about: str = ""
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
