"""A BERT read one text at a time: the library's weights, without what batches need.

The library's own forward spends more on dispatch than a short sentence takes to compute. Here
are the same operations in the same order for one unpadded text, so no mask, with each weight
packed once where oneDNN can. Source: Devlin et al. 2019; post-norm layers as in
transformers' BertModel, whose modules these are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


class LoneBert:
    """Hidden states of one text: the embeddings' and each layer's.

    model: a transformers BertModel in evaluation mode, in float32 or bfloat16, on the CPU.
    """

    def __init__(self, model: Any) -> None:
        self._embeddings = model.embeddings
        self._heads = int(model.config.num_attention_heads)
        self._layers = [_Layer(layer) for layer in model.encoder.layer]

    def __call__(self, ids: Sequence[int]) -> list[Any]:
        """For L pieces, at most the model's window: float [L, D] for each depth from 0 on."""
        import torch

        own = self._embeddings
        pieces = torch.tensor(ids)
        rows = own.word_embeddings(pieces)
        rows = (
            rows + own.token_type_embeddings.weight[0] + own.position_embeddings.weight[: len(ids)]
        )
        found = [own.LayerNorm(rows)]
        for layer in self._layers:
            found.append(layer(found[-1], self._heads))
        return found


class _Layer:
    """Self-attention and a feed-forward part, each added to what came in and normalised."""

    def __init__(self, layer: Any) -> None:
        import torch

        part = layer.attention.self
        weights = torch.cat([part.query.weight, part.key.weight, part.value.weight])
        biases = torch.cat([part.query.bias, part.key.bias, part.value.bias])
        self._asked = product(weights, biases)
        self._joined = _product_of(layer.attention.output.dense)
        self._joined_norm = layer.attention.output.LayerNorm
        self._wide = _product_of(layer.intermediate.dense)
        self._act = layer.intermediate.intermediate_act_fn
        self._narrow = _product_of(layer.output.dense)
        self._norm = layer.output.LayerNorm

    def __call__(self, rows_LD: Any, heads: int) -> Any:
        import torch

        length, width = rows_LD.shape
        parts = self._asked(rows_LD).view(length, 3, heads, width // heads).permute(1, 2, 0, 3)
        query, key, value = parts.unbind(0)
        mixed = torch.nn.functional.scaled_dot_product_attention(
            query[None], key[None], value[None]
        )
        mixed = mixed[0].transpose(0, 1).reshape(length, width)
        rows_LD = self._joined_norm(self._joined(mixed) + rows_LD)
        return self._norm(self._narrow(self._act(self._wide(rows_LD))) + rows_LD)


def _product_of(linear: Any) -> Callable[[Any], Any]:
    return product(linear.weight, linear.bias)


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
        and getattr(config, "position_embedding_type", "absolute") in ("absolute", None)
        and not getattr(config, "is_decoder", False)
    )
