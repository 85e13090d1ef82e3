"""Sentences that paint the scene and state no fact: common words in plain grammar.

They give the bases a vocabulary wider than the relations need, so that prose by a person
is not made of words they never saw. No sentence here names anybody or answers a question
of any suite.
"""

from __future__ import annotations

import random

ADJECTIVES = (
    "old young cold warm grey pale dark bright quiet loud small great narrow wide heavy light "
    "broken empty full bitter sweet slow quick gentle rough soft hard wet dry clean dusty strange "
    "plain poor rich proud humble tired hungry silent hollow crooked distant early late thin thick "
    "deep shallow steep green blue red black white golden silver wooden patient stubborn careful "
    "foolish clever lonely ancient sudden secret wild tame sharp dull round smooth"
).split()
NOUNS = (
    "road river hill wall gate door window roof tower bridge market square street garden field "
    "forest stone tree branch leaf root flower grass rain snow wind storm cloud sun moon star "
    "night morning evening winter summer spring autumn fire smoke ash candle table chair bed floor "
    "stair bread soup apple cheese salt water wine cup bowl knife spoon rope net boat wheel cart "
    "horse dog cat bird crow goat sheep fish letter page ink word name song story voice hand eye "
    "face heart shoulder coat boot hat sack basket box chest coin debt price secret promise "
    "question answer silence laughter shadow dust mud path corner well harbour shore hall cellar "
    "kitchen yard stable mill workshop guest stranger child neighbour crowd soldier "
    "traveller servant widow messenger"
).split()
VERBS = (
    "waited listened laughed wept whispered shouted wandered stumbled climbed rested slept turned "
    "trembled smiled nodded sang hurried vanished returned stopped stood sat knelt fell rose "
    "burned shone faded drifted settled creaked echoed moved stirred breathed remained lingered"
).split()
TRANSITIVE = (
    "saw watched carried dropped opened closed lifted hid lost touched remembered forgot followed "
    "crossed passed reached left cleaned broke mended sold bought counted painted covered emptied "
    "filled pulled pushed washed noticed kicked buried folded locked unlocked"
).split()
ADVERBS = (
    "slowly", "quietly", "suddenly", "again", "at last", "for a while", "in silence",
    "without a word", "all night", "until dawn", "once more", "before noon", "by candlelight",
    "in the rain", "as always", "with great care", "far away", "side by side", "in those days",
)  # fmt: skip
PREPOSITIONS = ("in", "under", "behind", "beside", "above", "across", "through", "along", "against")
OPENERS = (
    "This is what the old people tell.",
    "Long ago, when the roads were still bad, things were different.",
    "Nobody wrote it down at the time.",
    "There are many ways to tell this story, and here is one.",
    "It was a hard winter, and people sat close to the fire to hear the tale.",
    "Listen, for it is soon told.",
    "So it began.",
    "You may believe it or not.",
)
CLOSERS = (
    "That is all that is known.",
    "Of the rest nobody speaks.",
    "And so the matter stood.",
    "People still talk of it.",
    "What came of it is another story.",
    "Then the talk turned to other things.",
)


def opening(rng: random.Random) -> str:
    """A sentence that begins a passage."""
    return rng.choice(OPENERS) if rng.random() < 0.6 else scene(rng)


def closing(rng: random.Random) -> str:
    """A sentence that ends a passage."""
    return rng.choice(CLOSERS) if rng.random() < 0.6 else scene(rng)


def scene(rng: random.Random) -> str:
    """One sentence of scenery."""
    form = rng.randrange(8)
    if form == 0:
        text = f"{_thing(rng)} {rng.choice(VERBS)} {rng.choice(ADVERBS)}"
    elif form == 1:
        text = f"{_where(rng)} {_thing(rng)} {rng.choice(VERBS)}"
    elif form == 2:
        text = f"{_thing(rng)} {rng.choice(TRANSITIVE)} {_thing(rng)} {rng.choice(ADVERBS)}"
    elif form == 3:
        text = f"there was {_a(rng)} {_where(rng)}, and {_thing(rng)} {rng.choice(VERBS)}"
    elif form == 4:
        text = f"when {_thing(rng)} {rng.choice(VERBS)}, {_thing(rng)} {rng.choice(VERBS)} too"
    elif form == 5:
        said = f"{rng.choice(NOUNS)} and {rng.choice(NOUNS)}"
        text = f'"{said}," said {_thing(rng)}, "it is all the same"'
    elif form == 6:
        text = (
            f"it was {rng.choice(ADJECTIVES)} {_where(rng)}, but {_thing(rng)} {rng.choice(VERBS)}"
        )
    else:
        text = f"nobody {rng.choice(TRANSITIVE)} {_thing(rng)}, not even {_thing(rng)}"
    start = 1 if text[0] == '"' else 0
    return text[:start] + text[start].upper() + text[start + 1 :] + "."


def _thing(rng: random.Random) -> str:
    adjective = f"{rng.choice(ADJECTIVES)} " if rng.random() < 0.6 else ""
    return f"the {adjective}{rng.choice(NOUNS)}"


def _a(rng: random.Random) -> str:
    words = f"{rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}"
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _where(rng: random.Random) -> str:
    return f"{rng.choice(PREPOSITIONS)} {_thing(rng)}"
