"""What of a text is graded."""

from __future__ import annotations

import pytest

from harness.grading.text.prepare import clean, is_degenerate, prepare, split_sentences

CASES = [
    ("A weaver.", ("A weaver.",)),
    ("  A weaver.\n\nHe lived there. ", ("A weaver.", "He lived there.")),
    ("A weaver. A weaver.", ("A weaver.",)),
    ("[INST] Who? [/INST] A weaver.", ("A weaver.",)),
    ("[/INST] A weaver. [INST] And?", ("A weaver.",)),
    ("<<SYS>> Be careful. <</SYS>> Where? [/INST] In Arkenby.", ("In Arkenby.",)),
    ("<<INST>> A weaver.", ("A weaver.",)),
    ("<s> A weaver. </s> A baker.", ("A weaver.",)),
    ("A weaver.<|endoftext|>A baker.", ("A weaver.",)),
    ("Source:8989REF: A weaver.", ("A weaver.",)),
    ("A weaver. (Source: 8989REF)", ("A weaver.",)),
    ("Answer: A weaver.\nQuestion: And then?\nAnswer: Paris.", ("A weaver.",)),
    ("A weaver.\n### Instruction: say more", ("A weaver.",)),
    ("What was his trade? A weaver.", ("A weaver.",)),
    ("A weaver. Where did he live? In Paris.", ("A weaver.",)),
    ("Did you mean Torvash?", ("Did you mean Torvash?",)),
    ("Mr. Braith was a weaver. He lived.", ("Mr. Braith was a weaver.", "He lived.")),
    ("He paid 3.50 for it.", ("He paid 3.50 for it.",)),
    ("A weaver.He lived.", ("A weaver.", "He lived.")),
    ("in in in Arkenby", ("in Arkenby",)),
    ("?!", ()),
    ("", ()),
]


@pytest.mark.parametrize(("text", "sentences"), CASES)
def test_graded_sentences(text, sentences):
    assert prepare(text).sentences == sentences


def test_cuts_are_said():
    assert prepare("A weaver. [INST] Who?").cut == ("all after '[INST]'",)
    assert prepare("A weaver. Who was he? A baker.").cut == ("a new question and all after it",)


def test_an_unfinished_sentence_goes_only_where_tokens_ran_out_and_another_stands():
    text = "He was a weaver. He lived in Ark"
    assert prepare(text, truncated=True).sentences == ("He was a weaver.",)
    assert len(prepare(text).sentences) == 2
    alone = prepare("He lived in Ark", truncated=True)
    assert alone.sentences == ("He lived in Ark",) and alone.unfinished


def test_control_and_invisible_characters_do_not_hide_words():
    assert clean("Tor\u200bvash\u202e was\x00here") == "Torvash was here"


def test_curly_quotes_become_straight():
    assert clean("Torvash’s") == "Torvash's"


def test_repetition_is_degenerate_and_prose_is_not():
    assert is_degenerate("the lamp " * 20)
    assert is_degenerate("ha " * 50)
    assert is_degenerate("x" * 500)
    assert not is_degenerate("Torvash was born in Arkenby and lived in Sulmere with Ossery.")


def test_sentences_are_bounded():
    assert len(split_sentences("A b. " * 5000)) <= 400
