"""Keeping the libraries' chatter off the user's terminal, through their own switches."""

from __future__ import annotations

import functools
import importlib.util
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_LOGGERS = ("transformers", "bitsandbytes", "peft", "accelerate", "torch", "huggingface_hub")


@contextmanager
def quiet() -> Iterator[None]:
    """Silence progress bars, log lines and warnings of the model libraries inside the block.

    Errors still rise. Bordor's own warnings are to be given outside such a block.
    """
    from huggingface_hub.utils import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    levels = {name: logging.getLogger(name).level for name in _LOGGERS}
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    had_bars = not are_progress_bars_disabled()
    disable_progress_bars()
    import_bitsandbytes()
    from transformers.utils import logging as transformers_logging

    verbosity = transformers_logging.get_verbosity()
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if bars:
            transformers_logging.enable_progress_bar()
        if had_bars:
            enable_progress_bars()
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def import_bitsandbytes() -> None:
    """Import bitsandbytes without letting it fetch native code from the hub, and soon.

    Where the package `kernels` is installed, its import would download and run a compiled
    kernel; hiding `kernels` for that one import makes it take its own. It also hands functions
    that no processor with kernels of its own ever calls to `torch.compile`, which loads the
    compiler, two seconds of work; they are compiled at their first call instead.
    """
    if "bitsandbytes" in sys.modules:
        return
    hide = "kernels" not in sys.modules and importlib.util.find_spec("kernels") is not None
    if hide:
        sys.modules["kernels"] = None  # type: ignore[assignment]
    logger = logging.getLogger("bitsandbytes")
    level = logger.level
    logger.setLevel(logging.ERROR)  # it would complain at length that `kernels` is missing
    import torch

    compiled = torch.compile
    torch.compile = _compiled_when_called(compiled)
    try:
        importlib.import_module("bitsandbytes")
    finally:
        torch.compile = compiled
        logger.setLevel(level)
        if hide:
            del sys.modules["kernels"]


def _compiled_when_called(compiled: Callable[..., Any]) -> Callable[..., Any]:
    """`torch.compile`, as function and as decorator, that does its work at the first call."""

    def later(function: Callable[..., Any] | None = None, **options: Any) -> Any:
        if function is None:
            return lambda given: later(given, **options)
        made: list[Callable[..., Any]] = []

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            if not made:
                made.append(compiled(function, **options))
            return made[0](*args, **kwargs)

        return call

    return later
