"""The shapes of the files beside a model or an adapter, checked before any library reads them.

Lenient: keys that nobody here knows pass. What is checked are the keys that Bordor,
transformers or peft read, so that a wrong one is told by its file and its name and not by a
library from deep inside. Patterns are tried, and so are the kinds of the files themselves.
"""

from __future__ import annotations

import importlib
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from harness.core.errors import ModelError
from harness.core.files import Unreadable, read_object, read_text
from harness.models.references import refuse_address

ADAPTER_CONFIG = "adapter_config.json"
CARD = "card.json"
CONFIG = "config.json"
_MOST_JSON = 1 << 28  # bytes; a tokenizer.json of 250,000 tokens has about 2^25
_MOST_ENTRIES = 10_000  # of a folder that are looked at
_SHOWN = 60  # characters of a wrong value that a message shows
_LONGEST_PATTERN = 10_000  # characters
_READ_BY_LIBRARIES = (".json", ".safetensors", ".jinja", ".model", ".txt")

Text = Annotated[str, StringConstraints(max_length=4096)]
Size = Annotated[int, Field(gt=0, le=10**9)]
Layers = Annotated[int, Field(gt=0, le=2000)]
Sizes = Size | list[Size | None] | None  # some architectures say it layer by layer
Ids = int | list[int] | None
Number = float  # strict: whole numbers pass, true and texts do not


def _told(words: str, default: Any = None) -> Any:
    """A key with the words that say what is wanted of it."""
    return Field(default=default, description=words)


class Shape(BaseModel):
    """Base of all shapes: types are strict, unknown keys pass."""

    model_config = ConfigDict(extra="allow", strict=True, protected_namespaces=())


class AdapterShape(Shape):
    """`adapter_config.json` of a LoRA, as peft writes it."""

    peft_type: Text | None = _told("a text")
    base_model_name_or_path: Text | None = _told("a text of at most 4,096 characters")
    revision: Text | None = _told("a text")
    task_type: Text | None = _told("a text")
    r: Annotated[int, Field(gt=0, le=65536)] = _told("a whole number above 0", 8)
    lora_alpha: Number = _told("a number", 8)
    lora_dropout: Annotated[float, Field(ge=0, le=1)] = _told("a number from 0 to 1", 0.0)
    target_modules: str | list[str] | None = _told("a pattern or a list of names")
    exclude_modules: str | list[str] | None = _told("a pattern or a list of names")
    modules_to_save: list[str] | None = _told("a list of names")
    target_parameters: list[str] | None = _told("a list of names")
    layers_to_transform: Ids = _told("a number or a list of numbers")
    layers_pattern: str | list[str] | None = _told("a pattern or a list of patterns")
    rank_pattern: dict[str, Annotated[int, Field(gt=0)]] | None = _told("an object of ranks")
    alpha_pattern: dict[str, Number] | None = _told("an object of numbers")
    layer_replication: list[list[int]] | None = _told("a list of pairs of layers")
    trainable_token_indices: list[int] | dict[str, list[int]] | None = _told("ids of tokens")
    bias: Text | None = _told("'none', 'all' or 'lora_only'")
    init_lora_weights: bool | str | None = _told("true, false or a name")
    fan_in_fan_out: bool | None = _told("true or false")
    inference_mode: bool | None = _told("true or false")
    use_rslora: bool | None = _told("true or false")
    use_dora: bool | None = _told("true or false")
    lora_bias: bool | None = _told("true or false")
    loftq_config: dict[str, Any] | None = _told("an object")
    auto_mapping: dict[str, Any] | None = _told("an object")
    megatron_config: None = _told("null: peft would import the code that megatron_core names")


class ConfigShape(Shape):
    """`config.json`: what all language models say of their size, or may say."""

    model_type: Text | None = _told("a text")
    architectures: list[str] | None = _told("a list of names")
    hidden_size: Sizes = _told("a whole number above 0")
    intermediate_size: Sizes = _told("a whole number above 0")
    num_hidden_layers: Layers | None = _told("a whole number from 1 to 2,000")
    num_attention_heads: Sizes = _told("a whole number above 0")
    num_key_value_heads: Sizes = _told("a whole number above 0")
    head_dim: Sizes = _told("a whole number above 0")
    vocab_size: Annotated[int, Field(gt=0, le=10**8)] | None = _told("a whole number above 0")
    max_position_embeddings: Size | None = _told("a whole number above 0")
    rms_norm_eps: Number | None = _told("a number")
    rope_theta: Number | None = _told("a number")
    rope_scaling: dict[str, Any] | None = _told("an object")
    rope_parameters: dict[str, Any] | None = _told("an object")
    tie_word_embeddings: bool | None = _told("true or false")
    bos_token_id: Ids = _told("an id or a list of ids")
    eos_token_id: Ids = _told("an id or a list of ids")
    pad_token_id: Ids = _told("an id or a list of ids")
    dtype: str | dict[str, Any] | None = _told("the name of a number format")
    torch_dtype: str | dict[str, Any] | None = _told("the name of a number format")
    quantization_config: dict[str, Any] | None = _told("an object")
    text_config: dict[str, Any] | None = _told("an object")
    auto_map: dict[str, Any] | None = _told("an object")


class GenerationShape(Shape):
    """`generation_config.json`."""

    bos_token_id: Ids = _told("an id or a list of ids")
    eos_token_id: Ids = _told("an id or a list of ids")
    pad_token_id: Ids = _told("an id or a list of ids")


class TokenizerConfigShape(Shape):
    """`tokenizer_config.json`."""

    tokenizer_class: str | None = _told("a name")
    chat_template: str | list[dict[str, Any]] | dict[str, str] | None = _told(
        "a template, or several by name"
    )
    bos_token: str | dict[str, Any] | None = _told("a token")
    eos_token: str | dict[str, Any] | None = _told("a token")
    pad_token: str | dict[str, Any] | None = _told("a token")
    unk_token: str | dict[str, Any] | None = _told("a token")
    added_tokens_decoder: dict[str, dict[str, Any]] | None = _told("an object of tokens by id")
    model_max_length: Number | None = _told("a number")


class AddedToken(Shape):
    """A token that tokenizer.json adds to its vocabulary."""

    id: Annotated[int, Field(ge=0)]
    content: str


class TokenizerShape(Shape):
    """`tokenizer.json`."""

    model: dict[str, Any] = _told("an object", {})
    added_tokens: list[AddedToken] | None = _told("a list of tokens with id and content")


class CardShape(Shape):
    """`card.json`: see docs/models.md."""

    model: Text | None = _told("the name of a shipped model")
    base_hash: Text | None = _told("a text of 64 hex digits")
    quantisation: Text | None = _told("nf4, fp4, int8 or none")
    template: Text | None = _told("a text")
    story: Text | None = _told("the name of a story or a path")
    recipe: Text | None = _told("the name of a recipe or a path")


_TEXTS: dict[str, type[Shape]] = {
    "generation_config.json": GenerationShape,
    "tokenizer_config.json": TokenizerConfigShape,
    "tokenizer.json": TokenizerShape,
    "special_tokens_map.json": Shape,
    "added_tokens.json": Shape,
}


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object. Raises ModelError when `path` is missing or holds none."""
    try:
        return read_object(path, most=_MOST_JSON)
    except Unreadable as error:
        raise ModelError(f"{path}: {error}") from None


def read_shaped(path: Path, shape: type[Shape]) -> dict[str, Any]:
    """Read a JSON object of a shape. Raises ModelError naming file and key."""
    data = read_json(path)
    try:
        shape.model_validate(data)
    except ValidationError as error:
        raise ModelError(f"{path}: {_wrong(error, data, shape)}") from None
    return data


def read_adapter_config(adapter: Path) -> dict[str, Any]:
    """The configuration of the adapter in a folder. Raises ModelError naming file and key."""
    path = adapter / ADAPTER_CONFIG
    raw = read_json(path)
    if "peft_type" not in raw and ({"fine_tune_type", "lora_parameters"} & raw.keys()):
        raise ModelError(
            f"{adapter}: an adapter of MLX, whose layout is not read: make one model of it with "
            "'mlx_lm.fuse --de-quantize' and audit that folder with --as-is"
        )
    if raw.get("peft_type") not in ("LORA", None):
        return raw  # refused by its kind later; its keys are other ones
    data = read_shaped(path, AdapterShape)
    for key, pattern in _patterns(data):
        _try_pattern(pattern, where=f"{path}: '{key}'")
    for key in ("base_model_name_or_path", "revision"):
        refuse_address(data.get(key) or "", where=f"{path}: '{key}'")
    return data


def read_model_config(folder: Path) -> dict[str, Any]:
    """The config.json of a model. Raises ModelError naming file and key."""
    path = folder / CONFIG
    data = read_shaped(path, ConfigShape)
    text = data.get("text_config")
    if isinstance(text, dict):
        try:
            ConfigShape.model_validate(text)
        except ValidationError as error:
            raise ModelError(f"{path}: text_config: {_wrong(error, text, ConfigShape)}") from None
    if data.get("transformers_weights"):
        raise ModelError(
            f"{path}: 'transformers_weights' names a file of weights of its own "
            f"({shown(data['transformers_weights'])}): call that file model.safetensors and remove "
            "the key"
        )
    for table in (data, text or {}):
        for key in ("attn_implementation", "_attn_implementation", "experts_implementation"):
            if "/" in str(table.get(key)):
                raise ModelError(
                    f"{path}: '{key}' names code on the hub ({shown(table[key])}), which never "
                    "runs here: remove the key"
                )
    return data


def read_card(folder: Path) -> dict[str, Any]:
    """The card in a folder, or an empty one. Raises ModelError naming file and key."""
    path = folder / CARD
    if not path.is_file():
        return {}
    card = read_shaped(path, CardShape)
    for key in ("model", "story", "recipe"):
        refuse_address(card.get(key) or "", where=f"{path}: '{key}'")
    return card


def check_texts(folder: Path) -> None:
    """Check all that is text beside a model or an adapter: tokenizer, template, generation.

    Raises ModelError naming file and key.
    """
    refuse_odd_files(folder)
    if (folder / "instruct").is_dir():
        refuse_odd_files(folder / "instruct")
    for name, shape in _TEXTS.items():
        if (folder / name).is_file():
            read_shaped(folder / name, shape)
    for path in sorted(folder.glob("*.jinja")):
        try:
            read_text(path, most=_MOST_JSON)
        except Unreadable as error:
            raise ModelError(f"{path}: {error}") from None


def refuse_odd_files(folder: Path) -> None:
    """Raise ModelError for a pipe, a folder or a dead link where a library would read a file.

    Opening a pipe waits for a writer, for ever. Only the folder itself is looked at.
    """
    try:
        entries = [path for _, path in zip(range(_MOST_ENTRIES), folder.iterdir(), strict=False)]
    except OSError as error:
        raise ModelError(f"{folder}: cannot be read: {error.strerror or error}") from None
    for path in sorted(entries):
        wanted = path.suffix in _READ_BY_LIBRARIES
        try:
            mode = path.stat().st_mode
        except OSError as error:
            if wanted:
                raise ModelError(
                    f"{path}: a link to nothing ({error.strerror}): fetch or save it again"
                ) from None
            continue
        if stat.S_ISDIR(mode) and wanted:
            raise ModelError(f"{path}: a folder where a file is wanted: fetch or save it again")
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise ModelError(f"{path}: a pipe or a device, no file: reading it might never end")


def shown(value: Any) -> str:
    """A value of a file as a message shows it: short."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _wrong(error: ValidationError, data: dict[str, Any], shape: type[Shape]) -> str:
    """What is wrong with the first key that is, and what is wanted there."""
    key = str(error.errors()[0]["loc"][0])
    wanted = shape.model_fields[key].description if key in shape.model_fields else ""
    if key not in data:
        return f"'{key}' is missing"
    return f"'{shown(key)[1:-1]}' is {shown(data[key])}, where {wanted} is wanted"


def _patterns(config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The texts of an adapter's configuration that peft takes for patterns, by key."""
    for key in ("target_modules", "exclude_modules"):
        if isinstance(config.get(key), str):
            yield key, config[key]
    layers = config.get("layers_pattern") or []
    for pattern in [layers] if isinstance(layers, str) else layers:
        yield "layers_pattern", pattern
    for key in ("rank_pattern", "alpha_pattern"):
        for pattern in config.get(key) or {}:
            yield key, pattern


def _try_pattern(pattern: str, *, where: str) -> None:
    """Raise ModelError for what is no pattern, and for one whose search may never end."""
    if len(pattern) > _LONGEST_PATTERN:
        raise ModelError(f"{where}: a pattern of {len(pattern):,} characters")
    try:
        re.compile(pattern)
        parsed = importlib.import_module("re._parser").parse(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise ModelError(f"{where}: {shown(pattern)} is no pattern: {error}") from None
    if _repeats_repeats(parsed, inside=False):
        raise ModelError(
            f"{where}: {shown(pattern)} repeats what repeats itself: searching it may never end"
        )


def _repeats_repeats(parsed: Any, *, inside: bool) -> bool:
    """Whether an open-ended repeat stands in another: `(a+)+` takes time without end."""
    for operation, argument in parsed:
        repeats = str(operation) in ("MAX_REPEAT", "MIN_REPEAT")
        if repeats:
            endless = argument[1] > 100  # MAXREPEAT, or as good as that
            if endless and inside:
                return True
            if _repeats_repeats(argument[2], inside=inside or endless):
                return True
            continue
        for part in argument if isinstance(argument, tuple) else ():
            for branch in part if isinstance(part, list) else [part]:
                if hasattr(branch, "getwidth") and _repeats_repeats(branch, inside=inside):
                    return True
    return False
