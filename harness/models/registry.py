"""From what a user calls a model to its specification: a name, a folder, or a hub id."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from harness.errors import ModelError, UsageError
from harness.models.served import is_served, served_model
from harness.paths import data_folder, home
from harness.specs import ModelSpec, did_you_mean, load_toml

QUANTISATIONS = ("nf4", "fp4", "int8", "none")
DEFAULT_MODEL = "storylm-4m-4bit"
ADAPTER_CONFIG = "adapter_config.json"
CARD = "card.json"
_HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*/[\w.-]+$")
_FALLBACK_CONTEXT = 2048  # tokens; where a config states none
# What architectures call their context length in config.json.
_CONTEXT_KEYS = ("max_position_embeddings", "n_positions", "n_ctx", "seq_length")


def list_models() -> tuple[str, ...]:
    """Return the names of the shipped specifications, sorted."""
    folder = data_folder("fixtures") / "models"
    return tuple(sorted(path.name.removesuffix(".toml") for path in folder.glob("*.toml")))


def resolve_model(
    ref: str, *, quantisation: str | None = None, base: str | None = None, as_is: bool = False
) -> ModelSpec:
    """Return the specification that `ref` names.

    ref: a name from `list_models`, a folder (a whole model, or a PEFT adapter, whose base
    is found through its card or `adapter_config.json`), a hub id "org/name", with
    "@revision" behind it if wanted, or "openai:http://host:port/v1#name", a model on a
    server. `quantisation` overrides the specification's; `base` (a name, a folder, a hub id)
    the base that an adapter folder names, and says nothing of a model on a server. `as_is`:
    the model is whole and no adapter belongs on it; a folder or a hub id is then loaded as
    its files were saved unless `quantisation` says otherwise.
    Raises UsageError for a name or a quantisation nobody knows and for a choice that the
    model does not leave, ModelError for a folder that holds no model.
    """
    if is_served(ref):
        if quantisation is not None or as_is:
            flag = "--as-is" if as_is else "--quantisation"
            raise UsageError(f"{flag} is the server's own affair: leave it out")
        return served_model(ref)
    if quantisation is not None and quantisation not in QUANTISATIONS:
        raise UsageError(
            f"quantisation '{quantisation}' is none of {', '.join(QUANTISATIONS)}"
            + did_you_mean(quantisation, QUANTISATIONS)
        )
    if ref in list_models():
        spec = load_toml(data_folder("fixtures") / "models" / f"{ref}.toml", ModelSpec)
    elif Path(ref).expanduser().is_dir():
        spec = _from_folder(Path(ref).expanduser().resolve(), base)
    elif _HUB_ID.match(ref.partition("@")[0]) and not ref.startswith((".", "/", "~")):
        hub_id, _, revision = ref.partition("@")
        spec = ModelSpec(
            name=hub_id.replace("/", "--"),
            base=hub_id,
            revision=revision or "main",
            context=_FALLBACK_CONTEXT,  # the loader reads the true one from config.json
            quantisation_source="assumed",
        )
    else:
        raise UsageError(_unknown(ref))
    if base is not None and not spec.adapter:
        raise UsageError(
            f"--base: only for a model on a server and for an adapter folder, which {ref} is not"
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
    if spec.server:
        raise UsageError(
            f"{spec.name}: this needs the weights, and a model on a server shows none: "
            "name a model from 'bordor models', a folder or a hub id"
        )
    path = Path(spec.base).expanduser()
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


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object. Raises ModelError when `path` is missing or holds none."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ModelError(f"{path}: not valid JSON: {error}") from None
    if not isinstance(data, dict):
        raise ModelError(f"{path}: not a JSON object")
    return data


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


def _from_folder(folder: Path, base: str | None = None) -> ModelSpec:
    if (folder / ADAPTER_CONFIG).is_file():
        return _from_adapter(folder, base)
    if not (folder / "config.json").is_file():
        raise ModelError(
            f"{folder}: neither config.json (a model) nor {ADAPTER_CONFIG} (an adapter) is in it"
        )
    config = read_json(folder / "config.json")
    saved = _saved_quantisation(config.get("quantization_config"))
    return ModelSpec(
        name=folder.name,
        base=str(folder),
        context=context_of(config),
        quantisation=saved or "nf4",
        quantisation_source="card" if saved else "assumed",
    )


def _from_adapter(folder: Path, asked: str | None) -> ModelSpec:
    config = read_json(folder / ADAPTER_CONFIG)
    card = read_json(folder / CARD) if (folder / CARD).is_file() else {}
    base = config.get("base_model_name_or_path")
    if asked is not None:
        spec = resolve_model(asked)
        if spec.adapter or spec.server:
            raise UsageError(f"--base {asked}: a base is a whole model, by name, folder or hub id")
        if spec.quantisation_source == "spec":  # chosen for adapters trained here, not for this
            spec = spec.model_copy(update={"quantisation_source": "assumed"})
    elif card.get("model") in list_models():
        spec = resolve_model(str(card["model"]))
    elif not isinstance(base, str) or not base:
        raise ModelError(
            f"{folder / ADAPTER_CONFIG}: names no base_model_name_or_path; "
            "say --base with the folder or hub id of the base"
        )
    else:
        spec = resolve_model(_local_base(base, folder))
        if config.get("revision") and on_hub(spec):  # a folder has no revisions
            spec = spec.model_copy(update={"revision": str(config["revision"])})
    update: dict[str, Any] = {"name": folder.name, "adapter": str(folder)}
    if card.get("quantisation") in QUANTISATIONS:
        update |= {"quantisation": card["quantisation"], "quantisation_source": "card"}
    return spec.model_copy(update=update)


def _local_base(base: str, adapter: Path) -> str:
    """Where the base that an adapter names lies: a folder, one beside it, or on the hub."""
    for place in (Path(base).expanduser(), adapter / base, adapter.parent / base):
        if (place / "config.json").is_file():
            return str(place)
    shipped = data_folder("fixtures") / "bases" / Path(base).name
    return str(shipped) if (shipped / "config.json").is_file() else base


def on_hub(spec: ModelSpec) -> bool:
    """Whether the spec's base is a hub id, and no folder or name."""
    return "/" in spec.base and not Path(spec.base).expanduser().is_absolute()


def names_base(adapter: Path, spec: ModelSpec) -> bool | None:
    """Whether an adapter's configuration names the base that `spec` puts it on.

    None where it names none. A hub id counts as named by its snapshot in the hub's cache.
    """
    named = read_json(adapter / ADAPTER_CONFIG).get("base_model_name_or_path")
    if not isinstance(named, str) or not named:
        return None
    found = _local_base(named, adapter)
    cached = f"models--{named.replace('/', '--')}"
    if spec.base in (named, found) or cached in Path(spec.base).parts:
        return True
    here, there = Path(spec.base).expanduser(), Path(found).expanduser()
    if not here.is_absolute() and "/" not in spec.base:
        return Path(named).name == spec.base
    return here.is_dir() and there.is_dir() and here.samefile(there)


def _saved_quantisation(saved: Any) -> Any:
    """The quantisation a folder was saved in, from the quantization_config of its config."""
    if not isinstance(saved, dict):
        return None
    if saved.get("load_in_8bit"):
        return "int8"
    kind = saved.get("bnb_4bit_quant_type") if saved.get("load_in_4bit") else None
    return kind if kind in QUANTISATIONS else None


def context_of(config: dict[str, Any]) -> int:
    """Return the context length in tokens that a config.json states, or a safe small one."""
    text = config.get("text_config")
    for table in (config, text if isinstance(text, dict) else {}):
        for key in _CONTEXT_KEYS:
            if isinstance(table.get(key), int) and table[key] > 0:
                return int(table[key])
    return _FALLBACK_CONTEXT


def _unknown(ref: str) -> str:
    known = list_models()
    return (
        f"there is no model '{ref}'{did_you_mean(ref, known)}\n"
        f"shipped: {', '.join(known)}\n"
        "or a folder that exists, a hub id like Qwen/Qwen3-4B-Instruct-2507, or a model on a "
        "server like openai:http://localhost:8000/v1#name"
    )
