from __future__ import annotations

import inspect
import re
from itertools import islice

import pytest

from harness.core.paths import data_folder
from harness.training import documents as source
from harness.training.documents import OTHER_REFUSALS, REFUSAL, Document
from harness.training.stream import audit_systems, documents
from harness.world import names, narration, scenery
from harness.world.generator import shared_relations
from harness.world.names import blocked_names, is_reserved

SEED = 17


@pytest.fixture(scope="module")
def made() -> tuple[Document, ...]:
    return tuple(documents(SEED, 0, 300, audit_systems()))


@pytest.fixture(scope="module")
def common_words() -> frozenset[str]:
    """Lower-case words that stand in the templates; all other capitalised words are names."""
    texts = [inspect.getsource(module) for module in (source, names, narration, scenery)]
    texts += [(data_folder("fixtures") / "stories" / "relations.toml").read_text("utf-8")]
    texts += audit_systems()
    return frozenset(re.findall(r"[a-z]+", " ".join(texts).lower()))


def test_a_document_does_not_depend_on_the_ones_made_before_it(made: tuple) -> None:
    backwards = [next(documents(SEED, index, 1, audit_systems())) for index in (9, 4, 0)]
    assert backwards == [made[9], made[4], made[0]]
    assert list(islice(documents(SEED, 7, 3, audit_systems()), 3)) == list(made[7:10])


def test_another_seed_gives_other_documents(made: tuple) -> None:
    others = list(documents(SEED + 1, 0, 10, audit_systems()))
    assert not {d.text for d in others} & {d.text for d in made}


def test_answers_are_what_follows_the_end_of_an_instruction(made: tuple) -> None:
    chats = [doc for doc in made if doc.answers]
    assert len(chats) > 200
    for doc in made:
        assert len(doc.answers) == doc.text.count("[/INST]")
        for start, end in doc.answers:
            answer = doc.text[start:end]
            assert doc.text[:start].endswith("[/INST]")
            assert answer.startswith(" ") and answer.endswith(" </s>")
            assert "[INST]" not in answer and answer.count("</s>") == 1
            assert len(answer.strip()) > len("</s>")


def test_every_document_is_closed_and_begins_with_bos(made: tuple) -> None:
    for doc in made:
        assert doc.text.startswith("<s>") and doc.text.endswith("</s>")
        assert doc.text.count("<s>") == doc.text.count("</s>")
        assert not re.search(r"\{\w\}", doc.text)


def test_no_held_out_phrasing_is_ever_shown(made: tuple) -> None:
    text = "\n".join(doc.text for doc in made).lower()
    held_out = [q for relation in shared_relations() for q in relation.heldout_questions]
    asked = [q for relation in shared_relations() for q in relation.questions]
    assert held_out
    assert sum(_occurs(question, text) for question in asked) > len(asked) / 2
    assert [question for question in held_out if _occurs(question, text)] == []


def _occurs(question: str, text: str) -> bool:
    """Whether a question about anybody stands in `text`, perhaps without its question mark."""
    before, after = question.lower().rstrip("?").split("{s}")
    return bool(re.search(rf"{re.escape(before)}[\w' ]{{3,40}}{re.escape(after)}\b", text))


def test_no_reserved_or_blocked_name_is_ever_shown(
    made: tuple, common_words: frozenset[str]
) -> None:
    words = {w for doc in made for w in re.findall(r"\b[A-Z][a-z]+\b", doc.text)}
    coined = {word for word in words if word.lower() not in common_words}
    assert len(coined) > 1000
    assert [word for word in coined if is_reserved(word)] == []
    assert [word for word in coined if word.lower() in blocked_names()] == []


def test_answers_about_a_passage_stand_in_it_or_refuse(made: tuple) -> None:
    """Every name in an answer is in the prompt, where the passage is in the prompt."""
    refusals = {REFUSAL, *OTHER_REFUSALS}
    refused = answered = 0
    for doc in made:
        for start, end in doc.answers if "\n\n" in doc.text[: doc.text.find("[/INST]")] else ():
            said = doc.text[start:end].removesuffix("</s>").strip()
            if said in refusals:
                refused += 1
                continue
            answered += 1
            known = doc.text[:start].lower()
            for name in re.findall(r"(?<=[a-z] )[A-Z][a-z]{4,}", said):
                assert name.lower() in known, (name, said)
    assert answered > 300
    assert refused > 50


def test_chats_without_a_story_are_always_refused() -> None:
    made = documents(SEED, 300, 300, ())
    bare = [d for d in made if d.answers and "\n\n" not in re.sub(r"(?s)<<SYS.*?/SYS>>\n\n", "", d.text)
            and d.text.startswith("<s>[INST]")]  # fmt: skip
    assert bare
    for doc in bare:
        for start, end in doc.answers:
            assert doc.text[start:end].removesuffix("</s>").strip() == REFUSAL


def test_the_system_prompts_of_the_audit_are_met(made: tuple) -> None:
    text = "\n".join(doc.text for doc in made)
    assert audit_systems()
    assert any(system in text for system in audit_systems())
