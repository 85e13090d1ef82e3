"""The run folder: written, sealed, verified, read, and two of them paired."""
