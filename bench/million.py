"""One million verdicts: how long and how much memory the numbers of such a run take.

    python bench/million.py [--verdicts 1000000] [--folder /tmp/million]

Measures wall and processor seconds and the greatest resident memory, each step in a
process of its own: `summarise` on a verdict table in memory, and, as `bordor report` does
before it writes, reading a run folder of that size (questions.jsonl, answers.jsonl and
verdicts.jsonl, made here, about 1.2 GB) into the table and summarising it; and `compare` of
two such folders, reports and all. The aim is 60 s and 4 GB on two cores.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.core.seeds import derive_seed
from harness.runs.verify import seal_by_hand
from harness.suites import with_semantics

if TYPE_CHECKING:
    import pandas as pd

SUITES = ("in_domain", "paraphrase", "text_only", "relational", "open_ended", "unstated",
          "false_premise", "invented", "near_miss", "out_of_domain")  # fmt: skip
REFUSE = frozenset(SUITES[5:])
VARIANTS = ("article", "none", "tag_system", "tag_question", "terse", "polite", "lower", "typo")
SAMPLES = 4  # beside one greedy answer
PER_QUESTION = len(VARIANTS) * (SAMPLES + 1)
QUESTIONS_OF_ENTITY = 5
WORDS = ("weaver", "smith", "carter", "guard", "cook", "miller", "singer", "healer")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--verdicts", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/bordor-million"))
    parser.add_argument("--step", choices=STEPS, help="run one step in this process")
    options = parser.parse_args()
    if options.step:
        measure(options.step, options.verdicts, options.folder)
        return
    for step in STEPS:
        subprocess.run([sys.executable, __file__, "--verdicts", str(options.verdicts),
                        "--folder", str(options.folder), "--step", step], check=True)  # fmt: skip


def measure(step: str, verdicts: int, folder: Path) -> None:
    """Prepare a step, then time it and print one line."""
    work = STEPS[step](verdicts, folder)
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    done = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{step}: {done}; {wall:.1f} s, {cpu:.1f} s of processor, peak {peak:.2f} GiB", flush=True
    )


def made_table(verdicts: int, *, seed: int = 0) -> pd.DataFrame:
    """A verdict table of a million rows, as `stats.tables.verdict_table` would give it."""
    import pandas as pd

    from harness.stats.tables import VERDICTS

    rng = np.random.default_rng(derive_seed(seed, "million"))
    questions = verdicts // PER_QUESTION
    suite_Q = np.arange(questions) * len(SUITES) // questions
    entity_Q = np.arange(questions) // QUESTIONS_OF_ENTITY
    chance_Q = rng.beta(1, 2, questions)
    question = np.repeat(np.arange(questions), PER_QUESTION)
    variant = np.tile(np.repeat(np.arange(len(VARIANTS)), SAMPLES + 1), questions)
    sample = np.tile(np.arange(SAMPLES + 1), questions * len(VARIANTS))
    draw = rng.random(len(question))
    made_up = draw < chance_Q[question]
    verdict = np.where(made_up, 1, np.where(draw > 0.97, 5, np.where(draw > 0.9, 2, 0)))
    refuse_Q = np.array([SUITES[s] in REFUSE for s in suite_Q])
    names = {name: np.array(kept, dtype=object) for name, kept in (
        ("question", [f"{SUITES[s]}-{i:07d}" for i, s in enumerate(suite_Q)]),
        ("cluster", [f"entity-{i:06d}" for i in range(entity_Q.max() + 1)]),
    )}  # fmt: skip
    mean = -0.2 - made_up * 0.5 - rng.exponential(0.4, len(question))
    return pd.DataFrame(
        {
            "arm": "adapter",
            "suite": np.array(SUITES, dtype=object)[suite_Q[question]],
            "question_id": names["question"][question],
            "variant": np.array(VARIANTS, dtype=object)[variant],
            "sample": sample.astype(np.int64),
            "request_id": names["question"][question],
            "cluster": names["cluster"][entity_Q[question]],
            "verdict": pd.Categorical.from_codes(verdict, categories=VERDICTS),
            "correct": verdict == 0,
            "grader": "world@1",
            "must_refuse": refuse_Q[question],
            "told": ~refuse_Q[question],
            "gold": ~refuse_Q[question],
            "exposure": np.where(refuse_Q[question], "absent", "trained"),
            "relation": "trade",
            "distance": pd.array(np.where(suite_Q[question] == 8, 1 + question % 3, 0)).astype(
                "Int64"
            ),
            "mean_logprob": mean,
            "min_logprob": mean * 2,
            "mean_entropy": -mean,
            "tokens": "0",
            "finish_reason": "stop",
            "meaning": verdict * 8 + rng.integers(0, 8, len(question)) * (verdict < 2),
        }
    )


def write_folder(verdicts: int, folder: Path) -> None:
    """A run folder with as many answers and verdicts, unless one is there."""
    from harness.core.records import Question, to_json

    if (folder / "done").exists() and (folder / "done").read_text() == str(verdicts):
        return
    folder.mkdir(parents=True, exist_ok=True)
    table = made_table(verdicts)
    asked = table.drop_duplicates("question_id")
    questions = (
        with_semantics(
            Question(
                id=row.question_id,
                suite=row.suite,
                text="Who was Igodo?",
                gold="A weaver.",
                must_refuse=row.must_refuse,
                cluster=row.cluster,
            )
        )
        for row in asked.itertuples()
    )
    (folder / "questions.jsonl").write_text("".join(to_json(one) + "\n" for one in questions))
    rng = np.random.default_rng(derive_seed(0, "million answers"))
    with (
        (folder / "answers.jsonl").open("w") as answers,
        (folder / "verdicts.jsonl").open("w") as graded,
    ):
        for i, row in enumerate(table.itertuples()):
            answer, verdict = answer_and_verdict(i, row, rng)
            answers.write(json.dumps(answer, sort_keys=True) + "\n")
            graded.write(json.dumps(verdict, sort_keys=True) + "\n")
    (folder / "plan.jsonl").write_text("")  # the reading of a plan is no matter of verdicts
    about = {"started": "2026-01-01", "finished": "2026-01-01", "model": "made"}
    (folder / "run.json").write_text("{}")
    seal_by_hand(folder, **about)
    (folder / "done").write_text(str(verdicts))


def answer_and_verdict(
    i: int, row: Any, rng: np.random.Generator
) -> tuple[dict[str, Any], dict[str, Any]]:
    """One answer of 16 tokens and its verdict with one claim, as the lines of the files."""
    word = WORDS[row.meaning % 8]
    text = f"{row.cluster} was a {word}."
    key = {"arm": "adapter", "request_id": f"{i // (SAMPLES + 1):012x}", "sample": row.sample}
    answer = {
        "entropies": rng.exponential(0.5, 16).round(4).tolist(),
        "finish_reason": "stop",
        "logprobs": (-rng.exponential(0.5, 16)).tolist(),
        "text": text,
        "token_ids": rng.integers(4, 900, 16).tolist(),
    }
    claim = {
        "fact_ids": ["f1"],
        "negated": False,
        "object": word,
        "reason": "the trade was another",
        "relation": "trade",
        "status": "contradicted",
        "subject": row.cluster,
        "text": text,
    }
    verdict = {
        "claims": [claim],
        "cluster": row.cluster,
        "correct": bool(row.correct),
        "grader": "world@1",
        "question_id": row.question_id,
        "reason": "a claim is contradicted",
        "suite": row.suite,
        "variant": row.variant,
        "verdict": str(row.verdict),
    }
    return key | answer, key | verdict


def summarise_table(verdicts: int, folder: Path) -> Callable[[], str]:
    """Ready to summarise a table that is there."""
    from harness.report.summary import summarise

    table = made_table(verdicts)

    def work() -> str:
        found = summarise(table, identity={})
        return f"{len(table):,} verdicts, {found['counts']['clusters']:,} clusters"

    return work


def read_and_summarise(verdicts: int, folder: Path) -> Callable[[], str]:
    """Ready to read a run folder that is there, and to summarise it."""
    from harness.report.summary import summarise
    from harness.runs.read import read_run

    write_folder(verdicts, folder)

    def work() -> str:
        run = read_run(folder)
        read_s = time.process_time()
        table = run.table
        joined_s = time.process_time()
        found = summarise(table, identity=run.identity)
        done_s = time.process_time()
        return (f"{found['counts']['questions']:,} questions; of the processor seconds "
                f"{joined_s - read_s:.1f} join the table, {done_s - joined_s:.1f} summarise, "
                "the rest read")  # fmt: skip

    return work


def write_second(folder: Path) -> Path:
    """A second run beside the first: the same answers, every seventh hallucination gone."""
    second = folder.with_name(folder.name + "-second")
    second.mkdir(exist_ok=True)
    for name in ("questions.jsonl", "answers.jsonl", "plan.jsonl", "run.json"):
        if not (second / name).exists():
            os.link(folder / name, second / name)
    with (folder / "verdicts.jsonl").open() as lines, (second / "verdicts.jsonl").open("w") as out:
        for number, line in enumerate(lines):
            out.write(line if number % 7 else line.replace('"hallucinated"', '"grounded"'))
    seal_by_hand(second)
    return second


def compare_folders(verdicts: int, folder: Path) -> Callable[[], str]:
    """Ready to compare two run folders that are there."""
    from harness.decision.compare import compare

    write_folder(verdicts, folder)
    second = write_second(folder)

    def work() -> str:
        found = compare([folder], [second], out=folder.parent, to=folder / "compare")
        return str(found.data["headline"])

    return work


STEPS = {
    "summary of a table": summarise_table,
    "summary of a folder": read_and_summarise,
    "comparison of two folders": compare_folders,
}


if __name__ == "__main__":
    main()
