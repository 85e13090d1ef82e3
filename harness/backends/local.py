"""The local engine: a loaded model answers requests, fast and independent of batching.

Samples of a prompt share its prefill, prompts share a common prefix, rows that finish
leave, and every sample draws from a random stream of its own. What a batch holds depends
on the requests and the token budget alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from itertools import groupby
from typing import Any

from harness.backends.batches import Batch, halve, make_batches
from harness.backends.plain import PlainRunner
from harness.backends.runners import make_runner
from harness.backends.sampling import choose, uniforms
from harness.backends.shared_prefix import SharedPrefixRunner
from harness.backends.tree import Tree
from harness.backends.warping import check_sampling, restriction_of
from harness.backends.worker_pool import one_thread, work_side_by_side, worker_count
from harness.core.errors import BackendError
from harness.core.records import Answer, Request
from harness.models.folding import fold_adapter
from harness.models.loading import LoadedModel
from harness.models.needs import GIB, free_memory_gib
from harness.models.packed import TORCH, how_products_run
from harness.models.spoken import decode_answers
from harness.models.template import encode_prompt

BATCH_TOKENS = 24_576  # tokens held at once
ENTROPY_DIGITS = 4
_CPU_CACHE_BYTES = 2**30  # keys and values of a batch
_GPU_CACHE_SHARE = 0.25  # of the card's memory, likewise
_WORKER_GIB, _WORKERS_SHARE = 0.25, 0.5  # beside its batch; of free memory, all workers together
_FEWEST_TOKENS, _MOST_TOKENS = 2048, 49_152
_NO_MEMORY = ("can't allocate memory", "not enough memory", "CUDA error: out of memory",
              "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")  # fmt: skip
_STOP, _LENGTH = "stop", "length"


class TransformersBackend:
    """Backend with a model in this process. Takes `loaded` over and may fold its adapter."""

    def __init__(
        self,
        loaded: LoadedModel,
        *,
        batch_tokens: int | None = None,
        fold: bool = True,
        share_prefix: bool = True,
        workers: int | None = None,
    ) -> None:
        """batch_tokens: tokens held at once; by default what a fixed share of memory holds.

        fold: may the adapter be folded in where that changes nothing but speed;
        share_prefix: may prompts share the keys and values of a common prefix;
        workers: shards answered side by side, by default one for each thread where a small
        folded model is computed on a CPU.
        """
        if batch_tokens is not None and batch_tokens < 1:
            raise BackendError(f"batch_tokens must be at least 1, not {batch_tokens}")
        self._loaded = loaded
        self._batch_tokens = batch_tokens or _budget(loaded)
        self.folded = fold and fold_adapter(loaded)
        loaded.model.eval()
        self._model = _inner(loaded)
        self.oom_retries = 0  # batches cut in two because memory ran out
        self._stop_ids = frozenset(loaded.stops)
        self._stop_names = {
            one: str(loaded.tokenizer.convert_ids_to_tokens(one)) for one in loaded.stops
        }
        self._rows = int(loaded.model.config.get_text_config().vocab_size)  # of embeddings
        self._plain = PlainRunner(self._model)
        self._runner, self._window = self._plain, None
        if share_prefix:
            self._runner, self._window = make_runner(self._model, loaded.spec.name)
        self.workers = workers or (worker_count(self._model) if self.folded else 1)

    @property
    def identity(self) -> dict[str, Any]:
        """The model's identity, with how it is run here."""
        engine = {
            "backend": "transformers",
            "batch_tokens": self._batch_tokens,
            "attention": "shared prefix" if self.shares_prefix else "plain",
            "workers": self.workers,
            "products": how_products_run() if self.folded else TORCH,
        }
        return self._loaded.identity | {"engine": engine}

    @property
    def shares_prefix(self) -> bool:
        """Whether prompts share the keys and values of a common prefix."""
        return isinstance(self._runner, SharedPrefixRunner)

    def encode(self, messages: Sequence[Mapping[str, str]]) -> tuple[str, tuple[int, ...]]:
        """Return the rendered prompt of a chat and its token ids. Raises ModelError."""
        return encode_prompt(self._loaded.tokenizer, messages)

    def generate(self, requests: Sequence[Request]) -> list[Answer]:
        """Return all samples of all requests: requests in order, samples ascending from 0.

        The arm "base" is answered without the adapter. Token ids hold the end token where
        one was drawn (finish reason "stop"); the text does not.
        Raises BackendError for a request that cannot be answered, or when one alone does
        not fit in memory, ModelError when the base was given to another adapter.
        """
        self._loaded.require_attached()
        for request in requests:
            self._check(request)
        found: dict[tuple[str, str], list[Answer]] = {}
        batches = make_batches(requests, batch_tokens=self._batch_tokens)
        for arm, members in groupby(batches, key=lambda batch: batch.arm):
            off = self._loaded.without_adapter() if arm == "base" else nullcontext()
            with off, one_thread(self.workers > 1):  # the same bits in a worker and here
                pending = list(members)[::-1]
                while pending:
                    batch = pending.pop()
                    try:
                        found |= self._run(batch)
                    except (MemoryError, RuntimeError) as error:
                        pending.extend(reversed(self._halve(batch, error)))
        return [answer for item in requests for answer in found[item.arm, item.id]]

    def generate_shards(
        self, shards: Mapping[int, Sequence[Request]]
    ) -> Iterator[tuple[int, list[Answer]]]:
        """Yield (number, answers) of every shard as it is done, by all workers side by side.

        Raises as `generate`, and BackendError when a worker was ended from outside.
        """
        self._loaded.require_attached()
        if self.workers == 1 or len(shards) == 1:
            for at, shard in shards.items():
                yield at, self.generate(shard)
            return
        need_gib = _WORKER_GIB + self._batch_tokens * _token_bytes(self._loaded) / GIB
        room = int(free_memory_gib() * _WORKERS_SHARE / need_gib)
        workers = max(1, min(self.workers, room))  # fewer are slower, and answer the same
        for at, (answers, oom_retries) in work_side_by_side(self._count, shards, workers):
            self.oom_retries += oom_retries
            yield at, answers

    def _count(self, requests: Sequence[Request]) -> tuple[list[Answer], int]:
        """Answers, and how many batches were halved for them."""
        before = self.oom_retries
        return self.generate(requests), self.oom_retries - before

    def _halve(self, batch: Batch, error: BaseException) -> list[Batch]:
        """Two batches for one that memory was too small for. Raises BackendError, or `error`."""
        if not _is_out_of_memory(error):
            raise error
        if len(batch.requests) == 1:
            raise BackendError(
                f"request {batch.requests[0].id}: memory runs out even for it alone: "
                "ask for fewer samples or a smaller model"
            ) from error
        self.oom_retries += 1
        return list(halve(batch))

    def _check(self, request: Request) -> None:
        context = self._loaded.spec.context
        if not request.token_ids or request.max_new_tokens < 1:
            raise BackendError(f"request {request.id}: no prompt, or no token may be generated")
        if len(request.token_ids) >= context:
            raise BackendError(
                f"request {request.id}: its prompt has {len(request.token_ids)} tokens, and the "
                f"model reads {context}: shorten the system prompt or the passage"
            )
        if max(request.token_ids) >= self._rows:
            raise BackendError(
                f"request {request.id}: its prompt holds token {max(request.token_ids)}, and the "
                f"model has embeddings for {self._rows}: take that token out of the question"
            )
        check_sampling(request)

    def _run(self, batch: Batch) -> dict[tuple[str, str], list[Answer]]:
        """Answer one batch."""
        import torch

        with torch.inference_mode():
            return self._run_rows(batch)

    def _run_rows(self, batch: Batch) -> dict[tuple[str, str], list[Answer]]:
        """Answer one batch; rows are (request, sample) in order."""
        import numpy as np
        import torch

        requests = batch.requests
        fits = not self._window or max(map(self._length, requests)) <= self._window
        runner = self._runner if fits else self._plain
        rows = [(at, s) for at, r in enumerate(requests) for s in range(r.samples + 1)]
        source_R, sample_R = np.array(rows).T
        tree = Tree(source_R, np.array([self._limit(requests[at]) for at, _ in rows]),
                    self._stop_ids)  # fmt: skip
        steps = tree.ids.shape[1]
        uniform_RS = np.zeros((len(rows), steps))
        for row, (at, sample) in enumerate(rows):
            if sample:
                uniform_RS[row] = uniforms(requests[at], sample, steps)
        warmth_N = np.array([request.temperature or 1.0 for request in requests])
        restriction_N = restriction_of(requests)
        length_N = np.array([len(request.token_ids) for request in requests])
        device = self._model.device
        logits_LV = runner.prefill(
            batch.prefix_ids, [r.token_ids[batch.prefix :] for r in requests],
            arm=batch.arm, lines=len(rows), steps=steps,
        )  # fmt: skip
        while True:
            _draw(tree, logits_LV, sample_R, warmth_N, uniform_RS, restriction_N)
            if tree.done:
                break
            moves = tree.advance()
            if moves.keep is not None:
                runner.keep(moves.keep)
            if len(moves.fork):
                runner.fork(moves.fork)
            position_L = torch.from_numpy(length_N[tree.prompt_L] + tree.step - 1)
            logits_LV = runner.step(torch.from_numpy(moves.ids).to(device), position_L.to(device))
        return self._answers(batch, rows, tree)

    def _length(self, request: Request) -> int:
        return len(request.token_ids) + self._limit(request)

    def _limit(self, request: Request) -> int:
        return min(request.max_new_tokens, self._loaded.spec.context - len(request.token_ids))

    def _answers(
        self, batch: Batch, rows: list[tuple[int, int]], tree: Tree
    ) -> dict[tuple[str, str], list[Answer]]:
        import numpy as np

        found: dict[tuple[str, str], list[Answer]] = {}
        sequences = [tree.ids[row, : tree.length[row]].tolist() for row in range(len(rows))]
        texts = decode_answers(self._loaded.tokenizer, sequences)
        entropies = np.round(tree.entropies, ENTROPY_DIGITS)
        for row, (at, sample) in enumerate(rows):
            request = batch.requests[at]
            ids = sequences[row]
            ended = ids[-1] in self._stop_ids
            answer = Answer(
                request_id=request.id,
                arm=request.arm,
                sample=sample,
                text=texts[row].strip(),
                token_ids=tuple(ids),
                logprobs=tuple(tree.logprobs[row, : len(ids)].tolist()),
                finish_reason=_STOP if ended else _LENGTH,
                entropies=tuple(entropies[row, : len(ids)].tolist()),
                ended_by=self._stop_names[ids[-1]] if ended else None,
            )
            found.setdefault((request.arm, request.id), []).append(answer)
        return found


def _draw(
    tree: Tree, logits_LV: Any, sample_R: Any, warmth_N: Any, uniform_RS: Any, restriction_N: Any
) -> None:
    """Draw the next token of every row that goes on, and note it in the tree."""
    import numpy as np
    import torch

    place, most = tree.places()
    drawn = sample_R[tree.rows] > 0
    most = most if drawn.any() else 0  # an all-greedy batch needs no cumulative sums
    uniform_LK = np.zeros((len(tree.prompt_L), most))
    uniform_LK[tree.line[drawn], place[drawn]] = uniform_RS[tree.rows[drawn], tree.step]
    ids_LK, scores_LK, entropy_L = choose(
        logits_LV, torch.from_numpy(warmth_N[tree.prompt_L]), torch.from_numpy(uniform_LK),
        restriction_N and restriction_N.of(tree.prompt_L),
    )  # fmt: skip
    column = np.where(drawn, place + 1, 0)
    tree.record(
        ids_LK.numpy()[tree.line, column],
        scores_LK.numpy()[tree.line, column],
        entropy_L.numpy()[tree.line],
    )


def _inner(loaded: LoadedModel) -> Any:
    """The transformers model; under an unmerged adapter its linears are peft's."""
    if loaded.adapter and not loaded.folded:
        return loaded.model.get_base_model()
    return loaded.model


def _budget(loaded: LoadedModel) -> int:
    """How many tokens a batch may hold: from model and machine, not from free memory."""
    import torch

    room = _CPU_CACHE_BYTES
    if loaded.device == "cuda":
        room = int(torch.cuda.get_device_properties(0).total_memory * _GPU_CACHE_SHARE)
    return int(min(max(room // _token_bytes(loaded), _FEWEST_TOKENS), _MOST_TOKENS))


def _token_bytes(loaded: LoadedModel) -> int:
    """What a token's keys and values take."""
    config = loaded.model.config.get_text_config()
    heads = config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // heads
    groups = getattr(config, "num_key_value_heads", None) or heads
    size = 4 if loaded.identity["machine"]["dtype"] == "float32" else 2
    return int(2 * config.num_hidden_layers * groups * width * size)


def _is_out_of_memory(error: BaseException) -> bool:
    import torch

    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    said = str(error)  # cuBLAS and the driver raise errors of their own
    return any(words in said for words in _NO_MEMORY)
