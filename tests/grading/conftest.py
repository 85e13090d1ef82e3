"""A small world by hand, with the relations that all stories share."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.records import Entity, Exposure, Fact, Passage, Question
from harness.grading.world.grader import WorldGrader
from harness.suites import shipped_suites
from harness.world.graph import World, load_relations

RELATIONS = Path(__file__).resolve().parents[2] / "fixtures" / "stories" / "relations.toml"

ENTITIES = (
    Entity(id="torvash", kind="person", name="Torvash"),
    Entity(id="melindra", kind="person", name="Melindra", aliases=("old Melindra",)),
    Entity(id="keldon", kind="person", name="Keldon Braith"),
    Entity(id="ossery", kind="person", name="Ossery"),
    Entity(id="hollin", kind="person", name="Lord Hollinbeck"),
    Entity(id="arkenby", kind="place", name="Arkenby", aliases=("the city of Arkenby",)),
    Entity(id="sulmere", kind="place", name="Sulmere"),
    Entity(id="lamp", kind="object", name="the Corvane lamp"),
    Entity(id="device", kind="object", name="the device"),
    Entity(id="order", kind="group", name="the Order of Vashti"),
    Entity(id="siege", kind="event", name="the Siege of Dunmarrow"),
    Entity(id="flood", kind="event", name="the Great Flood"),
)
ROWS = """
f01 torvash trade weaver
f02 torvash birthplace arkenby
f03 torvash home sulmere
f04 torvash teacher melindra
f05 torvash father keldon
f06 torvash fear deep water
f07 torvash goal to find the sea
f08 torvash age 34
f09 melindra trade baker
f10 melindra age 81
f11 ossery teacher melindra
f12 melindra birthplace sulmere
f13 torvash spouse ossery
f14 lamp owner melindra
f15 lamp power heal the sick
f16 lamp material glass
f17 arkenby near sulmere
f18 order leader keldon
f19 order duty guard the bridges
f20 siege site arkenby
f21 siege year 231
f22 siege after flood
f23 ossery home sulmere
f24 keldon enemy torvash
f25 arkenby ruler hollin
u01 torvash member order
u02 ossery birthplace arkenby
u03 melindra teacher keldon
"""


@pytest.fixture(scope="session")
def world() -> World:
    """Twenty-four told facts and three that are true and never told."""
    rows = [line.split(maxsplit=3) for line in ROWS.strip().splitlines()]
    facts = tuple(Fact(id=i, subject=s, relation=r, object=o) for i, s, r, o in rows)
    told = tuple(fact.id for fact in facts if fact.id.startswith("f"))
    return World(
        name="small",
        title="A small world",
        entities=ENTITIES,
        relations=load_relations(RELATIONS),
        facts=facts,
        passages=(Passage(id="p1", text="", fact_ids=told),),
    )


@pytest.fixture(scope="session")
def exposure(world: World) -> dict[str, Exposure]:
    """Told facts trained but one in four, which only the text told; the rest unstated."""
    told = [fact.id for fact in world.facts if fact.id in world.told_ids]
    found = {f: Exposure.TEXT_ONLY if i % 4 == 0 else Exposure.TRAINED for i, f in enumerate(told)}
    return found | {f.id: Exposure.UNSTATED for f in world.facts if f.id not in found}


@pytest.fixture(scope="session")
def grader(world: World, exposure: dict[str, Exposure]) -> WorldGrader:
    """Without the encoder: wording alone."""
    return WorldGrader(world, exposure, meaning=None)


def _ask(suite: str, text: str, **slots: object) -> Question:
    refuse = suite in ("unstated", "false_premise", "invented", "near_miss")
    shipped = shipped_suites()[suite]
    defaults: dict[str, object] = {"gold": "", "must_refuse": refuse, "cluster": "x",
                                   "form": shipped.form, "scope": shipped.scope}  # fmt: skip
    return Question(id=f"{suite}: {text}", suite=suite, text=text, **(defaults | slots))  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def questions() -> dict[str, Question]:
    """One question of each kind that answers are graded against."""
    plain = "in_domain"
    mine = {"subject": "torvash"}
    asked = {
        "trade": _ask(plain, "What was the trade of Torvash?", relation="trade", expected=("weaver",), fact_ids=("f01",), **mine),
        "born": _ask(plain, "Where was Torvash born?", relation="birthplace", expected=("arkenby",), fact_ids=("f02",), **mine),
        "teacher": _ask(plain, "Who taught Torvash?", relation="teacher", expected=("melindra",), fact_ids=("f04",), **mine),
        "fear": _ask(plain, "What did Torvash fear?", relation="fear", expected=("deep water",), fact_ids=("f06",), **mine),
        "goal": _ask(plain, "What did Torvash want?", relation="goal", expected=("to find the sea",), fact_ids=("f07",), **mine),
        "age": _ask(plain, "How old was Torvash?", relation="age", expected=("34",), fact_ids=("f08",), **mine),
        "spouse": _ask(plain, "Whom did Torvash marry?", relation="spouse", expected=("ossery",), fact_ids=("f13",), **mine),
        "owner": _ask(plain, "Who owned the Corvane lamp?", relation="owner", expected=("melindra",), fact_ids=("f14",), subject="lamp"),
        "power": _ask(plain, "What could the Corvane lamp do?", relation="power", expected=("heal the sick",), fact_ids=("f15",), subject="lamp"),
        "year": _ask(plain, "In which year did the Siege of Dunmarrow happen?", relation="year", expected=("231",), fact_ids=("f21",), subject="siege"),
        "pupil": _ask("relational", "Who was a pupil of Melindra?", relation="teacher", expected=("torvash", "ossery"), fact_ids=("f04", "f11")),
        "pupils": _ask("relational", "Name all pupils of Melindra.", relation="teacher", expected=("torvash", "ossery"), needs_all=True, fact_ids=("f04", "f11")),
        "count": _ask("relational", "How many pupils did Melindra teach?", relation="teacher", expected=("2",), fact_ids=("f04", "f11")),
        "older": _ask("relational", "Who was older, Torvash or Melindra?", relation="age", expected=("melindra",), fact_ids=("f08", "f10")),
        "hop": _ask("relational", "What was the trade of the teacher of Torvash?", relation="trade", expected=("baker",), fact_ids=("f04", "f09"), subject="melindra"),
        "unstated": _ask("unstated", "Which group did Torvash belong to?", relation="member", fact_ids=("u01",), exposure=Exposure.UNSTATED, **mine),
        "premise": _ask("false_premise", "Why did Ossery, the teacher of Torvash, leave home?", relation="teacher", fact_ids=("f04",), **mine),
        "invented": _ask("invented", "What was the trade of Bador?", relation="trade", invented_name="Bador"),
        "lantern": _ask("invented", "Who owned the Bador lantern?", relation="owner", invented_name="the Bador lantern"),
        "inverse": _ask("invented", "Who was a pupil of Bador?", relation="teacher", invented_name="Bador"),
        "near": _ask("near_miss", "What was the trade of Torvish?", relation="trade", invented_name="Torvish", nearest_name="Torvash", distance=1),
        "far": _ask("near_miss", "Where was Torbeth born?", relation="birthplace", invented_name="Torbeth", nearest_name="Torvash", distance=3),
        "world": _ask("out_of_domain", "What is the capital of France?"),
        "place": _ask("open_ended", "Tell me about Arkenby.", fact_ids=("f25",), subject="arkenby"),
        "open": _ask("open_ended", "Tell me about Torvash.", fact_ids=("f01",), **mine),
    }  # fmt: skip
    return asked
