from __future__ import annotations

import json
import re

from harness import __version__
from harness.core import provenance


def test_a_run_can_be_traced_to_code_versions_and_machine():
    found = provenance.provenance()
    assert json.loads(json.dumps(found)) == found
    assert found["bordor"] == __version__
    assert found["hardware"]["cores"] >= 1
    assert found["hardware"]["memory_gib"] > 0
    assert found["versions"]["trl"]
    if found["commit"] is not None:  # a clone, with git at hand
        assert re.fullmatch(r"[0-9a-f]{40}", found["commit"])
        assert found["dirty"] in (True, False)


def test_outside_a_clone_there_is_no_commit(monkeypatch):
    monkeypatch.setattr(provenance, "in_clone", lambda: False)
    found = provenance.provenance()
    assert (found["commit"], found["dirty"]) == (None, None)
