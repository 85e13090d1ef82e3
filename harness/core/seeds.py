"""Derived seeds: every random stream is named, so that adding one shifts no other."""

from __future__ import annotations

import random
from hashlib import sha256

SEPARATOR = "\x1f"


def derive_seed(seed: int, *labels: object) -> int:
    """Return a 63-bit seed for the stream named by `labels`.

    Stable across processes and machines, unlike hash(). 63 bits, so that it fits a
    signed 64-bit integer wherever one is stored.
    """
    key = SEPARATOR.join((str(seed), *(str(label) for label in labels))).encode()
    return int.from_bytes(sha256(key).digest()[:8]) >> 1


def stream(seed: int, *labels: object) -> random.Random:
    """Return a generator of its own for the stream named by `labels`."""
    return random.Random(derive_seed(seed, *labels))


def content_hash(*parts: str | bytes, length: int = 12) -> str:
    """Return the first `length` hex digits of the SHA-256 over `parts`, order kept.

    Parts are length-prefixed, so that ("ab", "c") and ("a", "bc") differ.
    """
    digest = sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(str(len(data)).encode() + b":" + data)
    return digest.hexdigest()[:length]
