"""What the graders cannot read: other languages, code, tables, lists of links.

They read English prose. Anything else is left unscored with its cause, never called invented.
`readable` keeps what can be read: of a text that mixes, the English sentences outside code,
tables and links. Names are no evidence: an answer of names alone ("Elorna Visgar") is read.

Another language is told by its script, or by its frequent words (`languages.txt`) where they
outnumber the English ones. A library would know more languages; but on answers full of invented
names py3langid 0.4 calls 23 of 424 and 33 of 400 English answers foreign, and lingua 2.1 finds
5 of 24 short foreign sentences, at 96 MB.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from harness.core.records import Cause
from harness.grading.text.prepare import split_sentences
from harness.grading.text.salad_words import FUNCTION

WORDS = Path(__file__).with_name("languages.txt")
OTHER_SCRIPT = 0.5  # of the letters, from which a text is in another script
FOREIGN_SHARE = 0.3  # of the words; of longer texts the frequent words of a language are more
LONE_LETTERS = 7  # of a lone word without accents, from which it may be foreign
MAX_WORDS = 2_000  # of a text, which are weighed
CODE_LINES = 0.5

_WORD = re.compile(r"[^\W\d_]+(?:['’\ufffd][^\W\d_]+)?")  # U+FFFD: a letter cut in two
# "Juan de la Vega", "Ursula von der Leyen": what joins the parts of a name says no language.
_JOINTS = (
    "de|del|dela|der|den|dem|des|di|da|do|dos|das|della|dello|dei|degli|delle|dal|du|d'|la|las"
    "|le|les|lo|los|el|van|von|vom|zu|zum|zur|af|av|ter|ten|y|e|et|und|i|al|bin|ibn|ben"
)
_NAME_RUN = re.compile(
    rf"(?<![^\W\d_])[^\W\d_][\w'’-]{{0,40}}(?:\s(?:{_JOINTS})(?=\s)){{1,4}}\s(?P<last>[^\W\d_])"
)
_QUOTED = re.compile(r"\"[^\"\n]{2,200}\"|“[^”\n]{2,200}”|«[^»\n]{2,200}»")
_ENGLISH = FUNCTION | frozenset(
    "i you we me my your our don't know sorry answer told story yes not no never cannot can't "
    "isn't wasn't doesn't didn't there about what which who when where why how it's i'm".split()
)
_SAYING = frozenset("wrote said called named titled written sang book song motto".split())
_FENCED = re.compile(r"(?:```|~~~)[ \t]?(\w{1,14})[^\n]{0,60}\n[^`~]*(?:```|~~~|\Z)")
_PROSE_FENCES = frozenset("text txt plaintext markdown md answer thinking json xml yaml".split())
_CODE = re.compile(
    r"\s{0,40}(?:(?:def|class|async def|fn|func|function)\s{1,4}\w{1,60}\s{0,4}[(:{<]"
    r"|(?:import|from|using|package|#include|require)\s{1,4}[\w.<\"'{*]{1,80}"
    r"(?:\s{1,4}(?:as|import)\s.{1,80}|;|>)?\s{0,4}$"
    r"|(?:const|let|var|int|float|double|char|string|bool|auto|val)\s{1,4}\w{1,60}\s{0,4}[=;(:]"
    r"|(?:return|throw|raise|yield|assert|elif|except)\b.{0,200}[;:){}]\s{0,4}$"
    r"|(?:if|for|while|switch|with)\b(?=.{0,200}(?:\w[(\[]|[=<>\[{_])).{0,200}[:{]\s{0,4}$"
    r"|(?:public|private|protected|static|export|abstract)\s{1,4}(?:static|class|void|async|function"
    r"|const|final|int|String|default)\b.{0,200}[({=]"
    r"|(?:print|printf|println|console\.log|echo|puts|System\.out\.print\w{0,2})\s{0,2}[(\"'$]|main\("
    r"|(?:SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE TABLE)\s.{1,400}"
    r"|</?(?:html|head|body|div|script|style|table|tr|td|ul|ol|li|meta|link)\b[^>]{0,200}>)"
)
_LIKE_CODE = re.compile(
    r"\s{0,40}(?:return\b.{0,300}|(?![A-Z][a-z]{0,80}\s{1,4}=\s[\w\s]{0,200}$)"
    r"[\w.\[\]\"']{1,80}\s{0,4}(?:=|\+=|:=|=>)\s{0,4}[\w\"'\[{(-].{0,200}"
    r"|(?=.{0,200}[(\[{}=\"_]).{0,200};\s{0,4}$|.{0,200}\{\s{0,4}$|[)}\]]{1,4}[;,]?\s{0,4}$"
    r"|(?:if|elif|for|while|with|else|try|switch)\b[^.!?]{0,80}:\s{0,4}$|(?://|/\*|#!)\s?\S.{0,200}"
    r"|\"[\w -]{1,60}\"\s{0,4}:\s{0,4}(?:[\"\d\[{-]|true\b|false\b|null\b).{0,300}|[\[{]\s{0,4}$)"
)
_SIGNS = re.compile(
    r"[(\[{}\]=<>\"'_#$]|\s{0,9}[A-Z]{4,6}\s"
)  # code in a lone line has one of them
_MARKER = re.compile(r"\s{0,40}(?:[-*•–]|\(?\w{1,3}[.)])\t")
_ROW = re.compile(r"[ \t]{0,8}\|?[^|\n]{0,300}\|[^\n]{0,600}")
_RULE = re.compile(r"[ \t]{0,8}[|+]?[ \t]{0,4}[:=-]{2,}[-:=| \t+]{0,300}")
_URL = re.compile(
    r"\[[^\[\]\n]{0,200}\]\((?:https?://|www\.)[^\s)]{1,500}\)|(?:https?://|www\.)[^\s<>]{2,500}"
)
_LEAD_IN = re.compile(r"[^\n]{0,120}:\s{0,4}$")
_REASONS = {
    Cause.LANGUAGE: "not in English",
    Cause.CODE: "code, not prose",
    Cause.TABLE: "a table, not prose",
    Cause.LINKS: "links, not prose",
}


@dataclass(frozen=True, kw_only=True)
class Readable:
    """`text`: what can be read, "" for nothing; `cause`: what the rest is, None for no rest."""

    text: str
    cause: Cause | None = None

    @property
    def reason(self) -> str:
        """Why a verdict is not given, in words."""
        return f"cannot be read: {_REASONS[self.cause]}" if self.cause else ""


def readable(text: str, names: frozenset[str] = frozenset()) -> Readable:
    """What of an answer the graders can read. `names`: words in small letters that are names."""
    for cause, cut in ((Cause.CODE, _without_code), (Cause.TABLE, _without_table),
                       (Cause.LINKS, _without_links)):  # fmt: skip
        rest = cut(text)
        if rest is not None:
            inner = readable(rest, names) if rest.strip() else Readable(text="")
            return Readable(text=inner.text, cause=cause)
    if not is_foreign(text, names):
        if not _may_mix(text, names):
            return Readable(text=text)
        foreign = {one for one in split_sentences(text) if is_foreign(one, names)}
        if not foreign:
            return Readable(text=text)
        return Readable(text=_english(text, foreign), cause=Cause.LANGUAGE)
    sentences = split_sentences(text)
    kept = [one for one in sentences if not is_foreign(one, names) and _says_english(one)]
    return Readable(text=" ".join(kept) if len(sentences) > 1 else "", cause=Cause.LANGUAGE)


def is_foreign(text: str, names: frozenset[str] = frozenset()) -> bool:
    """Whether a text is in another language than English, as far as its words say."""
    letters = [ch for ch in text[:8_000] if ch.isalpha()]
    if not letters:
        return False
    if not text.isascii() and sum(map(_other_script, letters)) >= OTHER_SCRIPT * len(letters):
        return True
    if not _hits(_words_but(names, text)):
        return False
    words = list(dict.fromkeys(_words_but(names, _without_names(text))))
    hits = _hits(words)
    if not hits:
        return False
    english = sum(word in _ENGLISH for word in words)
    most = max(hits.values())
    if not text.isascii():  # accents stand for nothing alone ("café"), but beside such words
        most += sum(not word.isascii() and word.isalpha() and word in text for word in words)
    if len(words) <= 2 and all(len(w) < LONE_LETTERS - len(words) + 1 for w in words):
        lone = [part for part in text.split() if part[:1].isalpha()]
        if text.isascii() and (len(words) == 1 or all(part[0].isupper() for part in lone)):
            return False  # "Hindi", "MI5", "War", "Una Era"
    if len(words) <= 2:
        return most >= len(words)
    return most >= 2 and most > 1.5 * english and most >= FOREIGN_SHARE * len(words)


def _without_names(text: str) -> str:
    """The text without names that particles join, nor what an English sentence quotes."""

    def joint(match: re.Match[str]) -> str:
        run = match.group()
        return match["last"] if run[0].isupper() and match["last"].isupper() else run

    bare = _NAME_RUN.sub(joint, text)
    rest = _QUOTED.sub(" ", bare)
    return rest if any(word in _ENGLISH | _SAYING for word in _words(rest)) else bare


def _other_script(ch: str) -> bool:
    """Whether a letter is of another script than Latin."""
    code = ord(ch)
    return code >= 0x370 and not (0x1E00 <= code <= 0x1EFF or 0xFF21 <= code <= 0xFF5A)


def _words(text: str) -> list[str]:
    found = []
    for match in _WORD.finditer(text):
        found.append(match.group().lower().replace("’", "'"))
        if len(found) >= MAX_WORDS:
            break
    return found


def _words_but(names: frozenset[str], text: str) -> list[str]:
    """The words that may tell a language: of a name ("Trial of Vrell") none but English ones."""
    return [word for word in _words(text) if word in _ENGLISH or word not in names]


def _hits(words: list[str]) -> Counter[str]:
    """How many of the words are frequent in each language; those of English do not count."""
    book, found = _book(), Counter[str]()
    for word in words:
        if word not in _ENGLISH:
            found.update(book.get(word, ()))
    return found


@cache
def _book() -> dict[str, tuple[str, ...]]:
    """{word: languages} of `languages.txt`."""
    found: dict[str, tuple[str, ...]] = {}
    for line in WORDS.read_text(encoding="utf-8").splitlines():
        name, _, words = line.partition(":")
        if not line.startswith("#"):
            for word in dict.fromkeys(words.split()):
                found[word] = (*found.get(word, ()), name)
    return found


def _may_mix(text: str, names: frozenset[str]) -> bool:
    """Whether some sentence may be foreign although the text as a whole is not."""
    if not text.isascii() and any(map(_other_script, text[:8_000])):
        return True
    return max(_hits(_words_but(names, text)).values(), default=0) >= 2


def _says_english(sentence: str) -> bool:
    return any(word in _ENGLISH for word in _words(sentence))


def _english(text: str, foreign: set[str]) -> str:
    return " ".join(one for one in split_sentences(text) if one not in foreign)


def _without_code(text: str) -> str | None:
    """The text without its code; None where there is none."""
    fences = [m for m in _FENCED.finditer(text) if m[1].lower() not in _PROSE_FENCES]
    if fences:
        kept, place = [], 0
        for fence in fences:
            kept.append(text[place : fence.start()])
            place = fence.end()
        return " ".join([*kept, text[place:]])
    if not any(mark in text for mark in "(={;<:"):
        return None
    if text[0] in "{[" and text.rstrip()[-1] in "}]" and '":' in text:
        return ""  # data of which no key names an answer
    lines = [line for line in text.splitlines()[:400] if line.strip(" `~")]
    sure = sum(1 for line in lines if _CODE.match(line[:400]))
    like = sure + sum(1 for x in lines if not _CODE.match(x[:400]) and _LIKE_CODE.match(x[:400]))
    enough = sure > 0 and (len(lines) > 1 or not _prose(text))
    return "" if (enough or like > 2) and like >= CODE_LINES * len(lines) else None


def _prose(line: str) -> bool:
    """Whether a lone line that looks like code is rather a sentence."""
    if not _SIGNS.search(line):
        return True
    english = sum(word in _ENGLISH for word in _words(line))
    return english >= 2 and line.rstrip()[-1:] in ".!?\"'"


def _without_table(text: str) -> str | None:
    """The text without a table of two rows or more; None where there is none."""
    if "|" not in text and "\t" not in text:
        return None
    lines = text.splitlines()
    rows = [bool(_ROW.fullmatch(line) and line.count("|") > 1) for line in lines]
    tabs = ["\t" in _MARKER.sub("", line, count=1).strip() for line in lines]
    ruled = any(_RULE.fullmatch(line) and ("|" in line or "+" in line) for line in lines)
    if sum(rows) >= (2 if ruled else 3):
        kept = [a for a, row in zip(lines, rows, strict=True) if not row and not _RULE.fullmatch(a)]
        return "\n".join(kept)
    if sum(tabs) >= 2:
        return "\n".join(a for a, row in zip(lines, tabs, strict=True) if not row)
    return None


def _without_links(text: str) -> str | None:
    """The text without lines of links, where it is little else; None where it is not."""
    if "http" not in text and "www." not in text:
        return None
    rest = list(_rest_of_links(text))
    links = sum(1 for _ in _URL.finditer(text))
    words = sum(len(_words(line)) for line in rest)
    return "\n".join(rest) if links and words <= 4 * links and not _sentences(rest) else None


def _rest_of_links(text: str) -> Iterator[str]:
    for line in text.splitlines():
        bare = _URL.sub("", line).strip(" \t-*•–—.:;,()[]<>|0123456789")
        if _URL.search(line):
            if len(_words(bare)) > 3:
                yield bare
        elif bare and not _LEAD_IN.fullmatch(line):
            yield line


def _sentences(lines: list[str]) -> bool:
    return any(line.rstrip()[-1:] in ".!?" and _says_english(line) for line in lines)
