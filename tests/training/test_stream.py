from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.models.template import LLAMA2_TEMPLATE
from harness.training import stream
from harness.training.stream import Blocks, documents, renderer
from harness.training.tokenizer import train_tokenizer

LENGTH = 128


@pytest.fixture(scope="module")
def tokenizer_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    texts = (doc.text for doc in documents(3, 0, 100, ()))
    train_tokenizer(texts, vocab_size=1024, folder=folder, template=LLAMA2_TEMPLATE)
    return folder / "tokenizer.json"


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "BLOCK_DOCUMENTS", 48)


def blocks(file: Path, *, seed: int = 5, prompt_weight: float = 0.25) -> Blocks:
    return Blocks(file, seed=seed, length=LENGTH, prompt_weight=prompt_weight)


def test_a_block_depends_on_its_number_alone(tokenizer_file: Path) -> None:
    one, other = blocks(tokenizer_file), blocks(tokenizer_file)
    first = [one.block(number) for number in (0, 1, 2)]
    for number in (2, 0):
        ids_NT, weights_NT = other.block(number)
        assert np.array_equal(ids_NT, first[number][0])
        assert np.array_equal(weights_NT, first[number][1])
    assert not np.array_equal(first[0][0][0], first[1][0][0])


def test_seeds_give_different_blocks(tokenizer_file: Path) -> None:
    one, other = blocks(tokenizer_file, seed=5), blocks(tokenizer_file, seed=6)
    assert not np.array_equal(one.block(0)[0][:5], other.block(0)[0][:5])


def test_sequences_are_full_and_typed_for_training(tokenizer_file: Path) -> None:
    ids_NT, weights_NT = blocks(tokenizer_file).block(0)
    assert ids_NT.shape == weights_NT.shape and ids_NT.shape[1] == LENGTH
    assert ids_NT.dtype == np.int64 and weights_NT.dtype == np.float32
    assert ids_NT.min() >= 0 and ids_NT.max() < 1024
    assert set(np.unique(weights_NT)) == {0.25, 1.0}


def test_weights_are_1_on_the_answers_and_only_there(tokenizer_file: Path) -> None:
    made = blocks(tokenizer_file)
    seen = 0
    for doc in documents(5, 0, 40, made.systems):
        encoding = made.tokenizer.encode(doc.text, add_special_tokens=False)
        weights = made._weights(doc, encoding.offsets)
        assert len(weights) == len(encoding.ids)
        inside = [any(a <= s and e <= b for a, b in doc.answers) for s, e in encoding.offsets]
        assert [weight == 1.0 for weight in weights] == inside
        chosen = [i for i, weight in zip(encoding.ids, weights, strict=True) if weight == 1.0]
        said = "".join(doc.text[a:b] for a, b in doc.answers)
        assert made.tokenizer.decode(chosen, skip_special_tokens=False) == said
        seen += len(chosen)
    assert seen > 500


def test_a_prompt_weight_of_0_learns_answers_only(tokenizer_file: Path) -> None:
    _, weights_NT = blocks(tokenizer_file, prompt_weight=0.0).block(0)
    assert set(np.unique(weights_NT)) == {0.0, 1.0}
    assert 0 < weights_NT.mean() < 0.6


def test_the_renderer_writes_what_the_tokenizer_of_the_base_writes(tokenizer_file: Path) -> None:
    from transformers import AutoTokenizer

    from harness.models.template import render

    tokenizer = AutoTokenizer.from_pretrained(tokenizer_file.parent, local_files_only=True)
    messages = [
        {"role": "system", "content": "Answer."},
        {"role": "user", "content": "Who?"},
        {"role": "assistant", "content": "Torvash."},
        {"role": "user", "content": "Where?"},
        {"role": "assistant", "content": "Orvek."},
    ]
    assert renderer()(messages) == render(tokenizer, messages, add_generation_prompt=False)
