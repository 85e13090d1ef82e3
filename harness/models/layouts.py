"""What lies in a folder, or in a file, that is handed over as a model and is none.

Trainers have layouts of their own. The message says what is there and what to type: the
folder below in which the adapter lies, or the way to make one that can be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from harness.core.errors import ModelError

_DEEP = 2  # levels of folders below that are looked through
_MOST = 2000  # entries that are looked at
_NAMED = 6  # folders that a message names
_GGUF = (
    "GGUF, which is not read here: serve it ('llama-server -m {file}') and audit it as "
    "openai:http://localhost:8080/v1, or name the model in safetensors that it was made from"
)
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar")
_ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")


def no_model(folder: Path, *, typed: Path | None = None) -> ModelError:
    """The error for a folder with neither a model's nor an adapter's config in it.

    typed: the folder as the user named it, for names below it that can be typed likewise.
    """
    adapters, models, files, folders = _look(folder)
    lying = [
        f"{kind} lie in {_some(folder, found, typed or folder)}"
        for kind, found in (("adapters", adapters), ("models", models))
        if found
    ]
    if lying:
        return ModelError(f"{folder}: no model itself; {', '.join(lying)}: name one")
    names = {path.name for path in files}
    ends = {path.suffix.lower(): path.name for path in files}
    if ".gguf" in ends:
        return ModelError(f"{folder}: {_GGUF.format(file=folder / ends['.gguf'])}")
    if "adapters.safetensors" in names:
        return ModelError(
            f"{folder}: an adapter of MLX, whose layout is not read: make one model of it with "
            "'mlx_lm.fuse --de-quantize' and audit that folder with --as-is"
        )
    if ".distcp" in ends or any(_is_sharded(path.name) for path in [*files, *folders]):
        return ModelError(
            f"{folder}: a checkpoint of a trainer on several devices, in parts that only it can "
            "read: save the adapter or the model from there with save_pretrained (DeepSpeed: "
            "zero_to_fp32.py; FSDP: accelerate merge-weights) and name that folder"
        )
    if "adapter_model.safetensors" in names:
        return ModelError(
            f"{folder}: holds adapter_model.safetensors and no adapter_config.json, which tells "
            "its base and its rank: copy it there from where the adapter was saved"
        )
    if ".safetensors" in ends:
        return ModelError(
            f"{folder}: holds weights ({ends['.safetensors']}) and no config.json, which tells "
            "their architecture: copy it there, with the tokenizer's files, from the model's base"
        )
    pickles = [ends[end] for end in _PICKLES if end in ends]
    if pickles:
        return ModelError(
            f"{folder}: holds pickled weights ({pickles[0]}), which can run any code when they "
            "are read, and no config.json or adapter_config.json: save the model again with "
            "save_pretrained"
        )
    packed = [ends[end] for end in _ARCHIVES if end in ends]
    if packed:
        return ModelError(f"{folder}: holds an archive: unpack {packed[0]} and name its folder")
    return ModelError(
        f"{folder}: neither config.json (a model) nor adapter_config.json (an adapter) is in it"
    )


def no_folder(path: Path) -> ModelError:
    """The error for a file that was handed over in place of its folder."""
    end = path.suffix.lower()
    if end == ".gguf":
        return ModelError(f"{path}: {_GGUF.format(file=path)}")
    if end in _ARCHIVES:
        return ModelError(f"{path}: an archive: unpack it and name the folder")
    around = path.parent
    if not path.is_file():
        return ModelError(f"{path}: neither a folder nor a file: name the model's folder")
    if (around / "config.json").is_file() or (around / "adapter_config.json").is_file():
        return ModelError(f"{path}: a file of a model: name its folder, {around}")
    if end in _PICKLES:
        return ModelError(
            f"{path}: pickled weights, which can run any code when they are read: save the model "
            "again with save_pretrained, and name its folder"
        )
    return ModelError(f"{path}: a file, and no model: name a folder with a model or an adapter")


def refuse_pickles(folder: Path) -> None:
    """Raise ModelError when `folder` has weights, but only as pickles, which run code."""
    if any(folder.glob("*.safetensors")):
        return
    pickles = sorted(p.name for kind in ("*.bin", "*.pt", "*.pth") for p in folder.glob(kind))
    if pickles:
        raise ModelError(
            f"{folder}: only pickled weights ({', '.join(pickles[:3])}), which can run any code "
            "when they are read: save the model again with safe_serialization=True"
        )
    raise no_weights(folder)


def no_weights(folder: Path) -> ModelError:
    """The error for a folder with a model's config and no weights in safetensors or pickles."""
    adapters, models, files, _ = _look(folder)
    gguf = [path for path in files if path.suffix.lower() == ".gguf"]
    if gguf:
        return ModelError(f"{folder}: {_GGUF.format(file=gguf[0])}")
    below = [*adapters, *models]
    if below:
        return ModelError(
            f"{folder}: no weights (*.safetensors) in it; models or adapters lie in "
            f"{_some(folder, below, folder)}: name one"
        )
    return ModelError(f"{folder}: no weights (*.safetensors) in it")


def _look(folder: Path) -> tuple[list[Path], list[Path], list[Path], list[Path]]:
    """Folders below with an adapter, with a model; files and folders right in `folder`."""
    adapters, models = [], []
    left = iter(range(_MOST))
    files, folders = _entries(folder, left)
    level = folders
    for _ in range(_DEEP):
        below: list[Path] = []
        for inner in level:
            held, more = _entries(inner, left)
            names = {path.name for path in held}
            if names.intersection(_ADAPTER_FILES):
                adapters.append(inner)
            elif "config.json" in names:
                models.append(inner)
            below += more
        level = below
    return sorted(adapters, key=_by_number), sorted(models, key=_by_number), files, folders


def _entries(folder: Path, left: Iterator[int]) -> tuple[list[Path], list[Path]]:
    """Files and folders in a folder; links to folders are not followed."""
    files: list[Path] = []
    folders: list[Path] = []
    try:
        for path in folder.iterdir():
            if next(left, None) is None:
                break
            inner = path.is_dir() and not path.is_symlink()
            (folders if inner else files).append(path)
    except OSError:
        pass
    return files, folders


def _is_sharded(name: str) -> bool:
    """Whether a file or folder is of a checkpoint in parts: DeepSpeed, FSDP, Megatron."""
    return bool(
        re.match(
            r"global_step\d|iter_\d{5}|mp_rank_|pytorch_model_fsdp|zero_to_fp32|bf16_zero", name
        )
    )


def _some(folder: Path, found: list[Path], typed: Path) -> str:
    names = [str(typed / path.relative_to(folder)) for path in found]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    chosen = names if not more else names[-_NAMED:]
    return ", ".join(chosen) + more


def _by_number(path: Path) -> list[tuple[int, str]]:
    """checkpoint-100 before checkpoint-1000."""
    return [
        (int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", str(path))
    ]
