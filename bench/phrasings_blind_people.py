"""Blind phrasings of the relations of people, six a relation.

Written by an author who had not seen the grader, its tables, or any other phrasings;
used only for measuring how much natural wording the grader reads, never for fitting it.
`{s}` is the subject, `{o}` the object, as in `fixtures/stories/relations.toml`.
"""

from __future__ import annotations

BLIND_PEOPLE: dict[str, tuple[str, ...]] = {
    "father": (
        "{s}'s father is {o}.",
        "Meet {o}, dad to {s}.",
        "{s} was sired by {o}.",
        "The man {s} grew up calling Papa was none other than {o}.",
        "{s} is the child of a man by the name of {o}.",
        "{o} is the man who fathered {s}.",
    ),
    "mother": (
        "{s}'s mother is {o}.",
        "{o} is {s}'s mum.",
        "{o} gave birth to {s}.",
        "The woman who brought {s} into the world was {o}.",
        "On the maternal side, {s} is the child of {o}.",
        "{s} is the child of a woman named {o}.",
    ),
    "spouse": (
        "{s} is {o}'s spouse.",
        "{s} tied the knot with {o}.",
        "{o} and {s} are husband and wife.",
        "{s} exchanged wedding vows with {o}.",
        "The person {s} is married to is {o}.",
        "{s} and {o} are a married couple.",
    ),
    "teacher": (
        "{s} studied under {o}.",
        "{s}'s mentor was {o}.",
        "{o} took {s} on as a student.",
        "{s} received an education at the hands of {o}.",
        "It was from {o} that {s} took lessons.",
        "{o} is the person who instructed {s}.",
    ),
    "birthplace": (
        "{s}'s birthplace is {o}.",
        "{s} first saw the light of day in {o}.",
        "{o} is the place of {s}'s birth.",
        "The place {s} was born in is called {o}.",
        "{s}'s life began in {o}.",
        "{s} is {o}-born.",
    ),
    "home": (
        "{s} resides in {o}.",
        "{o} is where {s} lives.",
        "{s} is a resident of {o}.",
        "{s} dwells in {o}.",
        "The house {s} lives in stands in {o}.",
        "{s} has settled down in {o}.",
    ),
    "trade": (
        "{s}'s profession is that of a {o}.",
        "{s} makes a living as a {o}.",
        "Being a {o} is how {s} pays the bills.",
        "{s} is employed as a {o}.",
        "{s} plies the trade of a {o}.",
        "Meet {s}, a {o} by profession.",
    ),
    "goal": (
        "{s}'s goal is {o}.",
        "More than anything, {s} longs {o}.",
        "What {s} wants most in the world is {o}.",
        "{s}'s dearest wish is {o}.",
        "{o} is the ambition that drives {s}.",
        "{s} is determined {o}.",
    ),
    "fear": (
        "{s} is terrified of {o}.",
        "{s}'s greatest fear is {o}.",
        "The thought of {o} terrifies {s}.",
        "If anything scares {s}, it is {o}.",
        "{s} has a phobia of {o}.",
        "{s} dreads {o}.",
    ),
    "age": (
        "{s} is {o}.",
        "{s} is aged {o}.",
        "{s}'s age is {o}.",
        "The story gives {s}'s age as {o}.",
        "{o} years have passed since {s} was born.",
        "{s} has seen {o} winters.",
    ),
    "companion": (
        "{s}'s travelling companion is {o}.",
        "{o} accompanies {s} on every journey.",
        "{s} always sets out together with {o}.",
        "Wherever {s} goes, {o} goes along.",
        "{s} has a constant companion in {o}.",
        "{o} is the one who keeps {s} company on the road.",
    ),
    "enemy": (
        "{s}'s sworn enemy is {o}.",
        "{o} is {s}'s nemesis.",
        "{s} regards {o} as an enemy.",
        "There is nobody {s} hates as much as {o}.",
        "{s} bears a deep hatred for {o}.",
        "{s} loathes {o}.",
    ),
    "member": (
        "{s} is one of the members of {o}.",
        "{s} is part of {o}.",
        "{s} holds membership in {o}.",
        "One of those who make up {o} is {s}.",
        "{s} signed up with {o}.",
        "{s} was admitted to {o} as a member.",
    ),
}
