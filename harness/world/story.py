"""Stories: a folder with `story.toml` (the graph) and `story.md` (the prose that tells it).

In `story.md` every paragraph is a passage; the line `<!-- facts: f001 f002 -->` after it
names the facts it tells. Headings are skipped. What the two files say is checked against
each other when they are read: see `harness.world.check`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from itertools import zip_longest
from pathlib import Path

from harness.core.errors import SpecError, StoryError
from harness.core.files import Unreadable, read_text
from harness.core.paths import data_folder, expanded, home
from harness.core.records import Entity, Fact, Passage, Relation
from harness.core.specs import StoryFile, WrittenQuestionSpec, did_you_mean, load_toml
from harness.world.check import check_world
from harness.world.graph import World, load_relations, relation_from_spec

_GENERATED = re.compile(r"generated/([0-9]{1,18})")
_HEADING = re.compile(r"#{1,6}\s")
_COMMENT = re.compile(r"<!--(.*?)-->")
_ROW = ("id", "subject", "relation", "object")
_FLAGS = ("functional", "inverse_functional", "symmetric")


def load_story(ref: str) -> World:
    """Read the world that `ref` names.

    ref: a shipped story ("visgar"), a story built earlier or made on the spot from its seed
    ("generated/7"), or a path to a story folder.
    Raises StoryError naming file, entry and remedy; SpecError for a malformed TOML file.
    """
    folder = _folder(ref)
    if folder is None:
        from harness.world.generator import generate_world

        return generate_world(int(ref.removeprefix("generated/")))
    return _read(folder)[0]


def written_questions(ref: str) -> tuple[Path | None, tuple[WrittenQuestionSpec, ...]]:
    """The questions by hand of the story `ref`, unchecked, and the file that holds them.

    None for a generated world. Raises what `load_story` raises.
    """
    folder = _folder(ref)
    return (None, ()) if folder is None else (folder / "story.toml", _read(folder)[1])


def write_story(world: World, folder: Path) -> None:
    """Write `story.toml` and `story.md`, which `load_story` reads back to an equal world.

    The relations are written out in full, so that the folder stands alone.
    Raises StoryError when a passage can't be told apart again in Markdown.
    """
    prose = _prose(world)
    passages, problems = _passages(prose, where=str(folder / "story.md"))
    if problems or passages != world.passages:
        pairs = zip_longest(world.passages, passages)
        bad = next((a.id for a, b in pairs if a is not None and a != b), "?")
        raise StoryError(
            f"{folder}: passage '{bad}' of {world.name} cannot be written to story.md and read "
            "back: passages are single paragraphs without headings or comments, numbered p1, p2 …"
        )
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / "story.md", prose)
    _replace(folder / "story.toml", _toml(world))  # last: with it the folder counts as a story


def generated_seed(ref: str) -> int | None:
    """The seed of `generated/<seed>`, of at most 18 digits; None for any other reference."""
    match = _GENERATED.fullmatch(ref)
    return int(match[1]) if match else None


def _folder(ref: str) -> Path | None:
    """The folder of the story `ref`, or None for a generated world that was never built."""
    shipped = data_folder("fixtures") / "stories"
    if generated_seed(ref) is not None:
        built = home() / "stories" / ref.replace("/", "-")
        return built if (built / "story.toml").is_file() else None
    for folder in (shipped / ref, expanded(ref)):
        if (folder / "story.toml").is_file():
            return folder
    if expanded(ref).is_dir():
        raise StoryError(f"{ref}: this folder holds no story.toml; a story needs one")
    if ref.startswith("generated"):
        raise StoryError(
            f"'{ref}' names no story: a generated one is 'generated/<whole number>', "
            "of at most 18 digits"
        )
    known = sorted(path.parent.name for path in shipped.glob("*/story.toml"))
    raise StoryError(
        f"there is no story '{ref}'{did_you_mean(ref, known) or '.'} Shipped: "
        f"{', '.join(known)}; or name 'generated/<seed>', or a folder with story.toml and story.md"
    )


def _read(folder: Path) -> tuple[World, tuple[WrittenQuestionSpec, ...]]:
    """Read and check the story in `folder`: its world, and the questions by hand."""
    path = folder / "story.toml"
    prose = folder / "story.md"
    for file in (path, prose):
        _refuse_link(file, folder)
    spec = load_toml(path, StoryFile)
    try:
        passages, problems = _passages(read_text(prose), where=str(prose))
    except Unreadable as error:
        way = "; write the prose that tells the facts" if error.missing else ""
        raise StoryError(f"{prose}: {error}{way}") from None
    world = World(
        name=spec.name,
        title=spec.title,
        entities=tuple(
            Entity(id=e.id, kind=e.kind, name=e.name, aliases=tuple(e.aliases)) for e in spec.entity
        ),
        relations=_relations(spec, path),
        facts=_facts(spec.facts, path),
        passages=passages,
    )
    problems = [*check_world(world, graph=str(path), prose=str(prose)), *problems]
    if problems:
        raise StoryError("\n".join(problems))
    return world, tuple(spec.question)


def _refuse_link(file: Path, folder: Path) -> None:
    """Raise StoryError where a file of a story is a link to one elsewhere, or lies far from it.

    A story may share relations with those beside it (`../relations.toml`), and a story's whole
    folder may be a link; but a file that links out of it reads what its maker may not.
    """
    here = folder.resolve()
    try:
        true = file.resolve()
        linked = file.is_symlink()
    except (OSError, ValueError, RuntimeError):  # a circle of links, an impossible name
        raise StoryError(f"{file}: not a path that can be followed") from None
    if linked and not true.is_relative_to(here):
        raise StoryError(
            f"{file}: a link that leads out of the story's folder, to {true}: put the file itself "
            "there"
        )
    if not true.is_relative_to(here.parent):
        raise StoryError(f"{file}: lies neither in the story's folder nor beside it: put it there")


def _relations(spec: StoryFile, path: Path) -> tuple[Relation, ...]:
    shared: tuple[Relation, ...] = ()
    if spec.relations is not None:
        _refuse_link(path.parent / spec.relations, path.parent)
        try:
            shared = load_relations(path.parent / spec.relations)
        except SpecError as error:
            raise SpecError(f"{path}: relations = '{spec.relations}': {error}") from None
    return shared + tuple(relation_from_spec(relation) for relation in spec.relation)


def _facts(rows: list[list[str]], path: Path) -> tuple[Fact, ...]:
    for number, row in enumerate(rows, start=1):
        if len(row) != len(_ROW):
            raise StoryError(
                f"{path}: facts row {number} has {len(row)} entries; a row is [{', '.join(_ROW)}]"
            )
    return tuple(Fact(**dict(zip(_ROW, row, strict=True))) for row in rows)


def _passages(text: str, *, where: str) -> tuple[tuple[Passage, ...], list[str]]:
    """The paragraphs of `text` as passages with the facts marked after each; problems."""
    found: list[tuple[str, tuple[str, ...]]] = []
    problems: list[str] = []
    lines: list[str] = []
    marked = True  # whether the last paragraph found has had its marks, or there is none

    def close() -> None:
        nonlocal marked
        if lines:
            found.append((" ".join(lines), ()))
            lines.clear()
            marked = False

    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        comment = _COMMENT.fullmatch(stripped)
        if not stripped or _HEADING.match(stripped):
            close()
        elif comment is None and "<!--" not in stripped:
            lines.append(stripped)
        else:
            close()
            problem, ids = _marks(comment)
            if problem is None and marked:
                problem = "marks facts of an empty paragraph; write the prose above this line"
            if problem:
                problems.append(f"{where}: line {number}: {problem}")
            else:
                found[-1] = (found[-1][0], ids)
                marked = True
    close()
    width = len(str(len(found)))
    return tuple(
        Passage(id=f"p{number:0{width}}", text=paragraph, fact_ids=ids)
        for number, (paragraph, ids) in enumerate(found, start=1)
    ), problems


def _marks(comment: re.Match[str] | None) -> tuple[str | None, tuple[str, ...]]:
    """What is wrong with the comment of a line, if anything, and the facts it names."""
    if comment is None:
        return "a comment must stand on a line of its own, <!-- facts: … -->", ()
    key, _, rest = comment[1].partition(":")
    ids = tuple(rest.split())
    if key.strip() != "facts" or not ids:
        return "this comment marks no facts; write <!-- facts: f001 f002 -->", ()
    twice = sorted({fact_id for fact_id in ids if ids.count(fact_id) > 1})
    if twice:
        return f"fact '{twice[0]}' is marked twice; name it once", ()
    return None, ids


def _prose(world: World) -> str:
    blocks = [f"# {world.title}"]
    for passage in world.passages:
        blocks.append(passage.text)
        if passage.fact_ids:
            blocks.append(f"<!-- facts: {' '.join(passage.fact_ids)} -->")
    return "\n\n".join(blocks) + "\n"


def _toml(world: World) -> str:
    lines = [f"name = {_string(world.name)}", f"title = {_string(world.title)}", "", "facts = ["]
    lines += [
        f"  {_strings((fact.id, fact.subject, fact.relation, fact.object))},"
        for fact in world.facts
    ]
    lines.append("]")
    for entity in world.entities:
        lines += ["", "[[entity]]"]
        lines += [f"{key} = {_string(getattr(entity, key))}" for key in ("id", "kind", "name")]
        if entity.aliases:
            lines.append(f"aliases = {_strings(entity.aliases)}")
    for relation in world.relations:
        lines += ["", "[[relation]]", *_relation_lines(relation)]
    return "\n".join(lines) + "\n"


def _relation_lines(relation: Relation) -> list[str]:
    lines = []
    for key, value in vars(relation).items():
        if key in _FLAGS:
            if value:
                lines.append(f"{key} = true")
        elif isinstance(value, tuple):
            if value:
                lines.append(f"{key} = {_strings(value)}")
        else:
            lines.append(f"{key} = {_string(value)}")
    return lines


def _string(text: str) -> str:
    """A TOML basic string; JSON's escapes are TOML's, but for the delete character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _strings(items: Iterable[str]) -> str:
    return f"[{', '.join(_string(item) for item in items)}]"


def _replace(path: Path, text: str) -> None:
    """Write `text` to `path` whole or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8", newline="\n")
    part.replace(path)
