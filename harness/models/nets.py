"""The net around the model libraries: whatever they raise on somebody's files is a ModelError.

They read what anybody wrote, and meet what is wrong with it far inside, as any kind of error.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from harness.core.errors import BordorError, ModelError, first_line

_LONGEST = 400  # characters of a library's line that are shown


@contextmanager
def blamed_on(what: str, *, advice: str = "") -> Iterator[None]:
    """Raise what a library raises inside the block as a ModelError with its first line.

    what: file or folder, and what was done to it. Our own errors pass, and so do an
    interruption and a machine without memory. A panic of a library in Rust is no Exception.
    """
    try:
        yield
    except (BordorError, MemoryError):
        raise
    except Exception as error:
        raise ModelError(_words(what, error, advice)) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise ModelError(_words(what, error, advice)) from error


@contextmanager
def within_time(seconds: float, *, what: str) -> Iterator[None]:
    """Raise ModelError when the block, which runs somebody's program, takes longer.

    Only where a timer can interrupt: in the main thread of a POSIX system.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(
        signal, "setitimer"
    ):
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise ModelError(f"{what} took longer than {seconds:g} s and was stopped: does it end?")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _words(what: str, error: BaseException, advice: str) -> str:
    line = first_line(error)
    kind = type(error).__name__
    told = line if kind in line or len(line.split()) > 2 else f"{kind}: {line}"
    shown = told if len(told) <= _LONGEST else f"{told[:_LONGEST]}…"
    return f"{what}: {shown}" + (f". {advice}" if advice else "")
