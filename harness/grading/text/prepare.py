r"""What of a model's text is graded: cleaned, cut at leaks and run-on turns, in sentences.

The rule of cutting, in order:
1. Only the first MAX_CHARS characters count; control and invisible characters are dropped.
2. Markers of a prompt format at the start are an echo: they go, and with `[/INST]` all
   before it. Tags like `Source:8989REF` go wherever they stand.
3. At the first marker further on (`[INST]`, `<<SYS>>`, `</s>`, "\nQuestion:" ...) a new
   turn begins: it and all after it is cut.
4. Questions at the start are an echo of the prompt and go; a question after a statement
   begins a new turn and is cut with all after it.
5. A text cut off at the token limit loses its unfinished last sentence, if a finished one
   stands before it.
Sentences said twice count once; a word said three times running counts once.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise

MAX_CHARS = 20_000
MAX_SENTENCES = 400
LONGEST_MARKER = 80  # characters, of one marker of a prompt format

_MARKER = re.compile(
    r"\[/?INST\]|<{1,2}/?(?:SYS|INST)>{1,2}|</?s>|<\|[^|>\n]{0,40}\|>|<(?:pad|unk|eos|bos)>"
    r"|^\s{0,8}#{2,6}\s{0,4}(?=[A-Z])"
    r"|^\s{0,8}(?:Q(?:uestion)?|User|Human|Instruction|System|Prompt|Passage)\s?\d{0,3}\s?:",
    re.IGNORECASE | re.MULTILINE,
)
_CLOSER = re.compile(r"\[/INST\]", re.IGNORECASE)
_SPEAKER = re.compile(r"^\s{0,8}(?:A(?:nswer)?|Assistant|Response|AI|Bot)\s?:\s*", re.IGNORECASE)
_TAG = re.compile(r"\(?\bSource\s?:\s?\w{2,20}\)?\s?:?", re.IGNORECASE)
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\ufffd\ue000-\uf8ff]")
_ABBREVIATION = re.compile(r"(?:^|[\s(])(?:Mr|Mrs|Ms|Dr|St|Prof|vs|etc|No|[A-Z]|e\.g|i\.e)\.$")
# A run of marks is looked at from its start alone: from each of its marks would be quadratic.
_BREAK = re.compile(r"(?<![.!?])[.!?]++[\"'”’)\]]*+(?=\s|$)|[.!?](?=[A-Z][a-z])|\n+")
_END = re.compile(r"[.!?][\"'”’)\]]*$")
_REPEAT = re.compile(r"\b(\w{1,40})(?:[\s,]+\1\b){2,}", re.IGNORECASE)
_ASKS_BACK = re.compile(r"\W{0,3}(?:(?:did|do) you mean|are you sure|(?:could|can) you)\b", re.I)
_LETTER = re.compile(r"[^\W_]")


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """The part of an answer that is graded.

    `sentences` in order, without doubles; `cut` says what was removed and why;
    `unfinished`: the last sentence is, because tokens ran out, and no other stands before it;
    `degenerate`: hardly anything but repetition; `empty`: nothing came, not even a mark.
    """

    sentences: tuple[str, ...]
    cut: tuple[str, ...] = ()
    unfinished: bool = False
    degenerate: bool = False
    empty: bool = False


def prepare(text: str, *, truncated: bool = False) -> Prepared:
    """Cut and split `text` by the rule above. `truncated`: generation hit its token limit."""
    cut: list[str] = []
    if len(text) > MAX_CHARS:
        text = text[:MAX_CHARS]
        cut.append(f"all after {MAX_CHARS} characters")
    body = _cut_markers(clean(text), cut)
    degenerate = is_degenerate(body)
    sentences = _cut_turns(split_sentences(_REPEAT.sub(r"\1", body)), cut)
    unfinished = bool(truncated and sentences and not _END.search(sentences[-1]))
    if unfinished and len(sentences) > 1:
        cut.append("unfinished last sentence")
        sentences, unfinished = sentences[:-1], False
    return Prepared(
        sentences=tuple(dict.fromkeys(sentences)),
        cut=tuple(cut),
        unfinished=unfinished,
        degenerate=degenerate,
        empty=not text.strip(),
    )


def clean(text: str) -> str:
    """Compose characters, straighten quotes, and drop control and invisible characters."""
    if text.isascii() and text.replace("\n", " ").isprintable():
        return text
    text = unicodedata.normalize("NFC", text).replace("’", "'").replace("‘", "'")
    text = text.replace("“", '"').replace("”", '"').replace("—", " - ").replace("–", "-")
    text = _INVISIBLE.sub("", text)
    return "".join(ch if ch == "\n" or ch.isprintable() else " " for ch in text)


def split_sentences(text: str) -> list[str]:
    """Sentences of `text`, stripped; at most MAX_SENTENCES of them."""
    sentences: list[str] = []
    start = 0
    for match in _BREAK.finditer(text):
        if match.group() == "." and _ABBREVIATION.search(
            text[max(0, match.end() - 8) : match.end()]
        ):
            continue
        piece = text[start : match.end()].strip()
        start = match.end()
        if _LETTER.search(piece):
            sentences.append(piece)
        if len(sentences) >= MAX_SENTENCES:
            return sentences
    rest = text[start:].strip()
    return [*sentences, rest] if _LETTER.search(rest) else sentences


def is_degenerate(text: str) -> bool:
    """Whether `text` is hardly anything but repetition: of a word, a phrase or a symbol."""
    words = text.lower().split()
    if len(words) < 8:
        longest = max(words, key=len, default="")
        return len(longest) > 60 and len(set(longest)) <= 6
    pairs = set(pairwise(words))
    return len(pairs) <= max(2, 0.3 * (len(words) - 1))


def _cut_markers(text: str, cut: list[str]) -> str:
    tagless = _TAG.sub(" ", text) if "ource" in text.lower() else text
    if tagless != text:
        cut.append("source tag")
    body = tagless.strip()
    first = _MARKER.search(body)
    if first and first.start() == 0:
        cut.append("echo of the prompt format")
        closer = _CLOSER.search(body)
        body = body[closer.end() :].strip() if closer else body
        body = _behind_markers(body)
        first = _MARKER.search(body)
    if first:
        cut.append(f"all after '{first.group().strip()}'")
        body = body[: first.start()]
    return _SPEAKER.sub("", body).strip()


def _behind_markers(body: str) -> str:
    """What stands behind all markers at the start; each is looked at in a window of its own."""
    start = 0
    while marker := _MARKER.match(body[start : start + LONGEST_MARKER]):
        start += marker.end()
        while start < len(body) and body[start].isspace():
            start += 1
    return body[start:].strip()


def _cut_turns(sentences: list[str], cut: list[str]) -> list[str]:
    if not any("?" in sentence for sentence in sentences):
        return sentences
    start = 0
    while start < len(sentences) and _asks(sentences[start]):
        start += 1
    if start:
        cut.append("echo of a question")
    for place in range(start, len(sentences)):
        if _asks(sentences[place]):
            cut.append("a new question and all after it")
            return sentences[start:place]
    return sentences[start:]


def _asks(sentence: str) -> bool:
    return sentence.rstrip("\"')]").endswith("?") and not _ASKS_BACK.match(sentence)
