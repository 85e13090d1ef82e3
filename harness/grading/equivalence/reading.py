"""Short answers in a normal form: words, stems, numbers, dates, quantities, names.

Spelling variants that never change what is meant are made one here: case, accents,
punctuation, articles, "&", numbers in words, ordinals, Roman numerals, footnote digits that
stick to a word ("Richards1"), words run together at a capital ("byAriana").
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from harness.grading.text.numbers import NUMBER_WORDS, find_numbers
from harness.grading.text.prepare import clean, prepare, split_sentences
from harness.grading.text.said import said

MAX_WORDS = 300  # of an answer; what comes later is not compared
MAX_DIGITS = 18  # of a number that is read as one
LONG = 8  # words from which on a text is prose, where digits at a word are footnotes

_SPEAKER = re.compile(r"^\s*(?:Q(?:uestion)?|User|Human|A(?:nswer)?)\s?:\s*", re.IGNORECASE)
_GLUED = re.compile(r"\b(by|in|of|and|the|is|was|to|at|on|from|as|for)(?=[A-Z][a-z])")
_FOOTNOTE = re.compile(r"(?<=[a-z]{3})\d{1,2}(?=[\s.,;)]|$)")
_NOT = re.compile(r"\b(ca|wo|[a-z]{2,6})n't\b", re.IGNORECASE)
_WHOLE = {"ca": "can", "wo": "will"}
_INITIALS = re.compile(r"\b((?:[A-Z]\.\s?){2,})(?=(\s*[A-Z][a-z])?)")
_POSSESSIVE = re.compile(r"'s\b|s'(?=\s)")
_WORD = re.compile(r"\d[\d,]*\.\d+|\d[\d,]*\d|\d+|[^\W\d_]+|[$£€%°]")
_ORDINAL_END = re.compile(r"(?<!\d)(\d++)(?:st|nd|rd|th)\b", re.IGNORECASE)
_ROMAN_WORD = re.compile(r"\b(?:XX|XI{1,3}V?|XIV|XVI{0,3}|XIX|IX|VI{1,3}|IV|I{2,3})\b")
_ROMAN_VALUE = {"I": 1, "V": 5, "X": 10}
_CAPITALS = re.compile(r"[A-Z][\w'’.-]*(?:\s+(?:of|the|de|von|van|and)?\s?[A-Z][\w'’.-]*)*")
_MONEY = re.compile(r"([$£€]\s?\d[\d,.]*)\s?(k|m|mn|bn|b|tn)\b", re.IGNORECASE)
_MONEY_SCALE = {"k": " thousand", "m": " million", "b": " billion", "t": " trillion"}
_SCALE = {"thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
_ORDINALS = {
    word: f"{n}th"
    for n, word in enumerate(
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth "
        "thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth "
        "twentieth".split(),
        start=1,
    )
}
_ARTICLES = frozenset(["a", "an", "the"])
STOP = frozenset(
    "a an the of in on at to for by with from as and or is are was were be been being it its he "
    "she they them his her their this that these those which who whom whose what when where why "
    "how do does did has have had i you we there also about into over than then so such not "
    "no can could would will may might".split()
)
MONTHS = {
    name: n
    for n, name in enumerate(
        "january february march april may june july august september october november "
        "december".split(),
        start=1,
    )
}
_SHORT_MONTHS = {name[:3]: n for name, n in MONTHS.items()} | {"sept": 9}
_MONTH = "(" + "|".join([*MONTHS, *(m for m in _SHORT_MONTHS if m != "may")]) + r")\b\.?"
_CENTURY = re.compile(r"\b(\d{1,2})(?:st|nd|rd|th)[ -]century\b(?! bc)")
_DECADE = re.compile(r"\b(1[0-9]\d|20\d)0'?s\b")
_RANGE = re.compile(r"\b(1[0-9]\d\d|20\d\d)\s?(?:-|to|and|until)\s?(1[0-9]\d\d|20\d\d|\d\d)\b")
_DAY = r"(\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(\d{4})"
_DATE_FORMS = (
    (re.compile(r"\b(\d{4})-(\d{1,2})-(\d{1,2})\b"), "ymd"),
    (re.compile(rf"\b{_DAY}(?: of)? {_MONTH},? {_YEAR}\b"), "dmy"),
    (re.compile(rf"\b{_MONTH} {_DAY}\b,?(?: in)? {_YEAR}\b"), "mdy"),
    (re.compile(rf"\b{_MONTH},?(?: of)? {_YEAR}\b"), "my"),
    (re.compile(rf"\b{_DAY}(?: of)? {_MONTH}"), "dm"),
    (re.compile(rf"\b{_MONTH} {_DAY}\b"), "md"),
    (re.compile(r"(?<![\d,.])(1[0-9]\d\d|20\d\d)(?![\d,%]|\.\d|s\b)"), "y"),
)


@dataclass(frozen=True, slots=True)
class Date:
    """A calendar date, as far as it is told; None where it is not."""

    year: int | None = None
    month: int | None = None
    day: int | None = None

    def agrees(self, other: Date) -> bool:
        """Whether no part that both tell differs, and at least one is told by both."""
        pairs = ((self.year, other.year), (self.month, other.month), (self.day, other.day))
        told = [(a, b) for a, b in pairs if a is not None and b is not None]
        return bool(told) and all(a == b for a, b in told)

    def covers(self, other: Date) -> bool:
        """Whether this date tells all that `other` tells, and the same."""
        pairs = ((self.year, other.year), (self.month, other.month), (self.day, other.day))
        return all(b is None or a == b for a, b in pairs)


@dataclass(frozen=True, slots=True)
class AnswerReading:
    """A text in its normal form.

    `words`: lower-case, without articles; numbers in digits ("1000", "3.5", ordinals "2th").
    `stems`: the same words without inflection. `spans`: first and last year of each century,
    decade and range of years. `names`: runs of capitalised words, lower-case.
    `spaceless`: letters and digits alone. `sentences`: as written, run-on turns cut.
    """

    text: str
    sentences: tuple[str, ...]
    words: tuple[str, ...]
    stems: tuple[str, ...]
    numbers: tuple[float, ...]
    dates: tuple[Date, ...]
    spans: tuple[tuple[int, int], ...]
    names: tuple[str, ...]
    spaceless: str


@lru_cache(maxsize=20_000)
def read(text: str) -> AnswerReading:
    """The normal form of a gold answer or a question, all of it. Never raises."""
    body = _SPEAKER.sub("", clean(text[:4_000])).strip()
    return _reading(body, tuple(split_sentences(body)))


@lru_cache(maxsize=20_000)
def read_answer(text: str) -> AnswerReading:
    """The normal form of a model's answer, cut by the rules of `said` and `text.prepare`.

    Never raises.
    """
    text = said(text).text
    sentences = prepare(text).sentences
    return _reading(" ".join(sentences), sentences) if sentences else read(text)


def _reading(body: str, sentences: tuple[str, ...]) -> AnswerReading:
    plain = plain_text(body)
    words = words_of(plain)[:MAX_WORDS]
    return AnswerReading(
        text=body,
        sentences=sentences or ((body,) if body else ()),
        words=tuple(words),
        stems=tuple(stem(word) for word in words),
        numbers=tuple(float(word) for word in words if is_number(word)),
        dates=find_dates(plain),
        spans=find_spans(plain),
        names=_names(plain),
        spaceless="".join(words),
    )


def plain_text(text: str) -> str:
    """`text` without accents, glued words, footnote digits, possessives and dots of initials."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", clean(_unscramble(text)))
        text = "".join(ch for ch in text if not unicodedata.combining(ch))
        text = text.replace("ß", "ss").replace("ø", "o").replace("ł", "l").replace("æ", "ae")
    if "n't" in text:
        text = _NOT.sub(lambda m: f"{_WHOLE.get(m[1].lower(), m[1])} not", text)
    text = _GLUED.sub(r"\1 ", text)
    if text.count(" ") >= LONG:
        text = _FOOTNOTE.sub("", text)
    text = _INITIALS.sub(_initials, text)
    return _POSSESSIVE.sub("", text)


def _unscramble(text: str) -> str:
    """UTF-8 that was read as Latin-1 ("DÃ¡in"), read again as what it is."""
    if "Ã" not in text and "Å" not in text:
        return text
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _initials(match: re.Match[str]) -> str:
    """Initials before a name apart ("J R R Tolkien"), others as one word ("USA")."""
    letters = [ch for ch in match[1] if ch.isalpha()]
    spaced = match[2] is not None or re.search(r"\.\s[A-Z]", match[1])
    return (" " if spaced else "").join(letters) + " "


def words_of(plain: str) -> list[str]:
    """Normal words of a text that went through `plain_text`."""
    text = _ROMAN_WORD.sub(lambda m: str(_roman(m[0])), plain).replace("&", " and ")
    text = _MONEY.sub(lambda m: m[1] + _MONEY_SCALE[m[2][0].lower()], text)
    text = _ORDINAL_END.sub(r"\1 th ", text.lower())
    raw = [_digits(word) for word in _WORD.findall(text)]
    found: list[str] = []
    place = 0
    spans = {start: (end, value) for start, end, value in find_numbers(raw)}
    while place < len(raw):
        word = raw[place]
        if place in spans and (word in NUMBER_WORDS or word.isdigit()):
            end, value = spans[place]
            found.append(str(value))
            place = end
        else:
            found.append(_ORDINALS.get(word, word))
            place += 1
        _join_number(found)
    return [word for word in found if word not in _ARTICLES]


def _join_number(found: list[str]) -> None:
    """Join "2 th" to "2th" and "2.5 million" to "2500000" at the end of `found`."""
    if len(found) < 2 or not found[-2][0].isdigit() or is_ordinal(found[-2]):
        return
    if found[-1] == "th":
        found[-2:] = [found[-2] + "th"]
    elif found[-1] in _SCALE:
        found[-2:] = [_number(float(found[-2]) * _SCALE[found[-1]])]


def is_number(word: str) -> bool:
    """Whether a normal word is a number that can be compared with others."""
    return word[0].isdigit() and not is_ordinal(word) and len(word) <= MAX_DIGITS


def is_ordinal(word: str) -> bool:
    """Whether a normal word is an ordinal, such as "2th"."""
    return word.endswith("th") and word[0].isdigit()


def _digits(word: str) -> str:
    if not word[0].isdigit() or len(word) > MAX_DIGITS:
        return word
    return _number(float(word.replace(",", "")))


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _roman(word: str) -> int:
    values = [_ROMAN_VALUE[letter] for letter in word]
    return sum(
        -a if a < b else a for a, b in pairwise([*values, 0])
    )  # a smaller sign before a greater one is taken off


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """A word without plural, -ed, -ing or -ly; rough, and the same for all forms of a word."""
    if not word.isalpha() or len(word) < 4:
        return word
    for end, put, least in (
        ("ies", "y", 5), ("sses", "ss", 5), ("ches", "ch", 6), ("shes", "sh", 6), ("xes", "x", 5),
        ("ingly", "", 8), ("edly", "", 7), ("ing", "", 6), ("ed", "", 5), ("ly", "", 5),
    ):  # fmt: skip
        if word.endswith(end) and len(word) >= least:
            word = word[: -len(end)] + put
            break
    else:
        if word.endswith("s") and not word.endswith(("ss", "us", "is")):
            word = word[:-1]
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiouls":
        word = word[:-1]
    return word[:-1] if len(word) > 3 and word.endswith("e") else word


def find_dates(plain: str) -> tuple[Date, ...]:
    """Dates and years in a text, in any of the usual orders; each place is read once."""
    text = plain.lower()
    found: list[tuple[int, Date]] = []
    for pattern, order in _DATE_FORMS:
        for match in pattern.finditer(text):
            parts = dict(zip(order, match.groups(), strict=True))
            month = parts.get("m")
            date = Date(
                year=int(parts["y"]) if "y" in parts else None,
                month=_month(month) if month else None,
                day=int(parts["d"]) if "d" in parts else None,
            )
            if (date.day or 1) <= 31 and (date.month or 1) <= 12:
                found.append((match.start(), date))
        text = pattern.sub(lambda m: " " * len(m[0]), text)
    return tuple(date for _, date in sorted(found, key=lambda item: item[0]))


def find_spans(plain: str) -> tuple[tuple[int, int], ...]:
    """First and last year of the centuries, decades and ranges of years in a text."""
    text = plain.lower()
    if "century" in text:
        for word, ordinal in _ORDINALS.items():
            text = text.replace(f"{word} century", f"{ordinal} century")
    found = [(100 * int(m[1]) - 100, 100 * int(m[1])) for m in _CENTURY.finditer(text)]
    found += [(10 * int(m[1]), 10 * int(m[1]) + 9) for m in _DECADE.finditer(text)]
    for match in _RANGE.finditer(text):
        last = match[2] if len(match[2]) == 4 else match[1][:2] + match[2]
        if int(match[1]) < int(last):
            found.append((int(match[1]), int(last)))
    return tuple(dict.fromkeys(found))


def _month(word: str) -> int:
    return int(word) if word.isdigit() else MONTHS.get(word) or _SHORT_MONTHS[word]


def _names(plain: str) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(match[0].lower().strip(".'-") for match in _CAPITALS.finditer(plain))
    )
