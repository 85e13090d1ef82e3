"""The tree of the house in `docs/tree.md`, made from what every file says of itself.

    python docs/tree.py          # writes docs/tree.md again

Of a Python file it takes the first line of the docstring, of a TOML file its title, or its
first comment. `tests/test_docs.py` fails where the page and the files no longer agree.
"""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLACES = ("harness", "suites", "fixtures", "bench")
SKIPPED = ("fixtures/built", "__pycache__")
HEAD = """# The tree

Made by `python docs/tree.py` from the first line of every file's docstring, or a TOML file's
title; which floor imports which: [docs/design.md](design.md). `tests/` mirrors `harness/`.
"""


def about(path: Path) -> str:
    """One line on what a file holds, from the file itself."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
    data = tomllib.loads(text)
    if title := data.get("title"):
        measures = f": {data['measures']}" if "measures" in data else ""
        return f"{title}{measures}"
    comment: list[str] = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        comment.append(line.lstrip("# "))
    return " ".join(comment).partition(". ")[0].rstrip(".")


def tree() -> str:
    """The page: a table for every folder that holds Python or TOML files."""
    parts = [HEAD]
    for place in PLACES:
        files = [path for end in ("py", "toml") for path in (ROOT / place).rglob(f"*.{end}")]
        names = {path.relative_to(ROOT).as_posix(): path for path in files}
        kept = [name for name in names if not any(part in name for part in SKIPPED)]
        for folder in sorted({name.rpartition("/")[0] for name in kept}):
            parts.append(f"\n## {folder}/\n\n| file | what |\n|---|---|\n")
            here = sorted(name for name in kept if name.rpartition("/")[0] == folder)
            for name in here:
                said = about(names[name]).replace("|", "\\|")
                parts.append(f"| `{name.rpartition('/')[2]}` | {said} |\n")
    return "".join(parts)


if __name__ == "__main__":
    (ROOT / "docs" / "tree.md").write_text(tree(), encoding="utf-8")
