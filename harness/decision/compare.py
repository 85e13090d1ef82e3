"""The comparison of two audits, from run folders to a report: `compare` reads top to bottom.

Sides are paired by question and variant; a difference is the second side less the first.
Nothing here loads a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core.errors import UsageError
from harness.core.files import make_folder, write_json, write_text
from harness.core.records import Verdict
from harness.core.seeds import content_hash
from harness.report.silence import MOSTLY  # then there is nothing to compare
from harness.runs.layout import slug
from harness.runs.pairing import check_pairable, read_pairable, same_model
from harness.runs.read import Run
from harness.stats import flips as flipped
from harness.stats.paired import holm, rates_of_pairs
from harness.stats.pairs import Pairs, pair_cells
from harness.stats.rates import METRICS, OF_RESPONDED, Metric, about_metrics
from harness.stats.tables import greedy, responded, sampled, scored
from harness.stats.train_seeds import seeded, seeded_macro

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1
DEFAULT_MARGIN = 0.05
FOLDER = "compare"  # under the folder of the runs
HEADLINE, SILENCE = "hallucination", "unresponsive"
SPOKEN = f"{HEADLINE}{OF_RESPONDED}"
KINDS = {"sampled": sampled, "greedy": greedy}


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Where the comparison was written, and what it says (`compare.json`)."""

    folder: Path
    data: dict[str, Any]


def compare(
    first: Sequence[Path],
    second: Sequence[Path],
    *,
    out: Path,
    margin: float = DEFAULT_MARGIN,
    to: Path | None = None,
) -> Comparison:
    """Compare two sides and write compare.json, compare.md and compare.html.

    first, second: run folders; several of a side are adapters of other training seeds.
    margin: of the equivalence statement. out: the folder of the runs; to: where the files
    go, `out`/compare/... where None.
    Raises StoreError for what is no run, PairingError for runs that cannot be paired,
    UsageError for a margin outside 0 to 1 or unequal sides.
    """
    from harness.report.compare_html import compare_html
    from harness.report.compare_markdown import compare_markdown

    if not 0 < margin < 1:
        raise UsageError(f"the margin is {margin}; it is a difference of rates, between 0 and 1")
    if len(first) != len(second):
        raise UsageError(f"one side has {len(first)} runs, the other {len(second)}")
    sides = [read_pairable(path) for path in first], [read_pairable(path) for path in second]
    data = comparison(*sides, margin=margin)
    folder = to or out / FOLDER / _name(*sides, margin)
    make_folder(folder)
    write_json(folder / "compare.json", data)
    write_text(folder / "compare.md", compare_markdown(data))
    write_text(folder / "compare.html", compare_html(data))
    return Comparison(folder=folder, data=data)


def comparison(first: Sequence[Run], second: Sequence[Run], *, margin: float) -> dict[str, Any]:
    """Everything that is compared, as plain data; see docs/compare.md for its keys.

    Raises PairingError when the sides cannot be paired.
    """
    warnings = check_pairable(first, second)
    kinds = [kind for kind in KINDS if _has(kind, [*first, *second])]
    found: dict[str, Any] = {
        "schema": SCHEMA,
        "first": _about(first),
        "second": _about(second),
        "training_seeds": len(first),
        "margin": margin,
        "kind": kinds[0] if kinds else None,
        "metrics": about_metrics(),
        "differences": {
            kind: {
                metric.id: rated
                for metric in METRICS.values()
                if (rated := _differences(kind, metric, first, second, margin=margin))
            }
            for kind in kinds
        },
        "flips": _flips(first[0], second[0]) if len(first) == 1 else None,
        "over_time": _over_time(first, second),
        "components": _components(first, second),
    }
    found["notes"] = _notes(first, second, found)
    found["warnings"] = warnings
    found["headline"] = _headline(found)
    return found


def _has(kind: str, audits: Sequence[Run]) -> bool:
    """Whether every run has scored answers of this kind."""
    tables = (KINDS[kind](audit.verdicts) for audit in audits)
    return all(bool(scored(table).any()) for table in tables)


def _about(side: Sequence[Run]) -> dict[str, Any]:
    names = [str(audit.about.get("model", "?")) for audit in side]
    return {
        "name": names[0] if len(set(names)) == 1 else ", ".join(names),
        "grader": side[0].grader,
        "runs": [
            {
                "path": str(audit.path),
                "model": audit.about.get("model"),
                "started": audit.about.get("started"),
                "command": audit.about.get("command"),
                "sampling": audit.about.get("sampling"),
                "identity": audit.model,
            }
            for audit in side
        ],
    }


def _differences(
    kind: str,
    metric: Metric,
    first: Sequence[Run],
    second: Sequence[Run],
    *,
    margin: float,
) -> dict[str, Any] | None:
    """One metric by suite (Holm over suites), over all, and by variant over all suites."""
    select = KINDS[kind]
    pairs = pair_cells(
        [select(audit.verdicts) for audit in first],
        [select(audit.verdicts) for audit in second],
        metric,
    )
    if not len(pairs.table):
        return None
    keys, paired = rates_of_pairs(pairs, ["suite"])
    by_suite = holm(seeded(pairs, ["suite"], paired).estimates(margin=margin))
    everything = seeded_macro(pairs, ["suite"], paired, [range(len(keys))])
    return {
        "suites": {key[0]: one.to_data() for key, one in zip(keys, by_suite, strict=True)},
        "overall": everything.estimates(margin=margin)[0].to_data(),
        "variants": _by_variant(pairs, margin=margin),
        "left_out": {"unpaired": pairs.unpaired, "unscored": pairs.unscored},
    }


def _by_variant(pairs: Pairs, *, margin: float) -> dict[str, Any]:
    """The macro-average over suites of every variant."""
    by = ["variant", "suite"]
    keys, paired = rates_of_pairs(pairs, by)
    members: dict[str, list[int]] = {}
    for i, (variant, _) in enumerate(keys):
        members.setdefault(variant, []).append(i)
    found = seeded_macro(pairs, by, paired, list(members.values())).estimates(margin=margin)
    return {name: one.to_data() for name, one in zip(members, found, strict=True)}


def _flips(first: Run, second: Run) -> dict[str, Any]:
    """Answers that became or stopped being hallucinations, and what chance alone flips."""
    found: dict[str, Any] = {}
    for kind, calls in (
        ("greedy", flipped.greedy_flips(first.verdicts, second.verdicts)),
        ("majority", flipped.majority_flips(first.verdicts, second.verdicts)),
    ):
        found[kind] = {
            "rate": calls.rate.to_data(),
            "became": _shown(calls.became, kind, first, second),
            "stopped": _shown(calls.stopped, kind, first, second),
        }
    halves = flipped.half_flips(first.verdicts, second.verdicts)
    found["halves"] = None
    if halves:
        found["halves"] = {name: one.to_data() for name, one in vars(halves).items()}
    return found


def _shown(
    cells: Sequence[flipped.Cell], kind: str, first: Run, second: Run
) -> list[dict[str, Any]]:
    """Question, variant, and one answer of each side that shows its call."""
    rows = [_rows_of(audit.verdicts, kind) for audit in (first, second)]
    sides = [(audit, by_cell) for audit, by_cell in zip((first, second), rows, strict=True)]
    return [
        {
            "suite": cell[0],
            "variant": cell[2],
            "question": first.by_id[cell[1]].text,
            "first": _example(*sides[0], cell),
            "second": _example(*sides[1], cell),
        }
        for cell in cells
    ]


def _rows_of(table: pd.DataFrame, kind: str) -> dict[tuple[str, ...], list[tuple[str, str, int]]]:
    """(verdict, request id, sample) of the answers of every cell that say something, in order."""
    rows = greedy(table) if kind == "greedy" else sampled(table)
    rows = rows[responded(rows)]
    found: dict[tuple[str, ...], list[tuple[str, str, int]]] = {}
    columns = ("suite", "question_id", "variant", "verdict", "request_id", "sample")
    for *cell, verdict, request, sample in zip(*(rows[c].tolist() for c in columns), strict=True):
        found.setdefault(tuple(map(str, cell)), []).append((str(verdict), request, int(sample)))
    return found


def _example(
    audit: Run, by_cell: dict[tuple[str, ...], list[tuple[str, str, int]]], cell: flipped.Cell
) -> dict[str, Any]:
    """The first answer of the cell that is of the majority's kind."""
    answers = by_cell[cell]
    made_up = [verdict == str(Verdict.HALLUCINATED) for verdict, *_ in answers]
    majority = sum(made_up) * 2 > len(made_up)
    verdict, request, sample = answers[made_up.index(majority)]
    return {
        "verdict": verdict,
        "text": audit.texts.get((request, sample), ""),
        "hallucinated": sum(made_up),
        "answers": len(made_up),
    }


def _over_time(first: Sequence[Run], second: Sequence[Run]) -> dict[str, Any] | None:
    """Drift over time, where both sides are one model audited twice."""
    if len(first) > 1 or not same_model(first[0], second[0]) or first[0].path == second[0].path:
        return None
    found = flipped.drift_over_time(first[0].table, second[0].table)
    if found is None:
        return None
    return {name: mean.to_data() for name, mean in vars(found).items()}


def _components(first: Sequence[Run], second: Sequence[Run]) -> dict[str, Any] | None:
    """Variance components of each side with the training seed as a factor; None for one seed."""
    import pandas as pd

    from harness.report.sections import components_section

    if len(first) < 2:
        return None
    return {
        name: components_section(
            pd.concat(
                [
                    sampled(audit.verdicts).assign(train_seed=seed)
                    for seed, audit in enumerate(side)
                ],
                ignore_index=True,
            )
        )
        for name, side in (("first", first), ("second", second))
    }


def _notes(first: Sequence[Run], second: Sequence[Run], found: dict[str, Any]) -> list[str]:
    """What the numbers speak of."""
    notes = []
    n = len(first)
    if n > 1:
        notes.append(
            f"Each side is {n} adapters of {n} training seeds: the intervals speak of the two "
            f"recipes or sizes, with t quantiles on {n - 1} to {2 * n - 2} degrees of freedom."
        )
    elif same_model(first[0], second[0]):
        notes.append("Both runs audited one and the same model: this is drift over time.")
    else:
        notes.append(
            "This compares two checkpoints: one training run each. Whether another training "
            "seed would show the same is not known; --train-seeds tells."
        )
    if n == 1 and first[0].digest() == second[0].digest():
        notes.append("The two runs have the same answers and verdicts, byte for byte.")
    if found["kind"] == "greedy":
        notes.append("There are no sampled answers on both sides: greedy answers are compared.")
    return notes


def _headline(found: dict[str, Any]) -> str:
    """The answer in one sentence."""
    rated = found["differences"].get(found["kind"] or "", {}).get(HEADLINE)
    if not rated:
        return "No question was answered on both sides so that it could be scored."
    metrics = found["differences"][found["kind"]]
    quiet, spoken = metrics[SILENCE]["overall"], metrics.get(SPOKEN, {}).get("overall")
    first, second = (f"{quiet[side]:.0%}" for side in ("first", "second"))
    mute = f"The second says nothing in {second} of its answers, the first in {first}"
    if max(quiet["first"], quiet["second"]) > MOSTLY or spoken is None:
        return f"{mute}: too little is said to compare what they make up."
    whole = rated["overall"]
    but = " only because it says less" if whole["high"] < 0 <= spoken["high"] else ""
    sentence = _less_or_more(whole).replace("hallucinates less:", f"hallucinates less{but}:")
    of_those = (
        f"{spoken['second']:.3f} against {spoken['first']:.3f}, difference "
        f"{spoken['difference']:+.3f} [{spoken['low']:+.3f}, {spoken['high']:+.3f}]"
    )
    return f"{sentence} {mute}; of those that respond: {of_those}."


def _less_or_more(one: dict[str, Any]) -> str:
    """What the difference in hallucination shows."""
    rates = (
        f"{one['second']:.3f} against {one['first']:.3f} over {one['suites']} suites, "
        f"difference {one['difference']:+.3f} [{one['low']:+.3f}, {one['high']:+.3f}]"
    )
    if one["low"] > 0:
        return f"The second hallucinates more: {rates}."
    if one["high"] < 0:
        return f"The second hallucinates less: {rates}."
    if one["equivalent"]:
        return f"They hallucinate equally within ±{one['margin']:g}: {rates}."
    reach = one["detectable"]
    could = "" if reach is None else f"; a true difference of {reach:.3f} would likely have shown"
    return f"No difference is shown: {rates}{could}."


def _name(first: Sequence[Run], second: Sequence[Run], margin: float) -> str:
    names = [slug(str(side[0].about.get("model", "run"))) for side in (first, second)]
    runs = [str(audit.path.name) for audit in (*first, *second)]
    return f"{names[0]}-vs-{names[1]}-{content_hash(*names, *runs, repr(margin))}"
