"""Where a model's answer ends and run-on text begins, when no marker says so.

A model that never learned to stop goes on after its answer with text about other things.
`text.prepare` cuts at prompt markers and at questions. This rule cuts what has neither:

    The answer ends at the first line break where
    (1) what stands before it is finished (ends in . ! or ?, also before a quote or bracket),
    (2) the next line is no item of a list (it begins with a letter that is a capital, a
        quote or a digit without . or ) after it), and
    (3) the next line shares no content word, in any form, with the question or with what
        stands before it.

So a second paragraph that goes on about the same things stays, and a list stays. The words
of the question and of the whole text so far count, so that pronouns at the start of a line
("She also wrote ...") keep a line only when it also names something known; a line that
begins with a pronoun of the third person is kept in any case.
"""

from __future__ import annotations

import re

from harness.grading.equivalence.reading import STOP, stem, words_of
from harness.grading.text.prepare import clean

_CLOSERS = "\"'”’)]"
_ITEM = re.compile(r"\s*(?:[-*•–]|\d{1,3}[.)]|[a-zA-Z][.)]\s|[a-z])")
_GOES_ON = re.compile(
    r"\s*(?:he|she|it|they|his|her|its|their|this|these|that|those|also|moreover|furthermore"
    r"|additionally|in addition|however|but|and|for example|such)\b",
    re.IGNORECASE,
)


def cut_run_on(question: str, answer: str) -> tuple[str, str]:
    """Split an answer by the rule above into what counts and what is cut ("" for nothing)."""
    lines = clean(answer[:20_000]).splitlines(keepends=True)
    known = _content(question)
    kept: list[str] = []
    said = ""  # the last line kept that is not blank
    for place, line in enumerate(lines):
        if not line.strip():
            kept.append(line)
            continue
        drifts = said.rstrip().rstrip(_CLOSERS).endswith((".", "!", "?")) and not _ITEM.match(line)
        words = _content(line)
        if drifts and not _GOES_ON.match(line) and words.isdisjoint(known):
            return "".join(kept).rstrip(), "".join(lines[place:])
        kept.append(line)
        said = line
        known |= words
    return "".join(kept).rstrip(), ""


def _content(text: str) -> set[str]:
    return {stem(word) for word in words_of(text) if word not in STOP and len(word) > 2}
