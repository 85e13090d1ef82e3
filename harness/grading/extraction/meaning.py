"""The relation of a sentence by its meaning, where no wording and no cue decides.

The sentence, with stand-ins for its two names, is compared with the statements of every
relation that the two can stand in. Cosines of short sentences tell what is about the same
thing better than what says the same ("grew up in" is as near to "lived in" as "dwelt in"
is), so the bar is high: NEAR for the best relation, MARGIN before the next one, at least
two relations to choose from; and such a reading only ever confirms what the world says.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.grading.linking.frame import Frame, Term
from harness.grading.verification.lookup import Found, Meaning
from harness.world.graph import World, fill

NEAR = 0.88
MARGIN = 0.07
MAX_WORDS = 16

_STAND_INS = {
    "person": ("Anna", "Bruno"),
    "place": ("Lund", "Turin"),
    "object": ("the lamp", "the ring"),
    "group": ("the guild", "the order"),
    "event": ("the siege", "the flood"),
}


class RelationByMeaning:
    """Compares sentences with the statements of one world's relations."""

    def __init__(self, world: World, meaning: Meaning) -> None:
        self._world = world
        self._meaning = meaning
        self._known: dict[str, str | None] = {}
        self._statements: dict[tuple[str, str], list[tuple[str, str]]] = {}

    def read(self, text: str, terms: Sequence[Term], frame: Frame) -> list[Found]:
        """One claim about the two entities of a short sentence, or none.

        Only sentences about the one that the question is about are read, which keeps the
        encoder out of most of the work.
        """
        if len(terms) != 2 or frame.given not in terms or len(text.split()) > MAX_WORDS:
            return []
        first, second = terms
        if not (first.ids and second.ids) or first.ids == second.ids:
            return []
        relation = self._relation(text, first, second)
        if relation is None:
            return []
        turned = self._world.relation[relation].domain != first.kind
        subject, object = (second, first) if turned else (first, second)
        same = first.kind == second.kind
        return [
            Found(text, relation, subject, object, False, "meaning", either_way=same, firm=False)
        ]

    def _relation(self, text: str, first: Term, second: Term) -> str | None:
        a, b = self._stand_ins(first.kind, second.kind)
        masked = text.replace(first.text, a, 1).replace(second.text, b, 1)
        if masked not in self._known:
            if len(self._known) > 50_000:
                self._known.clear()
            self._known[masked] = self._nearest(masked, first.kind, second.kind)
        return self._known[masked]

    def _nearest(self, masked: str, first: str, second: str) -> str | None:
        bank = self._bank(first, second)
        if len({relation for relation, _ in bank}) < 2:
            return None
        best: dict[str, float] = {}
        values = self._meaning(masked, [statement for _, statement in bank])
        for (relation, _), value in zip(bank, values, strict=True):
            best[relation] = max(best.get(relation, -1.0), value)
        (top, near), (_, next_) = sorted(best.items(), key=lambda item: (-item[1], item[0]))[:2]
        return top if near >= NEAR and near - next_ >= MARGIN else None

    def _bank(self, first: str, second: str) -> list[tuple[str, str]]:
        """Relation and statement for all that entities of two kinds can stand in."""
        key = (first, second)
        if key not in self._statements:
            a, b = self._stand_ins(first, second)
            found: list[tuple[str, str]] = []
            for relation in self._world.relations:
                for one, other, s, o in ((first, second, a, b), (second, first, b, a)):
                    if (relation.domain, relation.range) == (one, other):
                        found += [(relation.id, fill(t, s=s, o=o)) for t in relation.statements]
            self._statements[key] = list(dict.fromkeys(found))
        return self._statements[key]

    @staticmethod
    def _stand_ins(first: str, second: str) -> tuple[str, str]:
        default = ("the one", "the other")
        return _STAND_INS.get(first, default)[0], _STAND_INS.get(second, default)[1]
