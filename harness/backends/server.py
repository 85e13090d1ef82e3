"""Any OpenAI-compatible server as a backend: chats go out, the server renders and answers.

What a server offers is seen, not believed: `server_probe.py` asks it some of the audit's
own questions first. All samples of a prompt go in one request where it gives as many
choices as it is asked for; what is missing is asked for singly, with a seed of its own.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from harness.backends.chat_client import ChatClient, Choice, Reply, RequestRefusedError
from harness.backends.warping import check_sampling
from harness.core.errors import BackendError, UsageError
from harness.core.records import Answer, Request
from harness.core.seeds import derive_seed
from harness.core.specs import did_you_mean
from harness.models.template import FOLDED

CONCURRENCY = 8
_KEPT = ("id", "root", "parent", "owned_by", "max_model_len", "meta")  # what does not change
NEARLY = 0.01  # the temperature of greedy answers where 0 is refused
_UNUSUAL = ("limit", "greedy", "temperature", "system")
_MOST_LISTED = 20  # models that an error names
_MOST_KEPT = 2000  # characters of one entry of a model's card
_SEED_BITS = 31  # what every server takes: llama.cpp reads 32 bits, and the largest as "any"

Job = TypeVar("Job")
Done = TypeVar("Done")


@dataclass(frozen=True, kw_only=True)
class Offers:
    """What a server does with a field: "yes", "ignored", "refused", or "not seen".

    `n` may be "repeated" besides: as many choices as asked, but all from one random stream.
    `sampling` is "no" where temperature does not change the answers. `top_p` 1 may be
    refused (text-generation-inference wants it below 1). `top_k` is "not asked" where the
    audit has none.

    What must be said otherwise than usual, and stands in no file where it need not:
    `limit`: the field for the longest answer: "max_tokens", "max_completion_tokens" or "none".
    `greedy`: "yes" at temperature 0, "nearly" at `NEARLY`, "no" where none of them is taken.
    `temperature` of drawn answers: "yes", "only 1", or "refused": then the server's own.
    `system`: "yes", or "refused" or "ignored": then its text stands in the user's turn.
    """

    n: str = "yes"
    seed: str = "yes"
    logprobs: str = "yes"
    top_p: str = "yes"
    sampling: str = "yes"
    top_k: str = "not asked"
    limit: str = "max_tokens"
    greedy: str = "yes"
    temperature: str = "yes"
    system: str = "yes"

    def to_data(self) -> dict[str, str]:
        """Plain data for run.json."""
        usual = asdict(Offers())
        return {
            field: seen
            for field, seen in asdict(self).items()
            if seen != "not asked" and not (field in _UNUSUAL and seen == usual[field])
        }

    def sent_temperature(self, asked: float) -> float | None:
        """What is sent for a temperature, 0 for greedy; None where none is."""
        if asked == 0:
            return {"yes": 0.0, "nearly": NEARLY}.get(self.greedy)
        return {"yes": asked, "only 1": 1.0}.get(self.temperature)


class ServerBackend:
    """Answers with the model `name` of a server; the arm "base" with the model `base`."""

    def __init__(
        self,
        client: ChatClient,
        *,
        name: str = "",
        base: str | None = None,
        concurrency: int = CONCURRENCY,
    ) -> None:
        """name: empty for the only model that the server lists.

        base: the model without its adapter, by default what the server names as its parent.
        Raises UsageError when several are listed and none is named, BackendError when the
        server cannot be reached.
        """
        if concurrency < 1:
            raise UsageError(f"--concurrency is {concurrency}; it must be at least 1")
        self.client = client
        self.offers = Offers()
        self.short = 0  # requests that did not get all the choices they asked for
        self.cut = 0  # answers too long to be kept whole
        self.software: str | None = None
        self._concurrency = concurrency
        self._lock = threading.Lock()
        self.listed = client.list_models(needed=not name)
        self.name = name or _only(self.listed, client.url)
        self._card = next((one for one in self.listed or () if one["id"] == self.name), {})
        self.base = base or self._parent()

    @property
    def identity(self) -> dict[str, Any]:
        """The server, the model and what is listed of it: no key, no date, no chance."""
        listed = {key: self._card[key] for key in _KEPT if key in self._card}
        return {
            "backend": "server",
            "server": self.client.url,
            "model": self.name,
            "base": self.base,
            "listed": {key: said for key, said in listed.items() if len(repr(said)) < _MOST_KEPT},
            **({} if self.offers.system == "yes" else {"system_role": FOLDED}),
        }

    def encode(self, messages: Sequence[Mapping[str, str]]) -> tuple[str, tuple[int, ...]]:
        """Return the chat for people to read, and no token ids: the server renders it."""
        return "\n\n".join(f"[{one['role']}]\n{one['content']}" for one in messages), ()

    def generate(self, requests: Sequence[Request]) -> list[Answer]:
        """Return all samples of all requests: requests in order, samples ascending from 0.

        Raises BackendError naming the server and the request when a request stays without
        an answer.
        """
        for request in requests:
            self._check(request)
        jobs = [(request, part) for request in requests for part in self._parts(request)]
        answers = self.in_parallel(jobs, lambda job: self._answer(*job))
        return [answer for found in answers for answer in found]

    def in_parallel(self, jobs: Sequence[Job], work: Callable[[Job], Done]) -> list[Done]:
        """Do `work` on every job, some at a time; results are in the order of the jobs.

        The first error ends it: what was not begun is left. Threads are daemons, so that
        an interrupt does not wait for a server that hangs.
        """
        waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        finished: queue.SimpleQueue[tuple[int, Done | BaseException]] = queue.SimpleQueue()
        over = threading.Event()
        for at in range(len(jobs)):
            waiting.put(at)

        def take() -> None:
            while not over.is_set():
                try:
                    at = waiting.get_nowait()
                except queue.Empty:
                    return
                try:
                    finished.put((at, work(jobs[at])))
                except BaseException as error:
                    over.set()
                    finished.put((at, error))

        for _ in range(min(self._concurrency, len(jobs))):
            threading.Thread(target=take, daemon=True).start()
        results: dict[int, Done] = {}
        try:
            while len(results) < len(jobs):
                at, done = finished.get()
                if isinstance(done, BaseException):
                    raise done
                results[at] = done
        finally:
            over.set()
        return [results[at] for at in range(len(jobs))]

    def ask(
        self,
        messages: Sequence[tuple[str, str]],
        *,
        n: int = 1,
        temperature: float,
        max_tokens: int,
        seed: int | None,
        label: str,
        top_p: float | None = None,
        top_k: int | None = None,
        arm: str = "adapter",
        offers: Offers | None = None,
        tries: int | None = None,
    ) -> Reply:
        """One request, with the fields that the server takes.

        Without a top_p, 1 is sent: servers have other defaults, and the draw is to be from
        all tokens.
        """
        offers, drawn = offers or self.offers, temperature > 0
        model = self.base if arm == "base" else self.name
        if model is None:
            raise BackendError(
                f"{self.client.url}: no base is known for '{self.name}': name it with --base"
            )
        return self.client.complete(
            messages,
            model=model,
            n=n,
            temperature=offers.sent_temperature(temperature),
            max_tokens=max_tokens,
            limit=None if offers.limit == "none" else offers.limit,
            seed=None if offers.seed == "refused" else seed,
            logprobs=offers.logprobs == "yes",
            top_p=None if not drawn or offers.top_p == "refused" else top_p or 1.0,
            top_k=None if not drawn or offers.top_k == "refused" else top_k,
            label=f"{label} (model '{model}')",
            tries=tries,
        )

    def _check(self, request: Request) -> None:
        if not request.messages:
            raise BackendError(
                f"request {request.id} holds no messages: it was planned for another backend"
            )
        check_sampling(request)

    def _parts(self, request: Request) -> list[range]:
        """The samples of a request, cut into what is asked for at once."""
        drawn = range(1, request.samples + 1)
        if not drawn:
            return [range(1)]
        if self.offers.n == "yes":
            return [range(1), drawn]
        return [range(1), *(range(sample, sample + 1) for sample in drawn)]

    def _answer(self, request: Request, part: range) -> list[Answer]:
        """The samples of `part`; those a short reply leaves out are asked for singly."""
        try:
            choices = self._choices(request, part)
        except RequestRefusedError:
            if len(part) == 1:
                raise
            choices = []  # it may take fewer at a time
        if len(choices) < len(part):
            with self._lock:
                self.short += 1
            for sample in part[len(choices) :]:
                choices += self._choices(request, range(sample, sample + 1))
        with self._lock:
            self.cut += sum(choice.cut for choice in choices)
        return [
            Answer(
                request_id=request.id,
                arm=request.arm,
                sample=sample,
                text=choice.text,
                token_ids=(),
                logprobs=choice.logprobs,
                finish_reason=choice.finish_reason,
                reasoning=choice.reasoning,
            )
            for sample, choice in zip(part, choices, strict=True)
        ]

    def _choices(self, request: Request, part: range) -> list[Choice]:
        reply = self.ask(
            request.messages,
            n=len(part),
            temperature=request.temperature if part[0] else 0.0,
            max_tokens=request.max_new_tokens,
            seed=request_seed(request, part[0]),
            label=f"request {request.id}, sample {part[0]}",
            top_p=request.top_p,
            top_k=request.top_k,
            arm=request.arm,
        )
        return list(reply.choices[: len(part)])

    def _parent(self) -> str | None:
        """The base that the server lists for an adapter, where it can be asked as well."""
        parent = self._card.get("parent")
        ids = [one["id"] for one in self.listed or ()]
        return parent if isinstance(parent, str) and parent in ids and parent != self.name else None


def request_seed(request: Request, sample: int) -> int:
    """The seed of a sample, keyed as the local engine keys its streams; 31 bits."""
    question, variant = request.cells[0]
    return derive_seed(request.seed, question, variant, sample) >> (63 - _SEED_BITS)


def _only(listed: list[dict[str, Any]] | None, url: str) -> str:
    """The one model that is listed. Raises UsageError where there are several, or none."""
    how = f"name one: openai:{url}#NAME"
    if not listed:
        raise UsageError(f"{url} lists no model; {how}")
    if len(listed) > 1:
        shown = "\n  ".join(map(_shown, listed[:_MOST_LISTED]))
        shown += "\n  and others" * (len(listed) > _MOST_LISTED)
        raise UsageError(f"{url} lists {len(listed)} models; {how}\n  {shown}")
    return str(listed[0]["id"])


def _shown(card: Mapping[str, Any]) -> str:
    """A listed model on a line; a LoRA adapter, as vLLM lists it, with its base."""
    name, parent = plain(card["id"]), card.get("parent")
    return f"{name} (adapter on {plain(parent)})" if isinstance(parent, str) and parent else name


def plain(text: str) -> str:
    """A name that a server gave, short and without what steers a terminal."""
    return "".join(char for char in text[:200] if char.isprintable())


def unlisted(backend: ServerBackend) -> str | None:
    """A sentence where the server does not list the model it is asked for, else None."""
    ids = [plain(one["id"]) for one in backend.listed or ()]
    if not ids or backend.name in ids:
        return None
    return (
        f"the server does not list '{backend.name}' (it lists {', '.join(ids[:10])})"
        f"{did_you_mean(backend.name, ids)}"
    )
