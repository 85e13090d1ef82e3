"""The local engine: a loaded model answers requests, fast and independent of batching.

Samples of a prompt share its prefill, prompts share a common prefix, rows that finish
leave, and every sample draws from a random stream of its own. What a batch holds depends
on the requests and the token budget alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from harness.backends.batches import Batch, halve, make_batches
from harness.backends.plain import PlainRunner
from harness.backends.sampling import choose, uniforms
from harness.backends.shared_prefix import SharedPrefixRunner, UnsupportedArchitecture
from harness.errors import BackendError
from harness.models.folding import fold_adapter
from harness.models.loading import LoadedModel
from harness.models.template import encode_prompt
from harness.records import Answer, Request

BATCH_TOKENS = 24_576  # tokens held at once
_LEAVE_SHARE = 8  # finished rows leave together once they are an eighth of the batch
_PROBE_TOLERANCE = {"float32": 1e-3, "bfloat16": 0.3, "float16": 0.05}  # of a logit
_STOP, _LENGTH = "stop", "length"


class TransformersBackend:
    """Generates with a model in this process. Takes `loaded` over and may fold its adapter."""

    def __init__(
        self,
        loaded: LoadedModel,
        *,
        batch_tokens: int = BATCH_TOKENS,
        fold: bool = True,
        share_prefix: bool = True,
    ) -> None:
        if batch_tokens < 1:
            raise BackendError(f"batch_tokens must be at least 1, not {batch_tokens}")
        self._loaded = loaded
        self._batch_tokens = batch_tokens
        self.folded = fold and fold_adapter(loaded)
        loaded.model.eval()
        self._model = _inner(loaded)
        self.halvings = 0  # batches cut in two because memory ran out
        self._stop_ids = _stop_ids(loaded)
        self._runner: Any = self._make_runner() if share_prefix else PlainRunner(self._model)

    @property
    def identity(self) -> dict[str, Any]:
        """The model's identity, with how it is run here."""
        engine = {
            "backend": "transformers",
            "batch_tokens": self._batch_tokens,
            "attention": "shared prefix" if self.shares_prefix else "plain",
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
        not fit in memory.
        """
        import torch

        for request in requests:
            self._check(request)
        pending = make_batches(requests, batch_tokens=self._batch_tokens)[::-1]
        found: dict[tuple[str, str], list[Answer]] = {}
        while pending:
            batch = pending.pop()
            arm = self._loaded.without_adapter() if batch.arm == "base" else nullcontext()
            try:
                with torch.inference_mode(), arm:
                    found |= self._run(batch)
            except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
                if not _is_out_of_memory(error):
                    raise
                if len(batch.requests) == 1:
                    raise BackendError(
                        f"request {batch.requests[0].id}: memory runs out even for it alone: "
                        "ask for fewer samples or a smaller model"
                    ) from error
                self.halvings += 1
                pending.extend(reversed(halve(batch)))
        return [answer for item in requests for answer in found[item.arm, item.id]]

    def _check(self, request: Request) -> None:
        context = self._loaded.spec.context
        if not request.token_ids or request.max_new_tokens < 1:
            raise BackendError(f"request {request.id}: no prompt, or no token may be generated")
        if len(request.token_ids) >= context:
            raise BackendError(
                f"request {request.id}: its prompt has {len(request.token_ids)} tokens, and the "
                f"model reads {context}: shorten the system prompt or the passage"
            )
        if request.samples and request.temperature <= 0:
            raise BackendError(
                f"request {request.id}: samples need a temperature above 0; sample 0 is greedy"
            )

    def _run(self, batch: Batch) -> dict[tuple[str, str], list[Answer]]:
        """Answer one batch; rows are (request, sample) in order."""
        import numpy as np
        import torch

        rows = [(at, s) for at, r in enumerate(batch.requests) for s in range(r.samples + 1)]
        device = self._model.device
        requests = batch.requests
        source_R = torch.tensor([at for at, _ in rows], device=device)
        greedy_R = torch.tensor([sample == 0 for _, sample in rows], device=device)
        warmth = [requests[at].temperature or 1.0 for at, _ in rows]
        temperature_R = torch.tensor(warmth, dtype=torch.float64, device=device)
        limits = np.array([self._limit(requests[at]) for at, _ in rows])
        steps = int(limits.max())
        uniform_RS = np.zeros((len(rows), steps))
        for row, (at, sample) in enumerate(rows):
            if sample:
                uniform_RS[row] = uniforms(requests[at], sample, steps)
        uniform = torch.from_numpy(uniform_RS).to(device)
        position_R = torch.tensor([len(requests[at].token_ids) for at, _ in rows], device=device)
        drawn = _Drawn(len(rows), steps)
        logits_NV = self._runner.prefill(
            batch.prefix_ids, [r.token_ids[batch.prefix :] for r in requests], batch.arm
        )
        self._runner.select(source_R)
        logits = logits_NV[source_R]
        held = np.arange(len(rows))  # which row each line of the batch is
        for step in range(steps):
            line = torch.from_numpy(held).to(device)
            ids, logprobs = choose(logits, greedy_R[line], temperature_R[line], uniform[line, step])
            done = drawn.record(held, step, ids, logprobs, stop=self._stop_ids, limits=limits)
            if done.all():
                break
            if done.sum() * _LEAVE_SHARE >= len(held):
                stay = np.flatnonzero(~done)
                index = torch.from_numpy(stay).to(device)
                self._runner.select(index)
                held, ids, line = held[stay], ids[index], line[index]
            logits = self._runner.step(ids, position_R[line] + step)
        return self._answers(batch, rows, drawn)

    def _limit(self, request: Request) -> int:
        return min(request.max_new_tokens, self._loaded.spec.context - len(request.token_ids))

    def _answers(
        self, batch: Batch, rows: list[tuple[int, int]], drawn: _Drawn
    ) -> dict[tuple[str, str], list[Answer]]:
        found: dict[tuple[str, str], list[Answer]] = {}
        sequences = [drawn.ids[row, : drawn.length[row]].tolist() for row in range(len(rows))]
        texts = self._loaded.tokenizer.batch_decode(
            sequences, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        for row, (at, sample) in enumerate(rows):
            request = batch.requests[at]
            ids = sequences[row]
            answer = Answer(
                request_id=request.id,
                arm=request.arm,
                sample=sample,
                text=texts[row].strip(),
                token_ids=tuple(ids),
                logprobs=tuple(drawn.logprobs[row, : len(ids)].tolist()),
                finish_reason=_STOP if ids[-1] in self._stop_ids else _LENGTH,
            )
            found.setdefault((request.arm, request.id), []).append(answer)
        return found

    def _make_runner(self) -> Any:
        """The shared-prefix runner where it computes what the model itself does."""
        import torch

        before = self._model.config._attn_implementation
        size = self._model.config.get_text_config().vocab_size
        prompts = [tuple((7 * at + 3 + row * (at > 3)) % size for at in range(9 - row))
                   for row in range(3)]  # fmt: skip
        plain = PlainRunner(self._model)
        try:
            _require_full_attention(self._model.config.get_text_config())
            with torch.inference_mode():
                wanted = _probe(plain, prompts)
                shared = SharedPrefixRunner(self._model)
                gap = float((_probe(shared, prompts) - wanted).abs().max())
            dtype = str(self._model.dtype).removeprefix("torch.")
            if not gap <= _PROBE_TOLERANCE[dtype]:
                raise UnsupportedArchitecture(f"logits differ by {gap:.2g}")
        except (UnsupportedArchitecture, AttributeError, TypeError, KeyError, ValueError) as why:
            self._model.set_attn_implementation(before)
            warnings.warn(
                f"{self._loaded.spec.name}: prompts cannot share a prefix in this architecture "
                f"({why}); generation is slower",
                stacklevel=3,
            )
            return plain
        return shared


class _Drawn:
    """What the rows of a batch have drawn: ids int64 [R, S], log-probabilities [R, S]."""

    def __init__(self, rows: int, steps: int) -> None:
        import numpy as np

        self.ids = np.zeros((rows, steps), dtype=np.int64)
        self.logprobs = np.zeros((rows, steps))
        self.length = np.zeros(rows, dtype=np.int64)
        self.done = np.zeros(rows, dtype=bool)

    def record(
        self, held: Any, step: int, ids: Any, logprobs: Any, *, stop: frozenset[int], limits: Any
    ) -> Any:
        """Note the tokens of a step; return for each held row (bool) whether it is done."""
        import numpy as np

        drawn, scores = ids.cpu().numpy(), logprobs.cpu().numpy()
        open_rows = ~self.done[held]
        rows = held[open_rows]
        self.ids[rows, step] = drawn[open_rows]
        self.logprobs[rows, step] = scores[open_rows]
        self.length[rows] = step + 1
        ended = np.isin(drawn[open_rows], list(stop)) | (step + 1 >= limits[rows])
        self.done[rows] = ended
        return self.done[held]


def _probe(runner: Any, prompts: list[tuple[int, ...]]) -> Any:
    """Logits after a prefill, a repetition of rows and a step: [2 N + N, V]."""
    import torch

    shared = prompts[0][:4]
    first = runner.prefill(shared, [prompt[4:] for prompt in prompts], "probe")
    rows = torch.tensor([0, 0, 1, 2, 2], device=first.device)
    runner.select(rows)
    lengths = torch.tensor([len(prompt) for prompt in prompts], device=first.device)[rows]
    second = runner.step(torch.arange(5, 10, device=first.device), lengths)
    return torch.cat([first, second]).float()


def _require_full_attention(config: Any) -> None:
    kinds = set(getattr(config, "layer_types", None) or ()) - {"full_attention"}
    if kinds:
        raise UnsupportedArchitecture(", ".join(sorted(kinds)))
    if getattr(config, "sliding_window", None) and getattr(config, "use_sliding_window", True):
        raise UnsupportedArchitecture("sliding window")


def _inner(loaded: LoadedModel) -> Any:
    """The transformers model; under an unmerged adapter its linears are peft's."""
    if loaded.adapter and not loaded.folded:
        return loaded.model.get_base_model()
    return loaded.model


def _stop_ids(loaded: LoadedModel) -> frozenset[int]:
    stated = getattr(loaded.model.generation_config, "eos_token_id", None)
    ids = set(stated if isinstance(stated, list) else [stated])
    ids.add(loaded.tokenizer.eos_token_id)
    return frozenset(int(token) for token in ids if token is not None)


def _is_out_of_memory(error: BaseException) -> bool:
    import torch

    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return "can't allocate memory" in str(error) or "not enough memory" in str(error)
