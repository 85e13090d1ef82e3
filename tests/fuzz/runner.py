"""Runs a command, or a reader, on something damaged: what may come of it, and what may not.

Whatever it reads, `bordor` ends with an exit code of its own and says what is wrong with which
file. An exception that is none of ours would be a traceback on the user's terminal.
"""

from __future__ import annotations

import contextlib
import os
import signal
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from typer.testing import CliRunner

from harness.cli import app
from harness.errors import BordorError

CODES = {0, 1, 2, 100, 101, 102}
SLOWEST_S = 60  # a command that takes longer hangs
INPUTS = int(os.environ.get("FUZZ_INPUTS") or 0)  # of the long campaign, over all its tests
SEED = int(os.environ.get("FUZZ_SEED") or 0)
ALL = 1_104  # what the tests are given in `make test` together: they share a campaign alike


def bounded(few: int) -> Callable[[Callable], Callable]:
    """Give a test `few` inputs in `make test`, and its share of the campaign in `make fuzz`.

    The same inputs every time: they follow from the test and, in the campaign, the seed.
    """
    chosen = settings(
        max_examples=max(few, round(INPUTS * few / ALL)),
        derandomize=not INPUTS,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate, Phase.shrink) if INPUTS else (Phase.generate,),
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )
    return lambda test: chosen(seed(SEED)(test) if INPUTS else test)


def command(*words: str | Path, names: Path | str | None = None) -> int:
    """Run `bordor WORDS` in this process; its exit code.

    names: what the message must name where the command fails. Fails the test on a traceback,
    an unknown exit code, a hang, or a message that does not say which file.
    """
    asked = [str(word) for word in words]
    with _within(SLOWEST_S, asked):
        done = CliRunner().invoke(app, asked)
    told = done.output
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        shown = "".join(traceback.format_exception(done.exception))
        pytest.fail(f"bordor {_short(asked)}: traceback\n{shown[-3000:]}", pytrace=False)
    if done.exit_code not in CODES:
        pytest.fail(
            f"bordor {_short(asked)}: exit code {done.exit_code}\n{told[-500:]}", pytrace=False
        )
    if done.exit_code in (1, 2):
        _check_message(told, f"bordor {_short(asked)}", names)
    return done.exit_code


def reader(read: Callable[..., object], *arguments: object, names: Path | str) -> None:
    """Call a reader; an error must be one of ours and name the file."""
    with _within(SLOWEST_S, [str(names)]):
        try:
            read(*arguments)
        except BordorError as error:
            _check_message(str(error), getattr(read, "__name__", str(read)), names)
        except Exception:
            pytest.fail(f"{read}: traceback\n{traceback.format_exc()[-3000:]}", pytrace=False)


def _check_message(told: str, where: str, names: Path | str | None) -> None:
    plain = "".join(told.replace("│", "").split())
    if not plain:
        pytest.fail(f"{where}: ends with an error and says nothing", pytrace=False)
    if "Traceback (most recent call last)" in told:
        pytest.fail(f"{where}: prints a traceback\n{told[-3000:]}", pytrace=False)
    name = Path(names).name if names is not None else ""
    if "".join(name.split()) not in plain:
        pytest.fail(f"{where}: the message does not name {name}: {told[-600:]!r}", pytrace=False)


@contextlib.contextmanager
def _within(seconds: int, asked: list[str]) -> Iterator[None]:
    """Fail where the work does not end: a pipe that nobody writes into, a loop."""

    def hung(*_: object) -> None:
        raise TimeoutError(f"bordor {_short(asked)}: not done after {seconds} s")

    before = signal.signal(signal.SIGALRM, hung)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _short(words: list[str]) -> str:
    return " ".join(repr(word[:60]) for word in words)
