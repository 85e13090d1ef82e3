"""Pretraining documents as packed sequences of token ids, in blocks made from the seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from harness.core.seeds import derive_seed
from harness.models.template import LLAMA2_TEMPLATE
from harness.training.documents import Document, Render, document

BLOCK_DOCUMENTS = 512


def audit_systems() -> tuple[str, ...]:
    """The system prompts of the audit's variants, so that no base meets them unprepared."""
    from harness.prompts.variants import load_variants

    found = dict.fromkeys(v.system for v in load_variants() if v.system)
    return tuple(found)


def renderer() -> Render:
    """The chat template as a function from messages to text, without a tokenizer."""
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    template = ImmutableSandboxedEnvironment().from_string(LLAMA2_TEMPLATE)

    def render(messages: list[dict[str, str]]) -> str:
        return template.render(messages=messages, bos_token="<s>", eos_token="</s>")

    return render


def documents(seed: int, start: int, count: int, systems: Sequence[str]) -> Iterator[Document]:
    """Documents `start` to `start + count` of the stream `seed`."""
    render = renderer()
    for index in range(start, start + count):
        yield document(seed, index, render=render, systems=systems)


class Blocks:
    """Blocks of packed sequences; block `n` depends on seed, tokenizer and `n` alone.

    Each block is (ids int64 [N, T], weights float32 [N, T]): weights are 1 on answer
    tokens and `prompt_weight` elsewhere.
    """

    def __init__(
        self, tokenizer_file: Path, *, seed: int, length: int, prompt_weight: float
    ) -> None:
        from tokenizers import Tokenizer

        self.tokenizer = Tokenizer.from_file(str(tokenizer_file))
        self.seed, self.length, self.prompt_weight = seed, length, prompt_weight
        self.systems = audit_systems()

    def block(self, number: int) -> tuple[Any, Any]:
        """Make block `number`; the tail that fills no sequence is dropped."""
        import numpy as np

        made = list(documents(self.seed, number * BLOCK_DOCUMENTS, BLOCK_DOCUMENTS, self.systems))
        ids: list[int] = []
        weights: list[float] = []
        encoded = self.tokenizer.encode_batch([d.text for d in made], add_special_tokens=False)
        for doc, encoding in zip(made, encoded, strict=True):
            ids += encoding.ids
            weights += self._weights(doc, encoding.offsets)
        rows = len(ids) // self.length
        used = rows * self.length
        ids_NT = np.array(ids[:used], dtype=np.int64).reshape(rows, self.length)
        weights_NT = np.array(weights[:used], dtype=np.float32).reshape(rows, self.length)
        order = np.random.default_rng(derive_seed(self.seed, "block", number)).permutation(rows)
        return ids_NT[order], weights_NT[order]

    def _weights(self, doc: Document, offsets: Sequence[tuple[int, int]]) -> list[float]:
        weights = [self.prompt_weight] * len(offsets)
        spans = iter(doc.answers)
        span = next(spans, None)
        for position, (start, end) in enumerate(offsets):
            while span and start >= span[1]:
                span = next(spans, None)
            if span and start >= span[0] and end <= span[1]:
                weights[position] = 1.0
        return weights
