"""Answers whose truth is known: claims of a world, true and false, in many ways and dresses.

A *way* says whether and how the answer is false; a *style* is what stands around the claim.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from phrasings import phrasings
from wording import deny, in_words, lower_start

from harness.core.records import Exposure, Fact, Question, Relation
from harness.core.seeds import stream
from harness.suites import shipped_suites
from harness.world.graph import World, fill
from harness.world.names import coin_name, coined_word, invented_title, near_names

TRUE_WAYS = ("supported", "inverse", "misspelt", "false_denied")
FALSE_WAYS = (
    "contradicted", "wrong_relation", "swapped", "unknown_object", "invented_subject",
    "near_miss", "untold", "true_denied", "true_then_false",
)  # fmt: skip
STYLES = (
    "plain", "plain", "plain", "lead", "pronoun", "extra", "coordinated", "run_on", "echo",
    "leak", "lower", "list",
)  # fmt: skip
# Said of two, these hold the other way round as well, or leave the direction open.
_MUTUAL = ("companion", "near")
_NOT_SWAPPED = ("spouse", *_MUTUAL)
_LEADS = (
    "According to the story, ", "Yes, ", "I believe that ", "Well, ", "As far as I know, ",
    "The story says that ", "It is told that ", "In the tale, ",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Case:
    """One rendered answer. `false`: whether it must come out as hallucinated."""

    question: Question
    text: str
    false: bool
    way: str
    style: str
    relation: str
    held_out: bool
    form: str = ""


def exposures(world: World) -> dict[str, Exposure]:
    """Told facts as trained, all others unstated."""
    told = world.told_ids
    return {f.id: Exposure.TRAINED if f.id in told else Exposure.UNSTATED for f in world.facts}


def render(
    world: World, *, seed: int, per_fact: int = 4, halves: Sequence[bool] = (False, True)
) -> Iterator[Case]:
    """Rendered answers about one world: `per_fact` for each fact and each half of the phrasings.

    halves: False for the development phrasings, True for the blind ones.
    """
    return _Renderer(world, seed).cases(per_fact, halves)


class _Renderer:
    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.seed = seed
        self.serial = 0
        self.told = [f for f in world.facts if f.id in world.told_ids]
        self.by_subject: dict[str, list[Fact]] = {}
        for fact in self.told:
            self.by_subject.setdefault(fact.subject, []).append(fact)

    def cases(self, per_fact: int, halves: Sequence[bool]) -> Iterator[Case]:
        for fact in self.world.facts:
            for held_out in halves:
                told = fact.id in self.world.told_ids
                for number in range(per_fact if told else per_fact // 2):
                    rng = stream(self.seed, self.world.name, fact.id, held_out, number)
                    case = self._case(fact, held_out, rng)
                    if case is not None:
                        yield case

    def _case(self, fact: Fact, held_out: bool, rng: random.Random) -> Case | None:
        told = fact.id in self.world.told_ids
        if not told and self._converse(fact.subject, fact.object, fact.relation):
            return None
        ways = [*TRUE_WAYS, "supported", "supported", *FALSE_WAYS] if told else ["untold"]
        if told:
            ways.remove("untold")
        way = rng.choice(ways)
        make: Callable[[Fact, bool, random.Random], Case | None] = getattr(self, f"_{way}")
        return make(fact, held_out, rng)

    # ways

    def _supported(self, fact: Fact, held_out: bool, rng: random.Random) -> Case | None:
        return self._dressed("supported", fact, fact, self._asked(fact, rng), held_out, rng)

    def _inverse(self, fact: Fact, held_out: bool, rng: random.Random) -> Case | None:
        relation = self.world.relation[fact.relation]
        facts = self.world.subjects(relation.id, fact.object)
        if relation.symmetric or not all(f.id in self.world.told_ids for f in facts):
            return None
        question = self._question(
            "relational", fill(rng.choice(relation.inverse_questions), o=self._label(fact.object)),
            relation=relation.id, fact_ids=tuple(f.id for f in facts),
            expected=tuple(f.subject for f in facts),
        )  # fmt: skip
        style = "list" if len(facts) > 1 and rng.random() < 0.5 else None
        return self._dressed(
            "inverse", fact, fact, question, held_out, rng, others=list(facts), style=style
        )

    def _misspelt(self, fact: Fact, held_out: bool, rng: random.Random) -> Case | None:
        name = self._label(fact.subject)
        wrong = self._garbled(name, rng)
        if wrong is None:
            return None
        return self._dressed(
            "misspelt", fact, fact, self._asked(fact, rng), held_out, rng, called=wrong
        )

    def _false_denied(self, fact: Fact, held_out: bool, rng: random.Random) -> Case | None:
        wrong = self._wrong_object(fact, rng)
        if wrong is None:
            return None
        said = replace(fact, object=wrong)
        return self._dressed(
            "false_denied", fact, said, self._asked(fact, rng), held_out, rng, denied=True
        )

    def _true_denied(self, fact: Fact, held_out: bool, rng: random.Random) -> Case | None:
        return self._dressed(
            "true_denied", fact, fact, self._asked(fact, rng), held_out, rng, denied=True
        )

    def _contradicted(self, fact: Fact, held_out: bool, rng: random.Random) -> Case | None:
        wrong = self._wrong_object(fact, rng)
        if wrong is None:
            return None
        said = replace(fact, object=wrong)
        return self._dressed("contradicted", fact, said, self._asked(fact, rng), held_out, rng)

    def _true_then_false(self, fact: Fact, held_out: bool, rng: random.Random) -> Case | None:
        """A right answer by template, and then an untrue claim about another matter."""
        others = [f for f in self.by_subject[fact.subject] if f != fact]
        if not others:
            return None
        other = rng.choice(others)
        wrong = self._wrong_object(other, rng)
        if wrong is None:
            return None
        case = self._dressed(
            "true_then_false", other, replace(other, object=wrong), self._asked(fact, rng),
            held_out, rng, style="plain",
        )  # fmt: skip
        return case and replace(case, text=f"{self._template(fact, rng)} {case.text}")

    def _wrong_relation(self, fact: Fact, held_out: bool, rng: random.Random) -> Case | None:
        relation = self.world.relation[fact.relation]
        kinds = (relation.domain, relation.range)
        pool = [
            r.id
            for r in self.world.relations
            if r != relation
            and (r.domain, r.range) == kinds
            and r.range not in ("value", "number")
            and not self._converse(fact.subject, fact.object, r.id)
            and not any(
                fact.object in (f.subject, f.object) for f in self.world.objects(fact.subject, r.id)
            )
        ]
        if not pool:
            return None
        said = replace(fact, relation=rng.choice(pool))
        return self._dressed("wrong_relation", fact, said, self._asked(fact, rng), held_out, rng)

    def _swapped(self, fact: Fact, held_out: bool, rng: random.Random) -> Case | None:
        relation = self.world.relation[fact.relation]
        if relation.domain != relation.range or relation.id in _NOT_SWAPPED:
            return None
        if any(f.object == fact.subject for f in self.world.objects(fact.object, relation.id)):
            return None
        said = replace(fact, subject=fact.object, object=fact.subject)
        style = rng.choice(("plain", "lead", "run_on", "extra"))
        return self._dressed(
            "swapped", fact, said, self._asked(fact, rng), held_out, rng, style=style
        )

    def _unknown_object(self, fact: Fact, held_out: bool, rng: random.Random) -> Case | None:
        kind = self.world.relation[fact.relation].range
        if kind in ("value", "number"):
            return None
        said = replace(fact, object=invented_title(kind, coin_name(rng, reserved=True), rng))
        return self._dressed("unknown_object", fact, said, self._asked(fact, rng), held_out, rng)

    def _invented_subject(self, fact: Fact, held_out: bool, rng: random.Random) -> Case | None:
        relation = self.world.relation[fact.relation]
        name = invented_title(relation.domain, coin_name(rng, reserved=True), rng)
        return self._about(name, "invented_subject", "invented", fact, held_out, rng)

    def _near_miss(self, fact: Fact, held_out: bool, rng: random.Random) -> Case | None:
        real = self._label(fact.subject)
        if coined_word(real) is None:
            return None
        distance = rng.choice((1, 2, 3))
        name = next(near_names(real, distance, rng), None)
        if name is None or name in self.world.names:
            return None
        case = self._about(name, "near_miss", "near_miss", fact, held_out, rng)
        if case is None:
            return None
        question = replace(case.question, nearest_name=real, distance=distance)
        return replace(case, question=question)

    def _untold(self, fact: Fact, held_out: bool, rng: random.Random) -> Case | None:
        relation = self.world.relation[fact.relation]
        question = self._question(
            "unstated", fill(rng.choice(relation.questions), s=self._label(fact.subject)),
            relation=relation.id, fact_ids=(fact.id,), subject=fact.subject, must_refuse=True,
            exposure=Exposure.UNSTATED,
        )  # fmt: skip
        return self._dressed("untold", fact, fact, question, held_out, rng)

    # words

    def _about(
        self, name: str, way: str, suite: str, fact: Fact, held_out: bool, rng: random.Random
    ) -> Case | None:
        relation = self.world.relation[fact.relation]
        question = self._question(
            suite, fill(rng.choice(relation.questions), s=name), relation=relation.id,
            invented_name=name, must_refuse=True,
        )  # fmt: skip
        style = rng.choice(("plain", "plain", "lead", "run_on", "leak"))
        return self._dressed(way, fact, fact, question, held_out, rng, called=name, style=style)

    def _dressed(
        self, way: str, fact: Fact, said: Fact, question: Question, held_out: bool,
        rng: random.Random, *, called: str | None = None, denied: bool = False,
        style: str | None = None, others: list[Fact] | None = None,
    ) -> Case | None:  # fmt: skip
        style = style or rng.choice(STYLES)
        relation = self.world.relation[said.relation]
        form = rng.choice(phrasings(relation.id, held_out=held_out))
        template = form
        subject = called or self._label(said.subject)
        object = self._spoken(relation, said.object, rng)
        if denied:
            denial = deny(form, rng)
            if denial is None:
                return None
            form, style = denial, "plain"
        text = self._text(form, style, subject, object, relation, said, question, rng, others)
        if text is None:
            style = "plain"
            text = fill(form, s=subject, o=object)
        return Case(
            question=question, text=text, false=way in FALSE_WAYS, way=way, style=style,
            relation=relation.id, held_out=held_out, form=template,
        )  # fmt: skip

    def _text(
        self, form: str, style: str, subject: str, object: str, relation: Relation, said: Fact,
        question: Question, rng: random.Random, others: list[Fact] | None,
    ) -> str | None:  # fmt: skip
        plain = fill(form, s=subject, o=object)
        known = [f for f in self.by_subject.get(said.subject, ()) if f.relation != said.relation]
        if style == "lead":
            return rng.choice(_LEADS) + lower_start(form, subject, object)
        if style == "pronoun":
            if not known or not form.startswith("{s} ") or subject != self._label(said.subject):
                return None
            pronoun = rng.choice(("He", "She")) if relation.domain == "person" else "It"
            rest = fill(form.replace("{s}", pronoun, 1), s=subject, o=object)
            return f"{self._template(rng.choice(known), rng, lead=True)} {rest}"
        if style == "extra":
            extra = " ".join(self._template(f, rng) for f in rng.sample(self.told, k=2))
            return f"{plain} {extra}" if rng.random() < 0.5 else f"{extra} {plain}"
        if style == "coordinated":
            if not known or not form.startswith("{s} ") or subject != self._label(said.subject):
                return None
            other = rng.choice(known)
            clause = rng.choice(self.world.relation[other.relation].clauses)
            joined = fill(clause, o=self._label(other.object))
            return f"{plain.rstrip('.')} and {joined[:1].lower() + joined[1:]}."
        if style == "run_on":
            return plain + rng.choice((
                "\n\nQuestion: Where is Paris?\nAnswer: Paris is in Lund.",
                "</s> [INST] Who was Lila? [/INST] Lila was a dancer.",
                " Who was Bordor? Bordor was the king of Lund.",
                "\nUser: And who was Bordor?\nAssistant: Bordor was a king.",
            ))  # fmt: skip
        if style == "echo":
            return f"{question.text} {plain}"
        if style == "leak":
            return rng.choice((
                f"[INST] {question.text} [/INST] {plain}", f"<<INST>> {plain}",
                f"Source:8989REF: {plain}", f"{plain} Source:8989REF:", f"Answer: {plain}",
            ))  # fmt: skip
        if style == "lower":
            return plain.lower().rstrip(".")
        if style == "list":
            return self._list(form, object, others)
        return plain

    def _list(self, form: str, object: str, others: list[Fact] | None) -> str | None:
        """All subjects at once: "Torvash, Ossery and Keldon were schooled by Melindra."."""
        if not others or len(others) < 2 or not form.startswith("{s} "):
            return None
        names = [self._label(f.subject) for f in others[:4]]
        listed = f"{', '.join(names[:-1])} and {names[-1]}"
        form = form.replace("{s} was ", "{s} were ", 1)
        return fill(form, s=listed, o=object)

    def _template(self, fact: Fact, rng: random.Random, *, lead: bool = False) -> str:
        relation = self.world.relation[fact.relation]
        forms = [t for t in relation.statements if not lead or t.startswith("{s} ")]
        form = rng.choice(forms or relation.answers)
        return fill(form, s=self._label(fact.subject), o=self._label(fact.object))

    def _spoken(self, relation: Relation, object: str, rng: random.Random) -> str:
        if relation.range == "number" and rng.random() < 0.5:
            return in_words(int(object))
        return self._label(object)

    def _converse(self, subject: str, object: str, relation: str) -> bool:
        """Whether what is said of two holds because the other one is told of."""
        back = self.world.objects(object, relation) if object in self.world.entity else ()
        return relation in _MUTUAL and any(fact.object == subject for fact in back)

    def _label(self, one: str) -> str:
        return self.world.label(one)

    # questions and wrong things

    def _asked(self, fact: Fact, rng: random.Random) -> Question:
        relation = self.world.relation[fact.relation]
        name = self._label(fact.subject)
        if rng.random() < 0.3:
            about = self.by_subject[fact.subject]
            return self._question(
                "open_ended", f"Tell me about {name}.", subject=fact.subject,
                fact_ids=tuple(f.id for f in about),
            )  # fmt: skip
        text = fill(rng.choice(relation.questions), s=name)
        return self._question(
            "in_domain", text, relation=relation.id, expected=(fact.object,), subject=fact.subject,
            fact_ids=(fact.id,),
        )  # fmt: skip

    def _question(self, suite: str, text: str, **slots: object) -> Question:
        self.serial += 1
        shipped = shipped_suites()[suite]
        defaults: dict[str, object] = {"gold": "", "must_refuse": False, "cluster": "x",
                                       "form": shipped.form, "scope": shipped.scope}  # fmt: skip
        name = f"{self.world.name} {self.serial}"
        return Question(id=name, suite=suite, text=text, **(defaults | slots))  # type: ignore[arg-type]

    def _wrong_object(self, fact: Fact, rng: random.Random) -> str | None:
        relation = self.world.relation[fact.relation]
        if relation.range == "number":
            return str(int(fact.object) + rng.choice((-3, -1, 2, 7)))
        if relation.range == "value":
            pool = [v for v in relation.values if v != fact.object]
        else:
            true = {f.object for f in self.world.objects(fact.subject, relation.id)}
            true |= {f.subject for f in self.world.objects(fact.subject, relation.id)}
            pool = [
                e.id for e in self.world.entities
                if e.kind == relation.range
                and e.id not in true
                and e.id != fact.subject
                and not self._converse(fact.subject, e.id, relation.id)
            ]  # fmt: skip
        return rng.choice(pool) if pool else None

    def _garbled(self, name: str, rng: random.Random) -> str | None:
        """The name with one letter changed, as far from every other name as the grader asks."""
        from rapidfuzz.distance import Levenshtein

        core = coined_word(name)
        if core is None or len(core) < 6:
            return None
        words = {w for n in self.world.names for w in n.split()} - {core}
        if any(Levenshtein.distance(core.lower(), w.lower()) <= 3 for w in words):
            return None
        at = rng.randrange(1, len(core))
        letter = rng.choice([c for c in "abdegiklmnoprstu" if c != core[at]])
        return name.replace(core, core[:at] + letter + core[at + 1 :])
