"""One resident base that its adapters take turns on: read and quantised once.

Reading and quantising a base costs seconds for each hundred million parameters on a CPU; an
adapter is put on it in a fraction of that. The base is kept as it was before anything was
attached: each adapter finds what a fresh load would give it, and answers the same to the
last bit, in whatever order they come.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.core.specs import ModelSpec
from harness.models.hub import cached_base, fetch_base, require_memory
from harness.models.identity import base_hash, file_hash
from harness.models.loading import (
    Base,
    Chat,
    LoadedModel,
    Prepared,
    complete,
    load_base,
    prepare,
    try_base,
)
from harness.models.registry import base_folder


class Resident:
    """Holds at most one base. Owned by a command that audits several models, one at a time.

    The model attached last is the one in force; an earlier one is `retired` and refuses to
    answer. For inference only: training takes a base of its own.
    """

    def __init__(self) -> None:
        self.loads = 0  # how often a base was read
        self._base: Base | None = None
        self._key: tuple[Any, ...] = ()
        self._bare: _Modules | None = None  # of the base, as it was loaded
        self._current: LoadedModel | None = None

    def attach(
        self, spec: ModelSpec, adapter: Path | None = None, probes: Sequence[Chat] = ()
    ) -> LoadedModel:
        """What `load_model` would return, on the base that is held where it is the same one.

        Every check of a fresh load is made. Another base is let go before this one is read.
        An adapter that may change its base (more than plain LoRA) gets a fresh one, which no
        other will use. Raises ModelError as `load_model` does; an adapter that is refused by
        its files, or a plain one by the base that is held, leaves the one before it in force.
        """
        prepared = self._prepare(spec, adapter)
        plain = prepared.plain
        key = _key(prepared)
        if self._base is None or key != self._key or not plain:
            self.release()
            require_memory(prepared.sized)
            self._read(prepared, key)
        assert self._base is not None and self._bare is not None
        before = _Modules(self._base.model) if plain else None  # or two bases would be held
        self._bare.restore()
        try:
            reference = try_base(self._base, prepared, probes)
            if reference and not plain and spec.quantisation != "none":
                self._forget()  # as in `load_model`
                self._read(prepared, key)
            loaded = complete(self._base, prepared, reference=reference)
        except BaseException:
            if before:
                before.restore()
            else:
                self.release()
            raise
        self._retire()
        self._current = loaded
        if not plain:
            self._forget()
        return loaded

    def release(self) -> None:
        """Let the base go, with what is attached to it, and give its memory back."""
        if self._base is None and self._current is None:
            return
        self._retire()
        self._forget()
        gc.collect()  # models hold themselves by rings of references
        if "torch" in sys.modules and sys.modules["torch"].cuda.is_initialized():
            sys.modules["torch"].cuda.empty_cache()

    def _read(self, prepared: Prepared, key: tuple[Any, ...]) -> None:
        self._base, self._key = load_base(prepared), key
        self._bare = _Modules(self._base.model)
        self.loads += 1

    def _prepare(self, spec: ModelSpec, adapter: Path | None) -> Prepared:
        folder = base_folder(spec) or cached_base(spec)
        if folder is None:
            self.release()  # another base, which may need the memory of this one
            folder = fetch_base(spec)
        return prepare(spec, folder, adapter=adapter)

    def _retire(self) -> None:
        if self._current is not None:
            self._current.retired = True
            self._current.model = None
            self._current.folded.clear()
        self._current = None

    def _forget(self) -> None:
        self._base, self._bare, self._key = None, None, ()


class _Modules:
    """What hangs where in a model: modules, parameters, buffers, hooks and attributes.

    peft and the folding put other modules in the places of a base's linears and leave
    these as they are, so hanging them back makes the base what it was. Numbers inside
    weights are not kept: a quantised weight may stay packed for this CPU.
    """

    def __init__(self, model: Any) -> None:
        self._kept = [
            (module, dict(vars(module)), _contents(vars(module))) for module in model.modules()
        ]

    def restore(self) -> None:
        """Hang everything back. Dictionaries stay the same ones: hooks are known by theirs."""
        for module, attributes, contents in self._kept:
            vars(module).clear()
            vars(module).update(attributes)
            for name, content in contents.items():
                attributes[name].clear()
                attributes[name].update(content)


def _contents(attributes: dict[str, Any]) -> dict[str, dict[Any, Any]]:
    """What is in the dictionaries among a module's attributes: its modules, weights, hooks."""
    return {name: dict(value) for name, value in attributes.items() if isinstance(value, dict)}


def _key(prepared: Prepared) -> tuple[Any, ...]:
    """What makes two loads of a base the same, by content."""
    spec = prepared.spec
    stops = prepared.folder / "generation_config.json"
    return (
        base_hash(prepared.folder),
        file_hash(stops) if stops.is_file() else None,
        spec.quantisation,
        spec.double_quantisation,
        prepared.device,
        str(prepared.dtype),
    )
