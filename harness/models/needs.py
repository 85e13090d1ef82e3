"""What a model needs of a machine, told before anything is fetched or loaded."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from harness.core.errors import ModelError
from harness.core.specs import ModelSpec
from harness.models.headers import form_of, read_headers

GIB = 1024**3
_BITS = {"nf4": 4.0, "fp4": 4.0, "int8": 8.0}
_SCALE_BITS = 0.5  # one float32 per 64 weights
_DOUBLE_SCALE_BITS = 0.127  # Source: Dettmers et al. 2023, "QLoRA", section 3
_KEPT_BYTES = 2  # embeddings and head stay in 16 bits
_KEPT = ("embed_tokens", "lm_head", "wte")  # what stays unquantised, by name
_WORKSPACE_GIB = 1.5  # activations, keys and values of a batch, libraries
_SMALL = 100_000_000  # parameters below which the workspace is nothing to speak of
# Rank 16 on all linears: about 0.6% more weights, each with gradient and two moments in
# float32, and checkpointed activations of one sequence of 512 tokens.
_TRAINED_SHARE = 0.006
_TRAINED_BYTES = 16


@dataclass(frozen=True, kw_only=True)
class Needs:
    """Sizes in GiB; estimates from the parameter count, None where that is unknown."""

    disk_gib: float | None
    audit_gib: float | None
    training_gib: float | None


def needs_of(spec: ModelSpec) -> Needs:
    """Return what `spec` needs to be fetched, audited and trained on."""
    if spec.parameters is None:
        return Needs(disk_gib=spec.download_gib, audit_gib=None, training_gib=None)
    weights = weights_gib(spec)
    if spec.parameters < _SMALL:
        return Needs(disk_gib=spec.download_gib, audit_gib=4 * weights, training_gib=8 * weights)
    trained = spec.parameters * _TRAINED_SHARE * _TRAINED_BYTES / GIB
    return Needs(
        disk_gib=spec.download_gib,
        audit_gib=weights + _WORKSPACE_GIB,
        training_gib=weights + trained + 2 * _WORKSPACE_GIB,
    )


def needs_of_files(folder: Path) -> Needs:
    """Return what a model saved in 4 or 8 bits needs: its files are what lies in memory."""
    weights = sum(path.stat().st_size for path in folder.glob("*.safetensors")) / GIB
    small = weights * GIB < _SMALL
    audit = 4 * weights if small else weights + _WORKSPACE_GIB
    training = 8 * weights if small else weights * 1.1 + 2 * _WORKSPACE_GIB
    return Needs(disk_gib=weights, audit_gib=audit, training_gib=training)


def weights_gib(spec: ModelSpec) -> float:
    """Return the size of the weights in memory at the spec's quantisation, in GiB."""
    total = spec.parameters or 0
    bits = _BITS.get(spec.quantisation)
    if bits is None:
        return total * _KEPT_BYTES / GIB
    if spec.quantisation != "int8":
        bits += _DOUBLE_SCALE_BITS if spec.double_quantisation else _SCALE_BITS
    quantised = total - spec.kept_parameters
    return (quantised * bits / 8 + spec.kept_parameters * _KEPT_BYTES) / GIB


def measure(spec: ModelSpec, folder: Path) -> ModelSpec:
    """Return `spec` with its parameters counted from the headers of the files in `folder`.

    A spec that states them, or a folder that is quantised already, is returned as it is, and so
    is one whose files cannot be read: loading says what is wrong with them.
    """
    if spec.parameters is not None:
        return spec
    try:
        held = read_headers(folder)
        if form_of(held, where=folder) is not None:
            return spec
    except ModelError:
        return spec
    total = sum(one.elements for one in held.values())
    kept = sum(one.elements for name, one in held.items() if any(part in name for part in _KEPT))
    if not total:
        return spec
    return spec.model_copy(update={"parameters": total, "kept_parameters": kept})


def free_memory_gib() -> float:
    """Return the memory a model may still take here, in GiB, a container's limit included."""
    free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                free = int(line.split()[1]) * 1024 / GIB
    limit = Path("/sys/fs/cgroup/memory.max")
    used = Path("/sys/fs/cgroup/memory.current")
    if limit.is_file() and used.is_file() and limit.read_text().strip().isdigit():
        free = min(free, (int(limit.read_text()) - int(used.read_text())) / GIB)
    return free


def free_gpu_gib() -> float | None:
    """Return the free memory of the first GPU in GiB, or None where there is no GPU."""
    import torch

    if not torch.cuda.is_available():
        return None
    return float(torch.cuda.mem_get_info()[0]) / GIB


def free_disk_gib(folder: Path) -> float:
    """Return the free disk space where `folder` is or would be, in GiB."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free / GIB
