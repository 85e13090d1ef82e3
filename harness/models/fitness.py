"""Whether a model can be audited here: its weights, its memory, its adapter, its template."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.request import Request

from harness.errors import ModelError
from harness.models.adapters import check_card, check_weights
from harness.models.chat_proof import prove_template, prove_trained_prompts, rendered_variants
from harness.models.findings import Finding, State, within
from harness.models.hub import ask_hub, cached_base, room_problems
from harness.models.loading import load_tokenizer, refuse_pickles
from harness.models.machine import REACH_S, status_of
from harness.models.needs import GIB, Needs, free_gpu_gib, measure, needs_of, needs_of_files
from harness.models.registry import CARD, base_folder, read_json
from harness.models.served import KEYS, read_key
from harness.specs import ModelSpec

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
    found = [_named(spec), _quantised(spec)]
    folder, weights, spec = _weights(spec)
    found += [weights, *_memory(spec, folder)]
    if folder is None:
        return found
    adapter = Path(spec.adapter) if spec.adapter else None
    if adapter:
        found += _adapter(spec, adapter, folder)
    found.append(_template(spec, adapter, folder))
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
        return _told("adapter", f"{spec.adapter} on base {base}")
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


def _weights(spec: ModelSpec) -> tuple[Path | None, Finding, ModelSpec]:
    """Where the weights lie (None: not here), and the specification with its true size."""
    try:
        folder = base_folder(spec)
        local = folder is not None
        folder = folder or cached_base(spec)
        if folder:
            refuse_pickles(folder)
    except ModelError as error:
        return None, _told("weights", str(error), "broken"), spec
    if folder:
        size = sum(path.stat().st_size for path in folder.glob("*.safetensors")) / GIB
        where = str(folder) if local else f"in the hub's cache, {folder}"
        return folder, _told("weights", f"{_gib(size)}, {where}", "ok"), measure(spec, folder)
    return None, *_to_fetch(spec)


def _to_fetch(spec: ModelSpec) -> tuple[Finding, ModelSpec]:
    asked = within(REACH_S, lambda: ask_hub(spec))
    sized, missing = asked or (spec, ["they are not here, and the hub does not answer"])
    size = "of unknown size" if sized.download_gib is None else _gib(sized.download_gib)
    if missing:
        advice = "log in ('hf auth login'), or name a folder with the weights as MODEL or --base"
        value = f"{size} to download: {'; '.join(missing)}"
        return _told("weights", value, "broken", advice), sized
    return _told("weights", f"{size} to download from the hub, which gives them", "ok"), sized


def _memory(spec: ModelSpec, folder: Path | None) -> list[Finding]:
    known = needs_of(spec)
    if known.audit_gib is None and folder and "quantization_config" in _config(folder):
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
    card = read_json(adapter / CARD) if has_card else {}
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
        check()
    except ModelError as error:
        return _told(name, str(error), "broken")
    return _told(name, told, well)


def _config(folder: Path) -> dict[str, object]:
    return read_json(folder / "config.json")


def _gib(size: float) -> str:
    return f"{size:.1f} GiB" if size >= 0.1 else f"{size * 1024:.0f} MiB"


def _told(name: str, value: str, state: State = "note", advice: str = "") -> Finding:
    return Finding(area=_AREA, name=name, value=value, state=state, advice=advice)
