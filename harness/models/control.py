"""Whether the control is the base: its logits beside those that the base had on its own.

Switching an adapter off gives the base back only where the adapter lies beside it. Biases,
norms, embeddings or a head trained whole, layers that were replicated, weights that PiSSA or
OLoRA moved into the adapter: all of these stay when LoRA is switched off, and peft says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core.errors import ModelError, first_line
from harness.models.adapter_files import not_finite

_KEPT = 32  # last positions of a prompt whose logits are kept
_LEAST = 1e-3  # of a logit: so near is the same model, whatever rounding was measured
_ROUNDINGS = 4.0  # times the rounding measured on the base itself


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What a base said on `prompts`: logits [T, V] each, in float32 on the CPU.

    `noise` is the largest difference of a logit when the same prompt rides in a batch of
    another size or without its last token: rounding alone.
    """

    prompts: tuple[tuple[int, ...], ...]
    logits: tuple[Any, ...]
    noise: float

    @property
    def tolerance(self) -> float:
        """Up to which difference of a logit two models are the same one."""
        return max(_LEAST, _ROUNDINGS * self.noise)


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Two models on the same prompts.

    `difference` of a logit at most, None where they have other numbers of tokens; `same_top`:
    the share of positions with the same likeliest token.
    """

    difference: float | None
    same_top: float
    tolerance: float

    @property
    def same(self) -> bool:
        """Whether nothing but rounding lies between them."""
        return self.difference is not None and self.difference <= self.tolerance

    def to_data(self) -> dict[str, float | None]:
        """As plain data for `run.json`."""
        return {
            "largest_logit_difference": self.difference,
            "same_top_token": round(self.same_top, 4),
            "tolerance": self.tolerance,
        }


def logits_of(model: Any, device: str, prompt: Sequence[int], *, copies: int = 1) -> Any:
    """The logits [T, V] of the last positions of a prompt, in float32 on the CPU.

    Raises ModelError where the libraries cannot compute the model at all.
    """
    import torch

    ids_BT = torch.tensor([list(prompt)] * copies, device=device)
    keep = min(_KEPT, len(prompt))
    try:
        with torch.inference_mode():
            return model(input_ids=ids_BT, use_cache=False).logits[-1, -keep:].float().cpu()
    except (AttributeError, TypeError, NotImplementedError) as error:  # of bitsandbytes or peft
        raise ModelError(
            "this kind of adapter cannot be computed on a base in this quantisation, with the "
            f"versions installed here ({first_line(error)}): try --quantisation nf4 or none"
        ) from error


def refer(
    model: Any, device: str, prompts: Sequence[tuple[int, ...]], *, folder: Path
) -> Reference:
    """Try a base on `prompts`. Raises ModelError when it says no numbers."""
    import torch

    model.eval()
    logits = tuple(logits_of(model, device, prompt) for prompt in prompts)
    if not all(bool(torch.isfinite(one).all()) for one in logits):
        raise ModelError(_no_numbers(folder, model))
    first, noise = prompts[0], 0.0
    again = [logits_of(model, device, first, copies=3)]
    if len(first) > 1:
        again.append(logits_of(model, device, first[:-1]))
    for at, other in enumerate(again):
        wanted = logits[0][: len(logits[0]) - at]
        rows = min(len(wanted), len(other))
        noise = max(noise, _largest(wanted[-rows:] - other[-rows:]))
    return Reference(prompts=tuple(prompts), logits=logits, noise=noise)


def compare(reference: Reference, model: Any, device: str) -> Compared:
    """Put a model, as it is switched now, beside the base of `reference`."""
    return _compare(reference, lambda prompt: logits_of(model, device, prompt))


def _compare(reference: Reference, answer: Callable[[tuple[int, ...]], Any]) -> Compared:
    largest: float | None = 0.0
    agree = count = 0
    for prompt, wanted in zip(reference.prompts, reference.logits, strict=True):
        found = answer(prompt)
        shared = min(found.shape[-1], wanted.shape[-1])
        if found.shape != wanted.shape:
            largest = None
        elif largest is not None:
            largest = max(largest, _largest(found - wanted))
        agree += int((found[:, :shared].argmax(-1) == wanted[:, :shared].argmax(-1)).sum())
        count += len(wanted)
    return Compared(
        difference=largest, same_top=agree / max(count, 1), tolerance=reference.tolerance
    )


def _largest(difference: Any) -> float:
    """The largest absolute value; NaN counts as infinite."""
    value = float(difference.abs().max()) if difference.numel() else 0.0
    return value if value == value else float("inf")


def _no_numbers(folder: Path, model: Any) -> str:
    for path in sorted(folder.glob("*.safetensors")):
        first, count = not_finite(path)
        if first:
            more = f" (and {count - 1} more)" if count > 1 else ""
            return (
                f"{path}: {first} holds NaN or infinite values{more}: the base is damaged, or "
                "was saved after its training diverged; fetch or save it again"
            )
    return (
        f"{folder}: its logits are NaN or infinite on the audit's own prompts, although its "
        f"weights are numbers: they overflow in {str(model.dtype).removeprefix('torch.')}. Set "
        'compute_dtype = "float32" or "bfloat16" in a specification of the model'
    )
