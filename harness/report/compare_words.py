"""What the reports of a comparison share: numbers of compare.json put in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.report.clean import in_order, share
from harness.report.silence import MOSTLY
from harness.stats.rates import OF_RESPONDED

METRICS = ("hallucination", "hallucination_of_responded", "hallucinated_of_answered", "answered",
           "unresponsive", "unscored", "refused", "correct", "fabrication",
           "false_refusal")  # fmt: skip
SHOWN_FLIPS = 20  # of each kind in Markdown; compare.json has them all


def signed(found: Mapping[str, Any]) -> str:
    """Such as "-0.09 [-0.11, -0.07]"."""
    if found["difference"] is None:
        return "–"
    return f"{found['difference']:+.3f} [{found['low']:+.3f}, {found['high']:+.3f}]"


def p_value(value: float | None) -> str:
    """Such as "0.012", "< 0.001", or a dash."""
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def rate(value: float | None) -> str:
    """Such as "0.123", or a dash."""
    return "–" if value is None else f"{value:.3f}"


def verdict(found: Mapping[str, Any], higher_is_better: bool | None = None) -> str:
    """What the difference shows, in a word or two; better or worse where there is such a thing."""
    if found["difference"] is None:
        return "nothing paired"
    p = found.get("holm", found["p"])
    if p is not None and p < 0.05:
        shown = "more" if found["difference"] > 0 else "less"
        within = f", within ±{found['margin']:g}" if found["equivalent"] else ""
        if higher_is_better is None:
            return f"{shown} in the second{within}"
        good = (found["difference"] > 0) == higher_is_better
        return f"second {BETTER if good else WORSE} ({shown}){within}"
    if found["equivalent"]:
        return f"equal within ±{found['margin']:g}"
    return "undecided"


BETTER, WORSE = "better", "worse"
ALL = "all suites"


def rows(data: Mapping[str, Any], kind: str, metric: str, place: str) -> list[tuple[str, ...]]:
    """The lines of a metric's table; place: "suites" (with all of them), "variants", "overall".

    A rate that falls because a side falls silent there is not called better.
    """
    metrics = data["differences"][kind]

    def there(name: str) -> dict[str, Any]:
        found = metrics.get(name, {})
        if place == "variants":
            return dict(found.get("variants", {}))
        suites = in_order(found.get("suites", {})) if place == "suites" else []
        return {**dict(suites), **({ALL: found["overall"]} if found else {})}

    way = data["metrics"][metric]["higher_is_better"]
    quiet, spoken = there("unresponsive"), there(f"{metric}{OF_RESPONDED}")
    lowered = way is False and f"{metric}{OF_RESPONDED}" in data["metrics"]
    return [
        row(name, found, way, quiet=quiet.get(name),
            but=_but(found, quiet.get(name), spoken.get(name)) if lowered else None)
        for name, found in there(metric).items()
    ]  # fmt: skip


def _but(
    found: Mapping[str, Any], quiet: Mapping[str, Any] | None, spoken: Mapping[str, Any] | None
) -> str | None:
    """What to say in place of better or worse, where silence lowers the rate."""
    if quiet and max(quiet["first"] or 0, quiet["second"] or 0) > MOSTLY:
        return "too little is said"
    better = side_of(verdict(found, higher_is_better=False)) == BETTER
    if better and (not spoken or spoken["high"] is None or spoken["high"] >= 0):
        return "less, only by saying less"
    return None


def row(
    name: str,
    found: Mapping[str, Any],
    higher_is_better: bool | None = None,
    *,
    quiet: Mapping[str, Any] | None = None,
    but: str | None = None,
) -> tuple[str, ...]:
    """One line of a table of differences.

    quiet: the difference in silence of the same answers; but: said in place of the verdict.
    """
    return (
        name,
        f"{found['pairs']:,}",
        f"{found['clusters']:,}",
        rate(found["first"]),
        rate(found["second"]),
        signed(found),
        p_value(found.get("holm", found["p"])),
        rate(found["detectable"]),
        f"{share(quiet['first'])}, {share(quiet['second'])}" if quiet else "–",
        but or verdict(found, higher_is_better),
    )


def side_of(so: str) -> str:
    """Whether a row's last cell says "better" or "worse" of the second side, or nothing."""
    return next((side for side in (BETTER, WORSE) if so.startswith(f"second {side}")), "")


HEADER = ("", "pairs", "clusters", "first", "second", "second less first", "p", "detectable",
          "said nothing", "so")  # fmt: skip
MEANING = (
    "Pairs: the same question in the same variant, samples averaged; 95% intervals over "
    "clusters (the entities asked about). p: no difference, two-sided; of the suites after "
    "Holm's correction. detectable: the smallest true difference that this comparison finds "
    "with 80% power. said nothing: share of the answers of first and second there. better, "
    "worse: by what the rate is of. equal within: both one-sided tests "
    "at 5% (the 90% interval lies inside)."
)


def flip_lines(data: Mapping[str, Any]) -> list[str]:
    """How many answers flipped, beside what chance alone flips."""
    flips = data["flips"]
    if not flips:
        return []
    lines = []
    for kind, title in (("greedy", "Greedy answers"), ("majority", "Majority of the samples")):
        found = flips[kind]
        if found["rate"]["n"]:
            lines.append(
                f"{title}: {len(found['became'])} became hallucinations, "
                f"{len(found['stopped'])} stopped being, of {found['rate']['n']:,}; "
                f"flip rate {_interval(found['rate'])}."
            )
    if flips["halves"]:
        halves = flips["halves"]
        lines.append(
            f"Half of the samples against half: {_interval(halves['between'])} of the calls "
            f"flip between the two, {_interval(halves['first'])} within the first alone, "
            f"{_interval(halves['second'])} within the second alone."
        )
    return lines


def time_lines(data: Mapping[str, Any]) -> list[str]:
    """Drift over time, beside what sampling alone gives."""
    found = data["over_time"]
    if not found:
        return []
    between, within, excess = (_mean(found[key]) for key in ("between", "within", "excess"))
    low = found["excess"]["low"]
    said = (
        "more than sampling alone gives: the model's answers have drifted"
        if low is not None and low > 0
        else "no more than sampling alone gives"
    )
    return [
        f"Drift over time: verdicts of two samples differ {between} of the time across the "
        f"audits and {within} within one; the excess is {excess}: {said}."
    ]


COMPONENTS_HEADER = ("component", "first", "share", "second", "share")
COMPONENTS_MEANING = (
    "Variance components of the 0/1 indicator of hallucination, sampled answers, mean over "
    "suites; 95% intervals over clusters of questions for these very training seeds. Few "
    "seeds show little of the spread between seeds."
)


def component_rows(data: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The components of both sides, training seed first; empty where each has one seed."""
    sides_ = [(data.get("components") or {}).get(side) for side in ("first", "second")]
    parts = [side["overall"]["components"] if side and side["overall"] else {} for side in sides_]
    names = list(dict.fromkeys(name for part in parts for name in part))
    return [
        (name, *(cell for part in parts for cell in _component(part.get(name)))) for name in names
    ]


def _component(found: Mapping[str, Any] | None) -> tuple[str, str]:
    if found is None:
        return "–", "–"
    interval = f"{found['variance']:.4f} [{found['low']:.4f}, {found['high']:.4f}]"
    return interval, f"{found['share']:.0%}"


def _interval(found: Mapping[str, Any]) -> str:
    if found["rate"] is None:
        return "–"
    return f"{found['rate']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"


def _mean(found: Mapping[str, Any]) -> str:
    if found["value"] is None:
        return "–"
    if found["low"] is None:
        return f"{found['value']:.3f}"
    return f"{found['value']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"


def sides(data: Mapping[str, Any]) -> list[str]:
    """Which runs stand on which side."""
    return [
        f"{side}: {data[side]['name']} ({', '.join(run['path'] for run in data[side]['runs'])})"
        for side in ("first", "second")
    ]


def left_out(found: Mapping[str, Any]) -> str:
    """What has no partner."""
    lost = found["left_out"]
    return (
        f"{lost['unpaired']:,} cells without a partner and {lost['unscored']:,} without an "
        "answer that counts on both sides are left out"
    )
