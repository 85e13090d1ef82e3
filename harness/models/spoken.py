"""From tokens to text: special tokens are dropped, but for those that mark thinking.

Where thinking is marked by special tokens (`[THINK]` of Magistral, the channels of gpt-oss), to
drop them all would run thinking and answer together, and nobody could tell them apart.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

_THINKING = re.compile(
    r"think|thought|reasoning|channel|inner_(?:prefix|suffix)|unused9[45]|unused1[67]",
    re.IGNORECASE,
)
_BESIDE = re.compile(r"<\|(?:start|message|end|content|(?:start|end)_response)\|>", re.IGNORECASE)


def decode_answers(tokenizer: Any, sequences: Sequence[Sequence[int]]) -> list[str]:
    """The text of each sequence of token ids, with what marks thinking and no other special token.

    tokenizer: of transformers. Tokens beside a mark that tell its parts apart are kept with it.
    """
    texts: list[str] = tokenizer.batch_decode(
        sequences, skip_special_tokens=True, clean_up_tokenization_spaces=False
    )
    special = dict(zip(tokenizer.all_special_tokens, tokenizer.all_special_ids, strict=True))
    marks = {number for name, number in special.items() if _THINKING.search(name)}
    if not marks:
        return texts
    kept = marks | {number for name, number in special.items() if _BESIDE.fullmatch(name)}
    dropped = set(special.values()) - kept
    for row, ids in enumerate(sequences):
        if not marks.isdisjoint(ids):
            texts[row] = tokenizer.decode(
                [one for one in ids if one not in dropped],
                skip_special_tokens=False,
                clean_up_tokenization_spaces=False,
            )
    return texts
