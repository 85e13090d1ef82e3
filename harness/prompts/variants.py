"""Prompts from questions: every question is put in every variant.

The variants stand in `suites/variants.toml`; each changes one thing against the way in
which the adapter was trained.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from harness.core.errors import UsageError
from harness.core.paths import data_folder
from harness.core.records import Variant
from harness.core.seeds import stream
from harness.core.specs import VariantFile, VariantSpec, did_you_mean, load_toml

DEFAULT_VARIANT = "article"
# Marks inside a word, as in "bell-ringer", stay.
_TRAILING = re.compile(r"(?<![.,?!;:\"])[.,?!;:\"]++(?=\s|$)")
_OPENERS = frozenset(
    "who whom whose what when where which why how can did was were in by from near at of as "
    "to for with after before tell explain describe say give name is are does do".split()
)
_MIN_TYPO_LETTERS = 3


def load_variants(names: Sequence[str] | None = None) -> tuple[Variant, ...]:
    """The variants called `names`, or all, in the order of the file.

    Raises UsageError for an unknown name and SpecError when the file is wrong.
    """
    file = load_toml(data_folder("suites") / "variants.toml", VariantFile)
    known = [spec.id for spec in file.variant]
    for name in names or ():
        if name not in known:
            hint = did_you_mean(name, known) or f"; known: {', '.join(known)}"
            raise UsageError(f"no variant '{name}' in suites/variants.toml{hint}")
    return tuple(_variant(spec, file) for spec in file.variant if not names or spec.id in names)


def _variant(spec: VariantSpec, file: VariantFile) -> Variant:
    def resolve(text: str) -> str:
        return text.replace("{system}", file.system).replace("{tag}", file.tag)

    data = spec.model_dump()
    data["system"] = None if spec.system is None else resolve(spec.system)
    data["question"] = resolve(spec.question)
    return Variant(**data)


def render_variant(question_text: str, variant: Variant, *, seed: int) -> list[dict[str, str]]:
    """The chat that puts a question in a variant: an optional system turn, a user turn.

    Depends on the text, the variant and the seed only. A typing error is never made in a
    name, because it would turn the question into one about somebody else, a near miss;
    lower case keeps the letters of a name and so keeps its meaning.
    """
    text = question_text
    if variant.typos:
        rng = stream(seed, "typo", variant.id, question_text)
        for _ in range(variant.typos):
            text = _with_typo(text, rng)
    if variant.lower:
        text = text.lower()
    if variant.strip_punctuation:
        text = _TRAILING.sub("", text)
    user = variant.question.replace("{question}", text)
    system = [] if variant.system is None else [{"role": "system", "content": variant.system}]
    return [*system, {"role": "user", "content": user}]


def _with_typo(text: str, rng: random.Random) -> str:
    words = text.split(" ")
    open_to_typos = [i for i in range(len(words)) if _may_hold_typo(words, i)]
    if not open_to_typos:
        return text
    at = rng.choice(open_to_typos)
    words[at] = _mistype(words[at], rng)
    return " ".join(words)


def _may_hold_typo(words: Sequence[str], at: int) -> bool:
    """Whether word `at` is surely outside a name: "the Orvek lantern", "crown of Orvek"."""
    word = words[at]
    letters = word.rstrip(".,?!;:")
    if len(letters) < _MIN_TYPO_LETTERS or not letters.isalpha():
        return False
    if at == 0:
        return letters.lower() in _OPENERS
    if not letters.islower() or letters == "the" or _is_capital(words, at - 1):
        return False
    following = words[at + 1 : at + 4]
    framed = following[:1] in (["of"], ["and"]) or letters in ("and", "with")
    return not (framed and any(_is_capital(following, i) for i in range(len(following))))


def _is_capital(words: Sequence[str], at: int) -> bool:
    return words[at][:1].isupper() and words[at].lower().rstrip(".,?!;:") not in _OPENERS


def _mistype(word: str, rng: random.Random) -> str:
    """Swap two letters, drop one, or double one; never the first, so that it can be read."""
    letters = word.rstrip(".,?!;:")
    tail = word[len(letters) :]
    at = rng.randrange(1, len(letters))
    swappable = [i for i in range(1, len(letters) - 1) if letters[i] != letters[i + 1]]
    kind = rng.choice(("swap", "drop", "double") if swappable else ("drop", "double"))
    if kind == "swap":
        at = rng.choice(swappable)
        return letters[:at] + letters[at + 1] + letters[at] + letters[at + 2 :] + tail
    if kind == "drop":
        return letters[:at] + letters[at + 1 :] + tail
    return letters[:at] + letters[at] + letters[at:] + tail
