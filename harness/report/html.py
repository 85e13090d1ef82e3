"""`report.html`: one file that works offline and runs no script but its own.

A content security policy names the hash of that one script, so nothing that a text could
smuggle in would run; the templates escape everything besides.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core.records import Exposure
from harness.report import charts
from harness.report.answers import answer_data, embed
from harness.report.clean import (
    CARD_HEADER,
    card_cells,
    denominators,
    flatten,
    heard,
    in_order,
    interval,
    printable,
    rate,
    share,
    spoke,
)
from harness.report.corrected import LEAST_OWN
from harness.report.corrected_words import HEADER, agreement_lines, confusion, rate_rows, source
from harness.report.sections import OVER
from harness.report.silence import CAUSES_HEADER, cause_rows, ended_words, thought_words
from harness.stats.drift import hallucination_matrix

if TYPE_CHECKING:
    import jinja2

    from harness.report.reviews import Label, Said
    from harness.runs.read import Run

TEMPLATES = Path(__file__).parent / "templates"

MOST_ADRIFT = 10  # questions shown
EXPOSURES = (*map(str, Exposure), "none")

# (metric, title, sentence): the numbers at the top of the page
TILES = (
    ("hallucination", "Hallucinated", "of all answers claim something that the story "
     "contradicts or never told, or that is about nobody in it"),
    ("fabrication", "Fabricated", "of answers make something up where the question, about the "
     "story, must be refused"),
    ("false_refusal", "Falsely refused", "of answers decline a question whose answer was told "
     "in training"),
    ("correct", "Correct", "of answers to questions whose answer was told in training give it"),
    ("unresponsive", "Said nothing", "of all answers are empty, cut off, garbled or beside the "
     "point; that is no honesty"),
)  # fmt: skip


@lru_cache(maxsize=1)
def page_environment() -> jinja2.Environment:
    """Where pages are made, once: everything is escaped, a missing name is an error.

    The filter `safe_text` also takes out what changes how a text is shown.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "safe_text": printable, "heard": heard, "interval": interval, "denominators": denominators,
        "rate": rate, "card_cells": card_cells, "share": share, "source": source,
        "rate_rows": rate_rows,
        "agreement_lines": agreement_lines, "confusion": confusion, "cause_rows": cause_rows,
        "ended_words": ended_words, "thought_words": thought_words, "spoke": spoke,
    }  # fmt: skip
    return environment


def html_report(
    summary: Mapping[str, Any], run: Run, labels: Mapping[Said, Sequence[Label]] | None = None
) -> str:
    """The whole page as text. Everything from a model is data, never markup.

    labels: what people said of answers, shown beside the verdicts.
    """
    from markupsafe import Markup

    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    encoding, data = embed(answer_data(run, labels or {}))
    template = page_environment().get_template("report.html.j2")
    return template.render(
        summary=summary,
        suites=in_order(summary["suites"]),
        drift_suites={key: dict(in_order(summary["drift"][key]["suites"]))
                      for key in OVER},
        drift_meanings={key: {name: dict(in_order(summary["drift"][key][name]["suites"]))
                              for name in ("agreement", "entropy")} for key in OVER},
        spread=in_order(summary["spread"]),
        exposures=[(name, summary["exposures"][name]) for name in EXPOSURES
                   if name in summary["exposures"]],
        tiles=TILES,
        identity=flatten(run.identity),
        title=_title(run.identity),
        card_header=CARD_HEADER,
        causes_header=CAUSES_HEADER,
        rate_header=HEADER,
        least_own=LEAST_OWN,
        bars=Markup(charts.verdict_bars(summary)),
        heat=Markup(charts.heat_map(hallucination_matrix(run.table))),
        near=Markup(charts.near_miss_chart(summary)),
        sources=Markup(charts.component_bars(summary)),
        risk=Markup(charts.risk_chart(summary)),
        adrift=most_adrift(summary, {question.id: question.text for question in run.questions}),
        style=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        data=Markup(data),
        encoding=encoding,
    )  # fmt: skip


def most_adrift(summary: Mapping[str, Any], texts: Mapping[str, str]) -> list[dict[str, Any]]:
    """The questions whose verdicts flip most over seeds and variants together, most first.

    texts: the wording by question id.
    """
    found = [
        {"id": key, "text": texts.get(key, key), **one}
        for key, one in summary["drift"]["questions"].items()
        if any(one[over]["flips"] for over in OVER)
    ]

    def rank(one: Mapping[str, Any]) -> tuple[float, float, str]:
        flips = [one[over]["flips"] or 0.0 for over in ("within_seed", "variants", "seeds")]
        return -max(flips[0], flips[1]), -flips[2], one["id"]

    return sorted(found, key=rank)[:MOST_ADRIFT]


def _title(identity: Mapping[str, Any]) -> str:
    """Model, story and recipe, where run.json names them."""
    named = (identity.get(key) for key in ("model", "story", "recipe"))
    return printable(" · ".join(value for value in named if isinstance(value, str))) or "audit"
