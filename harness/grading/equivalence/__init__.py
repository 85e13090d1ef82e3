"""Do two answers say the same, and is an answer right given gold answers.

`reading.py` brings short answers into a normal form (words, stems, numbers, dates, quantities,
names; `names.py` knows initials, nicknames and acronyms). `rules.py` decides what needs no meaning:
numbers, dates, units, lists, yes and no. What is left `features.py` measures and `grader.py`
weighs by a small classifier (`weights.json`, fitted by `bench/fit_equivalence.py`). `run_on.py`
tells where a model's answer ends and run-on text begins. `gold.py` is the grader that the rest of
the house sees: it adds silence and refusal, for answers of which only gold answers are known.
"""
