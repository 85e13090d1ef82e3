"""JSON and TOML of any origin, read within limits: what every reader of ours stands on.

A file may hold anything: nesting 100,000 deep, integers of 5,000 digits, `1e999`. Each is
a ValueError that says so in one line; callers add where it stood, in an error of their own.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from typing import Any

MAX_BYTES = 1 << 30  # of one JSON document
MAX_DEPTH = 100  # of nesting
MAX_DIGITS = 320  # of one number; the largest float has 309
# A key of very many parts, which tomllib reads in a time that grows with their square.
_MANY_PARTS = re.compile(r"(?<![\w-])(?:[\w-]++[ \t]*+\.[ \t]*+){500}")
_LONG = re.compile(rf"\d[\d_]{{{MAX_DIGITS},}}+")


def parse_json(text: str | bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> Any:
    """Parse one JSON document into plain data.

    Raises ValueError, in one line, for what is no JSON, too long or too deep, and for
    numbers that are not finite or longer than `MAX_DIGITS`.
    """
    if len(text) > max_bytes:
        raise ValueError(f"longer than {max_bytes:,} bytes")
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"not UTF-8: byte {error.start}: {error.reason}") from None
    try:
        data = json.loads(text, parse_int=_whole, parse_float=_finite, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"not valid JSON: {error}") from None
    except RecursionError:
        raise ValueError(f"nested deeper than {max_depth}") from None
    check_depth(data, max_depth)
    return data


def parse_toml(text: str, *, max_depth: int = MAX_DEPTH) -> dict[str, Any]:
    """Parse a TOML document. Raises ValueError, in one line, as `parse_json` does."""
    if _MANY_PARTS.search(text):
        raise ValueError(f"nested deeper than {max_depth}")
    try:
        data = tomllib.loads(text, parse_float=_finite)
    except RecursionError:
        raise ValueError(f"nested deeper than {max_depth}") from None
    except ValueError as error:  # also of an integer too long for Python
        told = f"not valid TOML: {error}" if "Exceeds" not in str(error) else _long_number(text)
        raise ValueError(told) from None
    check_depth(data, max_depth)
    _check_integers(data)
    return data


def check_depth(data: Any, most: int = MAX_DEPTH) -> None:
    """Raise ValueError where plain data nest deeper than `most`; never recurses."""
    level, depth = [data], 0
    while level:
        inner = [one for one in level if isinstance(one, dict | list)]
        depth += bool(inner)
        if depth > most:
            raise ValueError(f"nested deeper than {most}")
        level = [
            value for one in inner for value in (one.values() if isinstance(one, dict) else one)
        ]


def _check_integers(data: Any) -> None:
    """Raise ValueError where plain data, not deep, hold an integer of over `MAX_DIGITS`."""
    if isinstance(data, dict | list):
        for value in data.values() if isinstance(data, dict) else data:
            _check_integers(value)
    elif isinstance(data, int) and abs(data) >= 10**MAX_DIGITS:  # also of 0x, 0o and 0b
        raise ValueError(f"a number of over {MAX_DIGITS} digits")


def _long_number(text: str) -> str:
    """Which number of a TOML document is too long, and where."""
    found = _LONG.search(text)
    if found is None:
        return "a number of too many digits"
    line = text.count("\n", 0, found.start()) + 1
    return f"a number of {len(found.group()):,} digits (at line {line})"


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number of {len(digits):,} digits")
    return int(digits)


def _finite(digits: str) -> float:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number of {len(digits):,} digits")
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"the number {digits[:20]} is not finite")
    return value


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")
