"""Shards over Ray actors: handed out in plan order, taken as they come, tried again elsewhere.

An actor that dies is replaced, and its shard goes to another. Every actor must have opened
the same model in the same way, so it does not matter which of them answers a shard.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.backends.factory import OpenBackend, Opened
from harness.core.errors import BackendError, BordorError, ModelError, first_line
from harness.core.records import Answer, Request
from harness.executors.ray_actor import Answerer, Found
from harness.executors.ray_session import RayOptions, RaySession
from harness.prompts.plan import Messages

if TYPE_CHECKING:
    from harness.core.specs import ModelSpec

RETRIES = 2  # of a shard, each on an actor that has not tried it, where there is one
REPLACEMENTS = 3  # of actors that die while they open the model
READY_S = 600.0  # until actors are there when nothing else goes on


def open_on_ray(
    spec: ModelSpec,
    adapter: Path | None,
    chats: Sequence[Messages],
    options: RayOptions,
    *,
    open_backend: OpenBackend,
) -> Opened:
    """Actors that have each opened the model by `open_backend`; `close` ends them.

    Raises UsageError when ray is missing or the cluster has no room, BackendError when no
    cluster answers or its actors do not come up, ModelError when they open different
    models, and what `open_backend` raises.
    """
    session = RaySession(options)
    try:
        backend = RayBackend(session, (open_backend, spec, adapter, list(chats)), options.cpus)
    except BaseException:
        session.close()
        raise
    found = backend.found
    for sentence in found[0].told:
        warnings.warn(sentence, stacklevel=2)
    return Opened(
        backend=backend,
        context=found[0].context,
        difference=found[0].difference,
        control=found[0].control,
        encode_control=backend.encode_control if found[0].encodes_control else None,
        found={
            **found[0].about,
            "executor": {
                "name": "ray",
                "actors": session.actors,
                "cpus_per_actor": options.cpus,
                "gpus_per_actor": session.gpus,
                "nodes": sorted({one.node for one in found}),
            },
        },
        warnings=(*found[0].warnings, *_mixed(found)),
        close=backend.close,
    )


class RayBackend:
    """Answers by actors. Like any backend, and besides shard by shard in whatever order."""

    def __init__(self, session: RaySession, opening: tuple[Any, ...], cpus: int) -> None:
        """opening: what an actor opens: function, specification, adapter and chats.

        Returns when all actors are ready. Raises as `open_on_ray`.
        """
        import ray

        self._ray = ray
        self._session = session
        self._what = opening
        self._cpus = cpus
        self._ready: list[Any] = []
        self._opening: dict[Any, Any] = {}  # actors by what they are asked first
        self._died_opening = 0
        self.found: list[Found] = []
        for _ in range(session.actors):
            self._start()
        while self._opening:
            self._admit(self._next(list(self._opening), limit_s=READY_S))
        machine = ", ".join(_processors(self.found))
        self.identity: dict[str, Any] = dict(self.found[0].identity)
        if "machine" in self.identity:  # the same whichever actor was first
            self.identity["machine"] = {**self.identity["machine"], "device_name": machine}

    def encode(self, messages: Messages) -> tuple[str, tuple[int, ...]]:
        """The rendered prompt and its token ids, by an actor."""
        return self._encoded(self._ready[0].encode, messages)

    def encode_control(self, messages: Messages) -> tuple[str, tuple[int, ...]]:
        """The same for the control, where it has a chat format of its own."""
        return self._encoded(self._ready[0].encode_control, messages)

    def _encoded(self, method: Any, messages: Messages) -> tuple[str, tuple[int, ...]]:
        try:
            found: tuple[str, tuple[int, ...]] = self._ray.get(method.remote(list(messages)))
        except self._ray.exceptions.RayError as error:
            raise _told(error) from None
        return found

    def generate(self, requests: Sequence[Request]) -> list[Answer]:
        """The answers to `requests`, as one shard."""
        ((_, answers),) = self.generate_shards({0: requests})
        return answers

    def generate_shards(
        self, shards: Mapping[int, Sequence[Request]]
    ) -> Iterator[tuple[int, list[Answer]]]:
        """Yield (number, answers) of every shard as they are done.

        Raises BackendError, after what is under way is done, when a shard failed
        `RETRIES` + 1 times, and when no actor is left.
        """
        waiting = list(shards)
        asked: dict[Any, tuple[Any, int]] = {}
        tried: dict[int, list[Any]] = {at: [] for at in waiting}
        failure: BackendError | None = None
        while asked or (waiting and not failure):
            if not failure:
                for actor, at in self._matches(waiting, asked, tried):
                    asked[actor.generate.remote(list(shards[at]))] = actor, at
            ref = self._next([*asked, *self._opening], limit_s=None if asked else READY_S)
            if ref in self._opening:
                self._admit_late(ref)
                continue
            actor, at = asked.pop(ref)
            try:
                answers = self._ray.get(ref)
            except self._ray.exceptions.RayError as error:
                tried[at].append(actor)
                why = _told(error)
                if not isinstance(getattr(error, "cause", None), BordorError):
                    self._replace(actor)  # dead, or in a state that nobody knows
                if len(tried[at]) <= RETRIES:
                    waiting.insert(0, at)
                elif not failure:
                    failure = BackendError(
                        f"shard {at + 1} failed {len(tried[at])} times, the last time: {why}; "
                        "the shards that were done are kept, and the same command goes on there"
                    )
                continue
            yield at, answers
        if failure:
            raise failure

    def close(self) -> None:
        """End the actors and leave the cluster."""
        if self._ray.is_initialized():
            for actor in [*self._ready, *self._opening.values()]:
                self._ray.kill(actor)
        self._ready, self._opening = [], {}
        self._session.close()

    def _matches(
        self, waiting: list[int], asked: Mapping[Any, tuple[Any, int]], tried: dict[int, list[Any]]
    ) -> Iterator[tuple[Any, int]]:
        """Free actors with the shards they get, which leave `waiting`."""
        busy = [actor for actor, _ in asked.values()]
        for actor in [one for one in self._ready if one not in busy]:
            for at in waiting:
                fresh = [one for one in self._ready if one not in tried[at]]
                if actor in fresh or not fresh:
                    waiting.remove(at)
                    yield actor, at
                    break

    def _start(self) -> None:
        remote = self._ray.remote(Answerer).options(
            num_cpus=self._cpus, num_gpus=self._session.gpus, max_restarts=0
        )
        actor = remote.remote()
        ref = actor.open.remote(*self._what, cpus=self._cpus, gpus=self._session.gpus)
        self._opening[ref] = actor

    def _replace(self, actor: Any) -> None:
        self._ready.remove(actor)
        self._ray.kill(actor)
        self._start()

    def _next(self, refs: list[Any], *, limit_s: float | None) -> Any:
        """The first of `refs` that is done. Raises BackendError where there is none in time."""
        done = self._ray.wait(refs, num_returns=1, timeout=limit_s)[0] if refs else []
        if not done:
            raise BackendError(
                f"{len(self._ready)} of {self._session.actors} actors are there and no other came "
                "up: see 'ray status' for what the cluster has free; the same command goes on"
            )
        return done[0]

    def _admit(self, ref: Any) -> None:
        """Take an actor that has opened the model; start another for one that died at it."""
        actor = self._opening.pop(ref)
        try:
            found = self._ray.get(ref)
        except self._ray.exceptions.RayError as error:
            self._ray.kill(actor)
            if isinstance(getattr(error, "cause", None), BordorError):
                raise error.cause from None
            self._died_opening += 1
            if self._died_opening > REPLACEMENTS:
                raise BackendError(
                    f"{self._died_opening} actors died while they opened the model: "
                    f"{_told(error)}; is there memory for {self._session.actors} of it?"
                ) from None
            self._start()
            return
        if self.found:
            _require_same(self.found[0], found)
        self.found.append(found)
        self._ready.append(actor)

    def _admit_late(self, ref: Any) -> None:
        """Take a replacement; where none can be had, the others go on alone."""
        try:
            self._admit(ref)
        except BordorError:
            if not self._ready:
                raise


def _require_same(first: Found, other: Found) -> None:
    """Raise ModelError when two actors opened different models, or not in the same way.

    The name of the processor may differ: the report says so then.
    """
    one, two = _flat(first.identity), _flat(other.identity)
    differ = sorted(key for key in one.keys() | two.keys() if one.get(key) != two.get(key))
    differ = [key for key in differ if key != "machine.device_name"]
    if differ:
        raise ModelError(
            f"the actors opened different models: on {first.node} and {other.node} differ "
            f"{', '.join(differ)}: every node needs the same files, versions and kind of device"
        )


def _flat(data: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in data.items():
        at = f"{path}{key}"
        found |= _flat(value, f"{at}.") if isinstance(value, Mapping) else {at: value}
    return found


def _processors(found: Sequence[Found]) -> list[str]:
    return sorted({str(one.identity.get("machine", {}).get("device_name")) for one in found})


def _mixed(found: Sequence[Found]) -> tuple[str, ...]:
    kinds = _processors(found)
    if len(kinds) == 1:
        return ()
    return (
        f"The actors ran on different processors ({', '.join(kinds)}): the last digits of a "
        "logit, and so now and then a token, depend on which of them answered.",
    )


def _told(error: Any) -> BackendError:
    """A Ray error in a sentence: what was raised in the actor, or how the actor ended."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, BordorError):
        return BackendError(str(cause))
    if isinstance(cause, BaseException):
        return BackendError(f"{type(cause).__name__}: {first_line(cause)}")
    return BackendError(f"its actor or node was lost ({type(error).__name__})")
