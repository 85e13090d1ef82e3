"""The words of a sentence that is cut into clauses, and what sort of words they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from harness.grading.linking.linker import Linked, Mention
from harness.grading.text.words import tokenise

BE = frozenset(["is", "was", "are", "were", "be", "been", "being"])
FINITE = BE | frozenset(
    "has had have does did do can could will would may might must should went came made took gave "
    "got led met kept left held found built wrote taught became began won lost sold told said fell "
    "stood sat ran knew saw grew drew drove broke chose swore bore put set hid dreamt meant wed "
    "rules leads owns lives works makes keeps meets live travel meet keep own share work lead tend "
    "gather hate love fear rule run stand sit dwell belong serve remain".split()
)
NO_VERB = frozenset(
    "as his its this us yes always perhaps sometimes towards besides across once thus "
    "whose theirs hers ours others years miles hours days skilled beloved aged hundred sacred "
    "famed red bed old wicked need indeed seed bread hatred".split()
)  # of any story; those of one world are its `Nouns.plurals`
RELATIVE = frozenset(["who", "which", "whose", "where", "whom"])
JOINTS = frozenset(["and", "but", "so", "while", "though", "although", "whereas", "because",
                     "since", "yet", "or", "when", "until"])  # fmt: skip
DETERMINERS = frozenset("a an the his her its their now once then himself herself itself formerly "
                         "another one".split())  # fmt: skip
PREPOSITIONS = frozenset(["of", "in", "at", "by", "to", "from", "with", "near", "under", "for"])
NO_NOUN = frozenset("a an the as about that this very too most more greatly off up away on over "
                     "who which because while before after alone again".split())  # fmt: skip
ADVERBS = frozenset("also still now later then never once afterwards".split())


_SIGNS = frozenset([",", ".", ";", ":", "-", "!"])


@dataclass(frozen=True, slots=True)
class ClauseToken:
    """A word or a name of the sentence, and where in its words it stood.

    `noun`: a plural of the world's own, which is no verb.
    """

    text: str
    at: int
    mention: Mention | None = None
    noun: bool = False
    low: str = field(init=False)  # the word in small letters; nothing for a name

    def __post_init__(self) -> None:
        """Write the word small once: it is asked for often."""
        object.__setattr__(self, "low", "" if self.mention else self.text.lower())


@dataclass(frozen=True, slots=True)
class Clause:
    """A short sentence."""

    tokens: tuple[ClauseToken, ...]

    @property
    def span(self) -> tuple[int, int]:
        """The words [start, end) of the long sentence that it stands for."""
        places = [token.at for token in self.tokens]
        last = max(self.tokens, key=lambda token: token.at)
        size = last.mention.end - last.mention.start if last.mention else 1
        return min(places[1:] or places), max(places) + max(1, size)

    def repeats(self, linked: Linked) -> bool:
        """Whether the clause is nothing but the whole sentence, signs at its ends apart."""
        end = len(linked.words)
        while end > 0 and linked.words[end - 1] in _SIGNS:
            end -= 1
        place = 0
        mentions = iter(linked.mentions)
        for token in self.tokens:
            if token.at != place:
                return False
            if token.mention is None:
                if token.text != linked.words[place]:
                    return False
                place += 1
            else:
                if token.mention is not next(mentions, None):
                    return False
                place = token.mention.end
        return place == end

    def linked(self) -> Linked:
        """The clause as a sentence of its own."""
        words: list[str] = []
        mentions: list[Mention] = []
        for token in self.tokens:
            if token.mention is None:
                words.append(token.text)
                continue
            start = len(words)
            words += tokenise(token.text)
            mentions.append(replace(token.mention, start=start, end=len(words)))
        return Linked(words, [word.lower() for word in words], mentions)


def is_plain(token: ClauseToken) -> bool:
    """Whether a token is a word that names nobody and joins nothing."""
    return bool(token.low) and token.low.replace("-", "").isalpha() and token.low not in (
        BE | JOINTS | RELATIVE | PREPOSITIONS
    )  # fmt: skip


def of_person(mention: Mention) -> bool:
    """Whether a name is somebody's, or may be."""
    return mention.kind in ("person", "unknown", "invented")


def trimmed(tokens: list[ClauseToken]) -> list[ClauseToken]:
    """Tokens without signs and joints at their ends."""
    start, end = 0, len(tokens)
    while start < end and (tokens[start].low in (",", ".", ";", ":", "-", "!") or (
        tokens[start].low in JOINTS and not so_does(tokens[start:])
    )):  # fmt: skip
        start += 1
    while end > start and tokens[end - 1].low in (",", ".", ";", ":", "-", "!"):
        end -= 1
    return tokens[start:end]


def so_does(tokens: Sequence[ClauseToken]) -> bool:
    """Whether tokens begin with "so does", "so is"."""
    return (
        len(tokens) > 2
        and tokens[0].low == "so"
        and tokens[1].low in ("do", "does", "did", "is", "was", "are", "were", "has", "had")
    )


def is_verb(token: ClauseToken) -> bool:
    """Whether a word looks like a finite verb."""
    low = token.low
    if not low or not low.isalpha() or token.noun or low in NO_VERB:
        return False
    return low in FINITE or (len(low) > 3 and low.endswith(("s", "ed")) and not low.endswith("ss"))


def has_verb(tokens: Sequence[ClauseToken]) -> bool:
    """Whether any of the words looks like a finite verb."""
    return any(is_verb(token) for token in tokens)


def is_participle(token: ClauseToken) -> bool:
    """Whether a word is "losing", "claiming"."""
    return (
        len(token.low) > 5 and token.low.endswith("ing") and token.low not in ("during", "nothing")
    )


def that_for_which(tokens: Sequence[ClauseToken], place: int) -> bool:
    """Whether "that" stands for "which": "a lamp of copper that belongs to Igodo"."""
    if tokens[place].low != "that" or place < 2 or place + 1 >= len(tokens):
        return False
    back = tokens[place - 1]
    noun = back.mention is not None or not (is_verb(back) or back.low in ("is", "so"))
    return noun and is_verb(tokens[place + 1]) and tokens[place - 2].low not in ("so", "it")


def is_finite(token: ClauseToken) -> bool:
    """Whether a word is a finite verb of the list, and no participle."""
    return token.low in FINITE and token.low not in ("made", "led", "kept", "held", "found")


def is_joined(tokens: Sequence[ClauseToken]) -> bool:
    """Whether tokens begin with a joint."""
    return tokens[0].low in JOINTS


def as_tokens(text: str, at: int) -> list[ClauseToken]:
    """Words as tokens at one place."""
    return [ClauseToken(word, at) for word in text.split()]
