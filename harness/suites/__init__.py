"""Questions from suites and a world: `build_questions`, `list_suites`."""

from harness.suites.build import build_questions
from harness.suites.spec import SuiteSpec, list_suites, shipped_suites, with_semantics

__all__ = ["SuiteSpec", "build_questions", "list_suites", "shipped_suites", "with_semantics"]
