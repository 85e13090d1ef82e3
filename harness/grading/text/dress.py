r"""What a model wraps its answer in, taken off: the same for right answers and for refusals.

In use: JSON (`{"answer": "Lund"}`, `["Lund"]`), tags (`<answer>Lund</answer>`, `<b>`,
`<|begin_of_solution|>`, `[ANSWER]`), boxes (`\boxed{Lund}`), fences and backticks, bold, quotes,
labels ("Final answer:", "A:"), a lone bullet. Where a tag names the answer within other text,
what it holds is the answer. A JSON object without a key that names an answer stays as it is.
"""

from __future__ import annotations

import re
from typing import Any

from harness.core.bounded import parse_json

LAYERS = 6  # of dress, one in the other
MAX_JSON = 20_000
NOTHING = "null"  # what is said by null, "" or an empty tag where an answer belongs

_KEYS = ("answer", "final_answer", "finalanswer", "final answer", "response", "result", "output",
         "reply", "solution", "text", "content", "value", "message")  # fmt: skip
_ASIDE = frozenset(
    "question query thinking thought thoughts reasoning rationale explanation confidence score "
    "source sources id".split()
)
# Keys that tell whether there is an answer, with the value that says there is none.
_DECLINED = {"refused": True, "refusal": True, "unanswerable": True, "declined": True,
             "answerable": False, "isanswerable": False, "hasanswer": False, "answered": False,
             "answerfound": False, "found": False, "known": False}  # fmt: skip
_NAMES = r"(?:final[ _-]?)?(?:answer|response|output|solution|result|reply|conclusion)"
_OPENING = re.compile(
    rf"<\s{{0,3}}{_NAMES}(?:\s[^<>]{{0,80}})?>|&lt;{_NAMES}&gt;|\[{_NAMES}\]"
    rf"|\[\[ ## ?(?:final_)?answer ?## \]\]"
    rf"|<\|(?:begin_of|start)_(?:solution|answer|response|text|box)\|>|<\|(?:answer_prefix|content)\|>",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    rf"<\s{{0,3}}/\s{{0,3}}{_NAMES}\s{{0,3}}>|&lt;/{_NAMES}&gt;|\[/{_NAMES}\]"
    rf"|\[\[ ## ?\w{{1,40}} ?## \]\]"
    rf"|<\|end(?:_of)?_(?:solution|answer|response|text|box)\|>|<\|answer_suffix\|>",
    re.IGNORECASE,
)
_WRAPPED = re.compile(r"<([a-zA-Z][\w:-]{0,30})(?:\s[^<>]{0,80})?>([^<]*)</\1\s{0,3}>")
_FENCE = re.compile(r"(?:```|~~~)[ \t]?(\w{0,12})[ \t]{0,4}\n?([^`~]*)(?:```|~~~)")
_PLAIN_FENCES = frozenset(["", "text", "txt", "plaintext", "json", "markdown", "md", "xml", "yaml"])
_BOX_TOKEN = re.compile(
    r"\\(?P<wrap>boxed|fbox|framebox|text|textbf|textit|mathrm|mathbf|mbox|emph)\s?\{|\\?\{|\\?\}"
)
_MATHS = re.compile(r"\\[()\[\]]|\$")
_LABEL = re.compile(
    r"(?:#{1,6}\s{0,3})?(?:the |my )?(?:final |short |correct |actual )?"
    r"(?:(?:answer|response|output|result|conclusion|reply|ans)(?: is)?\s{0,3}(?::|=|->)"
    r"|(?:a|ai|assistant)\s?:)\s{0,8}"
    r"|#{1,6}\s{0,3}(?:final )?(?:answer|response)\s{0,3}\n\s{0,8}",
    re.IGNORECASE,
)
_BULLET = re.compile(r"(?:[-*•+]\s{1,4}(?=\S)|1[.)]\s{1,4}(?=[^\W\d]))")
_LOOSE = re.compile(r"[\"']?(?:final[ _]?)?answer[\"']?\s{0,3}:\s{0,3}", re.IGNORECASE)
_PAIRS = {'"': '"', "'": "'", "“": "”", "‘": "’", "«": "»", "`": "`", "*": "*", "_": "_",
          "(": ")", "[": "]"}  # fmt: skip
_NOTHING_WORD = re.compile(r"(?:null|none|nil|undefined|nan)?", re.IGNORECASE)


def undress(text: str) -> str:
    """`text` without what it is wrapped in; `NOTHING` for dress that holds nothing."""
    body = text.strip()
    for _ in range(LAYERS):
        if not body:
            break
        bare = _layer(body).strip()
        if not bare and body.strip("`*_\"'“”‘’()[] \n"):
            return NOTHING
        if bare == body:
            break
        body = bare
    return body


def _layer(body: str) -> str:
    first = body[0]
    if first in '{["' and (read := _json(body)) is not None:
        return read
    if "<" in body or "[" in body or "&lt;" in body:
        tagged = _tagged(body)
        if tagged is not None:
            return tagged
    if first in "`~" and (fenced := _FENCE.fullmatch(body)):
        if fenced[1].lower() in _PLAIN_FENCES:
            return fenced[2]
        if "\n" not in body and fenced[1]:  # ```Lund```
            return fenced[1] + fenced[2]
    if "\\" in body and (unboxed := _unboxed(body)) != body:
        return _MATHS.sub("", unboxed)
    if "**" in body or "__" in body:
        return body.replace("**", "").replace("__", "")
    if (label := _LABEL.match(body)) and label.end() < len(body):
        return body[label.end() :]
    if "\n" not in body and (bullet := _BULLET.match(body)):
        return body[bullet.end() :]
    return _unquoted(body)


def _unquoted(body: str) -> str:
    closer = _PAIRS.get(body[0])
    end = body.rstrip(".")
    if closer is None or len(end) < 2 or end[-1] != closer:
        return body
    inside = end[1:-1]
    return body if body[0] in inside or closer in inside else inside


def _tagged(body: str) -> str | None:
    """What the last tag that names an answer holds, or the one tag around all of the text."""
    openings = list(_OPENING.finditer(body))
    if openings:
        opening = openings[-1]
        closing = _CLOSING.search(body, opening.end())
        return body[opening.end() : closing.start() if closing else len(body)]
    closing = _CLOSING.search(body)
    if closing and not body[closing.end() :].strip():
        return body[: closing.start()]
    wrapped = _WRAPPED.fullmatch(body) if body[0] == "<" else None
    return wrapped[2] if wrapped else None


def _unboxed(body: str) -> str:
    r"""`body` without `\boxed{`, `\text{` and their closing braces."""
    kept: list[str] = []
    open_: list[bool] = []
    place = 0
    for token in _BOX_TOKEN.finditer(body):
        if token["wrap"]:
            open_.append(True)
        elif token.group().endswith("{"):
            open_.append(False)
            continue
        elif not open_ or not open_.pop():
            continue
        kept.append(body[place : token.start()])
        place = token.end()
    return "".join([*kept, body[place:]])


def _json(body: str) -> str | None:
    """The answer that a JSON document holds, also where it is cut or written as Python."""
    if len(body) > MAX_JSON:
        return None
    try:
        data = parse_json(body)
    except ValueError:
        return _loose(body) if body[0] == "{" else None
    return _answer_in(data)


def _answer_in(data: Any) -> str | None:
    if data is None:
        return ""
    if isinstance(data, str):
        return data
    if isinstance(data, bool):
        return "Yes" if data else "No"
    if isinstance(data, int | float):
        return str(data)
    if isinstance(data, list):
        plain = [one for one in data if isinstance(one, str | int | float)]
        if len(data) == 1:
            return _answer_in(data[0])
        return ", ".join(map(str, plain)) if len(plain) == len(data) else None
    return _answer_of(data)


def _answer_of(data: dict[str, Any]) -> str | None:
    """The value under the key that names an answer, or under the only key there is."""
    if not data:
        return ""
    names = {key.lower().strip(): key for key in data}
    for name in _KEYS:
        if name in names:
            return _answer_in(data[names[name]])
    flags = {re.sub(r"[ _-]", "", name): data[key] for name, key in names.items()}
    if any(flags.get(name) is value for name, value in _DECLINED.items()):
        return NOTHING
    rest = [key for name, key in names.items() if name not in _ASIDE]
    return _answer_in(data[rest[0]]) if len(rest) == 1 else None


def _loose(body: str) -> str | None:
    """The value of "answer" in what is nearly JSON: single quotes, or cut at the end."""
    label = _LOOSE.search(body[:200])
    if label is None:
        return None
    value = body[label.end() :].rstrip().removesuffix("}").rstrip().rstrip(",")
    quote = value[:1]
    if quote in ('"', "'"):
        value = value[1:].rstrip()
        end = value.find(quote + ",")  # another key follows
        value = value[:end] if end >= 0 else value.removesuffix(quote)
    return "" if _NOTHING_WORD.fullmatch(value) else value
