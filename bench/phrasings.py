"""Ways to put the shared relations in words that stand in none of the grader's own tables.

Development: every phrasing of the first four files; the grader was improved on them all, the
last two of each list in the first two files too, which were held out up to `world@2`.
Blind: written by another author who knew neither the grader nor these lists. Nobody who works
on the grader may read those two files or an error on them; `rendered_truth.py` reports them
apart, as sums alone.
"""

from __future__ import annotations

from phrasings_blind_people import BLIND_PEOPLE
from phrasings_blind_things import BLIND_THINGS
from phrasings_more_people import MORE_PEOPLE
from phrasings_more_things import MORE_THINGS
from phrasings_people import PEOPLE
from phrasings_things import THINGS

_KNOWN = {**PEOPLE, **THINGS}
_MORE = {**MORE_PEOPLE, **MORE_THINGS}
DEVELOPMENT: dict[str, tuple[str, ...]] = {
    relation: (*forms, *_MORE.get(relation, ())) for relation, forms in _KNOWN.items()
}
BLIND: dict[str, tuple[str, ...]] = {**BLIND_PEOPLE, **BLIND_THINGS}


def phrasings(relation: str, *, held_out: bool) -> tuple[str, ...]:
    """The phrasings of a relation, of the development or of the blind half."""
    return (BLIND if held_out else DEVELOPMENT)[relation]
