"""One claim against the world.

`values.py` reads the objects that are no entities ("weaver", "to find the sea", "34") from words.
`lookup.py` says what a found claim is: `supported` by a told fact; `contradicted`, where the world
knows another object of a relation that allows one, or the claim denies a fact; about an
`unknown_entity`; `untold`, true or open in the world but never told in training: a guess; or
`undecidable`. Every status comes with a reason that names the fact.
"""
