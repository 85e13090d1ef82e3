"""Whether a run folder is whole: every file as it was written, all of them one run.

What is sealed is in `seals`. Here the files are held against each other: the plan's hash
against its requests, the answers against the plan (each request and sample once, in plan
order), the verdicts against the answers (each cell once, in order).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from harness.core.errors import DamageError
from harness.core.files import Unreadable, read_object, write_text
from harness.core.records import Answer, GradedAnswer, Question, Request
from harness.core.seals import canonical, digest_of, seal_of
from harness.prompts.plan import answer_keys, plan_hash
from harness.runs.layout import (
    ANSWERS,
    EXPOSURE,
    FORMAT,
    NAMED,
    PLAN,
    QUESTIONS,
    REPORTS,
    RUN,
    SUMMARY,
    VERDICTS,
    WORLD,
    hash_in_name,
)
from harness.runs.store import RunFolder
from harness.sources import planned_source, read_source
from harness.suites import with_semantics

NEEDED = (PLAN, QUESTIONS, ANSWERS, VERDICTS)  # of a finished run, so that it can be believed
SEAL_IT = (
    "written before run folders were sealed, so nothing shows that its files are those of the "
    "audit; 'bordor grade RUN' grades it again and seals what it finds, or audit again"
)

SEALED_LATE = "its files are known since it was graded again, and not since it was audited"


@dataclass(frozen=True, kw_only=True)
class Checked:
    """One file of a run folder; `wrong` says what is wrong with it, None where nothing is."""

    file: str
    wrong: str | None = None


def check_run(run: RunFolder, *, read: Collection[str] = ()) -> None:
    """Check the plan and every sealed file but the reports and `read`, which the caller reads.

    Raises DamageError for the first that is not as it was written.
    """
    check_seals(run, read=(*read, *REPORTS))
    check_plan(run)


def check_seals(run: RunFolder, *, read: Collection[str] = ()) -> None:
    """Check every sealed file of a run but those in `read`. Raises DamageError."""
    for name in sorted(run.seals()):
        if name not in read:
            _check_seal(run, name)


def check_believable(run: RunFolder) -> None:
    """Raise DamageError where a finished run's files are not all sealed."""
    if not run.sealed:
        raise DamageError(f"{run.path / RUN}: {SEAL_IT}")
    for name in NEEDED:
        if name not in run.seals():
            raise run.damaged(RUN, f"says nothing of {name}")


def check_summary(run: RunFolder) -> None:
    """Raise DamageError where a sealed run's summary was not written since its verdicts were."""
    if run.sealed and SUMMARY not in run.seals():
        raise run.damaged(SUMMARY, "not written since the verdicts were")


def _check_seal(run: RunFolder, name: str) -> None:
    try:
        run.check(name, seal_of(run.path / name))
    except Unreadable as error:
        if error.missing and name.startswith("review/"):
            return  # labels may be taken away: no verdict rests on them
        raise run.damaged(name, str(error)) from None


def check_plan(run: RunFolder) -> None:
    """Check that run.json and the folder's name give the hash of the plan that lies there.

    A run that says no hash of its plan is left alone. Raises DamageError.
    """
    about = run.about()
    said = about.get("plan", {}).get("hash")
    if said is None:
        return
    in_name = hash_in_name(run.path)
    if in_name not in (None, said):
        raise run.damaged(RUN, f"of plan {said}, in a folder of plan {in_name}")
    identity = {"model": about.get("identity", {}), **planned_source(run)}
    found = plan_hash(list(run.read_records(PLAN, Request)), identity)
    if found != said:
        raise run.damaged(PLAN, f"not the plan {said} of this model, story and exposure")


def questions_of(run: RunFolder) -> Iterator[Question]:
    """The questions as they stand in a run's file. Raises DamageError."""
    older = run.about()["format"] != FORMAT
    for question in run.read_records(QUESTIONS, Question):
        yield with_semantics(question) if older else question


def read_questions(run: RunFolder, requests: Iterable[Request]) -> list[Question]:
    """The questions of a run. Raises DamageError where they are not those of its plan."""
    questions = list(questions_of(run))
    asked = {question for request in requests for question, _ in request.cells}
    lost = sorted(asked - {one.id for one in questions})
    if lost or len({one.id for one in questions}) != len(questions):
        what = f"lacks {lost[0]}, which the plan asks" if lost else "holds a question twice"
        raise run.damaged(QUESTIONS, what)
    return questions


def planned_answers(run: RunFolder, requests: Sequence[Request]) -> Iterator[Answer]:
    """The answers of a run, as read. Raises DamageError where they are not those of its plan."""
    arms = {request.id: request.arm for request in requests}
    pairs = zip_longest(run.read_records(ANSWERS, Answer), answer_keys(requests))
    for line, (answer, key) in enumerate(pairs, start=1):
        if answer is None:
            raise run.damaged(ANSWERS, f"ends before request {key[0]}, sample {key[1]}", line=line)
        found = answer.request_id, answer.sample
        if found != key or answer.arm != arms[answer.request_id]:
            raise run.damaged(
                ANSWERS, f"{_named(found)} where the plan has {_named(key)}", line=line
            )
        yield answer


def planned_verdicts(
    run: RunFolder, requests: Sequence[Request], questions: Iterable[Question]
) -> Iterator[GradedAnswer]:
    """The verdicts of a run. Raises DamageError where they are not those of its answers."""
    of = {question.id: (question.suite, question.cluster) for question in questions}
    pairs = zip_longest(run.read_records(VERDICTS, GradedAnswer), _verdict_keys(requests))
    for line, (graded, key) in enumerate(pairs, start=1):
        if graded is None:
            raise run.damaged(VERDICTS, f"ends before {_named(key)}", line=line)
        found = (graded.request_id, graded.sample, graded.question_id, graded.variant, graded.arm)
        if found != key:
            raise run.damaged(VERDICTS, f"{_named(found)} where {_named(key)} belongs", line=line)
        if (graded.suite, graded.cluster) != of[graded.question_id]:
            raise run.damaged(
                VERDICTS, f"suite and cluster are not those of {graded.question_id}", line=line
            )
        yield graded


def _verdict_keys(requests: Iterable[Request]) -> Iterator[tuple[str, int, str, str, str]]:
    for request in requests:
        for _, sample in answer_keys([request]):
            for question, variant in request.cells:
                yield request.id, sample, question, variant, request.arm


def _named(key: Sequence[object] | None) -> str:
    if key is None:
        return "nothing"
    return f"request {key[0]}, sample {key[1]}" + "".join(f", {part}" for part in key[2:])


def verify(path: Path) -> list[Checked]:
    """Every file of a run folder that must be as it was written, and what is wrong with it.

    Raises StoreError when `path` is no run folder.
    """
    try:
        run = RunFolder.open(path)
        about = run.about()
        if about.get("finished") or not run.sealed:
            check_believable(run)
    except DamageError as error:
        return [Checked(file=RUN, wrong=str(error))]
    state = None
    if about.get("finished") is None:
        state = f"unfinished; go on with: {about.get('command')}"
    elif hash_in_name(path) not in (None, about.get("plan", {}).get("hash")):
        state = f"of plan {about.get('plan', {}).get('hash')}, in a folder of another"
    found = {RUN: state} | {name: _wrong(_check_seal, run, name) for name in run.seals()}
    requests: list[Request] = []
    questions: list[Question] = []
    for name, check in (
        (PLAN, lambda: check_plan(run)),
        (PLAN, lambda: requests.extend(run.read_records(PLAN, Request))),
        (WORLD, lambda: read_source(run)),
        (QUESTIONS, lambda: questions.extend(read_questions(run, requests))),
        (ANSWERS, lambda: _exhaust(planned_answers(run, requests))),
        (VERDICTS, lambda: _exhaust(planned_verdicts(run, requests, questions))),
    ):
        if name in found and not any(found.get(one) for one in {PLAN, QUESTIONS, name}):
            found[name] = _wrong(check)
    if about.get("finished") is not None:
        found.setdefault(SUMMARY, _wrong(check_summary, run))
    first = (RUN, WORLD, EXPOSURE, QUESTIONS, PLAN, ANSWERS, VERDICTS)
    names = [*(name for name in first if name in found), *sorted(found.keys() - set(first))]
    return [Checked(file=name, wrong=found[name]) for name in names]


def _exhaust(records: Iterator[Any]) -> None:
    for _ in records:
        pass


def _wrong(check: Any, *arguments: Any) -> str | None:
    try:
        check(*arguments)
    except DamageError as error:
        return str(error)
    return None


def adopt(run: RunFolder) -> None:
    """Seal a run that was written before there were seals, as it lies there now.

    Its plan, world, exposure, questions and answers must fit each other. Raises DamageError.
    """
    check_plan(run)
    read_source(run)
    read_questions(run, run.read_records(PLAN, Request))
    files = run.seals_of(WORLD, EXPOSURE, QUESTIONS, PLAN, ANSWERS)
    for _ in planned_answers(run, list(run.read_records(PLAN, Request))):
        pass
    run.update(format=NAMED, verified_from="regrade", files=files)


def seal_by_hand(path: Path, **changes: Any) -> None:
    """Seal a folder as it lies there, with `changes` to run.json, and check nothing.

    For folders that tests and benchmarks make or change by hand.
    """
    about = read_object(path / RUN) | changes
    names = (WORLD, EXPOSURE, *NEEDED, SUMMARY)
    kept = {name: seal_of(path / name).to_data() for name in names if (path / name).is_file()}
    about = {**about, "format": FORMAT, "files": {**about.get("files", {}), **kept}}
    write_text(path / RUN, canonical({**about, "digest": digest_of(about)}) + "\n")
