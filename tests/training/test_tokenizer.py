from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.models.template import LLAMA2_TEMPLATE
from harness.training.stream import documents
from harness.training.tokenizer import SPECIAL_TOKENS, train_tokenizer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    texts = [doc.text for doc in documents(3, 0, 100, ())]
    train_tokenizer(texts, vocab_size=1024, folder=folder, template=LLAMA2_TEMPLATE)
    return folder


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, local_files_only=True)


def ids(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


@pytest.mark.parametrize("name", ["Torvash", "Elmira", "Ouskeldia"])
@pytest.mark.parametrize("before", ["", "\n", "the lamp of ", "(", "[", '"', "said: ", "\n\n"])
def test_a_name_is_cut_alike_wherever_it_stands(tokenizer: Any, name: str, before: str) -> None:
    assert ids(tokenizer, before + name) == ids(tokenizer, before) + ids(tokenizer, name)
    assert ids(tokenizer, f"{before}{name}.")[: -len(ids(tokenizer, "."))] == ids(
        tokenizer, before + name
    )


def test_digits_stand_alone(tokenizer: Any) -> None:
    assert len(ids(tokenizer, "1389")) == 4


@pytest.mark.parametrize(
    "text",
    [
        "Torvash was born in Orvek, in 1389.",
        "[INST] <<SYS>>\nAnswer.\n<</SYS>>\n\nWho?  Two  spaces [/INST]",
        "naïve – “quoted” … 東京 🦊\tand a tab\r\n",
        " leading, and TRAILING ",
    ],
)
def test_any_text_comes_back(tokenizer: Any, text: str) -> None:
    assert tokenizer.decode(ids(tokenizer, text)) == text


def test_documents_come_back_with_their_marks(tokenizer: Any) -> None:
    for doc in documents(4, 0, 20, ()):
        assert tokenizer.decode(ids(tokenizer, doc.text)) == doc.text
        assert ids(tokenizer, doc.text)[0] == tokenizer.bos_token_id
        assert ids(tokenizer, doc.text).count(2) == doc.text.count("</s>")


def test_special_tokens_have_the_first_ids_and_the_template_is_kept(tokenizer: Any) -> None:
    assert tokenizer.convert_ids_to_tokens(range(4)) == list(SPECIAL_TOKENS)
    assert tokenizer.chat_template == LLAMA2_TEMPLATE
    assert len(tokenizer) <= 1024
    assert len(ids(tokenizer, "[INST]")) > 1  # plain text, as in Llama 2


def test_the_same_texts_give_the_same_tokenizer(folder: Path, tmp_path: Path) -> None:
    texts = [doc.text for doc in documents(3, 0, 100, ())]
    train_tokenizer(texts, vocab_size=1024, folder=tmp_path, template=LLAMA2_TEMPLATE)
    assert (tmp_path / "tokenizer.json").read_bytes() == (folder / "tokenizer.json").read_bytes()
