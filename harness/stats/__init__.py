"""Statistics of verdicts: pure functions of tables, no files and no models."""
