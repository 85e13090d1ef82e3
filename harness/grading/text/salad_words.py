"""Marks of garble in words and pairs of words: what no English text has."""

from __future__ import annotations

import re

WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*|\ufffd")
CAMEL = re.compile(r"[^\W\d_A-Z][A-Z]|[A-Z]{2}[a-z]{2}")
JOINED_NAME = re.compile(r"(?:Mc|Mac|De|Di|Du|La|Le|Van|Fitz|O'|D'|L')[A-Z][a-z]+|[ie][A-Z][a-z]+")
_GLUED = re.compile(
    r"\b(of|the|The|and|in|at|by|to|from|with|was|who|It|that|for|as|a)(?=[A-Z][a-z])"
)
MARKED = re.compile(r"INST|SYS|^\ufffd$")
DIGITS = re.compile(r"[a-z]\d|\d[a-z]{3}")
UNIT = re.compile(r"pH|[kM]?eV|[kMG]?Hz|k?Wh|dB|mRNA|tRNA")
FOOTNOTE = re.compile(r"[A-Za-z]{4,}\d{1,2}|\d{4}(?:when|by|and|in|to)")
ORDINAL = re.compile(r"\d+(?:st|nd|rd|th|s|am|pm|km|kg|cm|mm|m|g|ft|years?)$", re.I)
SHORT = frozenset(
    "a i am an as at be by do go he hi if in is it me my no of oh ok on or so to up us we ah ex "
    "ma pa ye vs re mr ms dr st act add age ago aid aim air ale all and ant any ape apt arc are "
    "ark arm art ash ask ate awe axe bad bag ban bar bat bay bed bee beg bet bid big bin bit bow "
    "box boy bud bug bun bus but buy bye can cap car cat cod cow cry cub cup cut dad dam day den "
    "dew did die dig dim dip dog dot dry due dug dye ear eat ebb eel egg ego elf elm end era etc "
    "eve ewe eye fan far fat fed fee few fig fin fir fit fix flu fly foe fog for fox fry fun fur "
    "gap gas gem get god got gum gun gut guy gym had ham has hat hay hen her hid him hip his hit "
    "hog hop hot how hue hug hum hut ice icy ill ink inn its ivy jar jaw jet job jog joy jug key "
    "kid kin kit lad lap law lay led leg let lid lie lip lit log lot low mad man map mat may men "
    "met mix mob mom mop mud mug mum nap net new nod nor not now nun nut oak oar oat odd off oil "
    "old one opt orb ore our out owe owl own pad pan pat paw pay pea pen per pet pie pig pin pip "
    "pit ply pod pop pot pro pub pup put rag ram ran rat raw ray red rib rid rim rip rob rod rot "
    "row rub rug rum run rye sad sap sat saw say sea see set sew she shy sin sip sir sit six ski "
    "sky sly sob son sow soy spa spy sue sum sun tag tan tap tar tax tea ten the thy tie tin tip "
    "toe ton too top toy try tub tug two urn use van vat vet via vow war was wax way web wed wet "
    "who why wig win wit woe won yes yet you zoo ie eg ad tv ive pm km kg ft mid pre non sub ion "
    "gel loo duo lab jam ape bra cop cab dab cue ode ohm owl pug yam yen "
    "de la le el di da du von der van den al del los las des les".split()
)
_DETERMINERS = frozenset("the a an every my your our their its".split())
_PREPOSITIONS = frozenset(
    "of in at by to from with near under on into onto upon between among without".split()
)
_NOT_AFTER_DETERMINER = frozenset(
    "the a an of in at to from with into was were is are had has have and or he she they him them "
    "who whom which what that where when not it its his her their did does could would should "
    "be been upon than if because there you we me us".split()
)
_NOT_AFTER_PREPOSITION = frozenset("of he she they than if we".split())  # but "born in is Lund"
FUNCTION = (
    _DETERMINERS
    | _PREPOSITIONS
    | _NOT_AFTER_DETERMINER
    | frozenset("i but as so do can will not no this these those said by about all one".split())
)


def unglue(text: str) -> str:
    """Words run together at a capital, apart where the first is English: "ofNenuxy", "andYou".

    >>> unglue("was made ofNenuxy")
    'was made of Nenuxy'
    """
    return _GLUED.sub(r"\1 ", text)


def is_stray(word: str, text: str) -> bool:
    """A single letter that is neither a word nor an initial."""
    if len(word) != 1 or not word.isalpha() or word in "aAI" or not word.isascii():
        return False
    return not re.search(rf"\b{word}\.|\w[-'&]{word}\b|\b{word}[-'&]\w", text)


def is_odd_pair(low: str, follow: str) -> bool:
    """Whether no English has two function words in this order: "the of", "with he"."""
    if low in _DETERMINERS:
        return follow in _NOT_AFTER_DETERMINER
    if low in _PREPOSITIONS:
        return follow in _NOT_AFTER_PREPOSITION
    return False
