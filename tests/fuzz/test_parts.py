"""Replies of servers, headers of weights, cards and small files of ours, damaged."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path

import pytest
from hypothesis import strategies as st

from harness.backends.chat_reply import (
    ErrorReplyError,
    UnusableError,
    parse,
    read_models,
    read_reply,
)
from harness.core import speed
from harness.grading.cards import SHIPPED, cards_for, read_cards
from harness.models.headers import form_of, main_dtype, read_headers
from tests.fuzz.damage import damage
from tests.fuzz.runner import fuzzed, reader

REPLIES = [
    {"model": "m", "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "A weaver."},
         "logprobs": {"content": [{"token": "A", "logprob": -0.5, "bytes": [65]}]}},
        {"index": 1, "finish_reason": "length", "message": {
            "content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
                        {"type": "text", "text": "Lund"}],
            "reasoning_details": [{"type": "reasoning.text", "text": "x"}]}}],
     "usage": {"prompt_tokens": 9, "completion_tokens": 4,
               "completion_tokens_details": {"reasoning_tokens": 2}}},
    {"error": {"message": "no such model", "type": "invalid_request_error", "code": 404}},
    {"object": "list", "data": [{"id": "m", "max_model_len": 4096}]},
]  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("parts")


@fuzzed("replies")
def test_a_reply_of_any_shape_is_read_or_said_to_be_unusable(place, data):
    valid = json.dumps(data.draw(st.sampled_from(REPLIES)))
    path = place / "reply"
    data.draw(damage(valid, places=False)).put(path)
    for read in (read_reply, read_models):
        try:
            read(parse(path.read_bytes()), {"server": "x"}, str)
        except UnusableError as error:
            assert str(error).strip()
        except ErrorReplyError:  # an error without words of its own: the client has some
            pass


TENSORS = {
    "__metadata__": {"format": "pt"},
    "model.embed_tokens.weight": {"dtype": "BF16", "shape": [8, 4], "data_offsets": [0, 64]},
    "model.layers.0.mlp.up_proj.weight": {"dtype": "U8", "shape": [16, 1], "data_offsets": [64, 80]},
    "model.layers.0.mlp.up_proj.weight.absmax": {
        "dtype": "F32", "shape": [1], "data_offsets": [80, 84]},
}  # fmt: skip


@fuzzed("headers")
def test_the_header_of_weights_is_read_or_its_file_is_named(place, data):
    folder = place / "weights"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    path = folder / "model.safetensors"
    data.draw(damage(json.dumps(TENSORS), places=False)).put(path)
    header = path.read_bytes()
    length = data.draw(
        st.sampled_from([len(header)] * 6 + [0, 1, len(header) + 9, 2**62, 2**64 - 1])
    )
    path.write_bytes(struct.pack("<Q", length) + header + bytes(84))

    def looked_at(of: Path) -> None:
        held = read_headers(of)
        form_of(held, where=of)
        main_dtype(held)

    reader(looked_at, folder, names=path)


CARD = next(SHIPPED.glob("*.json")).read_text(encoding="utf-8")


@fuzzed("cards")
def test_a_card_is_read_or_its_file_is_named(place, data):
    path = place / "cards" / "a-card.json"
    path.parent.mkdir(exist_ok=True)
    data.draw(damage(CARD, places=False)).put(path)
    reader(lambda folder: cards_for(["nobody@1"], read_cards([folder])), path.parent, names=path)


@fuzzed("hints")
def test_a_damaged_hint_is_no_hint(place, data):
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("BORDOR_HOME", str(place))
        valid = json.dumps({"answers tiny": {"value": 12.5, "date": "2026-11-23"}})
        data.draw(damage(valid)).put(place / "speed.json")
        found = speed.recall("answers tiny")
        assert found is None or (isinstance(found[0], float) and isinstance(found[1], str))
