"""The shipped encoder, offline."""

from __future__ import annotations

import json
import os
import subprocess
import sys

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


TEXTS = (
    "Velk kept goats.", "Ostrina Velk was born in Dunmere in 1612 and moved to Tarsk.", "A.", "",
    "There she painted signs for taverns, and the council gave her a medal for the bridge of Orlo.",
    "Harl slept well.", "Her brother was a smith " * 12, "The council met on Mondays " * 20,
)  # fmt: skip
ALIKE = """
import json, random, sys
import numpy, torch
torch.set_num_threads(int(sys.argv[1]))
from harness import embedding
from harness.grading.equivalence import EquivalenceGrader
from harness.grading.evidence import Evidence, EvidenceGrader
texts = json.loads(sys.argv[2])
if not torch.backends.cpu.get_cpu_capability().startswith("AVX512"):
    embedding.native_bfloat16 = lambda: False  # as it is where there is no AVX-512
held = embedding.Encoder()

def Encoder():
    held._vectors.clear()
    held._words.clear()
    return held
rng = random.Random(5)

def shuffled(read, items):
    '''What `read` makes of each item alone, of all, of them in other orders and other parts.'''
    alone = {item: read([item])[0] for item in items}
    for _ in range(2):
        order = rng.sample(items, len(items))
        cut = rng.randrange(1, len(items))
        for part in (order, order[:cut], order[cut:]):
            yield from ((alone[item], got) for item, got in zip(part, read(part), strict=True))

def one(found):
    return [found.sentence, found.words]

def same(a, b):
    return all(numpy.array_equal(x, y) for x, y in zip(a, b, strict=True))

assert all(same([a], [b]) for a, b in shuffled(lambda part: Encoder().encode(part), texts))
words = [tuple(text.split()) for text in texts if text]
assert all(same(one(a), one(b)) for a, b in shuffled(lambda part: Encoder().encode_words(part), words))
claims = [Evidence(text, tuple(texts[1:5:3])) for text in texts if text]
grade = lambda part: EvidenceGrader(Encoder()).grade_many(part)
assert all(a == b for a, b in shuffled(grade, claims))
pairs = [(texts[1], text, "Who was born in Dunmere?") for text in texts if text]
match = lambda part: EquivalenceGrader(Encoder()).same_many(part)
assert all(a == b for a, b in shuffled(match, pairs))
print("alike", torch.backends.cpu.get_cpu_capability())
"""


@pytest.mark.parametrize(
    ("capability", "isa", "threads"),
    [("default", "SSE41", 1), ("avx2", "AVX2", 2), ("avx512", "DEFAULT", 1)],
)
def test_vectors_and_grades_do_not_depend_on_what_is_computed_with_them(capability, isa, threads):
    """On each of torch's code paths that this processor has."""
    import torch

    needed = {"default": "sse2", "avx2": "avx2", "avx512": "avx512_f"}[capability]
    if not torch.cpu.get_capabilities().get(needed):  # it would end on an unknown instruction
        pytest.skip(f"this processor has no {capability}")
    env = os.environ | {"ATEN_CPU_CAPABILITY": capability, "ONEDNN_MAX_CPU_ISA": isa}
    command = [sys.executable, "-c", ALIKE, str(threads), json.dumps(TEXTS)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=280)
    assert done.stdout.startswith("alike"), done.stderr[-2000:]


def test_each_text_goes_through_the_model_alone_and_unpadded(monkeypatch):
    """Whatever the processor does with the rows of a product: no other text's are among them."""
    encoder = Encoder()
    asked: list[int] = []
    for words in (False, True):
        reader = encoder._reader(words=words)
        monkeypatch.setattr(
            reader, "_bert", lambda ids, own=reader._bert: (asked.append(len(ids)), own(ids))[1]
        )
    encoder.encode(["Velk.", "Velk kept goats.", "Velk."])
    encoder.encode_words([("Velk",), ("Velk", "kept", "goats")])
    assert len(asked) == 4 and sorted(asked)[0] < sorted(asked)[-1]


def test_the_lone_reading_is_the_librarys(monkeypatch):
    from harness.embedding import _Reader

    encoder = Encoder()
    lone = [encoder._reader(words=False).sentence(text) for text in TEXTS]
    monkeypatch.setattr(embedding, "can_read", lambda _: False)
    library = _Reader(encoder._load())
    whole = encoder._load().encode(list(TEXTS), normalize_embeddings=True)
    for text, own, batched in zip(TEXTS, lone, whole, strict=True):
        assert abs(own - library.sentence(text)).max() < 1e-5
        assert abs(own - batched).max() < 1e-5
