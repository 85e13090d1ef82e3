"""A synthetic run folder: no model, known shape, hostile texts."""

import json
from pathlib import Path

import pytest

from harness.core.paths import data_folder
from harness.core.records import (
    Answer,
    Claim,
    ClaimStatus,
    Entity,
    Exposure,
    Fact,
    GradedAnswer,
    Passage,
    Question,
    Request,
    Verdict,
    to_json,
)
from harness.core.seeds import content_hash, stream
from harness.report.summary import summarise
from harness.runs.read import read_run
from harness.suites import with_semantics
from harness.world.graph import World, load_relations

# suite: (must_refuse, exposure, chance of grounded, hallucinated, refused)
SUITES = {
    "in_domain": (False, Exposure.TRAINED, 0.95, 0.04, 0.01),
    "paraphrase": (False, Exposure.TRAINED, 0.85, 0.13, 0.02),
    "text_only": (False, Exposure.TEXT_ONLY, 0.6, 0.37, 0.03),
    "relational": (False, Exposure.TRAINED, 0.4, 0.5, 0.05),
    "unstated": (True, Exposure.UNSTATED, 0.0, 0.9, 0.08),
    "false_premise": (True, Exposure.ABSENT, 0.05, 0.9, 0.05),
    "invented": (True, Exposure.ABSENT, 0.0, 0.93, 0.06),
    "near_miss": (True, Exposure.ABSENT, 0.02, 0.88, 0.1),
    "out_of_domain": (True, None, 0.0, 0.3, 0.2),
    "open_ended": (False, Exposure.TRAINED, 0.5, 0.45, 0.0),
}
VARIANTS = ("article", "bare", "tag_system", "tag_question", "terse", "polite", "lower", "typo")
HOSTILE = (
    "<script>document.title='owned'</script>",
    "</script><script>document.title='owned'</script><!--",
    "<img src=x onerror=\"document.title='owned'\">",
    "\x1b[31mred\x1b[0m \x1b]0;owned\x07 \x9b2J",
    "[bold red]markup[/bold red] [/] [link=http://x]x[/link]",
    "=cmd|' /C calc'!A0",
    "abc\u202etxt.exe\u202c \u2066x\u2069 \u200b",
    "{{ 7*7 }} {% raw %} ${7*7} &lt;b&gt; | a | b | `code` [x](javascript:alert(1))",
    "line\u2028separator\u2029 and \ud800 lone surrogate".encode("utf-8", "replace").decode(),
    "very long " * 3000,
    "",
    "日本語 العربية 👩‍👩‍👧 é",
)


def world() -> World:
    relations = load_relations(data_folder("fixtures") / "stories" / "relations.toml")
    people = [Entity(id=f"p{i}", kind="person", name=f"Person{i}") for i in range(40)]
    facts = [
        Fact(id=f"f{i}", subject=f"p{i}", relation="companion", object=f"p{(i + 1) % 40}")
        for i in range(40)
    ]
    told = Passage(id="1", text="A story.", fact_ids=tuple(fact.id for fact in facts[:30]))
    return World(
        name="made",
        title="Made up",
        entities=tuple(people),
        relations=relations,
        facts=tuple(facts),
        passages=(told,),
    )


def questions(per_suite: int) -> list[Question]:
    found = []
    for suite, (must_refuse, exposure, *_) in SUITES.items():
        for i in range(per_suite):
            found.append(
                with_semantics(
                    Question(
                        id=f"{suite}-{i:03d}",
                        suite=suite,
                        text=f"Who was the companion of Person{i}? ({suite})",
                        gold="Person1.",
                        must_refuse=must_refuse,
                        cluster=f"p{i % 40}",
                        exposure=exposure,
                        relation="companion",
                        invented_name=f"Nobody{i}" if suite in ("invented", "near_miss") else None,
                        nearest_name=f"Person{i % 40}" if suite == "near_miss" else None,
                        distance=1 + i % 3 if suite == "near_miss" else None,
                        fact_ids=(f"f{i % 40}",),
                    )
                )
            )
    return found


def claim(i: int, text: str) -> Claim:
    return Claim(
        text=text[:200],
        status=ClaimStatus.CONTRADICTED,
        reason="the companion was another",
        subject=f"p{i % 40}",
        relation="companion",
        fact_ids=(f"f{i % 40}",),
    )


def verdict_of(suite: str, rng) -> Verdict:
    _, _, grounded, hallucinated, refused = SUITES[suite]
    if suite == "out_of_domain":
        weights = (0.1, 0.2, 0.25, 0.4, 0.03, 0.02)
    else:
        rest = 1 - grounded - hallucinated - refused
        weights = (grounded, hallucinated, refused, 0.0, rest / 2, rest / 2)
    return rng.choices(tuple(Verdict), weights=weights)[0]


def answers_to(question: Question, variant: str, i: int, samples: int, lines: dict) -> None:
    """Requests, answers and verdicts of one cell, in all three arms."""
    rng = stream(3, question.id, variant)
    for arm in ("adapter", "base", "floor"):
        if arm == "floor" and i % 10:
            continue
        drawn = samples if arm == "adapter" else 0
        request_id = content_hash(arm, question.id, variant)
        request = Request(
            id=request_id, arm=arm, prompt=question.text, token_ids=(1, 5), samples=drawn,
            cells=((question.id, variant),), temperature=1.0, max_new_tokens=48, seed=0,
        )  # fmt: skip
        lines["plan"].append(to_json(request))
        for sample in range(drawn + 1):
            verdict = verdict_of(question.suite, rng)
            name = f"Person{rng.randrange(40)}"
            text = f"{name} was the companion, and travelled with Person{i % 40}."
            if verdict is Verdict.REFUSED:
                text = "I do not know anybody of that name."
            if rng.random() < 0.02:
                text = rng.choice(HOSTILE)
            count = 4 + rng.randrange(12)
            answer = Answer(
                request_id=request_id, arm=arm, sample=sample, text=text,
                token_ids=tuple(rng.randrange(4, 900) for _ in range(count)),
                logprobs=tuple(-rng.random() for _ in range(count)), finish_reason="stop",
                entropies=tuple((sample + at) % 5 / 5 for at in range(count)),
            )  # fmt: skip
            lines["answers"].append(to_json(answer))
            made_up = verdict is Verdict.HALLUCINATED
            graded = GradedAnswer(
                question_id=question.id, variant=variant, request_id=request_id, arm=arm,
                sample=sample, suite=question.suite, cluster=question.cluster, verdict=verdict,
                correct=verdict is Verdict.GROUNDED, grader="world@1",
                reason="a claim is contradicted" if made_up else "as expected",
                claims=(claim(i, text),) if made_up else (),
            )  # fmt: skip
            lines["verdicts"].append(to_json(graded))


def build_run(folder: Path, *, per_suite: int = 12, samples: int = 3, variants=VARIANTS) -> Path:
    """Write a whole run folder; the same arguments give the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    asked = questions(per_suite)
    lines: dict[str, list[str]] = {"plan": [], "answers": [], "verdicts": []}
    for question in asked:
        for variant in variants:
            answers_to(question, variant, int(question.id[-3:]), samples, lines)
    lines["questions"] = [to_json(question) for question in asked]
    for name, content in lines.items():
        text = "".join(f"{line}\n" for line in content)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    identity = {
        "format": 1,
        "started": "2026-01-01T00:00:00+00:00",
        "model": "storylm-4m-4bit",
        "story": "made",
        "recipe": "<script>document.title='owned'</script>",
        "commit": "0123abc",
        "versions": {"torch": "2.13.0"},
        "hardware": {"cpu": "two cores"},
    }
    (folder / "run.json").write_text(json.dumps(identity), encoding="utf-8")
    there = world()
    (folder / "world.json").write_text(json.dumps(there.to_data()), encoding="utf-8")
    exposure = {fact.id: "trained" for fact in there.facts}
    (folder / "exposure.json").write_text(json.dumps(exposure), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory):
    """A small run folder, to read only."""
    return build_run(tmp_path_factory.mktemp("run"), per_suite=6, samples=3, variants=VARIANTS[:4])


@pytest.fixture(scope="module")
def run(run_folder):
    return read_run(run_folder)


@pytest.fixture(scope="module")
def summary(run):
    return summarise(run.table, identity=run.identity)


@pytest.fixture(scope="session")
def make_run():
    """Build a run folder of one's own."""
    return build_run


@pytest.fixture(scope="session")
def hostile():
    """Texts that a report must only ever show."""
    return HOSTILE
