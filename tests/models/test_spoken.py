"""Special tokens that mark thinking stay in the text; the others go."""

from __future__ import annotations

import pytest

from harness.grading.text.said import said
from harness.models.spoken import decode_answers

HARMONY = ("<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|return|>")
CASES = [
    (("[THINK]", "[/THINK]", "</s>"), "[THINK] hm maybe [/THINK] Lund </s>"),
    (("<|START_THINKING|>", "<|END_THINKING|>"), "<|START_THINKING|> hm <|END_THINKING|> Lund"),
    (HARMONY, "<|channel|> analysis <|message|> hm <|end|> <|start|> assistant <|channel|> final "
              "<|message|> Lund <|return|>"),
    (("</s>", "<|end|>"), "Lund <|end|> </s>"),
]  # fmt: skip


@pytest.mark.parametrize(("special", "text"), CASES)
def test_thinking_can_be_told_from_the_answer(special, text):
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformers import PreTrainedTokenizerFast

    words = ["[UNK]", *dict.fromkeys(text.split())]
    inner = Tokenizer(WordLevel({word: n for n, word in enumerate(words)}, unk_token="[UNK]"))
    inner.pre_tokenizer = WhitespaceSplit()
    inner.add_special_tokens(list(special))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, unk_token="[UNK]", additional_special_tokens=list(special)
    )
    ids = [words.index(word) for word in text.split()]
    (spoken,) = decode_answers(tokenizer, [ids])
    assert said(spoken).text.strip() == "Lund", spoken
    assert "</s>" not in spoken and "<|return|>" not in spoken
    assert said(spoken).thought == ("hm" in text)
