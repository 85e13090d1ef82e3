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

REMARKS = (
    "They had been there before, every one of them, and nobody had asked them why.",
    "The guest thought about it until his head hurt, and then about something else.",
    "The widow would have stayed longer, but her brother was waiting outside.",
    "It is said that whoever comes too late must eat what is left.",
    "Some of them believed it, others only shook their heads.",
    "There were never more than three or four of those in any town.",
    "That was how things were done then, and perhaps they were done well.",
    "Nothing of this kind has happened since, as far as anyone can tell.",
    "People who knew the tailor called him careful; people who did not called him slow.",
    "The servant himself never spoke about what was to be seen through that window.",
    "The stranger gave her hand to everyone, and it was always cold.",
    "Between the two of them there was neither love nor anger, only habit.",
    "Everyone talked at once, so that in the end nobody heard anything.",
    "If you had asked them whether they were happy, they might have said yes.",
    "On such days one could hear the bells from very far away.",
    "Then someone began to laugh, and that was worse than shouting.",
    "Both of them knew that it could not go on like this for another year.",
    "What a soldier keeps in his pockets is nobody's business, or so it used to be.",
    "After that the weather changed, which surprised only those who had come from elsewhere.",
    "They gave each other their word, and each of them meant it.",
    "Whatever was written there had long been washed out by the rain.",
    "A cousin had warned him against exactly this.",
    "The messenger had learnt to read from labels, signs and the backs of letters.",
    "Most of the others had already gone home when it began.",
    "Seven chairs stood around the table, though there were only five guests.",
    "One was neither tall nor short, with a face that was easily forgotten.",
    "Several times they tried, and several times they had to give up.",
    "It had taken them almost twelve days to get there, because the roads were under water.",
    '"We would rather not," they answered, and that was the end of it.',
    "Whoever else might have come, there was no one else here that night.",
    '"You will see," they told him, and it was indeed much easier than anyone thinks.',
    '"We cannot wait any longer, or we shall be too late," said the eldest.',
    '"That is not what was meant, and you know it," said the child.',
    "Without them the place would have been quite empty, except for mice.",
    "Although it was still early, most lights were already out.",
    "The traveller had made himself useful in many small ways, none of which was ever mentioned.",
    "Once a month the accounts were read aloud, and everybody had to stand.",
    "Whenever strangers came through, the children were called inside.",
    "Not even his own brothers would have recognised him in that hat.",
    "There is a saying about this, but it does not bear repeating.",
    "Until then everyone had thought that such machines existed only in books.",
    "By that time it was too dark to see which of them had fallen.",
    "The reason was simple enough: no one had ever thought of trying.",
    "A thing like that should not be left lying about, and yet it was.",
    "Half of what was told about those years was true, and the better half was not.",
    "One of them waited for an answer; when none came the coats were put back on.",
    "Nothing was broken, but everything had been moved a little to the left.",
    "Rich or poor, they all used the same well and complained about the same taste.",
    "Afterwards each of them remembered it differently, especially the youngest.",
    "They were counted again, twice, and still there was one too few.",
    "Their quarrel was older than they were, and they looked after it well.",
    "Those who came back did not talk, and those who talked had not been there.",
)
_REMARK_SHARE = 0.3  # of the sentences


def opening(rng: random.Random) -> str:
    """A sentence that begins a passage."""
    return rng.choice(OPENERS) if rng.random() < 0.6 else scene(rng)


def closing(rng: random.Random) -> str:
    """A sentence that ends a passage."""
    return rng.choice(CLOSERS) if rng.random() < 0.6 else scene(rng)


def scene(rng: random.Random) -> str:
    """One sentence of scenery."""
    if rng.random() < _REMARK_SHARE:
        return rng.choice(REMARKS)
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
