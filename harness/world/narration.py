"""Facts told as prose: the passages of generated worlds.

Two registers. `template`: one statement a fact, in a paraphrase chosen at random. `prose`:
facts of one subject joined by relative clauses, conjunctions and pronouns, between
sentences that only paint the scene. The second teaches a small base to read a story that
a person wrote.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from harness.core.records import Fact, Passage
from harness.world.graph import World, fill
from harness.world.scenery import closing, opening, scene

MAX_FACTS = 8  # of one passage
_SCENE_SHARE = 0.35  # of prose sentences followed by one of scenery


def narrate(world: World, facts: Sequence[Fact], rng: random.Random) -> tuple[Passage, ...]:
    """Tell every one of `facts` once; passages group facts by subject, in random order."""
    by_subject: dict[str, list[Fact]] = {}
    for fact in facts:
        by_subject.setdefault(fact.subject, []).append(fact)
    subjects = list(by_subject)
    rng.shuffle(subjects)
    groups: list[list[Fact]] = [[]]
    for subject in subjects:
        own = by_subject[subject]
        rng.shuffle(own)
        if len(groups[-1]) + len(own) > MAX_FACTS and groups[-1]:
            groups.append([])
        while len(own) > MAX_FACTS:
            groups[-1], own = own[:MAX_FACTS], own[MAX_FACTS:]
            groups.append([])
        groups[-1].extend(own)
    width = len(str(len(groups)))
    return tuple(
        Passage(
            id=f"p{number:0{width}}",
            text=tell(world, group, rng, prose=rng.random() < 0.6),
            fact_ids=tuple(fact.id for fact in group),
        )
        for number, group in enumerate((g for g in groups if g), start=1)
    )


def tell(world: World, facts: Sequence[Fact], rng: random.Random, *, prose: bool) -> str:
    """One passage that tells `facts`, grouped by subject in the order given."""
    by_subject: dict[str, list[Fact]] = {}
    for fact in facts:
        by_subject.setdefault(fact.subject, []).append(fact)
    sentences: list[str] = []
    if prose and rng.random() < 0.4:
        sentences.append(opening(rng))
    for own in by_subject.values():
        sentences += _prose(world, own, rng) if prose else [statement(world, f, rng) for f in own]
    if prose and rng.random() < 0.25:
        sentences.append(closing(rng))
    return " ".join(sentences)


def statement(world: World, fact: Fact, rng: random.Random) -> str:
    """One fact as a sentence, in one of its relation's paraphrases."""
    relation = world.relation[fact.relation]
    return fill(
        rng.choice(relation.statements), s=world.label(fact.subject), o=world.label(fact.object)
    )


def _prose(world: World, facts: Sequence[Fact], rng: random.Random) -> list[str]:
    """Sentences about one subject: the name first, then mostly a pronoun."""
    entity = world.entity[facts[0].subject]
    person = entity.kind == "person"
    pronoun = _pronoun(world, entity.id, rng) if person else "it"
    rest = list(facts)
    sentences: list[str] = []
    while rest:
        name = entity.name if not sentences or rng.random() < 0.4 else pronoun
        take = rest[: rng.choice((1, 1, 2, 2, 3))]
        rest = rest[len(take) :]
        clauses = [_clause(world, fact, rng) for fact in take]
        sentences.append(_join(name, clauses, rng, who="who" if person else "which"))
        if rng.random() < _SCENE_SHARE:
            sentences.append(scene(rng))
    return sentences


def _pronoun(world: World, person: str, rng: random.Random) -> str:
    """The pronoun of a person: a parent's is known, another's is chosen."""
    if world.subjects("father", person):
        return "he"
    if world.subjects("mother", person):
        return "she"
    return rng.choice(("he", "she"))


def _clause(world: World, fact: Fact, rng: random.Random) -> str:
    template = rng.choice(world.relation[fact.relation].clauses)
    return template.replace("{o}", world.label(fact.object))


def _join(name: str, clauses: Sequence[str], rng: random.Random, *, who: str) -> str:
    first = clauses[0]
    if len(clauses) == 1:
        forms = (f"{name} {first}.", f"{name} {first}, or so people said.", f"Now {name} {first}.")
        weights = (6, 1, 1)
    elif len(clauses) == 2:
        second = clauses[1]
        forms = (
            f"{name}, {who} {first}, {second}.",
            f"{name} {first} and {second}.",
            f"{name} {first}, and also {second}.",
        )
        weights = (3, 4, 2)
        if name in ("he", "she", "it"):  # "he, who lived ..." reads badly
            weights = (0, 4, 2)
    else:
        second, third = clauses[1], clauses[2]
        forms = (
            f"{name}, {who} {first} and {second}, {third}.",
            f"{name} {first}, {second} and {third}.",
            f"{name} {first} and {second}; what is more, this same one {third}.",
        )
        weights = (3, 4, 1)
        if name in ("he", "she", "it"):
            weights = (0, 4, 1)
    return fill(rng.choices(forms, weights=weights)[0])
