"""Whom a text mentions."""

from __future__ import annotations

import pytest

from harness.grading.linking.lexicon import Lexicon
from harness.grading.linking.linker import NO_GUARD, Linker, guard_for


@pytest.fixture(scope="module")
def linker(world):
    return Linker(world, Lexicon(world))


def names(linker, text, invented=None, **options):
    linked = linker.link(text, guard_for(invented) if invented else NO_GUARD, **options)
    return [m.ids[0] if len(m.ids) == 1 else f"{m.kind}:{m.text}" for m in linked.mentions]


CASES = [
    ("Torvash met Melindra.", ["torvash", "melindra"]),
    ("old Melindra", ["melindra"]),
    ("torvash lived in arkenby", ["torvash", "arkenby"]),
    ("TORVASH", ["torvash"]),
    ("Torvash's lamp", ["torvash"]),
    ("Keldon Braith and Keldon and Braith", ["keldon", "keldon", "keldon"]),
    ("Hollinbeck", ["hollin"]),
    ("the city of Arkenby", ["arkenby"]),
    ("the Corvane lamp", ["lamp"]),
    ("the corvane lamp", ["lamp"]),
    ("Corvane lamp", ["lamp"]),
    ("The Order of Vashti met.", ["order"]),
    ("Torvesh and Melindre", ["torvash", "melindra"]),
    ("Torvish", ["torvash"]),
    ("Torvxsx", ["unknown:Torvxsx"]),
    ("He met Zandor there.", ["unknown:Zandor"]),
    ("He met Paris there.", ["unknown:Paris"]),
    ("the Zandor lamp was old", ["unknown:Zandor lamp"]),
    ("the Torvash lamp was old", ["unknown:Torvash lamp"]),
    ("the Siege of Arkenby", ["unknown:Siege of Arkenby"]),
    ("the Order of Zandor", ["unknown:Order of Zandor"]),
    ("zandorik was a weaver", ["unknown:zandorik"]),
    ("Once upon a time, People lived.", []),
    ("Yesterday it rained.", []),
    ("the device", ["device"]),
    ("Device", []),
]


@pytest.mark.parametrize(("text", "found"), CASES)
def test_mentions(linker, text, found):
    assert names(linker, text) == found


def test_an_invented_name_is_told_apart_and_never_corrected(linker):
    assert names(linker, "Torvish was a weaver.", "Torvish") == ["invented:Torvish"]
    assert names(linker, "Torvesh was a weaver.", "Torvish") == ["unknown:Torvesh"]
    assert names(linker, "Torvash was a weaver.", "Torvish") == ["torvash"]
    assert names(linker, "Melindre was a weaver.", "Torvish") == ["melindra"]


def test_an_invented_title_is_found_whole_and_by_its_core(linker):
    assert names(linker, "The Bador lantern fell.", "the Bador lantern") == [
        "invented:The Bador lantern"
    ]
    assert names(linker, "Bador fell.", "the Bador lantern") == ["invented:Bador"]


def test_short_names_are_never_corrected(world):
    from dataclasses import replace

    from harness.core.records import Entity

    small = replace(world, entities=(*world.entities, Entity(id="mo", kind="person", name="Moru")))
    assert names(Linker(small, Lexicon(small)), "He met Moro.") == ["unknown:Moro"]


def test_a_name_cut_off_by_the_token_limit(linker):
    assert names(linker, "He lived in Arken", unfinished=True) == ["cut:Arken"]
    assert names(linker, "He lived in Zando", unfinished=True) == ["unknown:Zando"]
