"""The shape of `summary.json`: every number of a run, with its unit and its denominator.

`read_summary` reads one, and refuses by name what another version of Bordor wrote. Its JSON schema
is docs/summary.schema.json (`python docs/schema.py`).

METRIC is an id of `Summary.metrics`; KIND is "sampled" (the headline), "greedy" or "control" (the
base without its adapter, greedy); SUITE, VARIANT and VERDICT are names. Where a mapping has no
entry, nothing was counted there. Schema 1 had no `responses`, counted answers that say nothing
among the honest ones, and knew fewer rates.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.core.errors import StoreError
from harness.core.records import what_is_wrong
from harness.runs.layout import SUMMARY
from harness.runs.store import RunFolder

SCHEMA = 2
Kind = Literal["sampled", "greedy", "control"]
Share = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Rate(_Part):
    """A share of answers (or of pairs, or of requests) with its 95% limits."""

    rate: Share | None = Field(description="events / n; null where nothing was counted")
    low: Share | None = Field(description="lower 95% limit, over clusters")
    high: Share | None = Field(description="upper 95% limit, over clusters")
    events: int = Field(description="the numerator")
    n: int = Field(description="the denominator")
    clusters: int = Field(description="entities asked about, the units of the statistics")
    unscored: int = Field(description="left out because the grader could not tell")
    suites: int | None = Field(
        default=None,
        description="of a macro-average: how many suites it averages",
    )


Rates = dict[str, Rate]  # by METRIC
ByKind = dict[Kind, Rates]


class Counts(_Part):
    """How much was asked and answered."""

    questions: int
    clusters: int = Field(description="entities asked about")
    variants: int
    samples: int = Field(description="drawn answers of each prompt")
    sampled: int = Field(description="drawn answers of the model")
    greedy: int = Field(description="greedy answers of the model")
    control: int = Field(description="greedy answers of the base without its adapter")
    floor: int = Field(description="greedy answers repeated in other batches")
    unscored: int = Field(description="answers of the model that the grader could not tell")


class Metric(_Part):
    """What a rate means."""

    title: str
    meaning: str = Field(description="events / denominator, in one sentence")
    higher_is_better: bool | None = Field(description="null: it depends on what is wanted")


class SuiteResponses(_Part):
    """How many answers of a suite say something."""

    answers: int
    scored: int
    unresponsive: int = Field(description="say nothing")
    unscored: int
    causes: dict[str, int] = Field(description="of the unresponsive, by CAUSE")
    unread: dict[str, int] = Field(description="of the unscored, by CAUSE")


class Responses(SuiteResponses):
    """How many answers say something, why the others do not, and what ended them."""

    thought: int = Field(description="answers with which thinking came")
    ended: dict[str, int] = Field(description="answers by finish reason")
    ended_by: dict[str, int] = Field(description="answers by end token")
    suites: dict[str, SuiteResponses]


class Suite(_Part):
    """The rates of one suite."""

    questions: int
    clusters: int
    sampled: Rates
    greedy: Rates
    control: Rates
    verdicts: dict[Kind, dict[str, int]] = Field(description="answers by KIND and VERDICT")


class Measure(_Part):
    """A measure of disagreement: over all suites, and by suite."""

    overall: Rate = Field(description="n counts pairs of answers; of entropy, sets of answers")
    suites: Rates = Field(description="by SUITE")


class Entropy(Measure):
    """Semantic entropy: rate is the share of the greatest possible, ln n."""

    mean_nats: float | None
    nats: dict[str, float | None] = Field(description="mean by SUITE, in nats")


class Drift(Measure):
    """Pairs of answers to one question whose verdicts differ (flips)."""

    agreement: Measure = Field(description="pairs of answers that say the same")
    entropy: Entropy


class QuestionFlips(_Part):
    """How often answers to one question differ; null where there is no pair."""

    flips: float | None
    agreement: float | None
    entropy: float | None = Field(description="nats")


class QuestionDrift(_Part):
    """The same for one question."""

    suite: str
    seeds: QuestionFlips
    variants: QuestionFlips
    within_seed: QuestionFlips


class Drifts(_Part):
    """How far answers to one question disagree."""

    seeds: Drift = Field(description="over samples of one prompt")
    variants: Drift = Field(description="over variants, greedy")
    within_seed: Drift = Field(description="over variants, sampled")
    questions: dict[str, QuestionDrift] = Field(description="by question id")


class NoiseFloor(_Part):
    """Greedy requests repeated in other batches: the share that differs; n counts requests."""

    tokens: Rate
    meaning: Rate
    verdict: Rate


class ByChance(_Part):
    """The spread of variants that chance alone would give."""

    median: float | None
    p95: float | None


class Spread(_Part):
    """How far the hallucination rate of a suite depends on the variant."""

    worst: str
    best: str
    spread: float | None = Field(description="rate of the worst less that of the best")
    by_chance: ByChance
    p: float | None
    rates: dict[str, float | None] = Field(description="by VARIANT")
    questions: int


class Component(_Part):
    """A component of the variance of the 0/1 indicator of hallucination."""

    variance: float | None
    low: float | None
    high: float | None
    share: float | None = Field(description="of all components")


class Components(_Part):
    """Where the variance comes from, sampled answers."""

    components: dict[str, Component]
    answers: int
    questions: int
    clusters: int
    levels: dict[str, int] = Field(description="by factor")


class AllComponents(_Part):
    """Over all suites, and by suite."""

    overall: Components | None
    suites: dict[str, Components]


class Headline(_Part):
    """The one number to remember; without a rate where most answers say nothing."""

    sentence: str
    suite: str
    kind: Kind
    silent: bool = False
    rate: Share | None = None
    low: Share | None = None
    high: Share | None = None
    events: int | None = None
    n: int | None = None
    clusters: int | None = None
    unscored: int | None = None
    suites: int | None = None
    of_responded: Rate | None = None


class Summary(_Part):
    """`summary.json`."""

    schema_: int = Field(alias="schema", description=f"{SCHEMA}; raised when its meaning changes")
    identity: dict[str, Any] = Field(description="run.json without its times")
    grader: str = Field(description="all versions that graded, with commas between")
    graders: list[dict[str, Any]] = Field(
        description="how the graders did on labelled sets: grader, kind, set, n, clusters, figures "
        "with intervals, whether they were fitted on it, date"
    )
    calibration: str = Field(description="whether people's labels stand behind the rates")
    counts: Counts
    metrics: dict[str, Metric]
    responses: dict[Literal["sampled", "greedy", "control", "audited"], Responses] = Field(
        description="by KIND; audited: all but the control"
    )
    suites: dict[str, Suite]
    overall: ByKind = Field(description="macro-averages over suites")
    variants: dict[str, ByKind] = Field(description="by VARIANT, macro-averages over suites")
    grid: dict[str, dict[str, Rates]] = Field(description="by SUITE and VARIANT, sampled answers")
    exposures: dict[str, ByKind] = Field(description="by exposure of the question's facts")
    distances: dict[str, ByKind] = Field(description="near misses, by edit distance")
    drift: Drifts
    noise_floor: NoiseFloor | None
    spread: dict[str, Spread] = Field(description="by SUITE, of hallucination")
    components: AllComponents
    signals: dict[str, Any] = Field(
        description="warning signals: about {SIGNAL: {title, meaning}}, not_recorded [name], and "
        "by KIND and SIGNAL n, events, clusters, missing, auroc and aurc {value, low, high}, the "
        "curve [[coverage, risk, low, high]], thresholds"
    )
    corrected: dict[str, Any] | None = Field(
        description="rates corrected by people's labels: run, same_run, grader, labels, people, "
        "method, overall, kinds, suites, agreement, between; null where nobody labelled any"
    )
    headline: Headline
    warnings: list[str] = Field(description="what to know before a number is trusted")


def check_shape(summary: dict[str, Any]) -> None:
    """Raise ValueError naming the key, where plain data are not a summary of this version."""
    try:
        Summary.model_validate(summary)
    except ValidationError as error:
        raise ValueError(what_is_wrong(error)) from None


def read_summary(run: RunFolder) -> dict[str, Any]:
    """What a run's summary.json says, of this version's shape.

    Raises DamageError when it is not as written, StoreError when another version wrote it.
    """
    found = run.read_json(SUMMARY)
    said = found.get("schema") if isinstance(found, dict) else None
    if isinstance(said, int) and said != SCHEMA:
        raise StoreError(
            f"{run.path / SUMMARY}: schema {said}, and this version of bordor reads {SCHEMA}: "
            "write it anew with 'bordor report RUN'"
        )
    try:
        check_shape(found)
    except ValueError as error:
        raise run.damaged(SUMMARY, f"damaged: {error}") from None
    return dict(found)
