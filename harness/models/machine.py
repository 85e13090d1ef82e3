"""What this machine offers, looked at and not assumed: for the doctor."""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from harness.core.errors import ModelError
from harness.core.paths import home
from harness.core.provenance import memory_gib
from harness.encoder.embedding import WEIGHTS_SHA256, Encoder
from harness.models.findings import Finding, State, within
from harness.models.hub import cache_folder
from harness.models.identity import cpu_name
from harness.models.loading import DEQUANTISED, FUSED, LARGE
from harness.models.needs import GIB, free_disk_gib, free_memory_gib
from harness.models.product import try_product

REACH_S = 3.0  # at most, for any network
_LOWEST_DISK_GIB = 0.5  # an adapter with its data and a run
_LOWEST_MEMORY_GIB = 1.5  # the libraries and the shipped models
_FEATURES = ("avx2", "avx512_f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
_SHOWN = ("torch", "transformers", "peft", "bitsandbytes", "trl", "sentence-transformers")
_OLDEST = (3, 11)


def libraries() -> list[Finding]:
    """Python and the libraries, each against what Bordor's own package asks for."""
    found = [
        Finding(
            area="libraries",
            name="python",
            value=f"{platform.python_version()} ({sys.executable})",
            state="ok" if sys.version_info >= _OLDEST else "broken",
            advice="" if sys.version_info >= _OLDEST else "Python 3.11 or newer is needed",
        )
    ]
    for name, wanted in _required():
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            found.append(_lacking(name, "not installed", wanted))
            continue
        if not _satisfies(version, wanted):
            found.append(_lacking(name, version, wanted))
        elif name in _SHOWN:
            found.append(Finding(area="libraries", name=name, value=version, state="ok"))
    return [*found, _kernels()]


def processor() -> list[Finding]:
    """CPU, its features, and the threads torch takes."""
    import torch

    known = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    there = ", ".join(name for name in _FEATURES if known.get(name))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    said = os.environ.get("OMP_NUM_THREADS")
    threads = f"{torch.get_num_threads()} of {cores} cores"
    return [
        Finding(area="machine", name="cpu", value=f"{cpu_name()}, {platform.machine()}"),
        Finding(area="machine", name="cpu features", value=there or "none of those used"),
        Finding(
            area="machine",
            name="threads",
            value=threads + (f" (OMP_NUM_THREADS={said})" if said else ""),
        ),
    ]


def memory() -> list[Finding]:
    """Memory of the machine and of its GPU."""
    free = free_memory_gib()
    low = free < _LOWEST_MEMORY_GIB
    ram = Finding(
        area="machine",
        name="memory",
        value=f"{free:.1f} GiB free of {memory_gib():.1f} GiB",
        state="broken" if low else "ok",
        advice=f"{_LOWEST_MEMORY_GIB} GiB are needed: end other programs" if low else "",
    )
    return [ram, _gpu()]


def disk() -> list[Finding]:
    """Room and leave to write where built things go."""
    place = home()
    free, nearest = free_disk_gib(place), _nearest(place)
    state: State = "ok"
    advice = ""
    if not os.access(nearest, os.W_OK):
        state, advice = "broken", "it cannot be written to: set BORDOR_HOME to a folder of yours"
    elif free < _LOWEST_DISK_GIB:
        state, advice = "broken", "make room, or set BORDOR_HOME to a larger disk"
    return [
        Finding(area="machine", name="disk", value=f"{free:.1f} GiB free in {place}",
                state=state, advice=advice)
    ]  # fmt: skip


def quantising() -> list[Finding]:
    """Whether 4-bit products come out right here, and by which path an audit takes them."""
    tried = try_product()
    if tried.problem:
        return [
            Finding(
                area="4 bits",
                name="bitsandbytes",
                value=tried.problem,
                state="broken",
                advice="reinstall it ('make setup'), or audit with --quantisation none",
            )
        ]
    value = f"works on {tried.device}: an NF4 product is off by {tried.error:.1e} at most"
    if tried.fused_error is not None:
        value += f", by the fused path {tried.fused_error:.1e} (it rounds to bf16)"
    if tried.device != "cpu":
        path = "on the GPU"
    elif tried.fused:
        path = f"{DEQUANTISED}; from {LARGE / 1e6:.0f}M parameters on: {FUSED}"
    else:
        path = f"{DEQUANTISED}; no AVX512-BF16 here, so no fused path"
    return [
        Finding(area="4 bits", name="bitsandbytes", value=value, state="ok"),
        Finding(area="4 bits", name="path", value=path),
    ]


def encoder() -> list[Finding]:
    """The weights of the sentence encoder, by their checksum."""
    try:
        Encoder()
    except ModelError as error:
        return [
            Finding(area="grading", name="sentence encoder", value=str(error), state="broken",
                    advice="run 'make setup' again")
        ]  # fmt: skip
    value = f"all-MiniLM-L6-v2, SHA-256 {WEIGHTS_SHA256[:12]} as expected"
    return [Finding(area="grading", name="sentence encoder", value=value, state="ok")]


def hub() -> list[Finding]:
    """Whether the hub answers within REACH_S, whether a token is there (never which), its cache."""
    from huggingface_hub import constants, get_token

    token = "there (not shown)" if get_token() else "none: gated models need 'hf auth login'"
    place = without_secret(constants.ENDPOINT)
    if constants.HF_HUB_OFFLINE:
        value = "switched off by HF_HUB_OFFLINE"
    elif within(REACH_S, lambda: answers(constants.ENDPOINT)):
        value = f"{place} answers"
    else:
        value = f"{place} does not answer within {REACH_S:.0f} s; shipped models need no network"
    cache = cache_folder()
    return [
        Finding(area="hub", name="hub", value=value),
        Finding(area="hub", name="token", value=token),
        Finding(area="hub", name="cache", value=f"{free_disk_gib(cache):.1f} GiB free in {cache}"),
    ]


def answers(url: str) -> bool:
    """Whether something speaks HTTP at `url`, with whatever status. Raises OSError if not."""
    return bool(status_of(Request(url, method="HEAD")))


def status_of(request: Request) -> int:
    """The HTTP status that answers `request`; goes to no other address, for it may hold a key.

    Raises OSError when nothing answers.
    """
    try:
        with build_opener(_Stay).open(request, timeout=REACH_S) as response:
            return int(response.status)
    except HTTPError as error:
        return error.code


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follow nothing."""


def without_secret(url: str) -> str:
    """A URL without user, password and query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _required() -> list[tuple[str, str]]:
    """Names and version bounds that Bordor's package metadata ask for, extras left out."""
    from packaging.requirements import Requirement

    try:
        lines = metadata.requires("bordor") or []
    except metadata.PackageNotFoundError:  # run from a clone that was not installed
        return [(name, "") for name in _SHOWN]
    wanted = [Requirement(line) for line in lines]
    return [(one.name, str(one.specifier)) for one in wanted if one.marker is None]


def _satisfies(version: str, wanted: str) -> bool:
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(wanted).contains(version, prereleases=True)


def _lacking(name: str, value: str, wanted: str) -> Finding:
    return Finding(
        area="libraries", name=name, value=value, state="broken",
        advice=f"'{name}{wanted}' is needed: run 'make setup'",
    )  # fmt: skip


def _kernels() -> Finding:
    if importlib.util.find_spec("kernels") is None:
        return Finding(area="libraries", name="kernels", value="not installed, as it should be")
    return Finding(
        area="libraries",
        name="kernels",
        value="installed: bitsandbytes would fetch native code from the hub through it",
        state="warning",
        advice="Bordor hides it from bitsandbytes; other programs do not: pip uninstall kernels",
    )


def _gpu() -> Finding:
    import torch

    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        major, minor = torch.cuda.get_device_capability()
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        more = torch.cuda.device_count() - 1
        value = (
            f"{torch.cuda.get_device_name()}, {free / GIB:.1f} GiB free of {total / GIB:.1f} GiB, "
            f"compute capability {major}.{minor}, "
            f"{'bf16' if native else 'no bf16'}, CUDA {torch.version.cuda}"
        )
        value += f"; {more} more, which one audit does not use" if more else ""
        return Finding(area="machine", name="gpu", value=value, state="ok")
    if Path("/dev/nvidia0").exists() and torch.version.cuda is None:
        return Finding(
            area="machine",
            name="gpu",
            value=f"there is one, but torch {torch.__version__} is a build for CPUs",
            state="warning",
            advice="install its CUDA build: https://pytorch.org/get-started/locally/",
        )
    return Finding(area="machine", name="gpu", value="none: small models run well on the CPU")


def _nearest(folder: Path) -> Path:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
