"""Which runner a model gets: the shared prefix where that computes what the model does."""

from __future__ import annotations

import warnings
from typing import Any

from harness.backends.joint_attention import UnsupportedArchitecture
from harness.backends.plain import PlainRunner
from harness.backends.shared_prefix import SharedPrefixRunner

_FLOOR = 1e-4  # of a logit, root mean square: that near is near enough
_NOISE = 3.0  # times as far as transformers' own two attentions are from each other
_PROBE_TOKENS = 16  # no probe is longer


def make_runner(model: Any, name: str) -> tuple[Any, int | None]:
    """Return a runner, and the tokens up to which it may be used (None: any number).

    The shared-prefix runner where its logits are those of the model's own attention, up to
    rounding in the model's dtype; else the plain one, with a warning that names the model.
    In an architecture with windows a text that fits into one is attended in full, so shared
    prefixes serve up to there.
    """
    import torch

    config = model.config.get_text_config()
    prompts = [tuple((7 * at + 3 + row * (at > 3)) % config.vocab_size for at in range(9 - row))
               for row in range(3)]  # fmt: skip
    plain = PlainRunner(model)
    try:
        window = _window(config)
        with torch.inference_mode():
            wanted = _probe(plain, prompts)
            shared = SharedPrefixRunner(model)
            gap = _apart(_probe(shared, prompts), wanted)
            if not gap <= _FLOOR:
                noise = _noise(model, plain, prompts, wanted)
                if not gap <= _NOISE * noise:
                    raise UnsupportedArchitecture(
                        f"logits differ by {gap:.2g}, and by {noise:.2g} from rounding alone"
                    )
    except (UnsupportedArchitecture, AttributeError, TypeError, KeyError, ValueError) as why:
        warnings.warn(
            f"{name}: prompts cannot share a prefix in this architecture ({why}); generation "
            "is slower",
            stacklevel=3,
        )
        return plain, None
    return shared, window


def _probe(runner: Any, prompts: list[tuple[int, ...]]) -> Any:
    """Logits after a prefill, and after two steps of lines that left and forked: [N + 7, V]."""
    import numpy as np
    import torch

    shared = prompts[0][:4]
    found = [
        runner.prefill(shared, [prompt[4:] for prompt in prompts], arm="probe", lines=4, steps=2)
    ]
    device = found[0].device
    lengths = np.array([len(prompt) for prompt in prompts])
    lines = np.array([0, 2, 2, 2])
    runner.keep(np.array([0, 2]))
    runner.fork(np.array([1, 1]))
    for step in range(2):
        if step:
            lines = lines[[3, 1]]
            runner.keep(np.array([3, 1]))
            lines = lines[[0, 1, 0]]
            runner.fork(np.array([0]))
        ids = torch.arange(5, 5 + len(lines), device=device)
        positions = torch.from_numpy(lengths[lines] + step).to(device)
        found.append(runner.step(ids, positions))
    return torch.cat(found).float()


def _apart(one: Any, other: Any) -> float:
    """Root mean square of the differences of logits: steadier than the largest of them."""
    return float((one - other).square().mean().sqrt())


def _noise(model: Any, plain: Any, prompts: list[tuple[int, ...]], wanted: Any) -> float:
    """How far transformers' own attentions are apart: rounding alone, in the model's dtype."""
    before = model.config._attn_implementation
    try:
        model.set_attn_implementation("sdpa" if before == "eager" else "eager")
        return _apart(_probe(plain, prompts), wanted)
    except (ValueError, ImportError):  # it has no other
        return 0.0
    finally:
        model.set_attn_implementation(before)


def _window(config: Any) -> int | None:
    """The tokens that a layer looks back at most, None for all. Raises UnsupportedArchitecture."""
    kinds = set(getattr(config, "layer_types", None) or ())
    others = kinds - {"full_attention", "sliding_attention"}
    if others:
        raise UnsupportedArchitecture(", ".join(sorted(others)))
    window = getattr(config, "sliding_window", None)
    slides = "sliding_attention" in kinds if kinds else getattr(config, "use_sliding_window", True)
    if not window or not slides:
        return None
    if window < _PROBE_TOKENS:
        raise UnsupportedArchitecture(f"a window of {window} tokens")
    return int(window)
