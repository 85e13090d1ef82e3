"""Batches side by side on a CPU: one single-threaded worker for each core.

The products of a small model are too small to be cut over threads: two workers with a thread
each answer nearly twice as much as one with two. Which batches there are depends on the
requests, the budget and the number of workers, never on who is done first, and a batch is
computed by one thread alone, so the answers do not depend on the timing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

from harness.backends.batches import Batch

SMALL = 50_000_000  # parameters up to which products are too small to share among threads
_FEWEST = 8  # requests that a worker gets at least of a batch that is dealt out

Run = Callable[[Batch, Any], dict[Any, Any]]
Split = Callable[[Batch, BaseException], list[Batch]]


def worker_count(model: Any) -> int:
    """How many workers a model gets: a small one on a CPU as many as torch has threads."""
    import torch

    if model.device.type != "cpu" or _size(model) > SMALL:
        return 1
    return torch.get_num_threads()


def _size(model: Any) -> int:
    """Numbers in all weights, folded ones too."""
    folded = sum(
        module.in_features * module.out_features
        for module in model.modules()
        if hasattr(module, "base_product")
    )
    return folded + sum(p.numel() for p in model.parameters())


def deal(batches: Iterable[Batch], workers: int) -> Iterator[Batch]:
    """Cut every batch into one for each worker, or fewer, each with every length of prompt."""
    for batch in batches:
        ways = max(1, min(workers, len(batch.requests) // _FEWEST))
        for way in range(ways):
            yield Batch(arm=batch.arm, prefix=batch.prefix, requests=batch.requests[way::ways])


def run_batches(
    batches: Sequence[Batch], runners: Sequence[Any], run: Run, split: Split
) -> dict[Any, Any]:
    """What `run` finds of all batches, each with a runner to itself; many at once, if many.

    split: what to run instead of a batch that failed; raises where nothing helps.
    """
    found: dict[Any, Any] = {}
    if len(runners) == 1 or len(batches) == 1:
        pending = list(batches)[::-1]
        while pending:
            batch = pending.pop()
            try:
                found |= run(batch, runners[0])
            except (MemoryError, RuntimeError) as error:
                pending.extend(reversed(split(batch, error)))
        return found
    free: SimpleQueue[Any] = SimpleQueue()
    for runner in runners:
        free.put(runner)

    def work(batch: Batch) -> dict[Any, Any]:
        runner = free.get()
        try:
            return run(batch, runner)
        finally:
            free.put(runner)

    with _single_threads(len(runners)) as pool:
        waiting: dict[Future[dict[Any, Any]], Batch] = {pool.submit(work, b): b for b in batches}
        try:
            while waiting:
                for done in wait(waiting, return_when=FIRST_COMPLETED).done:
                    batch = waiting.pop(done)
                    try:
                        found |= done.result()
                    except (MemoryError, RuntimeError) as error:
                        waiting |= {pool.submit(work, one): one for one in split(batch, error)}
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return found


@contextmanager
def _single_threads(workers: int) -> Iterator[ThreadPoolExecutor]:
    """A pool whose threads compute alone; torch's own number is put back afterwards."""
    import torch

    before = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(
            workers, thread_name_prefix="bordor", initializer=torch.set_num_threads, initargs=(1,)
        ) as pool:
            yield pool
    finally:
        torch.set_num_threads(before)
