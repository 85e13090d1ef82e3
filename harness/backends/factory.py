"""From a specification to something that answers: the local engine, or a server."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from harness.backends import Backend
from harness.core.errors import ModelError, UsageError
from harness.core.records import Sampling
from harness.core.redaction import REMOVED, holds_key
from harness.prompts.plan import Encode, Messages

if TYPE_CHECKING:
    from harness.backends.local import TransformersBackend
    from harness.backends.server import ServerBackend
    from harness.backends.two_models import TwoModels
    from harness.core.specs import ModelSpec
    from harness.models.control import Compared
    from harness.models.loading import LoadedModel
    from harness.models.resident import Resident


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A backend ready to answer. `difference`: of a logit with and without the adapter."""

    backend: Backend
    context: int | None  # tokens; None where the backend does not tell
    difference: float | None = None  # the largest over the probes; None without an adapter
    control: bool = True  # whether the base can be asked without the adapter
    encode_control: Encode | None = None  # of the base; None: as the model's prompts
    found: Mapping[str, Any] = field(default_factory=dict)  # for run.json, not for the plan
    warnings: tuple[str, ...] = ()  # for the report
    urgent: tuple[str, ...] = ()  # those of them to tell before anything is generated
    fold_system: bool = False  # whether chats are sent with the system text in the user's turn
    late_warnings: Callable[[], tuple[str, ...]] = tuple  # known once all is answered
    close: Callable[[], None] = lambda: None  # gives back what was started for it


# Specification, adapter folder, and chats on which the model is tried first.
OpenBackend = Callable[["ModelSpec", Path | None, Sequence[Messages]], Opened]


@dataclass(frozen=True, kw_only=True)
class ServerOptions:
    """How a server is asked; None: the default."""

    concurrency: int | None = None
    timeout_s: float | None = None

    def __post_init__(self) -> None:
        """Raise UsageError for a time that is none."""
        if self.timeout_s is not None and not 0 < self.timeout_s < math.inf:
            raise UsageError(f"--timeout is {self.timeout_s:g}; say a number of seconds above 0")

    def given(self) -> list[str]:
        """The flags that were given."""
        named = {
            "--concurrency": self.concurrency,
            "--timeout": self.timeout_s,
        }
        return [flag for flag, value in named.items() if value is not None]


def open_local(
    spec: ModelSpec,
    adapter: Path | None,
    chats: Sequence[Messages],
    *,
    resident: Resident | None = None,
) -> Opened:
    """Load a model with its adapter into this process.

    resident: holds the base between audits; without one it is loaded for this one alone.
    The control is the base: where switching the adapter off does not give that back, it is
    loaded apart, and where memory has no room for both there is no control.
    Raises ModelError when it cannot be loaded, or when its adapter changes no logit or was
    never trained.
    """
    from harness.backends.local import TransformersBackend
    from harness.models.loading import load_model
    from harness.models.proof import left_behind, prove_adapter_acts
    from harness.models.stops import only_by_template, stops_data
    from harness.models.template import encode_prompt

    load = resident.attach if resident else load_model
    loaded = load(spec, adapter=adapter, probes=chats)
    difference: float | None = None
    stay: tuple[str, ...] = ()
    if adapter:  # before the backend takes the model over
        prompts = [encode_prompt(loaded.tokenizer, chat)[1] for chat in chats]
        difference, stay = prove_adapter_acts(loaded, prompts), left_behind(loaded)
    found: dict[str, Any] = {"stops": stops_data(loaded.stops, loaded.tokenizer)}
    notes = [
        f"Answers end at {token}, which the chat template writes behind an answer and no "
        "generation config names: a program that reads only that would not stop there."
        for token in only_by_template(loaded.stops, loaded.tokenizer)
    ]
    backend: Any = TransformersBackend(loaded)
    control = _Control(backend=backend)
    if adapter:
        control = _control(loaded, backend, stay)
        backend = control.backend
        found["control"] = control.found
        notes += control.notes

    def late() -> tuple[str, ...]:
        if not backend.oom_retries:
            return ()
        return (
            f"Memory ran out {backend.oom_retries} times, and the batch was halved each time: no "
            "answer is missing, and the last digits of a logit may differ from a run with room.",
        )

    return Opened(
        backend=backend,
        context=loaded.spec.context,
        difference=difference,
        control=control.stands,
        encode_control=control.encode,
        found=found,
        warnings=tuple(notes),
        late_warnings=late,
    )


@dataclass(frozen=True, kw_only=True)
class _Control:
    """How the base answers beside the model. `backend` answers for both."""

    backend: Any
    stands: bool = True  # whether there is a control at all
    encode: Encode | None = None
    found: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def _control(loaded: LoadedModel, backend: TransformersBackend, stay: Sequence[str]) -> _Control:
    """The control of a model: its adapter switched off, or its base loaded apart, or none.

    stay: the adapter's weights that switching it off leaves in.
    """
    from harness.models.control import compare
    from harness.models.template import encode_prompt

    assert loaded.reference is not None
    with loaded.without_adapter():
        off = compare(loaded.reference, loaded.model, loaded.device)
    found: dict[str, Any] = {"is": "adapter switched off", "switched_off": off.to_data()}
    encode, notes = None, []
    if loaded.control_tokenizer is not None:
        own = loaded.control_tokenizer
        encode = lambda chat: encode_prompt(own, chat)  # noqa: E731
        found["chat_format"] = "the base's own"
        notes.append(
            "Tokens were added to the vocabulary in training, and the prompts hold them: the "
            "control, which lacks them, is asked in the base's own chat format."
        )
    if off.same and not stay:
        return _Control(backend=backend, encode=encode, found=found, notes=tuple(notes))
    gap = _gap(off, stay)
    reason = f"Switching the adapter off does not give the base back ({gap})"
    try:
        both = _with_base_apart(loaded, backend)
    except ModelError as error:
        found["is"] = "none"
        notes = [f"There is no control. {reason}, and the base cannot be loaded beside it: {error}"]
        return _Control(backend=backend, stands=False, found=found, notes=tuple(notes))
    found["is"] = "base loaded apart"
    notes.append(f"{reason}: the control is the base, loaded apart from its own files.")
    return _Control(backend=both, encode=encode, found=found, notes=tuple(notes))


def _gap(off: Compared, stay: Sequence[str]) -> str:
    """What lies between the base and a model whose adapter is switched off."""
    if off.difference is None:
        return "it has other tokens than the base"
    if off.same:
        more = f" and {len(stay) - 1} more" if len(stay) > 1 else ""
        return f"{stay[0]}{more} was trained whole, and stays"
    return (
        f"its logits are up to {off.difference:.2g} from the base's, where rounding gives "
        f"{off.tolerance:.2g} at most"
    )


def _with_base_apart(loaded: LoadedModel, backend: TransformersBackend) -> TwoModels:
    """The base beside a model that is loaded. Raises ModelError when memory has no room for it."""
    from harness.backends.local import TransformersBackend
    from harness.backends.two_models import TwoModels
    from harness.models.loading import load_model

    base = load_model(loaded.spec.model_copy(update={"adapter": None}))
    for one, named_by in loaded.stops.items():  # the prompts may be in the adapter's chat format
        token = loaded.tokenizer.convert_ids_to_tokens(one)
        if one not in base.stops and base.tokenizer.get_vocab().get(token) == one:
            base.stops = {**base.stops, one: named_by}
    return TwoModels(backend, TransformersBackend(base))


def open_server(
    spec: ModelSpec,
    chats: Sequence[Messages],
    options: ServerOptions,
    *,
    base: str | None,
    sampling: Sampling,
    system_chat: Messages | None = None,
) -> Opened:
    """Reach a server and see, on `chats`, what it does with seeds, samples and the rest.

    base: the name on the server that is asked as the control. system_chat: a chat with a
    system turn, where the audit has any.
    Raises UsageError when it lists several models and none is named, BackendError when it
    does not answer.
    """
    from harness.backends.chat_client import TIMEOUT_S, ChatClient
    from harness.backends.server import CONCURRENCY, ServerBackend
    from harness.backends.server_probe import probe

    assert spec.server is not None
    if base is not None and holds_key(base):
        raise UsageError("--base holds an API key: it would be written in the run")
    backend = ServerBackend(
        ChatClient(spec.server, timeout_s=options.timeout_s or TIMEOUT_S),
        name=spec.base,
        base=base,
        concurrency=CONCURRENCY if options.concurrency is None else options.concurrency,
    )
    probed = probe(
        backend,
        [_pairs(chat) for chat in chats],
        sampling=sampling,
        system_chat=_pairs(system_chat) if system_chat else None,
    )
    return Opened(
        backend=backend,
        context=None,
        urgent=probed.urgent,
        fold_system=probed.offers.system != "yes",
        control=backend.base is not None,
        found={"server": probed.to_data()},
        warnings=(*probed.notes, *_always(backend.base)),
        late_warnings=lambda: tuple(_seen_late(backend)),
        close=backend.client.close,
    )


def _pairs(chat: Messages) -> tuple[tuple[str, str], ...]:
    return tuple((one["role"], one["content"]) for one in chat)


def _seen_late(backend: ServerBackend) -> list[str]:
    """What is known of a server once all is answered."""
    notes = []
    if backend.short:
        notes.append(
            f"{backend.short} requests did not get all the choices they asked for at once; the "
            "rest was asked for singly, and no answer is missing."
        )
    if backend.cut:
        notes.append(
            f"{backend.cut} answers were longer than any token limit allows, and are kept in part."
        )
    if backend.client.echoes:
        notes.append(
            f"The server sent the API key back {backend.client.echoes} times; {REMOVED} stands in "
            "its place. Do not trust this server with the key, and have the key replaced."
        )
    return notes


def _always(base: str | None) -> list[str]:
    """What is true of any server."""
    notes = [
        "The model answered on a server, which tells neither its weights nor its quantisation: "
        "it is known by the server's address and its name there alone.",
        "The noise floor compares texts, not tokens: a server gives no token ids.",
    ]
    if base is None:
        notes.append("The server names no base of this model; --base NAME asks one as control.")
    return notes


def plugged_backend(scheme: str) -> OpenBackend:
    """What opens the backend that a user's package has for a scheme.

    Raises ModelError when it cannot be loaded.
    """
    from harness.models.plugged import schemes

    point = schemes()[scheme]
    package = f"{point.dist.name} {point.dist.version}" if point.dist else point.value
    try:
        found = point.load()
    except (ImportError, AttributeError) as error:
        raise ModelError(f"{package}: its backend '{scheme}' fails: {error}") from None
    return cast(OpenBackend, found)


def refuse_server_options(options: ServerOptions) -> None:
    """Raise UsageError when options of a server are given for a model in this process."""
    if options.given():
        raise UsageError(
            f"{', '.join(options.given())}: only for a model on a server, "
            "openai:http://host:port/v1#name"
        )
