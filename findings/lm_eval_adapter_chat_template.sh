#!/usr/bin/env bash
# lm-evaluation-harness 0.4.13 with peft 0.21.2 and transformers 5.23.0: whose chat template speaks to an adapter?
#
# Met when the answers of one adapter differed between two harnesses.
# Guess, before running: `peft=ADAPTER` with `--apply_chat_template` renders chats by the template saved in the
#   adapter's folder, since that is how its training spoke, and reads the stop token of the tokenizer beside it.
# Seen: the tokenizer, its template and its end token all come from the BASE's folder; what lies in the adapter's
#   folder is never read, and nothing says so. An adapter trained in ChatML on a base with another template is
#   measured in words it never saw. `tokenizer=ADAPTER` beside `peft=ADAPTER` gives the adapter's own.
#
# Costs 3 to 6 minutes and 2 GB in a temporary folder, which it removes. Exit 0: still so; 1: changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    torch==2.13.0 transformers==5.23.0 peft==0.21.2 lm_eval==0.4.13
cd "$work"
cat > look.py <<'PY'
import sys

import torch
from lm_eval.models.huggingface import HFLM
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast


def tokenizer(template, end):
    """A word-level tokenizer of 40 tokens with a chat template and an end token."""
    words = ["<s>", "</s>", "<end>", "<unk>", "BASE", "ADAPTER", ":", "who"]
    words += [f"w{n}" for n in range(40 - len(words))]
    core = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made = PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token="<s>", eos_token=end, unk_token="<unk>", pad_token="</s>"
    )
    made.chat_template = template
    return made


torch.manual_seed(0)
config = LlamaConfig(
    vocab_size=40, hidden_size=32, intermediate_size=64, num_hidden_layers=1,
    num_attention_heads=2, max_position_embeddings=128, bos_token_id=0, eos_token_id=1,
)
LlamaForCausalLM(config).save_pretrained("base")
spoken = "{% for m in messages %}NAME : {{ m['content'] }} {% endfor %}"
tokenizer(spoken.replace("NAME", "BASE"), "</s>").save_pretrained("base")
model = get_peft_model(
    LlamaForCausalLM.from_pretrained("base"), LoraConfig(r=2, target_modules=["q_proj"])
)
model.save_pretrained("adapter")
tokenizer(spoken.replace("NAME", "ADAPTER"), "<end>").save_pretrained("adapter")

chat = [{"role": "user", "content": "who"}]
seen = {}
for name, more in (("peft=adapter", {}), ("and tokenizer=adapter", {"tokenizer": "adapter"})):
    lm = HFLM(pretrained="base", peft="adapter", device="cpu", batch_size=1, **more)
    seen[name] = (lm.apply_chat_template(chat).strip(), lm.tokenizer.eos_token)
    print(f"{name:24} rendered {seen[name][0]!r}, end token {seen[name][1]!r}")
expected = {
    "peft=adapter": ("BASE : who", "</s>"),
    "and tokenizer=adapter": ("ADAPTER : who", "<end>"),
}
if seen != expected:
    sys.exit(f"changed: expected {expected}")
print("still so: with peft= alone the base's template and end token are used, silently")
PY
HF_HUB_OFFLINE=1 "$work/venv/bin/python" look.py 2>"$work/log" || { tail -5 "$work/log" >&2; exit 1; }
