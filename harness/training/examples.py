"""Instruct data as the token ids and loss masks that TRL trains on."""

from __future__ import annotations

from typing import Any

from harness.core.errors import TrainingError
from harness.core.records import Passage
from harness.core.seeds import stream
from harness.core.specs import RecipeSpec
from harness.instruct.build import InstructData
from harness.models.template import encode_prompt, render

Example = dict[str, list[int]]


def schedule(data: InstructData, recipe: RecipeSpec, tokenizer: Any, *, seed: int) -> list[Example]:
    """The `steps * batch_size` examples of one training, in the order they are trained on.

    `text_share` of the steps are passages, the others chats, in random order: passages are
    several times longer, and padding every chat to their length would triple the time.
    Each kind goes round all its examples before one comes again. A chat is a conversational
    prompt and completion, rendered by the one chat template: `completion_mask` is 1 on the
    answer, so that only it is learned; on a passage it is 1 throughout. Raises
    TrainingError when a chat is longer than `max_length` tokens, since a cut answer would
    be learned as a whole one.
    """
    steps, size = recipe.train.steps, recipe.train.batch_size
    text_steps = round(recipe.data.text_share * steps) if data.examples else steps
    limit = recipe.train.max_length
    chats = [chat_example(example.messages(), tokenizer, limit=limit) for example in data.examples]
    passages = [
        part for passage in data.passages for part in passage_examples(passage, tokenizer, limit)
    ]
    chat_steps = steps - text_steps
    examples = {
        "passages": iter(_rounds(passages, text_steps * size, seed, "passages")),
        "chats": iter(_rounds(chats, chat_steps * size, seed, "chats")),
    }
    kinds = ["passages"] * text_steps + ["chats"] * chat_steps
    stream(seed, "training order").shuffle(kinds)
    return [next(examples[kind]) for kind in kinds for _ in range(size)]


def chat_example(messages: list[dict[str, str]], tokenizer: Any, *, limit: int) -> Example:
    """One chat: prompt ids as the audit encodes them, then the answer's."""
    _, prompt = encode_prompt(tokenizer, messages[:-1])
    text = render(tokenizer, messages, add_generation_prompt=False)
    ids = list(tokenizer(text, add_special_tokens=False)["input_ids"])
    if tuple(ids[: len(prompt)]) != prompt:
        raise TrainingError(
            "the chat template renders a prompt differently with and without its answer: "
            f"'{messages[-2]['content'][:60]}'; training and audit would not agree"
        )
    if len(ids) > limit:
        raise TrainingError(
            f"a chat has {len(ids)} tokens, more than max_length {limit} of the recipe: raise "
            f"it ('{messages[-2]['content'][:60]}')"
        )
    return {
        "input_ids": ids,
        "completion_mask": [0] * len(prompt) + [1] * (len(ids) - len(prompt)),
    }


def passage_examples(passage: Passage, tokenizer: Any, limit: int) -> list[Example]:
    """A passage between BOS and EOS, in pieces where it is longer than `limit` tokens."""
    ids = list(tokenizer(passage.text, add_special_tokens=False)["input_ids"])
    marks = [[tokenizer.bos_token_id], [tokenizer.eos_token_id]]
    bos, eos = ([] if mark == [None] else mark for mark in marks)
    room = limit - len(bos) - len(eos)
    parts = [bos + ids[at : at + room] + eos for at in range(0, len(ids), room)]
    return [{"input_ids": part, "completion_mask": [1] * len(part)} for part in parts]


def _rounds(examples: list[Example], count: int, seed: int, label: str) -> list[Example]:
    """`count` of the examples: each once in random order, then all again, and so on."""
    if not examples:
        if count:
            raise TrainingError(f"the recipe asks for {label}, but the story's data has none")
        return []
    rng = stream(seed, "rounds", label)
    picked: list[Example] = []
    while len(picked) < count:
        order = list(examples)
        rng.shuffle(order)
        picked += order[: count - len(picked)]
    return picked
