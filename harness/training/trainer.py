"""TRL's SFTTrainer, with a loss that on a CPU scores only the tokens that are learned.

In TRL 1.16 the fused head scores every position where there is no Triton and masks the
prompt's afterwards; in a chat of 75 tokens some 60 are prompt, and the head took half the
time of a training step on the CPU. On a GPU its kernels leave the prompt out themselves,
and its own loss is used.
"""

from __future__ import annotations

from typing import Any


def trainer_class() -> type:
    """The class of trainer to use: a function, so that TRL is imported late."""
    from trl import SFTTrainer

    class AnswerTrainer(SFTTrainer):
        def compute_loss(
            self,
            model: Any,
            inputs: dict[str, Any],
            return_outputs: bool = False,
            num_items_in_batch: Any = None,
        ) -> Any:
            if return_outputs or inputs["input_ids"].device.type != "cpu":
                return super().compute_loss(
                    model, inputs, return_outputs, num_items_in_batch=num_items_in_batch
                )
            loss = learned_loss(model, inputs, tokens=num_items_in_batch, bf16=self.args.bf16)
            if num_items_in_batch is not None and self.args.average_tokens_across_devices:
                # tokens are counted over all processes, and gradients then averaged over them
                loss = loss * self.accelerator.num_processes
            return loss

    return AnswerTrainer


def learned_loss(model: Any, inputs: dict[str, Any], *, tokens: Any, bf16: bool) -> Any:
    """Mean cross-entropy of the labelled tokens, in nats: a scalar with its gradient.

    inputs: `input_ids`, `attention_mask` and `labels`, each int64 [B, T]; -100 is no label.
    tokens: labelled tokens of the whole step, where it has several batches; else counted.
    """
    import torch
    import torch.nn.functional as F

    causal = model.get_base_model() if hasattr(model, "get_base_model") else model
    backbone = getattr(causal, causal.base_model_prefix)
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        hidden_BTD = backbone(
            input_ids=inputs["input_ids"],
            attention_mask=inputs.get("attention_mask"),
            use_cache=False,
        ).last_hidden_state
        labels_BT = inputs["labels"][:, 1:]
        learned_BT = labels_BT != -100
        logits_NV = causal.get_output_embeddings()(hidden_BTD[:, :-1][learned_BT])
    total = F.cross_entropy(logits_NV.float(), labels_BT[learned_BT], reduction="sum")
    count = learned_BT.sum() if tokens is None else torch.as_tensor(tokens)
    return total / count.clamp(min=1)
