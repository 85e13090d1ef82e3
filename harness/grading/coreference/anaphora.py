"""Names in the place of pronouns, "there" and "the town", before a sentence is cut into clauses."""

from __future__ import annotations

from collections.abc import Sequence

from harness.grading.coreference.discourse import Discourse
from harness.grading.coreference.tokens import BE, JOINTS, NO_NOUN, PREPOSITIONS, ClauseToken
from harness.grading.linking.linker import Linked, Mention

_COUPLES = tuple(
    tuple(words.split())
    for words in (
        "the two of them", "they both", "both of them", "they", "the couple", "the pair",
        "the two", "both",
    )
)  # fmt: skip
# Words at which somebody named before may be meant.
_STANDING_IN = frozenset(
    "there the this that he she it they him her them his its their both of member members".split()
)
_NO_COUPLE = (["and"], ["of"], ["or"], ["in"], ["with"])
_CLEFTS = frozenset(["who", "that", "where", "when"])
_BEFORE_NOUNS = PREPOSITIONS | {"the", "a"}


def named_tokens(linked: Linked, discourse: Discourse) -> list[ClauseToken]:
    """Tokens with names in the place of pronouns, "there" and "the town"."""
    words, lows = linked.words, linked.lows
    starts = {mention.start: mention for mention in linked.mentions}
    tokens: list[ClauseToken] = []
    before: list[Mention] = []
    place = 0
    while place < len(words):
        mention = starts.get(place)
        if mention is not None:
            tokens.append(ClauseToken(mention.text, place, mention))
            before.append(mention)
            place = mention.end
            continue
        if lows[place] not in _STANDING_IN:
            tokens.append(ClauseToken(words[place], place, noun=_is_noun(lows, place, discourse)))
            place += 1
            continue
        couple = _couple(linked, place, discourse, before)
        if couple:
            first, second = couple[1]
            tokens += [ClauseToken(first.text, place, first), ClauseToken("and", place)]
            tokens.append(ClauseToken(second.text, place, second))
            before += couple[1]
            place += couple[0]
            continue
        size, meant, owner = _anaphor(linked, place, discourse, before, tokens)
        if meant is not None:
            if lows[place] == "there":
                tokens.append(ClauseToken("in", place))
            tokens.append(ClauseToken(meant.text, place, meant))
            before.append(meant)
            if owner:
                tokens.append(ClauseToken("'s", place))
            place += size
            continue
        tokens.append(ClauseToken(words[place], place))
        group = _unsaid_group(lows, place, discourse, before)
        if group is not None:
            tokens += [ClauseToken("of", place), ClauseToken(group.text, place, group)]
            before.append(group)
        place += 1
    return tokens


def _is_noun(lows: Sequence[str], at: int, discourse: Discourse) -> bool:
    """Whether a word that may look like a verb is one of the world's plurals: "of wasps".

    Out of its values only where no verb can stand ("maps", "taxes" may be one elsewhere).
    """
    if lows[at] not in discourse.nouns.plurals:
        return False
    return lows[at] in discourse.nouns.own or (at > 0 and lows[at - 1] in _BEFORE_NOUNS)


def _couple(
    linked: Linked, at: int, discourse: Discourse, before: Sequence[Mention]
) -> tuple[int, tuple[Mention, ...]] | None:
    """How many words stand for the two people of the last sentence, and who those are."""
    lows = linked.lows
    size = next((len(one) for one in _COUPLES if tuple(lows[at : at + len(one)]) == one), 0)
    if not size or (lows[at] in ("they", "both") and lows[at + 1 : at + 2] in _NO_COUPLE):
        return None
    people = {m.ids: m for m in before if m.kind == "person"}
    if before:
        mine = tuple(people.values())
        return (size, mine) if len(people) == len(before) == 2 else None
    if any(m.kind == "person" and m.start < at + size + 3 for m in linked.mentions):
        return None
    found = discourse.pair()
    return (size, found) if found else None


def _unsaid_group(
    lows: Sequence[str], at: int, discourse: Discourse, before: Sequence[Mention]
) -> Mention | None:
    """Of what somebody is "a member too", where only an earlier sentence says it."""
    if lows[at] not in ("member", "members") or lows[at - 1 : at] not in (["a"], ["are"], ["were"]):
        return None
    if lows[at + 1 : at + 2] in (["of"], ["in"]) or any(m.kind == "group" for m in before):
        return None
    return discourse.last("group")


def _anaphor(
    linked: Linked, at: int, discourse: Discourse, before: Sequence[Mention],
    tokens: Sequence[ClauseToken],
) -> tuple[int, Mention | None, bool]:  # fmt: skip
    """How many words stand for a name, which, and whether they are possessive."""
    lows = linked.lows
    low = lows[at]
    clause = _since_joint(tokens)
    mine = [
        token.mention
        for at_, token in enumerate(clause)
        if token.mention and [t.low for t in clause[at_ + 1 : at_ + 2]] != ["'s"]
    ][:1]
    follow = lows[at + 1] if at + 1 < len(lows) else ""
    if low == "there":
        opens = follow in BE or follow in ("once", "lived", "had", "has")
        return 1, None if opens else discourse.place(before), False
    if low in ("the", "this", "that") and follow in discourse.nouns:
        after = lows[at + 2] if at + 2 < len(lows) else ""
        if after == "of" or (
            after and after.isalpha() and after.islower() and after in discourse.nouns
        ):
            return 1, None, False
        owner = after == "'s"
        return (3 if owner else 2), discourse.noun(follow, before), owner
    her = low == "her" and not _noun_like(follow)
    if low in ("him", "them") or her or (low == "it" and clause):
        return 1, discourse.meant(low, before, barred=mine), False
    if low == "it" and follow in BE and not _CLEFTS.isdisjoint(lows[at:]):
        return 1, None, False  # a cleft: "It was Igodo who ..."
    if low in ("his", "its", "their") or (low == "her" and _noun_like(follow)):
        return 1, discourse.meant(low, before, barred=_predicate(tokens)), True
    if low in ("he", "she", "it", "they", "him", "her", "them"):
        return 1, discourse.meant(low, before), False
    return 1, None, False


def _since_joint(tokens: Sequence[ClauseToken]) -> Sequence[ClauseToken]:
    """The tokens of the clause that goes on at the end of `tokens`."""
    for at in range(len(tokens) - 1, -1, -1):
        if tokens[at].low in JOINTS or tokens[at].low in (",", ";", ":", "that", "what"):
            return tokens[at + 1 :]
    return tokens


def _predicate(tokens: Sequence[ClauseToken]) -> list[Mention]:
    """Who is not meant by "his" in "Dravick is his enemy" and "Solquen, his pupil"."""
    back = list(tokens)
    while back and back[-1].low in ("also", "now", "still", "once", "even", "only", "really"):
        back.pop()
    if len(back) > 1 and (back[-1].low in BE or back[-1].low == ","):
        names = [t.mention for t in _since_joint(back[:-1]) if t.mention]
        if back[-1].low == ",":
            names = [back[-2].mention] if back[-2].mention else []
        return names[:1] if len(names) == 1 and "'s" not in [t.low for t in back] else []
    return []


def _noun_like(low: str) -> bool:
    return low.isalpha() and low not in JOINTS | PREPOSITIONS | NO_NOUN
