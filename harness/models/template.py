"""The one chat template: what training renders is what the audit renders.

Llama 2's format, in which `[INST]` and `<<SYS>>` are plain text and not special tokens,
so that a model which leaks them is seen to leak them. Models from the hub keep a template
of their own; variables they would take from the clock or from habit are pinned.

Some templates refuse a system role (Gemma 1 and 2, old Mistral) or leave its text out without
a word. They are given a head that puts the system text in front of the first user turn, so
that training and audit render such a chat alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.core.errors import ModelError, first_line
from harness.core.seeds import content_hash

# Source: Touvron et al. 2023, "Llama 2", and the reference code's chat_completion.
LLAMA2_TEMPLATE = (
    "{% if messages[0]['role'] == 'system' %}"
    "{% set system = '<<SYS>>\\n' + messages[0]['content'] + '\\n<</SYS>>\\n\\n' %}"
    "{% set turns = messages[1:] %}"
    "{% else %}{% set system = '' %}{% set turns = messages %}{% endif %}"
    "{% for message in turns %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate user, assistant, user, ... after the system') }}"
    "{% endif %}"
    "{% if message['role'] == 'user' %}"
    "{{ bos_token + '[INST] ' + (system if loop.first else '')"
    " + message['content'].strip() + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}"
    "{{ ' ' + message['content'].strip() + ' ' + eos_token }}"
    "{% else %}{{ raise_exception('no such role: ' + message['role']) }}{% endif %}"
    "{% endfor %}"
)

# Llama 3 and others write today's date into the prompt: two audits would never pair.
PINNED_DATE = "26 Jul 2024"
_PINNED_CLOCK = (
    "{%- macro strftime_now(format) %}" + PINNED_DATE + "{% endmacro %}"
    "{%- set date_string = '" + PINNED_DATE + "' %}"
)

# What stands in a model's identity where the system text is put into the user's turn.
FOLDED = "folded"
_BETWEEN = "\n\n"  # the system text and the question, as Gemma 3's template has it
_FOLDING = (
    "{%- if messages and messages[0]['role'] == 'system' %}"
    "{%- if messages[1:] and messages[1]['role'] == 'user' %}"
    "{%- set messages = [{'role': 'user', 'content': messages[0]['content'] + '\\n\\n'"
    " + messages[1]['content']}] + messages[2:] %}"
    "{%- else %}"
    "{%- set messages = [{'role': 'user', 'content': messages[0]['content']}] + messages[1:] %}"
    "{%- endif %}{%- endif %}"
)
_TRIED_SYSTEM, _TRIED_QUESTION = "Answer as the keeper would.", "Who is there?"


def fold_system(messages: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """The chat without a system turn: its text stands in front of the first user turn."""
    said = [dict(one) for one in messages]
    if not said or said[0]["role"] != "system":
        return said
    system, rest = said[0]["content"], said[1:]
    if rest and rest[0]["role"] == "user":
        return [{"role": "user", "content": system + _BETWEEN + rest[0]["content"]}, *rest[1:]]
    return [{"role": "user", "content": system}, *rest]


def folds_system(tokenizer: Any) -> bool:
    """Whether the installed template puts the system text into the user's turn."""
    return _FOLDING in str(tokenizer.chat_template)


def install_template(
    tokenizer: Any, choice: str = "own", settings: Mapping[str, str | bool] | None = None
) -> None:
    """Give `tokenizer` its chat template: its own, or Llama 2's by `choice` or for want of one.

    `settings` are written at the head of the template, and the clock is pinned where the
    template reads it, so that training and audit share both through the tokenizer alone.
    A template without a system role is given one, see the head of this file.
    Raises ModelError when Llama 2's format meets a tokenizer without BOS or EOS.
    """
    own = tokenizer.chat_template
    if isinstance(own, dict):
        own = own.get("default")
    template = LLAMA2_TEMPLATE if choice == "llama2" or not own else own.removeprefix(_FOLDING)
    if template == LLAMA2_TEMPLATE and not (tokenizer.bos_token and tokenizer.eos_token):
        raise ModelError(
            "the tokenizer has no chat template, and Llama 2's needs a BOS and an EOS token, "
            "which it lacks: add `chat_template` to its tokenizer_config.json"
        )
    head = "".join(
        f"{{%- set {name} = {_literal(value)} %}}"
        for name, value in sorted((settings or {}).items())
    )
    if "strftime_now" in template and _PINNED_CLOCK not in template:
        head = _PINNED_CLOCK + head
    if not template.startswith(head):
        template = head + template
    tokenizer.chat_template = template
    if not _keeps_system(tokenizer):
        tokenizer.chat_template = _FOLDING + template
        if not _keeps_system(tokenizer):  # it minds something else, which rendering will tell
            tokenizer.chat_template = template


def _keeps_system(tokenizer: Any) -> bool:
    """Whether a system turn is rendered: neither refused nor left out."""
    chat = [{"role": "system", "content": _TRIED_SYSTEM},
            {"role": "user", "content": _TRIED_QUESTION}]  # fmt: skip
    try:
        text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    except Exception:  # a template is a program of somebody else's
        return False
    return _TRIED_SYSTEM in str(text)


def render(
    tokenizer: Any, messages: Sequence[Mapping[str, str]], *, add_generation_prompt: bool
) -> str:
    """Render a chat as text, special tokens included.

    messages: `{"role": "system" | "user" | "assistant", "content": ...}` in order.
    Raises ModelError when the template refuses the chat or breaks down, or when a
    single-turn prompt does not hold exactly one BOS at its head (where the tokenizer has a
    BOS that the template writes).
    """
    try:
        text: str = tokenizer.apply_chat_template(
            [dict(message) for message in messages],
            tokenize=False,
            add_generation_prompt=add_generation_prompt,
        )
    except Exception as error:  # a template is a program of somebody else's
        told, name = first_line(error), getattr(tokenizer, "name_or_path", "")
        of = f" of {name}" if name else ""
        raise ModelError(f"the chat template{of} refuses these messages: {told}") from None
    bos = tokenizer.bos_token
    turns = sum(message["role"] == "user" for message in messages)
    if bos and "bos_token" in tokenizer.chat_template and turns <= 1:
        count = text.count(bos)
        if count != 1 or not text.startswith(bos):
            raise ModelError(
                f"the prompt holds {count} BOS tokens ('{bos}') instead of one at its head: "
                "take the token out of the question or mend the chat template"
            )
    return text


def encode_prompt(
    tokenizer: Any, messages: Sequence[Mapping[str, str]]
) -> tuple[str, tuple[int, ...]]:
    """Return the rendered prompt and its token ids, ready for generation.

    The template writes the special tokens, so none are added. Raises ModelError unless
    the ids hold exactly one BOS, at the head, where the tokenizer is one that adds it; but
    a BOS that only marks turns (SmolLM2, Granite) may stand as often as there are turns.
    """
    text = render(tokenizer, messages, add_generation_prompt=True)
    ids = tuple(tokenizer(text, add_special_tokens=False)["input_ids"])
    bos = tokenizer.bos_token_id
    if bos is not None and (bos in ids or _adds_bos(tokenizer)):
        turns = sum(message["role"] == "user" for message in messages)
        if turns <= 1 and (ids.count(bos) != 1 or ids[0] != bos):
            if _marks_turns(tokenizer, messages, ids.count(bos)):
                return text, ids
            raise ModelError(
                f"the prompt has {ids.count(bos)} BOS tokens ('{tokenizer.bos_token}'), where one "
                "at its head is wanted: the tokenizer adds one that its chat template does not "
                "write, or both write it; mend chat_template so that it opens with "
                "'{{ bos_token }}' once"
            )
    return text, ids


def template_hash(tokenizer: Any) -> str:
    """Return the hash of the chat template with the special tokens it writes."""
    return content_hash(
        str(tokenizer.chat_template), str(tokenizer.bos_token), str(tokenizer.eos_token)
    )


def _marks_turns(tokenizer: Any, messages: Sequence[Mapping[str, str]], count: int) -> bool:
    """Whether BOS is what the template opens or ends every turn with, `count` of them here.

    Told by: nobody writes it as a BOS, and it is the EOS too, or an opened answer has one
    more. Raises ModelError when a message holds the token itself.
    """
    if "bos_token" in tokenizer.chat_template or _adds_bos(tokenizer):
        return False
    if tokenizer.bos_token_id != tokenizer.eos_token_id:
        closed = render(tokenizer, messages, add_generation_prompt=False)
        ids = tokenizer(closed, add_special_tokens=False)["input_ids"]
        if ids.count(tokenizer.bos_token_id) == count:
            return False
    if any(tokenizer.bos_token in message["content"] for message in messages):
        raise ModelError(
            f"a message holds '{tokenizer.bos_token}', with which the chat template marks turns: "
            "take it out of the question"
        )
    return True


def _adds_bos(tokenizer: Any) -> bool:
    return tokenizer("x")["input_ids"][:1] == [tokenizer.bos_token_id]


def _literal(value: str | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
