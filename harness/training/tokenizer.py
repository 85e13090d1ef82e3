"""The tokenizer of the shipped bases: byte-level BPE that cuts a name alike everywhere."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

SPECIAL_TOKENS = ("<unk>", "<s>", "</s>", "<pad>")  # ids 0 to 3
# A capitalised word never takes the space before it, so that a name is the same tokens at
# the start of a line, inside a sentence and after a bracket: a small model copies names by
# their tokens. Digits stand alone for the same reason. The marks of the chat template are
# plain text, as in Llama 2.
WORDS = r"[A-Z][a-z]+|[A-Z]+| ?[a-z]+|[0-9]| ?[^\sA-Za-z0-9]+|\s+"


def train_tokenizer(texts: Iterable[str], *, vocab_size: int, folder: Path, template: str) -> None:
    """Train on `texts` and save in the layout transformers reads, with the chat `template`."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    plain = (text.replace("<s>", "").replace("</s>", "") for text in texts)
    tokenizer.train_from_iterator(plain, trainer)
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        clean_up_tokenization_spaces=False,
        chat_template=template,
    )
    wrapped.save_pretrained(folder)
