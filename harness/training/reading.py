"""How well a base reads: questions with the passage in the prompt, on worlds never seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.core.seeds import derive_seed
from harness.training.documents import OTHER_REFUSALS, REFUSAL
from harness.training.stream import audit_systems, documents

READING_SEED = 90_210  # apart from every pretraining seed
MAX_NEW_TOKENS = 40


def reading_accuracy(model: Any, folder: Path, *, chats: int = 200) -> dict[str, float | int]:
    """Exact-match accuracy of greedy answers, each asked after the gold turns before it.

    model: a causal language model in float32; folder: holds its `tokenizer.json`.
    Returns shares `answered` and `refused` with their denominators.
    """
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    right = {"answered": 0, "refused": 0}
    asked = {"answered": 0, "refused": 0}
    seed = derive_seed(READING_SEED, "reading")
    used = 0
    for doc in documents(seed, 0, chats * 4, audit_systems()):
        if used == chats or not doc.answers or "\n\n" not in doc.text:
            continue
        used += 1
        for start, end in doc.answers:
            gold = doc.text[start:end].removesuffix("</s>").strip()
            kind = "refused" if gold in (REFUSAL, *OTHER_REFUSALS) else "answered"
            said = _greedy(model, tokenizer, doc.text[:start])
            asked[kind] += 1
            refusals = (REFUSAL, *OTHER_REFUSALS)
            right[kind] += said in refusals if kind == "refused" else said == gold
    return {
        "answered": right["answered"] / max(1, asked["answered"]),
        "answerable": asked["answered"],
        "refused": right["refused"] / max(1, asked["refused"]),
        "unanswerable": asked["refused"],
        "chats": used,
    }


def _greedy(model: Any, tokenizer: Any, prompt: str) -> str:
    import torch

    ids = tokenizer.encode(prompt, add_special_tokens=False).ids
    with torch.inference_mode():
        out = model.generate(
            torch.tensor([ids]),
            attention_mask=torch.ones(1, len(ids), dtype=torch.long),
            max_new_tokens=MAX_NEW_TOKENS,
            do_sample=False,
            pad_token_id=3,
            eos_token_id=2,
        )
    text: str = tokenizer.decode(out[0, len(ids) :].tolist(), skip_special_tokens=True)
    return text.strip()
