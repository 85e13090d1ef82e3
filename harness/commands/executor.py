"""The flags that say where an audit generates: in this process, or on Ray actors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from harness.core.errors import UsageError

if TYPE_CHECKING:
    from harness.executors.ray_session import RayOptions

Executor = Annotated[
    str,
    typer.Option(
        help="Where the answers are generated: local, in this process, or ray, by actors."
    ),
]
Actors = Annotated[
    int | None, typer.Option(help="How many Ray actors answer.", show_default="as many as fit")
]
CpusPerActor = Annotated[
    int | None, typer.Option(help="Threads of each Ray actor.", show_default="1")
]
GpusPerActor = Annotated[
    float | None,
    typer.Option(
        help="GPUs of each Ray actor, or a share of one.", show_default="1 where there are"
    ),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        help="Address of a Ray cluster, host:port.",
        show_default="one on this machine, for this run",
    ),
]


def ray_options(
    executor: str,
    *,
    actors: int | None,
    cpus: int | None,
    gpus: float | None,
    address: str | None,
    dry_run: bool = False,
) -> RayOptions | None:
    """What the flags say; None for the local executor.

    Raises UsageError for an unknown executor, for flags that it does not have, for a dry run
    on actors, and when Ray is not installed.
    """
    given = {
        "--actors": actors,
        "--cpus-per-actor": cpus,
        "--gpus-per-actor": gpus,
        "--ray-address": address,
    }
    if executor == "local":
        flags = [flag for flag, value in given.items() if value is not None]
        if flags:
            raise UsageError(f"{', '.join(flags)}: only with --executor ray")
        return None
    if executor != "ray":
        raise UsageError(f"--executor is '{executor}'; there are local and ray")
    if dry_run:
        raise UsageError("--dry-run measures this process alone: leave --executor out")
    from harness.executors.ray_session import RayOptions, require_ray

    require_ray()
    return RayOptions(actors=actors, cpus=1 if cpus is None else cpus, gpus=gpus, address=address)
