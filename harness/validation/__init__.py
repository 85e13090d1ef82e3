"""Answers that people labelled, read from a user's files for measuring graders."""

from harness.validation.items import (
    ClaimItem,
    EquivalenceItem,
    GroundingItem,
    Item,
    LabelledSet,
    PairItem,
    RefusalItem,
)
from harness.validation.sets import KINDS, read_set

__all__ = [
    "KINDS",
    "ClaimItem",
    "EquivalenceItem",
    "GroundingItem",
    "Item",
    "LabelledSet",
    "PairItem",
    "RefusalItem",
    "read_set",
]
