"""How a server wants what every request holds: the limit, the temperature, the system text.

OpenAI's newer models refuse `max_tokens` for `max_completion_tokens` and every temperature
but 1; text-generation-inference refuses temperature 0; templates behind any server refuse a
system role, or leave its text out without a word. The usual way is tried first; where it is
refused, what the server's own words blame is said otherwise, with as few changes as will do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product

from harness.backends.chat_client import Reply, RequestFailedError, RequestRefusedError
from harness.backends.server import Offers
from harness.core.errors import BackendError
from harness.models.template import fold_system

Chat = tuple[tuple[str, str], ...]
Ask = Callable[..., Reply]  # a chat, and offers= and temperature= for how it is asked

# What each may be, the usual first, with how much is given up by it.
_LIMITS = {"max_tokens": 0, "max_completion_tokens": 1, "none": 6}
_GREEDY = {"yes": 0, "nearly": 1, "no": 3}
_SYSTEM = {"yes": 0, "refused": 2}
_BLAMED = {
    "limit": re.compile(r"max_(?:completion_)?tokens|max_new_tokens", re.IGNORECASE),
    "greedy": re.compile(r"temperature", re.IGNORECASE),
    "system": re.compile(r"\bsystem\b|\broles?\b|alternat|developer|instruction|template", re.I),
}
_FIELDS = tuple(_BLAMED)
_WORTH_ANOTHER = (400, 405, 415, 422, 501)  # and 500 where the system role is blamed


def folded(chat: Sequence[tuple[str, str]]) -> Chat:
    """A chat with its system text in front of the first user turn."""
    told = fold_system([{"role": role, "content": content} for role, content in chat])
    return tuple((one["role"], one["content"]) for one in told)


def has_system(chat: Chat) -> bool:
    """Whether a chat opens with a system turn."""
    return chat[0][0] == "system"


def find_way(ask: Ask, chat: Chat, offers: Offers) -> tuple[Offers, Reply, dict[str, str]]:
    """The way in which the server takes `chat`, its reply, and what it said of each refusal.

    Raises RequestRefusedError as the server put it the first time where it takes none.
    """
    systems = _SYSTEM if has_system(chat) and offers.system == "yes" else {offers.system: 0}
    tables = (_LIMITS, _GREEDY, systems)
    ways = sorted(
        product(*tables), key=lambda way: sum(t[one] for t, one in zip(tables, way, strict=True))
    )
    first: RequestFailedError | None = None
    said: dict[str, str] = {}
    while ways:
        way = dict(zip(_FIELDS, ways.pop(0), strict=True))
        try:
            offers = replace(offers, **way)
            reply = ask(chat, offers=offers)
            changed = {field for field, value in way.items() if value != getattr(Offers(), field)}
            return offers, reply, {field: said.get(field, "") for field in changed}
        except RequestFailedError as error:
            blamed = [field for field, sign in _BLAMED.items() if sign.search(error.words)]
            if not _is_worth_another(error, blamed):
                raise
            first = first or error
            if len(blamed) == 1 and len(tables[_FIELDS.index(blamed[0])]) > 1:
                [field] = blamed
                at = _FIELDS.index(field)
                said.setdefault(field, error.words)
                ways = [one for one in ways if one[at] != way[field]]
    assert first is not None
    raise first


def _is_worth_another(error: RequestFailedError, blamed: list[str]) -> bool:
    if isinstance(error, RequestRefusedError):
        return error.status in _WORTH_ANOTHER
    return error.status is not None and blamed == ["system"]  # llama.cpp: its template failed


def find_heat(ask: Ask, chat: Chat, offers: Offers, *, temperature: float) -> Offers:
    """How the server takes the temperature of drawn answers."""
    for way in ("yes", "only 1") if temperature != 1.0 else ("yes",):
        trial = replace(offers, temperature=way)
        try:
            ask(chat, offers=trial, temperature=temperature)
        except RequestRefusedError as error:
            if error.status not in _WORTH_ANOTHER:
                raise
        else:
            return trial
    return replace(offers, temperature="refused")


def leaves_system_out(ask: Ask, chat: Chat, offers: Offers, reply: Reply) -> bool:
    """Whether the server counts as many tokens with the system text as without it.

    reply: to the chat as it is. False where it does not count, or counts no text at all.
    """
    if reply.prompt_tokens is None or not has_system(chat) or offers.system != "yes":
        return False
    try:
        bare = ask(chat[1:], offers=offers)
        whole = ask(folded(chat), offers=offers)
    except BackendError:
        return False
    if bare.prompt_tokens is None or whole.prompt_tokens is None:
        return False
    return reply.prompt_tokens == bare.prompt_tokens < whole.prompt_tokens
