"""The grader of stories whose every fact is known: the world grader.

`grader.py` joins the rooms: thinking and dress are taken off, short refusals and what cannot be
read settled; what is left is cut into sentences; those that decline are told apart; claims
are found in the others and looked up in the world. `verdicts.py` has the rules by which claims,
refusals and silence become one verdict with a reason, in one place: read that first.
"""
