"""What an audit is asked to do, and what it is done on."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harness.backends.factory import ServerOptions
from harness.core.records import Question, Sampling, Variant
from harness.executors.ray_session import RayOptions
from harness.sources import Source

if TYPE_CHECKING:
    from harness.core.specs import ModelSpec


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What an audit is asked to do. None: what the adapter's card says, or the default."""

    model: str
    story: str | None = None
    recipe: str | None = None
    samples: int = Sampling().samples  # drawn answers beside one greedy
    limit: int | None = None  # questions per suite
    suites: tuple[str, ...] = ()  # all where empty
    suite_paths: tuple[Path, ...] = ()  # folders with suites beside the shipped ones
    variants: tuple[str, ...] = ()  # all where empty
    temperature: float = 1.0
    top_p: float | None = None  # samples come from all tokens where neither is set
    top_k: int | None = None
    max_new_tokens: int = 64
    quantisation: str | None = None  # instead of the one the model's file or card names
    base: str | None = None  # under an adapter folder, or the control's name on a server
    as_is: bool = False  # a whole model, audited without training an adapter on it
    seed: int = 0  # of questions, typing errors and samples; adapters are trained at 0
    out: Path = field(default=Path("reports"))
    fresh: bool = False
    server: ServerOptions = field(default=ServerOptions())
    ray: RayOptions | None = None  # None: in this process

    @property
    def sampling(self) -> Sampling:
        """How answers are drawn."""
        return Sampling(
            samples=self.samples,
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            max_new_tokens=self.max_new_tokens,
            seed=self.seed,
        )

    def command(self) -> str:
        """The command that does this audit again, without where it goes."""
        words = ["bordor", "audit", self.model]
        standard = Settings(model=self.model)
        for name in ("story", "recipe", "samples", "limit", "suites", "variants", "temperature",
                     "top_p", "top_k", "max_new_tokens", "quantisation", "base",
                     "seed"):  # fmt: skip
            value = getattr(self, name)
            if value != getattr(standard, name):
                shown = ",".join(value) if isinstance(value, tuple) else str(value)
                words += [f"--{name.replace('_', '-')}", shown]
        for path in self.suite_paths:
            words += ["--suite-path", str(path)]
        words += ["--as-is"] * self.as_is
        return shlex.join(words)  # how fast a server is asked changes no answer


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is audited on what: settings with the gaps filled, model, source, questions."""

    settings: Settings
    spec: ModelSpec
    source: Source
    adapter: Path | None  # None until it is built
    questions: tuple[Question, ...]
    variants: tuple[Variant, ...]
