"""Graders: refusal, claims against a world, the verdict that joins them."""
