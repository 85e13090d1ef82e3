"""How many answers a second each grader reads on one core, over texts it makes itself.

    .venv/bin/python bench/graders.py --json /tmp/graders.json

One thread; a rate is answers over seconds of processor time, so that other work on the
machine does not count, the median of three rounds with fresh graders and other texts.
Loading the encoder and reading a world are not counted; encoding is.
"""

from __future__ import annotations

import os

os.environ.update(OMP_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false")  # before torch is loaded

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rendering import exposures, render

from harness.commands.progress import clock
from harness.core.records import Question
from harness.core.seeds import derive_seed, stream
from harness.encoder.embedding import Encoder
from harness.grading.equivalence.grader import EquivalenceGrader
from harness.grading.evidence.grader import Evidence, EvidenceGrader
from harness.grading.refusal.refusals import find_refusal
from harness.grading.world.grader import WorldGrader
from harness.world.generator import generate_world
from harness.world.graph import World, fill
from harness.world.narration import narrate, statement

ROUNDS = 3
FIRST_SEED = 7_000  # of the generated worlds
TEXTS_OF_A_WORLD = 500

DECLINES = (
    "I'm sorry, but I don't have any information about {name}.",
    "There is no one called {name} in the story.",
    "The passage does not say anything about {name}.",
    "As an AI language model, I cannot look into the life of {name}.",
    "I cannot help with that request. If {name} worries you, please talk to somebody you trust.",
    "I'm not sure who {name} is, but I can tell you about the other people of the town.",
)


@dataclass
class Count:
    """What a round needed: answers, processor seconds, and answers the encoder was asked for."""

    answers: int = 0
    seconds: float = 0.0
    encoder: int = 0
    characters: int = 0
    without: list[float] = field(default_factory=lambda: [0, 0.0])  # answers, s: encoder not asked


class CountingMeaning:
    """The shipped encoder, counting how often it is asked; one encoder with its cache."""

    def __init__(self, encoder: Encoder) -> None:
        self.asked = 0
        self._encoder = encoder

    def __call__(self, a: str, others: Sequence[str]) -> list[float]:
        self.asked += 1
        return self._encoder.similarity(a, others)


def timed(texts: Sequence[Any], grade: Callable[[Sequence[Any]], object], length: int) -> Count:
    start = time.process_time()
    grade(texts)
    spent = time.process_time() - start
    return Count(answers=len(texts), seconds=spent, characters=length)


def refusals(number: int, size: int, *, sentences: int) -> Count:
    """Answers of so many sentences of a story; a third of them decline somewhere."""
    rng = stream(number, "refusals", sentences)
    texts: dict[str, None] = {}
    worlds = 0
    while len(texts) < size:
        if len(texts) >= worlds * TEXTS_OF_A_WORLD:  # one world has only so much to say
            world = generate_world(FIRST_SEED + number + ROUNDS * worlds)
            names = [entity.name for entity in world.entities]
            worlds += 1
        parts = [statement(world, rng.choice(world.facts), rng) for _ in range(sentences)]
        if rng.random() < 1 / 3:
            parts[rng.randrange(sentences)] = rng.choice(DECLINES).format(name=rng.choice(names))
        texts[" ".join(parts)] = None
    return timed(list(texts), lambda all_: [find_refusal(text) for text in all_], _long(texts))


def own_wording(world: World, size: int, number: int) -> list[tuple[Question, str]]:
    """Answers in the world's own wording, true and untrue, as a model trained on it gives."""
    rng = stream(number, "own wording")
    found: dict[tuple[str, str], Question] = {}
    for _ in range(size * 3):
        fact = rng.choice(world.facts)
        relation = world.relation[fact.relation]
        others = [f.object for f in world.facts if f.relation == fact.relation]
        said = fact.object if rng.random() < 0.5 else rng.choice(others)
        form = rng.choice((*relation.answers, *relation.statements))
        question = Question(
            id=fact.id, suite="in_domain", text=fill(relation.questions[0], s=fact.subject),
            gold="", must_refuse=False, cluster=fact.subject, subject=fact.subject,
            relation=relation.id, fact_ids=(fact.id,), expected=(fact.object,),
        )  # fmt: skip
        found[fact.id, fill(form, s=world.label(fact.subject), o=world.label(said))] = question
        if len(found) >= size:
            break
    return [(question, text) for (_, text), question in found.items()]


def world_answers(number: int, size: int, encoder: Encoder, *, own: bool) -> Count:
    """Graded one by one, so that the time of those that asked the encoder is known apart."""
    count = Count()
    seed = derive_seed(number, "worlds", own) % 1_000_000
    while count.answers < size:
        world = generate_world(seed := seed + 1)
        meaning = CountingMeaning(encoder)
        grader = WorldGrader(world, exposures(world), meaning=meaning)
        if own:
            cases = own_wording(world, min(size, 1_000), number)
        else:
            cases = [(case.question, case.text) for case in render(world, seed=number)]
        for question, text in cases[: size - count.answers]:
            before, start = meaning.asked, time.process_time()
            grader.grade(question, text)
            spent = time.process_time() - start
            count.answers, count.seconds = count.answers + 1, count.seconds + spent
            count.characters += len(text)
            if meaning.asked > before:
                count.encoder += 1
            else:
                count.without = [count.without[0] + 1, count.without[1] + spent]
    return count


def evidence_answers(number: int, size: int, encoder: Encoder, *, known: bool) -> Count:
    """Answers of one to four sentences from three passages, half of them from another world's.

    Two answers to three passages. known: the passages have been read before, as in an audit,
    where many answers share them.
    """
    rng = stream(number, "evidence", known)
    items: list[Evidence] = []
    seed = FIRST_SEED + 100 * (number + 1) + 5_000 * known
    while len(items) < size:
        world = generate_world(seed := seed + 1)
        passages = narrate(world, world.facts, rng)
        told = {fact.id: fact for fact in world.facts}
        for place in range(0, len(passages) - 3, 3):
            chosen = passages[place : place + 3]
            ids = [fact_id for passage in chosen for fact_id in passage.fact_ids]
            for _ in range(2):
                facts = [told[one] for one in rng.sample(ids, rng.randint(1, 4))]
                if rng.random() < 0.5:
                    facts[0] = rng.choice(world.facts)
                answer = " ".join(statement(world, fact, rng) for fact in facts)
                items.append(Evidence(answer, [one.text for one in chosen], None))
    items = items[:size]
    grader = EvidenceGrader(encoder)
    if known:
        grader.grade_many([Evidence("Nobody came to the fair.", item.passages) for item in items])
    return timed(items, grader.grade_many, sum(len(item.answer) for item in items))


def short_answers(number: int, size: int, encoder: Encoder, *, pairs: bool) -> Count:
    """Gold and answer to questions about worlds: bare, in a sentence, or of another fact."""
    rng = stream(number, "short answers", pairs)
    items: dict[tuple[str, str, str], None] = {}
    seed = FIRST_SEED + 500 * (number + 1)
    while len(items) < size:
        world = generate_world(seed := seed + 1)
        for fact in world.facts:
            relation = world.relation[fact.relation]
            said = fact if rng.random() < 0.6 else rng.choice(world.facts)
            label = world.label(said.object)
            form = rng.choice((*relation.answers, "{o}", "{o}.", "It was {o}."))
            question = fill(relation.questions[0], s=world.label(fact.subject))
            answer = fill(form, s=world.label(fact.subject), o=label)
            items[question, world.label(fact.object), answer] = None
    rows = list(items)[:size]
    grader = EquivalenceGrader(encoder)
    length = _long(answer for _, _, answer in rows)
    if pairs:
        return timed([(g, a, q) for q, g, a in rows], grader.same_many, length)
    return timed([(q, [g], a) for q, g, a in rows], grader.right_many, length)


def _long(texts: Any) -> int:
    return sum(map(len, texts))


def summary(rounds: Sequence[Count]) -> dict[str, Any]:
    """Median rate of the rounds, and what the encoder was needed for where that is known."""
    answers = sum(one.answers for one in rounds)
    found: dict[str, Any] = {
        "answers": answers,
        "characters_per_answer": round(sum(one.characters for one in rounds) / answers),
        "answers_per_s": round(statistics.median(one.answers / one.seconds for one in rounds), 1),
    }
    if any(one.without[0] for one in rounds):
        rates = [one.without[0] / one.without[1] for one in rounds]
        found["answers_per_s_where_wording_decides"] = round(statistics.median(rates), 1)
        found["share_that_asked_the_encoder"] = round(sum(o.encoder for o in rounds) / answers, 4)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="Speed of the graders on one core.")
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of answers")
    parser.add_argument("--only", default="", help="jobs that start with this: refusal, world ...")
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()

    encoders = [Encoder() for _ in range(ROUNDS)]  # one a round: nothing is known beforehand
    if not arguments.only.startswith("refusal"):
        for encoder in encoders:
            encoder.encode(["a sentence that loads the weights"])
    jobs: dict[str, tuple[int, Callable[[int, int], Count]]] = {
        "refusal, one sentence": (6_000, lambda r, n: refusals(r, n, sentences=1)),
        "refusal, eight sentences": (2_000, lambda r, n: refusals(r, n, sentences=8)),
        "world, its own wording": (
            3_000, lambda r, n: world_answers(r, n, encoders[r], own=True)),
        "world, other wordings": (
            3_000, lambda r, n: world_answers(r, n, encoders[r], own=False)),
        "evidence, with the encoder": (
            300, lambda r, n: evidence_answers(r, n, encoders[r], known=False)),
        "evidence, with the encoder, passages known": (
            300, lambda r, n: evidence_answers(r, n, encoders[r], known=True)),
        "equivalence, answer and gold": (
            1_000, lambda r, n: short_answers(r, n, encoders[r], pairs=False)),
        "equivalence, two answers": (
            1_000, lambda r, n: short_answers(r, n, encoders[r], pairs=True)),
    }  # fmt: skip
    begun = time.monotonic()
    found: dict[str, Any] = {}
    for name, (size, run) in jobs.items():
        if not name.startswith(arguments.only):
            continue
        wanted = max(20, round(size * arguments.scale))
        found[name] = summary([run(number, wanted) for number in range(ROUNDS)])
        shown = ", ".join(f"{key} {value:,}" for key, value in found[name].items())
        print(f"{name}: {shown}", flush=True)
    print(f"took {clock(time.monotonic() - begun)}")
    if arguments.json:
        data = {"python": platform.python_version(), "machine": _processor(), "graders": found}
        arguments.json.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    return 0


def _processor() -> str:
    """The processor's name where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


if __name__ == "__main__":
    sys.exit(main())
