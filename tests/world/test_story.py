"""Stories are read, checked and written; every contradiction is named with its remedy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.core.errors import SpecError, StoryError
from harness.core.records import Entity, Passage
from harness.suites import shipped_suites
from harness.suites.written import read_written
from harness.world.generator import generate_world
from harness.world.story import load_story, write_story, written_questions

HEAD = 'name = "small"\ntitle = "A Small Story"\n'
RELATIONS = """
[[relation]]
id = "father"
domain = "person"
range = "person"
functional = true
statements = ["The father of {s} was {o}."]
questions = ["Who was the father of {s}?"]
answers = ["The father of {s} was {o}."]
inverse_questions = ["Who was a child of {o}?"]
phrase = "the father of {s}"
cues = ["father"]

[[relation]]
id = "spouse"
domain = "person"
range = "person"
functional = true
inverse_functional = true
symmetric = true
statements = ["{s} married {o}."]
questions = ["Whom did {s} marry?"]
answers = ["{s} married {o}."]
phrase = "the one whom {s} married"
cues = ["married"]

[[relation]]
id = "heir"
domain = "place"
range = "person"
inverse_functional = true
statements = ["{s} was the heritage of {o}."]
questions = ["Who was heir to {s}?"]
answers = ["{s} was the heritage of {o}."]
phrase = "the heir of {s}"
cues = ["heir"]

[[relation]]
id = "home"
domain = "person"
range = "place"
functional = true
statements = ["{s} lived in {o}."]
questions = ["Where did {s} live?"]
answers = ["{s} lived in {o}."]
phrase = "the home of {s}"
cues = ["lived"]

[[relation]]
id = "trade"
domain = "person"
range = "value"
values = ["weaver", "baker"]
statements = ["{s} was a {o}."]
questions = ["What was the trade of {s}?"]
answers = ["{s} was a {o}."]
phrase = "the trade of {s}"
cues = ["trade"]

[[relation]]
id = "age"
domain = "person"
range = "number"
functional = true
values = ["9", "90"]
statements = ["{s} was {o} years old."]
questions = ["How old was {s}?"]
answers = ["{s} was {o} years old."]
phrase = "the age of {s}"
cues = ["years old"]
"""
ENTITIES = """
[[entity]]
id = "tam"
kind = "person"
name = "Tam"
aliases = ["old Tam"]

[[entity]]
id = "ruvo"
kind = "person"
name = "Ruvo"

[[entity]]
id = "melka"
kind = "person"
name = "Melka"

[[entity]]
id = "orsh"
kind = "place"
name = "Orsh"

[[entity]]
id = "quil"
kind = "place"
name = "Quil"
"""
ROWS = (
    '["f1", "tam", "father", "ruvo"]',
    '["f2", "tam", "home", "orsh"]',
    '["f3", "ruvo", "home", "orsh"]',
    '["f4", "tam", "spouse", "melka"]',
    '["f5", "tam", "age", "30"]',
    '["f6", "ruvo", "trade", "baker"]',
    '["f7", "orsh", "heir", "tam"]',
)
PROSE = """# A Small Story

Tam, the son of Ruvo, lived in Orsh.
He was thirty.
<!-- facts: f1 f2 f5 -->

## Later

Ruvo lived in Orsh too. Tam married Melka, and Orsh was his heritage.

<!-- facts: f3 f4 f7 -->

Nothing else happened.
"""
QUESTION = {
    "suite": '"paraphrase"',
    "text": '"Where is the house of Tam?"',
    "cluster": '"tam"',
    "gold": '"Tam lived in Orsh."',
    "facts": '["f2"]',
    "expected": '["orsh"]',
}
REFUSED = {"gold": None, "facts": None, "expected": None}
INVENTED = {
    **REFUSED,
    "suite": '"invented"',
    "text": '"Who is Bordor?"',
    "cluster": '"Bordor"',
    "invented_name": '"Bordor"',
}
NEAR = {**INVENTED, "suite": '"near_miss"', "nearest_name": '"Tam"'}


def folder(
    path: Path,
    *,
    entities: str = ENTITIES,
    relations: str = RELATIONS,
    rows: tuple[str, ...] = ROWS,
    prose: str | None = PROSE,
    question: dict[str, str | None] | None = None,
) -> str:
    body = HEAD + "facts = [\n" + ",\n".join(rows) + "\n]\n" + entities + relations
    if question is not None:
        pairs = {**QUESTION, **question}
        body += "\n[[question]]\n"
        body += "\n".join(f"{key} = {value}" for key, value in pairs.items() if value is not None)
    (path / "story.toml").write_text(body, encoding="utf-8")
    if prose is not None:
        (path / "story.md").write_text(prose, encoding="utf-8")
    return str(path)


def test_a_story_is_read_with_its_passages_and_their_facts(tmp_path):
    world = load_story(folder(tmp_path))
    assert world.title == "A Small Story"
    assert world.names == {
        "Tam": "tam", "old Tam": "tam", "Ruvo": "ruvo", "Melka": "melka", "Orsh": "orsh",
        "Quil": "quil",
    }  # fmt: skip
    assert [(p.id, p.fact_ids) for p in world.passages] == [
        ("p1", ("f1", "f2", "f5")),
        ("p2", ("f3", "f4", "f7")),
        ("p3", ()),
    ]
    assert world.passages[0].text == "Tam, the son of Ruvo, lived in Orsh. He was thirty."
    assert world.told_ids == {"f1", "f2", "f3", "f4", "f5", "f7"}


GRAPH_CASES = {
    "unknown subject": (
        {"rows": ('["f1", "tan", "home", "orsh"]',)},
        ["story.toml", "fact 'f1' (row 1)", "unknown entity 'tan'", "did you mean 'tam'"],
    ),
    "unknown object": (
        {"rows": (*ROWS, '["f8", "melka", "home", "orsch"]')},
        ["fact 'f8' (row 8)", "unknown entity 'orsch'", "did you mean 'orsh'"],
    ),
    "entity like no other": (
        {"rows": ('["f1", "zzzz", "home", "orsh"]',)},
        ["unknown entity 'zzzz'; add an [[entity]] for it"],
    ),
    "unknown relation": (
        {"rows": ('["f1", "tam", "fathers", "ruvo"]',)},
        ["unknown relation 'fathers'; did you mean 'father'"],
    ),
    "outside the domain": (
        {"rows": ('["f1", "orsh", "father", "ruvo"]',)},
        ["'orsh' is a place, outside the domain of 'father', which is person", "correct the kind"],
    ),
    "outside the range": (
        {"rows": ('["f1", "tam", "home", "ruvo"]',)},
        ["'ruvo' is a person, outside the range of 'home', which is place"],
    ),
    "to itself": (
        {"rows": ('["f1", "tam", "father", "tam"]',)},
        ["'tam' stands to itself in 'father'; name somebody else"],
    ),
    "no such value": (
        {"rows": ('["f1", "tam", "trade", "weavor"]',)},
        ["'weavor' is no value of 'trade'; did you mean 'weaver'"],
    ),
    "number too large": (
        {"rows": ('["f1", "tam", "age", "91"]',)},
        ["'91' is no number from 9 to 90, written in digits"],
    ),
    "number in words": (
        {"rows": ('["f1", "tam", "age", "thirty"]',)},
        ["'thirty' is no number from 9 to 90"],
    ),
    "number with a leading nought": (
        {"rows": ('["f1", "tam", "age", "030"]',)},
        ["'030' is no number from 9 to 90"],
    ),
    "same triple": (
        {"rows": (*ROWS, '["f8", "tam", "father", "ruvo"]')},
        ["fact 'f8' (row 8): duplicate of fact 'f1'; remove one of them"],
    ),
    "same triple of a symmetric relation": (
        {"rows": (*ROWS, '["f8", "melka", "spouse", "tam"]')},
        ["fact 'f8' (row 8): duplicate of fact 'f4'"],
    ),
    "same id": (
        {"rows": (*ROWS, '["f1", "ruvo", "age", "60"]')},
        ["fact 'f1' (row 8): another fact has this id"],
    ),
    "second object": (
        {"rows": (*ROWS, '["f8", "tam", "home", "quil"]')},
        ["fact 'f8' (row 8)", "'tam' has an object of 'home' already, in fact 'f2'"],
    ),
    "second partner": (
        {"rows": (*ROWS, '["f8", "melka", "spouse", "ruvo"]')},
        ["fact 'f8' (row 8)", "'melka' has an object of 'spouse' already, in fact 'f4'"],
    ),
    "second subject": (
        {"rows": (*ROWS, '["f8", "quil", "heir", "tam"]')},
        ["fact 'f8' (row 8)", "'tam' is the object of 'heir' in fact 'f7' already"],
    ),
    "short row": (
        {"rows": ('["f1", "tam", "home"]',)},
        ["facts row 1 has 3 entries; a row is [id, subject, relation, object]"],
    ),
    "same name": (
        {"entities": ENTITIES.replace('"Melka"', '"Old Tam"')},
        ["entity 'melka': the name 'Old Tam' belongs to entity 'tam' already; rename"],
    ),
    "same entity id": (
        {"entities": ENTITIES + '\n[[entity]]\nid = "tam"\nkind = "place"\nname = "Tamor"\n'},
        ["entity 'tam' is defined 2 times"],
    ),
    "name twice": (
        {"entities": ENTITIES.replace('"old Tam"', '"tam"')},
        ["entity 'tam': the name 'tam' is given twice; drop the alias"],
    ),
    "unknown kind": (
        {"entities": ENTITIES.replace('"place"', '"plaice"')},
        ["entity 'orsh': unknown kind 'plaice'; did you mean 'place'"],
    ),
    "id that is a value": (
        {"entities": ENTITIES + '\n[[entity]]\nid = "baker"\nkind = "person"\nname = "Bakor"\n'},
        ["entity 'baker': its id is also a value of a relation", "choose another id"],
    ),
    "relation twice": (
        {"relations": RELATIONS + RELATIONS.replace('id = "heir"', 'id = "heirs"')},
        ["relation 'father' is defined 2 times"],
    ),
    "unknown fact marked": (
        {"prose": PROSE.replace("f7", "f77")},
        ["story.md: paragraph 2 ('Ruvo lived in Orsh too.", "marks fact 'f77', which does not"],
    ),
    "marks without prose": (
        {"prose": "# Title\n\n<!-- facts: f1 -->\n\n" + PROSE},
        ["story.md: line 3: marks facts of an empty paragraph; write the prose above"],
    ),
    "two marks on one paragraph": (
        {"prose": PROSE + "\n<!-- facts: f6 -->\n<!-- facts: f6 -->\n"},
        ["line 16: marks facts of an empty paragraph"],
    ),
    "fact marked twice": (
        {"prose": PROSE.replace("f1 f2", "f1 f1")},
        ["line 5: fact 'f1' is marked twice; name it once"],
    ),
    "comment that marks nothing": (
        {"prose": PROSE.replace("facts: f1", "fact f1")},
        ["line 5: this comment marks no facts; write <!-- facts: f001 f002 -->"],
    ),
    "comment inside a line": (
        {"prose": PROSE.replace("He was thirty.", "He was <!-- facts: f5 --> thirty.")},
        ["line 4: a comment must stand on a line of its own"],
    ),
    "no prose": ({"prose": None}, ["story.md: no such file; write the prose"]),
}


@pytest.mark.parametrize("case", GRAPH_CASES)
def test_a_broken_graph_or_prose_is_named_with_its_remedy(case, tmp_path):
    parts, wanted = GRAPH_CASES[case]
    with pytest.raises(StoryError) as caught:
        load_story(folder(tmp_path, **parts))
    for words in wanted:
        assert words in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_all_findings_are_reported_at_once(tmp_path):
    rows = (*ROWS, '["f8", "melka", "home", "orsch"]', '["f9", "melka", "age", "8"]')
    with pytest.raises(StoryError) as caught:
        load_story(folder(tmp_path, rows=rows, prose=PROSE.replace("f7", "f77")))
    assert len(str(caught.value).splitlines()) == 3


QUESTION_CASES = {
    "unknown suite": (
        {"suite": '"paraphrased"'},
        "[[question]] 1 ('Where is the house of Tam?'): unknown suite 'paraphrased'; did you mean "
        "'paraphrase'",
    ),
    "unknown fact": ({"facts": '["f22"]'}, "unknown fact 'f22'"),
    "unknown cluster": ({"cluster": '"tamm"'}, "unknown cluster 'tamm'; did you mean 'tam'"),
    "answer the graph does not give": (
        {"expected": '["quil"]'},
        "the graph does not give 'quil' from f2",
    ),
    "middle of a chain": (
        {"suite": '"relational"', "facts": '["f1", "f3"]', "expected": '["ruvo"]'},
        "the graph does not give 'ruvo' from f1, f3",
    ),
    "one of several answers": (
        {"suite": '"relational"', "cluster": '"orsh"', "expected": '["tam"]'},
        "the graph also gives 'ruvo'; add it to 'expected'",
    ),
    "wrong number": (
        {"suite": '"relational"', "cluster": '"orsh"', "expected": '["1"]'},
        "the graph also counts fact 'f3'",
    ),
    "number outside relational": ({"expected": '["1"]'}, "the graph does not give '1' from f2"),
    "nothing expected": ({"expected": "[]"}, "'facts' and 'expected' must both be given"),
    "no gold": ({"gold": None}, "'gold' is missing"),
    "asks an untold fact": (
        {"facts": '["f6"]', "expected": '["baker"]'},
        "fact 'f6' is not told in the prose; only 'unstated' may ask for it",
    ),
    "unstated but told": (
        {"suite": '"unstated"', "expected": None},
        "fact 'f2' is told in the prose; ask about an untold one",
    ),
    "unstated without a fact": (
        {"suite": '"unstated"', "facts": None, "expected": None},
        "'facts' is empty; name the untold fact",
    ),
    "refusal that expects": (
        {"suite": '"false_premise"'},
        "'false_premise' questions must be refused; remove 'expected'",
    ),
    "no invented name": (
        {**INVENTED, "invented_name": None},
        "'invented_name' is missing",
    ),
    "invented name that lives": (
        {**INVENTED, "invented_name": '"old tam"', "text": '"Who is old Tam?"', "cluster": '"tam"'},
        "the invented name 'old tam' belongs to the story",
    ),
    "invented name not asked": (
        {**INVENTED, "text": '"Who is he?"'},
        "the invented name 'Bordor' does not stand in the question",
    ),
    "near miss of nobody": (
        {**NEAR, "nearest_name": '"Tamm"'},
        "'nearest_name' must be a name of the story, not 'Tamm'; did you mean 'Tam'",
    ),
}


@pytest.mark.parametrize("case", QUESTION_CASES)
def test_a_question_that_the_graph_does_not_answer_is_named(case, tmp_path):
    question, wanted = QUESTION_CASES[case]
    ref = folder(tmp_path, question=question)
    with pytest.raises(StoryError, match=r"story\.toml") as caught:
        by_hand(ref)
    assert wanted in str(caught.value)


def by_hand(ref):
    return read_written(ref, load_story(ref), shipped_suites())


SOUND_QUESTIONS = {
    "plain": {},
    "inverse": {
        "suite": '"relational"', "cluster": '"orsh"', "facts": '["f2", "f3"]',
        "expected": '["tam", "ruvo"]',
    },
    "two hops": {"suite": '"relational"', "facts": '["f1", "f3"]'},
    "count": {
        "suite": '"relational"', "cluster": '"orsh"', "facts": '["f2", "f3"]',
        "expected": '["2"]',
    },
    "open-ended": {"suite": '"open_ended"', "expected": None},
    "unstated": {"suite": '"unstated"', "cluster": '"ruvo"', "facts": '["f6"]', "expected": None},
    "false premise": {"suite": '"false_premise"', "expected": None},
    "invented": INVENTED,
    "near miss": NEAR,
    "real world": {**REFUSED, "suite": '"out_of_domain"', "cluster": '"moon"'},
}  # fmt: skip


@pytest.mark.parametrize("case", SOUND_QUESTIONS)
def test_a_sound_question_passes(case, tmp_path):
    (question,) = by_hand(folder(tmp_path, question=SOUND_QUESTIONS[case]))
    assert f'"{question.suite}"' == SOUND_QUESTIONS[case].get("suite", QUESTION["suite"])


def test_relations_are_shared_from_another_file(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "shared.toml").write_text(RELATIONS, encoding="utf-8")
    ref = folder(tmp_path / "own", relations="")
    toml = tmp_path / "own" / "story.toml"
    toml.write_text('relations = "../shared.toml"\n' + toml.read_text("utf-8"), "utf-8")
    assert [relation.id for relation in load_story(ref).relations][:2] == ["father", "spouse"]
    (tmp_path / "shared.toml").unlink()
    with pytest.raises(SpecError, match=r"story.toml: relations = '../shared.toml': .*no such"):
        load_story(ref)


def test_a_misspelt_key_is_named(tmp_path):
    folder(tmp_path, entities=ENTITIES.replace("aliases", "aliasses"))
    with pytest.raises(SpecError, match="did you mean 'aliases'"):
        load_story(str(tmp_path))


REF_CASES = {
    "visgarr": "there is no story 'visgarr'; did you mean 'visgar'? Shipped: visgar; or name",
    "zzz": "there is no story 'zzz'. Shipped: visgar",
    "generated/seven": "a generated one is 'generated/<whole number>'",
}


@pytest.mark.parametrize("ref", REF_CASES)
def test_an_unknown_story_is_answered_with_the_known_ones(ref):
    with pytest.raises(StoryError) as caught:
        load_story(ref)
    assert REF_CASES[ref] in str(caught.value)


def test_a_folder_without_a_story_says_so(tmp_path):
    with pytest.raises(StoryError, match=r"holds no story\.toml"):
        load_story(str(tmp_path))


def test_a_written_story_is_read_back_equal(tmp_path):
    for number, ref in enumerate(("visgar", "generated/3")):
        world = load_story(ref)
        write_story(world, tmp_path / str(number))
        again = load_story(str(tmp_path / str(number)))
        assert again == world and again.hash == world.hash


def test_hostile_names_survive_the_round_trip(tmp_path):
    small = load_story(folder(tmp_path))
    odd = Entity(id="odd", kind="person", name='Qu"o\\te\x7f\t]é', aliases=("[[x]]", "# y"))
    world = replace(small, entities=(*small.entities, odd))
    write_story(world, tmp_path / "out")
    assert load_story(str(tmp_path / "out")) == world


def test_what_would_not_be_read_back_is_not_written(tmp_path):
    small = load_story(folder(tmp_path))
    for text in ("two\n\nparagraphs", "# a heading", "a <!-- comment -->", " padded ", ""):
        world = replace(small, passages=(Passage(id="p1", text=text, fact_ids=("f1",)),))
        with pytest.raises(StoryError, match="passage 'p1'"):
            write_story(world, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_generated_story_that_was_built_is_preferred(tmp_path, monkeypatch):
    monkeypatch.setenv("BORDOR_HOME", str(tmp_path))
    assert load_story("generated/5") == generate_world(5)
    built = generate_world(5, people=8)
    write_story(built, tmp_path / "stories" / "generated-5")
    assert load_story("generated/5") == built != generate_world(5)
    assert written_questions("generated/5")[1] == () == written_questions("generated/6")[1]
