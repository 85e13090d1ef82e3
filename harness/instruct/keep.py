"""Keeps instruct data as a `datasets` dataset with a card, and reads exposures back."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from harness.core.errors import StoreError
from harness.core.files import read_object
from harness.core.records import Exposure
from harness.instruct.build import InstructData

_CARD = """\
---
language: en
task_categories: [question-answering, text-generation]
---

# Instruct data

World `{world_hash}`, data `{hash}`. Made by Bordor from a story world; invented throughout.

| column | meaning |
|---|---|
| `kind` | `qa`: a trained fact asked; `refusal`: must be refused; `passage`: story text |
| `text` | the example as the model reads it |
| `system`, `user`, `assistant` | the turns of the chat; empty for a passage |
| `fact_ids` | the facts that the example carries |

| examples | number |
|---|---|
| qa | {qa} |
| refusal | {refusal} |
| passage | {passage} |

| facts | number | meaning |
|---|---|---|
| trained | {trained} | asked in a chat |
| text_only | {text_only} | told in a passage, never asked |
| unstated | {unstated} | true in the world, never told |

Source tag: {tag}. `exposure.json` has the exposure of every fact.
"""


def save_instruct(
    data: InstructData, folder: Path, *, template: Callable[[list[dict[str, str]]], str]
) -> None:
    """Write the data to `folder`: a `datasets` dataset, `README.md`, `exposure.json`.

    template: renders a chat's messages to the text that the model is trained on.
    """
    from datasets import Dataset
    from datasets.utils import logging as datasets_logging

    rows = [
        {
            "kind": example.kind,
            "text": template(example.messages()),
            "system": example.system or "",
            "user": example.user,
            "assistant": example.assistant,
            "fact_ids": list(example.fact_ids),
        }
        for example in data.examples
    ]
    blank = {"system": "", "user": "", "assistant": ""}
    rows += [
        {"kind": "passage", "text": passage.text, "fact_ids": list(passage.fact_ids), **blank}
        for passage in data.passages
    ]
    folder.mkdir(parents=True, exist_ok=True)
    shown = datasets_logging.is_progress_bar_enabled()
    datasets_logging.disable_progress_bar()
    try:
        Dataset.from_list(rows).save_to_disk(folder)
    finally:
        if shown:
            datasets_logging.enable_progress_bar()
    exposure = json.dumps(data.exposure, indent=0, sort_keys=True)
    (folder / "exposure.json").write_text(exposure + "\n", encoding="utf-8")
    (folder / "README.md").write_text(_card(data, rows), encoding="utf-8")


def load_exposure(folder: Path) -> dict[str, Exposure]:
    """Exposure by fact id, as `save_instruct` kept it. Raises StoreError."""
    path = folder / "exposure.json"
    try:
        kept = read_object(path)
        return {fact_id: Exposure(value) for fact_id, value in kept.items()}
    except ValueError as error:  # a file that cannot be read is one, too
        raise StoreError(
            f"{path}: no exposures to read ({error}); build the adapter again"
        ) from None


def _card(data: InstructData, rows: Sequence[Mapping[str, object]]) -> str:
    kinds = Counter(str(row["kind"]) for row in rows)
    exposures = Counter(data.exposure.values())
    return _CARD.format(
        world_hash=data.world_hash,
        hash=data.hash,
        tag=f"`{data.tag}`" if data.tag else "none",
        **{kind: kinds[kind] for kind in ("qa", "refusal", "passage")},
        **{value.value: exposures[value] for value in Exposure},
    )
