"""A found claim against the world: supported, contradicted, unknown, untold, undecidable."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.core.records import Claim, ClaimStatus, Exposure, Fact
from harness.grading.linking.frame import Term
from harness.grading.linking.linker import CUT, INVENTED, UNKNOWN
from harness.grading.verification.values import ValueReader
from harness.world.graph import World

Meaning = Callable[[str, Sequence[str]], list[float]]
SAME_MEANING = 0.80  # cosine from which an unlisted value is the told one
OTHER_MEANING = 0.50  # cosine under which it is another one; between, undecidable

S = ClaimStatus
Outcome = tuple[ClaimStatus, str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Found:
    """A claim as read.

    `basis`: wording, question (a slot was taken from the question), cue,
    meaning, none (no relation was understood), or prose (nor does the story tell the like).
    `form`: fact, count or compare.
    `either_way`: subject and object may be the other way round. `firm`: False where only
    agreement with the world decides, because the reading itself may be wrong. `others`: relations
    that the words may mean as well; any that is true will do.
    """

    text: str
    relation: str | None
    subject: Term | None
    object: Term | None
    negated: bool = False
    basis: str = "wording"
    form: str = "fact"
    either_way: bool = False
    firm: bool = True
    others: tuple[str, ...] = ()


class Lookup:
    """Decides claims by the facts of a world and what of them was told."""

    def __init__(
        self,
        world: World,
        exposure: Mapping[str, Exposure],
        values: ValueReader,
        meaning: Meaning | None,
    ) -> None:
        self._world = world
        self._values = values
        self._meaning = meaning
        self._told = {f.id for f in world.facts if exposure.get(f.id, Exposure.UNSTATED).told}
        order = {relation.id: place for place, relation in enumerate(world.relations)}
        self._pairs: dict[tuple[str, str], Fact] = {}  # the first told fact of two entities
        for fact in sorted(world.facts, key=lambda fact: order[fact.relation]):
            if fact.id in self._told:
                self._pairs.setdefault((fact.subject, fact.object), fact)

    def judge(self, found: Found) -> Claim:
        """The claim with its status and a reason that names entities and facts."""
        status, reason, facts = self._judge(found)
        for other in found.others if status is not S.SUPPORTED else ():
            also = self._judge(replace(found, relation=other, others=()))
            if also[0] is S.SUPPORTED or (found.negated and also[0] is not status):
                found = replace(found, relation=other)
                status, reason, facts = also
                break
        if not found.firm and status is not S.SUPPORTED and status is not S.UNKNOWN_ENTITY:
            status, reason = (
                S.UNDECIDABLE,
                f"'{found.text}' may say that, but its wording does not decide",
            )
        return Claim(
            text=found.text,
            status=status,
            reason=reason,
            subject=_name(found.subject),
            relation=found.relation,
            object=_name(found.object),
            negated=found.negated,
            fact_ids=facts,
        )

    def _judge(self, found: Found) -> Outcome:
        for term in (found.subject, found.object):
            if term is None:
                continue
            if term.kind == CUT:
                return S.UNDECIDABLE, f"the name '{term.text}' is cut off", ()
            if term.kind == INVENTED:
                return (
                    S.UNKNOWN_ENTITY,
                    f"asserts something about {term.text}, who or which does not exist",
                    (),
                )
            if term.kind == UNKNOWN:
                return S.UNKNOWN_ENTITY, f"names {term.text}, who or which is not in the story", ()
        if found.basis == "prose":
            return S.UNTOLD, f"the story tells nothing like '{found.text}'", ()
        if found.relation is None or found.subject is None or found.object is None:
            return S.UNDECIDABLE, f"nothing in the world decides '{found.text}'", ()
        if found.form == "count":
            return self._count(found)
        outcomes = [
            self._compare(found, s, o) if found.form == "compare" else self._pair(found, s, o)
            for s in found.subject.ids or ("",)
            for o in found.object.ids or ("",)
        ]
        if found.either_way and found.object.ids:
            turned = self._pair(found, found.object.ids[0], found.subject.ids[0])
            order = (S.CONTRADICTED, S.SUPPORTED) if found.negated else (S.SUPPORTED,)
            for status in order:
                for outcome in (*outcomes, turned):
                    if outcome[0] is status:
                        return outcome
        if len({outcome[0] for outcome in outcomes}) > 1:
            return S.UNDECIDABLE, f"'{found.text}' may mean more than one entity", ()
        return outcomes[0]

    def _pair(self, found: Found, subject: str, object: str) -> Outcome:
        world, term = self._world, found.object
        assert term is not None and found.relation is not None  # _judge saw to it
        relation = world.relation[found.relation]
        misfit = self._misfit(subject, relation.domain) or self._misfit(object, relation.range)
        says = self._says(found, subject, object)
        if misfit and not found.negated:
            return S.CONTRADICTED, f"{says}; {misfit}", ()
        facts = world.objects(subject, found.relation)
        if term.kind == "open":
            return self._open_value(found, facts, says)
        hits = [f for f in facts if _other(f, subject) == object]
        if hits:
            return self._hit(found, hits, says)
        if not facts and found.negated:
            return S.UNDECIDABLE, f"{says}; the story does not tell", ()
        if not facts:
            turned = self._swapped(found.relation, subject, object)
            return S.UNTOLD, f"{says}; nothing in the world says so{turned}", ()
        known = self._known(facts)
        if found.negated:
            told = [f.id for f in facts if f.id in self._told]
            if relation.functional and told:
                return S.SUPPORTED, f"{says}, rightly: {known}", tuple(told)
            return S.UNDECIDABLE, f"{says}; the story does not tell", ()
        ids = tuple(f.id for f in facts)
        if relation.functional:
            turned = self._swapped(found.relation, subject, object)
            return S.CONTRADICTED, f"{says}; {known}{turned}", ids
        return S.UNTOLD, f"{says}; {known}, and nothing more", ids

    def _hit(self, found: Found, hits: list[Fact], says: str) -> Outcome:
        told = tuple(f.id for f in hits if f.id in self._told)
        if found.negated:
            if told:
                return S.CONTRADICTED, f"{says}; {self._known(hits)}", told
            return S.UNTOLD, f"{says}; that was never told", tuple(f.id for f in hits)
        if told:
            return S.SUPPORTED, f"{says}, as told ({', '.join(told)})", told
        ids = tuple(f.id for f in hits)
        return S.UNTOLD, f"guess: {says}; true ({', '.join(ids)}) but never told", ids

    def _open_value(self, found: Found, facts: tuple[Fact, ...], says: str) -> Outcome:
        assert found.object is not None and found.relation is not None
        if not facts:
            return S.UNTOLD, f"{says}; nothing in the world says so", ()
        same = [f for f in facts if self._values.same(found.relation, found.object.text, f.object)]
        if same:
            return self._hit(found, same, says)
        known, ids = self._known(facts), tuple(f.id for f in facts)
        alike = 0.0
        if self._meaning is not None:
            alike = max(self._meaning(found.object.text, [f.object for f in facts]))
        if alike >= SAME_MEANING:
            return self._hit(found, list(facts), says)
        if alike >= OTHER_MEANING:
            return S.UNDECIDABLE, f"{says}; {known}, which is near in meaning but not the same", ids
        if found.negated:
            return S.SUPPORTED, f"{says}, rightly: {known}", ids
        return S.CONTRADICTED, f"{says}; {known}", ids

    def _count(self, found: Found) -> Outcome:
        assert found.subject and found.object and found.relation
        facts = self._world.subjects(found.relation, found.subject.ids[0])
        told = [f for f in facts if f.id in self._told]
        says, ids = f"says '{found.text}'", tuple(f.id for f in told)
        number = found.object.ids[0] if found.object.ids else ""
        hit = number == str(len(told)) or number == str(len(facts))
        if hit is not found.negated:
            if found.negated or number == str(len(told)):
                return S.SUPPORTED, f"{says}, as told ({', '.join(ids)})", ids
            return S.UNTOLD, f"guess: {says}; the story tells of {len(told)}", ids
        return S.CONTRADICTED, f"{says}; the story tells of {len(told)} ({', '.join(ids)})", ids

    def _compare(self, found: Found, first: str, second: str) -> Outcome:
        assert found.relation is not None
        sense = self._world.relation[found.relation].compare[2]
        facts = [next(iter(self._world.objects(e, found.relation)), None) for e in (first, second)]
        says = f"says '{found.text}'"
        if None in facts or first == second:
            return S.UNDECIDABLE, f"{says}; the world does not compare them", ()
        known = [f for f in facts if f is not None]
        ids = tuple(f.id for f in known)
        a, b = (int(f.object) for f in known)
        right = (a > b if sense == "max" else a < b) is not found.negated
        if not right:
            return S.CONTRADICTED, f"{says}; {self._known(known)}", ids
        if all(i in self._told for i in ids):
            return S.SUPPORTED, f"{says}, as told ({', '.join(ids)})", ids
        return S.UNTOLD, f"guess: {says}; never told", ids

    def _misfit(self, one: str, kind: str) -> str:
        entity = self._world.entity.get(one)
        if entity is None or entity.kind == kind:
            return ""
        return f"{entity.name} is no {kind}"

    def _says(self, found: Found, subject: str, object: str) -> str:
        object_text = self._world.label(object) if object else _name(found.object)
        relation = self._world.relation[str(found.relation)]
        phrase = relation.phrase.replace("{s}", self._world.label(subject))
        return f"says {phrase} {'was not' if found.negated else 'was'} {object_text}"

    def _known(self, facts: tuple[Fact, ...] | list[Fact]) -> str:
        label = self._world.label
        parts = [
            f"{label(f.object)} of {label(f.subject)} ({f.id}"
            + (")" if f.id in self._told else ", never told)")
            for f in facts[:4]
        ]
        relation = self._world.relation[facts[0].relation].id
        source = "the story says" if any(f.id in self._told for f in facts) else "the world says"
        return f"{source} {relation}: " + "; ".join(parts)

    def _swapped(self, relation: str, subject: str, object: str) -> str:
        """Whether the two are swapped, or stand in another relation: what kind of error it is."""
        turned = [f for f in self._world.objects(object, relation) if f.object == subject]
        if turned:
            return f"; the other way round it would be true ({turned[0].id})"
        if object not in self._world.entity:
            return ""
        fact = self._pairs.get((subject, object))
        return f"; told is another relation: {fact.relation} ({fact.id})" if fact else ""


def _other(fact: Fact, subject: str) -> str:
    return fact.object if fact.subject == subject else fact.subject


def _name(term: Term | None) -> str | None:
    if term is None:
        return None
    return term.ids[0] if len(term.ids) == 1 else term.text
