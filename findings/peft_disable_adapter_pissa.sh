#!/usr/bin/env bash
# peft 0.21.2: does `disable_adapter()` give the base where the adapter began as PiSSA or OLoRA?
#
# Met when the "base" column of an audit was no base, and it is what a reference model taken by `disable_adapter()`
#   (for a KL term, or preference training) would be made of.
# Guess, before running: with the adapter switched off the model answers as the base does, as it does for every start of
#   a LoRA: the context manager says that it disables the adapter.
# Seen: for the starts "pissa" and "olora" the base's own weights are changed when the adapter is made, and again when a
#   saved one is loaded; switched off, what is left is the residual: a third of a logit off on this tiny model, beside
#   about half a logit that training changed. No warning. For the default start and "orthogonal" it is the base exactly.
#
# Costs about three minutes and 1.5 GB in a temporary folder, which it removes. Exit 0: still so; 1: changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 transformers==5.23.0 peft==0.21.2
cd "$work"
export HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1
cat > look.py <<'PY'
import sys
import tempfile
import warnings

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

SIZE = LlamaConfig(
    vocab_size=256, hidden_size=64, intermediate_size=128, num_hidden_layers=2,
    num_attention_heads=4, num_key_value_heads=4,
)
PROMPT = torch.arange(2, 18)[None]


def base():
    torch.manual_seed(0)
    return LlamaForCausalLM(SIZE).eval()


def logits(model):
    with torch.no_grad():
        return model(PROMPT).logits


def apart(a, b):
    return float((a - b).abs().max())


plain, off = logits(base()), {}
with warnings.catch_warnings(record=True) as heard:
    warnings.simplefilter("always")
    for start in (True, "orthogonal", "pissa", "olora"):
        torch.manual_seed(1)
        config = LoraConfig(
            r=8, lora_alpha=8, init_lora_weights=start, target_modules=["q_proj", "v_proj", "up_proj"]
        )
        model = get_peft_model(base(), config)
        optimizer = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), lr=1e-3)
        for _ in range(20):
            model(PROMPT, labels=PROMPT).loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        with tempfile.TemporaryDirectory() as folder:
            model.eval().save_pretrained(folder)
            loaded = PeftModel.from_pretrained(base(), folder).eval()
        with loaded.disable_adapter():
            off[start] = apart(logits(loaded), plain)
        print(
            f"start {start}: loaded against trained {apart(logits(loaded), logits(model)):.4f}, "
            f"trained against base {apart(logits(model), plain):.4f}, off against base {off[start]:.4f}"
        )
told = sorted({str(one.message)[:90] for one in heard if "disable" in str(one.message)})
print("warnings about it:", told or "none")
as_described = (
    off[True] < 1e-5 and off["orthogonal"] < 1e-5 and off["pissa"] > 0.1 and off["olora"] > 0.1 and not told
)
print("as described" if as_described else "changed")
sys.exit(not as_described)
PY
"$work/venv/bin/python" look.py
