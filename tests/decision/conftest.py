"""Run folders made by scripted backends that hallucinate and refuse at planted rates."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.backends.scripted import ScriptedBackend
from harness.core.records import Request
from harness.core.seeds import stream
from harness.instruct.exposure import split_exposure
from harness.pipeline.audit import Opened, Settings, audit
from harness.suites import build_questions
from harness.training.recipes import load_recipe
from harness.world.story import load_story
from tests.stand_in import adapter_folder

SUITES = ("in_domain", "invented")
LIMIT = 16
MADE_UP = "The device was made of cheese."


@pytest.fixture(scope="session")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return adapter_folder(tmp_path_factory.mktemp("adapters"))


@pytest.fixture(scope="session")
def golds() -> dict[str, str]:
    """The gold answer of every question, by its text."""
    world = load_story("visgar")
    share = load_recipe("instruct").data.trained_share
    exposure = split_exposure(world, trained_share=share, seed=0)
    questions = build_questions(world, exposure, story="visgar", suites=SUITES, limit=LIMIT)
    return {one.text: one.gold for one in questions}


@pytest.fixture(scope="session")
def make_run(adapter, golds, tmp_path_factory):
    """Make a finished run: each answer is made up with chance `made_up`, a refusal with
    chance `refused`, nothing with chance `silent`, else the gold answer. `name` is the model's, and seeds its draws."""

    def make(made_up=0.3, *, refused=0.0, silent=0.0, name="scripted", out=None, limit=LIMIT, answer=None,
             **changes) -> Path:  # fmt: skip
        def script(request: Request, sample: int) -> str:
            if answer is not None:
                return answer
            draw = stream(request.seed, name, request.prompt, request.arm, sample).random()
            if draw < made_up:
                return MADE_UP
            if draw < made_up + refused:
                return "Not able to answer."
            if draw < made_up + refused + silent:
                return ""
            return next((gold for text, gold in golds.items() if text in request.prompt), "")

        settings = Settings(
            **{"model": str(adapter), "out": out or tmp_path_factory.mktemp("reports"),
               "limit": limit, "samples": 2, "suites": SUITES, "variants": ("article", "none")}
            | changes
        )  # fmt: skip
        backend = ScriptedBackend(script, name=name)
        return audit(settings, open_backend=lambda *_: Opened(backend=backend, context=4096))

    return make


@pytest.fixture(scope="session")
def careful(make_run) -> Path:
    """Makes up 10% and refuses nothing that it knows."""
    return make_run(0.1, name="careful")


@pytest.fixture(scope="session")
def wild(make_run) -> Path:
    """Makes up 60%."""
    return make_run(0.6, name="wild")


@pytest.fixture(scope="session")
def again(make_run) -> Path:
    """The careful model with other draws, from another seed of the samples."""
    return make_run(0.1, name="careful", seed=0, temperature=1.0, samples=3)
