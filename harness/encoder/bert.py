"""A BERT read one text at a time: the weights, without what batches and training need.

The library's own forward spends more on dispatch than a short sentence takes to compute. Here
are the same operations in the same order for one unpadded text, so no mask, with each weight
packed once where oneDNN can. Source: Devlin et al. 2019; post-norm layers as in transformers'
BertModel, to which tests/encoder/test_embedding.py holds every layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any


class LoneBert:
    """Hidden states of one text: the embeddings' and each layer's.

    weights: tensors on the CPU, float32 or bfloat16, by their names in a BertModel; heads: of
    the attention; eps: of the layer norms.
    """

    def __init__(self, weights: Mapping[str, Any], *, heads: int, eps: float) -> None:
        self._words = weights["embeddings.word_embeddings.weight"]
        self._first_type = weights["embeddings.token_type_embeddings.weight"][0]
        self._places = weights["embeddings.position_embeddings.weight"]
        self._norm = norm(weights, "embeddings.LayerNorm", eps)
        depth = 0
        self._layers: list[_Layer] = []
        while f"encoder.layer.{depth}.output.dense.weight" in weights:
            self._layers.append(_Layer(weights, f"encoder.layer.{depth}", heads, eps))
            depth += 1

    @classmethod
    def of(cls, model: Any) -> LoneBert:
        """Of a transformers BertModel that `can_read`."""
        config = model.config
        heads, eps = int(config.num_attention_heads), float(config.layer_norm_eps)
        return cls(model.state_dict(), heads=heads, eps=eps)

    def __call__(self, ids: Sequence[int]) -> list[Any]:
        """For L pieces, at most the model's window: float [L, D] for each depth from 0 on."""
        import torch

        rows = self._words[torch.tensor(ids)]
        found = [self._norm(rows + self._first_type + self._places[: len(ids)])]
        for layer in self._layers:
            found.append(layer(found[-1]))
        return found


class _Layer:
    """Self-attention and a feed-forward part, each added to what came in and normalised."""

    def __init__(self, weights: Mapping[str, Any], name: str, heads: int, eps: float) -> None:
        import torch

        def of(part: str) -> tuple[Any, Any]:
            return weights[f"{name}.{part}.weight"], weights[f"{name}.{part}.bias"]

        asked = [of(f"attention.self.{part}") for part in ("query", "key", "value")]
        self._heads = heads
        self._asked = product(*(torch.cat(parts) for parts in zip(*asked, strict=True)))
        self._joined = product(*of("attention.output.dense"))
        self._joined_norm = norm(weights, f"{name}.attention.output.LayerNorm", eps)
        self._wide = product(*of("intermediate.dense"))
        self._narrow = product(*of("output.dense"))
        self._norm = norm(weights, f"{name}.output.LayerNorm", eps)

    def __call__(self, rows_LD: Any) -> Any:
        from torch.nn import functional

        length, width = rows_LD.shape
        parts = self._asked(rows_LD).view(length, 3, self._heads, width // self._heads)
        query, key, value = parts.permute(1, 2, 0, 3).unbind(0)
        mixed = functional.scaled_dot_product_attention(query[None], key[None], value[None])
        mixed = mixed[0].transpose(0, 1).reshape(length, width)
        rows_LD = self._joined_norm(self._joined(mixed) + rows_LD)
        return self._norm(self._narrow(functional.gelu(self._wide(rows_LD))) + rows_LD)


def norm(weights: Mapping[str, Any], name: str, eps: float) -> Callable[[Any], Any]:
    """Layer norm over the last axis."""
    from torch.nn.functional import layer_norm

    weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    return lambda rows: layer_norm(rows, weight.shape, weight, bias, eps)


def product(weight: Any, bias: Any) -> Callable[[Any], Any]:
    """X @ weight.T + bias, with the weight packed in oneDNN's layout where that can be done."""
    import torch

    weight, bias = weight.detach().contiguous(), bias.detach()
    plain = torch.nn.functional.linear
    try:
        packed = torch.ops.mkldnn._reorder_linear_weight(weight, 32)

        def fast(x: Any) -> Any:
            return torch.ops.mkldnn._linear_pointwise(x, packed, bias, "none", [], "")

        probe = torch.ones((2, weight.shape[1]), dtype=weight.dtype)
        gap = (fast(probe).float() - plain(probe, weight, bias).float()).abs().max()
        size = plain(probe, weight, bias).float().abs().max()
        if float(gap) <= 0.02 * float(size):
            return fast
    except (AttributeError, RuntimeError, TypeError):  # no such part in this torch or processor
        pass
    return lambda x: plain(x, weight, bias)


def can_read(model: Any) -> bool:
    """Whether `model` is a BERT of the plain kind that `LoneBert` computes."""
    config = getattr(model, "config", None)
    return (
        type(model).__name__ == "BertModel"
        and getattr(config, "hidden_act", None) == "gelu"
        and getattr(config, "position_embedding_type", "absolute") in ("absolute", None)
        and not getattr(config, "is_decoder", False)
    )
