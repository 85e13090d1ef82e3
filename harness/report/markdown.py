"""`report.md`: the numbers of a run for a pull request or a log."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.report.clean import (
    CARD_HEADER,
    area,
    card_cells,
    denominators,
    flatten,
    heard,
    heard_rate,
    in_full,
    in_order,
    interval,
    printable,
    share,
    spoke,
)
from harness.report.corrected_words import HEADER, agreement_lines, confusion, rate_rows, source
from harness.report.silence import CAUSES_HEADER, cause_rows, ended_words, thought_words

# What GitHub's and other viewers link without any mark: GFM's autolinks, its references to
# people, issues and commits, and the bare names of hosts and files that linkify finds.
_LINKED = re.compile(
    r"://|www\.|[^\W_]\.[^\W\d_]{2}|@|#\w|\bgh-\d|\b[0-9a-f]{7,40}\b"
    r"|\b(?:mailto|xmpp|javascript|vbscript|data|file|tel):",
    re.IGNORECASE,
)
_MARKS = re.compile(r"(\]\(|[<>|&])")  # stand outside code: inside a backslash would be shown
_TICKS = re.compile(r"`+")
# The start of a list, a task, a footnote or a heading's underline.
_LISTED = re.compile(r"^(\d{0,9})([.)](?=\s|$)|[-+=](?=[-+=]*(?:\s|$))|\[)")
KEPT = ("hallucinated_of_answered", "unresponsive", "correct")  # a mute model has these
COLUMNS = ("hallucination", "hallucinated_of_answered", "refused", "unresponsive", "correct")
_SPECIAL = str.maketrans({char: f"\\{char}" for char in "\\`*_<>|~$@&#"})


def markdown_report(summary: Mapping[str, Any]) -> str:
    """The whole report as GitHub-flavoured Markdown; names and identity are escaped."""
    headline = summary["headline"]
    parts = [
        "# What the model makes up",
        f"**{escape(headline['sentence'])}.**"
        + (f" {headline['suite']}, {headline['kind']}: {denominators(headline)}."
           if "n" in headline else ""),
        *(f"> **Warning.** {escape(warning)}" for warning in summary["warnings"]),
        "## Suites",
        "Hallucinated, refused and said nothing: of all scored answers; of answered: hallucinated "
        "of hallucinated or grounded; correct: of scored answers to "
        "questions whose answer was told in training. Sampled answers, with 95% intervals over "
        "clusters (the entities asked about); greedy and base (the model without its adapter) "
        "are one greedy answer each, hallucinated.",
        _suites(summary),
        *_responses(summary),
        *_corrected(summary),
        "## Overall",
        _overall(summary),
        "## Variants",
        "Macro-average over suites, sampled answers.",
        _variants(summary),
        *_distances(summary),
        *_drift(summary),
        *_signals(summary),
        "## Run",
        _table(("key", "value"), flatten(summary["identity"])),
        f"Grader: {escape(summary['grader'])}, {escape(summary['calibration'])}.",
        *_graders(summary),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Text that Markdown shows as it is, on one line, and of which no viewer makes a link.

    Words that viewers link by themselves (addresses, mentions, numbers of issues, hashes of
    commits) stand as code: they see through a backslash, but into code they do not look.
    """
    words = (_MARKS.split(word) for word in printable(text).split())
    line = " ".join("".join(map(_shown, word)) for word in words)
    return _LISTED.sub(r"\1\\\2", line)


def _shown(part: str) -> str:
    """A part of a word as code where a viewer would make a link of it, else as plain text."""
    if not _LINKED.search(part):
        return part.translate(_SPECIAL).replace("](", "]\\(").replace("]:", "]\\:")
    fence = "`" * (max(map(len, _TICKS.findall(part)), default=0) + 1)
    blank = " " if part.startswith("`") or part.endswith("`") else ""
    return f"{fence}{blank}{part}{blank}{fence}"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    cells = [[escape(cell) for cell in row] for row in (header, *rows)]
    lines = [cells[0], ["---"] * len(header), *cells[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _graders(summary: Mapping[str, Any]) -> list[str]:
    if not summary["graders"]:
        return []
    return [
        "How far the graders agreed with answers that people labelled, with 95% intervals:",
        _table(CARD_HEADER, map(card_cells, summary["graders"])),
    ]


def _corrected(summary: Mapping[str, Any]) -> list[str]:
    found = summary["corrected"]
    if not found:
        return []
    header, rows = confusion(found["agreement"]["table"]) if found["agreement"] else ((), [])
    return [
        "## Corrected by people's labels",
        escape(f"By {source(found)}.") + " Where it cannot be corrected, it says why.",
        _table(HEADER, rate_rows(found)),
        *(escape(f"{line}.") for line in agreement_lines(found)),
        *([_table(header, rows)] if rows else []),
    ]


def _responses(summary: Mapping[str, Any]) -> list[str]:
    found = summary["responses"]["audited"]
    rows = cause_rows(found)
    return [
        "## Answers that say nothing",
        escape(f"{found['unresponsive']:,} of {found['scored']:,} scored answers of the model, "
               f"sampled and greedy, say nothing. {thought_words(found)} "
               f"Ended by: {ended_words(found)}."),
        *([_table(CAUSES_HEADER, rows)] if rows else []),
    ]  # fmt: skip


def _suites(summary: Mapping[str, Any]) -> str:
    header = ("suite", "questions", "clusters", "answers", "unscored", "hallucinated",
              "of answered", "refused", "said nothing", "correct", "greedy", "base")  # fmt: skip
    rows = []
    for name, suite in in_order(summary["suites"]):
        found = suite["sampled"]
        first = found.get("hallucination") or {"n": 0, "unscored": 0}
        rows.append((
            name, str(suite["questions"]), str(suite["clusters"]), str(first["n"]),
            str(first["unscored"]), interval(heard(found, "hallucination")),
            interval(found.get("hallucinated_of_answered")), interval(heard(found, "refused")),
            interval(found.get("unresponsive")), interval(found.get("correct")),
            heard_rate(suite["greedy"]),
            heard_rate(suite["control"]),
        ))  # fmt: skip
    return _table(header, rows)


def _overall(summary: Mapping[str, Any]) -> str:
    rows = [
        (f"{summary['metrics'][metric]['title']}, {kind}", in_full(found),
         summary["metrics"][metric]["meaning"])
        for kind, metrics in summary["overall"].items()
        for metric, found in metrics.items()
    ]  # fmt: skip
    for name, meaning in (
        ("seeds", "Pairs of sampled answers to one prompt whose verdicts differ."),
        ("variants", "Pairs of variants whose greedy answers to one question differ in verdict."),
    ):
        found = summary["drift"][name]["overall"]
        rows.append((f"drift over {name}", in_full(found, of="pairs"), meaning))
    for name, found in (summary["noise_floor"] or {}).items():
        meaning = "The same greedy requests in other batches: share that came out otherwise."
        rows.append((f"noise floor, {name}", in_full(found, of="requests"), meaning))
    return _table(("rate", "macro-average over suites", "meaning"), rows)


def _variants(summary: Mapping[str, Any]) -> str:
    rows = []
    for name, kinds in summary["variants"].items():
        found = kinds.get("sampled", {})
        cells = (interval(found.get(m) if m in KEPT else heard(found, m)) for m in COLUMNS)
        rows.append((name, *cells, heard_rate(kinds.get("greedy", {}), show=interval)))
    header = ("variant", "hallucinated", "of answered", "refused", "said nothing", "correct",
              "greedy hallucinated")  # fmt: skip
    return _table(header, rows)


def _distances(summary: Mapping[str, Any]) -> list[str]:
    if not summary["distances"]:
        return []
    rows = [
        (distance, *(_told_in_full(kinds.get(kind, {})) for kind in ("sampled", "greedy")))
        for distance, kinds in summary["distances"].items()
    ]  # fmt: skip
    return [
        "## False acceptance by name similarity",
        "Near misses: names of nobody, this many letters away from a real one; share of "
        "answers that are made up.",
        _table(("letters changed", "sampled", "greedy"), rows),
    ]


def _told_in_full(metrics: Mapping[str, Any]) -> str:
    """A rate of invention in full, with the share that responded where not all did."""
    parts = (in_full(heard(metrics, "hallucination")), spoke(metrics))
    return ", ".join(part for part in parts if part)


def _drift(summary: Mapping[str, Any]) -> list[str]:
    drift, floor = summary["drift"], summary["noise_floor"]
    rows = [
        (title, in_full(found["overall"], of="pairs"),
         in_full(found["agreement"]["overall"], of="pairs"),
         f"{in_full(found['entropy']['overall'], of='sets')}; "
         f"{share(found['entropy']['mean_nats'])} nats")
        for title, found in (("seeds", drift["seeds"]), ("variants, greedy", drift["variants"]),
                             ("variants, sampled", drift["within_seed"]))
    ]  # fmt: skip
    if floor:
        rows.append(("noise floor", in_full(floor["verdict"], of="requests"), "–",
                     in_full(floor["meaning"], of="requests")))  # fmt: skip
    parts = [
        "## Drift",
        "Macro-averages over suites. Flips: pairs of answers to one question whose verdicts "
        "differ; agreement: pairs that mean the same; semantic entropy: as a share of its "
        "greatest value. Every question's own figures stand in summary.json.",
        _table(("over", "flips", "agreement", "semantic entropy"), rows),
    ]
    if summary["spread"]:
        parts += ["Worst and best variant by hallucination rate, and the spread that shuffled "
                  "variants show.", _spread(summary["spread"])]  # fmt: skip
    sources = summary["components"]["overall"]
    if sources:
        suites = summary["components"]["suites"]
        header = ("suite", *sources["components"])
        lines = [(name, *(f"{part['share']:.0%}" for part in one["components"].values()))
                 for name, one in in_order(suites)]  # fmt: skip
        lines.append(("all suites", *(
            f"{part['share']:.0%}: {part['variance']:.4f} [{part['low']:.4f}, {part['high']:.4f}]"
            for part in sources["components"].values())))  # fmt: skip
        parts += ["Where the variance of hallucinated, yes or no, comes from (sampled answers).",
                  _table(header, lines)]  # fmt: skip
    return parts


def _spread(spread: Mapping[str, Any]) -> str:
    rows = [
        (name, f"{one['worst']} {share(one['rates'][one['worst']])}",
         f"{one['best']} {share(one['rates'][one['best']])}", share(one["spread"]),
         f"{share(one['by_chance']['median'])} (95%: {share(one['by_chance']['p95'])})",
         f"{one['p']:.3f}")
        for name, one in in_order(spread)
    ]  # fmt: skip
    return _table(("suite", "worst", "best", "spread", "by chance", "p"), rows)


def _signals(summary: Mapping[str, Any]) -> list[str]:
    section = summary["signals"]
    found = section.get(summary["headline"]["kind"]) or {}
    if not found:
        return []
    targets = [at["target"] for at in next(iter(found.values()))["thresholds"]]
    rows = [
        (section["about"][name]["title"], area(one["auroc"]), area(one["aurc"]),
         *(_held_back(at) for at in one["thresholds"]))
        for name, one in found.items()
    ]  # fmt: skip
    header = ("signal", "AUROC", "area under risk against coverage",
              *(f"kept under {target:.0%}" for target in targets))  # fmt: skip
    return [
        "## Warning signals",
        f"How well each tells hallucinated answers apart ({summary['headline']['kind']} answers, "
        "suites pooled), and the hallucination rate among the answers kept at the threshold "
        "chosen for a target: chosen on one half of the entities, shown on the other. Not "
        f"recorded, so not judged: {', '.join(section['not_recorded'])}.",
        _table(header, rows),
    ]


def _held_back(at: Mapping[str, Any]) -> str:
    if at["shown"] is None:
        return "no threshold"
    kept, coverage = at["shown"]["kept"], at["shown"]["coverage"]
    return f"{interval(kept)}, {coverage['rate']:.1%} of answers kept"
