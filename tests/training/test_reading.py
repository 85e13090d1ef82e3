from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.core.paths import data_folder
from harness.training.reading import reading_accuracy


def load(folder: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, local_files_only=True).float().eval()


def test_an_untrained_base_reads_nothing(tiny_base: Path) -> None:
    found = reading_accuracy(load(tiny_base), tiny_base, chats=2)
    assert found["chats"] == 2
    assert found["answered"] == found["refused"] == 0.0
    assert found["answerable"] > 0


def test_the_shipped_base_reads() -> None:
    folder = data_folder("fixtures") / "bases" / "storylm-4m"
    found = reading_accuracy(load(folder), folder, chats=6)
    assert found["answerable"] + found["unanswerable"] > 20
    assert found["answered"] > 0.5
    assert found["unanswerable"] > 0


def test_the_same_questions_are_asked_every_time(tiny_base: Path) -> None:
    model = load(tiny_base)
    first, second = (reading_accuracy(model, tiny_base, chats=2) for _ in range(2))
    assert first == second
    assert first["answerable"] == pytest.approx(second["answerable"])
