"""Graders: what an answer is, and why.

An answer comes in by one door, `Grader.grade(question, answer, context) -> Grade`
(`protocol.py`); `registry.py` finds graders by name, `of_run.py` gives every answer of a run to
the grader that its suite names, `cards.py` keeps how far each agreed with people. Three ship:

- `world/`: claims looked up in a story's world;
- `evidence/`: sentences held against passages;
- `equivalence/gold.py`: agreement with a gold answer.

They stand on rooms that each do one thing; every room imports only those above it here:

    text          what of a model's text is the answer, and in which sentences and words
    linking       which entities a text mentions, and what a question asks of whom
    coreference   whom "she", "there" and "the town" mean
    syntax        long sentences as short ones, each with its own subject
    verification  one claim against the world: supported, contradicted, unknown, untold
    extraction    sentences to claims: who is said to stand in which relation to what
    refusal       does an answer decline, in which way, and what does it say besides
    equivalence   do two answers say the same
    illformed     what a reader still reads in word salad

A grader never guesses: what it cannot tell is `unscored`, with the reason.
"""
