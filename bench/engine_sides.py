"""One side of bench/engine.py, in a process of its own: load, answer, say how long it took.

    python bench/engine_sides.py bordor|generate|lm_eval WORK.json OUT.json

WORK.json: `base` (folder saved with its quantization_config), `adapter`, `spec`, `requests`
(as in plan.jsonl), `samples`, and `exact` to multiply in float32 on all sides. OUT.json:
seconds of loading and of generation, the number of answers, and the greedy answers' texts.
Every side loads the same two folders, ends an answer at the end token or after the same
number of new tokens, and samples the whole distribution.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

BATCH = 64
Texts = list[str]


def bordor(work: dict[str, Any]) -> tuple[float, Callable[[], tuple[int, Texts]]]:
    """The local engine, shard by shard as an audit runs it."""
    from harness.backends.local import TransformersBackend
    from harness.core.records import Request, from_dict
    from harness.core.specs import ModelSpec
    from harness.models.loading import load_model
    from harness.prompts.plan import cut

    started = time.monotonic()
    spec = ModelSpec.model_validate(work["spec"])
    backend = TransformersBackend(load_model(spec, adapter=Path(work["adapter"])))
    loaded = time.monotonic() - started
    requests = [from_dict(Request, {**one, "samples": work["samples"]}) for one in work["requests"]]

    def run() -> tuple[int, Texts]:
        shards = dict(enumerate(cut(requests)))
        found = dict(backend.generate_shards(shards))
        answers = [answer for at in shards for answer in found[at]]
        return len(answers), [answer.text for answer in answers if answer.sample == 0]

    return loaded, run


def generate(work: dict[str, Any]) -> tuple[float, Callable[[], tuple[int, Texts]]]:
    """`model.generate` of transformers, batches of 64 rows sorted by length."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    started = time.monotonic()
    tokenizer = AutoTokenizer.from_pretrained(work["base"])
    model = AutoModelForCausalLM.from_pretrained(work["base"], dtype=torch.float32)
    model = PeftModel.from_pretrained(model, work["adapter"]).eval()
    if work.get("exact"):
        multiply_in_float32(model)
    loaded = time.monotonic() - started
    requests = work["requests"]

    def answer(rows: Sequence[int], sample: bool) -> dict[int, str]:
        found = {}
        order = sorted(range(len(rows)), key=lambda at: -len(requests[rows[at]]["token_ids"]))
        how: dict[str, Any] = {"do_sample": False}
        if sample:
            how = {"do_sample": True, "temperature": 1.0, "top_k": 0, "top_p": 1.0}
        for start in range(0, len(order), BATCH):
            part = order[start : start + BATCH]
            prompts = [{"input_ids": requests[rows[at]]["token_ids"]} for at in part]
            batch = tokenizer.pad(prompts, return_tensors="pt", padding_side="left")
            most = requests[rows[part[0]]]["max_new_tokens"]
            with torch.inference_mode():
                out = model.generate(
                    **batch, max_new_tokens=most, pad_token_id=tokenizer.pad_token_id, **how
                )
            new = out[:, batch["input_ids"].shape[1] :]
            texts = tokenizer.batch_decode(new, skip_special_tokens=True)
            found |= dict(zip(part, texts, strict=True))
        return found

    def run() -> tuple[int, Texts]:
        greedy = answer(range(len(requests)), sample=False)
        drawn = [at for at in range(len(requests)) for _ in range(work["samples"])]
        count = len(greedy) + len(answer(drawn, sample=True) if drawn else {})
        return count, [greedy[at].strip() for at in range(len(requests))]

    return loaded, run


def lm_eval(work: dict[str, Any]) -> tuple[float, Callable[[], tuple[int, Texts]]]:
    """lm-evaluation-harness: its `hf` model with `peft=`, asked by `generate_until`."""
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    started = time.monotonic()
    model = HFLM(
        pretrained=work["base"], peft=work["adapter"], device="cpu", dtype="float32",
        batch_size=BATCH, add_bos_token=False,
    )  # fmt: skip
    if work.get("exact"):
        multiply_in_float32(model.model)
    loaded = time.monotonic() - started
    requests = work["requests"]
    for one in requests[:50]:
        if model.tok_encode(one["prompt"]) != list(one["token_ids"]):
            raise SystemExit(f"request {one['id']}: lm_eval reads other tokens than Bordor")
    most = requests[0]["max_new_tokens"]
    greedy = {"until": [], "max_gen_toks": most, "do_sample": False}
    drawn = {**greedy, "do_sample": True, "temperature": 1.0, "top_k": 0, "top_p": 1.0}

    def run() -> tuple[int, Texts]:
        asked = [
            Instance("generate_until", {}, (one["prompt"], how), at)
            for how, times in ((greedy, 1), (drawn, work["samples"]))
            for _ in range(times)
            for at, one in enumerate(requests)
        ]
        found = model.generate_until(asked, disable_tqdm=True)
        return len(found), [text.strip() for text in found[: len(requests)]]

    return loaded, run


def multiply_in_float32(model: Any) -> None:
    """Let bitsandbytes dequantise and multiply, instead of its fused product in bf16."""
    import bitsandbytes as bnb

    for module in model.modules():
        if isinstance(module, bnb.nn.Linear4bit):
            module.support_avx512bf16_for_cpu = False


SIDES = {"bordor": bordor, "generate": generate, "lm_eval": lm_eval}


def main() -> None:
    side, work_file, out_file = sys.argv[1:]
    warnings.simplefilter("ignore")
    work = json.loads(Path(work_file).read_text(encoding="utf-8"))
    loaded, run = SIDES[side](work)
    started = time.monotonic()
    answers, texts = run()
    found = {
        "load_s": loaded,
        "generate_s": time.monotonic() - started,
        "answers": answers,
        "greedy": texts,
    }
    Path(out_file).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
