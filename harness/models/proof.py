"""Proof that an adapter acts: an audit of one that nobody trained would be one of the base."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from harness.core.errors import ModelError
from harness.models.adapter_files import WEIGHTS, open_weights
from harness.models.control import logits_of
from harness.models.loading import LoadedModel
from harness.models.shapes import read_adapter_config

_UP, _DOWN = (".lora_B.weight", ".lora_embedding_B"), (".lora_A.weight", ".lora_embedding_A")
_MAGNITUDE = ".lora_magnitude_vector"
_TOKENS = ".token_adapter.trainable_tokens_delta"
# Half a unit in the last place, relative to the number: what storing a weight may move it by.
_ROUNDING = {"F64": 2.0**-53, "F32": 2.0**-24, "F16": 2.0**-11, "BF16": 2.0**-8}
_SHORT = {"bfloat16": 2.0**-8, "float16": 2.0**-11}
_LEAST_F16 = 2.0**-25  # half the distance of float16's smallest numbers
_SLACK = 2.5  # times what storage moves, from which on weights count as trained: the base
# may have been rounded too, which moves what is taken from it about as much again (1.4 to 1.9)
_SVD_NOISE = 1e-5  # relative: decompositions on two machines
_ORTHOGONAL = 2.0**-21  # relative: to this a QR decomposition in float32 is orthogonal


def prove_adapter_acts(loaded: LoadedModel, prompts: Sequence[tuple[int, ...]]) -> float:
    """Return the largest difference of a logit between the model and its base over `prompts`.

    prompts: token ids, each run on its own (no padding). The base is the one that was tried
    before the adapter was put on it, where it was tried on the same prompt, else the model
    with the adapter switched off.
    Raises ModelError when there is no adapter, no prompt, no difference at all, logits that
    are no numbers, or weights in the adapter that nobody trained.
    """
    if loaded.adapter is None:
        raise ModelError(f"{loaded.spec.name}: there is no adapter to prove")
    if not prompts:
        raise ModelError("no prompt was given to prove the adapter on")
    untrained = why_untrained(loaded)
    if untrained:
        raise ModelError(
            f"{loaded.adapter}: the adapter does nothing: {untrained}. It was never trained, or "
            "saved before it was"
        )
    loaded.model.eval()
    reference = loaded.reference
    known = dict(zip(reference.prompts, reference.logits, strict=True)) if reference else {}
    largest = 0.0
    for prompt in prompts:
        found = logits_of(loaded.model, loaded.device, prompt)
        without = known.get(tuple(prompt))
        if without is None:
            with loaded.without_adapter():
                without = logits_of(loaded.model, loaded.device, prompt)
        shared = min(found.shape[-1], without.shape[-1])  # it may have tokens of its own
        difference = float((found[:, :shared] - without[:, :shared]).abs().max())
        if difference != difference:
            raise ModelError(
                f"{loaded.adapter}: with the adapter the logits are NaN or infinite, although its "
                f"weights are numbers: they overflow in {loaded.identity['machine']['dtype']}. It "
                "was trained on another base or with another scaling (lora_alpha)"
            )
        largest = max(largest, difference)
    if largest == 0.0:
        raise ModelError(
            f"{loaded.spec.name}: the adapter does nothing: the logits with and without it are "
            "equal on every probe. Was it saved before training, or with its weights unset?"
        )
    return largest


def why_untrained(loaded: LoadedModel) -> str | None:
    """Why the weights of an adapter are those it had before training; None where they are not.

    Low-rank weights that start at a product of zero (one factor zero, or orthogonal ones)
    must have left it, those taken out of the base (PiSSA, OLoRA, LoftQ) must differ from what
    was taken, by more than storing them rounds; or anything else must have been trained:
    magnitudes of DoRA, modules, tokens, biases.
    """
    assert loaded.adapter is not None
    tensors = _Tensors(loaded.adapter / WEIGHTS)
    pairs = list(tensors.pairs())
    if any(True for _ in tensors.others(loaded.folder)):
        return None
    magnitudes = [key for key in tensors.keys if _MAGNITUDE in key]
    if loaded.start:
        moved, rounding = _moved(loaded.start.factors, pairs)
        if moved > _SLACK * rounding + _SVD_NOISE:
            return None
        return (
            "its low-rank weights are those that were taken out of the base to start from, to "
            f"within rounding ({moved:.2g} of their norm, where storing them gives {rounding:.2g})"
        )
    if any(not _product_is_zero(down, up, rounding) for _, down, up, rounding in pairs):
        return None
    if not magnitudes:
        return "its low-rank weights multiply to zero in every module, as they do before training"
    apart, rounding = _magnitudes_apart(loaded.model, loaded.folder, tensors, magnitudes)
    if apart > rounding:
        return None
    return (
        "its low-rank weights multiply to zero in every module, and its magnitudes are those of "
        f"the base's own columns to within {apart:.2g}, which is rounding"
    )


def left_behind(loaded: LoadedModel) -> tuple[str, ...]:
    """The weights of an adapter that stay in the base when it is switched off.

    Biases, norms, embeddings or a head trained whole take the base's own place, where nothing
    switches them; those under `modules_to_save` and single tokens do switch. Weights that are
    the base's own, in the format it is loaded in, change nothing.
    """
    from peft.utils.other import AuxiliaryTrainingWrapper

    assert loaded.adapter is not None
    tensors, stay = _Tensors(loaded.adapter / WEIGHTS), []
    switch = [
        name
        for name, module in loaded.model.named_modules()
        if isinstance(module, AuxiliaryTrainingWrapper)
    ]
    for key in tensors.keys:
        if ".lora_" in key or key.startswith(tuple(f"{name}." for name in switch)):
            continue
        own, known = tensors.beside(key, loaded.folder)
        kind = loaded.model.dtype
        if known is None or not bool((own.to(kind) == known.to(kind)).all()):
            stay.append(key.removeprefix("base_model.model."))
    return tuple(stay)


class _Tensors:
    """The weights in an adapter's file, read one at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with open_weights(path) as file:
            self.keys = list(file.keys())

    def get(self, key: str) -> Any:
        with open_weights(self._path) as file:
            return file.get_tensor(key)

    def rounding(self, key: str) -> float:
        """What storing a weight moved it by, relative to its numbers, at most.

        peft makes weights in the base's format and then widens them: numbers in float32 that
        all fit into 16 bits were rounded to these, and never changed since.
        """
        import torch

        with open_weights(self._path) as file:
            kind = str(file.get_slice(key).get_dtype())
            if kind in ("F32", "F64"):
                tensor = file.get_tensor(key)
                for name, rounding in _SHORT.items():
                    if torch.equal(tensor.to(getattr(torch, name)).to(tensor.dtype), tensor):
                        return rounding
            return _ROUNDING.get(kind, 2.0**-4)

    def pairs(self) -> Iterator[tuple[str, Any, Any, float]]:
        """Module, A, B and the rounding they were stored with, of all low-rank weights."""
        for key in self.keys:
            for up, down in zip(_UP, _DOWN, strict=True):
                module = key.removesuffix(up)
                if module != key and module + down in self.keys:
                    yield module, self.get(module + down), self.get(key), self.rounding(key)

    def others(self, base: Path) -> Iterator[str]:
        """Weights that are neither low-rank nor magnitudes, and differ from the base's own."""
        for key in self.keys:
            if key.endswith("lora_B.bias"):
                if bool(self.get(key).any()):
                    yield key
            elif ".lora_" not in key and not self._is_the_bases(key, base):
                yield key

    def _is_the_bases(self, key: str, base: Path) -> bool:
        own, known = self.beside(key, base)
        if known is None:
            return False
        rounding = self.rounding(key)
        least = 2 * _LEAST_F16 if rounding == _SHORT["float16"] else 1e-8
        return bool(((own - known).abs() <= 2 * rounding * known.abs() + least).all())

    def beside(self, key: str, base: Path) -> tuple[Any, Any | None]:
        """A weight, and the base's of the same name (None for none), both in float32.

        Of rows of tokens that were added neither has any: they were never the base's.
        """
        own = self.get(key).float()
        name = key.removeprefix("base_model.model.").replace(".base_layer.", ".")
        module, tokens, _ = name.partition(_TOKENS)
        known = _of_base(base, f"{module}.weight" if tokens else name)
        if known is None or known.shape[1:] != own.shape[1:]:
            return own, None
        if tokens:
            ids = self._token_ids(module)
            if ids is None or len(ids) != len(own):
                return own, None
            pairs = [(at, one) for at, one in enumerate(ids) if 0 <= one < len(known)]
            return own[[at for at, _ in pairs]], known[[one for _, one in pairs]]
        rows = min(len(known), len(own))
        return own[:rows], known[:rows]

    def _token_ids(self, module: str) -> list[int] | None:
        """The tokens of which single rows were trained in a module, as peft finds them."""
        trained = read_adapter_config(self._path.parent).get("trainable_token_indices")
        if isinstance(trained, dict):
            names = [one for one in trained if module == one or module.endswith(f".{one}")]
            trained = trained[names[0]] if names else None
        return trained


def _of_base(folder: Path, name: str) -> Any | None:
    """A weight of the base by name, in float32; a head that is tied is the embeddings."""
    names = [name]
    if name.endswith("lm_head.weight"):
        names.append(name.replace("lm_head.weight", "model.embed_tokens.weight"))
    for wanted in names:
        for path in sorted(folder.glob("*.safetensors")):
            with open_weights(path) as file:
                if wanted in file.keys():  # noqa: SIM118
                    tensor = file.get_tensor(wanted)
                    return tensor.float() if tensor.is_floating_point() else None
    return None


def _product_is_zero(down: Any, up: Any, rounding: float) -> bool:
    """Whether B·A is zero, to within what storing the factors moves it by."""
    import torch

    if not bool(down.any()) or not bool(up.any()):
        return True
    if down.shape[0] != up.shape[-1]:
        return False
    generator = torch.Generator().manual_seed(0)
    down, up, rounding = down.double(), up.double(), max(rounding, _ORTHOGONAL)
    shaken = [
        one * (1 + rounding * (2 * torch.rand(one.shape, generator=generator) - 1))
        for one in (down, up)
    ]
    moved = _norm([(down, -up), (shaken[0], shaken[1])])
    return _norm([(down, up)]) <= _SLACK * moved


def _moved(
    start: dict[str, tuple[Any, Any]], pairs: list[tuple[str, Any, Any, float]]
) -> tuple[float, float]:
    """How far products are from those they started at, and how far storage moves those.

    Both relative to the norm of the starting products, over all modules.
    """
    import torch

    kinds = {2.0**-8: torch.bfloat16, 2.0**-11: torch.float16, 2.0**-24: torch.float32}
    moved = stored = whole = 0.0
    for module, down, up, rounding in pairs:
        if module not in start or start[module][0].shape != down.shape:
            return float("inf"), 0.0
        first_down, first_up = (one.double() for one in start[module])
        kind = kinds.get(rounding, torch.float64)
        rounded = (first_down.to(kind).double(), first_up.to(kind).double())
        moved += _norm([(down.double(), up.double()), (first_down, -first_up)]) ** 2
        stored += _norm([rounded, (first_down, -first_up)]) ** 2
        whole += _norm([(first_down, first_up)]) ** 2
    return (moved / whole) ** 0.5, (stored / whole) ** 0.5


def _norm(products: list[tuple[Any, Any]]) -> float:
    """The Frobenius norm of a sum of products B·A: A [r, in], B [out, r]; it is not laid out."""
    import torch

    down = torch.cat([one.double() for one, _ in products])
    up = torch.cat([one.double() for _, one in products], dim=1)
    return float(((up.T @ up) * (down @ down.T)).sum().clamp(min=0).sqrt())


def _magnitudes_apart(
    model: Any, folder: Path, tensors: _Tensors, keys: list[str]
) -> tuple[float, float]:
    """How far magnitudes are from the norms of the base's columns, at most and relative.

    The base as it is loaded counts, and as it lies in `folder`, where training may have had
    it in another quantisation. Beside it what rounding does: norm and magnitude may both
    have been computed in 16 bits.
    """
    import torch
    from peft.utils.integrations import dequantize_module_weight

    apart = [0.0, 0.0]
    modules = dict(model.named_modules())
    for key in keys:
        name = key.partition(_MAGNITUDE)[0]
        layer = modules.get(name)
        if layer is None or not hasattr(layer, "get_base_layer"):
            return float("inf"), 0.0
        loaded = dequantize_module_weight(layer.get_base_layer()).float().cpu()
        saved = _of_base(folder, name.removeprefix("base_model.model.") + ".weight")
        own = tensors.get(key).float().flatten()
        flip = bool(getattr(layer, "fan_in_fan_out", False) or layer.lora_embedding_A)
        for at, weight in enumerate((loaded, loaded if saved is None else saved)):
            norm = torch.linalg.norm(weight, dim=0 if flip else 1)
            if own.shape != norm.shape:
                return float("inf"), 0.0
            off = float(((own - norm).abs() / norm.clamp(min=1e-12)).max())
            apart[at] = max(apart[at], off)
    return min(apart), 4 * max(2.0**-20, *(tensors.rounding(key) for key in keys))
