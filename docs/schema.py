"""The JSON schema of `summary.json`, made from `harness/report/schema.py`.

python docs/schema.py         # writes docs/summary.schema.json again
"""

from __future__ import annotations

import json
from pathlib import Path

from harness.report.schema import Summary

FILE = Path(__file__).with_name("summary.schema.json")


def schema() -> str:
    """The file's text."""
    found = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    found |= Summary.model_json_schema(by_alias=True)
    return json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(schema(), encoding="utf-8")
