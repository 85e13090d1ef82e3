"""The claims of an answer: who is said to stand in which relation to what.

Sentence by sentence: mentions are linked, the canonical sentence is searched for the
templates of all relations, and of overlapping readings the best is kept: kinds must fit,
then the asked relation, then the longer wording. Verb phrases without a subject take the
last one, pronouns the last fitting entity, else the one the question is about. A sentence
in which no template is found is read as a short answer to the question, if it is one;
else by the words that name a relation; else, by its meaning. What is left is a claim that
nothing decides, or about an unknown name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.grading.coreference.discourse import Discourse, genders, has_pronoun, topic_of
from harness.grading.extraction.arguments import foe_of
from harness.grading.extraction.coordination import (
    better,
    contrasted,
    impossible,
    listed_more,
    refitted,
)
from harness.grading.extraction.fragments import FragmentReader
from harness.grading.extraction.meaning import RelationByMeaning
from harness.grading.extraction.patterns import SLOT, Match, PatternBook
from harness.grading.extraction.prose import Prose
from harness.grading.extraction.reading import (
    ABSENT_KINDS,
    PRONOUN_KINDS,
    Candidate,
    Memory,
    SentenceReading,
    fits,
    in_aside,
    leads,
    overlap,
)
from harness.grading.extraction.slots import SlotFiller
from harness.grading.extraction.triggers import CueReader
from harness.grading.extraction.unparsed import left_over
from harness.grading.linking.descriptions import Describer
from harness.grading.linking.frame import Frame, Term
from harness.grading.linking.linker import (
    NO_GUARD,
    Guard,
    Linked,
    Linker,
    absorb_titles,
)
from harness.grading.linking.nouns import nouns_of
from harness.grading.refusal.refusals import expand_contractions
from harness.grading.syntax.clauses import split_clauses, spoken_by
from harness.grading.syntax.framing import Framed, unframe
from harness.grading.syntax.rewording import labelled, settled_on
from harness.grading.text.words import NEGATIONS, PRONOUNS, Canon
from harness.grading.verification.lookup import Found
from harness.grading.verification.values import ValueReader, is_no_value, is_plain_noun
from harness.world.graph import World

# Words of sentences about what is told, in which names and relations assert nothing.
_TELLING = frozenset(
    "story text tale passage book information mention mentioned record answer know known knows say "
    "says said tell told stated states question sure aware whether who what where which how when "
    "why if sorry exist exists i me my no".split()
)
MAX_WORDS = 80  # of a sentence that is read by its cues
MAX_VAGUE = 6  # letters; so short a wording ("could") names no relation by itself


class ClaimFinder:
    """Finds the claims of sentences about one world."""

    def __init__(
        self,
        world: World,
        linker: Linker,
        book: PatternBook,
        canon: Canon,
        values: ValueReader,
        by_meaning: RelationByMeaning | None,
    ) -> None:
        self._by_meaning = by_meaning
        self._world = world
        self._linker = linker
        self._book = book
        self._canon = canon
        self._values = values
        self._slots = SlotFiller(world, linker.lexicon)
        self._describer = Describer(world)
        self._genders = genders(world)
        self._nouns = nouns_of(world)
        self._prose = Prose(world)
        self._cues = CueReader(world, values)
        self._fragments = FragmentReader(world, values, linker)

    def find(
        self,
        sentences: Sequence[str],
        frame: Frame,
        guard: Guard,
        *,
        unfinished: bool = False,
        silent: Sequence[str] = (),
    ) -> list[Found]:
        """All claims in order of the text.

        unfinished: the last sentence is cut off; silent: sentences that claim nothing, such as
        refusals, but name those whom pronouns mean.
        """
        memory, discourse = Memory(), Discourse(self._genders, self._nouns)
        discourse.hear(frame.named, frame.named[0] if frame.named else None)
        for sentence in silent:
            discourse.hear(self._linker.link(sentence, guard).mentions, None)
        found: list[Found] = []
        for place, sentence in enumerate(sentences):
            last = unfinished and place == len(sentences) - 1
            topic = discourse.topics[-1].text if discourse.topics else None
            framed = unframe(settled_on(labelled(expand_contractions(sentence), topic)))
            if framed.asserts:
                linked = self._linker.link(framed.text, guard, unfinished=last)
                found += self._whole_or_parts(sentence, framed, linked, frame, memory, discourse)
        return found

    def _whole_or_parts(
        self, text: str, framed: Framed, linked: Linked, frame: Frame, memory: Memory,
        discourse: Discourse,
    ) -> list[Found]:  # fmt: skip
        """The claims of a sentence as a whole, or clause by clause where that tells more."""
        described = self._describer.resolve(linked)
        whole_memory = memory.copy()
        whole = self._sentence(text, described, frame, whole_memory, denied=framed.denied)
        plain = all(one.basis == "wording" for one in whole) if whole else not linked.mentions
        who = discourse.crowded and has_pronoun(linked.lows)  # for the discourse to say
        more = frame.relation is None and "," in linked.lows  # prose: there may be other claims
        whole_plain, plain = plain, plain and not (who or more)
        if plain or framed.denied or len(linked.words) > MAX_WORDS:
            memory.take(whole_memory)
            discourse.hear(linked.mentions, topic_of(linked))
            return self._prose.weighed(whole) if frame.relation is None else whole
        clauses, resolved = split_clauses(linked, discourse)
        parts_memory = memory.copy()
        parts: list[Found] = []
        if len(clauses) == 1 and not resolved and clauses[0].repeats(linked):
            said = spoken_by(framed.text, clauses[0])
            parts, parts_memory = [replace(one, text=said) for one in whole], whole_memory
            clauses = []
        for clause in clauses:
            inner = self._describer.resolve(clause.linked())
            said = spoken_by(framed.text, clause)
            parts += self._sentence(said, inner, frame, parts_memory, denied=False)
        if resolved:
            parts = [refitted(one, discourse, self._world) for one in parts]
        chosen = better(
            whole, parts, resolved=resolved, free=frame.relation is None and len(clauses) > 1,
            whole_stands=whole_plain and not who,
        )  # fmt: skip
        memory.take(parts_memory if chosen is parts else whole_memory)
        if frame.relation is None:
            chosen = self._prose.weighed(chosen)
        return chosen

    def states(self, sentence: str) -> bool:
        """Whether a template filled with names of the world is the whole sentence.

        Such a sentence states a fact or denies one, and is no refusal: "The Ghemist book
        could not answer any question.", "Between Visgar and Maldrec there was no peace."
        """
        linked = self._linker.link(unframe(expand_contractions(sentence)).text, NO_GUARD)
        _, chosen = self._choose(sentence, linked, Frame(), Memory())
        for one in chosen:
            covers = one.match.start == 0 and one.match.end - one.match.start >= 3
            named = bool(one.subject.ids) and (bool(one.object.ids) or one.object.kind == "open")
            if covers and named and not one.match.pattern.missing and one.object.ids:
                return True
        return not set(linked.lows) & _TELLING and self._states_by_cue(sentence, linked)

    def _states_by_cue(self, sentence: str, linked: Linked) -> bool:
        reading = self._reading(sentence, linked, strip=True)
        if len(reading.plain.words) > MAX_WORDS or not reading.terms:
            return False
        found = self._cues.read(sentence, reading.plain, reading.terms, Frame(), set())
        ends = [(one.subject, one.object) for one in found if one.firm]
        return any(s is not None and o is not None and s.ids and o.ids for s, o in ends)

    def _sentence(
        self, text: str, linked: Linked, frame: Frame, memory: Memory, *, denied: bool
    ) -> list[Found]:
        reading, chosen = self._choose(text, linked, frame, memory)
        reading.denied = denied
        found = [self._found(reading, candidate) for candidate in chosen]
        for candidate, first in zip(chosen, tuple(found), strict=True):
            found += listed_more(reading, candidate, first, self._world, self._values)
        if not found:
            found = self._fragments.read(
                reading.text, reading.plain, reading.terms, frame, denied=denied
            )
            if found:
                reading.covered.update(range(len(reading.plain.words)))
        found += self._by_words(reading, frame, memory, understood=bool(found))
        if not found:
            found = self._fragments.noted(reading.text, reading.plain, reading.terms)
            reading.covered.update(range(len(reading.plain.words)) if found else ())
        if not found:
            found = impossible(reading, self._world, self._book, self._values)
        if reading.plain.negations and found:
            found += contrasted(reading, found, self._world)
        if not found or len(reading.covered) < len(reading.plain.words):
            spoken = self._with_pronouns(reading, frame, memory)
            found += left_over(reading, spoken, frame, found)
        self._remember(reading, chosen, memory)
        return found

    def _by_words(
        self, reading: SentenceReading, frame: Frame, memory: Memory, *, understood: bool
    ) -> list[Found]:
        """Claims by cue where no template stands; where nothing does, by meaning."""
        if not len(reading.covered) < len(reading.plain.words) <= MAX_WORDS:
            return []
        spoken = self._with_pronouns(reading, frame, memory)
        found = self._cues.read(
            reading.text, reading.plain, spoken, frame, reading.covered, denied=reading.denied
        )
        if not (found or understood) and self._by_meaning and not reading.plain.negations:
            terms = [spoken[place] for place in sorted(reading.terms)]
            found = self._by_meaning.read(reading.text, terms, frame)
            reading.covered.update(range(len(reading.plain.words)) if found else ())
        return found

    def _reading(self, text: str, linked: Linked, *, strip: bool) -> SentenceReading:
        starts = absorb_titles(linked.lows, linked.mentions)
        lows: list[str] = []
        at: dict[int, Term] = {}
        place = 0
        for mention in linked.mentions:
            lows += linked.lows[place : max(place, starts[mention.start])]
            at[len(lows)] = Term(mention.kind, mention.ids, mention.text)
            lows.append(SLOT)
            place = mention.end
        lows += linked.lows[place:]
        plain = self._canon.plain(lows, strip_negations=strip)
        terms = {i: at[o] for i, o in enumerate(plain.origin) if plain.words[i] == SLOT}
        return SentenceReading(text, linked, plain, terms)

    def _choose(
        self, text: str, linked: Linked, frame: Frame, memory: Memory
    ) -> tuple[SentenceReading, list[Candidate]]:
        negated = any(low in NEGATIONS for low in linked.lows)
        if negated:
            reading = self._reading(text, linked, strip=False)
            told = [m for m in self._book.find(reading.skeleton) if m.pattern.negative]
            chosen = self._best(reading, told, frame, memory)
            if chosen:
                return reading, chosen
        reading = self._reading(text, linked, strip=True)
        chosen = self._best(reading, self._book.find(reading.skeleton), frame, memory)
        if not chosen and len(reading.plain.words) <= 24:
            chosen = self._best(reading, self._book.find_loose(reading.skeleton), frame, memory)
        return reading, chosen

    def _best(
        self, reading: SentenceReading, matches: Sequence[Match], frame: Frame, memory: Memory
    ) -> list[Candidate]:
        full = [m for m in matches if not m.pattern.missing]
        partial = [m for m in matches if m.pattern.missing]
        chosen: list[Candidate] = []
        for group in (full, partial):
            candidates = [
                candidate
                for match in group
                if (candidate := self._resolve(reading, match, frame, memory, chosen)) is not None
            ]
            candidates.sort(key=lambda c: (c.score, -c.match.start), reverse=True)
            for candidate in candidates:
                if not any(overlap(candidate, other, reading.plain.words) for other in chosen):
                    chosen.append(candidate)
                    reading.covered.update(range(candidate.match.start, candidate.end))
        chosen.sort(key=lambda c: c.match.start)
        return chosen

    def _resolve(
        self,
        reading: SentenceReading,
        match: Match,
        frame: Frame,
        memory: Memory,
        chosen: list[Candidate],
    ) -> Candidate | None:
        pattern, words = match.pattern, reading.plain.words
        relation = self._world.relation[pattern.relation]
        if in_aside(words, match):
            return None
        end = match.end
        form = pattern.kind if pattern.kind in ("count", "compare") else "fact"
        subject = self._slots.slot(reading, match.s, relation.domain, frame, memory)
        if form == "compare":
            object = self._slots.slot(reading, match.o, relation.domain, frame, memory)
            object = object or self._slots.rival(frame, subject)
        elif form == "count":
            subject = self._slots.slot(reading, match.o, relation.range, frame, memory)
            object = self._slots.number(words, match)
        elif relation.range in ("value", "number") and match.o:
            read = self._values.read(relation, words[match.o[0] : match.o[1]])
            if read is None or (match.o[1] < match.end and read[1] < match.o[1] - match.o[0]):
                return None
            object = read[0]
            end = match.o[0] + read[1] if match.o[1] == match.end else end
        else:
            object = self._slots.slot(reading, match.o, relation.range, frame, memory)
        if pattern.missing == "s":
            subject = self._slots.before(reading, match, relation.domain, frame, memory, chosen)
        elif pattern.missing == "o":
            object = self._slots.before(reading, match, relation.range, frame, memory, chosen)
        if subject is None or object is None:
            return None
        candidate = self._scored(match, subject, object, end, form, frame)
        noun = words[match.start] == "the" and match.start not in reading.terms
        if candidate is not None and noun and object.ids and match.s and match.o:
            return replace(candidate, described=relation.range not in ("value", "number"))
        return candidate

    def _scored(
        self, match: Match, subject: Term, object: Term, end: int, form: str, frame: Frame
    ) -> Candidate | None:
        pattern = match.pattern
        relation = self._world.relation[pattern.relation]
        asked = frame.relation == relation.id
        fitting = form != "fact" or (
            fits(subject, relation.domain) and fits(object, relation.range)
        )
        if not fitting and (not pattern.cued or pattern.missing or object.kind == "open"):
            return None
        turned = fits(subject, relation.range) and fits(object, relation.domain)
        if not fitting and not (asked or turned or fits(subject, relation.domain)):
            return None  # "the lamp belonged to Igodo" says nothing of members
        vague = pattern.literal <= MAX_VAGUE and not asked
        if object.kind == "open" and (vague or is_no_value(object.text)):
            return None
        if object.kind == "open" and not pattern.cued:
            about_given = frame.given is not None and subject == frame.given
            if not (asked and about_given) or is_plain_noun(object.text):
                return None
        listed = object.kind != "open"
        score = (int(fitting), int(listed), int(asked), pattern.literal, end - match.start)
        return Candidate(match, subject, object, end, score, form)

    @staticmethod
    def _found(reading: SentenceReading, candidate: Candidate) -> Found:
        match = candidate.match
        negated = any(match.start < n <= candidate.end for n in reading.plain.negations)
        negated ^= reading.denied
        return Found(
            reading.text,
            match.pattern.relation,
            candidate.subject,
            candidate.object,
            negated,
            "wording",
            candidate.form,
            either_way=foe_of(
                reading.plain.words[match.start : candidate.end], match.pattern.relation
            ),
        )

    def _with_pronouns(
        self, reading: SentenceReading, frame: Frame, memory: Memory
    ) -> dict[int, Term]:
        terms = dict(reading.terms)
        for place, word in enumerate(reading.plain.words):
            if word in PRONOUNS:
                if memory.last is not None and memory.last.kind in PRONOUN_KINDS[word]:
                    terms[place] = memory.last
                    continue
                for kind in PRONOUN_KINDS[word]:
                    term = self._slots.pronoun(word, kind, frame, memory)
                    if term is not None:
                        terms[place] = term
                        break
        return terms

    def _remember(self, reading: SentenceReading, chosen: list[Candidate], memory: Memory) -> None:
        for place in sorted(reading.terms):
            memory.mentions[reading.terms[place].kind] = reading.terms[place]
        for candidate in chosen:
            lead = candidate.subject if leads(candidate, "s") else candidate.object
            if lead.kind not in ("value", "number", "open"):
                memory.subjects[lead.kind] = lead
                if lead.kind in ABSENT_KINDS:
                    relation = self._world.relation[candidate.match.pattern.relation]
                    memory.subjects[relation.domain] = lead
        if not chosen and reading.terms:
            first = reading.terms[min(reading.terms)]
            memory.subjects[first.kind] = first
        if chosen:
            lead = chosen[0].subject if leads(chosen[0], "s") else chosen[0].object
            memory.last = lead if lead.ids or lead.kind in ABSENT_KINDS else memory.last
        elif reading.terms:
            memory.last = reading.terms[min(reading.terms)]
