"""A finished run read from its folder: the one reader behind reports, reviews and comparisons."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core.errors import StoreError
from harness.core.records import Answer, GradedAnswer, Question
from harness.runs.layout import ANSWERS, QUESTIONS, VERDICTS, WORLD
from harness.runs.store import RunFolder
from harness.runs.verify import check_run, questions_of
from harness.sources import Source, read_source
from harness.stats.tables import verdict_table

if TYPE_CHECKING:
    import pandas as pd

# What makes a model the one it is: equal in two audits of one model.
_MODEL = ("base_hash", "revision", "adapter_hash", "quantisation", "double_quantisation",
          "template_hash")  # fmt: skip
# Of run.json: what the files hold, and not what was audited.
_SEALS = ("files", "digest", "verified_from", "regraded")


@dataclass(frozen=True)
class Run:
    """A finished run. What it asked and its verdicts are read; the rest is when first asked for.

    `about` is run.json. The files were whole when the run was read.
    """

    path: Path
    about: Mapping[str, Any]
    questions: tuple[Question, ...]
    graded: tuple[GradedAnswer, ...]

    @cached_property
    def answers(self) -> tuple[Answer, ...]:
        """All answers, in plan order. Raises DamageError when they are not as written."""
        with _collector_resting():
            return tuple(RunFolder.open(self.path).read_records(ANSWERS, Answer))

    @cached_property
    def texts(self) -> dict[tuple[str, int], str]:
        """Answers by request id and sample."""
        return {(one.request_id, one.sample): one.text for one in self.answers}

    @cached_property
    def source(self) -> Source | None:
        """What it was audited against; None where its folder does not hold that.

        Raises DamageError when it is not as written.
        """
        folder = RunFolder.open(self.path)
        there = WORLD in folder.seals() or (self.path / WORLD).exists()
        return read_source(folder) if there else None

    @cached_property
    def by_id(self) -> dict[str, Question]:
        """The questions by their id."""
        return {one.id: one for one in self.questions}

    @cached_property
    def table(self) -> pd.DataFrame:
        """Verdicts, questions and answers joined; see `harness.stats.tables`."""
        answers = self.answers
        with _collector_resting():
            return verdict_table(self.graded, self.questions, answers)

    @cached_property
    def verdicts(self) -> pd.DataFrame:
        """The same table without the answers, which are many: their columns say nothing."""
        with _collector_resting():
            return verdict_table(self.graded, self.questions)

    @property
    def identity(self) -> dict[str, Any]:
        """What was audited, and where: run.json without the seals."""
        return {key: self.about[key] for key in self.about if key not in _SEALS}

    @property
    def model(self) -> dict[str, Any]:
        """What makes the model the one it is, by content."""
        found = self.about.get("identity", {})
        return {key: found[key] for key in _MODEL if key in found} or dict(found)

    @property
    def samples(self) -> int | None:
        """Drawn answers of each prompt; runs before format 3 call them seeds."""
        drawn = self.about.get("sampling", {})
        found = drawn.get("samples", drawn.get("seeds"))
        return found if isinstance(found, int) else None

    @property
    def label(self) -> str:
        """Model and run, as people find it again."""
        return f"{self.about.get('model', '?')} ({self.path.name})"

    @property
    def suites(self) -> tuple[str, ...]:
        """The suites that were asked, sorted."""
        return tuple(sorted({one.suite for one in self.graded}))

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants that were asked, sorted."""
        return tuple(sorted({one.variant for one in self.graded}))

    @cached_property
    def graders(self) -> dict[str, tuple[str, ...]]:
        """The versions that graded the answers of the model, sorted, by suite: one each."""
        found: dict[str, set[str]] = {}
        for one in self.graded:
            if one.arm == "adapter":
                found.setdefault(one.suite, set()).add(one.grader)
        return {suite: tuple(sorted(versions)) for suite, versions in sorted(found.items())}

    @property
    def grader(self) -> str:
        """All versions that graded answers of the model."""
        return ", ".join(sorted({one for versions in self.graders.values() for one in versions}))

    def digest(self) -> str:
        """Of all answers and verdicts."""
        return " ".join(self.about["files"][name]["sha256"] for name in (ANSWERS, VERDICTS))


def read_run(path: Path, *, claims: bool = True, may_be_empty: bool = False) -> Run:
    """Read a finished run, and check that its folder is whole.

    claims: without them the verdicts take far less memory.
    Raises StoreError naming the file (and line) that is missing, damaged or, unless
    it may be, without a verdict.
    """
    folder = RunFolder.open(path)
    check_run(folder, read=(QUESTIONS, VERDICTS))
    with _collector_resting():
        questions = tuple(questions_of(folder))
        read = folder.read_records(VERDICTS, GradedAnswer)
        graded = tuple(one if claims or not one.claims else replace(one, claims=()) for one in read)
    if not graded and not may_be_empty:
        raise StoreError(f"{path / VERDICTS}: empty; run 'bordor grade' on this run")
    unknown = {one.question_id for one in graded} - {one.id for one in questions}
    if unknown:
        raise folder.damaged(QUESTIONS, f"lacks {min(unknown)}, which has verdicts")
    return Run(path=path, about=folder.about(), questions=questions, graded=graded)


@contextlib.contextmanager
def _collector_resting() -> Iterator[None]:
    """Switch garbage collection off meanwhile.

    Records hold no cycles, and walking millions of them again and again takes as long as
    reading them.
    """
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()
