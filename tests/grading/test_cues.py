"""Sentences that no template covers: relations by their cues, the two ends by grammar."""

from __future__ import annotations

import pytest

from harness.core.errors import GradingError
from harness.core.records import Verdict
from harness.grading.linking import synonyms
from harness.grading.syntax.framing import unframe

G, H, R = Verdict.GROUNDED, Verdict.HALLUCINATED, Verdict.REFUSED
UNR, UNS = Verdict.UNRESPONSIVE, Verdict.UNSCORED

CASES = [
    ("open", "Torvash's dad was Keldon Braith.", G),
    ("open", "Keldon Braith's dad was Torvash.", H),
    ("open", "Torvash was the son of Keldon.", G),
    ("open", "Torvash was the son of Melindra.", H),
    ("open", "Torvash studied under Melindra.", G),
    ("open", "Melindra studied under Torvash.", H),
    ("open", "Torvash was instructed by Melindra.", G),
    ("open", "Melindra was instructed by Torvash.", H),
    ("open", "It was Melindra who instructed Torvash.", G),
    ("open", "It was Torvash who instructed Melindra.", H),
    ("open", "It is Melindra whom Torvash called tutor.", G),
    ("open", "Torvash had Melindra as a mentor.", G),
    ("open", "The mentor Torvash had was none other than Melindra.", G),
    ("open", "Everything Torvash knew was taught by Ossery.", H),
    ("open", "Torvash, whose mentor was Melindra, tied the knot with Ossery.", G),
    ("open", "Torvash, whose mentor was Ossery, tied the knot with Ossery.", H),
    ("open", "Torvash and Ossery tied the knot.", G),
    ("open", "Torvash hailed from Arkenby.", G),
    ("open", "Torvash hailed from Sulmere.", H),
    ("open", "Torvash grew up in Arkenby.", G),
    ("open", "Torvash came from Paris.", H),
    ("open", "By profession Torvash was a weaver.", G),
    ("open", "Torvash made ends meet as a baker.", H),
    ("open", "Torvash had a phobia of deep water.", G),
    ("open", "If there was one thing that Torvash feared, it was fire.", H),
    ("open", "Torvash could not bear deep water.", G),
    ("open", "Torvash could not bear fire.", H),
    ("open", "Torvash had seen thirty-four summers.", G),
    ("open", "Torvash was a thirty-five-year-old.", H),
    ("open", "Torvash longed to find the sea.", G),
    ("open", "Torvash longed to build a bridge.", H),
    ("open", "Torvash was a weaver, resided in Sulmere and hailed from Arkenby.", G),
    ("open", "Torvash was a weaver, resided in Sulmere and hailed from Sulmere.", H),
    ("open", "Neither Torvash nor Ossery was a baker.", UNS),  # nothing is told of Ossery's trade
    ("open", "Torvash visited Melindra one evening.", UNS),
    ("open", "Torvash often walked to Arkenby.", UNS),
    ("open", "The teacher of Torvash, Melindra, was a baker.", G),
    ("open", "The teacher of the teacher of Torvash was Ossery.", H),
    ("open", "The teacher of Torvash lived in Arkenby.", H),
    ("place", "Arkenby was governed by Hollinbeck.", G),
    ("place", "Arkenby was governed by Ossery.", H),
    ("place", "The Siege of Dunmarrow occurred in Arkenby.", G),
    ("owner", "The Corvane lamp was in the hands of Melindra.", G),
    ("owner", "The Corvane lamp was in the hands of Torvash.", H),
    ("year", "The Siege of Dunmarrow goes back to the year 231.", G),
    ("year", "The Siege of Dunmarrow goes back to the year 232.", H),
    ("born", "In a mysterious place.", UNR),
    ("born", "In Mysterious.", H),
    ("teacher", "Torvash was made by Melindra.", H),  # no person is made
    ("trade", "Torvash was a weaver. I hope this helps!", G),
    ("invented", "If Bador were a weaver, he would live in Arkenby.", UNR),
    ("invented", "Bador hailed from Arkenby.", H),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "text", "verdict"), CASES)
def test_verdict(grader, questions, asked, text, verdict):
    grade = grader.grade(questions[asked], text)
    assert grade.verdict is verdict, (grade.reason, grade.claims)


DENIED = [
    ("It is not true that Torvash hailed from Arkenby.", H),
    ("Torvash did not hail from Arkenby.", H),
    ("It was not Arkenby that Torvash hailed from.", H),
    ("Some wrongly believe that Torvash studied under Ossery.", G),
    ("It is false that Torvash studied under Melindra.", H),
    ("Torvash never studied under Ossery.", G),
    ("Torvash had no greater mentor than Melindra.", G),
]


@pytest.mark.parametrize(("text", "verdict"), DENIED)
def test_denial_turns_what_is_said(grader, questions, text, verdict):
    grade = grader.grade(questions["open"], text)
    assert grade.verdict is verdict, (grade.reason, grade.claims)


FRAMES = [
    ("It is not true that Visgar was a baker.", "Visgar was a baker.", True, True),
    ("According to the story, Visgar was a baker.", "Visgar was a baker.", False, True),
    ("Many people mistakenly think that Visgar slept.", "Visgar slept.", True, True),
    ("Visgar, people say, was a baker.", "Visgar was a baker.", False, True),
    ("Let me know if you need more.", "Let me know if you need more.", False, False),
    ("If Visgar slept, he dreamt.", "If Visgar slept, he dreamt.", False, False),
    ("Visgar never left without Elorna.", "Visgar always left with Elorna.", False, True),
]


@pytest.mark.parametrize(("sentence", "text", "denied", "asserts"), FRAMES)
def test_frames(sentence, text, denied, asserts):
    framed = unframe(sentence)
    assert (framed.text, framed.denied, framed.asserts) == (text, denied, asserts)


def test_one_stem_for_every_form():
    for forms in ("govern governs governed governing", "teach taught teaching", "rule ruled rules"):
        assert len({synonyms.stem(word) for word in forms.split()}) == 1, forms


def test_an_unknown_key_of_the_table_names_file_and_key(tmp_path, monkeypatch):
    stories = tmp_path / "stories"
    stories.mkdir()
    (stories / "synonyms.toml").write_text('[teacher]\nrolls = ["tutor"]\n')
    monkeypatch.setattr(synonyms, "data_folder", lambda name: tmp_path)
    with pytest.raises(GradingError, match=r"synonyms\.toml.*'rolls'.*object_roles"):
        synonyms._table.__wrapped__()
    (stories / "synonyms.toml").write_text('[teacher]\ntraits = ["mutal"]\n')
    with pytest.raises(GradingError, match=r"synonyms\.toml.*'mutal'.*mutual"):
        synonyms._table.__wrapped__()


def test_what_a_relation_is_like_stands_in_the_table_and_not_in_the_code():
    assert synonyms.traits("companion") == {"mutual"} and synonyms.traits("maker") == {"by"}
    assert synonyms.traits("teacher") == synonyms.traits("no such") == frozenset()
    assert "mutual" not in synonyms.synonym_words()
