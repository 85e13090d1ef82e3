"""What a reader still reads in word salad.

Small models write sentences that fall apart. `reader.py` says which sentences are ill-formed, what
of them can be read all the same and which claims their flaws put in doubt; `template_spans.py`
finds in them whole stretches in the words of the world's templates. What cannot be read claims
nothing: an answer of nothing else is `unresponsive`, for garble.
"""
