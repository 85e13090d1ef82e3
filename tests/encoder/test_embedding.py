"""The shipped encoder, offline."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from harness.core.errors import ModelError
from harness.encoder import embedding
from harness.encoder.bert import LoneBert, can_read
from harness.encoder.embedding import (
    Encoder,
    _LibraryReader,
    default_encoder,
    model_folder,
    vocabulary,
)


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


@pytest.mark.parametrize("name", ["@file", "none/such", "/nowhere", "@"])
def test_an_entailment_model_that_is_none_is_one_message(name):
    with pytest.raises(ModelError, match=rf"--nli {name}: no .* name "):
        embedding.Entailment(name)


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
from harness.encoder import embedding
from harness.grading.equivalence.grader import EquivalenceGrader
from harness.grading.evidence.grader import Evidence, EvidenceGrader
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
    order, again = (rng.sample(items, len(items)) for _ in range(2))
    cut = rng.randrange(1, len(items))
    for part in (order, again[:cut], again[cut:]):
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
assert not {"transformers", "sentence_transformers"} & set(sys.modules)  # seconds of import
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
    env |= {"OMP_WAIT_POLICY": "passive"}  # beside other tests, threads that spin slow each other
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
            reader, "bert", lambda ids, own=reader.bert: (asked.append(len(ids)), own(ids))[1]
        )
    encoder.encode(["Velk.", "Velk kept goats.", "Velk."])
    encoder.encode_words([("Velk",), ("Velk", "kept", "goats")])
    assert len(asked) == 4 and sorted(asked)[0] < sorted(asked)[-1]


@pytest.fixture(scope="module")
def library():
    """The shipped encoder as sentence-transformers loads it."""
    return _LibraryReader(model_folder(), short=False)


def by_the_library(model, ids):
    """Every layer's states of one text as transformers computes them, each [L, D]."""
    import torch

    with torch.inference_mode():
        pieces = torch.tensor([ids])
        found = model(pieces, torch.ones_like(pieces), output_hidden_states=True).hidden_states
    return [layer[0].float() for layer in found]


@pytest.mark.parametrize(
    ("kind", "apart", "angle"), [("float32", 2e-5, 1e-6), ("bfloat16", 0.1, 1e-3)]
)
def test_the_lone_bert_is_the_librarys_in_every_layer(library, kind, apart, angle):
    """apart: in any value, of up to 6; angle: 1 - cosine of a piece, of which verdicts are made."""
    import copy

    import torch

    bert = copy.deepcopy(library.model[0].model).to(getattr(torch, kind))
    assert can_read(bert)
    lone = LoneBert.of(bert)
    for text in TEXTS:
        ids = library.pieces(text)
        with torch.inference_mode():
            own = [layer.float() for layer in lone(ids)]
        for mine, theirs in zip(own, by_the_library(bert, ids), strict=True):
            assert (mine - theirs).abs().max() < apart, text
            cosines = torch.nn.functional.cosine_similarity(mine, theirs)
            assert (1 - cosines).max() < angle, text


ODD = ("[SEP] a [MASK]", "\x00\x01a", "\u200b\ufffd", "日本語 テキスト", "é" * 300, "a" * 5000,
       "İstanbul ﬁ", "##ing ##", "‘’“”", "word " * 1000)  # fmt: skip


def test_the_shipped_files_are_read_as_the_library_reads_them(library):
    """Pieces and vectors are the same to the bit; what the library makes of a batch is near."""
    encoder = Encoder()
    own = encoder._reader(words=False)
    texts = (*TEXTS, *ODD)
    whole = library.model.encode(list(texts), normalize_embeddings=True)
    for text, batched in zip(texts, whole, strict=True):
        assert own.pieces(text) == library.pieces(text)
        assert (own.sentence(text) == library.sentence(text)).all()
        assert abs(own.sentence(text) - batched).max() < 1e-5
    words = [tuple(text.split()) for text in texts if text.split()]
    assert own.pieces_of(words) == library.pieces_of(words)


def test_words_are_the_means_of_their_pieces_at_two_thirds_of_the_depth(library, monkeypatch):
    import torch

    monkeypatch.setattr(embedding, "native_bfloat16", lambda: False)
    words = ("Ostrina", "kept", "goats", ".")
    [found] = Encoder().encode_words([words])
    pieces = library.model.tokenizer(list(words), is_split_into_words=True)
    states = by_the_library(library.model[0].model, pieces["input_ids"])
    for number in range(len(words)):
        own = [at for at, word in enumerate(pieces.word_ids()) if word == number]
        mean = torch.nn.functional.normalize(states[4][own].mean(dim=0), dim=0)  # of six layers
        assert abs(found.words[number] - mean.numpy()).max() < 1e-3  # kept in half precision
    assert abs(found.sentence - library.model.encode(" ".join(words))).max() < 1e-5


def save_encoder(folder, kind, pooling):
    """A sentence-transformers folder with a tiny random model of `kind` and its own pooling."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    torch.manual_seed(3)
    small = {"bert": {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4,
                      "num_hidden_layers": 3},
             "distilbert": {"dim": 32, "hidden_dim": 64, "n_heads": 4, "n_layers": 3}}[kind]  # fmt: skip
    tokenizer = AutoTokenizer.from_pretrained(model_folder())
    config = AutoConfig.for_model(kind, vocab_size=len(tokenizer), **small)
    AutoModel.from_config(config).save_pretrained(folder / "inner")
    tokenizer.save_pretrained(folder / "inner")
    part = Transformer(str(folder / "inner"), max_seq_length=64)
    SentenceTransformer(modules=[part, Pooling(32, pooling_mode=pooling)], device="cpu").save(
        str(folder / "whole")
    )
    return folder / "whole"


@pytest.mark.parametrize(
    ("kind", "pooling"), [("bert", "cls"), ("bert", "mean"), ("distilbert", "mean")]
)
def test_an_encoder_of_another_kind_is_read_by_its_own_forward(
    tmp_path, monkeypatch, kind, pooling
):
    monkeypatch.setattr(embedding, "native_bfloat16", lambda: False)
    encoder = Encoder(save_encoder(tmp_path, kind, pooling))
    reader = encoder._reader(words=False)
    model = reader.model
    assert (reader.bert is None) == ((kind, pooling) != ("bert", "mean"))
    for text, row in zip(TEXTS, encoder.encode(TEXTS), strict=True):
        assert abs(row - model.encode(text, normalize_embeddings=True)).max() < 1e-5
    words = [tuple(text.split()) for text in TEXTS if text]
    together = encoder.encode_words(words)
    for one, found in zip(words, together, strict=True):
        [alone] = Encoder(tmp_path / "whole").encode_words([one])
        assert (alone.words == found.words).all() and (alone.sentence == found.sentence).all()
        states = by_the_library(
            model[0].model,
            model.tokenizer(list(one), is_split_into_words=True, truncation=True, max_length=64)[
                "input_ids"
            ],
        )
        first = states[2][1].numpy()  # of three layers; the first piece of the first word
        assert found.words.shape == (len(one), 32)
        if len(model.tokenizer.tokenize(one[0])) == 1:
            assert abs(found.words[0] - first / (first @ first) ** 0.5).max() < 1e-3
