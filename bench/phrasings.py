"""Ways to put the shared relations in words that stand in none of the grader's own tables.

Fixed rule: the last HELD_OUT of each list are never used while the grader is improved, and no
error on them is read; `rendered_truth.py` reports them apart. The last eight of each list were
written before the grader was changed, the others, in front, when it had learned those.
"""

from __future__ import annotations

from phrasings_people import PEOPLE
from phrasings_things import THINGS

HELD_OUT = 2  # per relation, from the end of its list
PHRASINGS: dict[str, tuple[str, ...]] = {**PEOPLE, **THINGS}


def is_held_out(relation: str, place: int) -> bool:
    """Whether the phrasing at `place` of a relation's list belongs to the held-out half."""
    return place >= len(PHRASINGS[relation]) - HELD_OUT
