"""Progress on a terminal (a bar with rate and time left) or in a log (a line now and then)."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING

from harness.core.progress import Progress

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

TITLES = {
    "base": "pretraining the base",
    "adapter": "training the adapter",
    "load": "loading the model",
    "probe": "measuring the speed",
    "generate": "generating answers",
    "grade": "grading answers",
    "report": "writing the report",
}
LOG_EVERY_S = 10.0


class ProgressDisplay:
    """Shows `Progress` records as they come; a context manager that cleans up behind it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars: Bars | None = None
        self._task: TaskID | None = None
        self._stage = ""
        self._started = self._logged = 0.0
        self._first = 0

    def __enter__(self) -> ProgressDisplay:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def __call__(self, progress: Progress) -> None:
        """Show how far a stage is; a new stage begins with its first record."""
        now = time.monotonic()
        fresh = progress.stage != self._stage
        if fresh:
            self._stage, self._started, self._first = progress.stage, now, progress.done
            if progress.resumed and progress.stage == "generate":
                self._console.print(
                    f"resuming: {progress.resumed:,} of {progress.total:,} answers were there"
                )
        if self._console.is_terminal:
            self._show_bar(progress, fresh=fresh)
        elif fresh or progress.done >= progress.total or now - self._logged >= LOG_EVERY_S:
            self._logged = now
            self._console.print(self._line(progress, now), highlight=False, soft_wrap=True)

    def _line(self, progress: Progress, now: float) -> str:
        title = TITLES.get(progress.stage, progress.stage)
        if not progress.total:
            return f"{title} ..."
        parts = [f"{title}: {progress.done:,}/{progress.total:,} {progress.unit}"]
        elapsed, done = now - self._started, progress.done - self._first
        if done > 0 and elapsed > 0:
            rate = done / elapsed
            parts.append(f"{rate:,.1f} {progress.unit}/s")
            if progress.done < progress.total:
                parts.append(f"{clock((progress.total - progress.done) / rate)} left")
            else:
                parts.append(f"took {clock(elapsed)}")
        if progress.note:
            parts.append(progress.note)
        return ", ".join(parts)

    def _show_bar(self, progress: Progress, *, fresh: bool) -> None:
        from rich.markup import escape

        if fresh:
            self._stop()
            self._stage = progress.stage
            self._bars = _bars(self._console)
            self._task = self._bars.add_task(
                TITLES.get(progress.stage, progress.stage),
                total=progress.total or None,
                rate="",
                note="",
            )
            self._bars.start()
        assert self._bars is not None and self._task is not None
        elapsed, done = time.monotonic() - self._started, progress.done - self._first
        rate = f"{done / elapsed:,.1f} {progress.unit}/s" if done > 0 and elapsed > 0 else ""
        left = ""
        if done > 0 and progress.done < progress.total:
            left = f"{clock((progress.total - progress.done) / done * elapsed)} left"
        self._bars.update(
            self._task,
            completed=progress.done,
            total=progress.total or None,
            rate=", ".join(part for part in (rate, left) if part),
            note=escape(progress.note),
        )

    def _stop(self) -> None:
        if self._bars is not None:
            self._bars.stop()
        self._bars = self._task = None


def _bars(console: Console) -> Bars:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.progress import Progress as Bars

    return Bars(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[rate]}"),
        TextColumn("{task.fields[note]}"),
        console=console,
    )


def clock(seconds: float) -> str:
    """Seconds for people: "42 s", "3 min 20 s", "1 h 05 min"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
