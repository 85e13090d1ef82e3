"""Entities that are described and not named: "the teacher of the ruler of Arkenby".

A description stands for the entity that the world knows under it, where it is no claim
itself: inside another description, behind a preposition, or with a predicate of its own
("The ruler of Arkenby lived in Lund."; but "The ruler of Arkenby was Igodo." is a claim).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.grading.linking.linker import Linked, Mention
from harness.grading.linking.synonyms import object_roles
from harness.world.graph import World

_PHRASE = re.compile(r"the (\w+) of \{s\}")
_BEFORE = frozenset(["of", "by", "with", "to", "under", "from", "for", "behind", "beside"])
# What goes on about somebody described, after "was": anything else may be a name.
_PREDICATES = frozenset(
    "born in near a an taught married wed afraid ruled led owned made founded kept hidden famous "
    "known caused begun based located once held loved feared hated buried fathered".split()
)
_ROUNDS = 3  # descriptions inside each other


class Describer:
    """Reads the descriptions of one world's entities."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._nouns: dict[str, str] = {}
        for relation in world.relations:
            if relation.range in ("value", "number"):
                continue
            nouns = list(object_roles(relation.id))
            if match := _PHRASE.fullmatch(relation.phrase):
                nouns.append(match[1])
            for noun in nouns:
                self._nouns.setdefault(noun, relation.id)

    def resolve(self, linked: Linked) -> Linked:
        """The sentence with its descriptions as mentions, innermost first."""
        if not self._nouns.keys() & set(linked.lows):
            return linked
        mentions = list(linked.mentions)
        for _ in range(_ROUNDS):
            for index, mention in enumerate(mentions):
                found = self._described(linked, mention)
                if found is not None:
                    mentions[index] = found
                    break
            else:
                break
        return Linked(linked.words, linked.lows, mentions)

    def _described(self, linked: Linked, mention: Mention) -> Mention | None:
        lows, start, end = linked.lows, mention.start, mention.end
        if len(mention.ids) != 1:
            return None
        if start >= 3 and lows[start - 1] == "of" and lows[start - 3] in ("the", "a"):
            noun, begin, stop = lows[start - 2], start - 3, end
        elif lows[end : end + 1] == ["'s"] and end + 1 < len(lows):
            noun, begin, stop = lows[end + 1], start, end + 2
        else:
            return None
        relation = self._nouns.get(noun)
        if relation is None or lows[stop : stop + 2] == ["gave", "birth"]:
            return None
        where = self._world.relation[relation].range == "place"
        if self._claims(linked, begin, stop, where=where):
            return None
        facts = self._world.objects(mention.ids[0], relation)
        others = {f.object if f.subject == mention.ids[0] else f.subject for f in facts}
        if len(others) != 1:
            return None
        entity = self._world.entity[others.pop()]
        text = " ".join(linked.words[begin:stop]).replace(" 's", "'s")
        return Mention(begin, stop, text, entity.kind, (entity.id,))

    @staticmethod
    def _claims(linked: Linked, begin: int, stop: int, *, where: bool) -> bool:
        """Whether a description says who somebody is, and so is a claim by itself.

        where: it is of a place ("The home of Visgar was in Lund.").
        """
        lows = linked.lows
        if lows[stop : stop + 1] == ["'s"]:
            return False
        if begin and lows[begin - 1] in _BEFORE:
            return False
        if begin and lows[begin - 1 : begin] != [","] and lows[begin - 1] not in ("that", "and"):
            return True
        rest = _after_be(lows, stop)
        if rest is None:
            return not (stop < len(lows) and lows[stop].isalpha())
        if where and lows[rest] == "in":
            return True
        if any(mention.start == rest for mention in linked.mentions):
            return True
        return lows[rest] not in _PREDICATES and not lows[rest].isdigit()


def _after_be(lows: Sequence[str], place: int) -> int | None:
    """The place behind "is" or "was" at `place`, if one stands there."""
    step = place
    while step < len(lows) and lows[step] in ("is", "was", "not", "called", "named", "also"):
        step += 1
    return step if step > place and step < len(lows) else None
