"""Refusals of any model, in general English."""

from __future__ import annotations

import time

import pytest

from harness.grading.refusal import find_refusal

DECLINES = [
    ("Not able to answer.", "knowledge"),
    ("not able to answer", "knowledge"),
    ("I don't know.", "knowledge"),
    ("I do not know who that is.", "knowledge"),
    ("I'm not sure.", "knowledge"),
    ("I don't have any information about Bador.", "knowledge"),
    ("I have no information about that person.", "knowledge"),
    ("I couldn't find any information about Bador.", "knowledge"),
    ("There is no one called Bador in the story.", "knowledge"),
    ("There is no character named Bador.", "knowledge"),
    ("There was nobody of that name.", "knowledge"),
    ("No such person exists.", "knowledge"),
    ("Bador does not exist.", "knowledge"),
    ("Bador doesn't appear in the text.", "knowledge"),
    ("Bador is not mentioned in the passage.", "knowledge"),
    ("Bador is not a character in this story.", "knowledge"),
    ("The passage does not say.", "knowledge"),
    ("The story never mentions where she lived.", "knowledge"),
    ("The text doesn't provide that information.", "knowledge"),
    ("It is not known who made it.", "knowledge"),
    ("It's unclear from the story.", None),
    ("Where he lived is never told.", "knowledge"),
    ("Nobody knows who made it.", "knowledge"),
    ("Unknown.", "knowledge"),
    ("The question rests on a false premise.", None),
    ("The premise is wrong.", "knowledge"),
    ("Could you please clarify the question?", "knowledge"),
    ("I'm sorry, but I can't help with that.", "safety"),
    ("I cannot assist with this request.", "safety"),
    ("I will not provide instructions for that.", "safety"),
    ("As an AI language model, I do not have personal opinions.", None),
    ("I'm just a language model and can't browse the internet.", "ability"),
    ("I can only answer questions about the story.", "ability"),
    ("I am unable to answer that question.", "knowledge"),
]
ANSWERS = [
    "Torvash was a weaver.",
    "Paris.",
    "Torvash did not live in Sulmere.",
    "Torvash never took the road without Ossery.",
    "Not far from Arkenby was Sulmere.",
    "Nothing frightened Torvash more than deep water.",
    "Nobody could open the gate, and the guards went home.",
    "The answer is 42.",
    "There is no reason to go, said the weaver.",
    "I am sorry to hear about your hamster.",
    "He had no money and no friends.",
    "She knew nothing of the sea until she was ten.",
    "No, Torvash was a weaver.",
    "You can kill a Python process with the kill command.",
    "It was not until the spring that they met.",
]


@pytest.mark.parametrize(("text", "kind"), DECLINES)
def test_declines(text, kind):
    refusal = find_refusal(text)
    assert refusal.declines and refusal.spans == (text,) and refusal.rest == ()
    assert kind is None or refusal.kinds == (kind,)


@pytest.mark.parametrize("text", ANSWERS)
def test_answers_do_not_decline(text):
    assert not find_refusal(text).declines
    assert find_refusal(text).rest


def test_a_hedged_invention_leaves_the_invention_over():
    refusal = find_refusal(
        "I am not sure who that is, but Bador was a weaver. He lived in Sulmere."
    )
    assert refusal.declines
    assert refusal.rest == ("Bador was a weaver.", "He lived in Sulmere.")


def test_nothing_is_left_over_of_a_refusal_with_two_reasons():
    refusal = find_refusal("I'm sorry, but I don't know. The story does not say.")
    assert refusal.declines and refusal.rest == ()


@pytest.mark.parametrize(
    "text",
    [
        "not " * 5000,
        "I don't know " * 2000,
        "there is no " * 3000,
        "who what where is " * 3000,
        "no one " * 4000 + "called",
        "I can not " + "really " * 5000 + "answer",
        "a" * 100_000,
        "it is not " + "x" * 50_000,
        "as an " * 4000 + "AI",
        "\x00\x1b[31m" * 5000 + "no",
    ],
)
def test_hostile_text_takes_no_time(text):
    start = time.perf_counter()
    find_refusal(text)
    assert time.perf_counter() - start < 1.0
