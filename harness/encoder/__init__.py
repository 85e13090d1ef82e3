"""Sentence vectors and entailment: the one owner of the models that read meaning."""
