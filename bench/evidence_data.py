"""Claims with known labels, rendered from worlds, PAWS, FEVER-symmetric and EVOUNA.

Only these: what ships is fitted on nothing else. A claim is put before a document in which its
evidence stands among sentences of near themes, or is taken out of it; or the claim is changed
so that the document no longer bears it: another name, another number, a negation, the tail of
another sentence, swapped roles.
"""

from __future__ import annotations

import json
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy

from harness.core.seeds import stream
from harness.encoder.embedding import default_encoder
from harness.grading.evidence.text import EvidenceToken, read, split
from harness.world.generator import generate_world
from harness.world.graph import World
from harness.world.names import coin_name
from harness.world.narration import statement
from harness.world.story import load_story

SIZES = (3, 8, 20, 40, 80)  # sentences of near themes around a claim's evidence
_PREPOSITIONS = frozenset("in at of by for with from to on as near between under during".split())
_BE = frozenset("is are was were has had can could will would".split())


@dataclass(frozen=True)
class Item:
    """A claim or answer, what it is measured against, and whether it is unsupported."""

    kind: str
    group: str
    answer: str
    passages: tuple[str, ...]
    unsupported: bool
    question: str | None = None


def load(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / name).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


# -- changes to a sentence ------------------------------------------------------------


def tokens(text: str) -> tuple[EvidenceToken, ...]:
    parts = read(text)
    return parts[0].tokens if parts else ()


def other_name(text: str, pool: str, rng: random.Random) -> str | None:
    """`text` with one of its names replaced by a name of `pool`."""
    own = _names(text)
    others = [name for name in _names(pool) if name[0] not in text]
    if not own or not others:
        return None
    (_, start, end), (name, _, _) = rng.choice(own), rng.choice(others)
    return text[:start] + name + text[end:]


def _names(text: str) -> list[tuple[str, int, int]]:
    found: list[tuple[str, int, int]] = []
    last = -2
    for place, token in enumerate(tokens(text)):
        if not token.name:
            continue
        if last == place - 1:
            start = found.pop()[1]
        else:
            start = token.start
        found.append((text[start : token.end], start, token.end))
        last = place
    return found


def other_number(text: str, rng: random.Random) -> str | None:
    """`text` with one number in digits changed by a little or a digit."""
    spots = [token for token in tokens(text) if token.number is not None and token.text.isdigit()]
    if not spots:
        return None
    token = rng.choice(spots)
    value = int(token.text)
    change = rng.choice((1, 2, 3, 5, 10, -1, -2, -4))
    return text[: token.start] + str(abs(value + change)) + text[token.end :]


def negated(text: str, rng: random.Random) -> str | None:
    """`text` with a "not" after its first form of be, have or a modal."""
    for token in tokens(text):
        if token.low in _BE:
            word = rng.choice(("not", "never", "not", "not actually"))
            return f"{text[: token.end]} {word}{text[token.end :]}"
    return None


def other_tail(text: str, source: str, rng: random.Random) -> str | None:
    """The beginning of `text`, and from a preposition on, the tail of `source`."""
    mine = [t for t in tokens(text)[3:] if t.low in _PREPOSITIONS]
    theirs = [t for t in tokens(source)[2:-1] if t.low in _PREPOSITIONS]
    fits = [(a, b) for a in mine for b in theirs if a.low == b.low]
    if not fits:
        return None
    a, b = rng.choice(fits)
    tail = re.split(r"\s*[,;.]\s*|\s+and\s+", source[b.start :])[0]
    changed = f"{text[: a.start]}{tail}."
    return changed if tail.split()[1:] and tail not in text else None


def other_word(text: str, source: str, rng: random.Random) -> str | None:
    """`text` with one common word replaced by one of `source` with the same ending."""
    mine = [t for t in tokens(text) if t.content and t.text.islower() and len(t.low) > 3]
    theirs = [t for t in tokens(source) if t.content and t.text.islower() and len(t.low) > 3]
    known = {t.stem for t in mine}
    fits = [(a, b) for a in mine for b in theirs if a.low[-2:] == b.low[-2:]]
    fits = [(a, b) for a, b in fits if b.stem not in known]
    if not fits:
        return None
    a, b = rng.choice(fits)
    return text[: a.start] + b.text + text[a.end :]


def opening_part(text: str, rng: random.Random) -> str:
    """The first clause of `text`, or `text` where it has but one."""
    ends = [m.start() for m in re.finditer(r"\s*,\s|\s+(?:and|but|where|while)\s", text)]
    ends = [end for end in ends if len(text[:end].split()) >= 5]
    return text[: rng.choice(ends)] + "." if ends else text


def changed(text: str, pool: str, sources: Sequence[str], rng: random.Random) -> str | None:
    """`text` made untrue of a document in one of the ways above."""
    ways = [
        lambda: other_name(text, pool, rng),
        lambda: other_number(text, rng),
        lambda: negated(text, rng),
        lambda: other_tail(text, rng.choice(sources), rng),
        lambda: other_word(text, rng.choice(sources), rng),
    ]
    rng.shuffle(ways)
    return next((out for way in ways if (out := way()) and out != text), None)


# -- documents ------------------------------------------------------------------------


class Library:
    """Sentences by theme: the nearest of them make a claim's evidence hard to find."""

    def __init__(self, texts: Sequence[str], groups: Sequence[str]) -> None:
        self.texts, self.groups = list(texts), list(groups)
        words = [read(text)[0].words for text in texts]
        self.rows = numpy.stack([v.sentence for v in default_encoder().encode_words(words)])

    def near(self, number: int, count: int) -> list[str]:
        """The `count` nearest sentences to that of `number`, of other groups, nearest first."""
        order = numpy.argsort(-(self.rows @ self.rows[number]), kind="stable")
        own = self.groups[number]
        picked = (at for at in order[: count + 60] if self.groups[at] != own)
        return [self.texts[at] for _, at in zip(range(count), picked, strict=False)]


def document(parts: Sequence[str], rng: random.Random) -> tuple[str, ...]:
    """Sentences in random order as passages of about eight."""
    order = list(parts)
    rng.shuffle(order)
    return tuple(" ".join(order[at : at + 8]) for at in range(0, len(order), 8))


# -- the sets -------------------------------------------------------------------------


def paws(folder: Path, limit: int, rng: random.Random) -> Iterator[Item]:
    """Pairs as they are; then one side among near sentences, kept, taken out or changed."""
    rows = load(folder, "controls_paws.jsonl")
    rng.shuffle(rows)
    rows = [row for row in rows if tokens(row["a"]) and tokens(row["b"])][:limit]
    groups = components([(row["a"], row["b"]) for row in rows])
    for row, group in zip(rows, groups, strict=True):
        wrong = row["label"] == "different"
        for one, two in ((row["a"], row["b"]), (row["b"], row["a"])):
            yield Item("paws", f"paws/{group}", one, (two,), wrong)
    library = Library([row["b"] for row in rows], groups)
    for number, row in enumerate(rows):
        yield from _placed(
            "paws_placed", f"paws/{groups[number]}", row["a"], row["b"],
            row["label"] == "different", library.near(number, rng.choice(SIZES)), rng,
        )  # fmt: skip


def fever(folder: Path, rng: random.Random) -> Iterator[Item]:
    """Claims beside their passage; then that passage among near ones."""
    rows = load(folder, "controls_fever_symmetric.jsonl")
    groups = components([(row["claim"], row["passage"]) for row in rows])
    library = Library([row["passage"] for row in rows], groups)
    for number, row in enumerate(rows):
        wrong, group = row["label"] == "refutes", f"fever/{groups[number]}"
        yield Item("fever", group, row["claim"], (row["passage"],), wrong)
        for _ in range(4):
            near = library.near(number, rng.choice(SIZES))
            yield from _placed(
                "fever_placed", group, row["claim"], row["passage"], wrong, near, rng
            )


def _placed(
    kind: str, group: str, claim: str, evidence: str, wrong: bool, near: list[str],
    rng: random.Random,
) -> Iterator[Item]:  # fmt: skip
    whole = document([evidence, *near], rng)
    part = claim if wrong else rng.choice((claim, opening_part(claim, rng)))
    yield Item(kind, group, part, whole, wrong)
    if wrong:
        return
    if rng.random() < 0.5:
        yield Item(kind + "_absent", group, part, document(near, rng), True)
    else:
        bad = changed(part, rng.choice((" ".join(near), evidence)), near, rng)
        if bad:
            yield Item(kind + "_changed", group, bad, whole, True)


def components(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """For each pair the name of its group: pairs that share a text are of one group."""
    parent: dict[str, str] = {}

    def root(text: str) -> str:
        while parent.setdefault(text, text) != text:
            text = parent[text]
        return text

    for a, b in pairs:
        parent[root(a)] = root(b)
    return [root(a) for a, _ in pairs]


def evouna(folder: Path, limit: int, rng: random.Random) -> Iterator[Item]:
    """One system's answer against the right answers of the others to the same question.

    An answer that people called right is supported, one called wrong is not; a further
    sentence of a long answer is supported while that answer is there, unsupported without.
    """
    by_question: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in load(folder, "equivalence_evouna.jsonl"):
        if row["system"] != "fid":
            by_question[row["question"]].append(row)
    questions = sorted(by_question)
    rng.shuffle(questions)
    questions = questions[:limit]
    for question in questions:
        rows = by_question[question]
        others = [r["answer"] for q in rng.sample(questions, 6) for r in by_question[q][:2]]
        for row in rows:
            right = [r for r in rows if r["label"] == "correct" and r["system"] != row["system"]]
            if right and 4 <= len(row["answer"].split()) <= 22:
                passages = document([*(r["answer"] for r in right), *others], rng)
                yield Item(
                    "evouna", f"evouna/{question}", row["answer"], passages,
                    row["label"] == "wrong", rng.choice((question, None)),
                )  # fmt: skip
            yield from _further(row, rows, others, rng)


def _further(
    row: dict[str, str], rows: list[dict[str, str]], others: list[str], rng: random.Random
) -> Iterator[Item]:
    parts = [row["answer"][start:end] for start, end in split(row["answer"])]
    if len(parts) < 3 or rng.random() < 0.5:
        return
    at = rng.randrange(1, len(parts))
    if len(parts[at].split()) < 6:
        return
    rest = [*(r["answer"] for r in rows if r is not row), *others]
    own = parts[:at] + parts[at + 1 :]
    group = f"evouna/{row['question']}"
    without = document([" ".join(own), *rest], rng)
    yield Item("further", group, parts[at], without, True, row["question"])
    whole = document([row["answer"], *rest], rng)
    yield Item("further", group, opening_part(parts[at], rng), whole, False, row["question"])
    bad = changed(parts[at], " ".join(others), rest, rng)
    if bad:
        yield Item("further_changed", group, bad, whole, True, row["question"])


def worlds(count: int, rng: random.Random) -> Iterator[Item]:
    """Told facts in other words; and untold, swapped, invented, negated ones."""
    stories = [generate_world(7_000 + number, people=24) for number in range(count)]
    for world in (*stories, load_story("visgar")):
        told = [fact for fact in world.facts if fact.id in world.told_ids]
        texts = {passage.id: passage.text for passage in world.passages}
        home = {fact_id: p.id for p in world.passages for fact_id in p.fact_ids}
        for fact in rng.sample(told, min(60, len(told))):
            ids = rng.sample(sorted(texts), min(len(texts), rng.choice((2, 5, 9))))
            passages = tuple(texts[p] for p in dict.fromkeys((home[fact.id], *ids)))
            group = f"world/{world.name}"
            yield Item("world", group, statement(world, fact, rng), passages, False)
            bad = _untrue(world, fact.id, rng)
            if bad:
                yield Item("world", group, bad, passages, True)


def biographies(count: int, rng: random.Random) -> Iterator[Item]:
    """Claims about one person or place before all that is told of it, and somewhat else.

    The claim is told there, or tells of it what is told of another, or nowhere.
    """
    stories = [generate_world(8_000 + number, people=24) for number in range(count)]
    for world in (*stories, load_story("visgar")):
        texts = {passage.id: passage.text for passage in world.passages}
        home = {fact_id: p.id for p in world.passages for fact_id in p.fact_ids}
        about: dict[str, list[str]] = defaultdict(list)
        for fact in world.facts:
            if fact.id in home:
                about[fact.subject].append(fact.id)
        subjects = [name for name in sorted(about) if len(about[name]) >= 4]
        for name in rng.sample(subjects, min(12, len(subjects))):
            own = dict.fromkeys(home[one] for one in about[name])
            more = rng.sample(sorted(texts), min(len(texts), rng.choice((4, 10, 20))))
            more = [one for one in more if one not in own]
            passages = tuple(texts[one] for one in (*own, *more))
            for fact_id in rng.sample(about[name], 4):
                fact = world.fact[fact_id]
                group = f"world/{world.name}"
                yield Item("biography", group, statement(world, fact, rng), passages, False)
                bad = _untrue(world, fact_id, rng, of=name)
                if bad:
                    yield Item("biography", group, bad, passages, True)


def _untrue(world: World, fact_id: str, rng: random.Random, *, of: str = "") -> str | None:
    """A claim that is not so: a told fact with another object, subject, polarity or order.

    of: an entity whose name the claim keeps.
    """
    fact = world.fact[fact_id]
    relation = world.relation[fact.relation]
    template = rng.choice(relation.statements)
    subject, thing = world.label(fact.subject), world.label(fact.object)
    kind = world.entity[fact.object].kind if fact.object in world.entity else None
    peers = [e.name for e in world.entities if e.kind == kind and e.name not in (subject, thing)]
    values = [
        f.object for f in world.facts if f.relation == relation.id and f.object != fact.object
    ]
    way = rng.choice(("object", "object", "subject", "invented", "negated", "swapped"))
    if of and way in ("subject", "invented", "swapped"):
        way = "object"
    true = template.replace("{s}", subject).replace("{o}", thing)
    if way == "negated":
        return negated(true, rng)
    if way == "swapped" and kind and not relation.symmetric:
        return template.replace("{s}", thing).replace("{o}", subject)
    if way == "invented":
        subject = coin_name(rng)
    elif way == "subject":
        own = world.entity[fact.subject].kind
        subject = rng.choice(
            [e.name for e in world.entities if e.kind == own and e.name != subject]
        )
    elif peers or values:
        thing = rng.choice(peers) if peers else world.label(rng.choice(values))
    else:
        return None
    return template.replace("{s}", subject).replace("{o}", thing)


def responses(folder: Path, count: int, rng: random.Random, *, skip: int = 0) -> Iterator[Item]:
    """Long answers: paraphrases of two to nine sentences of a document of near themes.

    In two of five, one or two sentences are changed, swapped in roles, or not in the document.
    skip: rows of the shuffled file that claims have been made of.
    """
    rows = load(folder, "controls_paws.jsonl")
    rng.shuffle(rows)
    rows = [row for row in rows if tokens(row["a"]) and tokens(row["b"])]
    used = {text for row in rows[:skip] for text in (row["a"], row["b"])}
    rows = [row for row in rows[skip:] if row["a"] not in used and row["b"] not in used]
    groups = components([(row["a"], row["b"]) for row in rows])
    library = Library([row["b"] for row in rows], groups)
    number_of = {row["b"]: number for number, row in enumerate(rows)}
    for start in rng.sample(range(len(rows)), min(count, len(rows))):
        near = {groups[n]: n for n in (number_of[b] for b in library.near(start, 60))}
        ids = [start, *near.values()][:28]
        same = [n for n in ids if rows[n]["label"] == "same"]
        told = rng.sample(same, min(len(same), rng.choice((1, 2, 3, 4, 5, 6, 7, 9))))
        rest = [n for n in ids if n not in told]
        body = [rng.choice((rows[n]["a"], opening_part(rows[n]["a"], rng))) for n in told]
        bad = []
        if rng.random() < 0.4:
            bad = [_unsupported(rows, rest, rng) for _ in range(rng.choice((1, 1, 2)))]
        left = [rows[n]["b"] for n in ids if n in told or rng.random() < 0.6]
        left += [evidence for _, evidence in bad if evidence]
        body += [claim for claim, _ in bad]
        rng.shuffle(body)
        passages = document(left, rng)
        yield Item("response", f"response/{start}", " ".join(body), passages, bool(bad))


def _unsupported(
    rows: list[dict[str, str]], rest: list[int], rng: random.Random
) -> tuple[str, str | None]:
    """A claim that a document does not bear, and the sentence it was made from, if it stays."""
    row = rows[rng.choice(rest)]
    if row["label"] == "different":
        return row["a"], row["b"]
    sources = [rows[n]["b"] for n in rest]
    bad = changed(row["a"], " ".join(sources), sources, rng)
    return (bad, row["b"]) if bad and rng.random() < 0.5 else (row["a"], None)


def everything(folder: Path, *, seed: int, pairs: int, questions: int) -> list[Item]:
    """All rendered claims, the same for the same seed."""
    return [
        *paws(folder, pairs, stream(seed, "paws")),
        *fever(folder, stream(seed, "fever")),
        *evouna(folder, questions, stream(seed, "evouna")),
        *worlds(12, stream(seed, "worlds")),
        *biographies(8, stream(seed, "biographies")),
    ]
