"""Long sentences as short ones, each with its own subject and with names for pronouns.

`clauses.py` cuts at relative clauses, participles, appositions and conjunctions ("Torvash, who was
born in Arkenby, was a weaver" is two clauses); `ages.py` takes out ages and years that
stand without a word for them; `rewording.py` writes out ways of answering that
no clause shows by itself (lists, second thoughts, ellipsis); `framing.py` tells what stands
around a statement and changes whether it is asserted: denial, supposition, a source ("people
say that ..."). No parser is used: the cuts are rules over canonical words, which leave a
sentence whole where they are not sure.
"""
