"""Finding out what a server does with `n`, `seed`, `logprobs` and temperature, by asking.

A field may be refused (HTTP 4xx), ignored without a word, or honoured; only answers tell.
The requests of the second round run at the same time, as those of the audit will: a server
that keeps one random state for all (transformers serve) honours a seed only when alone. They
are drawn hot: a model may be so sure at temperature 1 that every draw is its greedy answer.
A top_p or top_k that leaves only the likeliest token must give the greedy answer even then.
Where the first answer is empty, the chats are put again with all the tokens of the audit, so
that a model which will say nothing is known before the audit and not after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from harness.backends.chat_client import Reply, RequestFailedError, RequestRefusedError
from harness.backends.server import Offers, ServerBackend, plain, unlisted
from harness.backends.server_fields import (
    Chat,
    find_heat,
    find_way,
    folded,
    has_system,
    leaves_system_out,
)
from harness.backends.server_notes import notes_on, silence_note
from harness.core.errors import BackendError
from harness.core.records import Sampling
from harness.core.seeds import derive_seed

_TOGETHER = 2  # choices asked for at once where draws are compared
_TRIES = 3  # of a request that shows whether a field is taken; a server may choke on one
_HOT = 2.0  # the highest temperature of the interface
_TOKENS = 16  # of a probe's answer at most
_STRICTEST = {"top_p": 1e-6, "top_k": 1}  # only the likeliest token may be drawn

# A plain request.
_NOTHING = Offers(seed="refused", logprobs="refused", top_p="refused", top_k="refused")


@dataclass(frozen=True, kw_only=True)
class Probed:
    """What was found. `notes`: sentences for the report; `urgent`: those to tell at once."""

    offers: Offers
    answered_as: str | None  # the model that the server says answered
    software: str | None
    notes: tuple[str, ...]
    urgent: tuple[str, ...] = ()

    def to_data(self) -> dict[str, Any]:
        """Plain data for run.json."""
        return {
            "honoured": self.offers.to_data(),
            "answered_as": self.answered_as,
            "software": self.software,
        }


def probe(
    backend: ServerBackend,
    chats: Sequence[Chat],
    *,
    sampling: Sampling,
    system_chat: Chat | None = None,
) -> Probed:
    """Ask the audit's own first `chats`, and set `backend.offers` to what is seen.

    sampling: that of the audit; with no samples, how the server draws is not looked at.
    system_chat: one with a system turn, where the audit has any.
    Raises BackendError when the server does not answer a plain request.
    """
    samples, temperature = sampling.samples, sampling.temperature
    limits = _given(sampling.top_p, sampling.top_k)
    ask = _Asker(backend, max_tokens=sampling.max_new_tokens, seed=sampling.seed, limits=limits)
    tried = next((one for one in (*chats, system_chat) if one and has_system(one)), chats[0])
    try:
        offers, first, said = find_way(ask, tried, _NOTHING)
    except RequestFailedError as error:
        hint = unlisted(backend) if isinstance(error, RequestRefusedError) else None
        raise BackendError(f"{error}" + (f"; {hint}" if hint else "")) from None
    if leaves_system_out(ask, tried, offers, first):
        offers = replace(offers, system="ignored")
    _require_base(ask, tried, offers)
    if samples:
        offers = find_heat(ask, chats[0], offers, temperature=temperature)
    offers = _fields(ask, chats[0], offers, samples=samples, temperature=temperature)
    if samples:
        try:
            hot = max(temperature, _HOT)
            offers = _drawn(ask, chats, offers, temperature=hot, tries=_TRIES)
        except BackendError:  # too hot for this server
            offers = _drawn(ask, chats, offers, temperature=temperature)
    backend.offers = offers
    silent = _silence(ask, chats, offers, first)
    notes = notes_on(backend, offers, first, ask.limits, said=said, temperature=temperature)
    return Probed(
        offers=offers,
        answered_as=first.model,
        software=first.software,
        notes=(*silent, *notes),
        urgent=tuple(silent),
    )


def _given(top_p: float | None, top_k: int | None) -> dict[str, float]:
    """The limits that the audit has, by field."""
    limits = {"top_p": top_p, "top_k": top_k}
    return {field: value for field, value in limits.items() if value is not None}


class _Asker:
    """One probe request after the other, or several at once, under fixed settings.

    `limits`: the audit's own top_p and top_k.
    """

    def __init__(
        self, backend: ServerBackend, *, max_tokens: int, seed: int, limits: dict[str, float]
    ) -> None:
        self.backend = backend
        self.limits = limits
        self.max_tokens = max_tokens  # of the audit
        self._seed = seed

    def __call__(
        self,
        chat: Chat,
        *,
        offers: Offers,
        temperature: float = 0.0,
        n: int = 1,
        draw: int = 0,
        limits: dict[str, float] | None = None,
        arm: str = "adapter",
        tries: int | None = None,
        whole: bool = False,
    ) -> Reply:
        """draw: which seed; the same number gives the same one. limits: top_p and top_k.

        whole: with as many tokens as an answer of the audit has.
        """
        return self.backend.ask(
            chat if offers.system == "yes" else folded(chat),
            n=n,
            temperature=temperature,
            max_tokens=self.max_tokens if whole else min(self.max_tokens, _TOKENS),
            seed=derive_seed(self._seed, "probe", draw) >> 32,
            label="a probe",
            arm=arm,
            offers=offers,
            tries=tries,
            **(limits or {}),  # type: ignore[arg-type]
        )


def _require_base(ask: _Asker, chat: Chat, offers: Offers) -> None:
    """Raise BackendError where the control has a name that the server does not know."""
    base = ask.backend.base
    if base is None:
        return
    try:
        ask(chat, offers=offers, arm="base")
    except RequestRefusedError as error:
        raise BackendError(
            f"the base '{plain(base)}', asked as control, is refused: {error}; name one that the "
            "server has with --base, or leave --base out"
        ) from None


def _fields(ask: _Asker, chat: Chat, offers: Offers, *, samples: int, temperature: float) -> Offers:
    """Which fields are refused outright, and whether log-probabilities and choices come."""
    heat = temperature if samples else 0.0

    def taken(trial: Offers, n: int = 1) -> Reply | None:
        try:
            return ask(chat, offers=trial, temperature=heat, n=n, limits=ask.limits, tries=_TRIES)
        except BackendError:  # refused, or choked on: a plain request was answered
            return None

    with_logprobs = replace(offers, logprobs="yes")
    reply = taken(with_logprobs)
    if reply is not None:
        came = all(choice.logprobs or not choice.text for choice in reply.choices)
        offers = replace(offers, logprobs="yes" if came else "ignored")
    if "top_k" not in ask.limits:
        offers = replace(offers, top_k="not asked")
    elif samples and taken(replace(offers, top_k="yes")) is not None:
        offers = replace(offers, top_k="yes")
    if not samples:
        return replace(offers, seed="not seen", n="not seen", top_p="not seen", sampling="not seen")
    if taken(replace(offers, top_p="yes")) is not None:
        offers = replace(offers, top_p="yes")
    if taken(replace(offers, seed="yes")) is not None:
        offers = replace(offers, seed="yes")
    if samples == 1:
        return replace(offers, n="not seen")
    reply = taken(offers, n=samples)
    if reply is None:
        return replace(offers, n="refused")
    return replace(offers, n="yes" if len(reply.choices) >= samples else "ignored")


def _drawn(
    ask: _Asker, chats: Sequence[Chat], offers: Offers, *, temperature: float,
    tries: int | None = None,
) -> Offers:  # fmt: skip
    """Compare greedy answers, two draws of one seed, and one of another, at `temperature`."""
    n = _TOGETHER if offers.n == "yes" else 1
    # A top_p of the audit is left out here: it may be so small that nothing moves.
    free = replace(offers, top_p="refused") if "top_p" in ask.limits else offers
    jobs = [partial(ask, chat, offers=free) for chat in chats]
    for draw in (1, 1, 2):
        drawn = partial(ask, offers=free, temperature=temperature, n=n, draw=draw, tries=tries)
        jobs += [partial(drawn, chat) for chat in chats]
    replies = ask.backend.in_parallel(jobs, lambda job: job())
    said = [_said(reply) for reply in replies]
    if not any(text for texts in said for text in texts):  # a mute server samples or does not
        seed = offers.seed if offers.seed == "refused" else "not seen"
        return replace(offers, sampling="not seen", seed=seed)
    count = len(chats)
    plain, first, again, other = (said[at * count : (at + 1) * count] for at in range(4))
    moved = any({*a, *b, *c} != {*g} for g, a, b, c in zip(plain, first, again, other, strict=True))
    offers = replace(offers, sampling="yes" if moved else "no")
    away = sum(_away(plain, texts) for texts in (first, again, other)) / 3
    for field in ask.limits:
        if getattr(offers, field) == "yes":
            seen = _obeyed(ask, chats, free, field, plain, away, temperature=temperature, n=n)
            offers = replace(offers, **{field: seen if moved else "not seen"})
    if offers.seed != "refused":
        kept = "yes" if first == again else "ignored"
        offers = replace(offers, seed=kept if moved else "not seen")
    if n > 1:
        alike = all(len({*texts}) == 1 for texts in (*first, *again, *other))
        differ = [*first, *again] != [*other, *other]
        offers = replace(offers, n="repeated" if alike and differ else "yes")
    return offers


def _obeyed(
    ask: _Asker, chats: Sequence[Chat], offers: Offers, field: str, plain: list[list[str]],
    away: float, *, temperature: float, n: int,
) -> str:  # fmt: skip
    """Whether `field` restricts: at its strictest every draw is the greedy answer, `plain`.

    away: how many of as many unrestricted draws were another answer.
    """
    strict = partial(ask, offers=replace(offers, **{field: "yes"}), temperature=temperature,
                     n=n, draw=1, limits={field: _STRICTEST[field]}, tries=_TRIES)  # fmt: skip
    try:
        replies = ask.backend.in_parallel(list(chats), strict)
    except BackendError:  # too strict for this server
        return "not seen"
    said = [_said(reply) for reply in replies]
    return "yes" if 2 * _away(plain, said) <= away else "ignored"


def _away(plain: list[list[str]], said: list[list[str]]) -> int:
    """How many drawn answers are not the greedy one of their chat."""
    return sum(text != greedy[0] for greedy, texts in zip(plain, said, strict=True)
               for text in texts)  # fmt: skip


def _said(reply: Reply) -> list[str]:
    """What each choice says, its thinking where it says nothing."""
    return [choice.text or choice.reasoning or "" for choice in reply.choices]


def _silence(ask: _Asker, chats: Sequence[Chat], offers: Offers, first: Reply) -> list[str]:
    """A sentence where no chat gets an answer, with what the server gives as the reason."""
    if any(choice.text for choice in first.choices):
        return []
    whole = partial(ask, offers=offers, tries=_TRIES, whole=True)
    try:
        replies = ask.backend.in_parallel(list(chats), whole)
    except BackendError:  # the audit will tell
        return []
    choices = [choice for reply in replies for choice in reply.choices]
    if any(choice.text for choice in choices):
        return []
    return [silence_note(choices, max_tokens=ask.max_tokens)]
