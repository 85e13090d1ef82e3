"""Ages and years that stand in a clause without a word for them, taken out as clauses.

"Torvash, 34, was a weaver" says that Torvash was 34 years old; "the Great Flood (231)" that the
flood was in the year 231.
"""

from __future__ import annotations

from harness.grading.coreference.tokens import ClauseToken, as_tokens
from harness.grading.text.numbers import find_numbers

OLDEST = 120  # years; a bare number up to it may be an age, a larger one is a year
_IN_YEAR = ["in", "the", "year"]
_BEHIND = ("", ",", "and", "who", ")", "she", "he")  # may follow a number that stands alone
_PEOPLE = ("person", "unknown", "invented")
Clauses = list[list[ClauseToken]]


def ages(tokens: list[ClauseToken]) -> Clauses:
    """A clause with the first age or year in it as a clause of its own, or as it is."""
    lows = [token.low for token in tokens]
    if not any(token.mention for token in tokens):
        return [tokens]
    for start, end, value in find_numbers(lows):
        if not _stands_alone(tokens, lows, end):
            continue
        found = (
            _year(tokens, lows, start, end)
            if value > OLDEST
            else _age(tokens, lows, start, end)
            if value > 4
            else None
        )
        if found is not None:
            return found
    return [tokens]


def _stands_alone(tokens: list[ClauseToken], lows: list[str], end: int) -> bool:
    """Whether no word for what it counts follows a number."""
    if end >= len(lows):
        return True
    if lows[end].startswith("year"):
        return False
    return lows[end] in _BEHIND or tokens[end].mention is not None


def _first(tokens: list[ClauseToken], *kinds: str) -> ClauseToken | None:
    return next((t for t in tokens if t.mention and t.mention.kind in kinds), None)


def _year(tokens: list[ClauseToken], lows: list[str], start: int, end: int) -> Clauses | None:
    """As in "the Flood in 231", "the Flood (231)", "the Flood in the year 231"."""
    event = _first(tokens, "event")
    if event is None:
        return None
    said = [event, *as_tokens("was in the year", tokens[start].at), *tokens[start:end]]
    if start and lows[start - 1] in ("in", "(", ","):
        closed = end < len(lows) and lows[end] == ")"
        rest = [*tokens[: start - 1], *tokens[end + closed :]]
        return [rest, said] if len(rest) > 1 else [said]
    if lows[max(0, start - 3) : start] == _IN_YEAR:
        rest = [*tokens[: start - 3], *tokens[end:]]
        return [rest, said] if len(rest) > 2 else [tokens]
    return None


def _age(tokens: list[ClauseToken], lows: list[str], start: int, end: int) -> Clauses | None:
    """As in "a weaver of 34", "at 34 Torvash ...", "Torvash was 34"."""
    person = _first(tokens, *_PEOPLE)
    before = lows[start - 1] if start else ""
    of = before == "of" and start > 1 and lows[start - 2].isalpha() and lows[start - 2] != "age"
    fronted = start == 1 and before in ("at", "aged")
    alone = start == 2 and lows[1] == "was" and end == len(tokens)
    if person is None or not (of or fronted or alone):
        return None
    at = tokens[start].at
    said = [person, ClauseToken("was", at), *tokens[start:end], *as_tokens("years old", at)]
    rest = [] if alone else [*tokens[: start - 1], *tokens[end:]]
    return [rest, said] if len(rest) > 1 else [said]
