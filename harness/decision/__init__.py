"""Two audits against each other: `compare` says how they differ, `gate` whether to release."""
