"""What the campaign did, at its end: an input counts where it ran, not where it was planned."""

from __future__ import annotations

from typing import Any

from tests.fuzz.runner import DONE, INPUTS, SEED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print how many inputs ran, where the campaign was asked for."""
    if INPUTS:
        told = ", ".join(f"{name} {count:,}" for name, count in sorted(DONE.items()))
        terminalreporter.write_line(
            f"fuzz: {sum(DONE.values()):,} inputs ran (FUZZ_INPUTS={INPUTS} FUZZ_SEED={SEED}): {told}"
        )
