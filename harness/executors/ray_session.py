"""The cluster that actors run on: one on this machine alone, or the one at an address.

A local one listens on 127.0.0.1 only, has no dashboard, and ends with the run. Ray's usage
statistics are switched off.
"""

from __future__ import annotations

import contextlib
import importlib.util
import math
import os
import shutil
import socket
import tempfile
from dataclasses import dataclass
from typing import Any

from harness.core.errors import BackendError, UsageError, first_line

_STORE_BYTES = 200 * 2**20  # for answers on their way; a shard's are a few megabytes
_CONNECT_S = 10.0
_SHORT = "/tmp"  # paths of sockets end at 107 bytes, and Ray's own part takes 70 of them


@dataclass(frozen=True, kw_only=True)
class RayOptions:
    """How many actors, what each of them gets, and where they run.

    actors: None for as many as fit; cpus: each one's threads; gpus: None for one each where
    the cluster has any; address: host:port of a cluster, None for one on this machine.
    """

    actors: int | None = None
    cpus: int = 1
    gpus: float | None = None
    address: str | None = None

    def __post_init__(self) -> None:
        """Raise UsageError for numbers that no actor can have."""
        if self.actors is not None and self.actors < 1:
            raise UsageError(f"--actors is {self.actors}; at least one actor must answer")
        if self.cpus < 1:
            raise UsageError(f"--cpus-per-actor is {self.cpus}; an actor needs at least one")
        gpus = self.gpus or 0
        if not 0 <= gpus < math.inf or (gpus > 1 and gpus != int(gpus)):
            raise UsageError(
                f"--gpus-per-actor is {gpus:g}; say a whole number, or a share of one GPU"
            )


class RaySession:
    """A connection to a cluster; `close` gives it back, and ends one that was started here.

    Raises UsageError when ray is not installed or the cluster has no room for such actors,
    BackendError when no cluster answers.
    """

    def __init__(self, options: RayOptions) -> None:
        self._folder: str | None = None
        ray = _import_ray(local=options.address is None)
        self._own = not ray.is_initialized()
        try:
            if self._own:
                self._connect(ray, options)
            self.gpus = _gpus(ray, options)
            self.actors = _count(ray, options, self.gpus)
        except BaseException:
            self.close()
            raise

    def _connect(self, ray: Any, options: RayOptions) -> None:
        quiet = {"log_to_driver": False, "logging_level": "ERROR"}
        if options.address is None:
            self._folder = _own_folder()
            ray.init(
                address="local",
                include_dashboard=False,
                object_store_memory=_STORE_BYTES,
                _node_ip_address="127.0.0.1",
                _temp_dir=self._folder,
                **quiet,
            )
            return
        _require_answer(options.address)
        try:
            ray.init(address=options.address, **quiet)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise BackendError(
                f"{options.address}: no Ray cluster can be joined there: {first_line(error)}; "
                "'ray status' on a node tells whether it runs"
            ) from None

    def close(self) -> None:
        """Leave the cluster; a second call does nothing."""
        import ray

        if self._own and ray.is_initialized():
            ray.shutdown()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


def _own_folder() -> str:
    """A folder for the cluster's sockets and logs, whose path is short enough for a socket's.

    Raises BackendError where it cannot be made.
    """
    try:
        return tempfile.mkdtemp(prefix="bordor-ray-", dir=_SHORT)
    except OSError as error:
        raise BackendError(
            f"{_SHORT}: Ray's sockets need a folder there and none can be made "
            f"({error.strerror or error}); make room in {_SHORT}, or leave --executor ray out"
        ) from None


def require_ray() -> None:
    """Raise UsageError when Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise UsageError(
            "--executor ray needs Ray, which is not installed: pip install "
            "'bordor[ray]', or in a clone: make setup-dev"
        )


def _import_ray(*, local: bool) -> Any:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    if local:  # without it Ray takes 127.0.0.1 for this machine's address in the network
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        os.environ.setdefault("RAY_worker_niceness", "0")  # Ray's 15 starves beside other work
    require_ray()
    import ray

    return ray


def _require_answer(address: str) -> None:
    """Raise where nothing listens: Ray itself would try for minutes."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if "/" in address or not host or not port.isdecimal():
        raise UsageError(
            f"--ray-address '{address}' is not host:port; run bordor on a node of the cluster "
            "and name its head (Ray's default port is 6379), or say auto"
        )
    try:
        with contextlib.closing(socket.create_connection((host, int(port)), _CONNECT_S)):
            pass
    except OSError as error:
        raise BackendError(
            f"{address}: no Ray cluster answers there: {error.strerror or error}; "
            "start one with 'ray start --head', or leave --ray-address out"
        ) from None


def _nodes(ray: Any) -> list[dict[str, float]]:
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _gpus(ray: Any, options: RayOptions) -> float:
    if options.gpus is not None:
        return options.gpus
    return 1.0 if any(node.get("GPU") for node in _nodes(ray)) else 0.0


def _count(ray: Any, options: RayOptions, gpus: float) -> int:
    """How many actors there will be. Raises UsageError where they have no room."""
    room = 0
    for node in _nodes(ray):
        fit = int(node.get("CPU", 0) // options.cpus)
        room += min(fit, int(node.get("GPU", 0) / gpus + 1e-9)) if gpus else fit
    if room < (options.actors or 1):
        each = f"{options.cpus} CPUs" + (f" and {gpus:g} GPUs" if gpus else "")
        raise UsageError(
            f"the cluster has room for {room} actors of {each} each, not for "
            f"{options.actors or 1}: lower --actors, --cpus-per-actor or --gpus-per-actor"
        )
    return options.actors or room
