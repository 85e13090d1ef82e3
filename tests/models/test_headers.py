"""The headers of safetensors decide in what form a model is; its config is checked against them."""

from __future__ import annotations

import json
import os
import shutil
import struct
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.core.errors import ModelError
from harness.models.folding import fold_adapter
from harness.models.headers import read_header, read_headers
from harness.models.loading import load_model
from harness.models.registry import resolve_model
from harness.models.saved import saved_form, settle

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore:.*nf4 is assumed")
BITS = {"F32": 32, "BF16": 16, "F8_E4M3": 8, "U8": 8, "I8": 8, "I32": 32}


def write(path: Path, **tensors: tuple[str, list[int]] | bytes) -> None:
    """A safetensors file of zeros, by formats and shapes; bytes stand as they are."""
    header, body = {}, b""
    for name, given in tensors.items():
        dtype, shape = ("U8", [len(given)]) if isinstance(given, bytes) else given
        size = BITS[dtype] // 8
        for side in shape:
            size *= side
        data = given if isinstance(given, bytes) else bytes(size)
        place = [len(body), len(body) + len(data)]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": place}
        body += data
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def model(folder: Path, stated: object = None, **tensors: tuple[str, list[int]] | bytes) -> Path:
    folder.mkdir(exist_ok=True)
    config: dict[str, object] = {"model_type": "llama", "max_position_embeddings": 64}
    if stated is not None:
        config["quantization_config"] = stated
    (folder / "config.json").write_text(json.dumps(config))
    write(folder / "model.safetensors", **tensors)
    return folder


def bnb(kind: str, *, said: str | None = None, double: bool = False) -> dict[str, object]:
    """The tensors of one linear of bitsandbytes in 4 bits."""
    blob = json.dumps({"quant_type": said or kind, "blocksize": 64}).encode()
    more = {"q.weight.nested_absmax": ("F32", [1])} if double else {}
    return {
        "norm.weight": ("F32", [8]), "q.weight": ("U8", [32, 1]), "q.weight.absmax": ("F32", [1]),
        f"q.weight.quant_state.bitsandbytes__{kind}": blob, **more,
    }  # fmt: skip


FOUR = {"load_in_4bit": True, "quant_method": "bitsandbytes"}
NF4 = FOUR | {"bnb_4bit_quant_type": "nf4"}
EIGHT = {"load_in_8bit": True, "quant_method": "bitsandbytes"}
INT8 = {"q.weight": ("I8", [8, 8]), "q.SCB": ("F32", [8])}
PLAIN = {"q.weight": ("BF16", [8, 8])}
GPTQ = {"q.qweight": ("I32", [1, 8]), "q.qzeros": ("I32", [1, 1]), "q.g_idx": ("I32", [8])}
AWQ = {"q.qweight": ("I32", [8, 1]), "q.qzeros": ("I32", [1, 1])}
F8 = {"q.weight": ("F8_E4M3", [8, 8]), "q.weight_scale_inv": ("F32", [1, 1])}
PACKED = {"q.weight": ("U8", [8, 8]), "q.scale": ("F32", [8])}
FORMS = [
    (bnb("nf4"), NF4, "nf4", False), (bnb("fp4"), FOUR, "fp4", False),
    (bnb("fp4"), FOUR | {"bnb_4bit_quant_type": "fp4"}, "fp4", False),
    (bnb("fp4"), NF4, "fp4", True), (bnb("nf4"), FOUR, "nf4", True), (bnb("nf4"), None, "nf4", True),
    (bnb("nf4"), EIGHT, "nf4", True), (INT8, EIGHT, "int8", False), (INT8, NF4, "int8", True),
    (INT8, None, "int8", True), (PLAIN, None, None, False), (PLAIN, NF4, None, True),
    (PLAIN, EIGHT, None, True), (PLAIN, {"quant_method": "gptq", "bits": 4}, None, True),
    (GPTQ, {"quant_method": "gptq", "bits": 4}, "gptq", False),
    (AWQ, {"quant_method": "awq"}, "awq", False), (AWQ, {"quant_method": "gptq"}, "gptq", False),
    (F8, {"quant_method": "fp8"}, "fp8", False),
    (F8, {"quant_method": "compressed-tensors"}, "compressed-tensors", False),
    ({"q.weight_packed": ("I32", [8, 1])}, {"quant_method": "compressed-tensors"},
     "compressed-tensors", False),
    ({"q.W_q": ("U8", [8, 4])}, {"quant_method": "hqq"}, "hqq", False),
    ({"q_blocks": ("U8", [8, 4]), "q_scales": ("U8", [8])}, {"quant_method": "mxfp4"}, "mxfp4",
     False),
    (PACKED, {"quant_method": "torchao"}, "torchao", False),
    (PACKED, {"quant_method": "bitnet"}, "bitnet", False),
]  # fmt: skip


def test_a_model_is_called_what_its_headers_hold(tmp_path):
    for number, (tensors, stated, want, mended) in enumerate(FORMS):
        folder = model(tmp_path / str(number), stated, **tensors)
        saved = saved_form(folder)
        assert (saved.quantisation, saved.mended) == (want, mended), (number, saved)
        assert bool(saved.told) == mended
        spec = resolve_model(str(folder), as_is=True)
        assert spec.quantisation == (want or "none"), number
        assert settle(spec, folder).quantisation == spec.quantisation


def test_double_quantisation_is_read_from_the_headers(tmp_path):
    for double in (False, True):
        folder = model(tmp_path / str(double), NF4, **bnb("nf4", double=double))
        assert resolve_model(str(folder)).double_quantisation is double


CONTRADICTIONS = [
    (GPTQ, NF4, "packed"), (GPTQ, None, "says nothing"), (PACKED, NF4, "packed"), (F8, NF4, "fp8"),
    (PLAIN, {"quant_method": "torchao"}, "remove quantization_config"),
    (PLAIN, {"bits": 4}, "remove quantization_config"),
    (bnb("fp4", said="nf4"), FOUR, "damaged"), (bnb("nf4") | bnb("fp4"), FOUR, "mixture"),
]  # fmt: skip


@pytest.mark.parametrize(("tensors", "stated", "told"), CONTRADICTIONS)
def test_what_cannot_be_put_right_is_told_by_the_doctor_too(tensors, stated, told, tmp_path):
    folder = model(tmp_path / "model", stated, **tensors)
    with pytest.raises(ModelError, match=told):
        saved_form(folder)
    done = CliRunner().invoke(app, ["doctor", str(folder), "--as-is", "--json"])
    found = {one["name"]: one for one in json.loads(done.stdout)["findings"]}
    assert done.exit_code == 1 and told in found["weights"]["value"]


def test_a_form_that_nothing_here_can_read_says_the_way_on(tmp_path):
    folder = model(tmp_path / "model", {"quant_method": "vptq"}, **{"q.centroids.weight": ("F32", [8])})  # fmt: skip
    done = CliRunner().invoke(app, ["doctor", str(folder), "--as-is", "--json"])
    found = {one["name"]: one for one in json.loads(done.stdout)["findings"]}
    assert done.exit_code == 1
    for part in ("saved in vptq", "cannot be loaded here", "in 16 bits", "openai:http"):
        assert part in found["weights"]["value"]


def test_another_quantisation_cannot_be_had_of_saved_weights(tmp_path):
    folder = model(tmp_path / "model", EIGHT, **INT8)
    for quantisation in ("nf4", "none"):
        with pytest.raises(ModelError, match="saved in int8"):
            settle(resolve_model(str(folder), quantisation=quantisation), folder)
    same = settle(resolve_model(str(folder), quantisation="int8"), folder)
    assert same.quantisation == "int8"


def test_a_base_in_other_bits_than_the_adapters_training_is_refused(adapter, tmp_path):
    from harness.models.adapters import check_card

    copy = shutil.copytree(adapter, tmp_path / "copy")
    (copy / "card.json").write_text(json.dumps({"quantisation": "nf4"}))
    base = model(tmp_path / "base", EIGHT, **INT8)
    spec = settle(resolve_model(str(copy), base=str(base)), base)
    with pytest.raises(ModelError, match="trained on a base in nf4"):
        check_card(copy, base=base, spec=spec)


def test_a_merge_in_16_bits_with_a_left_over_config_loads_as_it_is(llama, tmp_path):
    merge = shutil.copytree(llama, tmp_path / "merge")
    config = json.loads((merge / "config.json").read_text()) | {"quantization_config": NF4}
    (merge / "config.json").write_text(json.dumps(config))
    with pytest.warns(UserWarning, match="left over"):
        loaded = load_model(resolve_model(str(merge), as_is=True))
    assert loaded.identity["quantisation"] == "none"
    assert {type(one).__name__ for one in loaded.model.modules()} >= {"Linear"}
    with pytest.warns(UserWarning, match="left over"):
        loaded = load_model(resolve_model(str(merge), quantisation="fp4"))
    linear = loaded.model.model.layers[0].self_attn.q_proj
    assert linear.weight.quant_state.quant_type == "fp4"
    done = CliRunner().invoke(app, ["doctor", str(merge), "--as-is", "--json"])
    found = {one["name"]: one for one in json.loads(done.stdout)["findings"]}
    assert done.exit_code == 0 and found["saved form"]["state"] == "warning"


@pytest.mark.parametrize(("kind", "stated"), [("fp4", FOUR), ("fp4", NF4), ("nf4", None)])
def test_saved_four_bits_are_called_by_their_type_and_compute_by_it(kind, stated, llama, tmp_path):
    import warnings

    loaded = load_model(resolve_model(str(llama), quantisation=kind))
    folder = tmp_path / "saved"
    loaded.model.save_pretrained(folder)
    loaded.tokenizer.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    config.pop("quantization_config")
    if stated:
        config["quantization_config"] = stated
    (folder / "config.json").write_text(json.dumps(config))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = load_model(resolve_model(str(folder), as_is=True))
    assert again.identity["quantisation"] == kind
    for name in ("q_proj", "o_proj"):
        linear = getattr(again.model.model.layers[0].self_attn, name)
        first = getattr(loaded.model.model.layers[0].self_attn, name)
        assert linear.weight.quant_state.quant_type == kind
        assert bool((linear.weight.data == first.weight.data).all())


def header(entry: object, *, body: bytes = b"", length: int | None = None) -> bytes:
    text = entry if isinstance(entry, bytes) else json.dumps(entry).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + body


ONE = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
DAMAGED = [
    (b"", "empty"), (b"abc", "no header"), (header({}, length=1 << 62), "bytes"),
    (header({}, length=50), "bytes"), (header(b"[1]"), "no JSON object"), (header(b"{"), "JSON"),
    (header(b"[" * 5000), "nested"), (header({"w": ONE}), "cut short"),
    (header({"w": ONE}, body=bytes(9)), "belong to no weight"),
    (header({"w": 3}), "format, shape and place"), (header({"w": ONE | {"shape": "x"}}), "shape"),
    (header({"w": ONE | {"shape": [-2]}}), "shape"),
    (header({"w": ONE | {"shape": [3]}}, body=bytes(8)), "another size"),
    (header({"w": ONE | {"dtype": "F99"}}, body=bytes(8)), "nobody knows"),
    (header({"w": ONE | {"data_offsets": [0]}}), "place"), (header(b"\xff\xfe"), "UTF-8"),
]  # fmt: skip


def test_a_damaged_file_of_weights_is_told_and_never_a_traceback(tmp_path):
    path = tmp_path / "model.safetensors"
    for content, told in DAMAGED:
        path.write_bytes(content)
        with pytest.raises(ModelError, match=told) as caught:
            read_header(path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_no_weight_is_read(tmp_path):
    path = tmp_path / "model.safetensors"
    entry = {"w": {"dtype": "F32", "shape": [1 << 30], "data_offsets": [0, 1 << 32]}}
    text = json.dumps(entry).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + (1 << 32))  # four GiB that lie nowhere
    assert read_header(path)["w"].elements == 1 << 30


INDICES = [
    ({"weight_map": {"w": "a.safetensors"}}, None),
    ({"weight_map": {"w": "a.safetensors", "v": "b.safetensors"}}, "missing"),
    ({"weight_map": {"w": "../a.safetensors"}}, "no file here"),
    ({"weight_map": {"w": "/etc/passwd"}}, "no file here"),
    ({"weight_map": {"w": 3}}, "no file for each weight"), ({"weight_map": [1]}, "no file for each"),
    ({"weight_map": {}}, "names no weights"), ({}, "no file for each weight"),
    ({"weight_map": {"w": "a.safetensors", "x": "a.safetensors"}}, "promises 1 weights"),
    ({"weight_map": {"w": "a" * 5000}}, "no file here"), ([], "a list"),
]  # fmt: skip


def test_an_index_is_followed_and_checked(tmp_path):
    write(tmp_path / "a.safetensors", w=("F32", [2]))
    write(tmp_path / "consolidated.safetensors", w=("F32", [2]))
    for index, told in INDICES:
        (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
        if told is None:
            assert read_headers(tmp_path).keys() == {"w"}
            continue
        with pytest.raises(ModelError, match=told):
            read_headers(tmp_path)


def odd(path: Path, kind: str) -> None:
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(path.parent / "nowhere")


@pytest.mark.parametrize("kind", ["pipe", "folder", "link"])
@pytest.mark.parametrize(
    "name", ["model.safetensors", "config.json", "tokenizer.json", "chat_template.jinja"]
)
def test_a_pipe_a_folder_or_a_dead_link_is_told_and_nothing_waits(kind, name, llama, tmp_path):
    base = shutil.copytree(llama, tmp_path / "base")
    odd(base / name, kind)
    done = CliRunner().invoke(app, ["doctor", str(base), "--json"])
    bad = [one for one in json.loads(done.stdout)["findings"] if one["state"] == "broken"]
    assert done.exit_code == 1 and name in bad[0]["value"]
    with pytest.raises(ModelError, match=name.replace(".", r"\.")):
        load_model(resolve_model(str(base)))


@pytest.mark.parametrize("kind", ["nf4", "fp4", "int8"])
@pytest.mark.parametrize("form", ["bfloat16", "float16"])
def test_a_base_saved_in_few_bits_on_another_machine_computes_as_one_quantised_here(
    kind, form, llama, adapter, tmp_path
):
    """transformers leaves its embeddings as they were saved, whatever is asked for."""
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    dtype = getattr(torch, form)
    plain = shutil.copytree(llama, tmp_path / "plain")
    AutoModelForCausalLM.from_pretrained(llama, dtype=dtype).save_pretrained(plain)
    few = {"load_in_8bit": True} if kind == "int8" else {
        "load_in_4bit": True, "bnb_4bit_quant_type": kind, "bnb_4bit_compute_dtype": dtype,
        "bnb_4bit_use_double_quant": True,  # as ours
    }  # fmt: skip
    saved = shutil.copytree(llama, tmp_path / "saved")
    AutoModelForCausalLM.from_pretrained(
        plain, dtype=dtype, quantization_config=BitsAndBytesConfig(**few)
    ).save_pretrained(saved)
    ids = torch.tensor([[1, 5, 9, 7]])
    said = []
    for base, quantisation in ((plain, kind), (saved, None)):
        spec = resolve_model(str(adapter), base=str(base), quantisation=quantisation)
        loaded = load_model(spec)
        assert loaded.identity["quantisation"] == kind
        widths = {str(p.dtype) for p in loaded.model.parameters() if p.is_floating_point()}
        assert widths == {"torch.float32"}
        with torch.no_grad():
            said.append(loaded.model(ids).logits)
            if fold_adapter(loaded):
                said.append(loaded.model(ids).logits)
    assert all(torch.allclose(said[0], one, atol=1e-4) for one in said[1:])
