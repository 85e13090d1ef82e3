"""Answers that were logged elsewhere, and the grading of them against gold answers."""
