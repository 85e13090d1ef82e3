"""Sentences in which no template stands: short answers, and relations named by one word.

A short answer is read with the slots of the question. A sentence with one word that names
a relation and two terms that fit it is read as that relation; where the words leave the
direction or the sense open, it counts only if it agrees with the world.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.core.records import Relation
from harness.grading.linking.frame import Frame, Term
from harness.grading.linking.linker import UNKNOWN, Linker
from harness.grading.text.numbers import find_numbers
from harness.grading.text.words import Plain
from harness.grading.verification.lookup import Found
from harness.grading.verification.values import ValueReader
from harness.world.graph import World

_SMALL = frozenset(
    "it was he she they the a an in by of from to with and or , called named that this there had "
    "because yes i think believe guess answer name place person is maybe years year old only for "
    "as on one who him her them : ; course indeed certainly probably "
    "perhaps would say must be may might could only so well near".split()
)
MAX_FRAGMENT = 12


class FragmentReader:
    """Reads what the templates leave, for one world."""

    def __init__(self, world: World, values: ValueReader, linker: Linker) -> None:
        self._world = world
        self._values = values
        self._linker = linker

    def read(
        self, text: str, plain: Plain, terms: dict[int, Term], frame: Frame, *, denied: bool = False
    ) -> list[Found]:
        """Claims of a short answer, empty when the sentence is none."""
        if frame.relation is None or frame.asks is None or len(plain.words) > MAX_FRAGMENT:
            return []
        relation = self._world.relation[frame.relation]
        if frame.asks == "pair":
            return self._pair(text, plain, terms, frame)
        if frame.given is None:
            return []
        wanted = relation.range if frame.asks == "o" else relation.domain
        if frame.asks == "n":
            found = find_numbers(list(plain.words))
            terms_ = [Term("number", (str(n),), str(n)) for _, _, n in found]
            answers = terms_ if len(self._extra(plain, terms)) <= 2 else []
        elif wanted in ("value", "number"):
            answers = self._value(relation, plain, terms, frame)
        else:
            answers = self._entities(text, plain, terms, frame)
        negated = bool(plain.negations) ^ denied
        return [self._claim(text, frame, answer, negated) for answer in answers]

    def noted(self, text: str, plain: Plain, terms: dict[int, Term]) -> list[Found]:
        """Notes without a verb: "Igodo: the dark", "The Flood of Anskari, in Orrimouth"."""
        words = plain.words
        first = terms.get(0)
        if first is None or len(words) < 3 or plain.negations:
            return []
        if words[1] == ":":
            return self._labelled(text, first, words[2:])
        last = terms.get(len(words) - 1)
        if len(words) > 4 or last is None or words[-2] != "in" or last.kind != "place":
            return []
        fitting = [r for r in self._world.relations if (r.domain, r.range) == (first.kind, "place")]
        return [Found(text, fitting[0].id, first, last)] if len(fitting) == 1 else []

    def _labelled(self, text: str, subject: Term, words: Sequence[str]) -> list[Found]:
        """A value behind a name and a colon, where it is of one relation only."""
        found: list[Found] = []
        for relation in self._world.relations:
            if relation.domain == subject.kind and relation.range == "value":
                read = self._values.read(relation, words)
                if read is not None and read[0].kind == "value" and read[1] == len(words):
                    found.append(Found(text, relation.id, subject, read[0]))
        return found if len(found) == 1 else []

    def _claim(self, text: str, frame: Frame, answer: Term, negated: bool) -> Found:
        given = frame.given
        subject, object = (given, answer) if frame.asks in ("o", "n") else (answer, given)
        form = "count" if frame.asks == "n" else "fact"
        return Found(text, frame.relation, subject, object, negated, "question", form)

    def _pair(self, text: str, plain: Plain, terms: dict[int, Term], frame: Frame) -> list[Found]:
        named = [term for term in terms.values() if len(term.ids) == 1]
        if len(named) != 1 or len(named) != len(terms) or self._extra(plain, terms):
            return []
        others = [rival for rival in frame.rivals if rival != named[0].ids[0]]
        if len(others) != 1:
            return []
        other = Term(named[0].kind, (others[0],), self._world.label(others[0]))
        return [Found(text, frame.relation, named[0], other, False, "question", "compare")]

    def _extra(self, plain: Plain, terms: dict[int, Term]) -> list[str]:
        return [
            word
            for place, word in enumerate(plain.words)
            if place not in terms and word not in _SMALL and not word.isdigit()
        ]

    def _entities(
        self, text: str, plain: Plain, terms: dict[int, Term], frame: Frame
    ) -> list[Term]:
        """The entities a fragment names; a word with a capital that is none is a strange one."""
        given = frame.given
        others = [
            term
            for term in terms.values()
            if given is None or (term.ids != given.ids if term.ids else term.kind != given.kind)
        ]
        extra = self._extra(plain, terms)
        if others:
            return others if not extra else []
        strange = [word for word in extra if not self._linker.lexicon.is_word(word)]
        if not terms and 0 < len(extra) <= 2:
            lexicon = self._linker.lexicon
            named = any(word.capitalize() in text for word in extra)
            named = named and not any(lexicon.is_common(word) for word in extra)
            if strange or named:
                return [Term(UNKNOWN, (), " ".join(extra))]
        return []

    def _value(
        self, relation: Relation, plain: Plain, terms: dict[int, Term], frame: Frame
    ) -> list[Term]:
        words = [w for i, w in enumerate(plain.words) if i not in terms]
        listed = self._values.find(relation, words)
        if listed:
            own = {word for term in listed for word in self._values.key(term.text)}
            extra = [word for word in words if word not in _SMALL and word not in own]
            return listed if len(extra) <= 1 else []
        if terms:
            return self._entities("", plain, terms, frame)  # a name where a value is asked
        if relation.range == "number":
            return []
        text = [word for word in words if word.isalpha() or "-" in word]
        while text and text[0] in _SMALL:
            text = text[1:]
        if not text or len(text) > 5 or len(text) < len(words) - 3:
            return []
        return [Term("open", (), " ".join(text))]
