"""Tokens added in training: the adapter's own tokenizer, and the rows it needs in the base.

For a chat format a base never saw, trainers add tokens to the tokenizer, resize embeddings and
head, often to a multiple of 8 or 64, and save both beside the adapter or in it. The base is the
right one then; it only lacks the rows. The control is the base as it is, without them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness.core.errors import ModelError
from harness.models.adapter_files import AdapterFiles
from harness.models.nets import blamed_on
from harness.models.quiet import quiet
from harness.models.registry import read_json
from harness.models.template import encode_prompt

_VOCABULARIES = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model")
_USER = {"role": "user", "content": "Who is there?"}
_CHATS = ([_USER], [{"role": "system", "content": "Be brief."}, _USER])
_REMEDY = (
    "save the adapter again with model.save_pretrained(..., save_embedding_layers=True), so that "
    "the rows it was trained with lie in its file"
)


def read_tokenizer(folder: Path) -> Any:
    """Read the tokenizer in `folder`. Raises ModelError where there is none that can be read."""
    with quiet():
        from transformers import AutoTokenizer

        with blamed_on(f"{folder}: no tokenizer can be read from it"):
            return AutoTokenizer.from_pretrained(
                folder, trust_remote_code=False, local_files_only=True
            )


def own_tokenizer(adapter: Path, base: Any) -> Any | None:
    """The tokenizer saved beside an adapter, which it was trained with; None without one.

    base: the base's tokenizer. Raises ModelError when it cannot be read.
    """
    if not any((adapter / name).is_file() for name in _VOCABULARIES):
        return None
    found = read_tokenizer(adapter)
    if not found.get_vocab():
        raise ModelError(f"{adapter}: the tokenizer beside it has no tokens: save it again")
    if not (adapter / "tokenizer_config.json").is_file():  # which says what is BOS and EOS
        for role in ("bos_token", "eos_token", "unk_token", "pad_token"):
            setattr(found, role, getattr(found, role) or getattr(base, role))
    if not found.chat_template:
        found.chat_template = base.chat_template
    return found


def added_tokens(own: Any, base: Any) -> tuple[str, ...]:
    """The tokens of an adapter's tokenizer that its base's lacks, by id."""
    known = base.get_vocab()
    return tuple(
        token
        for token, _ in sorted(own.get_vocab().items(), key=lambda item: item[1])
        if token not in known
    )


def rows_of(folder: Path) -> int | None:
    """Rows of a base's embeddings by its config.json; None where it does not say."""
    config = read_json(folder / "config.json")
    text = config.get("text_config")
    for table in (config, text if isinstance(text, dict) else {}):
        if isinstance(table.get("vocab_size"), int):
            return int(table["vocab_size"])
    return None


def rows_wanted(files: AdapterFiles, own: Any, base: Any, *, folder: Path) -> int | None:
    """To how many rows the base's embeddings are resized under an adapter; None: not at all.

    own, base: tokenizers, `own` the adapter's. folder: of the base. The rows are those of the
    embeddings in the adapter's file, padding included. Raises ModelError when embeddings and
    head differ in it, when the adapter's tokenizer numbers the base's tokens otherwise and no
    embeddings of its own go with that, and when tokens that were added have no rows anywhere.
    """
    stored, here = files.stored_rows(), rows_of(folder)
    if len(set(stored.values())) > 1:
        raise ModelError(
            f"{files.folder}: its embeddings have {stored['input']} rows and its head "
            f"{stored['output']}: its file is not whole; {_REMEDY}"
        )
    wanted = next(iter(stored.values()), None)
    if not stored:
        _refuse_other_numbers(files, own, base)
        most = max(_trained_tokens(files), default=-1)
        if here is not None and {*range(here, most + 1)} <= _trained_tokens(files):
            wanted = max(here, most + 1)  # each new row was trained on its own, and lies there
        _refuse_lost_rows(files, own, base, wanted or here)
    return wanted if wanted != here else None


def resize(model: Any, rows: int, files: AdapterFiles) -> None:
    """Give a base so many rows, all of which the adapter's file fills when it is attached.

    Raises ModelError when embeddings or head would keep rows that lie in no file.
    """
    head = model.get_output_embeddings()
    tied = head is None or head.weight is model.get_input_embeddings().weight
    stored = {*files.stored_rows(), *(["input"] if _trained_tokens(files) else [])}
    lost = [] if tied else [name for name in ("input", "output") if name not in stored]
    if lost:
        what = {"input": "embeddings", "output": "head"}[lost[0]]
        raise ModelError(
            f"{files.folder}: tokens were added in training, and the rows of the {what} for them "
            f"lie in no file: {_REMEDY}"
        )
    model.resize_token_embeddings(rows, mean_resizing=False)


def refuse_ids_without_rows(tokenizer: Any, rows: int | None, ids: Iterable[int], at: Path) -> None:
    """Raise ModelError when a prompt, or the end of an answer, needs a token that has no row.

    ids: of the end tokens; prompts are tried here. at: the folder that an error names.
    """
    if rows is None:
        return
    wanted = set(ids).union(*(_ids(tokenizer, chat) for chat in _CHATS))
    lost = sorted(one for one in wanted if one >= rows)
    if lost:
        name = tokenizer.convert_ids_to_tokens(lost[0])
        raise ModelError(
            f"{at}: its chat format needs '{name}' (id {lost[0]}), and the embeddings have {rows} "
            "rows: the token was added to the tokenizer and not to the weights. Resize the "
            "embeddings before the model is saved (model.resize_token_embeddings)"
        )


def speaks_added(own: Any, added: Iterable[str]) -> bool:
    """Whether prompts hold tokens that were added in training."""
    known = own.get_vocab()
    ids = {known[token] for token in added}
    return any(ids.intersection(_ids(own, chat)) for chat in _CHATS)


def _trained_tokens(files: AdapterFiles) -> set[int]:
    """The ids of the tokens whose rows were trained one by one."""
    trained = files.config.get("trainable_token_indices")
    lists = trained.values() if isinstance(trained, dict) else [trained]
    return {at for one in lists if isinstance(one, list) for at in one if isinstance(at, int)}


def _ids(tokenizer: Any, chat: list[dict[str, str]]) -> tuple[int, ...]:
    try:
        return encode_prompt(tokenizer, chat)[1]
    except ModelError:  # a template may take no system message; the other chat is tried too
        return ()


def _refuse_other_numbers(files: AdapterFiles, own: Any, base: Any) -> None:
    ids, there = own.get_vocab(), base.get_vocab()
    moved = sum(there.get(token, at) != at for token, at in ids.items())
    if moved:
        raise ModelError(
            f"{files.folder}: the tokenizer beside it gives {moved:,} of the base's tokens other "
            "ids, and it holds no embeddings of its own: it was trained on a base with another "
            "tokenizer; name that one with --base"
        )


def _refuse_lost_rows(files: AdapterFiles, own: Any, base: Any, here: int | None) -> None:
    """Where the adapter's file holds no embeddings: added tokens must have rows in the base."""
    if here is None:
        return
    low = files.low_rank_rows()
    known = own.get_vocab()
    beyond = [token for token in added_tokens(own, base) if known[token] >= here]
    most = max(_trained_tokens(files), default=-1)
    if (low is not None and low != here) or most >= here:
        raise ModelError(
            f"{files.folder}: tokens were added in training (the base has {here} rows of "
            f"embeddings, the adapter was trained on {max(low or 0, most + 1)} or more), and their "
            f"embeddings lie neither in the base nor in the adapter's file: {_REMEDY}"
        )
    if beyond and speaks_added(own, beyond):
        raise ModelError(
            f"{files.folder}: {', '.join(beyond[:3])}: added to the tokenizer in training and "
            f"written by its chat template, and their embeddings lie neither in the base, which "
            f"has {here} rows, nor in the adapter's file: {_REMEDY}"
        )
