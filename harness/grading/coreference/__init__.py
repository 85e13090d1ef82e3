"""Whom "she", "there" and "the town" mean.

An answer is read from its first sentence on. `discourse.py` keeps what it has spoken of so far and
resolves a pronoun or a definite noun to the entity last spoken of that fits by kind and number;
`anaphora.py` writes names in the place of such words before a sentence is cut into clauses;
`tokens.py` has the words of a sentence with what sort of word each is, which both ask.

For example in "Torvash married Ossery. She was a baker." the second sentence is about Ossery.
Where two fit equally well nobody is taken: the claim that would follow stays undecided.
"""
