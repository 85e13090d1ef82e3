"""Every pattern of the package, and texts made from a pattern to make it slow.

A pattern is collected where it is compiled: `re._compile` is watched while all modules are
imported and every grader reads a few texts, and the sources are searched for literals that
were not reached. Texts come from the pattern's own tree: each repeat in it is filled with
many of what it takes, behind what the pattern wants before it and in front of what makes it fail.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import random
import re
import re._constants as sre
import re._parser as parser
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import harness

Key = tuple[str, int]  # pattern and flags
MOST = 150  # texts made for one pattern
MANY = 8  # a repeat of at least so many is worth filling
SUFFIXES = ("", "\0", "!", "\n")
# What is said over and over: digits, words, signs, markup, joints and line breaks.
GENERIC = (
    "1", "1,", "1.", "1 ", "1,000,", "12-", "a", "A", "a ", "A ", "Ab ", "aB", "a. ", "A. ",
    "A.", "a.", " ", "\t", "\n", "\n\n", " \n", "a\n", "A\n", "'", "'s", "'s ", "n't", '"', "”",
    '".', ".", ". ", "...", "?", "? ", "!", "(", ")", "()", "[", "]", "[]", "](", "[[", "{", "}",
    "<", ">", "<<", "<a", "<|", "</", "-", "- ", " - ", "--", "–", "_", "__", "*", "**", "* ",
    "#", "## ", "`", "~", "|", "| ", "\\", "/", "//", ":", ": ", ";", "; ", ",", ", ", "@", "=",
    "http://", "www.", "a@", "a-", "A-", "a'", "a,", "A, ", "the ", "The The ", "and ", "and and ",
    "A and ", "not ", "not not ", "no ", "never ", "who ", ", who ", "is ", "was ", "was a ",
    "I ", "I am ", "I do not know ", "sorry ", "but ", ", but ", "of ", "the of ", "one hundred ",
    "thousand ", "hundred and ", "twenty-", "1st ", "May 1 ", "19th century ", "1999-", "$1",
    "[INST]", "[/INST]", "<<SYS", "<|a", "<s>", "Source:", "Question: ", "\nQuestion:",
    "<think>", "</think>", "<think>a</think>", "<|channel|>", "Answer: ", "> a\n", "| a ",
    "<answer>", "```", "```\n", "\\boxed{", "$", "$$", "{\"a\":", "[1,",
    "\u0301", "é", "的", "Ж", "\u200b", "\x1b[31m", "\x1b", "🧵", "’", "’s", "s' ", "Mr. ", "e.g. ",
    "A.B.", "J. R. ", "-LRB-", "Visgar ", "Visgar, ", "Visgar and ", "Visgar lived in ",
    "Visgar's ", "the teacher of ", "as an AI ", "he ", "she ", "his ", "there ", "it is true ",
    "Some say ", "If ", "because ", "both A and B ", ", i guess", "Nobody A d ", "b c ",
)  # fmt: skip


@contextmanager
def watched(found: dict[Key, set[str]]) -> Iterator[None]:
    """Every pattern that the package compiles meanwhile, with the places that did."""
    real = re._compile  # type: ignore[attr-defined]

    def compile_(pattern: Any, flags: int) -> Any:
        made = real(pattern, flags)
        frame = sys._getframe(1)
        while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == "re":
            frame = frame.f_back
        name = frame.f_globals.get("__name__", "")
        if name.startswith("harness") and isinstance(made.pattern, str):
            place = f"{name.removeprefix('harness.')}:{frame.f_lineno}"
            found.setdefault((made.pattern, made.flags), set()).add(place)
        return made

    re._compile = compile_  # type: ignore[attr-defined]
    try:
        yield
    finally:
        re._compile = real  # type: ignore[attr-defined]


def import_all() -> None:
    """Import every module of the package but the program itself."""
    for module in pkgutil.walk_packages(harness.__path__, "harness."):
        if not module.name.endswith("__main__"):
            with suppress(ImportError):  # an optional library that is not there
                importlib.import_module(module.name)


def literals() -> dict[Key, set[str]]:
    """Patterns that stand as literals in calls such as `re.search(r"...", text)`."""
    found: dict[Key, set[str]] = {}
    root = Path(harness.__path__[0])
    for path in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            owner = node.func.value
            if not (isinstance(owner, ast.Name) and owner.id == "re" and node.args):
                continue
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                flags = [
                    one
                    for one in node.args[1:] + [k.value for k in node.keywords]
                    if "re." in ast.unparse(one)
                ]
                value = eval(ast.unparse(flags[-1]), {"re": re}) if flags else 0
                key = (first.value, re.compile(first.value, value).flags)
                module = ".".join(path.relative_to(root).with_suffix("").parts)
                found.setdefault(key, set()).add(f"{module}:{node.lineno}")
    return found


def methods() -> dict[str, set[str]]:
    """Per place ("grading.text:36") of a pattern with a name: the methods that are called on it.

    A pattern that is only ever matched from the start of a text need not be fast elsewhere.
    """
    root = Path(harness.__path__[0])
    named: dict[str, str] = {}
    called: dict[str, set[str]] = {}
    found: dict[str, set[str]] = {}
    for path in sorted(root.rglob("*.py")):
        module = ".".join(path.relative_to(root).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Assign) and "re.compile" in ast.unparse(node.value)[:12]:
                for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                    named[f"{module}:{line}"] = _owned(module, ast.unparse(node.targets[0]))
            elif isinstance(node, ast.Attribute):
                owner = ast.unparse(node.value)
                called.setdefault(_owned(module, owner), set()).add(node.attr)
                if owner == "re" and node.attr in ("match", "fullmatch"):  # of a literal
                    found[f"{module}:{node.lineno}"] = {node.attr}
    return found | {place: called[name] for place, name in named.items() if name in called}


def _owned(module: str, name: str) -> str:
    """A private name with its module: others have patterns of the same name."""
    return f"{module} {name}" if name.startswith("_") else name


class _Drawn(dict[str, str]):
    """What a piece asks for, drawn anew each time: word, Name, number, Initial."""

    def __init__(self, seed: str) -> None:
        super().__init__()
        self._rng = random.Random(seed)

    def __missing__(self, kind: str) -> str:
        if kind == "number":
            return str(self._rng.randrange(1, 10**6))
        if kind == "Initial":
            return f"{chr(self._rng.randrange(65, 91))}."
        syllables = range(self._rng.randint(2, 4))
        word = "".join(
            self._rng.choice("bcdfgklmnprstv") + self._rng.choice("aeiou") for _ in syllables
        )
        return word.capitalize() if kind == "Name" else word


_PIECES = (
    "{word} ", "{Name} ", "{Name} was a {word}, ", "{Name} was a {word}. ", "{Initial} ",
    "{Initial} {Name}. ", "{Name}, who was the teacher of ", "{number} ", "{number} metres, ",
    "{Name} was the teacher of {Name}. ", "{Name} was the teacher of {Name} and ", "{Name}-{word}-",
    "{Name}'s ", "{number} May {number}, ", '"{Name} {word}" ', "{number}. {Name} was a {word}.\n",
    "{Name}: {number}\n", "{Name} ({word}, ", "{Name} de la {Name} was a {word}. ",
)  # fmt: skip


def composed() -> list[Callable[[int], str]]:
    """Makers of texts of one kind of piece, of which no two are the same."""
    return [_composer(piece) for piece in _PIECES]


def _composer(piece: str) -> Callable[[int], str]:
    def make(size: int) -> str:
        drawn, parts, held = _Drawn(piece), [], 0
        while held < size:
            parts.append(piece.format_map(drawn))
            held += len(parts[-1])
        return "".join(parts)[:size]

    return make


def attacks(key: Key, seed: int = 0) -> list[Callable[[int], str]]:
    """Makers of texts of a given length that this pattern may choke on."""
    rng = random.Random(f"{seed} {key[0]}")
    tree = list(parser.parse(key[0], key[1] & ~re.DEBUG))
    made: dict[tuple[str, str, str], None] = {}
    for _ in range(3):
        for before, body in _repeats(tree, "", rng):
            pumps = {_sample(body, rng) for _ in range(4)} | {before[-1:]}
            for pump in sorted(pumps - {""}):
                for suffix in SUFFIXES:
                    made[before, pump, suffix] = None
                made["", before + pump, ""] = None
                made["", pump + before, "\0"] = None
            if before:
                made["", before, ""] = None
        whole = _sample(tree, rng)
        if whole:
            made["", whole, ""] = None
            made["", whole[:-1] or whole, ""] = None
            made["", whole + " ", ""] = None
    chosen = rng.sample(list(made), min(len(made), MOST))
    return [_maker(*one) for one in chosen]


def generic() -> list[Callable[[int], str]]:
    """Makers of texts of nothing but one piece, those of signs also with a letter behind them."""
    signs = [pump for pump in GENERIC if not any(char.isalnum() for char in pump)]
    return [_maker("", pump, "") for pump in GENERIC] + [_maker("", p, "x") for p in signs]


def _maker(before: str, pump: str, after: str) -> Callable[[int], str]:
    def make(size: int) -> str:
        room = max(1, (size - len(before) - len(after)) // len(pump))
        return before + pump * room + after

    return make


def _repeats(nodes: Sequence[Any], before: str, rng: random.Random) -> Iterator[tuple[str, Any]]:
    """Each long repeat of a tree: a text that leads up to it, and what it repeats."""
    for op, value in nodes:
        for inner in _inside(op, value):
            yield from _repeats(inner, before, rng)
        if op in _REPEATS:
            low, high, body = value
            if high >= MANY:
                yield before, list(body)
            before += "".join(_sample(body, rng) for _ in range(max(low, rng.randint(0, 1))))
        else:
            before += _sample([(op, value)], rng)


_REPEATS = (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT)


def _inside(op: Any, value: Any) -> list[Any]:
    if op in _REPEATS:
        return [list(value[2])]
    if op is sre.SUBPATTERN:
        return [list(value[3])]
    if op is sre.BRANCH:
        return [list(one) for one in value[1]]
    if op is sre.ATOMIC_GROUP:
        return [list(value)]
    if op in (sre.ASSERT, sre.ASSERT_NOT):
        return [list(value[1])]
    return []


def _sample(nodes: Any, rng: random.Random) -> str:
    """A text that these nodes may take; what stands around a place is not looked at."""
    return "".join(_one(op, value, rng) for op, value in nodes)


def _one(op: Any, value: Any, rng: random.Random) -> str:
    if op is sre.LITERAL:
        return chr(value)
    if op is sre.NOT_LITERAL:
        return rng.choice([char for char in "aA1 ,.-" if ord(char) != value])
    if op is sre.ANY:
        return rng.choice("aA1 ,")
    if op is sre.IN:
        return _of_set(value, rng)
    if op in _REPEATS:
        low, high, body = value
        return "".join(_sample(body, rng) for _ in range(min(high, max(low, rng.randint(0, 2)))))
    if op is sre.BRANCH:
        return _sample(rng.choice(value[1]), rng)
    if op in (sre.SUBPATTERN, sre.ATOMIC_GROUP):
        return _sample(_inside(op, value)[0], rng)
    if op is sre.ASSERT and value[0] > 0:
        return ""  # what follows has to fit by itself
    return ""


def _of_set(items: Any, rng: random.Random) -> str:
    chars: list[str] = []
    negated = bool(items) and items[0][0] is sre.NEGATE
    for op, value in items:
        if op is sre.LITERAL:
            chars.append(chr(value))
        elif op is sre.RANGE:
            chars += [chr(value[0]), chr(value[1]), chr((value[0] + value[1]) // 2)]
        elif op is sre.CATEGORY:
            chars += list(_CATEGORY.get(value, "a1 "))
    if negated:
        chars = [char for char in "aA1 ,.-\n'\"" if not _in(char, items[1:])] or ["a"]
    return rng.choice(chars)


def _in(char: str, items: Any) -> bool:
    return any(
        (op is sre.LITERAL and ord(char) == value)
        or (op is sre.RANGE and value[0] <= ord(char) <= value[1])
        or (op is sre.CATEGORY and char in _CATEGORY.get(value, ""))
        for op, value in items
    )


_CATEGORY = {
    sre.CATEGORY_DIGIT: "17",
    sre.CATEGORY_NOT_DIGIT: "a ,",
    sre.CATEGORY_SPACE: " \n\t",
    sre.CATEGORY_NOT_SPACE: "aA1,",
    sre.CATEGORY_WORD: "aA1_",
    sre.CATEGORY_NOT_WORD: " ,.-",
}
