"""Questions put in variants, and the plan: every unique prompt with its samples."""
