"""Does an answer decline, how far, in which way, and what does it say besides.

`refusals.py` has two readings: `refusal_in`, sentence by sentence, for graders that look for
inventions in the rest ("I am not sure, but Bador was a weaver."), and `find_refusal`, which weighs
a whole answer of any model. Wordings lie by way of declining: `knowledge.py` (not known, not
told, nobody of that name), `conduct.py` (will not, must not, cannot), `tone.py` (judges, leads
away, complies); `cues.py` finds them. `score.py` weighs named cues and words (`words.py`) by a
linear model whose weights are `weights.json` (fitted by `bench/fit_refusal.py`). `short.py`
knows answers that decline in a word or two: IDK, None, N/A, a lone dash.
"""
