"""A long sentence as short ones, each with its own subject and with names for pronouns.

"Igodo, a ferryman of eighty-one, lives there, and his wife, who bakes, is Wendaly" becomes
"Igodo was a ferryman", "Igodo was eighty-one years old", "Igodo lives in Salvimar", and so on.
Cuts are made at semicolons, at relative clauses, at "and" or "but" before a new subject or
verb, and around appositions. What is cut out keeps the place of its words in the sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.grading.coreference.anaphora import named_tokens
from harness.grading.coreference.discourse import Discourse
from harness.grading.coreference.tokens import (
    ADVERBS,
    BE,
    DETERMINERS,
    FINITE,
    JOINTS,
    PREPOSITIONS,
    RELATIVE,
    Clause,
    ClauseToken,
    has_verb,
    is_finite,
    is_joined,
    is_participle,
    is_plain,
    is_verb,
    of_person,
    so_does,
    that_for_which,
    trimmed,
)
from harness.grading.linking.linker import Linked
from harness.grading.linking.nouns import NOUNS
from harness.grading.syntax.ages import ages
from harness.grading.syntax.rewording import filled_gaps
from harness.grading.text.numbers import find_numbers
from harness.grading.text.words import TOKEN

MIN_WORDS = 5
# What may stand in front of a clause's subject: "and in her old age she ..."
_FRONTED = PREPOSITIONS | {"on", "after", "before", "during", "according"}


def split_clauses(linked: Linked, discourse: Discourse) -> tuple[list[Clause], bool]:
    """The clauses of a sentence, and whether a pronoun was resolved in them.

    `discourse` takes in the names of the sentence.
    """
    tokens = named_tokens(linked, discourse)
    names = [token.mention for token in tokens if token.mention]
    discourse.hear(names, names[0] if names else None)
    if len(tokens) < MIN_WORDS - 2:
        return [], False
    resolved = len(names) > len(linked.mentions)
    found: list[list[ClauseToken]] = []
    for row in filled_gaps(tokens):
        for part in _split_roles(row):
            _cut(part, None, found, depth=0)
    clauses = [clause for part in found for clause in ages(part)]
    kept = [Clause(tuple(part)) for part in clauses if any(t.low.isalpha() for t in part[1:])]
    return kept, resolved


def _split_roles(tokens: list[ClauseToken]) -> list[list[ClauseToken]]:
    """Roles said beside a name, as clauses of their own, and the tokens without them.

    "Visgar's old teacher Oswenna led it" says that she was his teacher, and that she led it;
    so does "Ulgrim the bell-ringer" of his trade.
    """
    said: list[list[ClauseToken]] = []
    place = 0
    while place < len(tokens):
        mention, follow = tokens[place].mention, [t.low for t in tokens[place + 1 : place + 2]]
        if mention and follow == ["'s"] and (at := _owned_name(tokens, place + 2)):
            named = ClauseToken(tokens[at].text, tokens[place].at, tokens[at].mention)
            said.append([named, ClauseToken("was", tokens[at].at), *tokens[place:at]])
            tokens = [*tokens[:place], *tokens[at:]]
            continue
        if mention and follow == ["the"] and of_person(mention) and _lone_noun(tokens, place + 2):
            be = ClauseToken("was", tokens[place + 2].at)
            said.append([tokens[place], be, *tokens[place + 1 : place + 3]])
            tokens = [*tokens[: place + 1], *tokens[place + 3 :]]
        place += 1
    return [*said, tokens]


def _owned_name(tokens: Sequence[ClauseToken], start: int) -> int:
    """Where the name of "'s old teacher Oswenna" stands; 0 where there is none."""
    at = start
    while at < len(tokens) and at < start + 4 and is_plain(tokens[at]):
        at += 1
    named = tokens[at].mention if start < at < len(tokens) else None
    return at if named is not None and of_person(named) else 0


def _lone_noun(tokens: Sequence[ClauseToken], at: int) -> bool:
    """Whether one noun stands behind "Ulgrim the", and no more of a phrase."""
    if at >= len(tokens) or not is_plain(tokens[at]):
        return False
    after = tokens[at + 1].low if at + 1 < len(tokens) else ""
    if after in ("of", "'s"):
        return False
    joins = after in JOINTS | RELATIVE | PREPOSITIONS
    return not after.isalpha() or joins or is_verb(tokens[at + 1])


def _cut(
    tokens: list[ClauseToken],
    lead: ClauseToken | None,
    found: list[list[ClauseToken]],
    *,
    depth: int,
) -> None:
    """Cut tokens into clauses, adding each to `found`; `lead`: the subject before them."""
    tokens = trimmed(tokens)
    if not tokens:
        return
    subject = next((t for t in tokens if t.mention), None)
    for place, token in enumerate(tokens):
        if place == 0 or depth > 12:
            continue
        rest = tokens[place + 1 :]
        low = token.low
        if low in (";", ":", "-"):
            goes_on = any(t.mention for t in rest) and has_verb(rest)
            if low != ":" or (has_verb(tokens[:place]) and goes_on):
                _cut(tokens[:place], lead, found, depth=depth + 1)
                _cut(rest, subject or lead, found, depth=depth + 1)
                return
        elif low == "," and subject and _participial(tokens, place):
            _cut(tokens[:place], lead, found, depth=depth + 1)
            _cut([subject, *rest], subject, found, depth=depth + 1)
            return
        elif _opens_relative(tokens, place):
            _relative(tokens, place, lead, found, depth)
            return
        elif low == "," and _apposition(tokens, place):
            _appose(tokens, place, lead, found, depth)
            return
        elif (low in JOINTS or low == ",") and has_verb(tokens[:place]) and rest:
            after = trimmed(rest)
            if not after or not _opens_clause(after):
                continue
            head = after[0]
            _cut(tokens[:place], lead, found, depth=depth + 1)
            if head.low == "so" and found:
                _echoed(after, found)
            elif head.low in _FRONTED or head.mention or (head.low in ADVERBS and after[1].mention):
                _cut(after, subject or lead, found, depth=depth + 1)
            elif head.low in ("the", "a", "both", "another") or _plain_subject(after):
                _cut(after, None, found, depth=depth + 1)
            else:
                mine = subject or lead
                _cut(([mine] if mine else []) + after, mine, found, depth=depth + 1)
            return
    if not subject and lead is not None:
        tokens = [lead, *tokens]
    found.append(tokens)


def _plain_subject(tokens: Sequence[ClauseToken]) -> bool:
    """A noun with a verb of its own before a name: "horses scare him"."""
    if tokens[0].low in FINITE or tokens[0].low in RELATIVE:
        return False
    for place in (1, 2):
        if place + 1 < len(tokens) and tokens[place].low and tokens[place + 1].mention:
            return tokens[place].low not in PREPOSITIONS and tokens[place].low not in ("and", "'s")
    return False


def _opens_clause(tokens: Sequence[ClauseToken]) -> bool:
    """Whether tokens start a clause: a subject and then a verb, or a verb."""
    if so_does(tokens):
        return True
    first = tokens[0]
    if first.mention:
        if len(tokens) > 1 and tokens[1].low in ("'s", "and", ","):
            return has_verb(tokens[2:8])
        return has_verb(tokens[1:4])
    if first.low in ("the", "a", "both", "another") and len(tokens) > 2:
        return tokens[2].mention is None and has_verb(tokens[2:4])
    if _plain_subject(tokens) and is_verb(tokens[1]):
        return True
    if first.low in ADVERBS and len(tokens) > 2 and tokens[1].mention:
        return has_verb(tokens[2:5])
    if first.low in _FRONTED:
        return any(
            tokens[at].mention and tokens[at + 1].low != "'s" and is_verb(tokens[at + 1])
            for at in range(2, min(8, len(tokens) - 1))
        )
    skip = 1 if first.low in ADVERBS else 0
    return len(tokens) > skip and is_verb(tokens[skip]) and not tokens[skip].low.endswith("ing")


def _relative(
    tokens: list[ClauseToken],
    place: int,
    lead: ClauseToken | None,
    found: list[list[ClauseToken]],
    depth: int,
) -> None:
    """The clause behind "who", up to a comma behind which the sentence goes on."""
    word, opened = tokens[place].low, tokens[place - 1].low == ","
    end = _relative_end(tokens, place, opened=opened)
    before = trimmed(tokens[: place - 1] if opened else tokens[:place])
    if before and before[-1].low in PREPOSITIONS:
        before = before[:-1]
    inner, rest = tokens[place + 1 : end], trimmed(tokens[end:])
    owner = _owner(before, inner, word, lead)
    if owner is None:
        found.append(tokens)
        return
    goes_on = rest and not has_verb(before) and not rest[0].mention
    _cut([*before, *rest] if goes_on else before, lead, found, depth=depth + 1)
    clause, subject = _of_owner(owner, inner, word, at=tokens[place].at)
    _cut(clause, subject, found, depth=depth + 1)
    if rest and not goes_on:
        first = next((t for t in before if t.mention), lead)
        bare = rest[0].mention or first is None or _plain_subject(rest)
        opener = [] if bare or first is None else [first]
        _cut([*opener, *rest], first, found, depth=depth + 1)


def _relative_end(tokens: list[ClauseToken], place: int, *, opened: bool) -> int:
    """Where the clause behind "who" ends: at a comma behind a verb, but for appositions."""
    for at in range(place + 1, len(tokens)):
        if tokens[at].low == "," and has_verb(tokens[place + 1 : at]):
            after = tokens[at + 1 :]
            goes_on = after and (opened or not after[0].mention) and after[0].low not in RELATIVE
            if goes_on and not _apposition(tokens, at):
                return at
    return len(tokens)


def _owner(
    before: list[ClauseToken], inner: list[ClauseToken], word: str, lead: ClauseToken | None
) -> ClauseToken | None:
    """Whom "who" or "where" stands for: the last name that fits, or the noun before it."""
    noun = before[-1] if before else None
    if noun is not None and not noun.mention and word in ("who", "which"):
        if _nominal(before):
            return next((t for t in before if t.mention), lead)
        if inner and not inner[0].mention:
            return noun
    names = [t for t in before if t.mention and (word != "who" or t.mention.kind != "place")]
    if word == "where":
        names = [t for t in names if t.mention and t.mention.kind == "place"]
    return names[-1] if names else lead


def _of_owner(
    owner: ClauseToken, inner: list[ClauseToken], word: str, *, at: int
) -> tuple[list[ClauseToken], ClauseToken | None]:
    """The clause with its owner in the place of the relative word, and whom it is about."""
    named = ClauseToken(owner.text, at, owner.mention)
    if word == "whose":
        return [named, ClauseToken("'s", at), *inner], owner
    if word == "where":
        return [*inner, ClauseToken("in", at), named], owner
    if inner and (inner[0].mention or inner[0].low in ("the", "young", "old")):
        return [*inner, named], owner  # "which Fennimo set off"
    return [named, *inner], owner if owner.mention else None


def _nominal(before: Sequence[ClauseToken]) -> bool:
    """Whether what stands before "who" says what the subject is: "Visgar is a locksmith"."""
    for at in range(len(before) - 1, 0, -1):
        if before[at].low in PREPOSITIONS - {"of"}:
            return False
        if before[at].low in ("a", "an", "the", "one"):
            return before[at - 1].low in BE
    return False


def _opens_relative(tokens: Sequence[ClauseToken], place: int) -> bool:
    named = any(token.mention for token in tokens[:place])
    return named and (tokens[place].low in RELATIVE or that_for_which(tokens, place))


def _participial(tokens: Sequence[ClauseToken], place: int) -> bool:
    rest = tokens[place + 1 :]
    return bool(rest) and is_participle(rest[0]) and has_verb(tokens[:place])


def _apposition(tokens: Sequence[ClauseToken], place: int) -> bool:
    """Whether ", a locksmith" stands behind a name, and no verb belongs to it."""
    if place + 2 > len(tokens) or tokens[place - 1].mention is None:
        return False
    after = tokens[place + 1 :]
    if after[0].low in DETERMINERS or (
        after[0].mention and len(after) > 2 and after[1].low == "'s"
    ):
        end = next((i for i, t in enumerate(after) if t.low in (",", ";") or t.low in RELATIVE),
                   len(after))  # fmt: skip
        return 1 < end <= 14 and not any(is_finite(t) for t in after[:end])
    numbers = find_numbers([t.text.lower() for t in after[:4]])
    return bool(numbers) and numbers[0][0] == 0 and (
        len(after) == numbers[0][1] or after[numbers[0][1]].low == ","
    )  # fmt: skip


def _appose(
    tokens: list[ClauseToken],
    place: int,
    lead: ClauseToken | None,
    found: list[list[ClauseToken]],
    depth: int,
) -> None:
    after = tokens[place + 1 :]
    end = next((i for i, t in enumerate(after) if t.low in (",", ";") or t.low in RELATIVE),
               len(after))  # fmt: skip
    name = _renamed(tokens[:place], after[:end])
    inner, rest = after[:end], after[end:]
    if rest and rest[0].low == ",":
        rest = rest[1:]
    while inner and inner[0].low in ("now", "once", "then", "formerly", "himself", "herself",
                                     "itself"):  # fmt: skip
        inner = inner[1:]
    at = inner[0].at if inner else name.at
    _cut([ClauseToken(name.text, at, name.mention), ClauseToken("was", at), *inner], lead, found,
         depth=depth + 1)  # fmt: skip
    head = tokens[:place]
    if rest and rest[0].low in RELATIVE:
        _cut(head, lead, found, depth=depth + 1) if has_verb(head) else None
        named = ClauseToken(name.text, rest[0].at, name.mention)
        _cut([named, *rest], lead, found, depth=depth + 1)
        return
    if rest and (has_verb(head) and not is_joined(rest)) and rest[0].mention:
        _cut(head, lead, found, depth=depth + 1)
        _cut(rest, lead, found, depth=depth + 1)
        return
    _cut([*head, *rest], lead, found, depth=depth + 1)


def _renamed(before: Sequence[ClauseToken], noun: Sequence[ClauseToken]) -> ClauseToken:
    """Whom an apposition is about: "the lord of Lund, a merchant" is no town."""
    last = before[-1]
    settled = any(token.low in NOUNS["place"] for token in noun)
    if last.mention and last.mention.kind == "place" and not settled:
        people = [t for t in before if t.mention and t.mention.kind != "place"]
        return people[0] if people else last
    return last


def _echoed(after: Sequence[ClauseToken], found: list[list[ClauseToken]]) -> None:
    """The clause before once more, of another: "and so does Kestrado"."""
    names = [t for t in after if t.mention]
    before = found[-1]
    first = next((i for i, t in enumerate(before) if t.mention), None)
    if not names or first is None:
        return
    last = first
    while last + 2 < len(before) and before[last + 1].low == "and" and before[last + 2].mention:
        last += 2
    turned = {before[first].mention: names[0]}
    rest = [turned.get(t.mention, t) if t.mention else t for t in before[last + 1 :]]
    rest = [replace(t, at=names[0].at) for t in rest if t.low != "both"]
    found.append([names[0], *rest])


def spoken_by(text: str, clause: Clause) -> str:
    """The part of a sentence that a clause stands for."""
    start, end = clause.span
    places = [match.span() for match in TOKEN.finditer(text)]
    if not places or start >= len(places):
        return text
    return text[places[start][0] : places[min(end, len(places)) - 1][1]]
