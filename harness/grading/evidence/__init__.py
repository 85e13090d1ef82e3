"""Which parts of an answer do the passages not bear out?

`text.py` cuts claims and passages into sentences and tokens, `features.py` and `document.py`
measure a claim against the nearest passages and the document as a whole, `model.py` weighs that
by shipped weights (`weights.json`, fitted by `bench/fit_evidence.py`), `nli.py` asks an entailment
model that the user names (off by default), `answer.py` measures a whole answer for a fit on a
user's labels. `grader.py` joins them; `verdicts.py` is the grader that the rest of the house
sees: it adds silence, refusal and correctness.
"""
