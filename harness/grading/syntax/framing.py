"""What stands around a statement and changes whether it is asserted: denial, supposition, source.

"It is not true that ..." and "Some wrongly believe that ..." deny what follows. "If Visgar
had lived in Lund, ..." asserts nothing. "The story says that ...", "I believe that ..." and
hearsay ("Some say that ...", "perhaps") assert it, hedged or not: a hedged invention is one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_WHO = (
    r"(?:some(?: people)?|many(?: people)?|people|others|they|legends?|rumou?rs?|the (?:story|text"
    r"|tale|passage|book|legend|rumou?r)|one|everyone|villagers|scholars|it)"
)
_SAY = (
    r"(?:says?|said|believes?|believed|thinks?|thought|claims?|claimed|tells?(?: us)?|told"
    r"|states?|stated|mentions?|mentioned|explains?|explained|holds?|has it|(?:is|was) "
    r"(?:said|told|believed|thought|known|rumou?red|stated|mentioned|written)|assumes?|suppose)"
)
_FALSELY = r"(?:wrongly|mistakenly|falsely|incorrectly|erroneously)"
_DENIAL = re.compile(
    r"\W*(?:it (?:is|was) (?:not (?:true|so|correct|right|the case)|untrue|false|wrong|incorrect"
    r"|a (?:lie|mistake|myth)|never (?:true|the case))(?: to (?:say|think|believe|claim))? that"
    r"|there is no truth in the (?:claim|idea|story) that|contrary to (?:what|the belief)\b.{0,40}?"
    rf"\bthat|{_WHO} {_FALSELY} {_SAY}(?: that)?|the (?:claim|idea) that (?=.{{1,120}} (?:is|was)"
    r" (?:false|wrong|untrue|not true)))\s+",
    re.IGNORECASE,
)
_SOURCE = re.compile(
    rf"\W*(?:(?:well|yes|indeed|actually|so|in fact|of course|certainly|sure)\s*,\s*)*"
    rf"(?:(?:according to|as (?:told|stated|said|mentioned|written) in|in|from|based on)"
    r" (?:the|this|that|our) (?:story|text|tale|passage|book|legend|world"
    r"|given (?:story|text)),?\s+"
    r"|as far as (?:i|we) (?:know|can tell|remember),?\s+"
    r"|i (?:believe|think|know|guess|would say|recall|remember)(?: that)?\s+"
    rf"|what (?:we|i) (?:do )?(?:know|learn|hear|are told) is that\s+"
    rf"|{_WHO} {_SAY} that\s+|it (?:is|was) true that\s+|the answer is that\s+)+",
    re.IGNORECASE,
)
_SUPPOSED = re.compile(
    r"\W*(?:if|unless|suppose|supposing|imagine|assuming|had \w+ (?:been|had)|whether"
    r"|let us (?:say|suppose))\b",
    re.IGNORECASE,
)
_EVEN_IF = re.compile(
    r"(?<!\W)\W*+if (?:i|we) (?:remember|recall|am not|are not|may|had to)\b.{0,30}?,\s*", re.I
)
_ASIDE = re.compile(
    r",? ?[(,] ?(?:people (?:say|said)|they say|it (?:is|was) (?:said|told|believed)|i (?:think"
    r"|believe|guess|suppose)|(?:as )?the (?:story|text|tale) (?:says|tells|goes)|so (?:they say"
    r"|it is said|the story goes|to speak)|as (?:far as )?(?:i|we|everyone) (?:know|knows|recall)"
    r"|of course|in fact|as we know|after all|by the way|for example|for instance|indeed|too"
    r"|however|in turn|you see|no doubt|incidentally|interestingly|apparently|admittedly|curiously"
    r"|surprisingly|naturally|notably|fittingly|sadly|luckily|to be sure|poor (?:man|woman|thing"
    r"|fellow|soul|girl|boy)|in other words|that is|by all accounts) ?[),]",
    re.IGNORECASE,
)
# Doubts about the answer at the end of a sentence or between commas: they deny nothing.
_DOUBT = re.compile(
    r"(?:,| -|\s\(|^)\s*(?:if (?:i|we|my memory|memory) (?:am|are|is|do|does|remember|recall"
    r"|serves?|have|had|may|can|understand)\b[^,.;)]{0,40}|if memory serves\b[^,.;)]{0,20}"
    r"|unless (?:i|we) (?:am|are|have|mis)[^,.;)]{0,40}|(?:though|although|but) (?:i|we) "
    r"(?:am|are|may|might|could|can|would)(?: be)?(?: not)? (?:sure|certain|wrong|mistaken|swear"
    r"|confusing|misremembering|positive|be wrong|be mistaken)[^,.;)]{0,30}|(?:or )?(?:so )?i "
    r"(?:would|had|should)? ?(?:guess|say|think|believe|suppose|assume|imagine|suspect|reckon"
    r"|gather)|as far as (?:i|we) [^,.;)]{1,30}|to (?:the best of )?my (?:knowledge|mind)"
    r"|in my (?:opinion|view|eyes))\s*\)?(?=[,.;!]|$)",
    re.IGNORECASE,
)
_DOUBTED = re.compile(r"\b(?:i|we|my|memory)\b", re.IGNORECASE)
# Sentences about the answer itself; they are no claims about the story.
_META = re.compile(
    r"\W*(?:(?:(?:i(?:'m| am)|we(?:'re| are)|i|we|my|please accept my) )?"
    r"(?:so |very |really |truly )?"
    r"(?:sorry|apologi[sz]e|apologies) (?:for|about) (?:the |any |my |that |this |our )?"
    r"(?:earlier |previous |initial )?(?:confusion|mistakes?|errors?|misunderstanding|mix-up"
    r"|oversight|inconvenience|delay)[^,;:]{0,40}$"
    r"|i hope (?:this|that)|let me know|(?:here|this) is (?:what|all|everything|the answer)"
    r"|that is (?:all|what)|feel free|is there anything|thank you|thanks|you(?:'re| are) welcome"
    r"|please (?:ask|let)|(?:sure|certainly|of course|absolutely|great question|good question"
    r"|okay|ok|happy to help)\W*$|in (?:summary|short|conclusion)\W*$"
    r"|(?:it|this|that) is (?:a|an|one of|quite|perhaps)\b.{0,60}\b(?:story|tale|scenes?|moments?"
    r"|details?|passages?|question)\b|what an? "
    r"|(?:these|those|such) are the (?:facts|things|details)"
    r"|(?:please )?(?:note|take (?:this|that|these|those|it|my)|keep in mind|bear in mind|remember"
    r"|consider|correct me)\b"
    r"|(?:tell|explain|describe|say)(?: (?:me|us))?(?: more| something| everything| all)?"
    r" (?:about|what|who|where|of)\b)",
    re.IGNORECASE,
)


_ROUNDABOUT = tuple(
    (re.compile(pattern, 0 if "[A-Z]" in pattern else re.IGNORECASE), instead)
    for pattern, instead in (
        (r"\bno (?:greater|bigger|worse|better|other|fiercer|dearer|closer) ([\w-]+) "
         r"(?:than|but)\b", r"a \1 called"),
        (r"\b(?:none other than|none but|no one (?:other than|but|except)|nobody (?:other than"
         r"|but|except)|nothing but|no other than)\s+", ""),
        (r"\bno ([\w-]+) (?:but|except|save|other than)\b", r"a \1 called"),
        (r"\bnever (?:knew|had|called|took|wanted) (?:any|another|a)(?: other)? ([\w-]+) "
         r"(?:but|than|except|other than)\b", r"had a \1 called"),
        (r"\b(?:would|could|will|did|does) not (?:rest|stop|sleep|give up) (?:until|before|till)\b",
         "wanted"),
        (r"\bnever (\w+) (?:anywhere|elsewhere|in any(?: other)? place)(?: else)? "
         r"(?:but|than|except|other than) ", r"\1 "),
        (r"\bnowhere(?: else)? (?:but|other than|except|than) ", ""),
        (r"\b(?:no|not) (?:more|further|farther|older|younger) than ", ""),
        (r"\b(?:if not for|had it not been for|but for|were it not for|without) (.{2,50}?), "
         r"(?:there )?(.{2,60}?) (?:would|could) (?:not|never) have (?:happened|occurred|begun"
         r"|started|taken place|come about|been)\b", r"\1 caused \2"),
        (r"\b(?:[Nn]othing|[Nn]obody|[Nn]o one|[Nn]o \w+)(?: that| whom)? "
         r"([A-Z][\w' -]{1,50}? \w+(?:ed|s|d|t)) (?:more|so much|as much|better) (?:than|as) ",
         r"\1 "),
        (r"\b(?:is|was) ([A-Z][\w-]*(?: [A-Z][\w-]*){0,2})'s(?=\s*(?:[.,;]|$))",
         r"belonged to \1"),
        (r"\bnever\b(.{1,40}?)\bwithout\b", r"always\1with"),
        (r"\bnowhere without\b", "everywhere with"),
        (r"\bif there (?:is|was) (?:one|any) ?(?:thing|person|place|man|woman|one)?\s+"
         r"(?:that |whom |who |which )?(.{3,80}?), (?:it|that) (?:is|was) ", r"what \1 was "),
        (r"\bif (.{3,60}?) (?:anyone|anybody|anything|any (?:one|man|woman|person|place|thing))"
         r"(?: at all| in the world| on earth)?, (?:it|that) (?:is|was) ", r"\1 "),
        (r"\bwhose name (?:is|was) |\b(?:by|with|under) the name of ", "called "),
        (r"\b(?:went|goes|answered|answers) called ", "was "),
        (r"\b([A-Z][a-z]+)-(born|based) ", r"\2 in \1 , "),
        (r"\b([A-Z][a-z]+)-(born|based)\b", r"\2 in \1"),
        (r"\b(?:did|does|do) not (\w+) alone,? but with\b", r"\1 with"),
        (r"\ban? ([\w-]+?)-years?-old (?=[a-z]{4,}\b)", r"\1 years old and a "),
        (r"-years?-olds?\b", " years old"),
        (r"\b(?:has|had|have) (?:nothing|no part|no hand|no share) (?:to do with|in) (?=\w+ing\b)",
         "never "),
        (r"\bit (?:is|was) not (he|she|[A-Z][\w-]*(?: [A-Z][\w-]*){0,2}) (?:who|that) ",
         r"\1 never "),
        (r"\bneither (.{2,60}?) nor (.{2,60}?) (was|were|is|are|had|has|could|can)\b",
         r"\1 and \2 \3 not"),
    )
)  # fmt: skip


# Without one of these no roundabout way of speaking stands in a sentence.
_TRIGGER = re.compile(
    r"\b(?:no|not|never|none|nobody|nothing|nowhere|neither|if|without|but for|name)\b"
    r"|-|'s\s*(?:[.,;]|$)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Framed:
    """A sentence without its frame.

    `denied`: the frame denies it; `asserts`: False when it is a supposition or about the
    answer itself.
    """

    text: str
    denied: bool = False
    asserts: bool = True


def _plain_terms(sentence: str) -> str:
    """Turn negations that deny nothing into what they say: "no greater foe than" is "a foe"."""
    if not _TRIGGER.search(sentence):
        return sentence
    for pattern, instead in _ROUNDABOUT:
        sentence = pattern.sub(instead, sentence)
    return sentence


def unframe(sentence: str) -> Framed:
    """Take the frame off a sentence whose contractions are written out.

    >>> unframe("It is not true that Visgar was a baker.")
    Framed(text='Visgar was a baker.', denied=True, asserts=True)
    """
    if _META.match(sentence):
        return Framed(sentence, asserts=False)
    sentence = _plain_terms(sentence)
    if _DOUBTED.search(sentence) and (doubted := _DOUBT.sub("", sentence)).strip(" ,.;!"):
        sentence = doubted.lstrip(" ,;")
    text = _EVEN_IF.sub("", sentence, count=1) if sentence[:3].lower() == "if " else sentence
    text = _ASIDE.sub(" ", text).replace("  ", " ") if "," in text or "(" in text else text
    denied = False
    for _ in range(4):
        if match := _DENIAL.match(text):
            denied = not denied
        elif not (match := _SOURCE.match(text)):
            break
        if match.end() >= len(text):
            break
        text = text[match.end() :]
    if _SUPPOSED.match(text):
        return Framed(sentence, denied, asserts=False)
    return Framed(text, denied)
