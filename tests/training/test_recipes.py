from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.errors import SpecError, UsageError
from harness.core.paths import data_folder
from harness.training.recipes import load_recipe

SHIPPED = sorted(path.stem for path in (data_folder("fixtures") / "recipes").glob("*.toml"))


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_recipe_is_valid(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.title and recipe.about
    assert recipe.train.steps > 0


def test_a_recipe_of_the_users_own_is_read_from_its_file(recipe: Path) -> None:
    assert load_recipe(str(recipe)).train.steps == 4


def test_an_unknown_recipe_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match=r"did you mean 'instruct'\?"):
        load_recipe("instrct")
    with pytest.raises(UsageError, match=r"known: .*instruct"):
        load_recipe("zzzzzz")


def test_a_fault_in_a_recipe_names_file_and_key(recipe: Path) -> None:
    recipe.write_text(recipe.read_text().replace("rank = 4", "rnak = 4"))
    with pytest.raises(SpecError, match=r"quick\.toml: unknown key 'train\.rnak'.*'rank'"):
        load_recipe(str(recipe))
    with pytest.raises(SpecError, match="no such file"):
        load_recipe("nowhere.toml")


def test_a_base_of_billions_takes_the_values_of_its_own_table(recipe: Path) -> None:
    plan = load_recipe(str(recipe))
    assert plan.sized(1_000_000) == plan
    large = plan.sized(7_000_000_000)
    assert (large.train.rank, large.train.alpha) == (8, 16)
    assert large.train.learning_rate == 2e-4
    assert large.train.steps == plan.train.steps
    assert large.data == plan.data
