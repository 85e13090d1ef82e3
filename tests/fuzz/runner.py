"""Runs a command, or a reader, on something damaged: what may come of it, and what may not.

Whatever it reads, `bordor` ends with an exit code of its own and says what is wrong with which
file. An exception that is none of ours would be a traceback on the user's terminal.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from harness.cli import app
from harness.core.errors import BordorError

CODES = {0, 1, 2, 100, 101, 102}
SLOWEST_S = 60  # a command that takes longer hangs
INPUTS = int(os.environ.get("FUZZ_INPUTS") or 0)  # of the long campaign, over all its tests
SEED = int(os.environ.get("FUZZ_SEED") or 0)
# How many inputs each test is given: in `make test`, and of 10,000 in the campaign.
SHARES = {
    "arguments": (70, 1500),
    "specs": (100, 900),
    "recipe": (15, 300),
    "stories": (25, 400),
    "logs": (25, 500),
    "labelled": (30, 600),
    "dry run": (20, 400),
    "replies": (200, 700),
    "headers": (120, 600),
    "cards": (60, 300),
    "hints": (40, 200),
    "fitted": (30, 200),
    "seals": (25, 600),
    "forged": (10, 1000),
    "sheets": (80, 500),
    "review": (8, 300),
    "baseline": (15, 200),
    "policy": (5, 100),
    "resumed": (4, 200),
    "server": (40, 300),
    "model": (8, 200),
}
DONE: Counter[str] = Counter()  # inputs that ran, by test
Names = Path | str | tuple[str, ...]


class HangError(BaseException):
    """Something did not end. No Exception: a command would tell it as an error of its own."""


def fuzzed(name: str) -> Callable[[Callable], Callable]:
    """Give a test with an argument `data` the inputs that `SHARES` has for `name`.

    The same inputs every time: they follow from the test and, in the campaign, the seed.
    """
    few, many = SHARES[name]
    chosen = settings(
        max_examples=max(1, round(INPUTS * many / 10_000)) if INPUTS else few,
        derandomize=not INPUTS,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate, Phase.shrink) if INPUTS else (Phase.generate,),
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )

    def prepared(test: Callable) -> Callable:
        @functools.wraps(test)
        def counted(*arguments: object, **named: object) -> None:
            DONE[name] += 1
            test(*arguments, **named)

        drawn = given(data=st.data())(counted)
        return chosen(seed(SEED)(drawn) if INPUTS else drawn)

    return prepared


def command(*words: str | Path, names: Names | None = None) -> int:
    """Run `bordor WORDS` in this process; its exit code.

    names: what the message must name where the command fails; of several, one. Fails the test
    on a traceback, an unknown exit code, a hang, or a message that does not say which file.
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


def reader(read: Callable[..., object], *arguments: object, names: Names) -> object:
    """What a reader returns, None where it raises; its error must be ours and name the file."""
    called = getattr(read, "__name__", str(read))
    with _within(SLOWEST_S, [called, *map(str, arguments)]):
        try:
            return read(*arguments)
        except BordorError as error:
            _check_message(str(error), called, names)
        except Exception:
            pytest.fail(f"{called}: traceback\n{traceback.format_exc()[-3000:]}", pytrace=False)
    return None


def _check_message(told: str, where: str, names: Names | None) -> None:
    plain = "".join(told.replace("│", "").split())
    if plain in ("", "bordor:"):
        pytest.fail(f"{where}: ends with an error and says nothing", pytrace=False)
    if "Traceback (most recent call last)" in told:
        pytest.fail(f"{where}: prints a traceback\n{told[-3000:]}", pytrace=False)
    wanted = names if isinstance(names, tuple) else (() if names is None else (Path(names).name,))
    if wanted and not any("".join(name.split()) in plain for name in wanted):
        shown = " or ".join(wanted)
        pytest.fail(f"{where}: the message does not name {shown}: {told[-600:]!r}", pytrace=False)


@contextlib.contextmanager
def _within(seconds: int, asked: list[str]) -> Iterator[None]:
    """Fail where the work does not end: a pipe that nobody writes into, a loop.

    By a signal of its own: the readers of models set and clear the alarm.
    """

    def hung(*_: object) -> None:
        raise HangError(f"bordor {_short(asked)}: not done after {seconds} s")

    before = signal.signal(signal.SIGUSR1, hung)
    main = threading.main_thread().ident
    assert main is not None
    timer = threading.Timer(seconds, signal.pthread_kill, (main, signal.SIGUSR1))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        signal.signal(signal.SIGUSR1, before)


def _short(words: list[str]) -> str:
    return " ".join(repr(word[:60]) for word in words)
