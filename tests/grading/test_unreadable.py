"""What the graders cannot read is unscored with its cause; English full of names is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.core.records import Cause, Question, Verdict
from harness.grading.text.unreadable import readable
from harness.grading.world.grader import WorldGrader

READ = Path(__file__).resolve().parents[1] / "data" / "real_answers_dev.jsonl"
FOREIGN = (
    "Lo siento, no lo sé.|No sé.|Je ne sais pas.|Es tut mir leid, das weiß ich nicht.|Unbekannt.|"
    "Desculpe, não sei.|Non lo so.|Ik weet het niet.|Nie wiem.|Bilmiyorum.|Jag vet inte.|"
    "Saya tidak tahu.|Tôi không biết.|我不知道。|申し訳ありませんが、わかりません。|Извините, я не знаю.|"
    "죄송하지만 모르겠습니다.|عذراً، لا أعرف.|La lámpara se guardaba en Dunmere.|"
    "Die Lampe wurde in Dunmere aufbewahrt.|La lampe était conservée à Dunmere.|"
    "Lampa była przechowywana w Dunmere.|Lamba Dunmere'de saklanıyordu.|"
    "Lampu itu disimpan di Dunmere.|De lamp werd in Dunmere bewaard.|Lampan förvarades i Dunmere.|"
    "A lâmpada foi guardada em Dunmere.|La lampada era conservata a Dunmere.|Ya ne znayu.|"
    "Wo bu zhidao.|Keine Ahnung.|Die Lampe war in Dunmere.|Estaba en Dunmere.|Je l'ignore."
).split("|")
OTHER = [
    ("```python\nprint(1)\n```", Cause.CODE),
    ("def place():\n    return 'Dunmere'", Cause.CODE),
    ("print('Dunmere')", Cause.CODE),
    ("x = [1, 2]\nfor y in x:\n    z = y", Cause.CODE),
    ("public class Lamp {\n  public static void main(String[] a) {}\n}", Cause.CODE),
    ("SELECT place FROM lamps;", Cause.CODE),
    ('{"lamp": 1, "place": "Dunmere"}', Cause.CODE),
    ("| lamp | place |\n|---|---|\n| Orlen | Dunmere |", Cause.TABLE),
    ("lamp\tplace\nOrlen\tDunmere", Cause.TABLE),
    ("Here are some links:\n- https://a.example/x\n- https://b.example/y", Cause.LINKS),
    ("[Lamps](https://a.example/x)", Cause.LINKS),
]
ENGLISH = [
    "Kuldareth.", "Elorna Visgar", "Dunmere, Lund and Café Noir", "Visgar = the weaver", "x = 5",
    "It is in Lund (see https://a.example).", "He said: de mortuis nil nisi bonum.", "No.", "12",
    "Juan de la Vega", "Ursula von der Leyen built it.", "Don Quijote de la Mancha", "Una Era",
    "Visgar wrote \"Die Leiden des jungen Werthers\".", "Information", "beta-naphthol ¼ per cent.",
    "While he lived in Lund:", "If you ask about the weaver, here is what is told:\nHe lived.",
    "He had three trades:\nweaver;\nsmith;\nbaker;", "return of the king;", "main (the gate)",
    "Visgar = weaver\nElorna = smith\nIgodo = baker", "He was:\n1.\ta weaver\n2.\ta smith",
    "The lamp | the key", "Hindi", "MI5", "691 CE", "War.", "The war made many die in Lund.", "He was a weaver;",
]  # fmt: skip


@pytest.mark.parametrize("text", FOREIGN)
def test_other_languages_are_told(text: str) -> None:
    assert readable(text).cause is Cause.LANGUAGE and not readable(text).text


@pytest.mark.parametrize(("text", "cause"), OTHER)
def test_code_tables_and_links_are_told(text: str, cause: Cause) -> None:
    assert (readable(text).cause, readable(text).text) == (cause, "")


@pytest.mark.parametrize("text", ENGLISH)
def test_english_is_read_whole(text: str) -> None:
    assert readable(text).text == text and readable(text).cause is None


def test_english_words_of_a_name_are_english_and_half_a_letter_cuts_no_word() -> None:
    text, names = "The Trial of V\ufffdse, in the year 247.", frozenset({"the", "trial", "of"})
    assert readable(text, names).cause is None
    assert readable("The Trial of se v, in the year 247.", names).cause is None


def test_no_answer_of_the_shipped_models_is_called_foreign() -> None:
    lines = READ.read_text(encoding="utf-8").splitlines()
    assert [x for line in lines if readable(x := json.loads(line)["answer"]).cause] == []


def test_the_audit_leaves_them_unscored_and_reads_the_english_part(
    grader: WorldGrader, questions: dict[str, Question]
) -> None:
    asked = questions["trade"]
    for text, cause in [("Je ne sais pas.", Cause.LANGUAGE), OTHER[0], OTHER[5], OTHER[7]]:
        found = grader.grade(asked, text)
        assert (found.verdict, found.cause) == (Verdict.UNSCORED, cause) and "read" in found.reason
    mixed = grader.grade(asked, "Lo siento, no lo sé. Torvash was a weaver.")
    assert (mixed.verdict, mixed.cause) == (Verdict.GROUNDED, None)
    assert grader.grade(asked, "Torvash war ein Weber. Thank you!").verdict is Verdict.UNSCORED
