"""Bordor from Python: `import bordor`, then `bordor.audit(...)`, `compare`, `gate`, `grade`.

The commands do no more than these do. Results are typed; what they do not name stands in
`summary`, the same plain data as `summary.json`. Errors are `harness.core.errors.BordorError`,
each one message with what is wrong, where, and the next step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core.errors import UsageError
from harness.core.paths import DEFAULT_MODEL
from harness.core.specs import did_you_mean

if TYPE_CHECKING:
    import pandas as pd

    from harness.backends.factory import OpenBackend
    from harness.core.progress import OnProgress
    from harness.decision.gate import Gated
    from harness.logs.graded import GradedLog

__all__ = [
    "Audited", "Compared", "Gated", "Rate", "audit", "compare", "gate", "grade", "grade_log",
    "read",
]  # fmt: skip

KINDS = ("sampled", "greedy", "control")
Note = Callable[[str], None]


def __getattr__(name: str) -> Any:
    if name == "Gated":  # imported late: it brings the statistics with it
        from harness.decision.gate import Gated

        return Gated
    raise AttributeError(f"module 'harness.api' has no attribute {name!r}")


@dataclass(frozen=True)
class Rate:
    """A share of answers with its 95% interval; None where nothing was counted.

    `n`: the denominator; `events`: the numerator; `clusters`: entities asked about;
    `unscored`: answers left out because the grader could not tell.
    """

    rate: float | None
    low: float | None
    high: float | None
    events: int
    n: int
    clusters: int
    unscored: int

    def __str__(self) -> str:
        if self.rate is None:
            return "–"
        return f"{self.rate:.2f} [{self.low:.2f}, {self.high:.2f}]"


@dataclass(frozen=True)
class Audited:
    """A finished run: its folder, and what its summary says."""

    path: Path
    summary: Mapping[str, Any]

    @property
    def headline(self) -> str:
        """The one sentence to remember."""
        return str(self.summary["headline"]["sentence"])

    @property
    def report(self) -> Path:
        """The page to read in a browser."""
        from harness.runs.layout import PAGE

        return self.path / PAGE

    def rate(
        self, metric: str = "hallucination", *, suite: str | None = None, kind: str = "sampled"
    ) -> Rate | None:
        """A rate of the model, of one suite or the average over suites (`suite=None`).

        metric: an id of `summary["metrics"]`; kind: "sampled", "greedy", or "control" (the base
        without its adapter). None where the audit has no such answers.
        Raises UsageError for an unknown metric, suite or kind.
        """
        _known("metric", metric, self.summary["metrics"])
        _known("kind", kind, KINDS)
        if suite is None:
            found = self.summary["overall"].get(kind, {}).get(metric)
        else:
            _known("suite", suite, self.summary["suites"])
            found = self.summary["suites"][suite].get(kind, {}).get(metric)
        return Rate(**{one.name: found[one.name] for one in fields(Rate)}) if found else None

    @cached_property
    def answers(self) -> pd.DataFrame:
        """A row for every graded answer, with its verdict; see `harness.stats.tables`."""
        from harness.runs.read import read_run

        return read_run(self.path).table


@dataclass(frozen=True)
class Compared:
    """Two runs, paired by question and variant: where it is written, and what it says."""

    folder: Path
    data: Mapping[str, Any]

    @property
    def headline(self) -> str:
        """The one sentence to remember."""
        return str(self.data["headline"])


def audit(
    model: str = DEFAULT_MODEL,
    *,
    out: str | Path = "reports",
    on_progress: OnProgress | None = None,
    on_note: Note | None = None,
    open_backend: OpenBackend | None = None,
    **settings: Any,
) -> Audited:
    """Audit a model and return its run; what is missing is built first.

    model: a name (`bordor models`), an adapter or model folder, a hub id, or
    "openai:http://host:8000/v1#name". settings: the fields of `harness.pipeline.audit.Settings`,
    which are the flags of `bordor audit`: story, recipe, samples, limit, suites, suite_paths,
    variants, temperature, top_p, top_k, max_new_tokens, quantisation, base, as_is, seed, fresh.
    open_backend: what answers instead of the model, for tests and backends of your own
    (CONTRIBUTING.md). An unfinished run of the same settings is gone on with.
    Raises UsageError, ModelError, TrainingError, BackendError or StoreError.
    """
    from harness.pipeline.audit import Settings
    from harness.pipeline.audit import audit as run_audit

    names = [one.name for one in fields(Settings) if one.name not in ("model", "out")]
    for name in settings:
        _known("setting", name, names)
    for name in ("suites", "variants", "suite_paths"):
        if isinstance(settings.get(name), str):
            raise UsageError(f"{name} is a text: give a list of names")
        if name in settings:
            settings[name] = tuple(settings[name])
    if "suite_paths" in settings:
        settings["suite_paths"] = tuple(map(Path, settings["suite_paths"]))
    asked = Settings(model=model, out=Path(out), **settings)
    return read(
        run_audit(asked, on_progress=on_progress, on_note=on_note, open_backend=open_backend)
    )


def read(run: str | Path) -> Audited:
    """A finished run that lies in a folder. Raises StoreError when it is none, or damaged."""
    from harness.report.schema import read_summary
    from harness.runs.store import RunFolder
    from harness.runs.verify import check_summary

    folder = RunFolder.open(Path(run))
    check_summary(folder)
    return Audited(path=Path(run), summary=read_summary(folder))


def grade(run: str | Path, *, on_note: Note | None = None) -> Audited:
    """Grade a finished run again and write its reports again, without the model.

    Raises StoreError when it is unfinished or damaged.
    """
    from harness.pipeline.grade import regrade

    regrade(Path(run), on_note=on_note)
    return read(run)


def grade_log(log: str | Path, *, must_refuse: tuple[str, ...] = ()) -> list[GradedLog]:
    """Grade answers that were made elsewhere: JSONL of question, answer and gold (docs/logs.md).

    must_refuse: patterns "MODEL/SPLIT" of answers whose question nobody can answer.
    Raises SpecError naming file and line.
    """
    from harness.logs.graded import grade_log as grade_rows
    from harness.logs.graded import read_log

    return grade_rows(read_log(Path(log), must_refuse=must_refuse))


def compare(
    first: str | Path | Audited,
    second: str | Path | Audited,
    *,
    out: str | Path = "reports",
    margin: float | None = None,
) -> Compared:
    """Compare two runs, paired by question and variant. Raises StoreError, PairingError.

    margin: of the statement that two rates are equal.
    """
    from harness.decision.compare import DEFAULT_MARGIN
    from harness.decision.compare import compare as compare_runs

    within = DEFAULT_MARGIN if margin is None else margin
    found = compare_runs([_folder(first)], [_folder(second)], out=Path(out), margin=within)
    return Compared(folder=found.folder, data=found.data)


def gate(
    baseline: str | Path | Audited,
    candidate: str | Path | Audited,
    *,
    policy: str | Path = "release",
    out: str | Path = "reports",
) -> Gated:
    """May the candidate replace the baseline? `exit_code` 0 pass, 100, 101 or 102 (docs/gate.md).

    policy: a shipped name or a .toml file. Raises SpecError, StoreError.
    """
    from harness.decision.gate import gate as decide
    from harness.decision.policy import load_policy

    rules = load_policy(policy)
    return decide(_folder(baseline), _folder(candidate), rules, out=Path(out))


def _folder(run: str | Path | Audited) -> Path:
    return run.path if isinstance(run, Audited) else Path(run)


def _known(what: str, name: str, known: Any) -> None:
    if name not in known:
        names = list(known)
        hint = did_you_mean(name, names) or f"; known: {', '.join(names)}"
        raise UsageError(f"no {what} '{name}'{hint}")
