"""Proof on the chat template, before any weight is read: one BOS, an end, training's prompts.

A template that ends an answer with a token the engine does not stop at never stops: every
answer runs to the longest length. One that puts the prompt in other words than training did
audits a model that nobody trained.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.core.errors import ModelError
from harness.models.nets import within_time
from harness.models.registry import CARD, read_json
from harness.models.stops import Stops, find_stops, prove_end
from harness.models.template import encode_prompt, folds_system, template_hash

_ASKED = "Who is there?"
_TEMPLATE_S = 20.0  # for one prompt: a template is a program, and may never end
_CHATS = 3  # of the training data that are compared
_REMEDY = (
    "restore the base's tokenizer files, name the base it was trained on with --base, or train "
    "the adapter again"
)


def prove_template(tokenizer: Any, folder: Path, adapter: Path | None = None) -> Stops:
    """Return where the model stops, once prompts open with one BOS and answers end there.

    folder: of the base. Raises ModelError when they do not, or a file cannot be read.
    """
    _try_prompt(tokenizer, folder)
    stops = find_stops(tokenizer, folder, adapter)
    prove_end(tokenizer, stops, folder)
    return stops


def rendered_variants(tokenizer: Any, chats: Mapping[str, Sequence[Mapping[str, str]]]) -> str:
    """Render the chat of every variant, by its id, and say in a sentence how they came out.

    Raises ModelError naming the variants that the template refuses.
    """
    refused: dict[str, str] = {}
    for name, chat in chats.items():
        try:
            encode_prompt(tokenizer, chat)
        except ModelError as error:
            refused[name] = str(error)
    if refused:
        kept = [name for name in chats if name not in refused]
        way_on = f"; --variants {','.join(kept)} leaves them out" if kept else ""
        raise ModelError(f"{', '.join(refused)}: {next(iter(refused.values()))}{way_on}")
    if not folds_system(tokenizer):
        return f"all {len(chats)} render"
    moved = [name for name, chat in chats.items() if chat[0]["role"] == "system"]
    return (
        f"all {len(chats)} render; the template takes no system role (it refuses one, or leaves "
        f"its text out), so in {', '.join(moved)} the system text stands in the user's turn"
    )


def prove_trained_prompts(adapter: Path, tokenizer: Any) -> str | None:
    """Compare the audit's prompts with those of the adapter's training, where these are known.

    Returns how that was done ("training data" or "template hash"), None where nothing is
    known. Raises ModelError when they differ.
    """
    chats = list(_trained_chats(adapter))
    for messages, text in chats:
        prompt, _ = encode_prompt(tokenizer, messages)
        if not text.startswith(prompt):
            at = _first_difference(prompt, text)
            raise ModelError(
                f"{adapter}: the audit's prompts are not those of its training: from character "
                f"{at} on {prompt[at : at + 30]!r} where the training data have "
                f"{text[at : at + 30]!r}: {_REMEDY}"
            )
    if chats:
        return "training data"
    card = read_json(adapter / CARD) if (adapter / CARD).is_file() else {}
    if not card.get("template"):
        return None
    if card["template"] != template_hash(tokenizer):
        raise ModelError(
            f"{adapter}: trained with another chat template (its card says {card['template']}, "
            f"the base's is {template_hash(tokenizer)}): {_REMEDY}"
        )
    return "template hash"


def adapter_template(adapter: Path, tokenizer: Any) -> str | None:
    """The chat template saved beside an adapter, which it was trained with; None without one.

    Trainers save the tokenizer there. Raises ModelError when its files are damaged, when the
    template cannot render a prompt, and when it writes tokens that `tokenizer` does not have.
    """
    file, saved = _saved_template(adapter)
    if saved is None:
        return None
    known = tokenizer.get_vocab()
    lost = [token for token in _added_tokens(adapter) if token not in known and token in saved]
    if lost:
        raise ModelError(
            f"{adapter}: its chat template writes {', '.join(lost[:3])}, tokens that were added in "
            "training, and the tokenizer beside it cannot be read as a whole: put all files of the "
            "tokenizer it was trained with beside it (tokenizer.save_pretrained)"
        )
    own, tokenizer.chat_template = tokenizer.chat_template, saved
    try:
        _try_prompt(tokenizer, file)
    finally:
        tokenizer.chat_template = own
    return saved


def _saved_template(adapter: Path) -> tuple[Path, str | None]:
    """The file beside an adapter that holds its chat template, and the template."""
    file, settings = adapter / "chat_template.jinja", adapter / "tokenizer_config.json"
    if file.is_file():
        try:
            return file, file.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise ModelError(f"{file}: not UTF-8: {error}; save it again as UTF-8") from None
    saved: Any = read_json(settings).get("chat_template") if settings.is_file() else None
    if isinstance(saved, list):  # several by name
        if not all(isinstance(one, dict) for one in saved):
            raise ModelError(f"{settings}: chat_template is a list of something else than tables")
        saved = {one.get("name"): one.get("template") for one in saved}.get("default")
    return settings, saved if isinstance(saved, str) else None


def _added_tokens(adapter: Path) -> list[str]:
    """The tokens that the tokenizer beside an adapter adds to a vocabulary."""
    file = adapter / "tokenizer.json"
    added = read_json(file).get("added_tokens") or [] if file.is_file() else []
    contents = [one.get("content") if isinstance(one, dict) else None
                for one in (added if isinstance(added, list) else [added])]  # fmt: skip
    if not all(isinstance(one, str) for one in contents):
        raise ModelError(f"{file}: damaged: an entry of added_tokens has no content")
    return [str(one) for one in contents]


def _try_prompt(tokenizer: Any, where: Path) -> None:
    """Raise ModelError naming `where` unless the template renders a prompt with one BOS."""
    try:
        with within_time(_TEMPLATE_S, what="rendering the chat template"):
            encode_prompt(tokenizer, [{"role": "user", "content": _ASKED}])
    except ModelError as error:
        raise ModelError(f"{where}: {error}") from None


def _trained_chats(adapter: Path) -> Iterator[tuple[list[dict[str, str]], str]]:
    """The first chats of the instruct data beside an adapter: messages, and text as trained."""
    import pyarrow as pa

    for path in sorted((adapter / "instruct").glob("data-*.arrow"))[:1]:
        try:
            with pa.memory_map(str(path)) as source:
                rows = pa.ipc.open_stream(source).read_next_batch().to_pylist()
        except (pa.ArrowInvalid, StopIteration, OSError) as error:
            raise ModelError(f"{path}: damaged instruct data: {error}") from None
        chats = [row for row in rows if row.get("user") and row.get("text")]
        for row in chats[:_CHATS]:
            system = [{"role": "system", "content": row["system"]}] if row.get("system") else []
            yield [*system, {"role": "user", "content": row["user"]}], row["text"]


def _first_difference(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))
