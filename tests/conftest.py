"""What every test runs under: offline, one thread for torch, its own place for built things."""

from __future__ import annotations

import os

# Before any test imports torch: two torch processes with two threads each on two cores
# slow each other down ninefold.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"
os.environ.pop("GITHUB_STEP_SUMMARY", None)

import pytest

# Modules that take longest: begun first, so that no worker is left alone with one at the end.
LONGEST = ("backends/test_transformers_serve.py", "pipeline/test_audit_model.py",
           "executors/", "pipeline/", "decision/", "models/", "backends/", "bench/", "training/")  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the modules of `LONGEST` before the others, each in its own order."""

    def place(item: pytest.Item) -> int:
        name = item.nodeid.removeprefix("tests/")
        return next((n for n, part in enumerate(LONGEST) if name.startswith(part)), len(LONGEST))

    items.sort(key=place)


@pytest.fixture(scope="session", autouse=True)
def _built_things_apart(tmp_path_factory: pytest.TempPathFactory):
    """Nothing a test builds lands in the clone, and nothing built there is found by accident."""
    before = os.environ.get("BORDOR_HOME")
    os.environ["BORDOR_HOME"] = str(tmp_path_factory.mktemp("bordor-home"))
    yield
    if before is None:
        os.environ.pop("BORDOR_HOME")
    else:
        os.environ["BORDOR_HOME"] = before
