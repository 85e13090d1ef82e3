"""Ways of answering that no clause shows by itself, written out: lists, second thoughts, gaps.

"- Home: Quorlem" says where the one lives that the answer is about. "She lived in Lund, no,
sorry, in Turin" says nothing of Lund. "The bell is of silver, the key of iron" says twice what
something is made of.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from harness.grading.coreference.tokens import PREPOSITIONS, ClauseToken, has_verb
from harness.grading.text.numbers import find_numbers
from harness.grading.text.words import tokenise

_LABELLED = re.compile(
    r"[\s*•\d.)\-_]*(?P<label>[A-Za-z][A-Za-z' ]{1,24}?)[*_]{0,2}\s?:[*_]{0,2}\s+(?P<value>\S.*)$"
)
_LABELS = frozenset(
    "home residence father mother wife husband spouse teacher birthplace trade job occupation "
    "profession goal aim wish dream fear age enemy companion owner maker material power ruler "
    "founder leader seat duty cause year fame".split()
)
_SECOND_THOUGHT = re.compile(
    # what is taken back ends before blanks, or with them where it would be too short
    r"(?P<first>[^;:]{8,}?)(?:(?<!\s)|(?<=\A[^;:]{8}))\s*(?:,|-|\.\.\.)\s*"
    r"(?:or |ah |oh |um |er )?(?:wait|no|sorry|hold on|scratch that"
    r"|correction|i mean|i meant|or rather|rather|make that|pardon)\b"
    r"(?:[\s,.:;!-]+(?:or |no|wait|sorry|hold on|i mean(?:t)?|let me correct (?:that|myself)"
    r"|scratch that|rather|make that|that (?:is|was) wrong|it (?:is|was))\b)*[\s,.:;!-]+"
    r"(?P<second>\S.*)$",
    re.IGNORECASE,
)
_NO_SECOND = frozenset(["one", "other", "longer", "more", "doubt", "less", "matter", "wonder"])


def labelled(sentence: str, name: str | None) -> str:
    """A line of a list as a sentence about whom the answer is about: "Visgar's age is 34."."""
    if ":" not in sentence or name is None:
        return sentence
    found = _LABELLED.match(sentence)
    if found is None or found["label"].lower().split()[-1] not in _LABELS:
        return sentence
    return f"{name}'s {found['label'].lower()} is {found['value']}"


def settled_on(sentence: str) -> str:
    """A sentence without what it takes back: "thirty, no, sorry, thirty-one" is thirty-one."""
    found = _SECOND_THOUGHT.match(sentence)
    if found is None:
        return sentence
    first, second = found["first"], found["second"]
    words = tokenise(second)
    if words[0].lower() in _NO_SECOND:
        return sentence
    if has_verb([ClauseToken(word, at) for at, word in enumerate(words[:4])]):
        return second
    before = tokenise(first)
    lows = [word.lower() for word in before]
    if words[0].lower() in PREPOSITIONS and words[0].lower() in lows:
        cut = len(lows) - 1 - lows[::-1].index(words[0].lower())
    elif find_numbers([word.lower() for word in words[:1]]) and find_numbers(lows):
        cut = find_numbers(lows)[-1][0]
    else:
        cut = len(lows) - 1
        while cut > 0 and before[cut][:1].isupper() and before[cut - 1][:1].isupper():
            cut -= 1
    return f"{' '.join(before[:cut])} {second}".replace(" 's", "'s")


def filled_gaps(tokens: list[ClauseToken]) -> list[list[ClauseToken]]:
    """Clauses of "A is of silver, B of iron and C of oak", each with the verb of the first.

    The tokens themselves where there is no such row.
    """
    parts = _rows(tokens)
    if len(parts) < 2:
        return [tokens]
    head = parts[0]
    first = next((i for i, token in enumerate(head) if token.mention), None)
    if first is None or not has_verb(head[first + 1 :]):
        return [tokens]
    joint = next((t.low for t in parts[1][1:] if t.low in PREPOSITIONS), "")
    at = next((i for i in range(first + 1, len(head)) if head[i].low == joint), None)
    if at is None or any(not _lacks_verb(part, joint) for part in parts[1:]):
        return [tokens]
    verb = head[first + 1 : at]
    found = [head]
    for part in parts[1:]:
        place = next(i for i, token in enumerate(part) if token.low == joint)
        moved = [replace(token, at=part[0].at) for token in verb]
        found.append([*part[:place], *moved, *part[place:]])
    return found


def _rows(tokens: Sequence[ClauseToken]) -> list[list[ClauseToken]]:
    """The tokens between commas and "and"s before a name."""
    rows: list[list[ClauseToken]] = [[]]
    for place, token in enumerate(tokens):
        follow = [t for t in tokens[place + 1 : place + 4] if t.low not in ("the", "and", "old")]
        if token.low in (",", "and", ";") and follow and follow[0].mention:
            if rows[-1]:
                rows.append([])
            continue
        rows[-1].append(token)
    return rows


def _lacks_verb(part: Sequence[ClauseToken], joint: str) -> bool:
    """Whether a row is a name, a preposition, and what follows, without a verb."""
    lows = [token.low for token in part if token.low not in ("the", "and", "old", ".")]
    return len(lows) > 2 and lows[0] == "" and lows[1] == joint and not has_verb(part)
