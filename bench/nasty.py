"""Texts made to be slow: through every pattern of the package, and through every grader.

    .venv/bin/python bench/nasty.py --json /tmp/nasty.json
    .venv/bin/python bench/nasty.py --patterns-only
    .venv/bin/python bench/nasty.py --places world refusal --texts 100

First each pattern is tried alone with texts made from its own tree (nasty_patterns.py), by
`search`, `match`, `fullmatch` and over the whole text. Then the generic texts and the slowest of
those go through every public function that reads a model's words. Times are processor seconds of
one thread; a call that passes its budget is stopped and counted as that long. The exit code
is 1 where any place takes longer than its limit for a text of 20,000 characters.
"""

from __future__ import annotations

import os

os.environ.update(OMP_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false")  # before torch is loaded

import argparse
import json
import math
import random
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasty_patterns import (
    Key,
    attacks,
    composed,
    generic,
    import_all,
    literals,
    methods,
    watched,
)

if TYPE_CHECKING:
    from nasty_places import Place

SIZE = 20_000
LIMIT_S = 0.5
ENCODER_LIMIT_S = 3.0  # where the encoder reads the text: its time is that of so much prose
BUDGET_S = 4.0  # of one call
SMALL, SUSPECT_S = 2_000, 6e-4  # a pattern that takes longer for a small text is looked at
WAYS: dict[str, Callable[[re.Pattern[str], str], object]] = {
    "over": lambda pattern, text: sum(1 for _ in pattern.finditer(text)),
    "match": lambda pattern, text: pattern.match(text),
    "fullmatch": lambda pattern, text: pattern.fullmatch(text),
}


class OverBudgetError(Exception):
    """A call took more processor time than it may."""


@dataclass(frozen=True, kw_only=True)
class Slow:
    """How long something took for a text of 20,000 characters, and how that grows with length."""

    name: str
    text: str
    seconds: float
    exponent: float
    where: str = ""


@contextmanager
def budget(seconds: float) -> Iterator[None]:
    """Raise OverBudgetError once so much processor time is spent; `re` itself hears signals."""

    def stop(*_: object) -> None:
        raise OverBudgetError

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def seconds_of(call: Callable[[], object], limit: float = BUDGET_S) -> float:
    """Processor seconds of a call, or the limit where it was stopped."""
    start = time.process_time()
    try:
        with budget(limit):
            call()
    except OverBudgetError:
        return limit
    return time.process_time() - start


def exponent(call: Callable[[str], object], make: Callable[[int], str], full: float) -> float:
    """The power of the length by which the time grows, from a quarter of the length to all."""
    quarter = seconds_of(lambda: call(make(SIZE // 4)))
    return math.log(max(full, 1e-6) / max(quarter, 1e-6), 4)


def _ways(methods_used: set[str]) -> tuple[str, ...]:
    """How a pattern is to be tried, from the methods that are called on it; all if unknown."""
    known = methods_used & {"match", "fullmatch", "search", "sub", "split", "findall", "finditer"}
    ways = {"over" if name not in WAYS else name for name in known}
    return tuple(way for way in WAYS if way in ways) or ("over", "fullmatch")


def try_pattern(key: Key, where: str, ways: Sequence[str]) -> Slow | None:
    """The slowest of the texts made for one pattern: many short ones, the worst two in full."""
    pattern = re.compile(key[0], key[1])
    suspects: list[tuple[float, str, Callable[[int], str]]] = []
    own = attacks(key)
    for number, make in enumerate([*own, *generic()]):
        small = make(SMALL)
        for way in ways if number < len(own) else ways[:1]:
            spent = seconds_of(lambda way=way, small=small: WAYS[way](pattern, small), 1.0)
            if spent >= SUSPECT_S:
                suspects.append((spent, way, make))
        if suspects and suspects[-1][0] >= 0.1:  # bad enough
            break
    worst: Slow | None = None
    for _, way, make in sorted(suspects, key=lambda one: -one[0])[:2]:
        text = make(SIZE)
        full = seconds_of(lambda way=way, text=text: WAYS[way](pattern, text))
        if worst is None or full > worst.seconds:
            power = exponent(lambda text, way=way: WAYS[way](pattern, text), make, full)
            name = key[0] if len(key[0]) <= 100 else key[0][:99] + "…"
            shown = f"{way}: {make(40)!r}"
            worst = Slow(name=name, text=shown, seconds=full, exponent=power, where=where)
            _MAKERS[key] = make
    return worst


_MAKERS: dict[Key, Callable[[int], str]] = {}


def try_patterns(found: dict[Key, set[str]]) -> list[Slow]:
    """Each pattern alone, the slowest first."""
    slow, used = [], methods()
    for key, where in sorted(found.items()):
        ways = _ways(set().union(*(used.get(place, set()) for place in where)))
        worst = try_pattern(key, ", ".join(sorted(where)[:3]), ways)
        if worst:
            slow.append(worst)
            if worst.seconds > LIMIT_S:
                print(
                    f"{worst.seconds:6.2f} s {worst.where}: {worst.name} {worst.text}", flush=True
                )
    return sorted(slow, key=lambda one: -one.seconds)


def try_places(chosen: Sequence[Place], texts: Sequence[Callable[[int], str]]) -> list[Slow]:
    """Each place with every text; of each place the slowest five."""
    kept: list[Slow] = []
    for place in chosen:
        start = time.process_time()
        found = []
        for make in texts:
            text = make(SIZE)
            full = seconds_of(lambda place=place, text=text: place.call(text))
            found.append((full, make, text))
        found.sort(key=lambda one: -one[0])
        for full, make, text in found[:5]:
            power = exponent(place.call, make, full) if full > LIMIT_S / 5 else 1.0
            kept.append(Slow(name=place.name, text=f"{text[:40]!r}", seconds=full, exponent=power))
        print(
            f"{place.name:32} worst {found[0][0]:6.3f} s {found[0][2][:40]!r}"
            f"   [{time.process_time() - start:.0f} s]",
            flush=True,
        )
    return sorted(kept, key=lambda one: -one.seconds)


def show(title: str, slow: Sequence[Slow], *, least: float) -> None:
    """A table of what took longest."""
    print(f"\n{title}\n{'seconds':>8} {'grows':>5}  what")
    for one in slow:
        if one.seconds >= least:
            print(
                f"{one.seconds:8.3f} {one.exponent:5.1f}  {one.name} {one.where}\n{'':16}{one.text}"
            )


def collected() -> dict[Key, set[str]]:
    """All patterns: those compiled by importing and by reading a few texts, and literals."""
    found: dict[Key, set[str]] = {}
    with watched(found):
        import_all()
        from nasty_places import PLACES, places  # its modules compile as they are imported

        for place in places(PLACES):
            for text in ('Visgar was born in Lund, 12 May 1999. I don\'t know. "No" [INST] a', ""):
                place.call(text)
    for key, where in literals().items():
        found.setdefault(key, set()).update(where)
    return found


def chosen_texts(found: dict[Key, set[str]], most: int) -> list[Callable[[int], str]]:
    """The generic texts, what patterns were slowest for, and others made for patterns, drawn."""
    rng = random.Random(5)
    keys = sorted(found)
    drawn = [rng.choice(made) for key in rng.sample(keys, len(keys)) if (made := attacks(key))]
    made = {make(200): make for make in [*generic(), *composed(), *_MAKERS.values(), *drawn]}
    return list(made.values())[:most]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and print; 1 where a place passes its limit."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--json", type=Path, help="write all figures here")
    options.add_argument("--patterns-only", action="store_true")
    options.add_argument(
        "--only", default="", help="only patterns of modules with this in their name"
    )
    options.add_argument("--places", nargs="*", default=[""], help="only those that begin so")
    options.add_argument("--texts", type=int, default=400, help="texts that go through each place")
    options.add_argument("--no-patterns", action="store_true", help="generic texts only")
    chosen = options.parse_args(arguments)
    start = time.perf_counter()
    found = collected()
    print(f"{len(found)} patterns, collected in {time.perf_counter() - start:.0f} s", flush=True)
    found = {k: w for k, w in found.items() if any(chosen.only in place for place in w)}
    slow = [] if chosen.no_patterns else try_patterns(found)
    show("Patterns alone", slow, least=0.02)
    report: dict[str, Any] = {"patterns": [asdict(one) for one in slow], "places": []}
    over: list[Slow] = []
    if not chosen.patterns_only:
        from nasty_places import PLACES, places

        texts = chosen_texts(found, chosen.texts)
        print(f"\n{len(texts)} texts")
        wanted = [name for name in PLACES if name.startswith(tuple(chosen.places))]
        through = try_places(places(wanted), texts)
        show("Places", through, least=0.05)
        report["places"] = [asdict(one) for one in through]
        over = [
            one
            for one in through
            if one.seconds > (ENCODER_LIMIT_S if one.name.startswith("encoder") else LIMIT_S)
        ]
    if chosen.json:
        chosen.json.write_text(json.dumps(report, indent=1, ensure_ascii=False), encoding="utf-8")
    print(f"\n{time.perf_counter() - start:.0f} s; {len(over)} over their limits")
    return int(bool(over))


if __name__ == "__main__":
    sys.exit(main())
