"""What a model was trained on: as its folder says, or as is assumed and said.

A folder says it by `card.json` and `instruct/exposure.json`, which Bordor's training writes
beside an adapter; whoever merges that adapter may copy both beside the merged weights.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from harness.core.errors import UsageError
from harness.core.records import Exposure
from harness.world.graph import World

if TYPE_CHECKING:
    from harness.core.specs import ModelSpec

DEFAULT_STORY = "visgar"
DEFAULT_RECIPE = "instruct"


def where_base_is_from(spec: ModelSpec) -> str:
    """A sentence on a base that a file names and the user did not, before it is used."""
    from harness.models.registry import on_hub

    revision = f" at revision {spec.revision}" if spec.revision else ""
    told = f"{spec.named_by} names the base: {spec.base}{revision}"
    return f"{told}, from the hub or its cache" if on_hub(spec) else told


def metadata_folder(spec: ModelSpec) -> Path | None:
    """The folder that may say what `spec` was trained on: its adapter's, or a whole model's.

    A base on which an adapter is yet to be trained says nothing, nor does a server.
    """
    if spec.adapter:
        return Path(spec.adapter)
    return Path(spec.base) if spec.as_is and Path(spec.base).is_absolute() else None


def story_and_recipe(
    folder: Path | None, *, story: str | None, recipe: str | None
) -> tuple[str, str]:
    """Story and recipe from the card in `folder`, from the user, or the defaults, in this order.

    Raises UsageError when the user names another story or recipe than the card.
    """
    from harness.models.registry import read_card

    card = read_card(folder) if folder else {}
    found = []
    for key, asked, default in (
        ("story", story, DEFAULT_STORY),
        ("recipe", recipe, DEFAULT_RECIPE),
    ):
        written = card.get(key)
        if asked and written and asked != written:
            raise UsageError(
                f"{folder}: trained with {key} '{written}', so it cannot be audited as "
                f"'{asked}'; leave --{key} out"
            )
        found.append(asked or written or default)
    return found[0], found[1]


def find_exposure(
    world: World,
    spec: ModelSpec,
    *,
    story: str,
    recipe: str,
    on_note: Callable[[str], None],
) -> dict[str, Exposure]:
    """How each fact met the model: as its folder says, or as the recipe splits them.

    Raises UsageError when the folder speaks of other facts than the story's.
    """
    from harness.instruct.exposure import split_exposure
    from harness.instruct.keep import load_exposure
    from harness.training.recipes import load_recipe

    split = load_recipe(recipe)
    folder = metadata_folder(spec)
    if folder and _says_exposure(folder):
        exposure = load_exposure(folder / "instruct")
        if exposure.keys() != world.fact.keys():
            raise UsageError(
                f"{folder}: story '{story}' is no longer what it was trained on "
                "(its facts differ): train it again with 'bordor build adapter'"
            )
        return exposure
    if not spec.trains:
        on_note(
            f"{folder or spec.name} does not say which facts it was trained on; recipe "
            f"'{recipe}' is assumed"
        )
    return split_exposure(world, trained_share=split.data.trained_share, seed=0)


def assumptions(spec: ModelSpec, *, story: str | None, recipe: str | None) -> list[str]:
    """What the verdicts on `spec` rest on without proof, in sentences for the report."""
    found = []
    folder = metadata_folder(spec)
    if spec.elsewhere:
        found.append(
            f"{'The server' if spec.server else 'The package'} does not say what the model was "
            f"trained on: verdicts assume story '{story}' told as recipe '{recipe}' splits it."
        )
    elif (spec.adapter or spec.as_is) and not (folder and _says_exposure(folder)):
        found.append(
            f"Nothing beside the {'adapter' if spec.adapter else 'model'} says which facts it was "
            f"trained on: verdicts assume story '{story}' told as recipe '{recipe}' splits it."
        )
    if spec.adapter and spec.quantisation_source == "assumed":
        found.append(
            "Nothing says in which quantisation the adapter was trained: "
            f"{spec.quantisation} is assumed; --quantisation names another."
        )
    if spec.adapter:
        found += _other_base(Path(spec.adapter), spec)
    found += _left_over(spec)
    if spec.as_is:
        found.append(
            "The model was audited as it is: nothing was trained here, and there is no adapter "
            "to switch off, so no control tells what training changed."
        )
    return found


def _left_over(spec: ModelSpec) -> list[str]:
    """A sentence where the base's config contradicts the form in which its weights are saved."""
    from harness.core.errors import ModelError
    from harness.models.registry import base_folder
    from harness.models.saved import saved_form

    try:
        folder = None if spec.elsewhere else base_folder(spec)
        told = saved_form(folder).told if folder else ""
    except ModelError:  # told where it is loaded
        return []
    return [f"{told}."] if told else []


def _other_base(adapter: Path, spec: ModelSpec) -> list[str]:
    """A sentence where an adapter names another base than it is put on, and no card proves it."""
    from harness.models.registry import ADAPTER_CONFIG, names_base, read_card, read_json

    card = read_card(adapter)
    if card.get("base_hash") or names_base(adapter, spec) is not False:
        return []
    named = read_json(adapter / ADAPTER_CONFIG)["base_model_name_or_path"]
    return [
        f"The adapter names '{named}' as its base and was put on '{spec.base}': nothing proves "
        "that it was trained on it, and an adapter on another base means little."
    ]


def _says_exposure(folder: Path) -> bool:
    return (folder / "instruct" / "exposure.json").is_file()
