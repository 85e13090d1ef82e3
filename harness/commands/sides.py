"""From what a user names to run folders: a run, a part of its name, or a model.

A model without a finished run is audited first. With training seeds, each side is as many
adapters, trained where they are not kept. Models audited one after the other share a base
where they have the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.commands.common import fitting_runs, noter, only_run, open_console
from harness.core.errors import UsageError

if TYPE_CHECKING:
    from harness.core.specs import ModelSpec
    from harness.models.resident import Resident
    from harness.pipeline.audit import OpenBackend, Settings

Ref = Annotated[
    str, typer.Argument(help="A run folder, a part of its name, or a model (audited if need be).")
]
Story = Annotated[str | None, typer.Option(help="The story, where a model must be audited.")]
Recipe = Annotated[str | None, typer.Option(help="The recipe, where a model must be audited.")]
Samples = Annotated[
    int | None,
    typer.Option(min=0, help="Drawn answers for each prompt, where a model must be audited."),
]
Limit = Annotated[
    int | None, typer.Option(min=1, help="Questions per suite, where a model is audited.")
]
AsIs = Annotated[
    bool,
    typer.Option(
        "--as-is",
        help="Audit whole models as they are, train no adapter on them. Runs, adapter folders and "
        "models on a server are taken as they are anyway.",
    ),
]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How a model is audited where it has no run."""

    out: Path
    story: str | None = None
    recipe: str | None = None
    samples: int | None = None
    limit: int | None = None
    as_is: bool = False  # where the model is a whole one

    def settings(self, model: str) -> Settings:
        """The settings of that audit."""
        from harness.pipeline.audit import Settings

        given: dict[str, Any] = {"story": self.story, "recipe": self.recipe, "limit": self.limit}
        if self.samples is not None:
            given["samples"] = self.samples
        as_is = self.as_is and _is_whole(model)
        return Settings(model=model, out=self.out, as_is=as_is, **given)

    def specification(self, model: str) -> ModelSpec:
        """What `model` names. Raises UsageError or ModelError as `resolve_model` does."""
        from harness.models.registry import resolve_model

        return resolve_model(model, as_is=self.as_is and _is_whole(model))


def check_sides(refs: Sequence[str], asked: Asked, *, train_seeds: int = 1) -> None:
    """Raise what is wrong with the sides before the first of them is audited.

    Raises UsageError when one is neither a run nor a model, when --as-is speaks of none, or
    when --train-seeds cannot be followed, and ModelError for a folder that holds no model.
    """
    if train_seeds > 1 and asked.as_is:
        raise UsageError("--as-is trains nothing, --train-seeds trains: leave one of them out")
    if train_seeds > 1:
        for ref in refs:
            _to_train(ref)
        return
    found = [_run_of(ref, asked) or asked.specification(ref) for ref in refs]
    if asked.as_is and not any(getattr(one, "as_is", False) for one in found):
        raise UsageError(
            "--as-is: no side is a whole model that would be audited: leave it out (a run, an "
            "adapter and a model on a server are taken as they are anyway)"
        )


def one_run(
    ref: str,
    asked: Asked,
    *,
    note: Callable[[str], None] | None = None,
    open_backend: OpenBackend | None = None,
    resident: Resident | None = None,
) -> Path:
    """The run that `ref` names; a model's newest finished run, or an audit of it made now.

    A shipped model's name or a folder is a model; anything else is first sought among the
    runs, and only then on the hub. resident: holds the base of an audit made now.
    Raises UsageError when `ref` is neither a run nor a model, ModelError for a folder that
    holds none, and what an audit raises.
    """
    tell = note or noter(open_console(err=True))
    run = _run_of(ref, asked)
    if run:
        return run
    path = _newest(asked.specification(ref), asked, ref, tell)
    if path:
        tell(f"{ref}: its newest finished run is taken, {path} ({_described(path)})")
        return path
    tell(f"{ref}: no finished run in {asked.out}; it is audited now")
    return _audit(asked, ref, open_backend, resident)


def _run_of(ref: str, asked: Asked) -> Path | None:
    """The run that `ref` names; None where it must be a model. Raises UsageError for neither."""
    from harness.core.paths import expanded
    from harness.models.registry import list_models
    from harness.runs.layout import looks_like_run

    if looks_like_run(Path(ref)):
        return Path(ref)
    if ref in list_models() or expanded(ref).is_dir():
        return None
    found = fitting_runs(ref, asked.out)
    if found:
        return only_run(ref, found)
    if "/" not in ref:
        raise UsageError(
            f"'{ref}' is neither a run in {asked.out} ('bordor ls' lists them) nor a model "
            "('bordor models' lists those with a name)"
        )
    return None


def _is_whole(ref: str) -> bool:
    """Whether `ref` names a model that is neither an adapter nor on a server."""
    from harness.models.registry import resolve_model

    spec = resolve_model(ref)
    return not spec.adapter and not spec.elsewhere


def seeded_runs(
    ref: str,
    n: int,
    asked: Asked,
    *,
    note: Callable[[str], None] | None = None,
    open_backend: OpenBackend | None = None,
    resident: Resident | None = None,
) -> list[Path]:
    """Runs of the adapters of training seeds 0 to n - 1 on the model `ref`.

    All are trained before the first is audited, so that `resident` reads their base once.
    Raises UsageError when `ref` is a run or an adapter, which has one training seed, or on a
    server, where nothing is trained.
    """
    from harness.commands.progress import ProgressDisplay
    from harness.pipeline.audit import DEFAULT_RECIPE, DEFAULT_STORY, train_adapter

    tell = note or noter(open_console(err=True))
    spec = _to_train(ref)
    if resident:
        resident.release()  # training needs the memory
    folders = []
    for seed in range(n):
        with ProgressDisplay(open_console(err=True)) as display:
            folders.append(
                train_adapter(
                    spec,
                    story=asked.story or DEFAULT_STORY,
                    recipe=asked.recipe or DEFAULT_RECIPE,
                    seed=seed,
                    on_progress=display,
                )
            )
    runs = []
    for seed, folder in enumerate(folders):
        kept = _same_audit(asked.settings(str(folder)))
        tell(f"{ref}, training seed {seed}: {kept or 'audited now'}")
        runs.append(kept or _audit(asked, str(folder), open_backend, resident))
    return runs


def _to_train(ref: str) -> ModelSpec:
    """The model that `ref` names, to train adapters on. Raises UsageError as `seeded_runs`."""
    from harness.models.registry import resolve_model
    from harness.runs.layout import looks_like_run

    spec = None if looks_like_run(Path(ref)) else resolve_model(ref)
    if spec is None or spec.adapter or spec.elsewhere:
        raise UsageError(
            f"'{ref}' has one training seed; with --train-seeds name a model without an adapter, "
            "as 'bordor models' lists them"
        )
    return spec


def _newest(spec: ModelSpec, asked: Asked, ref: str, tell: Callable[[str], None]) -> Path | None:
    """The newest finished run of a model that fits what was asked.

    Where a number of samples or questions was asked for, only a run of just that command
    fits: a run of another size would leave the flag without effect. A run of the same name
    whose base, adapter or recipe has changed since is passed over, and said.
    """
    from harness.runs.layout import slug
    from harness.runs.store import readable_runs

    sized = asked.samples is not None or asked.limit is not None
    commands = _commands(asked.settings(ref))
    for path, about in readable_runs(asked.out, tell):
        if path.parent.name != slug(spec.name):
            continue
        fits = all(
            wanted is None or about.get(key) == wanted
            for key, wanted in (("story", asked.story), ("recipe", asked.recipe))
        )
        if sized and about.get("command") not in commands:
            continue
        if about.get("finished") and fits:
            changed = changed_since(about, spec)
            if not changed:
                return path
            tell(f"{ref}: {path} is passed over: {', '.join(changed)} changed since then")
    return None


def changed_since(about: dict[str, Any], spec: ModelSpec) -> list[str]:
    """What of a run's model is another one now, of what can be told without loading it.

    about: run.json. Weights count by their hashes, where they lie on this machine; an
    adapter that Bordor trained also by the recipe on its card.
    """
    from harness.models.identity import adapter_hash, base_hash
    from harness.models.registry import base_folder

    known = about.get("identity", {})
    found = []
    folder = base_folder(spec) if known.get("base_hash") and not spec.elsewhere else None
    if folder and base_hash(folder) != known["base_hash"]:
        found.append("the base")
    if known.get("quantisation", spec.quantisation) != spec.quantisation:
        found.append("the quantisation")
    used = spec.adapter or about.get("adapter", {}).get("folder")
    if used and known.get("adapter_hash") and (Path(used) / "adapter_model.safetensors").is_file():
        found += ["the adapter"] * (adapter_hash(Path(used)) != known["adapter_hash"])
    if used and not spec.adapter and _other_recipe(Path(used), about):
        found.append("the recipe")
    return found


def _other_recipe(adapter: Path, about: dict[str, Any]) -> bool:
    """Whether the recipe that the run names says something else than the adapter's card."""
    import json

    from harness.models.registry import CARD, read_json
    from harness.training.recipes import load_recipe

    if not (adapter / CARD).is_file() or not about.get("recipe"):
        return False
    plan = read_json(adapter / CARD).get("plan")
    now = json.loads(load_recipe(about["recipe"]).model_dump_json())
    return plan is not None and plan != now


def _described(path: Path) -> str:
    """When a run was started and of which adapter it is."""
    from harness.runs.store import RunFolder

    about = RunFolder.open(path).about()
    adapter = about.get("identity", {}).get("adapter_hash")
    of = f", adapter {adapter[:12]}" if adapter else ""
    return f"of {str(about.get('started', '?'))[:16].replace('T', ' ')}{of}"


def _same_audit(settings: Settings) -> Path | None:
    """The newest finished run of just this audit."""
    from harness.runs.store import readable_runs

    for path, about in readable_runs(settings.out):
        adapter = about.get("adapter", {}).get("folder")
        same = adapter == settings.model and about.get("command") in _commands(settings)
        if about.get("finished") and same:
            return path
    return None


def _commands(settings: Settings) -> tuple[str, ...]:
    """The command as asked, and as an adapter's card fills it in."""
    from dataclasses import replace

    from harness.pipeline.audit import DEFAULT_RECIPE, DEFAULT_STORY

    filled = replace(
        settings,
        story=settings.story or DEFAULT_STORY,
        recipe=settings.recipe or DEFAULT_RECIPE,
    )
    commands = settings.command(), filled.command()
    return (*commands, *(one.replace("--samples", "--seeds") for one in commands))  # of older runs


def _audit(
    asked: Asked, ref: str, open_backend: OpenBackend | None, resident: Resident | None
) -> Path:
    from functools import partial

    from harness.backends.factory import open_local
    from harness.commands.progress import ProgressDisplay
    from harness.pipeline.audit import audit

    spec = asked.specification(ref)
    if resident and spec.trains:
        resident.release()  # an adapter may have to be trained, which needs the memory
    if resident and not spec.elsewhere:
        open_backend = open_backend or partial(open_local, resident=resident)
    console = open_console(err=True)
    with ProgressDisplay(console) as display:
        return audit(
            asked.settings(ref),
            on_progress=display,
            on_note=noter(console),
            open_backend=open_backend,
        )
