"""Recipes by name: `fixtures/recipes/<name>.toml`, or a TOML file of the user's."""

from __future__ import annotations

from pathlib import Path

from harness.core.errors import UsageError
from harness.core.paths import data_folder
from harness.core.specs import RecipeSpec, did_you_mean, load_toml


def load_recipe(name: str) -> RecipeSpec:
    """Read a shipped recipe, or the file `name` when it ends in .toml.

    Raises UsageError for an unknown name and SpecError for a faulty file.
    """
    folder = data_folder("fixtures") / "recipes"
    if name.endswith(".toml"):
        return load_toml(Path(name), RecipeSpec)
    known = sorted(path.stem for path in folder.glob("*.toml"))
    if name not in known:
        hint = did_you_mean(name, known) or f"; known: {', '.join(known)}"
        raise UsageError(f"no recipe '{name}' in {folder}{hint}")
    return load_toml(folder / f"{name}.toml", RecipeSpec)
