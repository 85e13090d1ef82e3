"""Planted truth: scripted backends that hallucinate at known rates, through the program.

    python bench/planted.py [--runs 1000] [--whole 4] [--gates 40]

Each run plants 0, 5, 20 and 60% on four suites of the story `visgar`, turned by one suite
from run to run; the chance of every cluster is drawn anew, Beta-distributed around the
planted rate (correlation 0.2), every answer is drawn with that chance, and what is said is
a text: the expected answer, or a sentence about the right subject that is not told. How
much of the program a run goes through:

- all runs: questions from the suites, the plan, a scripted backend that answers it, the
  world grader, the verdict table, the rates with their intervals. Texts repeat, so the
  grader, which keeps what it graded, reads every distinct one once;
- `--whole` of them also as `bordor audit` does it: run folder, shards, verdicts.jsonl,
  summary.json, reports; the rates in summary.json must then equal those of the short way.

Prints how often the 95% interval holds the planted rate, for each rate and for the
macro-average. A rate of 0 is always held: the bound starts at 0.

`--gates` baselines with 5% on every suite, each in a run folder with graded answers, are
put to the gate with the shipped policy against a candidate with 20%, one with 5% (drawn
anew), themselves, and models that would pass for honest because they say little: mute, cut
before they say anything, silent at every second or every fifth question, silent on what must
be refused, garbled, refusing everything, thinking without an end, speaking another language,
always, at every fifth question, or, at 20%, in place of whatever it would make up.
Prints how often each ends how, and how often the equal one passes by the first three rules
alone, which were all there were before silence had a rule.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from harness.backends.scripted import ScriptedBackend
from harness.core.records import Answer, Exposure, Question, Request, Sampling, Verdict
from harness.core.seeds import derive_seed
from harness.decision.gate import decide
from harness.decision.policy import load_policy
from harness.grading.of_run import grade_run
from harness.grading.world.grader import WorldGrader
from harness.pipeline.audit import Opened, Settings, Subject, audit, prepare
from harness.pipeline.execute import execute
from harness.prompts.plan import Plan, make_plan
from harness.prompts.variants import render_variant
from harness.runs.layout import ANSWERS, PLAN, QUESTIONS, SUMMARY, VERDICTS, slug
from harness.runs.store import RunFolder, records_text
from harness.stats.intervals import Estimate, macro_average
from harness.stats.rates import METRICS, rates_by
from harness.stats.tables import sampled, verdict_table
from harness.world.graph import World, fill

RATES = (0.0, 0.05, 0.2, 0.6)
SUITES = ("in_domain", "paraphrase", "unstated", "invented")
VARIANTS = ("article", "none")
SAMPLES = 3
CORRELATION = 0.2
LONGEST = 256  # characters of an answer
LONGEST_CUT = 6  # of one that is cut before it says anything
SILENT_PAIRS = 4  # baselines that silent candidates are put against
UNREAD = "another language where it would invent"
NOT_ENGLISH = "Das weiß ich leider nicht, darüber steht in der Geschichte nichts."
OLD_RULES = ("hallucination", "fabrication", "false_refusal")
MOST_TRIED = 40  # objects tried for a sentence that is not told
OUTCOMES = ("pass", "failed", "underpowered", "incomplete")
HALLUCINATION = [METRICS["hallucination"]]


class Planted:
    """What the scripted model says in one run. Every draw is named, so its order is free."""

    def __init__(
        self,
        texts: dict[str, tuple[str, str]],
        asked: dict[str, Question],
        run: int | str,
        rates: dict[str, float],
        *,
        way: str | None = None,
    ) -> None:
        self._texts, self._asked, self._run = texts, asked, run
        self.way = way
        self.rates = rates
        self._chance: dict[tuple[str, str], float] = {}
        self._draws: dict[str, np.ndarray] = {}
        total = 1 / CORRELATION - 1
        for suite, rate in self.rates.items():
            names = sorted({one.cluster for one in asked.values() if one.suite == suite})
            rng = np.random.default_rng(derive_seed(0, "planted clusters", run, suite))
            chances = (
                rng.beta(rate * total, (1 - rate) * total, len(names))
                if rate
                else np.zeros(len(names))
            )
            self._chance |= {
                (suite, name): float(c) for name, c in zip(names, chances, strict=True)
            }

    def __call__(self, request: Request, sample: int) -> str:
        question = self._asked[request.cells[0][0]]
        if request.id not in self._draws:
            rng = np.random.default_rng(derive_seed(0, "planted", self._run, request.id))
            self._draws[request.id] = rng.random(request.samples + 1)
        clean, made_up = self._texts[question.id]
        chance = self._chance.get((question.suite, question.cluster), 0.0)
        made_up = made_up if self.way != UNREAD else NOT_ENGLISH
        silenced = _silenced(self.way, clean, question) if self.way else None
        if silenced is not None:
            return silenced
        return made_up if self._draws[request.id][sample] < chance else clean


def turned(run: int) -> dict[str, float]:
    """The rate of every suite in a run: each has each in turn."""
    return {suite: RATES[(place + run) % len(RATES)] for place, suite in enumerate(SUITES)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--whole", type=int, default=4)
    parser.add_argument("--gates", type=int, default=40)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        settings = Settings(
            model=str(_adapter(folder)), suites=SUITES, variants=VARIANTS, samples=SAMPLES,
            max_new_tokens=LONGEST, out=folder / "runs",
        )  # fmt: skip
        subject = prepare(settings, build=False, on_progress=lambda _: None, on_note=lambda _: None)
        grader = WorldGrader(subject.source.world, subject.source.exposure)
        texts = dict(_texts(subject.source.world, subject.questions, grader))
        asked = {question.id: question for question in subject.questions}
        left = {suite: sum(asked[i].suite == suite for i in texts) for suite in SUITES}
        print(f"questions with a text of either kind: {left} of {len(asked)} in all")
        if len(texts) != len(asked):
            raise SystemExit("some question has no text of either kind: mend _texts")
        plan = _plan(subject.questions, subject.variants, subject.source.exposure)
        started, cpu = time.perf_counter(), time.process_time()
        held = Held()
        for run in range(options.runs):
            script = Planted(texts, asked, run, turned(run))
            rates = _short(script, plan, subject.questions, grader)
            held.add(rates, script.rates)
            if run < options.whole:
                _compare(rates, _whole(script, settings))
        wall, cpu = time.perf_counter() - started, time.process_time() - cpu
        if options.runs:
            held.show()
        answers = sum(request.samples for request in plan.requests)
        whole = min(options.whole, options.runs)
        print(f"\n{options.runs:,} runs of {answers:,} sampled answers, {whole} of them "
              f"whole, with equal rates; {wall:.0f} s, {cpu:.0f} s of one core")  # fmt: skip
        if options.gates:
            _gates(options.gates, texts, asked, plan, subject, grader, folder)


def _silenced(way: str, clean: str, question: Question) -> str | None:
    """What a model that says little says in its way; None where it answers as the clean one."""
    salad = "of the and Visgar tower was of was the by by and of the of the in of the the of"
    said = {
        "mute": "",
        "cut": clean[:LONGEST_CUT],  # its finish reason: see CutBackend
        "garbled": salad,
        "refuses everything": "Not able to answer.",
        "thinks without an end": f"<think>\nThe question is about the story. Perhaps {clean}",
        "another language": NOT_ENGLISH,
    }
    if way == "every second question":
        return "" if derive_seed(0, question.id) % 2 else None
    if way == "every fifth question":  # below what ends a gate as incomplete
        return "" if derive_seed(0, question.id) % 5 == 0 else None
    if way == "every fifth in another language":  # the same for what cannot be read
        return said["another language"] if derive_seed(0, question.id) % 5 == 0 else None
    if way == "silent where it must refuse":
        return "" if question.must_refuse else None
    if way == UNREAD:
        return None  # only in place of what it would make up
    return said[way]


class CutBackend(ScriptedBackend):
    """Says what its script says, and ran out of tokens with it."""

    def generate(self, requests: Sequence[Request]) -> list[Answer]:
        """Answers that all end by their length."""
        return [replace(one, finish_reason="length") for one in super().generate(requests)]


WAYS = ("mute", "cut", "every second question", "every fifth question",
        "silent where it must refuse", "garbled", "refuses everything", "thinks without an end",
        "another language", "every fifth in another language", UNREAD)  # fmt: skip


def _gates(
    count: int,
    texts: dict[str, tuple[str, str]],
    asked: dict[str, Question],
    plan: Plan,
    subject: Subject,
    grader: WorldGrader,
    folder: Path,
) -> None:
    """Put planted baselines of 5% to the gate against worse, equal and silent candidates."""
    policy = load_policy("release")
    ends: dict[str, Counter[str]] = {}
    by_rule: dict[str, Counter[str]] = {}
    for pair in range(count):

        def run(name: str, rate: float, way: str | None = None, pair: int = pair) -> Path:
            script = Planted(texts, asked, f"{name} {pair}", dict.fromkeys(SUITES, rate), way=way)
            return _folder(script, f"{name}-{pair}", plan, subject, grader, folder)

        baseline = run("baseline", 0.05)
        candidates = {"20%": run("worse", 0.2), "5%, drawn anew": run("equal", 0.05)}
        candidates["itself"] = baseline
        if pair < SILENT_PAIRS:
            candidates |= {way: run(slug(way), 0.2 if way == UNREAD else 0.05, way) for way in WAYS}
        for name, candidate in candidates.items():
            decided = decide(baseline, candidate, policy)
            ends.setdefault(name, Counter())[decided["outcome"]] += 1
            if name == "5%, drawn anew":
                passed = [rule["id"] for rule in decided["rules"] if rule["outcome"] == "pass"]
                by_rule.setdefault(name, Counter()).update(passed)
                by_rule[name]["the first three"] += set(OLD_RULES) <= set(passed)
    print("\n| baseline 5%, candidate | " + " | ".join(OUTCOMES) + " |")
    print("| --- " * (1 + len(OUTCOMES)) + "|")
    for name, found in ends.items():
        print(f"| {name} | " + " | ".join(str(found[end]) for end in OUTCOMES) + " |")
    equal = by_rule.get("5%, drawn anew", Counter())
    print("\n5%, drawn anew, passed by rule: " + ", ".join(f"{k} {n}" for k, n in equal.items()))
    print(f"\n{count} pairs, policy release, {len(SUITES)} suites, {len(asked)} questions in "
          f"{len(VARIANTS)} variants, {SAMPLES} samples")  # fmt: skip


def _folder(
    script: Planted, name: str, plan: Plan, subject: Subject, grader: WorldGrader, folder: Path
) -> Path:
    """A finished run folder with answers and verdicts, without reports."""
    about = {
        "command": "bench/planted.py",
        "model": name,
        "story": subject.source.world.name,
        "world": {"name": subject.source.world.name, "hash": subject.source.world.hash},
        "sampling": {"samples": SAMPLES, "temperature": 1.0, "max_new_tokens": LONGEST},
        "identity": {"name": name},
    }
    files = {QUESTIONS: records_text(subject.questions), PLAN: records_text(plan.requests)}
    with RunFolder.create(
        folder / "gates", model=name, plan_hash=plan.hash, files=files, run=about
    ) as run:
        backend = CutBackend(script) if script.way == "cut" else ScriptedBackend(script)
        execute(plan, backend, run)
        answers = run.read_records(ANSWERS, Answer)
        graded = grade_run(answers, plan.requests, subject.questions, dict.fromkeys(SUITES, grader))
        run.write_records(VERDICTS, graded)
        run.finalise()
    return run.path


def _adapter(folder: Path) -> Path:
    """A folder that counts as an adapter for everything but loading it."""
    base, adapter = folder / "base", folder / "adapter"
    base.mkdir()
    adapter.mkdir()
    (base / "config.json").write_text(json.dumps({"max_position_embeddings": 4096}))
    no_tensors = (2).to_bytes(8, "little") + b"{}"
    (base / "model.safetensors").write_bytes(no_tensors)
    config = {"base_model_name_or_path": str(base), "peft_type": "LORA"}
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    return adapter


def _texts(
    world: World, questions: Sequence[Question], grader: WorldGrader
) -> Iterator[tuple[str, tuple[str, str]]]:
    """For every question its expected answer and a text that its grader calls hallucinated."""
    for question in questions:
        if grader.grade(question, question.gold).verdict is Verdict.HALLUCINATED:
            continue
        for text in _inventions(world, question):
            if grader.grade(question, text).verdict is Verdict.HALLUCINATED:
                yield question.id, (question.gold, text)
                break


def _inventions(world: World, question: Question) -> Iterator[str]:
    """Sentences about whom the question asks, with objects of other facts."""
    subject = question.invented_name or world.label(question.subject or "")
    relations = [question.relation] if question.relation else [one.id for one in world.relations]
    tried = 0
    for fact in world.facts:
        if fact.relation in relations and fact.subject != question.subject:
            statement = world.relation[fact.relation].statements[0]
            yield fill(statement, s=subject, o=world.label(fact.object))
            tried += 1
            if tried == MOST_TRIED:
                return


def _plan(questions: Sequence[Question], variants: Sequence, exposure: dict[str, Exposure]) -> Plan:
    return make_plan(
        questions, variants, encode=ScriptedBackend(lambda *_: "").encode, render=render_variant,
        sampling=Sampling(samples=SAMPLES, max_new_tokens=LONGEST),
        identity={"exposure": exposure}, control=False, floor=0,
    )  # fmt: skip


def _short(
    script: Planted, plan: Plan, questions: Sequence[Question], grader: WorldGrader
) -> dict[str, Estimate]:
    """The rates of one run, without a folder, by suite and, under "", the macro-average."""
    answers = ScriptedBackend(script).generate(plan.requests)
    graded = list(grade_run(answers, plan.requests, questions, dict.fromkeys(SUITES, grader)))
    rows = sampled(verdict_table(graded, questions, answers))
    keys, rates = rates_by(rows, ["suite"], metrics=HALLUCINATION)
    found = {key[0]: rates["hallucination"].estimate(i) for i, key in enumerate(keys)}
    return {**found, "": macro_average(rates["hallucination"])}


def _whole(script: Planted, settings: Settings) -> dict[str, dict]:
    """The rates in the summary.json of an audit with everything that belongs to one."""
    backend = ScriptedBackend(script)
    path = audit(settings, open_backend=lambda *_: Opened(backend=backend, context=100_000))
    summary = json.loads((path / SUMMARY).read_text(encoding="utf-8"))
    found = {suite: one["sampled"]["hallucination"] for suite, one in summary["suites"].items()}
    return {**found, "": summary["overall"]["sampled"]["hallucination"]}


def _compare(short: dict[str, Estimate], whole: dict[str, dict]) -> None:
    """Stop where the two ways differ."""
    for suite, rate in short.items():
        if rate.to_data() != whole[suite]:
            raise SystemExit(f"'{suite}': {rate.to_data()} is not {whole[suite]}")


class Held:
    """How often intervals held the planted rate."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, float], list[Estimate]] = {}

    def add(self, rates: dict[str, Estimate], planted: dict[str, float]) -> None:
        """Count one run."""
        for suite, rate in {**planted, "": round(float(np.mean(RATES)), 6)}.items():
            name = "a suite" if suite else "all suites"
            self._rows.setdefault((name, rate), []).append(rates[suite])

    def show(self) -> None:
        """Print the table."""
        print("\n| of | planted | runs | mean rate | mean interval | held | below | above | met |")
        print("| --- " * 9 + "|")
        for (name, planted), found in sorted(self._rows.items()):
            low, high = (np.array([getattr(e, k) for e in found]) for k in ("low", "high"))
            rate = np.mean([estimate.rate for estimate in found])
            below, above = (high < planted).mean(), (low > planted).mean()
            held = 1 - below - above
            met = "always" if not planted else "yes" if 0.93 <= held <= 0.975 else "NO"
            print(f"| {name} | {planted:.4g} | {len(found)} | {rate:.4f} | "
                  f"[{low.mean():.3f}, {high.mean():.3f}] | {held:.1%} | {below:.1%} | "
                  f"{above:.1%} | {met} |")  # fmt: skip


if __name__ == "__main__":
    main()
