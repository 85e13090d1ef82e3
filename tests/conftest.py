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

from pathlib import Path

import pytest

TESTS = Path(__file__).parent

# Modules that take longest: begun first, so that no worker is left alone with one at the end.
LONGEST = ("backends/test_transformers_serve.py", "pipeline/test_audit_model.py",
           "executors/", "pipeline/", "decision/", "models/", "backends/", "bench/", "training/")  # fmt: skip


# Modules that take long, by themselves or by what they import: `make test-fast` leaves them out.
SLOW = (
    "backends/test_architectures.py", "backends/test_chat_client.py", "backends/test_control.py",
    "backends/test_worker_pool.py", "backends/test_default_audit.py", "backends/test_guarded_http.py",
    "backends/test_local.py", "backends/test_server.py", "backends/test_server_audit.py",
    "backends/test_server_fields.py", "backends/test_transformers_serve.py",
    "backends/test_warping.py", "bench/", "decision/", "encoder/", "executors/", "fuzz/",
    "grading/test_evidence.py", "grading/test_evidence_document.py", "grading/test_hostile.py",
    "grading/test_rendered_truth.py", "instruct/test_build.py", "models/test_doctor.py",
    "models/test_headers.py", "models/test_loading.py", "models/test_origin.py",
    "models/test_registry.py", "models/test_resident.py", "models/test_trust.py",
    "pipeline/test_audit.py", "pipeline/test_audit_model.py", "report/test_build.py",
    "report/test_corrected.py", "report/test_graders.py", "report/test_sections.py",
    "report/test_silence.py", "report/test_summary.py", "review/", "runs/test_verify.py",
    "stats/test_agreement.py", "stats/test_components.py", "stats/test_correction.py", "suites/",
    "test_contributing.py", "test_make_flags.py", "test_make_gate.py", "test_setup.py",
    "training/test_adapter.py", "training/test_base.py", "training/test_documents.py",
    "training/test_examples.py", "training/test_reading.py",
)  # fmt: skip


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave slow modules unread where they would be left out: importing them takes long, too."""
    try:
        name = collection_path.relative_to(TESTS).as_posix()
    except ValueError:
        return None
    slow = collection_path.suffix == ".py" and name.startswith(SLOW)
    return True if slow and config.option.markexpr == "not slow" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the modules of `LONGEST` before the others, and mark those of `SLOW`."""

    def place(item: pytest.Item) -> int:
        name = item.nodeid.removeprefix("tests/")
        return next((n for n, part in enumerate(LONGEST) if name.startswith(part)), len(LONGEST))

    items.sort(key=place)
    for item in items:
        if item.nodeid.removeprefix("tests/").startswith(SLOW):
            item.add_marker(pytest.mark.slow)


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
