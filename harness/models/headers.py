"""What safetensors files hold, told by their headers alone; and in what form, told by names.

A file starts with eight bytes of length and a JSON object of names, formats, shapes and
places. Names and formats say more than any config: `weight.quant_state.bitsandbytes__fp4`
is fp4 whatever the config beside it says. No weight is read.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from harness.core.bounded import parse_json
from harness.core.errors import ModelError
from harness.core.files import Unreadable, open_regular
from harness.models.shapes import read_json, shown

WHOLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
_MOST_HEADER = 100_000_000  # bytes, as the safetensors library has it
_MOST_BLOB = 1 << 16  # bytes of a quant_state; they have about 200
_STATE = ".quant_state.bitsandbytes__"
_PLAIN = ("F64", "F32", "F16", "BF16")
_EIGHT_BITS = ("F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ")
_BITS = {"F64": 64, "I64": 64, "U64": 64, "F32": 32, "I32": 32, "U32": 32, "C64": 64, "F16": 16,
         "BF16": 16, "I16": 16, "U16": 16, "I8": 8, "U8": 8, "BOOL": 8, "F8_E8M0": 8, "F4": 4,
         "F6_E2M3": 6, "F6_E3M2": 6} | dict.fromkeys(_EIGHT_BITS, 8)  # fmt: skip
# Ends of names that only one way of quantising writes.
_MARKS = (
    (".SCB", "int8"),
    (".weight_packed", "compressed-tensors"),
    (".W_q", "hqq"),
    (".codebooks", "aqlm"),
    (".centroids.weight", "vptq"),
    ("_blocks", "mxfp4"),
    (".weight_scale_inv", "fp8"),
)


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """One entry of a header. `begin`, `end`: bytes in its file, from the file's own start."""

    file: Path
    dtype: str  # as safetensors calls it: "BF16"
    shape: tuple[int, ...]
    begin: int
    end: int

    @property
    def elements(self) -> int:
        """How many numbers it holds, as its shape says."""
        return prod(self.shape)


def read_header(path: Path) -> dict[str, Tensor]:
    """What a safetensors file holds, by name.

    Raises ModelError for what is no regular file, empty, cut short, or no safetensors.
    """
    try:
        with open_regular(path) as file:
            size = file.seek(0, 2)
            file.seek(0)
            start = file.read(8)
            if len(start) < 8:
                raise Unreadable("empty" if not start else "cut short: it has no header")
            length = struct.unpack("<Q", start)[0]
            if length > _MOST_HEADER or 8 + length > size:
                raise Unreadable(
                    f"no safetensors file, or cut short: its header would have {length:,} bytes"
                )
            entries = parse_json(file.read(length))
        return _tensors(entries, path, start=8 + length, size=size)
    except (ValueError, OSError) as error:
        raise ModelError(
            f"{path}: damaged, cannot be loaded: {error}; fetch or save it again"
        ) from None


def weight_files(folder: Path) -> list[Path]:
    """The files that transformers takes a model's weights from, in the folder of its config.

    Raises ModelError where there are none, or where the index names missing ones or others
    outside the folder.
    """
    if (folder / WHOLE).exists():
        return [folder / WHOLE]
    if not (folder / INDEX).exists():
        other = sorted(path.name for path in folder.glob("*.safetensors"))
        if other:
            raise ModelError(
                f"{folder}: its weights should lie in {WHOLE}, or in files that {INDEX} names; "
                f"here lies {', '.join(other[:3])} and no index: fetch what is missing, or save "
                "the model again"
            )
        raise ModelError(f"{folder}: no weights (*.safetensors) in it")
    places = read_json(folder / INDEX).get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(one, str) for one in places.values()):
        raise ModelError(f"{folder / INDEX}: 'weight_map' gives no file for each weight")
    names = sorted(set(places.values()))
    if not names:
        raise ModelError(f"{folder / INDEX}: 'weight_map' names no weights")
    odd = [
        name
        for name in names
        if Path(name).name != name or "\\" in name or "\0" in name or len(name.encode()) > 255
    ]
    if odd:
        raise ModelError(f"{folder / INDEX}: 'weight_map' names {shown(odd[0])}, no file here")
    lost = [name for name in names if not (folder / name).exists()]
    if lost:
        some = ", ".join(lost[:3]) + (", ..." if len(lost) > 3 else "")
        raise ModelError(
            f"{folder}: {INDEX} names {len(names)} files, and {len(lost)} of them are missing "
            f"({some}): fetch them, or save the model again"
        )
    return [folder / name for name in names]


def read_headers(folder: Path) -> dict[str, Tensor]:
    """What a model's files hold, by name, over all shards.

    Raises ModelError as `weight_files` and `read_header` do, and where the index promises
    weights that no file holds.
    """
    files = weight_files(folder)
    held: dict[str, Tensor] = {}
    for path in files:
        held |= read_header(path)
    if files[0].name != WHOLE:
        lost = sorted(set(read_json(folder / INDEX)["weight_map"]) - held.keys())
        if lost:
            raise ModelError(
                f"{folder}: {INDEX} promises {len(lost)} weights that no file holds "
                f"({lost[0]}, ...): fetch or save the model again"
            )
    if not held:
        raise ModelError(f"{files[0]}: holds no weights")
    return held


def form_of(held: Mapping[str, Tensor], *, where: Path) -> str | None:
    """The quantisation in which weights are held: "nf4", "fp8", "gptq" ...; None for plain floats.

    "packed" where numbers are integers and no name says by whom. Raises ModelError for a
    mixture of 4-bit types and for a quant_state that contradicts its own name.
    """
    states = {name: name.rpartition(_STATE)[2] for name in held if _STATE in name}
    if states:
        kinds = sorted(set(states.values()))
        if len(kinds) > 1 or kinds[0] not in ("nf4", "fp4"):
            raise ModelError(f"{where}: its weights are a mixture of {', '.join(kinds)}")
        _check_blob(held[next(iter(states))], kinds[0], where=where)
        return kinds[0]
    if any(name.endswith(".qweight") for name in held):
        return "gptq" if any(name.endswith(".g_idx") for name in held) else "awq"
    for end, form in _MARKS:
        if any(name.endswith(end) for name in held):
            return form
    if any(one.dtype in _EIGHT_BITS for one in held.values()):
        return "fp8"
    matrices = [one for name, one in held.items() if name.endswith("weight")]
    plain = all(one.dtype in _PLAIN for one in matrices)
    return None if plain and _plain_bulk(held) else "packed"


def nested(held: Mapping[str, Tensor]) -> bool:
    """Whether the scales of 4-bit weights are quantised too (double quantisation)."""
    return any(name.endswith(".nested_absmax") for name in held)


def main_dtype(held: Mapping[str, Tensor]) -> str:
    """The format in which most numbers are held, as safetensors calls it."""
    counted: dict[str, int] = {}
    for one in held.values():
        counted[one.dtype] = counted.get(one.dtype, 0) + one.elements
    return max(counted, key=lambda dtype: counted[dtype])


def _plain_bulk(held: Mapping[str, Tensor]) -> bool:
    """Whether most numbers are floats: masks and positions kept as integers are small."""
    floats = sum(one.elements for one in held.values() if one.dtype in _PLAIN)
    return 2 * floats >= sum(one.elements for one in held.values())


def _check_blob(state: Tensor, kind: str, *, where: Path) -> None:
    """Raise ModelError where the JSON in a quant_state says another type than its name.

    bitsandbytes computes by the JSON, so a file that says both is not to be trusted.
    """
    if state.end - state.begin > _MOST_BLOB:
        raise ModelError(f"{where}: damaged: a quant_state of {state.end - state.begin:,} bytes")
    try:
        with open_regular(state.file) as file:
            file.seek(state.begin)
            said: Any = parse_json(file.read(state.end - state.begin))
        if not isinstance(said, dict):
            raise ValueError("no object")
    except (ValueError, OSError) as error:
        raise ModelError(f"{where}: damaged: a quant_state cannot be read: {error}") from None
    if said.get("quant_type") != kind:
        raise ModelError(
            f"{where}: damaged: its weights are called {kind}, and their quant_state says "
            f"{said.get('quant_type')!r}: save the model again"
        )


def _tensors(entries: Any, path: Path, *, start: int, size: int) -> dict[str, Tensor]:
    """The entries of a header, checked against the size of the file."""
    if not isinstance(entries, dict):
        raise ValueError("its header is no JSON object")
    found, end = {}, start
    for name, entry in entries.items():
        if name == "__metadata__":
            continue
        tensor = _tensor(name, entry, path, start=start)
        if tensor.end > size:
            raise ValueError(f"cut short: '{name[:80]}' ends at byte {tensor.end:,} of {size:,}")
        found[name], end = tensor, max(end, tensor.end)
    if end != size:
        raise ValueError(f"{size - end:,} bytes at its end belong to no weight")
    return found


def _are_counts(values: Any) -> bool:
    return isinstance(values, list) and all(
        isinstance(one, int) and not isinstance(one, bool) and one >= 0 for one in values
    )


def _tensor(name: str, entry: Any, path: Path, *, start: int) -> Tensor:
    whole = isinstance(entry, dict) and all(
        _are_counts(entry.get(key)) for key in ("shape", "data_offsets")
    )
    if not whole or len(entry["data_offsets"]) != 2 or not isinstance(entry.get("dtype"), str):
        raise ValueError(f"its header tells no format, shape and place of '{name[:80]}'")
    begin, end = entry["data_offsets"]
    tensor = Tensor(
        file=path, dtype=entry["dtype"], shape=tuple(entry["shape"]), begin=start + begin,
        end=start + end,
    )  # fmt: skip
    bits = _BITS.get(tensor.dtype)
    if bits is None:
        raise ValueError(f"'{name[:80]}' is of a format '{tensor.dtype[:20]}' that nobody knows")
    if tensor.elements * bits != 8 * (end - begin):
        raise ValueError(f"'{name[:80]}' has another size than its shape asks for")
    return tensor
