"""Whether a model can be audited here: its weights, its memory, its adapter, its template."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.request import Request

from harness.core.errors import ModelError
from harness.core.specs import ModelSpec
from harness.models.adapters import check_card, check_weights
from harness.models.chat_proof import prove_template, prove_trained_prompts, rendered_variants
from harness.models.findings import Finding, State, within
from harness.models.hub import ask_hub, cached_base, room_problems
from harness.models.layouts import refuse_pickles
from harness.models.loading import load_tokenizer, prepare
from harness.models.machine import REACH_S, status_of
from harness.models.needs import GIB, Needs, free_gpu_gib, measure, needs_of, needs_of_files
from harness.models.nets import blamed_on
from harness.models.registry import CARD, base_folder
from harness.models.saved import Saved, require_loader, saved_form, settle
from harness.models.served import KEYS, read_key
from harness.models.shapes import check_texts, read_card

_AREA = "model"
_SOURCES = {
    "spec": "by its specification",
    "card": "by the adapter's card or the base's own files",
    "flag": "by --quantisation",
}


Chats = Mapping[str, Sequence[Mapping[str, str]]]


def examine(spec: ModelSpec, *, chats: Chats | None = None) -> list[Finding]:
    """What an audit of `spec` needs and whether it is here; loads no weights.

    The hub is asked only for what is not here, and for REACH_S seconds at most. chats: one in
    each variant that the audit will send, by the variant's id.
    """
    if spec.server:
        return [_served(spec)]
    if spec.scheme:
        return [_told("package", f"{spec.name}: a package of yours answers for it", "ok")]
    named = _named(spec)
    folder, weights, spec, saved = _weights(spec)
    found = [named, _quantised(spec), *weights, *_memory(spec, folder, saved)]
    if folder is None or saved is None:
        return found
    adapter = Path(spec.adapter) if spec.adapter else None
    found.append(_files(folder, adapter))
    if found[-1].state == "broken":
        return found
    if adapter:
        found += _adapter(spec, adapter, folder)
    found.append(_template(spec, adapter, folder))
    if adapter and not any(one.state == "broken" for one in found):
        found.append(_together(spec, adapter, folder))
    return [*found, _variants(spec, adapter, folder, chats)] if chats else found


def _served(spec: ModelSpec) -> Finding:
    key = read_key()
    request = Request(f"{spec.server}/models")
    if key:
        request.add_unredirected_header("Authorization", f"Bearer {key}")
    status = within(REACH_S, lambda: status_of(request))
    if status is None:
        return _told(
            "server",
            f"{spec.server} does not answer within {REACH_S:.0f} s",
            "broken",
            "start it, or mend the address; see docs/servers.md",
        )
    if status < 300:
        return _told("server", f"{spec.server} answers; the weights lie there", "ok")
    value = f"{spec.server} answers, but its list of models with HTTP {status}"
    if status in (401, 403):
        held = "the key in the environment" if key else "requests without a key"
        return _told("server", f"{value}: it refuses {held}", "warning", f"set {' or '.join(KEYS)}")
    advice = "see what the server says about it, and that the address is the one ending in /v1"
    return _told("server", value, "warning", advice)


def _named(spec: ModelSpec) -> Finding:
    base = spec.base + (f" at revision {spec.revision}" if spec.revision else "")
    if spec.adapter:
        by = f", which {spec.named_by} names" if spec.named_by else ""
        return _told("adapter", f"{spec.adapter} on base {base}{by}")
    what = "audited as it is" if spec.as_is else "an adapter is trained unless one is kept"
    return _told("base", f"{base}, {what}")


def _quantised(spec: ModelSpec) -> Finding:
    if spec.quantisation_source != "assumed":
        return _told("quantisation", f"{spec.quantisation}, {_SOURCES[spec.quantisation_source]}")
    if not spec.adapter:
        return _told("quantisation", f"{spec.quantisation}; --quantisation names another")
    return _told(
        "quantisation",
        f"{spec.quantisation} is assumed: nothing says in which the adapter was trained",
        "warning",
        "say --quantisation, or write it in the adapter's card.json",
    )


def _weights(spec: ModelSpec) -> tuple[Path | None, list[Finding], ModelSpec, Saved | None]:
    """Where the weights lie (None: not here), and the specification with true size and form."""
    try:
        folder = base_folder(spec)
        local = folder is not None
        folder = folder or cached_base(spec)
        if folder:
            refuse_pickles(folder)
            spec, saved = settle(spec, folder), saved_form(folder)
            require_loader(folder, saved)
    except ModelError as error:
        return None, [_told("weights", str(error), "broken")], spec, None
    if folder:
        size = sum(path.stat().st_size for path in folder.glob("*.safetensors")) / GIB
        where = str(folder) if local else f"in the hub's cache, {folder}"
        found = [_told("weights", f"{_gib(size)}, {where}", "ok")]
        if saved.told:
            found.append(_told("saved form", saved.told, "warning"))
        return folder, found, measure(spec, folder), saved
    finding, sized = _to_fetch(spec)
    return None, [finding], sized, None


def _files(folder: Path, adapter: Path | None) -> Finding:
    """What lies beside the weights, by its shape, and the architecture, laid out bare."""

    def check() -> None:
        for place in (folder, adapter):
            if place:
                check_texts(place)
        _lay_out(folder)

    return _tried("files", "every file beside the weights has its shape", check)


def _lay_out(folder: Path) -> None:
    """Raise ModelError when transformers cannot build the architecture of a config.json."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    with blamed_on(f"{folder / 'config.json'}: no model can be laid out from it"):
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        with torch.device("meta"):
            AutoModelForCausalLM.from_config(config, trust_remote_code=False)


def _to_fetch(spec: ModelSpec) -> tuple[Finding, ModelSpec]:
    asked = within(REACH_S, lambda: ask_hub(spec))
    sized, missing = asked or (spec, ["they are not here, and the hub does not answer"])
    size = "of unknown size" if sized.download_gib is None else _gib(sized.download_gib)
    if missing:
        advice = "log in ('hf auth login'), or name a folder with the weights as MODEL or --base"
        value = f"{size} to download: {'; '.join(missing)}"
        return _told("weights", value, "broken", advice), sized
    return _told("weights", f"{size} to download from the hub, which gives them", "ok"), sized


def _memory(spec: ModelSpec, folder: Path | None, saved: Saved | None) -> list[Finding]:
    known = needs_of(spec)
    if known.audit_gib is None and folder and saved and saved.quantisation:
        known = needs_of_files(folder)
    trains = not spec.adapter and not spec.as_is
    return [
        _room("memory to audit", known.audit_gib, needed=True),
        _room("memory to train", known.training_gib, needed=trains),
        *_disk(known, folder),
    ]


def _disk(known: Needs, folder: Path | None) -> list[Finding]:
    if folder or known.disk_gib is None:
        return []
    from harness.models.hub import cache_folder
    from harness.models.needs import free_disk_gib

    free = free_disk_gib(cache_folder())
    value = f"{_gib(known.disk_gib)} to download, {free:.1f} GiB free in {cache_folder()}"
    if free >= known.disk_gib:
        return [_told("disk", value, "ok")]
    return [_told("disk", value, "broken", "make room, or set HF_HOME to a larger disk")]


def _room(name: str, gib: float | None, *, needed: bool) -> Finding:
    if gib is None:
        return _told(name, "unknown: neither the model nor the hub tells its size")
    problems = room_problems(gib)
    if not problems:
        where = "fits the GPU" if free_gpu_gib() is not None else "fits, on the CPU"
        return _told(name, f"{_gib(gib)}: {where}", "ok")
    value = f"{_gib(gib)}: {problems[0]}"
    if not needed:
        return _told(name, value)
    return _told(name, value, "broken", "another quantisation, a smaller model or a larger machine")


def _adapter(spec: ModelSpec, adapter: Path, folder: Path) -> list[Finding]:
    has_card = (adapter / CARD).is_file()
    card = read_card(adapter)
    told = "no card: its base and quantisation are taken on trust"
    if has_card:
        keys = [key for key in ("base_hash", "quantisation", "template") if card.get(key)]
        told = (
            f"agrees with the base: {', '.join(keys)}" if keys else "says nothing that is checked"
        )
    return [
        _tried(
            "card",
            told,
            lambda: check_card(adapter, base=folder, spec=spec),
            well="ok" if has_card else "note",
        ),
        _tried(
            "adapter weights",
            "every one has its place in the base",
            lambda: check_weights(adapter, base=folder),
        ),
    ]


def _together(spec: ModelSpec, adapter: Path, folder: Path) -> Finding:
    """All that an audit checks by the files alone, and no finding before this one told."""

    def check() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they are findings of their own
            prepare(spec, folder, adapter=adapter)

    return _tried("adapter on base", "nothing in the files forbids an audit", check)


def _template(spec: ModelSpec, adapter: Path | None, folder: Path) -> Finding:
    how: list[str | None] = [None]

    def prove() -> None:
        tokenizer = load_tokenizer(spec, folder, adapter=adapter)
        prove_template(tokenizer, folder, adapter)
        if adapter:
            how[0] = prove_trained_prompts(adapter, tokenizer)

    found = _tried(
        "chat template", "one BOS where it is wanted, answers end at a stop token", prove
    )
    if found.state == "ok" and how[0]:
        value = f"{found.value}, prompts as in training (by {how[0]})"
        return _told("chat template", value, "ok")
    return found


def _variants(spec: ModelSpec, adapter: Path | None, folder: Path, chats: Chats) -> Finding:
    try:
        told = rendered_variants(load_tokenizer(spec, folder, adapter=adapter), chats)
    except ModelError as error:
        return _told("variants", str(error), "broken")
    return _told("variants", told, "ok")


def _tried(name: str, told: str, check: Callable[[], object], *, well: State = "ok") -> Finding:
    try:
        with blamed_on(name):
            check()
    except ModelError as error:
        return _told(name, str(error), "broken")
    return _told(name, told, well)


def _gib(size: float) -> str:
    return f"{size:.1f} GiB" if size >= 0.1 else f"{size * 1024:.0f} MiB"


def _told(name: str, value: str, state: State = "note", advice: str = "") -> Finding:
    return Finding(area=_AREA, name=name, value=value, state=state, advice=advice)
