"""What a reasoning model writes before its answer, told apart from the answer.

Thinking is no answer: what stands in it is neither right nor invented. Marks in use, in any
case, with spaces, attributes or a name before them, and HTML-escaped:

- tags: `<think>`, `<thinking>`, `<thought>`, `<reasoning>`, `<reflection>`, `<scratchpad>`,
  `<seed:think>`, `<mm:think>`, `<longcat_think>`, `<|begin_of_thought|>`, `<|START_THINKING|>`,
  `<|inner_prefix|>`, `<|think:start|>`, `[THINK]`, `◁think▷`, `<unused94>`, `[unused16]`,
  `<|channel>thought`, `<details type="reasoning">`, `<details><summary>Thinking`, `<思考>`, each
  with what closes it;
- half-open ones: templates put the opening tag into the prompt, so only `</think>` comes;
- the channels of gpt-oss (`<|channel|>analysis<|message|>` ... `final`), also where a decoder
  dropped the special tokens ("analysisThe user ... assistantfinalLund");
- fields of DSPy: `[[ ## reasoning ## ]]` ... `[[ ## answer ## ]]`;
- turns of s1: "<|im_start|>think ... <|im_start|>answer ...", with or without the special token;
- headers: "Here is my thought process: ... Here is my response: ...", "## Thinking ... ##
  Answer", "Thought: ... Answer: ...", "Thinking... ...done thinking.", fences named so.

A tag that is only spoken of ("the <think> tag", `` `<think>` ``) is no mark. A block ends at its
first closing mark, whatever it is called; a block that never closes ends where an answer is
marked (`<answer>`), else it is the rest of the text. Time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

_SOME = re.compile(
    r"think|thought|reason|reflect|scratch_?pad|monologue|analysis|deliberat|introspect|rationale"
    r"|channel|inner_|unused\d|to=self|assistantfinal|\[\[ ##|思考|推理|<\W{0,3}cot\b",
    re.IGNORECASE,
)
_TAG = re.compile(r"(?:\\?<|＜|&lt;|\[|◁)([^<>＜＞\[\]◁▷&\n]{1,80})(?:\\?>|＞|&gt;|\]|▷)")
_ATTRIBUTES = re.compile(r"\s[\w:-]{1,20}\s?=")
_WORDS = re.compile(r"[a-z]+")
_RUN_IN = re.compile(r"(start|begin|end|stop)of(?=[a-z])")  # <|startofthink|>
_CODE = re.compile(r"_never_used_[0-9a-f]{8,40}")  # <think_never_used_51bce0c785ca...>, of Doubao
_THINK = frozenset(
    "think thinking thought thoughts reason reasoning reflection reflect scratchpad monologue "
    "analysis cot deliberation introspection rationale".split()
)
_ANSWER = frozenset("answer output response solution final result reply content conclusion".split())
_CHINESE = frozenset({"思考", "思考过程", "推理", "推理过程"})
_BESIDE = frozenset(
    "begin start end stop of the my prefix suffix seed mm ant antml longcat ifm plamo fast faster "
    "hidden budget inner internal chain self step process mode block model pad scratch".split()
)
_IN_BRACKETS = frozenset({("think",), ("thinking",), ("thought",), ("thoughts",), ("reasoning",)})
_ENDS = frozenset({"end", "stop", "suffix"})
_EDGES = _ENDS | {"begin", "start", "of"}
_LITERAL_OPEN = frozenset({"unused94", "unused16", "|channel"})
_LITERAL_CLOSE = frozenset({"unused95", "unused17", "channel|"})
_QUOTES = "`'\"“‘"
OPEN, CLOSE, EMPTY, ANSWER = "open", "close", "empty", "answer"

_CHANNEL = re.compile(
    r"(?:(?:<\|start\|>\s{0,3})?(?:assistant)?\s{0,3}<\|channel\|>\s{0,3}|\A\s{0,3}"
    r"|(?:<\|start\|>\s{0,3})?assistant\s{0,3}to=|\Ato=)"
    r"(?P<name>[a-z]{1,16})[^<\n]{0,80}(?:<\|constrain\|>[^<\n]{0,20})?<\|message\|>",
    re.IGNORECASE,
)
_CHANNEL_END = re.compile(r"<\|(?:end|return|call|start|channel|eom|eot)\|>", re.IGNORECASE)
_FOR_USER = frozenset({"final", "user"})
_BARE_ANALYSIS = re.compile(
    r"\s{0,3}(?:assistant)?(?:analysis|commentary)(?=[A-Z\"'“(\[]|\s{0,3}\n)"
)
_BARE_FINAL = re.compile(r"assistantfinal\s{0,3}")
_GEMMA_LABEL = re.compile(r"\s{0,3}thought\n")

_TURN = r"(?:<\|im_start\|>)?"  # of s1, which thinks and answers in turns of such names
_DECOR = r"[ \t]{0,4}(?:#{1,6}[ \t]{0,4})?[*_]{0,3}"
_THINK_HEAD = re.compile(
    rf"\s{{0,8}}{_TURN}{_DECOR}(?:here(?:'s|’s| is) (?:my|the) |my )?"
    r"(?P<name>(?P<strong>(?P<turn>think(?=\n))|thinking(?: process| out loud)?|thought process"
    r"|chain[ -]of[ -]thought|internal monologue|scratch ?pad)|thoughts?"
    r"|reasoning(?: process)?|analysis)"
    r"[*_]{0,3}[ \t]{0,4}(?:(?P<mark>:|\.\.\.|…)[*_]{0,3}|(?=\n))",
    re.IGNORECASE,
)
_ANSWER_HEAD = re.compile(
    rf"(?:^|(?=<\|im_start\|>)){_TURN}{_DECOR}(?:here(?:'s|’s| is) )?(?:my |the )?"
    r"(?:final |actual )?(?:answer|response|conclusion|output|solution|reply)"
    r"(?:[*_]{0,3}[ \t]{0,4}:[*_]{0,3}|[*_]{1,3}[ \t]{0,4}$|(?<=#)|[ \t]{0,4}$)"
    r"|here(?:'s|’s| is) my response:|^[ \t]{0,4}\.{0,3}…?done thinking\.?",
    re.IGNORECASE | re.MULTILINE,
)
_FENCE = re.compile(r"\s{0,8}```[ \t]?(?:think(?:ing)?|thoughts?|reasoning|scratchpad)[ \t]{0,4}\n")
_SUMMARY = re.compile(
    r"\s{0,8}<summary>[^<\n]{0,20}(?:think|thought|reasoning)[^<\n]{0,40}</summary>", re.IGNORECASE
)
_FIELD = re.compile(r"\[\[ ## ?([a-z_]{1,40}) ?## \]\]")  # of DSPy
_INLINE_ANSWER = re.compile(
    r"(?<=[.!?\"'”)\]])\s(?:so )?(?:the |my )?(?:final )?answer\s?:\s", re.IGNORECASE
)
_QUOTED_LINES = re.compile(r"\s{0,8}(?:>[^\n]*(?:\n|\Z)\n?)+")


@dataclass(frozen=True, kw_only=True)
class Split:
    """A text as thinking and answer.

    `answer` holds what is left when the thinking and its marks are off, the text itself where
    there is none. `closed`: the thinking ended; where it did not, `answer` is what stood
    before it, mostly "". `spans`: where in the text the answer stands, [start, end).
    """

    thinking: str
    answer: str
    closed: bool
    spans: tuple[tuple[int, int], ...]

    @property
    def thought(self) -> bool:
        """Whether there was any thinking; an empty block is none."""
        return bool(self.thinking) or not self.closed


@dataclass(frozen=True, slots=True)
class _Mark:
    start: int
    end: int
    kind: str


def split_thinking(text: str) -> Split:
    """Take the thinking off a model's text, by the rules above. Never raises."""
    if not _SOME.search(text):
        return _split(text, [(0, len(text))])
    for read in (_channels, _fields, _headed):
        found = read(text)
        if found is not None:
            return found
    return _tagged(text)


def begins_inside(text: str) -> bool:
    """Whether the first mark in a text closes thinking that its prompt must have opened."""
    if not _SOME.search(text):
        return False
    first = next(_marks(text), None)
    return first is not None and first.kind == CLOSE and not _mentioned(text, first)


def leaves_open(prompt: str) -> bool:
    """Whether a rendered prompt ends with a mark that opens thinking."""
    end = prompt.rstrip()[-200:]
    marks = list(_marks(end))
    if marks and marks[-1].end == len(end):
        return marks[-1].kind == OPEN
    head = next((one for one in _CHANNEL.finditer(end) if one.end() == len(end)), None)
    return head is not None and head["name"].lower() not in _FOR_USER


def masked(text: str, *, most: int) -> str:
    """`text` with blanks where the thinking stands, so that places in it stay what they are.

    Cut where it holds `most` characters of the answer.
    """
    split = split_thinking(text)
    blank, place = [], 0
    for start, end in split.spans:
        blank += [" " * (start - place), text[start : min(end, start + most)]]
        most -= min(end - start, most)
        place = end
        if not most:
            break
    return "".join(blank)


def _split(text: str, spans: list[tuple[int, int]], *, closed: bool = True) -> Split:
    kept = [(start, end) for start, end in spans if text[start:end].strip()]
    if spans == [(0, len(text))]:
        return Split(thinking="", answer=text, closed=closed, spans=((0, len(text)),))
    edges = [0, *(place for span in kept for place in span), len(text)]
    off = [text[a:b] for a, b in list(pairwise(edges))[::2]]
    thinking = "\n".join(_TAG.sub(" ", one).strip() for one in off).strip()
    answer = "\n".join(text[start:end].strip() for start, end in kept)
    return Split(thinking=thinking, answer=answer, closed=closed, spans=tuple(kept))


def _tagged(text: str) -> Split:
    """Blocks between tags."""
    marks = list(_marks(text))
    if not marks:
        return _split(text, [(0, len(text))])
    last_close = max((mark.start for mark in marks if mark.kind == CLOSE), default=-1)
    kept: list[tuple[int, int]] = []
    place = inner = spoken_of = 0
    inside = seen = False
    for number, mark in enumerate(marks):
        if mark.kind == OPEN and inside:
            inner += 1
        elif mark.kind == OPEN and not _opens(text, mark, marks, number):
            spoken_of += 1
        elif mark.kind in (OPEN, EMPTY) and not inside:
            kept.append((place, mark.start))
            place, inner = mark.end, 0
            inside = mark.kind == OPEN
        elif mark.kind == CLOSE and inside:
            place, inside, seen = mark.end, False, True
        elif mark.kind == CLOSE and spoken_of:
            spoken_of -= 1
        elif mark.kind == CLOSE and not _mentioned(text, mark):
            # Only the end of a block: its beginning stood in the prompt, or it was begun twice.
            if seen and not (inner and text[mark.end :].strip()):
                kept.append((place, mark.start))  # a stray one behind the answer
            place, inner, seen = mark.end, max(0, inner - 1), True
        elif mark.kind == ANSWER and inside and mark.start > last_close:
            place, inside, seen = mark.start, False, True
    if not inside:
        kept.append((place, len(text)))
    return _split(text, kept, closed=not inside)


def _marks(text: str) -> Iterator[_Mark]:
    details = False
    for match in _TAG.finditer(text):
        start, end = match.span()
        if (
            start
            and text[start - 1] in _QUOTES
            and text[end : end + 1] in ("`", "'", '"', "”", "’")
        ):
            continue
        inner = match[1].strip().lower()
        if inner.startswith("details") and ("reasoning" in inner or _SUMMARY.match(text, end)):
            details, kind = True, OPEN
        elif inner == "/details" and details:
            kind = CLOSE
        else:
            kind = _kind(inner, in_brackets=match[0][0] == "[")
        if kind:
            yield _Mark(start, end, kind)


def _kind(inner: str, *, in_brackets: bool) -> str:
    """What a tag is, by what stands in it, small letters; "" for any other tag."""
    if inner in _LITERAL_OPEN:
        return OPEN
    if inner in _LITERAL_CLOSE:
        return CLOSE
    name = _ATTRIBUTES.split(inner, maxsplit=1)[0]
    if name.lstrip("/") in _CHINESE:
        return CLOSE if name.startswith("/") else OPEN
    name = _RUN_IN.sub(r"\1 of ", _CODE.sub("", name))
    words = tuple(_WORDS.findall(name))
    if not words or len(words) > 5:
        return ""
    if in_brackets and tuple(word for word in words if word not in _EDGES) not in _IN_BRACKETS:
        return ""
    if len(name) > sum(map(len, words)) + 12:
        return ""
    known = set(words)
    closes = name.lstrip("|｜ ").startswith("/") or bool(known & _ENDS)
    if known <= _THINK | _BESIDE and (known & _THINK or {"inner"} < known):
        return CLOSE if closes else EMPTY if inner.endswith("/") else OPEN
    if known <= _ANSWER | _BESIDE and known & _ANSWER and not closes:
        return ANSWER
    return ""


def _opens(text: str, mark: _Mark, marks: list[_Mark], number: int) -> bool:
    """Whether an opening tag opens thinking; one within a sentence may only be spoken of."""
    before = text[max(0, mark.start - 200) : mark.start].rstrip(" \t")
    run_in = mark.start > 0 and not text[mark.start - 1].isspace()
    if not before or run_in or before[-1] in '\n.!?:;>]▷…*)"”':
        return True
    close = next((one for one in marks[number + 1 : number + 9] if one.kind == CLOSE), None)
    held = text[mark.end : close.start] if close else ""
    return "\n" in held or len(held[:400].split()) > 3


def _mentioned(text: str, mark: _Mark) -> bool:
    """Whether a closing tag with nothing that it closes stands within a sentence, as a word."""
    before, after = text[: mark.start][-1:], text[mark.end : mark.end + 2]
    return before == " " and len(after) == 2 and after[0] == " " and after[1].islower()


def _channels(text: str) -> Split | None:
    """Channels, each with its name before it; without special tokens, their names run in."""
    heads = list(_CHANNEL.finditer(text))
    if heads:
        kept = []
        for head, following in pairwise([*heads, None]):
            assert head is not None
            stop = _CHANNEL_END.search(text, head.end())
            end = stop.start() if stop else len(text)
            end = min(end, following.start()) if following else end
            if head["name"].lower() in _FOR_USER:
                kept.append((head.end(), end))
        return _split(text, kept, closed=bool(kept))
    finals = list(_BARE_FINAL.finditer(text))
    if finals:
        return _split(text, [(finals[-1].end(), len(text))])
    if _BARE_ANALYSIS.match(text):
        return _split(text, [], closed=False)
    label = _GEMMA_LABEL.match(text)  # its closing mark is dropped with the other special tokens
    return _split(text, [(label.end(), len(text))]) if label else None


def _fields(text: str) -> Split | None:
    """Fields between `[[ ## name ## ]]`, each to the next: those of thinking, and the answer."""
    heads = list(_FIELD.finditer(text))
    if not any(_THINK.intersection(head[1].split("_")) for head in heads):
        return None
    kept = [
        (head.end(), following.start() if following else len(text))
        for head, following in pairwise([*heads, None])
        if head and head[1] != "completed" and not _THINK.intersection(head[1].split("_"))
    ]
    return _split(text, kept, closed=bool(kept))


def _headed(text: str) -> Split | None:
    """Thinking under a header at the start of the text, and the answer under another."""
    fence = _FENCE.match(text)
    if fence:
        end = text.find("\n```", fence.end() - 1)
        closed = end >= 0
        return _split(text, [(end + 4, len(text))] if closed else [], closed=closed)
    head = _THINK_HEAD.match(text)
    if head is None:
        return None
    quoted = _QUOTED_LINES.match(text, head.end())
    if quoted:
        return _split(text, [(quoted.end(), len(text))])
    answers = list(_ANSWER_HEAD.finditer(text, head.end()))
    if not answers and head["mark"]:
        answers = list(_INLINE_ANSWER.finditer(text, head.end()))
    if answers:
        return _split(text, [(answers[-1].end(), len(text))])
    marked = head["mark"] or head["turn"] or "#" in head.group() or "*" in head.group()
    if head["strong"] and marked and not any(mark.kind == CLOSE for mark in _marks(text)):
        return _split(text, [], closed=False)
    return None
