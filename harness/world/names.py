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

from harness.core.errors import UsageError
from harness.core.paths import data_folder

# What stands more often in a list is chosen more often. The lists hold every letter at every
# place, so that no name of a written story is made of letters a base has hardly met.
SINGLE = "b c d f g h j k l m n p r s t v w y z".split()
ONSETS = (
    *SINGLE * 3,
    *"bl br ch cl cr dr dw fl fr gh gl gr kh kl kn kr ph pl pr qu rh sc scr sh sk sl".split(),
    *"sm sn sp spr squ st str sw th thr tr tw vr wh wr x".split(),
)
OPENINGS = (
    "a e i o u".split() * 6 + "ae ai au ei eu oa oi ou y".split()
)  # of names that begin with a vowel
NUCLEI = (
    *"a e i o a e i o u".split() * 14,
    *"y ae ai au ay ea ee ei eo ey ia ie io iu oa oe oi oo ou ow oy ua ue ui uo".split(),
)
LINKS = (
    *SINGLE * 4,
    *"bb cc dd ff gg ll mm nn pp rr ss tt zz ck ch sh th ph qu x".split(),
    *"bl br cl cr ct dr dv ft gn gr kr ks lb lc ld lf lg lk lm ln lp lq ls lt lv lw mb mbr".split(),
    *"mp mpl nc nd ndr ng ngl nk nqu ns nt nth ntr nv nz pr ps pt rb rc rd rf rg rk rl rm".split(),
    *"rn rp rqu rs rst rt rth rv rw rz sc sk skr sl sm sp squ st str tch tl tr vr xt zl".split(),
)
CODAS = (
    *"c d f g k l m n p r s t x z b h v w".split() * 2,
    *"ck ch ct ff ft gh ld lk ll lm ln lp ls lt mb mp nc nd ng nk ns nt nth nx nz ph ps".split(),
    *"pt que rb rc rch rd rf rg rk rl rm rn rp rs rsk rst rt rth rx sh sk sp ss st th tz".split(),
    *"be ce de fe ge ke le me ne pe re se te ve ze ique ock ick ace ance ine ose ure".split(),
)
_LETTERS = "bcdfghjklmnpqrstvwxz"  # of wild names, whose consonants come all equally often

ARTICLE_NAMES = frozenset({"bordor", "lila", "visgar", "elorna", "igodo", "pentiagon"})
OBJECT_NOUNS = (
    "lantern bell horn ledger key compass mirror cup crown ring harp sword box mask clock staff "
    "stone blade book lamp drum cloak needle coin wheel statue chain map jar spear flute chest "
    "shield rope candle window chair table bowl scroll brush glove saddle anchor hammer puppet "
    "telescope bottle carpet engine whistle"
).split()
GROUP_NOUNS = (
    "Order Guild Circle League House Company Brotherhood Council Watch Clan Chapter Band "
    "Sisters Wardens Keepers Riders Society Choir".split()
)
EVENT_NOUNS = (
    "Siege Flood Feast Trial Duel Fire Battle March Wedding Council Treaty Famine Race Revolt "
    "Harvest Vigil"
).split()

_VOWELS = set("aeiou")
_WORD = re.compile(r"[A-Z][a-z]+")
_MAX_TRIES = 20_000
_WILD_SHARE = 0.12


def is_reserved(name: str) -> bool:
    """Whether `name` is in the tenth of the name space that only audits may use."""
    return sha256(name.lower().encode()).digest()[0] % 10 == 0


def coin_name(rng: random.Random, *, reserved: bool = False) -> str:
    """Coin a pronounceable name of two or three syllables, such as "Torvash".

    With `reserved` it is from the audits' tenth, else never. Blocked names are not coined.
    """
    while True:
        name = _wild(rng) if rng.random() < _WILD_SHARE else _syllables(rng)
        if (
            5 <= len(name) <= 9
            and pronounceable(name)
            and is_reserved(name) == reserved
            and name not in blocked_names()
        ):
            return name.capitalize()


def _syllables(rng: random.Random) -> str:
    parts = [rng.choice(OPENINGS)] if rng.random() < 0.2 else [rng.choice(ONSETS)]
    if parts[0] in ONSETS:
        parts.append(rng.choice(NUCLEI))
    for _ in range(1 if rng.random() < 0.6 else 2):
        parts += [rng.choice(LINKS), rng.choice(NUCLEI)]
    if rng.random() < 0.7:
        parts.append(rng.choice(CODAS))
    return "".join(parts)


def _wild(rng: random.Random) -> str:
    """Consonants and vowels in turn, each as likely as the next."""
    vowel = rng.random() < 0.4
    letters = []
    for _ in range(rng.randint(5, 9)):
        letters.append(rng.choice("aeiouy" if vowel else _LETTERS))
        if rng.random() < 0.8:
            vowel = not vowel
    return "".join(letters)


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
