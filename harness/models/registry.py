"""From what a user calls a model to its specification: a name, a folder, or a hub id."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.core.errors import ModelError, SpecError, UsageError
from harness.core.paths import DEFAULT_MODEL, data_folder, expanded, home
from harness.core.specs import QUANTISATIONS, ModelSpec, did_you_mean, load_toml
from harness.models.layouts import no_folder, no_model
from harness.models.plugged import plugged_model
from harness.models.references import (
    is_folder,
    is_hub_id,
    is_revision,
    last_name,
    named_folder,
    refuse_address,
    refuse_revision,
)
from harness.models.saved import saved_form
from harness.models.served import is_served, served_model
from harness.models.shapes import (
    ADAPTER_CONFIG,
    CARD,
    CONFIG,
    read_adapter_config,
    read_card,
    read_json,
    read_model_config,
    refuse_odd_files,
)

__all__ = [
    "ADAPTER_CONFIG", "CARD", "DEFAULT_MODEL", "QUANTISATIONS", "base_folder", "context_of",
    "list_models", "names_base", "on_hub", "read_card", "read_json", "resolve_model",
]  # fmt: skip

_LONGEST_SHOWN = 200  # characters of a name that a message repeats
_FALLBACK_CONTEXT = 2048  # tokens; where a config states none
# What architectures call their context length in config.json.
_CONTEXT_KEYS = ("max_position_embeddings", "n_positions", "n_ctx", "seq_length")


def list_models() -> tuple[str, ...]:
    """Return the names of the shipped specifications, sorted."""
    folder = data_folder("fixtures") / "models"
    return tuple(sorted(path.name.removesuffix(".toml") for path in folder.glob("*.toml")))


def resolve_model(
    ref: str,
    *,
    quantisation: str | None = None,
    base: str | None = None,
    as_is: bool = False,
    fetch: Callable[[str], None] | None = None,
) -> ModelSpec:
    """Return the specification that `ref`, which the user typed, names.

    ref: a name from `list_models`, a folder (a whole model, or a PEFT adapter, whose base
    is found through its card or `adapter_config.json`), a hub id "org/name" (of a model or of
    an adapter), with "@revision" behind it if wanted, or "openai:http://host:port/v1#name", a
    model on a server. `quantisation` overrides the specification's; `base` (a name, a folder, a
    hub id) the base that an adapter names, and says nothing of a model on a server. `as_is`:
    the model is whole and no adapter belongs on it; a folder or a hub id is then loaded as
    its files were saved unless `quantisation` says otherwise. `fetch` is told, in a sentence,
    before an adapter is fetched from the hub; without it only the cache is looked into.
    Raises UsageError for a name or a quantisation nobody knows and for a choice that the
    model does not leave, ModelError for what holds no model or is damaged.
    """
    if is_served(ref):
        if quantisation is not None or as_is:
            flag = "--as-is" if as_is else "--quantisation"
            raise UsageError(f"{flag} is the server's own affair: leave it out")
        return served_model(ref)
    plugged = plugged_model(ref)
    if plugged:
        if quantisation is not None or as_is or base is not None:
            flag = "--as-is" if as_is else "--base" if base is not None else "--quantisation"
            raise UsageError(f"{flag}: the package that answers for {ref} has its own way")
        return plugged
    if quantisation is not None and quantisation not in QUANTISATIONS:
        raise UsageError(
            f"quantisation '{quantisation}' is none of {', '.join(QUANTISATIONS)}"
            + did_you_mean(quantisation, QUANTISATIONS)
        )
    if ref in list_models():
        spec = _shipped(ref)
    elif is_folder(expanded(ref)):
        spec = _from_folder(expanded(ref).resolve(), base, typed=Path(ref))
    elif is_hub_id(ref.partition("@")[0]) and not expanded(ref).is_file():
        spec = _from_hub(ref, base, fetch)
    else:
        raise _unknown(ref)
    if base is not None and not spec.adapter:
        raise UsageError(
            f"--base: only for a model on a server and for an adapter, which {ref} is not"
        )
    if as_is:
        spec = _as_is(spec)
    known = spec.quantisation_source != "assumed" and quantisation == spec.quantisation
    if quantisation is not None and not known:
        spec = spec.model_copy(update={"quantisation": quantisation, "quantisation_source": "flag"})
    return spec


def base_folder(spec: ModelSpec) -> Path | None:
    """Return the folder that holds the spec's base, or None when it is on the hub.

    Shipped bases come before built ones of the same name. Raises ModelError when a base
    called by name lies in neither place, UsageError for a model on a server.
    """
    if spec.elsewhere:
        raise UsageError(
            f"{spec.name}: this needs the weights, and who answers for it shows none: "
            "name a model from 'bordor models', a folder or a hub id"
        )
    path = expanded(spec.base)
    if path.is_absolute():
        if not path.is_dir():
            raise ModelError(f"{spec.name}: its base folder {path} does not exist")
        return path
    if "/" in spec.base:
        return None
    places = [data_folder("fixtures") / "bases" / spec.base, home() / "bases" / spec.base]
    for place in places:
        if (place / "config.json").is_file():
            return place
    raise ModelError(
        f"{spec.name}: there is no base '{spec.base}' in {places[0].parent} or "
        f"{places[1].parent}: build it with 'bordor build base {spec.base}'"
    )


def _as_is(spec: ModelSpec) -> ModelSpec:
    """The same model, on which no adapter is trained; named apart, so that its runs are too."""
    if spec.adapter:
        raise UsageError(
            f"--as-is: {spec.adapter} is an adapter, which is audited as it is anyway: leave it out"
        )
    update: dict[str, Any] = {"as_is": True, "name": f"{spec.name}-as-is"}
    if spec.quantisation_source == "assumed":
        update["quantisation"] = "none"
    return spec.model_copy(update=update)


def _shipped(name: str) -> ModelSpec:
    """The specification of a name. Raises SpecError for one that names an address."""
    path = data_folder("fixtures") / "models" / f"{name}.toml"
    spec = load_toml(path, ModelSpec)
    if spec.quantisation not in QUANTISATIONS:
        raise SpecError(
            f"{path}: quantisation '{spec.quantisation}' is none of {', '.join(QUANTISATIONS)}"
            + did_you_mean(spec.quantisation, QUANTISATIONS)
        )
    if spec.server is not None:
        raise SpecError(f"{path}: 'server' is an address, which a file may not name: remove it")
    try:
        refuse_address(spec.base, where=f"{path}: 'base'")
        refuse_address(spec.adapter or "", where=f"{path}: 'adapter'")
    except ModelError as error:
        raise SpecError(str(error)) from None
    return spec


def _from_folder(folder: Path, base: str | None = None, *, typed: Path | None = None) -> ModelSpec:
    refuse_odd_files(folder)
    if (folder / ADAPTER_CONFIG).is_file():
        return _from_adapter(folder, base)
    if not (folder / CONFIG).is_file():
        raise no_model(folder, typed=typed)
    read_card(folder)
    return ModelSpec(
        name=folder.name,
        base=str(folder),
        context=context_of(read_model_config(folder)),
        **_form(folder),
    )


def _form(folder: Path) -> dict[str, Any]:
    """The quantisation in which a model's files are saved, else nf4, which is assumed.

    Files that cannot be read say nothing here: loading and the doctor tell what is wrong.
    """
    assumed = {"quantisation": "nf4", "quantisation_source": "assumed"}
    try:
        saved = saved_form(folder)
    except ModelError:
        return assumed
    if saved.quantisation is None:
        return assumed
    return {
        "quantisation": saved.quantisation,
        "double_quantisation": saved.double,
        "quantisation_source": "card",
    }


def _from_hub(ref: str, base: str | None, fetch: Callable[[str], None] | None) -> ModelSpec:
    """The model or the adapter of a hub id, as the hub's cache has it or `fetch` lets it be had."""
    from harness.models.hub import cached_folder, fetch_adapter

    hub_id, _, revision = ref.partition("@")
    if revision and not is_revision(revision):
        raise UsageError(f"'{revision}' is no revision (a branch, tag or commit) of {hub_id}")
    name = hub_id.replace("/", "--")
    folder = cached_folder(hub_id, revision or "main")
    whole = folder and ((folder / CONFIG).is_file() or any(folder.glob("*.safetensors")))
    if fetch and not whole:  # nothing cached, or an adapter whose weights are not
        folder = fetch_adapter(hub_id, revision or "main", tell=fetch) or folder
    if folder and (folder / ADAPTER_CONFIG).is_file() and not (folder / CONFIG).is_file():
        return _from_adapter(folder, base).model_copy(update={"name": name})
    form: dict[str, Any] = {"quantisation_source": "assumed"}
    if folder and (folder / CONFIG).is_file():
        form = _form(folder)
    return ModelSpec(
        name=name,
        base=hub_id,
        revision=revision or "main",
        context=_FALLBACK_CONTEXT,  # the loader reads the true one from config.json
        **form,
    )


def _from_adapter(folder: Path, asked: str | None) -> ModelSpec:
    config, card = read_adapter_config(folder), read_card(folder)
    base = config.get("base_model_name_or_path")
    if asked is not None:
        spec = resolve_model(asked)
        if spec.adapter or spec.elsewhere:
            raise UsageError(f"--base {asked}: a base is a whole model, by name, folder or hub id")
        if spec.quantisation_source == "spec":  # chosen for adapters trained here, not for this
            spec = spec.model_copy(update={"quantisation_source": "assumed"})
    elif card.get("model") in list_models():
        spec = _shipped(str(card["model"]))
        if on_hub(spec):
            spec = spec.model_copy(update={"named_by": str(folder / CARD)})
    elif not isinstance(base, str) or not base:
        raise ModelError(
            f"{folder / ADAPTER_CONFIG}: names no base_model_name_or_path; "
            "say --base with the folder or hub id of the base"
        )
    else:
        spec = _named_base(base, folder, revision=config.get("revision"))
    update: dict[str, Any] = {"name": folder.name, "adapter": str(folder)}
    if card.get("quantisation") in QUANTISATIONS:
        update |= {"quantisation": card["quantisation"], "quantisation_source": "card"}
    return spec.model_copy(update=update)


def _named_base(base: str, adapter: Path, *, revision: str | None) -> ModelSpec:
    """The base that an adapter's own file names: a folder, a shipped base, or a hub id.

    Never a server: a file may not decide who gets the prompts. Raises ModelError that tells
    the file and --base.
    """
    file = adapter / ADAPTER_CONFIG
    refuse_address(base, where=f"{file}: 'base_model_name_or_path'")
    folder = _local_base(base, adapter)
    if folder is not None:
        if folder.resolve() == adapter.resolve():
            raise ModelError(f"{file}: names its own folder as the base: name the base with --base")
        if (folder / ADAPTER_CONFIG).is_file():
            raise ModelError(
                f"{file}: names {folder} as the base, which is an adapter itself: merge that one "
                "into its base first, or name a whole model with --base"
            )
        spec = _from_folder(folder.resolve())
    elif base in list_models():
        spec = _shipped(base)
    elif is_hub_id(base):
        refuse_revision(revision or "main", where=f"{file}: 'revision'")
        spec = _from_hub(f"{base}@{revision or 'main'}", None, None)
        if spec.adapter:
            raise ModelError(
                f"{file}: names {base} as the base, which is an adapter itself: name a whole "
                "model with --base"
            )
    else:
        there = Path(base).is_absolute() and is_folder(Path(base))
        why = (
            "which holds no config.json with safetensors"
            if there
            else "which is not on this machine"
        )
        raise ModelError(
            f"{adapter}: its {ADAPTER_CONFIG} names '{base[:200]}' as the base, {why}: name the "
            "base's folder or hub id with --base"
        )
    return spec.model_copy(update={"named_by": str(file)})


def _local_base(base: str, adapter: Path) -> Path | None:
    """Where the base that an adapter names lies: a folder, or a shipped or built base.

    A base is shipped or built under the last part of a path as well: the adapter may come
    from another machine, and one with Windows.
    """
    folder = named_folder(base, adapter)
    if folder is not None:
        return folder
    name = last_name(base)
    if not name or is_hub_id(base):
        return None
    for place in (data_folder("fixtures") / "bases" / name, home() / "bases" / name):
        try:
            if (place / CONFIG).is_file():
                return place
        except (OSError, ValueError):  # no name that a disk can hold
            return None
    return None


def on_hub(spec: ModelSpec) -> bool:
    """Whether the spec's base is a hub id, and no folder or name."""
    return "/" in spec.base and not expanded(spec.base).is_absolute()


def names_base(adapter: Path, spec: ModelSpec) -> bool | None:
    """Whether an adapter's configuration names the base that `spec` puts it on.

    None where it names none. A hub id counts as named by its snapshot in the hub's cache.
    """
    named = read_adapter_config(adapter).get("base_model_name_or_path")
    if not isinstance(named, str) or not named:
        return None
    found = str(_local_base(named, adapter) or named)
    cached = f"models--{named.replace('/', '--')}"
    if spec.base in (named, found) or cached in Path(spec.base).parts:
        return True
    here, there = Path(spec.base), Path(found)
    if not here.is_absolute() and "/" not in spec.base:
        return Path(named).name == spec.base
    return is_folder(here) and is_folder(there) and here.samefile(there)


def context_of(config: dict[str, Any]) -> int:
    """Return the context length in tokens that a config.json states, or a safe small one."""
    text = config.get("text_config")
    for table in (config, text if isinstance(text, dict) else {}):
        for key in _CONTEXT_KEYS:
            if isinstance(table.get(key), int) and table[key] > 0:
                return int(table[key])
    return _FALLBACK_CONTEXT


def _unknown(ref: str) -> ModelError | UsageError:
    """The error for what is neither a name, a folder nor a hub id; a file among them."""
    path = expanded(ref)
    try:
        there = path.exists()
    except (OSError, ValueError):
        there = False
    if there:
        return no_folder(path)
    known = list_models()
    shown = ref if len(ref) <= _LONGEST_SHOWN else f"{ref[:_LONGEST_SHOWN]}…"
    return UsageError(
        f"there is no model '{shown}'{did_you_mean(shown, known)}\n"
        f"shipped: {', '.join(known)}\n"
        "or a folder that exists, a hub id like Qwen/Qwen3-4B-Instruct-2507, or a model on a "
        "server like openai:http://localhost:8000/v1#name"
    )
