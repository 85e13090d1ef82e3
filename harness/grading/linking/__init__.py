"""Which entities of a world a text mentions, and what a question asks of whom.

`linker.py` finds mentions: exact names, aliases, names that are a stated number of letters off, and
capitalised names that are in no world (`UNKNOWN`); a question's certified-absent name is
`INVENTED`, an unfinished one `CUT`. `lexicon.py` knows which lower-case words are English and
which the world's texts use, `nouns.py` the common nouns that stand for something named ("the
teacher"), `synonyms.py` the words by which a relation is known beside its templates
(`fixtures/stories/synonyms.toml`), `descriptions.py` entities that are described and not named
("the teacher of the ruler of Arkenby").

`frame.py` turns a question into a `Frame`: the relation, which slot the answer fills (object,
subject, number, or one of a pair), and what stands in the other. It is the context of short
answers: "Pentiagon." as an answer to "Where did Visgar live?" says that Visgar lived there.
"""
