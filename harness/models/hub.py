"""Bases on the Hugging Face hub: found in the cache, or fetched, or one message why not."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path

from harness.core.errors import ModelError
from harness.core.paths import DEFAULT_MODEL
from harness.core.specs import ModelSpec
from harness.models.findings import within
from harness.models.headers import weight_files
from harness.models.needs import (
    GIB,
    free_disk_gib,
    free_gpu_gib,
    free_memory_gib,
    needs_of,
)
from harness.models.nets import blamed_on
from harness.models.shapes import ADAPTER_CONFIG, CONFIG

REACH_TIMEOUT_S = 5.0
_FILES = ("*.safetensors", "*.safetensors.index.json", "*.json", "*.jinja", "tokenizer.model",
          "*.txt")  # fmt: skip


def fetch_base(spec: ModelSpec) -> Path:
    """Return the folder of the spec's base from the hub, downloading what is not cached.

    Asks the local cache first, then the hub once with a short time-out. Raises ModelError
    with everything that is missing (weights, token, memory, disk), the sizes, and the
    three ways on.
    """
    cached = cached_base(spec)
    problems = memory_problems(spec)
    if cached and not problems:
        return cached
    if not cached:
        spec, hub_problems = ask_hub(spec)
        problems = hub_problems + (memory_problems(spec) or problems)
    if problems:
        raise ModelError(_message(spec, problems))
    return cached or _download(spec)


def require_memory(spec: ModelSpec) -> None:
    """Raise ModelError when `spec`, which is at hand, does not fit in the memory here."""
    problems = memory_problems(spec)
    if problems:
        raise ModelError(_message(spec, problems))


def cached_base(spec: ModelSpec) -> Path | None:
    """Return the complete snapshot of the spec's base in the hub's cache, or None."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(spec.base, revision=spec.revision, local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    return folder if (folder / CONFIG).is_file() and _has_weights(folder) else None


def cached_folder(hub_id: str, revision: str) -> Path | None:
    """The snapshot of a hub id in the cache that says what it is, by its configuration; or None."""
    from huggingface_hub import try_to_load_from_cache

    for name in (CONFIG, ADAPTER_CONFIG):
        found = try_to_load_from_cache(hub_id, name, cache_dir=cache_folder(), revision=revision)
        if isinstance(found, str):
            return Path(found).parent
    return None


def fetch_adapter(hub_id: str, revision: str, *, tell: Callable[[str], None]) -> Path | None:
    """The folder of the adapter that a hub id is, fetched now; None where it is none.

    The hub is asked once, for REACH_TIMEOUT_S at most; where it does not answer, the fetching
    of a base says why. Raises ModelError when the download breaks off.
    """
    from huggingface_hub import HfApi, constants, snapshot_download

    def listed() -> list[str]:
        info = HfApi().model_info(hub_id, revision=revision, timeout=REACH_TIMEOUT_S)
        return [item.rfilename for item in info.siblings or ()]

    names = None if constants.HF_HUB_OFFLINE else within(REACH_TIMEOUT_S, listed)
    if not names or ADAPTER_CONFIG not in names or CONFIG in names:
        return None
    tell(f"{hub_id} is an adapter: it is fetched from the hub at revision {revision}")
    here = [name for name in names if "/" not in name and any(fnmatch(name, f) for f in _FILES)]
    wanted = [*here, *(name for name in names if name == "instruct/exposure.json")]
    with blamed_on(f"{hub_id}: the adapter cannot be fetched from the hub"):
        return Path(snapshot_download(hub_id, revision=revision, allow_patterns=wanted))


def memory_problems(spec: ModelSpec) -> list[str]:
    """Say what of the memory is too small for an audit of `spec`; empty when it fits."""
    needed = needs_of(spec).audit_gib
    return [] if needed is None else room_problems(needed)


def room_problems(needed: float) -> list[str]:
    """Say what of the memory is too small for `needed` GiB; empty when they fit."""
    gpu = free_gpu_gib()
    if gpu is not None and gpu >= needed:
        return []
    memory = free_memory_gib()
    if gpu is not None:
        return [f"the GPU has {gpu:.1f} GiB free, and {needed:.1f} GiB are needed"]
    if memory < needed:
        return [
            f"there is no GPU, and {memory:.1f} GiB of memory are free where "
            f"{needed:.1f} GiB are needed"
        ]
    return []


def _has_weights(folder: Path) -> bool:
    try:
        return all(path.is_file() for path in weight_files(folder))
    except ModelError:
        return False


def ask_hub(spec: ModelSpec) -> tuple[ModelSpec, list[str]]:
    """Ask the hub once whether it would give the base; return the spec with its true sizes."""
    from huggingface_hub import HfApi, get_token
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    missing = [f"the weights of {spec.base} are not on this machine"]
    if spec.gated and not get_token():
        missing.append("no hub token is set, and this model is only given to users who log in")
    try:
        info = HfApi().model_info(
            spec.base, revision=spec.revision, timeout=REACH_TIMEOUT_S, files_metadata=True
        )
    except OfflineModeIsEnabled:
        return spec, [*missing, "the hub is switched off by HF_HUB_OFFLINE"]
    except GatedRepoError:
        return spec, [*missing, "the hub refuses this model to the present user"]
    except RevisionNotFoundError:
        return spec, [*missing, f"the hub has no revision '{spec.revision}' of it"]
    except RepositoryNotFoundError:
        return spec, [*missing, "the hub has no such model, or shows it to no one unknown"]
    except (HfHubHTTPError, OSError, ValueError) as error:
        return spec, [*missing, f"the hub cannot be reached ({type(error).__name__})"]
    except Exception as error:  # the hub's HTTP client has an error tree of its own
        if "http" not in type(error).__module__:
            raise
        return spec, [*missing, f"the hub cannot be reached ({type(error).__name__})"]
    files = [item for item in info.siblings or () if item.rfilename.endswith(".safetensors")]
    if ADAPTER_CONFIG in {item.rfilename for item in info.siblings or ()}:
        return spec, [f"{spec.base} is an adapter, which an audit fetches first, then its base"]
    if not files:
        return spec, [f"{spec.base} has no safetensors files, and pickled weights are refused"]
    size = sum(item.size or 0 for item in files) / GIB
    counted = info.safetensors.total if info.safetensors else None
    spec = spec.model_copy(update={"download_gib": size, "parameters": spec.parameters or counted})
    disk = free_disk_gib(cache_folder())
    if disk < size:
        return spec, [*missing, f"{disk:.1f} GiB of disk are free in {cache_folder()}"]
    return spec, missing[1:]  # reachable: the weights can be fetched


def _download(spec: ModelSpec) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError

    try:
        return Path(
            snapshot_download(spec.base, revision=spec.revision, allow_patterns=list(_FILES))
        )
    except GatedRepoError:
        raise ModelError(_message(spec, ["the hub refuses it to the present user"])) from None
    except (HfHubHTTPError, OSError) as error:
        raise ModelError(_message(spec, [f"the download broke off: {error}"])) from None


def cache_folder() -> Path:
    """Where the hub's files are kept on this machine."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def _message(spec: ModelSpec, problems: list[str]) -> str:
    needs = needs_of(spec)
    sizes = []
    if needs.disk_gib is not None:
        sizes.append(f"{needs.disk_gib:.1f} GiB of disk")
    if needs.audit_gib is not None and needs.training_gib is not None:
        sizes.append(f"{needs.audit_gib:.1f} GiB of memory to audit in {spec.quantisation}")
        sizes.append(f"{needs.training_gib:.1f} GiB to train an adapter")
    told = ", ".join(sizes) or "sizes unknown until the hub can be asked"
    gpu = "" if free_gpu_gib() is not None else "\nno GPU here: it would run on the CPU, slowly"
    access = f" (ask for access at https://huggingface.co/{spec.base} first)" * spec.gated
    named = f" ({spec.named_by} names {spec.base} as its base)" if spec.named_by else ""
    other = "  2. --base <folder or hub id> (make: BASE=...) with the same weights\n"
    return (
        f"{spec.name} cannot be used here{named}:\n"
        + "\n".join(f"  - {problem}" for problem in problems)
        + f"\nit needs: {told}{gpu}\n"
        + "ways on:\n"
        + f"  1. log in with 'hf auth login'{access}, on a machine that has the room\n"
        + (
            other
            if spec.adapter
            else "  2. MODEL=<folder> with the weights as safetensors, or an adapter on them\n"
        )
        + f"  3. MODEL={DEFAULT_MODEL}, the shipped default, which needs no network"
    )
