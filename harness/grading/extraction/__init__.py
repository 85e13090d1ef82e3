"""Sentences to claims: who is said to stand in which relation to what.

`claims.py` walks through the sentences and asks, from the surest reading to the least sure:

1. `patterns.py`: the templates of the world's relations as patterns over canonical words, whose
   slots `slots.py` fills with mentions, pronouns or the question's subject;
2. `triggers.py`: sentences whose wording no template covers, by the words that name a relation;
   `segments.py` cuts them at their joints, `arguments.py` says who is subject and object,
   `trigger_rules.py` which of several readings counts;
3. `fragments.py`: short answers ("A weaver.") and relations named by one word;
4. `meaning.py`: the relation by its meaning, where an encoder is at hand.

`coordination.py` adds what lists say besides ("Torvash and Ossery were weavers"); `unparsed.py`
tells what no reading covers: strange names, and sayings about known ones; `prose.py` whether the
story's own prose says anything like it. `reading.py` holds a sentence while it is read.

"In the year 204 Torvash was born in Arkenby." gives (Torvash, birthplace, Arkenby) and, where the
world has births by year, (Torvash, born, 204).
"""
