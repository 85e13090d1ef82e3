"""A tiny random Llama in float32 with a LoRA adapter, and requests of mixed length."""

from __future__ import annotations

import importlib.util
import os
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from harness.core.records import Request
from harness.models.loading import LoadedModel, load_model
from harness.models.registry import resolve_model

os.environ["NO_PROXY"] = "127.0.0.1,localhost"  # the servers of the tests are on loopback
VOCABULARY = 320
SYSTEM = tuple(range(40, 62))  # a prefix that prompts share


def load_module(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def tiny() -> ModuleType:
    """The builders of tiny models, which the tests of models/ own."""
    return load_module("tiny_models", Path(__file__).parent.parent / "models" / "conftest.py")


@pytest.fixture
def serve() -> Iterator[Callable[..., Any]]:
    """Starts a `fault_server.FaultServer` with the settings given; all end with the test."""
    faulty = load_module("fault_server", Path(__file__).parent / "fault_server.py")
    started = []

    def start(**settings: Any) -> Any:
        server = faulty.FaultServer(**settings)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="session")
def adapter(tmp_path_factory: pytest.TempPathFactory, tiny: ModuleType) -> Path:
    root = tmp_path_factory.mktemp("backends")
    return tiny.save_adapter(root / "adapter", tiny.save_llama(root / "base"))


@pytest.fixture(scope="session")
def load(adapter: Path) -> Callable[..., LoadedModel]:
    def fresh(quantisation: str = "none") -> LoadedModel:
        return load_model(resolve_model(str(adapter), quantisation=quantisation))

    return fresh


@pytest.fixture(scope="session")
def make_requests() -> Callable[..., list[Request]]:
    def make(count: int, **changes: Any) -> list[Request]:
        chance = random.Random(count)
        requests = []
        for at in range(count):
            head = (1, *SYSTEM) if at % 3 else (1,)
            body = tuple(chance.randrange(4, VOCABULARY) for _ in range(chance.randint(3, 20)))
            fields: dict[str, Any] = {
                "id": f"r{at:03d}", "arm": "adapter", "prompt": "", "token_ids": head + body,
                "cells": ((f"q{at}", "plain"),), "samples": 0, "temperature": 1.0,
                "max_new_tokens": 10, "seed": 0,
            }  # fmt: skip
            requests.append(Request(**(fields | changes)))
        return requests

    return make


@pytest.fixture
def short_of_memory(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Lets memory run out for a backend whenever more than two prompts ride together."""
    import torch

    def limit(backend: Any) -> None:
        prefill = backend._runner.prefill

        def narrow(prefix: Any, prompts: Any, **options: Any) -> Any:
            if len(prompts) > 2:
                raise torch.OutOfMemoryError("no room")
            return prefill(prefix, prompts, **options)

        monkeypatch.setattr(backend._runner, "prefill", narrow)

    return limit
