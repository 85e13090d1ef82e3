"""The shipped encoder, offline."""

from __future__ import annotations

import pytest

from harness import embedding
from harness.embedding import Encoder, default_encoder, model_folder, vocabulary
from harness.errors import ModelError


def test_vocabulary_knows_english_and_no_invented_name():
    words = vocabulary()
    assert "weaver" in words and "torvash" not in words


def test_meaning_is_nearer_than_accident_and_vectors_are_unit():
    encoder = default_encoder()
    near, far = encoder.similarity("a fisherman", ["a fisher", "a clockmaker"])
    assert near > far + 0.2
    rows = encoder.encode(["one", "two", "one"])
    assert rows.shape == (3, 384)
    assert abs(float((rows[0] ** 2).sum()) - 1) < 1e-4 and (rows[0] == rows[2]).all()


def test_other_weights_are_refused(tmp_path, monkeypatch):
    (tmp_path / "model.safetensors").write_bytes(b"something else")
    monkeypatch.setattr(embedding, "model_folder", lambda: tmp_path)
    with pytest.raises(ModelError, match="SHA-256"):
        Encoder()


def test_a_missing_package_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(embedding, "PACKAGE", "no_such_package_here")
    with pytest.raises(ModelError, match="pip install"):
        model_folder()
