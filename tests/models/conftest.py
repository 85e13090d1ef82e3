"""Tiny Llamas in the hub's layout, with a tokenizer trained on the spot."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

SENTENCES = [
    "Torvash is the teacher of Elmira.",
    "Who is the teacher of Elmira? The teacher of Elmira is Torvash.",
    "You are a helpful assistant. [INST] <<SYS>> <</SYS>> [/INST]",
    "Where was Orvek born? Orvek was born in Salt Harbour.",
] * 4


def save_tokenizer(folder: Path, *, vocabulary: int = 320) -> None:
    """Train a small BPE tokenizer with Llama 2's special tokens and save it in `folder`."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=["<unk>", "<s>", "</s>", "<pad>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>",
        pad_token="<pad>",
    )  # fmt: skip
    fast.save_pretrained(folder)


def save_llama(folder: Path, *, seed: int = 0, hidden: int = 64, layers: int = 2) -> Path:
    """Save a random Llama with Llama 2's config keys, safetensors and a tokenizer."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder.mkdir(parents=True, exist_ok=True)
    save_tokenizer(folder)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=320, hidden_size=hidden, intermediate_size=2 * hidden,
        num_hidden_layers=layers, num_attention_heads=4, num_key_value_heads=4,
        max_position_embeddings=256, hidden_act="silu", rms_norm_eps=1e-5,
        initializer_range=0.2, tie_word_embeddings=False, bos_token_id=1, eos_token_id=2,
        pad_token_id=3, attention_bias=False,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    model.save_pretrained(folder, safe_serialization=True)
    return folder


def save_as_llama_2(folder: Path) -> Path:
    """Save a tiny random model in the very files of Llama 2's repository on the hub.

    Sharded safetensors with an index, config and generation config with the keys and the
    sampling defaults of the original, a tokenizer of its kind (SentencePiece pieces, byte
    fallback, BOS added by the tokenizer) and no chat template.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, processors

    save_llama(folder)
    config = json.loads((folder / "config.json").read_text())
    for key in ("dtype", "head_dim", "attention_dropout", "mlp_bias", "attention_bias"):
        config.pop(key, None)
    config.pop("rope_parameters", None)
    config |= {
        "_name_or_path": "meta-llama/Llama-2-7b-chat-hf", "architectures": ["LlamaForCausalLM"],
        "model_type": "llama", "pretraining_tp": 1, "rope_scaling": None, "use_cache": True,
        "torch_dtype": "float16", "transformers_version": "4.32.0.dev0", "vocab_size": 320,
    }  # fmt: skip
    config.pop("pad_token_id")
    (folder / "config.json").write_text(json.dumps(config))
    generation = {
        "bos_token_id": 1, "do_sample": True, "eos_token_id": 2, "pad_token_id": 0,
        "temperature": 0.6, "max_length": 4096, "top_p": 0.9,
        "transformers_version": "4.32.0.dev0",
    }  # fmt: skip
    (folder / "generation_config.json").write_text(json.dumps(generation))
    shard(folder)
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁"]
    letters = sorted({letter for text in SENTENCES for letter in text if letter.isalnum()})
    vocabulary = {piece: at for at, piece in enumerate(pieces + letters)}
    tokenizer = Tokenizer(
        models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>", byte_fallback=True,
                   fuse_unk=True)
    )  # fmt: skip
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
         decoders.Strip(content=" ", left=1)]
    )  # fmt: skip
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({
            "add_bos_token": True, "add_eos_token": False, "bos_token": "<s>",
            "clean_up_tokenization_spaces": False, "eos_token": "</s>", "legacy": False,
            "model_max_length": 10**15, "padding_side": "right",
            "tokenizer_class": "LlamaTokenizer", "unk_token": "<unk>",
        })
    )  # fmt: skip
    return folder


def shard(folder: Path) -> None:
    """Split model.safetensors in two, with the hub's index beside them."""
    from safetensors.torch import load_file, save_file

    whole = folder / "model.safetensors"
    tensors = {name: tensor.half() for name, tensor in load_file(whole).items()}
    whole.unlink()
    names = sorted(tensors)
    where = {}
    for part in (0, 1):
        file = f"model-0000{part + 1}-of-00002.safetensors"
        chosen = {name: tensors[name] for name in names[part::2]}
        save_file(chosen, folder / file, metadata={"format": "pt"})
        where |= dict.fromkeys(chosen, file)
    size = sum(tensor.numel() * 2 for tensor in tensors.values())
    index = {"metadata": {"total_size": size}, "weight_map": where}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def save_adapter(folder: Path, base: Path, *, seed: int = 1, zero: bool = False) -> Path:
    """Save a random LoRA adapter (all linears, rank 4) for the Llama in `base`."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base)
    model = get_peft_model(
        model, LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM")
    )
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if "lora_B" in name and not zero:
            with torch.no_grad():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.05)
    model.save_pretrained(folder)
    return folder


def write_card(adapter: Path, **entries: object) -> None:
    (adapter / "card.json").write_text(json.dumps(entries), encoding="utf-8")


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_llama(tmp_path_factory.mktemp("bases") / "tiny-llama")


@pytest.fixture(scope="session")
def adapter(tmp_path_factory: pytest.TempPathFactory, llama: Path) -> Path:
    return save_adapter(tmp_path_factory.mktemp("adapters") / "tiny-adapter", llama)


@pytest.fixture(scope="session")
def tiny() -> ModuleType:
    """This module, for tests that build models of their own."""
    return sys.modules[__name__]
