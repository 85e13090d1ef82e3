"""The kinds of questions that can be generated: each module registers its own; see registry.py."""
