"""Names that nobody bears: a phonotactic grammar, and a tenth of it kept for audits.

The generator of worlds, and so every base's pretraining, never emits a reserved name;
the audit invents its names from the reserved tenth only. So that a name's absence can be
certified without keeping a list, the choice is by hash of the name itself.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from hashlib import sha256

from harness.errors import UsageError
from harness.paths import data_folder

ONSETS = "b br c cr d dr f fr g gl gr h j k kr l m n p pr r s sh sk st t th tr v vr w y z".split()
NUCLEI = "a a a e e e i i i o o o u u ae ia ei ou".split()  # repeated: more frequent
CODAS = "b d g k l ld lm ln m n nd nk nt r rd rk rn rth s sh sk st t th v x".split()
LINKS = "l m n r s v d t lm nd rd rl rv st sk ld nn rr".split()

ARTICLE_NAMES = frozenset({"bordor", "lila", "visgar", "elorna", "igodo", "pentiagon"})
OBJECT_NOUNS = (
    "lantern bell horn ledger key compass mirror cup crown ring harp sword box mask clock staff "
    "stone blade book lamp drum cloak needle coin wheel statue chain map jar spear"
).split()
GROUP_NOUNS = (
    "Order Guild Circle League House Company Brotherhood Council Watch Clan Chapter Band".split()
)
EVENT_NOUNS = (
    "Siege Flood Feast Trial Duel Fire Battle March Wedding Council Treaty Famine Race Revolt "
    "Harvest Vigil"
).split()

_VOWELS = set("aeiou")
_WORD = re.compile(r"[A-Z][a-z]+")
_MAX_TRIES = 20_000


def is_reserved(name: str) -> bool:
    """Whether `name` is in the tenth of the name space that only audits may use."""
    return sha256(name.lower().encode()).digest()[0] % 10 == 0


def coin_name(rng: random.Random, *, reserved: bool = False) -> str:
    """Coin a pronounceable name of two or three syllables, such as "Torvash".

    With `reserved` it is from the audits' tenth, else never. Blocked names are not coined.
    """
    while True:
        syllables = 2 if rng.random() < 0.6 else 3
        parts = [rng.choice(ONSETS), rng.choice(NUCLEI)]
        for _ in range(syllables - 1):
            parts += [rng.choice(LINKS), rng.choice(NUCLEI)]
        if rng.random() < 0.75:
            parts.append(rng.choice(CODAS))
        name = "".join(parts)
        if 5 <= len(name) <= 9 and is_reserved(name) == reserved and name not in blocked_names():
            return name.capitalize()


def near_names(name: str, distance: int, rng: random.Random) -> Iterator[str]:
    """Yield reserved, pronounceable names at exactly `distance` edits from `name`.

    In a name of several words the coined word is changed: "the Orvek lantern" gives "the
    Orvok lantern". Each is yielded once; the stream ends when new ones are hard to find.
    Raises UsageError when `distance` is not positive or `name` has no word to change.
    """
    from rapidfuzz.distance import Levenshtein

    if distance < 1:
        raise UsageError(f"near_names: distance {distance} is not positive")
    core = coined_word(name)
    if core is None:
        raise UsageError(f"near_names: '{name}' has no coined word to change")
    seen: set[str] = set()
    for _ in range(_MAX_TRIES):
        word = core.lower()
        for _ in range(distance):
            word = _edit(word, rng)
        if word in seen or word in blocked_names() or not is_reserved(word):
            continue
        if Levenshtein.distance(word, core.lower()) == distance and pronounceable(word):
            seen.add(word)
            yield name.replace(core, word.capitalize())


def coined_word(name: str) -> str | None:
    """The coined word of a name: its longest capitalised word that is no frame noun."""
    frame = {*GROUP_NOUNS, *EVENT_NOUNS, "The"}
    words = [word for word in _WORD.findall(name) if word not in frame]
    return max(words, key=len) if words else None


def pronounceable(word: str) -> bool:
    """Whether no run of three vowels or four consonants stands in `word`, and both occur."""
    kinds = "".join("v" if letter in _VOWELS else "c" for letter in word)
    return len(word) >= 4 and "vvv" not in kinds and "cccc" not in kinds and "v" in kinds[:3]


def invented_title(kind: str, name: str, rng: random.Random) -> str:
    """How an entity of `kind` with the coined `name` is called in a text."""
    if kind == "object":
        return f"the {name} {rng.choice(OBJECT_NOUNS)}"
    if kind == "group":
        return f"the {rng.choice(GROUP_NOUNS)} of {name}"
    if kind == "event":
        return f"the {rng.choice(EVENT_NOUNS)} of {name}"
    return name


@cache
def blocked_names() -> frozenset[str]:
    """Lower-case words that are never coined: the article's, and all shipped stories'."""
    words = set(ARTICLE_NAMES)
    for path in sorted(data_folder("fixtures").glob("stories/*/story.toml")):
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        for entity in data.get("entity", ()):
            for name in (entity["name"], *entity.get("aliases", ())):
                words.update(word.lower() for word in _WORD.findall(name))
    return frozenset(words)


def _edit(word: str, rng: random.Random) -> str:
    """One random substitution, insertion or deletion; vowels change to vowels."""
    at = rng.randrange(len(word))
    letters = "aeiou" if word[at] in _VOWELS else "bcdfghjklmnprstvwz"
    kind = rng.random()
    if kind < 0.6:
        return word[:at] + rng.choice(letters) + word[at + 1 :]
    if kind < 0.8:
        return word[:at] + rng.choice("aeioulnrst") + word[at:]
    return word[:at] + word[at + 1 :]
