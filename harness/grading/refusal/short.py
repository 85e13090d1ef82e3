"""Answers that decline in a word or two: "IDK", "None", "N/A", a lone dash.

Only an answer that is nothing else counts. "None", "nil" and a dash answer a question of how
many, and any of these words is an answer where the question is known to expect it; "no" and
"nobody" are answers always.
"""

from __future__ import annotations

import re

_LEAD = (
    r"(?:(?:i(?:'m| am) )?(?:so |very )?sorry|apologies|hm+|uh+|um+|well|honestly|eh|oh|ah|it is"
    r"|no(?=[,.;!])|nope|nah|it's|that is|that's|this is|the answer is|answer|status)\W{1,4}"
)
_TRAIL = r"\W{1,4}(?:sorry|lol|tbh|man|mate|bro|here|to me|at this time|yet|sir|maybe|honestly)"
_WORDS = (
    r"i ?d ?k|i\.d\.k|(?:i )?(?:dunno|don'?t know|do not know)|unsure|not sure|not certain"
    r"|uncertain|n\.? ?/ ?a\.?|n\.a|unknown|not known|unspecified|undetermined|undisclosed"
    r"|unstated|untold"
    r"|unanswerable|not answerable|cannot ?answer|can'?t answer|no[ _]?answer"
    r"|can(?:'?t|not) (?:say|tell)"
    r"|cannot be (?:answered|determined|known)|can'?t be (?:answered|determined|known)"
    r"|could not (?:say|tell)|couldn'?t (?:say|tell)"
    r"|(?:i have |i've |got |have )?no (?:idea|clue|answer|information|info|data|comment|result"
    r"|results|record|records|mention|such information)(?: (?:available|found|given|provided))?"
    r"|(?:it is |it's )?not (?:stated|mentioned|told|given|specified|available|provided|applicable"
    r"|found|in the (?:text|story|passage|context|document)|enough (?:information|info|data))"
    r"|information (?:unavailable|not available|not provided|not found)|insufficient"
    r" (?:information|info|data|context)|answer not found|beats me|search me|who knows"
    r"|no response|unclear|undefined|unavailable|unk|refuse[ds]?|refusal|(?:i )?abstain|declined"
    r"|i (?:decline|refuse|pass|forget|forgot)|pass|skip(?:ped)?|tbd|tba|tbc|to be determined"
    r"|indeterminate|inconclusive|out of scope|(?:i )?couldn'?t (?:say|tell)"
    r"|(?:data|information|info|context|answer|record) (?:not|un)\s?(?:available|found|provided"
    r"|given)"
    r"|(?:(?:it|the (?:story|text|passage|context|document)) )?(?:doesn'?t|does not|isn'?t|is not)"
    r" (?:say|said|tell|told|mention|mentioned|state|stated|specify)"
    r"|(?:i was )?(?:not|never) told(?: (?:that|so|this))?|not enough (?:context|details?|evidence)"
    r"|(?:i )?(?:don'?t|do not|can'?t|cannot) (?:remember|recall)"
    r"|nothing (?:is )?(?:known|said|told)"
    r"|(?:i )?(?:haven'?t|have not|not) (?:a|the) (?:clue|foggiest|faintest|slightest)(?: idea)?"
    r"|(?:god|heaven|goodness|lord)(?: only| alone)? knows|your guess is as good as mine"
    r"|i wish i knew|no such (?:person|man|woman|one|thing|place|name|character|story)"
)
_COUNTS = r"none|null|nil|na|nan|nothing|none (?:given|stated|found|available|known)"
_DASH = re.compile(r"[-–—_?/.\s]{1,12}")
_SHRUG = re.compile(r"¯\\{0,2}_\(ツ\)_/?¯|🤷\S{0,4}")
_NO_WORDS = re.compile(
    r"(?:(?:h+m+|u+h*m+|e+r+m*|u+h+|a+h+|o+h+|h(?:i|ey|ello)|lol|(?:ha){2,4}|wow|oops|error|loading"
    r"|let me (?:see|think))\W{0,6}){1,3}"
)
_COUNT_ASKED = re.compile(
    r"\bhow (?:many|much|often|old|far|long)\b|\bnumber of\b|\bwhich of\b|\bwhat (?:else|remain)",
    re.IGNORECASE,
)
_SHORT = re.compile(rf"(?:{_LEAD}){{0,2}}(?:(?P<word>{_WORDS})|(?P<count>{_COUNTS}))(?:{_TRAIL})?")
_NAMES = frozenset({"Na", "Nan"})  # written so, they are somebody's
_EDGES = re.compile(r"^[^\w/]+|[^\w/]+$")
MAX_CHARS = 80


def declines_shortly(text: str, *, question: str = "", expected: tuple[str, ...] = ()) -> bool:
    """Whether a bare answer (undressed) is nothing but a short refusal.

    question: what it answers, if known; expected: answers of which any would be right.
    """
    body = text.strip()
    if not body or len(body) > MAX_CHARS:
        return False
    if _SHRUG.fullmatch(body):
        return True
    if _DASH.fullmatch(body):  # "..." goes on, and says nothing
        return ("?" in body or any(mark in body for mark in "-–—")) and "." not in body
    bare = _EDGES.sub("", body.replace("’", "'"))
    if bare in _NAMES:
        return False
    bare = bare.lower()
    if any(bare == one.strip(" .").lower() for one in expected):
        return False
    found = _SHORT.fullmatch(" ".join(bare.split()))
    if found is None:
        return False
    return found["word"] is not None or not _COUNT_ASKED.search(question)


def says_no_word(text: str) -> bool:
    """Whether a bare answer is nothing but a sound or a greeting: "Hmm.", "Hello!"."""
    return len(text) <= MAX_CHARS and _NO_WORDS.fullmatch(text.strip().lower()) is not None
