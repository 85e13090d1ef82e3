"""The import name of Bordor: `import bordor`. Everything here is `harness.api`'s."""

from harness import __version__
from harness.api import (
    Audited,
    Compared,
    Gated,
    Rate,
    audit,
    compare,
    gate,
    grade,
    grade_log,
    read,
)

__all__ = [
    "Audited",
    "Compared",
    "Gated",
    "Rate",
    "__version__",
    "audit",
    "compare",
    "gate",
    "grade",
    "grade_log",
    "read",
]
