"""The pages of docs/ that are made from the code agree with it, and links lead somewhere."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from harness.report.schema import Summary

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md")])


def test_the_tree_is_that_of_the_files():
    spec = importlib.util.spec_from_file_location("tree", ROOT / "docs" / "tree.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    kept = (ROOT / "docs" / "tree.md").read_text(encoding="utf-8")
    assert module.tree() == kept, "run python docs/tree.py"
    assert "| `records.py` | The nouns of Bordor" in kept
    silent = [line for line in kept.splitlines() if line.endswith("|  |") and "__" not in line]
    assert silent == [], "files that say nothing of themselves"


def test_the_schema_of_the_summary_is_that_of_the_code():
    spec = importlib.util.spec_from_file_location("schema", ROOT / "docs" / "schema.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    kept = (ROOT / "docs" / "summary.schema.json").read_text(encoding="utf-8")
    assert module.schema() == kept, "run python docs/schema.py"
    silent = [name for name, one in Summary.model_fields.items()
              if one.description is None and not re.search("Counts|Drifts|NoiseFloor|AllComponents"
              "|Headline|Metric|Suite|Spread", str(one.annotation))]  # fmt: skip
    assert silent == [], "fields that say nothing of themselves"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_lead_to_files(page):
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    gone = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert gone == []
