"""One claim against the world: what each status takes; the claims are made by hand."""

import pytest

from harness.core.records import ClaimStatus
from harness.grading.linking.frame import Term, entity_term
from harness.grading.linking.linker import CUT, INVENTED, UNKNOWN
from harness.grading.text.words import Canon
from harness.grading.verification.lookup import Found, Lookup
from harness.grading.verification.values import ValueReader

S = ClaimStatus


@pytest.fixture(scope="module")
def lookup(world, exposure):
    texts = [
        text for one in world.relations for text in (*one.statements, *one.clauses, *one.answers)
    ]
    return Lookup(world, exposure, ValueReader(world, Canon(texts)), None)


@pytest.fixture(scope="module")
def said(world):
    def make(subject, relation, object, **more):
        ends = [one if isinstance(one, Term) or one is None else entity_term(world, one)
                for one in (subject, object)]  # fmt: skip
        return Found("a saying", relation, *ends, **more)

    return make


NOBODY = {kind: Term(kind, (), "Bador") for kind in (UNKNOWN, INVENTED, CUT)}
CASES = {
    "told": (("torvash", "trade", "weaver"), {}, S.SUPPORTED),
    "told in the text alone": (("torvash", "home", "sulmere"), {}, S.SUPPORTED),
    "another value of a function": (("torvash", "trade", "baker"), {}, S.CONTRADICTED),
    "another entity of a function": (("torvash", "birthplace", "sulmere"), {}, S.CONTRADICTED),
    "true and never told": (("torvash", "member", "order"), {}, S.UNTOLD),
    "true and never told, of a function": (("ossery", "birthplace", "arkenby"), {}, S.UNTOLD),
    "open and never told": (("ossery", "trade", "baker"), {}, S.UNTOLD),
    "the two swapped": (("melindra", "teacher", "torvash"), {}, S.CONTRADICTED),
    "a denial of what is told": (("torvash", "trade", "weaver"), {"negated": True}, S.CONTRADICTED),
    "a denial of what is wrong": (("torvash", "trade", "baker"), {"negated": True}, S.SUPPORTED),
    "a number": (("torvash", "age", "34"), {}, S.SUPPORTED),
    "another number": (("torvash", "age", "35"), {}, S.CONTRADICTED),
    "near, the other way round": (("sulmere", "near", "arkenby"), {}, S.UNTOLD),
    "married, the other way round": (("ossery", "spouse", "torvash"), {}, S.SUPPORTED),
    "either way": (("melindra", "teacher", "torvash"), {"either_way": True}, S.SUPPORTED),
    "of somebody in no world": ((NOBODY[UNKNOWN], "trade", "weaver"), {}, S.UNKNOWN_ENTITY),
    "to somebody in no world": (("torvash", "teacher", NOBODY[UNKNOWN]), {}, S.UNKNOWN_ENTITY),
    "of the invented name": ((NOBODY[INVENTED], "trade", "weaver"), {}, S.UNKNOWN_ENTITY),
    "of a name that is cut off": ((NOBODY[CUT], "trade", "weaver"), {}, S.UNDECIDABLE),
    "no relation": (("torvash", None, "ossery"), {}, S.UNDECIDABLE),
    "no object": (("torvash", "trade", None), {}, S.UNDECIDABLE),
    "nothing like it is told": (("torvash", None, None), {"basis": "prose"}, S.UNTOLD),
    "wrong, by a reading that may be": (("torvash", "trade", "baker"), {"firm": False}, S.UNDECIDABLE),
    "right, by a reading that may be wrong": (("torvash", "trade", "weaver"), {"firm": False}, S.SUPPORTED),
    "another relation that the words may mean": (
        ("torvash", "home", "arkenby"), {"others": ("birthplace",)}, S.SUPPORTED),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_every_status(lookup, said, name):
    ends, more, wanted = CASES[name]
    found = lookup.judge(said(*ends, **more))
    assert found.status is wanted, found.reason
    assert found.reason


def test_a_claim_names_the_facts_that_decide_it(lookup, said):
    assert lookup.judge(said("torvash", "trade", "weaver")).fact_ids == ("f01",)
    assert "f01" in lookup.judge(said("torvash", "trade", "baker")).fact_ids
    swapped = lookup.judge(said("melindra", "teacher", "torvash"))
    assert "other way round" in swapped.reason
    assert lookup.judge(said(NOBODY[UNKNOWN], "trade", "weaver")).fact_ids == ()


def test_counts_and_comparisons(lookup, said):
    two, three = Term("number", ("2",), "two"), Term("number", ("3",), "three")
    assert lookup.judge(said("melindra", "teacher", two, form="count")).status is S.SUPPORTED
    assert lookup.judge(said("melindra", "teacher", three, form="count")).status is S.CONTRADICTED
    older = lookup.judge(said("melindra", "age", "torvash", form="compare"))
    younger = lookup.judge(said("torvash", "age", "melindra", form="compare"))
    assert (older.status, younger.status) == (S.SUPPORTED, S.CONTRADICTED)
