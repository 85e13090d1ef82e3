"""What a model is, by content: hashes of weights and template, versions, and the machine."""

from __future__ import annotations

import os
import platform
from functools import lru_cache
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any

from harness.core.errors import ModelError
from harness.core.files import Unreadable, open_regular
from harness.core.seeds import content_hash
from harness.core.specs import ModelSpec
from harness.models.template import FOLDED, folds_system, template_hash

LIBRARIES = ("torch", "transformers", "peft", "bitsandbytes", "tokenizers", "safetensors")
_HEX_DIGITS = 64  # of a SHA-256


def base_hash(folder: Path) -> str:
    """Return the SHA-256 over the safetensors files and config.json of a base.

    Files count by name and content, so a folder and a hub snapshot of the same weights
    have one hash. Raises ModelError when `folder` holds no safetensors.
    """
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ModelError(f"{folder}: no safetensors files in it")
    files += [path for path in (folder / "config.json",) if path.is_file()]
    parts = [part for path in files for part in (path.name, file_hash(path))]
    return content_hash(*parts, length=_HEX_DIGITS)


def adapter_hash(folder: Path) -> str:
    """Return the SHA-256 over an adapter's weights and configuration."""
    files = [folder / "adapter_model.safetensors", folder / "adapter_config.json"]
    return content_hash(*(file_hash(path) for path in files), length=_HEX_DIGITS)


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file as hex digits. Raises ModelError for what is no file.

    In the hub's cache a large file is a link to a blob named by its SHA-256, which is
    taken at its word: hashing 26 GB again would cost a minute.
    """
    blob = path.resolve()
    if path.is_symlink() and blob.parent.name == "blobs" and len(blob.name) == _HEX_DIGITS:
        return blob.name
    try:
        with open_regular(blob) as file:
            stat = os.fstat(file.fileno())
    except Unreadable as error:
        raise ModelError(f"{path}: {error}") from None
    return _hash_content(blob, stat.st_size, stat.st_mtime_ns)


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that shape a model's output."""
    return {name: metadata.version(name) for name in LIBRARIES}


def identify(
    spec: ModelSpec, *, folder: Path, adapter: Path | None, tokenizer: Any, device: str,
    dtype: str, compute_path: str,
) -> dict[str, Any]:  # fmt: skip
    """Return a model's identity as plain data.

    Content (bases, adapter, quantisation, template) comes first; `machine` holds what can
    change the last digits of a logit but not what the model is.
    """
    import torch

    return {
        "name": spec.name,
        "base": spec.base if "/" in spec.base and not Path(spec.base).is_absolute()
        else Path(spec.base).name,
        "base_hash": base_hash(folder),
        "revision": spec.revision,
        "adapter_hash": adapter_hash(adapter) if adapter else None,
        "quantisation": spec.quantisation,
        "quantisation_source": spec.quantisation_source,
        "double_quantisation": spec.double_quantisation and spec.quantisation in ("nf4", "fp4"),
        "template_hash": template_hash(tokenizer),
        **({"system_role": FOLDED} if folds_system(tokenizer) else {}),
        "context": spec.context,
        "libraries": library_versions(),
        "machine": {
            "device": device,
            "device_name": torch.cuda.get_device_name() if device == "cuda" else cpu_name(),
            "dtype": dtype,
            "compute_path": compute_path,
            "threads": torch.get_num_threads(),
        },
    }  # fmt: skip


@lru_cache(maxsize=64)
def _hash_content(path: Path, size: int, modified_ns: int) -> str:
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def cpu_name() -> str:
    """The processor as it calls itself."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
