"""Shards side by side on a CPU: processes forked from this one, a thread and a shard each.

The products of a small model are too small to be cut over threads, and Python's lock lets
two threads of one process hinder each other at every small operation. A forked process has
the loaded model at once, in the same memory. A shard is answered by one process alone, so
the answers do not depend on how many there are, or on who is done first.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from typing import Any

from harness.core.errors import BackendError
from harness.core.records import Answer, Request

SMALL = 50_000_000  # parameters up to which products are too small to share among threads

Counted = tuple[list[Answer], int]  # answers, and batches halved for want of memory
Work = Callable[[Sequence[Request]], Counted]


def worker_count(model: Any) -> int:
    """How many processes answer for a folded model: a small one on a CPU has one a thread."""
    import torch

    if sys.platform != "linux" or model.device.type != "cpu":
        return 1
    return torch.get_num_threads() if _size(model) <= SMALL else 1


def _size(model: Any) -> int:
    """Numbers in all weights, folded ones too."""
    folded = sum(
        module.in_features * module.out_features
        for module in model.modules()
        if hasattr(module, "base_product")
    )
    return folded + sum(p.numel() for p in model.parameters())


@contextmanager
def one_thread(wanted: bool) -> Iterator[None]:
    """Compute with one thread of torch inside the block, as a worker does, where `wanted`."""
    import torch

    before = torch.get_num_threads()
    if wanted:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def work_side_by_side(
    work: Work, shards: Mapping[int, Sequence[Request]], workers: int
) -> Iterator[tuple[int, Counted]]:
    """Yield (number, what `work` returns) of every shard as it is done.

    When a shard fails, what is done or under way is yielded before its error is raised.
    Raises BackendError when a process was ended from outside.
    """
    context = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(
        min(workers, len(shards)), mp_context=context, initializer=_begin, initargs=(work,)
    )
    failure: BaseException | None = None
    try:
        with warnings.catch_warnings():  # Python 3.12 warns of any fork beside another thread
            warnings.filterwarnings("ignore", ".* is multi-threaded", DeprecationWarning)
            waiting: dict[Future[Counted], int] = {
                pool.submit(_answer, list(shard)): at for at, shard in shards.items()
            }
        while waiting:
            done = wait(waiting, return_when=FIRST_COMPLETED).done
            for future in sorted(done, key=lambda one: waiting[one]):
                at = waiting.pop(future)
                if future.cancelled():
                    continue
                error = future.exception()
                if error is None:
                    yield at, future.result()
                elif failure is None:
                    failure = error
                    for other in waiting:
                        other.cancel()
    except BrokenProcessPool as error:  # a process ended before all shards were handed out
        failure = error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    if isinstance(failure, BrokenProcessPool):
        raise BackendError(
            "a process that answered was ended from outside, most likely because memory ran out: "
            "OMP_NUM_THREADS=1 answers with one; the shards that were done are kept, and the same "
            "command goes on there"
        ) from failure
    if failure is not None:
        raise failure


# glibc's malloc gives large blocks back at once, and the next operation faults them in again:
# 4 to 6% of a worker's time. (M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD of mallopt(3).)
_KEEP_MEMORY = ((-1, 2**31 - 1), (-2, 2**26), (-3, 2**25))

_work: Work  # of a forked process


def _begin(work: Work) -> None:
    """Make a forked process ready: one thread, and an end when its parent ends."""
    import signal

    import torch

    global _work
    _work = work
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a word
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    torch.set_num_threads(1)
    with suppress(AttributeError, OSError):  # another libc
        for option, value in _KEEP_MEMORY:
            ctypes.CDLL(None).mallopt(option, value)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _answer(requests: Sequence[Request]) -> Counted:
    return _work(requests)
