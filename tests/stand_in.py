"""Folders that count as an adapter and its base for everything but loading them."""

from __future__ import annotations

import json
from pathlib import Path

EMPTY = (2).to_bytes(8, "little") + b"{}"  # a safetensors file without tensors


def adapter_folder(place: Path, name: str = "scripted") -> Path:
    """`place`/`name`, an adapter of the base in `place`/base, which is made where it is not."""
    base, adapter = place / "base", place / name
    base.mkdir(parents=True, exist_ok=True)
    (base / "config.json").write_text(json.dumps({"max_position_embeddings": 4096}))
    (base / "model.safetensors").write_bytes(EMPTY)
    adapter.mkdir()
    config = {"base_model_name_or_path": str(base), "peft_type": "LORA"}
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    return adapter
