from __future__ import annotations

from harness.core import speed
from harness.core.paths import home


def test_a_speed_is_recalled_as_it_was_remembered(tmp_path, monkeypatch):
    monkeypatch.setenv("BORDOR_HOME", str(tmp_path))
    identity = {"quantisation": "nf4", "machine": {"device_name": "cpu", "threads": 2}}
    key = speed.answers_key("m", identity)
    assert speed.recall(key) is None
    speed.remember(key, 61.234)
    value, date = speed.recall(key)
    assert value == 61.23
    assert len(date) == 10
    other = speed.answers_key("m", {**identity, "machine": {"device_name": "cpu", "threads": 1}})
    assert speed.recall(other) is None
    speed.remember(other, 30)
    assert speed.recall(key)[0] == 61.23


def test_a_damaged_file_is_only_forgotten(tmp_path, monkeypatch):
    monkeypatch.setenv("BORDOR_HOME", str(tmp_path))
    for text in ("{", "[]", '{"k": 3}', '{"k": {"value": "fast"}}'):
        (home() / "speed.json").write_text(text)
        assert speed.recall("k") is None
        speed.remember("other", 1)
        assert speed.recall("other")[0] == 1
