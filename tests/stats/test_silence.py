from dataclasses import replace

import numpy as np
import pytest

from harness.core.records import Cause, Verdict
from harness.stats.components import variance_components
from harness.stats.drift import drift_over_seeds, hallucination_matrix, spread_over_variants
from harness.stats.signals import warning_signals
from harness.stats.silence import NOT_RECORDED, UNDECIDED, responses
from harness.stats.tables import sampled, verdict_table


def test_causes_thinking_and_ends_are_counted(question, graded, answer):
    asked = question("q")
    rows = graded(asked, "guuu??")
    causes = (None, Cause.REASONING, Cause.REASONING, None, Cause.CODE, None)
    rows = [
        replace(one, cause=cause, thought=cause is Cause.REASONING or None)
        for one, cause in zip(rows, causes, strict=True)
    ]
    answers = [replace(answer(one), finish_reason="length") for one in rows[:2]]
    answers += [replace(answer(one), ended_by="</s>") for one in rows[2:]]
    found = responses(verdict_table(rows, [asked], answers))
    assert (found.answers, found.scored, found.unresponsive, found.unscored) == (6, 4, 3, 2)
    assert found.causes == {"reasoning": 2, NOT_RECORDED: 1}
    assert found.unread == {"code": 1, UNDECIDED: 1}
    assert found.thought == 2
    assert found.ended == {"stop": 4, "length": 2}
    assert found.ended_by == {"</s>": 4}
    assert (found.silent_share, found.unscored_share) == (0.75, pytest.approx(1 / 3))
    none = responses(verdict_table(rows, [asked]).iloc[:0])
    assert (none.answers, none.silent_share, none.unscored_share) == (0, 0, 0)


def test_a_mute_model_does_not_agree_with_itself(question, table):
    rows = table([(question("a"), "uuuu", {}), (question("b"), "hhur", {})])
    drift = drift_over_seeds(rows)
    assert drift.overall.n == 3  # of the samples h, u, r of b; a's silences are no pairs
    assert drift.overall.events == 3
    assert drift.agreement.overall.n == 3
    assert drift.entropy.overall.n == 1  # b: h and r
    mute = drift_over_seeds(table([(question("a"), "uuuu", {})]))
    assert mute.overall.rate is None
    assert mute.agreement.overall.rate is None


def test_a_variant_that_silences_is_not_the_best_one(question, table):
    asked = [question(f"q{i}") for i in range(6)]
    cells = [(one, "ghu", {"variant": "talks"}) for one in asked]
    cells += [(one, "ghu" if one.id == "q0" else "guu", {"variant": "mutes"}) for one in asked]
    rows = table(cells)
    assert spread_over_variants(rows)["in_domain"].rates == {"mutes": 1.0, "talks": 1.0}
    assert np.isnan(hallucination_matrix(rows).loc[("in_domain", "q3"), "mutes"])


def test_components_and_signals_look_at_what_says_something(question, table):
    cells = [
        (question(f"q{i}", cluster=f"c{i % 6}"), letters, {"variant": variant})
        for i in range(12)
        for variant, letters in (("a", "ghghu"), ("b", "ggghu"))
    ]
    rows = table(cells)
    whole, _ = variance_components(sampled(rows), repetitions=20)
    spoken = int((sampled(rows)["verdict"] != str(Verdict.UNRESPONSIVE)).sum())
    assert whole.answers == spoken
    judged = warning_signals(rows, sampled(rows))
    assert {one.n + one.missing for one in judged.values()} == {spoken}
