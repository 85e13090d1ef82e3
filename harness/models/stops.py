"""Where a model stops: every token that ends an answer, and which file says so.

A base's generation config is seldom the whole truth about an adapter on it: training in
another chat format teaches another end of a turn, which the adapter's tokenizer and chat
template name, and which the generation config of the base, often in a read-only cache, does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.core.errors import ModelError, first_line
from harness.models.registry import read_json
from harness.models.template import render

_ASKED, _ANSWERED, _ASKED_NEXT = "Who is there?", "Zebedee", "Who else?"
_CHAT = ({"role": "user", "content": _ASKED}, {"role": "assistant", "content": _ANSWERED})
TEMPLATE = "the chat template, behind an answer"

Stops = Mapping[int, tuple[str, ...]]  # id of an end token: what names it, in words


def find_stops(tokenizer: Any, folder: Path, adapter: Path | None = None) -> Stops:
    """The tokens at which a model stops, by what names them.

    folder: of the base. Its generation config (or its config, as transformers does it) counts,
    then the adapter's generation config where there is one, the EOS of the tokenizer, the EOS
    that a tokenizer_config.json beside the adapter states, and the token that the chat template
    writes behind an answer. Raises ModelError where a file cannot be read.
    """
    found: dict[int, list[str]] = {}

    def add(ids: Any, source: str) -> None:
        for one in ids if isinstance(ids, list | tuple) else [ids]:
            if isinstance(one, int) and not isinstance(one, bool):
                found.setdefault(one, []).append(source)

    add(*_of_config(folder, "the base's"))
    if adapter and (adapter / "generation_config.json").is_file():
        add(*_of_config(adapter, "the adapter's"))
    add(tokenizer.eos_token_id, "eos_token of the tokenizer")
    add(_stated_eos(adapter, tokenizer), "eos_token in the adapter's tokenizer_config.json")
    add(_end_of_turn(tokenizer, set(found)), TEMPLATE)
    return {one: tuple(dict.fromkeys(found[one])) for one in sorted(found)}


def prove_end(tokenizer: Any, stops: Stops, folder: Path) -> None:
    """Raise ModelError unless an answer, as the chat template writes it, ends where a model stops.

    The end may be the head of the next turn (GLM-4 stops at `<|user|>`). A template that shows
    the answer in other words than it was given is not judged.
    """
    behind = _behind(tokenizer)
    if behind is None or stops.keys() & {*behind, *_next_turn(tokenizer)}:
        return
    shown = ", ".join(repr(tokenizer.convert_ids_to_tokens(one)) for one in stops) or "nothing"
    raise ModelError(
        f"{folder}: the chat template writes no end behind an answer (the model stops at {shown}): "
        "no answer would ever end. Write '{{ eos_token }}' behind the assistant's content in its "
        "chat_template"
    )


def stops_data(stops: Stops, tokenizer: Any) -> list[dict[str, Any]]:
    """The end tokens as plain data for `run.json`."""
    return [
        {"id": one, "token": tokenizer.convert_ids_to_tokens(one), "named_by": list(sources)}
        for one, sources in stops.items()
    ]


def only_by_template(stops: Stops, tokenizer: Any) -> list[str]:
    """End tokens that nothing but the chat template names: other programs may not stop there."""
    return [
        str(tokenizer.convert_ids_to_tokens(one))
        for one, sources in stops.items()
        if sources == (TEMPLATE,)
    ]


def _of_config(folder: Path, whose: str) -> tuple[Any, str]:
    """The ids of the end in a generation config, as transformers finds them out, and its name."""
    from transformers import AutoConfig, GenerationConfig

    name = "generation_config.json"
    try:
        return (
            GenerationConfig.from_pretrained(folder, local_files_only=True).eos_token_id,
            f"{whose} {name}",
        )
    except OSError as error:  # no such file: from the model's own configuration
        if (folder / name).is_file():
            raise ModelError(f"{folder / name}: cannot be read: {first_line(error)}") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{folder / name}: cannot be read: {first_line(error)}") from None
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError, TypeError, AttributeError) as error:
        raise ModelError(f"{folder}: its config.json cannot be read: {first_line(error)}") from None
    return GenerationConfig.from_model_config(config).eos_token_id, f"{whose} config.json"


def _stated_eos(adapter: Path | None, tokenizer: Any) -> int | None:
    """The id of the EOS in a tokenizer_config.json beside an adapter, which may lie there alone."""
    file = adapter / "tokenizer_config.json" if adapter else None
    if file is None or not file.is_file():
        return None
    stated = read_json(file).get("eos_token")
    stated = stated.get("content") if isinstance(stated, dict) else stated
    known = tokenizer.get_vocab()
    return known.get(stated) if isinstance(stated, str) else None


def _end_of_turn(tokenizer: Any, known: set[int]) -> int | None:
    """The added token that the chat template writes first behind an answer, where it is an end.

    A special token is one; any other added token counts only where nothing behind the answer
    is an end already.
    """
    behind = _behind(tokenizer) or []
    added = tokenizer.added_tokens_decoder
    first = next((one for one in behind if one in added), None)
    if first is None or (not added[first].special and known.intersection(behind)):
        return None
    return int(first)


def _behind(tokenizer: Any) -> list[int] | None:
    """The ids behind an answer in a rendered chat; None where the answer is not found in it."""
    _, found, behind = render(tokenizer, _CHAT, add_generation_prompt=False).rpartition(_ANSWERED)
    return list(tokenizer(behind, add_special_tokens=False)["input_ids"]) if found else None


def _next_turn(tokenizer: Any) -> list[int]:
    """The ids between an answer and the question after it; none where the template minds."""
    more = [*_CHAT, {"role": "user", "content": _ASKED_NEXT}]
    try:
        text = render(tokenizer, more, add_generation_prompt=False)
    except ModelError:
        return []
    between = text.rpartition(_ANSWERED)[2].partition(_ASKED_NEXT)[0]
    return list(tokenizer(between, add_special_tokens=False)["input_ids"])
