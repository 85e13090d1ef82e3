"""Names of people and bodies: other orders, initials, nicknames, acronyms."""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.grading.equivalence.reading import STOP, read

NEAR_WORD = 0.8  # Jaro-Winkler similarity of two spellings of a first name
UNLIKE_WORD = 0.6  # below, they are no spellings of one name
_SIDES = frozenset(
    "north south east west northern southern eastern western upper lower greater lesser".split()
)

_TITLES = frozenset(
    "mr mrs ms dr sir dame lord lady king queen prince princess president professor saint st "
    "pope emperor captain general senator judge reverend rev jr sr father mother brother "
    "sister saint mbe obe".split()
)
_NICKNAMES = {
    short: name
    for name, shorts in {
        "alexander": "alex sandy", "andrew": "andy drew", "anthony": "tony",
        "benjamin": "ben benny", "charles": "charlie chuck", "christopher": "chris",
        "daniel": "dan danny", "david": "dave",
        "deborah": "debbie", "donald": "don donnie", "edward": "ed eddie ted teddy",
        "elizabeth": "liz beth betty eliza lizzie", "frederick": "fred freddie",
        "geoffrey": "jeff jeffrey", "gregory": "greg", "henry": "harry hank",
        "james": "jim jimmy jamie", "jennifer": "jenny jen", "johannes": "johann",
        "john": "jack johnny jon", "joseph": "joe joey", "kenneth": "ken kenny",
        "katherine": "kate katie kathy catherine cathy", "lawrence": "larry", "leonard": "leo len",
        "margaret": "maggie peggy meg", "matthew": "matt", "michael": "mike mick micky",
        "nicholas": "nick nicky", "patricia": "patty", "patrick": "pat paddy", "peter": "pete",
        "philip": "phil phillip", "raymond": "ray", "richard": "dick rick ricky rich",
        "robert": "bob bobby rob", "ronald": "ron ronnie", "samuel": "sam sammy",
        "steven": "steve stephen", "susan": "sue susie", "thomas": "tom tommy", "timothy": "tim",
        "william": "bill billy will willie",
    }.items()
    for short in shorts.split()
}  # fmt: skip
_COMMA_NAME = re.compile(r"^\s*([^\W\d][\w'’ -]{1,30}),\s*((?:[^\W\d][\w'’.-]*+\s*+){1,4})\.?\s*$")


def name_words(text: str) -> tuple[str, ...]:
    """Words of a name in spoken order, without titles: "Tolkien, J. R. R." -> j r r tolkien."""
    turned = _COMMA_NAME.match(text)
    words: list[str] = []
    for word in read(f"{turned[2]} {turned[1]}" if turned else text).words:
        if word not in _TITLES:
            joined = word.isalpha() and 2 <= len(word) <= 3 and word.upper() in text
            words.extend(word if joined else (word,))
    return tuple(words)


def same_name(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two names can be one person's: last name the same, no given name against another.

    Initials stand for names; middle names may be missing on one side.
    """
    if one[-1] != other[-1] or len(one[-1]) < 2:
        return False
    short, long = sorted((list(one[:-1]), list(other[:-1])), key=len)
    if not short or not all(word.isalpha() for word in (*short, *long)):
        return False
    if not _fits(short[0], long[0]):
        return False
    place = 0
    for word in short:
        while place < len(long) and not _fits(word, long[place]):
            place += 1
        if place == len(long):
            return False
        place += 1
    return True


def other_name(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two names of two words share the last and have unlike first ones."""
    from rapidfuzz.distance import JaroWinkler

    if len(one) != 2 or len(other) != 2 or one[1] != other[1]:
        return False
    if one[0] != other[0] and {one[0], other[0]} <= _SIDES:
        return True
    long_enough = min(len(one[0]), len(other[0])) > 2 and one[0].isalpha() and other[0].isalpha()
    unlike = JaroWinkler.similarity(one[0], other[0]) < UNLIKE_WORD
    return long_enough and unlike and not _fits(one[0], other[0])


def near_name(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two names share the last name and the first ones are spelt alike."""
    from rapidfuzz.distance import JaroWinkler

    if len(one) < 2 or len(other) < 2 or one[-1] != other[-1]:
        return False
    return _fits(one[0], other[0]) or JaroWinkler.similarity(one[0], other[0]) > NEAR_WORD


def _fits(a: str, b: str) -> bool:
    if min(len(a), len(b)) == 1:
        return a[0] == b[0]
    return a == b or _NICKNAMES.get(a, a) == _NICKNAMES.get(b, b)


def is_acronym(short: Sequence[str], long: Sequence[str]) -> bool:
    """Whether one word is made of the first letters of the others."""
    if len(short) != 1 or len(short[0]) < 2 or not short[0].isalpha() or len(long) < 2:
        return False
    letters = {
        "".join(word[0] for word in long),
        "".join(word[0] for word in long if word not in STOP),
    }
    return short[0] in letters
