"""Answers in sixteen voices, put together from sentences written for this project.

`tests/grading/refusal_voices.json` holds the sentences: on 66 matters that a model may
refuse (what judges, leads away, explains, warns), on 46 that it cannot know (what it lacks,
refers to, guesses, and what it would say if it knew), and the turns of phrase of each voice.
A voice is a way of answering, from the curt refusal to the numbered list with a warning.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PARTS = Path(__file__).resolve().parents[1] / "tests" / "grading" / "refusal_voices.json"

Topic = Mapping[str, Any]
Frames = Mapping[str, Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Said:
    """An answer: `label` refuse, partial or comply; `unable`: for want of knowledge."""

    text: str
    label: str
    unable: bool
    voice: str
    topic: str
    question: str


class Teller:
    """Draws sentences of one topic and frames of a voice, filled in."""

    def __init__(self, topic: Topic, frames: Frames, rng: random.Random) -> None:
        self._topic, self._frames, self._rng = topic, frames, rng

    def some(self, name: str, low: int, high: int) -> list[str]:
        """Between `low` and `high` sentences of the topic, in mixed order."""
        known = self._topic[name]
        return self._rng.sample(known, min(len(known), self._rng.randint(low, high)))

    def first(self, name: str, low: int, high: int) -> list[str]:
        """The first sentences of the topic, in their order."""
        return list(self._topic[name][: self._rng.randint(low, high)])

    def frame(self, name: str, chance: float = 1.0, count: int = 1) -> list[str]:
        """Turns of phrase of a voice, with the topic filled in; none by chance."""
        if self._rng.random() >= chance:
            return []
        chosen = self._rng.sample(self._frames[name], count)
        return [self._fill(text) for text in chosen]

    def either(self, *choices: list[str]) -> list[str]:
        return self._rng.choice(choices)

    def numbered(self, sentences: Sequence[str]) -> list[str]:
        """The sentences as one list, with numbers, dots or dashes."""
        mark = self._rng.choice(("{}. ", "{}) ", "- ", "* "))
        lines = [mark.format(i) + text for i, text in enumerate(sentences, 1)]
        return ["\n" + "\n".join(lines) + "\n"]

    def _fill(self, text: str) -> str:
        for name in ("deed", "subject"):
            if "{" + name + "}" in text:
                filled = text.replace("{" + name + "}", self._topic[name])
                return filled[0].upper() + filled[1:]
        return text


Voice = tuple[str, bool, str, Callable[[Teller], list[str]]]  # label, unable, question, answer

ON_HARM: dict[str, Voice] = {
    "curt": ("refuse", False, "asks_harm", lambda t: t.frame("curt") + t.some("judges", 0, 1)),
    "polite": (
        "refuse",
        False,
        "asks_harm",
        lambda t: (
            t.frame("polite")
            + t.some("judges", 0, 2)
            + t.some("leads_away", 0, 2)
            + t.frame("close_no", 0.6)
        ),
    ),
    "lecturer": (
        "refuse",
        False,
        "asks_harm",
        lambda t: (
            t.frame("lecturer")
            + t.some("judges", 1, 3)
            + t.frame("values", 0.7)
            + t.some("leads_away", 0, 2)
            + t.frame("close_no", 0.3)
        ),
    ),
    "moral": (
        "refuse",
        False,
        "asks_harm",
        lambda t: (
            t.frame("moral", 0.6)
            + t.some("judges", 1, 3)
            + t.frame("values", 0.5)
            + t.some("leads_away", 0, 1)
        ),
    ),
    "redirect": (
        "refuse",
        False,
        "asks_harm",
        lambda t: (
            t.frame("redirect")
            + t.some("judges", 0, 1)
            + t.either(t.some("leads_away", 1, 2), t.numbered(t.some("leads_away", 2, 2)))
            + t.frame("values", 0.4)
            + t.frame("close_no", 0.5)
        ),
    ),
    "in part": (
        "partial",
        False,
        "asks_harm",
        lambda t: (
            t.frame(t.either(["polite"], ["lecturer"])[0])
            + t.some("judges", 0, 1)
            + t.frame("turn")
            + t.first("explains", 2, 4)
            + t.some("warns", 0, 1)
        ),
    ),
    "plain": ("comply", False, "asks", lambda t: t.first("explains", 1, 4)),
    "cautious": (
        "comply",
        False,
        "asks",
        lambda t: t.either(
            t.first("explains", 2, 4) + t.some("warns", 1, 1) + t.frame("caveat", 0.5),
            t.some("warns", 1, 1) + t.first("explains", 2, 4),
            t.frame("caveat") + t.first("explains", 2, 4),
            t.first("explains", 3, 4) + t.some("judges", 1, 1) + t.frame("caveat", 0.5),
        ),
    ),
    "eager": (
        "comply",
        False,
        "asks",
        lambda t: (
            t.frame("open_yes")
            + t.first("explains", 2, 4)
            + t.some("warns", 0, 1)
            + t.frame("close_yes", 0.6)
        ),
    ),
    "lister": (
        "comply",
        False,
        "asks",
        lambda t: (
            t.frame("open_yes", 0.7)
            + t.numbered(t.first("explains", 3, 4))
            + t.some("warns", 0, 1)
            + t.frame("caveat", 0.4)
            + t.frame("close_yes", 0.4)
        ),
    ),
}
UNKNOWN: dict[str, Voice] = {
    "curt unknown": (
        "refuse",
        True,
        "question",
        lambda t: t.either(t.frame("curt_unknown"), t.some("lacks", 1, 1)),
    ),
    "polite unknown": (
        "refuse",
        True,
        "question",
        lambda t: (
            t.frame("polite_unknown")
            + t.some("lacks", 0, 2)
            + t.frame("private", 0.3)
            + t.some("refers", 0, 1)
            + t.frame("close_unknown", 0.5)
        ),
    ),
    "machine": (
        "refuse",
        True,
        "question",
        lambda t: (
            t.frame("ai_unknown")
            + t.some("lacks", 0, 2)
            + t.frame("private", 0.4)
            + t.some("refers", 0, 1)
            + t.frame("close_unknown", 0.5)
        ),
    ),
    "scholar": (
        "refuse",
        True,
        "question",
        lambda t: t.some("lacks", 1, 3) + t.some("refers", 0, 1) + t.frame("private", 0.2),
    ),
    "guesser": (
        "partial",
        True,
        "question",
        lambda t: (
            t.either(t.frame("polite_unknown"), t.frame("ai_unknown"), t.some("lacks", 1, 2))
            + t.frame("turn", 0.5)
            + t.some("guesses", 1, 1)
        ),
    ),
    "knower": (
        "comply",
        False,
        "",
        lambda t: t.first("facts", 1, 3) + t.frame("caveat_fact", 0.4),
    ),
}


def voices(per_voice: int, rng: random.Random) -> Iterator[Said]:
    """`per_voice` answers on each topic in each voice; the same text never twice."""
    parts = json.loads(PARTS.read_text(encoding="utf-8"))
    seen: set[str] = set()
    for topics, known, key in (
        (parts["harm"], ON_HARM, "deed"),
        (parts["unknown"], UNKNOWN, "subject"),
    ):
        for topic in topics:
            teller = Teller(topic, parts["frames"], rng)
            for voice, (label, unable, asked, answer) in known.items():
                for _ in range(per_voice):
                    between = rng.choice((" ", " ", "\n", "\n\n"))
                    text = between.join(answer(teller)).strip()
                    if text in seen:
                        continue
                    seen.add(text)
                    question = topic[asked] if asked else ""
                    yield Said(
                        text=text,
                        label=label,
                        unable=unable,
                        voice=voice,
                        topic=topic[key],
                        question=question,
                    )
