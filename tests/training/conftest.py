"""A base so small that it is pretrained in seconds, and recipes to match."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.core.specs import BaseSpec, parse_spec
from harness.training import base, stream
from harness.training.base import build_base
from harness.training.reading import reading_accuracy

STEPS = 24
CHECKPOINT_EVERY = 8

TINY_BASE: dict[str, Any] = {
    "name": "tiny",
    "title": "A base for tests",
    "architecture": {
        "vocab_size": 512,
        "hidden_size": 64,
        "intermediate_size": 128,
        "layers": 1,
        "heads": 2,
        "context": 512,
    },
    "pretraining": {
        "seed": 11,
        "steps": STEPS,
        "batch_size": 4,
        "sequence_length": 64,
        "learning_rate": 0.003,
        "matrix_learning_rate": 0.02,
        "weight_decay": 0.05,
        "warmup_steps": 2,
        "decay_share": 0.5,
        "prompt_weight": 0.5,
        "tokenizer_documents": 100,
        "checkpoint_every": CHECKPOINT_EVERY,
    },
}

RECIPE = """
title = "A recipe for tests"
about = "Four steps."

[data]
trained_share = 0.5
text_share = 0.25

[train]
rank = 4
alpha = 8
dropout = 0.0
learning_rate = 1e-2
schedule = "constant"
steps = 4
batch_size = 4
warmup_ratio = 0.0
weight_decay = 0.0
max_length = 512

[large]
from_parameters = 500_000_000
learning_rate = 2e-4
rank = 8
alpha = 16
batch_size = 4
max_length = 512
"""


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def make_base() -> Callable[..., Path]:
    """`build_base` for the tiny base: small blocks, and a short reading test at the end."""

    def make(*, batch_size: int = 4, **settings: Any) -> Path:
        plan = {**TINY_BASE["pretraining"], "batch_size": batch_size}
        spec = parse_spec({**TINY_BASE, "pretraining": plan}, BaseSpec, where="tests/training")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(base, "load_base_spec", lambda name: spec)
            patch.setattr(base, "reading_accuracy", functools.partial(reading_accuracy, chats=2))
            patch.setattr(stream, "BLOCK_DOCUMENTS", 4)  # so that a run goes through several
            return build_base("tiny", threads=1, **settings)

    return make


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory, make_base: Callable[..., Path]) -> Path:
    return make_base(out=tmp_path_factory.mktemp("bases") / "tiny")


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """A TOML file of the user's own, with four steps."""
    path = tmp_path / "quick.toml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def recipe_text() -> str:
    return RECIPE
