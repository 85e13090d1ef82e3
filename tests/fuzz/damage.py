"""Damage to files, drawn by hypothesis: what disks, editors, exports and attackers do to them.

`damage(valid)` draws a `Damaged` from the text of a valid file: JSON and JSONL by their
values, everything by its lines and bytes. `Damaged.put(path)` leaves it on the disk. Another
format needs one valid text; its own readers need nothing.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

HOLE = "@@hole@@"

# Values as they stand in a JSON file; most of them are of the wrong type anywhere.
ODD_JSON = (
    "null", "[]", "{}", "true", "0", "-1", "42", "1.5", '""', '" "', "[1]", "[null]", '{"a": null}',
    "1e999", "-1e999", "NaN", "Infinity", "1e-400", "9" * 5000, "-" + "9" * 5000, "1" + "0" * 18,
    '"\\ud800"', '"\\u0000"', '"\\u202e\\u001b[2J"', '"../../../etc/passwd"', '"/"', '"."', '"~"',
    '"openai:http://127.0.0.1:9/v1#m"', '"http://127.0.0.1:9/"', '"file:///etc/passwd"',
    '"' + "x" * 100_000 + '"', '"' + "[" * 5000 + '"', "[" * 150 + "]" * 150,
    "[" * 100_000 + "]" * 100_000, '{"a":' * 20_000 + "1" + "}" * 20_000, "[" * 3000, '"unclosed',
    "[1, 2", "{'single': 1}", '{"a": 1, "a": 2}', "//comment",
)  # fmt: skip
ODD_TOML = (
    "[]", "{}", "true", "0", "-1", "1.5", '""', '" "', "[1]", "[[]]", "{a = 1}", "1e999", "-inf",
    "nan", "9" * 5000, "1979-05-27", "07:32:00", '"\\uD800"', '"\\u0000"', "'''\n'''", '"../../../etc"',
    '"openai:http://127.0.0.1:9/v1#m"', "[" * 150 + "]" * 150, "[" * 100_000 + "]" * 100_000,
    '"' + "x" * 100_000 + '"', "'unclosed", "[1, 2", "= 3", "null",
)  # fmt: skip
ODD_BYTES = (
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\x80", b"\xed\xa0\x80", b"\x1b[31m", b"\r", b"\x0c",
    b"\n\n", b'"', b"{", b"]", b",", "\u2028".encode(), "\u202e".encode(), b"\\u0000",
)  # fmt: skip


@dataclass(frozen=True)
class Damaged:
    """What becomes of a file, in words, and how it is put in place."""

    how: str
    put: Callable[[Path], None]

    def __repr__(self) -> str:
        return f"<{self.how}>"


def _holding(how: str, data: bytes) -> Damaged:
    return Damaged(how, lambda path: _write(path, data))


def _write(path: Path, data: bytes) -> None:
    _clear(path)
    path.write_bytes(data)


def _clear(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _folder(path: Path) -> None:
    _clear(path)
    path.mkdir()


def _pipe(path: Path) -> None:
    _clear(path)
    os.mkfifo(path)


def _circle(path: Path) -> None:
    _clear(path)
    path.symlink_to(path.name)


PLACES = (
    Damaged("missing", _clear),
    Damaged("a folder in its place", _folder),
    Damaged("a pipe in its place", _pipe),
    Damaged("a link to itself", _circle),
)


@st.composite
def damage(draw: st.DrawFn, valid: str, *, places: bool = True) -> Damaged:
    """One kind of damage to a file that holds `valid`.

    places: also a missing file, or a folder, a pipe or a link in its place.
    """
    kinds = [_of_bytes, _of_lines]
    kinds += [_of_values] * 2 if _documents(valid) else [_of_toml] * 2
    if places and draw(st.integers(0, 9)) == 0:
        return draw(st.sampled_from(PLACES))
    return draw(st.sampled_from(kinds))(draw, valid)


@st.composite
def bytes_damage(draw: st.DrawFn, valid: bytes) -> Damaged:
    """Damage to a file that is no text: cut, longer, blanked, bytes changed, or another place."""
    at, how = draw(st.integers(0, len(valid) - 1)), draw(st.sampled_from(_RAW))
    made = {
        "cut": valid[:at],
        "longer": valid + bytes(8),
        "empty": b"",
        "nulls": bytes(len(valid)),
        "changed": valid[:at] + b"\xff\xff\xff\xff" + valid[at + 4 :],
        "early": valid[: at % 400] + b"\x7b" + valid[at % 400 + 1 :],
    }
    if how == "place":
        return draw(st.sampled_from(PLACES))
    return _holding(f"{how} at byte {at}", made[how])


_RAW = ("cut", "longer", "empty", "nulls", "changed", "changed", "early", "early", "place")


def _documents(text: str) -> list[Any] | None:
    """JSON documents of a text, one a line or one in all; None for anything else."""
    try:
        return [json.loads(text)]
    except ValueError:
        pass
    try:
        return [json.loads(line) for line in text.splitlines()]
    except ValueError:
        return None


def _of_values(draw: st.DrawFn, text: str) -> Damaged:
    """A value somewhere in a JSON document is another, is gone, or stands twice."""
    found = _documents(text) or []
    whole = draw(st.integers(0, 5)) == 0
    which = draw(st.integers(0, len(found) - 1))
    spots = [()] if whole else list(_spots(found[which]))
    spot = draw(st.sampled_from(spots))
    odd = draw(st.sampled_from(("gone", *ODD_JSON)))
    shown = json.dumps(_with(found[which], spot, odd == "gone"), ensure_ascii=False)
    lines = [json.dumps(one, ensure_ascii=False) for one in found]
    lines[which] = shown.replace(f'"{HOLE}"', odd)
    data = "\n".join(lines).encode("utf-8", "surrogatepass")
    return _holding(f"document {which}, at {list(spot)}: {odd[:40]}", data)


def _spots(data: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = (
        data.items()
        if isinstance(data, dict)
        else enumerate(data)
        if isinstance(data, list)
        else ()
    )
    found = [at] if at else []
    for key, value in list(items)[:40]:
        found += _spots(value, (*at, key))
    return found or [()]


def _with(data: Any, spot: tuple[Any, ...], gone: bool) -> Any:
    """`data` with a hole at `spot`, or without what stands there."""
    if not spot:
        return HOLE
    copy = dict(data) if isinstance(data, dict) else list(data)
    first, *rest = spot
    if gone and not rest:
        del copy[first]
    else:
        copy[first] = _with(data[first], tuple(rest), gone)
    return copy


def _of_toml(draw: st.DrawFn, text: str) -> Damaged:
    """The value of one key is another."""
    lines = text.splitlines()
    keys = [number for number, line in enumerate(lines) if "=" in line] or [0]
    which = draw(st.sampled_from(keys[:200]))
    odd = draw(st.sampled_from(ODD_TOML))
    key = lines[which].partition("=")[0]
    lines[which] = f"{key}= {odd}"
    return _holding(f"line {which + 1}, {key.strip()} = {odd[:40]}", "\n".join(lines).encode())


def _of_lines(draw: st.DrawFn, text: str) -> Damaged:
    """Lines are gone, change places, stand twice, or are of another file."""
    lines = text.splitlines()
    a, b = draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, len(lines) - 1))
    how = draw(st.sampled_from(("gone", "swapped", "twice", "renamed", "foreign", "unknown key")))
    if how == "gone":
        del lines[a]
    elif how == "swapped":
        lines[a], lines[b] = lines[b], lines[a]
    elif how == "twice":
        lines.insert(b, lines[a])
    elif how == "renamed":
        lines[a] = lines[a][:1] + "x" + lines[a][1:]
    else:
        odd = {"foreign": "<html>502 Bad Gateway</html>", "unknown key": "epoch = 3"}
        lines.insert(a, odd[how])
    return _holding(
        f"lines {a + 1} and {b + 1}: {how}", "\n".join(lines).encode("utf-8", "replace")
    )


def _of_bytes(draw: st.DrawFn, text: str) -> Damaged:
    """Cut short, emptied, in another encoding, with strange bytes in it, or very long."""
    data = text.encode()
    at = draw(st.integers(0, len(data)))
    how = draw(
        st.sampled_from(("cut", "empty", "blank", "utf-16", "bytes", "bytes", "doubled", "nulls"))
    )
    if how == "cut":
        return _holding(f"cut at byte {at}", data[:at])
    if how == "bytes":
        odd = draw(st.sampled_from(ODD_BYTES))
        return _holding(f"{odd!r} at byte {at}", data[:at] + odd + data[at:])
    made = {"empty": b"", "blank": b" \n\n", "utf-16": text.encode("utf-16"), "doubled": data + data,
            "nulls": b"\x00" * 4096}  # fmt: skip
    return _holding(how, made[how])


# Words of a command line: none of them names anything that is there.
ODD_WORDS = (
    "", " ", "-", "--", "-1", "0", "1", "x", "1e999", "nan", "inf", "-inf", "9" * 400, "1.5", "None",
    "--help-me", "a,b", ",", ",,", "*", "/", ".", "..", "/dev/null/x", "no/such/place", "~no-such-user/x",
    "\x00", "\n", "\u202e\x1b[2J", "\udcff", "x" * 300, "x/" * 2000, "openai:", "openai:http://",
    "openai:http://127.0.0.1:9/v1#", "openai:ftp://h#m", "openai:http://[::1#m", "generated/",
    "generated/x", "generated/-1", "generated/" + "9" * 5000, "%s%n", "{}", "@file", "a b", "é☃",
)  # fmt: skip
odd_words = st.sampled_from(ODD_WORDS)
