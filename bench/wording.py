"""Small changes of wording: denial, a start in the middle, numbers in words."""

from __future__ import annotations

import random
import re

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = "- - twenty thirty forty fifty sixty seventy eighty ninety".split()


def deny(form: str, rng: random.Random) -> str | None:
    """The phrasing denied, by "not" after its verb or as a whole."""
    words = set(re.findall(r"[a-z]+", form.lower()))
    if (
        words & {"no", "never", "not", "if", "after", "nothing", "none"}
        or "quiet one" in form
        or " were " in form
    ):
        return None
    if rng.random() < 0.5 and not words & {"old", "tired", "strong", "hard", "duties"}:
        for verb in (" was ", " could ", " were "):
            if form.count(verb) == 1 and "not" not in form:
                return form.replace(verb, f"{verb}not ", 1)
    start = form if form.startswith("{") else form[:1].lower() + form[1:]
    return rng.choice(("It is not true that ", "It is false that ")) + start


def lower_start(form: str, subject: str, object: str) -> str:
    """The filled phrasing as it stands after a lead: small letters but for names."""
    text = form.replace("{s}", subject).replace("{o}", object)
    return text if form.startswith("{") else text[:1].lower() + text[1:]


def in_words(number: int) -> str:
    """A number below 1,000 in English.

    >>> in_words(231)
    'two hundred and thirty-one'
    """
    if number < 20:
        return _ONES[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return _TENS[tens] + (f"-{_ONES[ones]}" if ones else "")
    hundreds, rest = divmod(number, 100)
    return f"{_ONES[hundreds]} hundred" + (f" and {in_words(rest)}" if rest else "")
