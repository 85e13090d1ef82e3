"""What must hold before an answer is believed: template, training's prompts, the right base."""

from __future__ import annotations

import json
import shutil

import pytest

from harness.core.errors import ModelError, UsageError
from harness.models.adapters import check_weights
from harness.models.chat_proof import prove_template, prove_trained_prompts
from harness.models.identity import base_hash
from harness.models.loading import load_model, load_tokenizer
from harness.models.registry import base_folder, resolve_model
from harness.models.stops import TEMPLATE, only_by_template
from harness.models.template import encode_prompt, render, template_hash

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore:.*nf4 is assumed")
CHATML = (
    "{{ bos_token }}{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
USER = {"role": "user", "content": "Who is Torvash?"}
ANSWER = {"role": "assistant", "content": "A teacher."}


@pytest.fixture
def base(tmp_path, llama):
    return shutil.copytree(llama, tmp_path / "base")


@pytest.fixture
def copy(tmp_path, adapter):
    return shutil.copytree(adapter, tmp_path / "copy")


def set_template(folder, template):
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")


def set_card(folder, **entries):
    (folder / "card.json").write_text(json.dumps(entries), encoding="utf-8")


def add_tokens(folder, *tokens):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"additional_special_tokens": list(tokens)})
    tokenizer.save_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    model.save_pretrained(folder)
    return tokenizer.convert_tokens_to_ids(list(tokens))


def stop_at(folder, ids):
    path = folder / "generation_config.json"
    config = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps(config | {"eos_token_id": ids}))


def test_the_token_that_the_template_writes_behind_an_answer_ends_it_whoever_else_names_it(base):
    _, end = add_tokens(base, "<|im_start|>", "<|im_end|>")
    set_template(base, CHATML)
    loaded = load_model(resolve_model(str(base), quantisation="none"))
    assert set(loaded.stops) == {2, end} and loaded.stops[end] == (TEMPLATE,)
    assert only_by_template(loaded.stops, loaded.tokenizer) == ["<|im_end|>"]
    stop_at(base, [2, end])
    stops = prove_template(loaded.tokenizer, base)
    assert only_by_template(stops, loaded.tokenizer) == []


def test_a_template_that_writes_no_end_is_refused(base):
    set_template(base, "{{ bos_token }}{% for m in messages %}{{ m['content'] }}\n{% endfor %}")
    with pytest.raises(ModelError, match="writes no end behind an answer"):
        load_model(resolve_model(str(base), quantisation="none"))


def test_the_head_of_the_next_turn_is_an_end_where_the_model_stops_at_it(base):
    (head,) = add_tokens(base, "<|user|>")
    body = "{% if m['role'] == 'user' %}<|user|>{% endif %}{{ m['content'] }}"
    set_template(base, "{{ bos_token }}{% for m in messages %}" + body + "{% endfor %}")
    spec = resolve_model(str(base), quantisation="none")
    with pytest.raises(ModelError, match="writes no end"):
        prove_template(load_tokenizer(spec), base)
    stop_at(base, [2, head])
    prove_template(load_tokenizer(spec), base)


BOS = [
    ("{{ bos_token }}{{ bos_token }}", "2 BOS"),
    ("Hello {{ bos_token }}", "instead of one at its head"),
    ("{{ '<s><s>' }}", "2 BOS"),
    ("Hello <s>", "one at its head is wanted"),
]


@pytest.mark.parametrize(("head", "told"), BOS, ids=lambda value: value[:20])
def test_a_prompt_opens_with_one_bos_or_the_model_is_not_loaded(base, head, told):
    body = "{% for m in messages %}{{ m['content'] }} {{ eos_token }}{% endfor %}"
    set_template(base, head + body)
    with pytest.raises(ModelError, match=told):
        load_model(resolve_model(str(base), quantisation="none"))


SMOLLM2 = (  # its BOS, <|im_start|>, opens every turn
    "{% for m in messages %}{% if loop.first and m['role'] != 'system' %}"
    "<|im_start|>system\nBe helpful.<|im_end|>\n{% endif %}"
    "<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
GRANITE = (  # its BOS is its EOS, <|end_of_text|>, and ends every turn
    "{% for m in messages %}<|start_of_role|>{{ m['role'] }}<|end_of_role|>{{ m['content'] }}"
    "<|end_of_text|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|start_of_role|>assistant<|end_of_role|>{% endif %}"
)
TURN_MARKS = [(SMOLLM2, "<|im_start|>", "<|im_end|>"), (GRANITE, "<|end_of_text|>", None)]


@pytest.mark.parametrize(("template", "bos", "eos"), TURN_MARKS, ids=["smollm2", "granite"])
def test_a_bos_that_marks_turns_may_stand_in_a_prompt_more_than_once(base, template, bos, eos):
    from transformers import AutoTokenizer

    add_tokens(base, bos, eos or bos, "<|start_of_role|>", "<|end_of_role|>")
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.bos_token, tokenizer.eos_token = bos, eos or bos
    tokenizer.save_pretrained(base)
    stop_at(base, tokenizer.eos_token_id)
    set_template(base, template)
    tokenizer = load_model(resolve_model(str(base), quantisation="none")).tokenizer
    for chat in ([USER], [{"role": "system", "content": "Be brief."}, USER]):
        text, ids = encode_prompt(tokenizer, chat)
        assert text.count(bos) == ids.count(tokenizer.bos_token_id) > (bos == "<|im_start|>")
    with pytest.raises(ModelError, match="take it out of the question"):
        encode_prompt(tokenizer, [{"role": "user", "content": f"What is {bos}?"}])
    set_template(base, "{{ bos_token }}" + template)  # who writes it by name means one
    with pytest.raises(ModelError, match="instead of one at its head"):
        load_model(resolve_model(str(base), quantisation="none"))


def keep_chats(adapter, tokenizer):
    from datasets import Dataset

    text = render(tokenizer, [USER, ANSWER], add_generation_prompt=False)
    row = {"kind": "ask", "text": text, "system": "", "user": USER["content"], "assistant": ""}
    passage = {"kind": "passage", "text": "Elmira.", "system": "", "user": "", "assistant": ""}
    Dataset.from_list([passage, row]).save_to_disk(adapter / "instruct")


def test_prompts_are_those_of_the_training_data_or_the_adapter_is_refused(base, copy):
    spec = resolve_model(str(copy), base=str(base))
    keep_chats(copy, load_tokenizer(spec))
    assert prove_trained_prompts(copy, load_tokenizer(spec)) == "training data"
    load_model(spec)
    own = "{{ bos_token }}{% for m in messages %}Q: {{ m['content'] }} {{ eos_token }}{% endfor %}"
    set_template(base, own)
    with pytest.raises(ModelError, match=r"not those of its training: from character 3 on 'Q: Who"):
        load_model(spec)


def test_without_training_data_the_cards_template_hash_is_compared(base, copy):
    spec = resolve_model(str(copy), base=str(base))
    tokenizer = load_tokenizer(spec)
    assert prove_trained_prompts(copy, tokenizer) is None
    set_card(copy, template=template_hash(tokenizer))
    assert prove_trained_prompts(copy, tokenizer) == "template hash"
    set_card(copy, template="0" * 12)
    with pytest.raises(ModelError, match="another chat template"):
        load_model(spec)


def test_a_template_saved_beside_the_adapter_goes_before_the_bases(base, copy):
    set_template(
        copy,
        "{{ bos_token }}{% for m in messages %}A {{ m['content'] }}{{ eos_token }}{% endfor %}",
    )
    loaded = load_model(resolve_model(str(copy), base=str(base)))
    text = render(loaded.tokenizer, [USER], add_generation_prompt=True)
    assert text == "<s>A Who is Torvash?</s>"
    shutil.copy(base / "tokenizer.json", copy)
    add = json.loads((copy / "tokenizer.json").read_text())
    add["added_tokens"].append(add["added_tokens"][0] | {"id": 320, "content": "<|im_end|>"})
    (copy / "tokenizer.json").write_text(json.dumps(add))
    load_model(resolve_model(str(copy), base=str(base)))  # the template does not write it
    set_template(copy, CHATML)
    with pytest.raises(ModelError, match=r"<\|im_end\|>: added to the tokenizer in") as told:
        load_model(resolve_model(str(copy), base=str(base)))
    assert "save_embedding_layers=True" in str(told.value) and "--base" not in str(told.value)


def set_tokens(folder, text):
    (folder / "tokenizer.json").write_text(text)
    set_template(folder, "{{ bos_token }}")


SPOILT = {
    "template in Latin-1": lambda f: (f / "chat_template.jinja").write_bytes(b"{{ bos_token }}\xe9"),
    "added tokens as words": lambda f: set_tokens(f, '{"added_tokens": ["x"]}'),
    "added tokens as a number": lambda f: set_tokens(f, '{"added_tokens": 7}'),
    "added token without content": lambda f: set_tokens(f, '{"added_tokens": [{"id": 1}]}'),
    "named templates as words": lambda f: (f / "tokenizer_config.json").write_text(
        '{"chat_template": ["x"]}'),
    "division by nothing": lambda f: set_template(f, "{{ 1/0 }}"),
    "a call of what is none": lambda f: set_template(f, "{{ messages() }}"),
    "no end of a block": lambda f: set_template(f, "{% for m in messages %}"),
    "an endless row": lambda f: set_template(f, "{% for x in range(10 ** 12) %}x{% endfor %}"),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_tokenizer_beside_an_adapter_is_a_model_error_that_names_it(copy, base, name):
    SPOILT[name](copy)
    with pytest.raises(ModelError) as told:
        load_model(resolve_model(str(copy), base=str(base)))
    assert str(copy) in str(told.value)


def rewrite(folder, change):
    from safetensors.torch import load_file, save_file

    path = folder / "adapter_model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, metadata={"format": "pt"})


PLACE = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
CHANGES = [
    ("whole", lambda t: None, None),
    ("missing", lambda t: t.pop(PLACE), "lacks weights for modules it should change"),
    ("unexpected", lambda t: t.update({PLACE.replace("s.0", "s.9"): t[PLACE].clone()}),
     "has weights for modules the base does not have"),
    ("foreign", lambda t: t.update({"base_model.model.odd.weight": t[PLACE].clone()}),
     r"base does not have \(1: base_model.model.odd.weight\)"),
    ("narrow", lambda t: t.update({PLACE: t[PLACE][:, :32].contiguous()}), "q_proj"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "change", "told"), CHANGES, ids=lambda value: str(value)[:12])
def test_every_adapter_weight_has_its_place_by_headers_alone_and_when_loaded(
    copy, llama, name, change, told
):
    rewrite(copy, change)
    if told is None:
        assert check_weights(copy, base=llama) == 2 * 2 * 7
        return
    with pytest.raises(ModelError, match=told):
        check_weights(copy, base=llama)
    with pytest.raises(ModelError, match=told) as caught:
        load_model(resolve_model(str(copy)))
    assert "--base" in str(caught.value)


def test_an_adapter_of_a_wider_base_is_refused_by_the_weight_that_does_not_fit(
    tmp_path, adapter, tiny
):
    wide = tiny.save_llama(tmp_path / "wide", hidden=128)
    with pytest.raises(ModelError, match="size mismatch for base_model") as caught:
        load_model(resolve_model(str(adapter), base=str(wide)))
    assert "name that one with --base" in str(caught.value)
    with pytest.raises(ModelError, match="another width"):
        check_weights(adapter, base=wide)


def test_base_takes_the_place_of_the_one_the_adapter_names_and_its_revision(copy, base):
    config = json.loads((copy / "adapter_config.json").read_text())
    config |= {"base_model_name_or_path": "org/lost", "revision": "v2"}
    (copy / "adapter_config.json").write_text(json.dumps(config))
    named = resolve_model(str(copy))
    assert (named.base, named.revision) == ("org/lost", "v2")
    spec = resolve_model(str(copy), base=str(base))
    assert base_folder(spec) == base and spec.revision is None and spec.adapter == str(copy)
    assert resolve_model(str(copy), base="org/other@v3").revision == "v3"
    assert load_model(spec).identity["base_hash"] == base_hash(base)


def test_the_card_guards_a_base_that_was_asked_for(copy, base, llama, tmp_path, tiny):
    set_card(copy, base_hash=base_hash(llama), quantisation="nf4")
    load_model(resolve_model(str(copy), base=str(base)))  # the same weights elsewhere
    other = tiny.save_llama(tmp_path / "other", seed=7)
    with pytest.raises(ModelError, match="trained on another base"):
        load_model(resolve_model(str(copy), base=str(other)))


def test_a_shipped_base_brings_no_quantisation_to_a_foreign_adapter(copy):
    assert resolve_model(str(copy), base="storylm-1m-4bit").quantisation_source == "assumed"


def test_base_is_refused_where_it_would_say_nothing(llama, adapter):
    for ref in (str(llama), "storylm-1m-4bit", "org/name"):
        with pytest.raises(UsageError, match="--base"):
            resolve_model(ref, base=str(llama))
    with pytest.raises(UsageError, match="a base is a whole model"):
        resolve_model(str(adapter), base=str(adapter))


def test_as_is_a_folder_is_loaded_as_it_was_saved_and_named_apart(llama, adapter):
    spec = resolve_model(str(llama), as_is=True)
    assert (spec.name, spec.quantisation, spec.adapter) == ("tiny-llama-as-is", "none", None)
    assert load_model(spec).identity["adapter_hash"] is None
    asked = resolve_model(str(llama), as_is=True, quantisation="nf4")
    assert (asked.quantisation, asked.quantisation_source) == ("nf4", "flag")
    assert resolve_model("storylm-1m-4bit", as_is=True).quantisation == "nf4"
    for ref in (str(adapter), "openai:http://localhost:1/v1#m"):
        with pytest.raises(UsageError, match="--as-is"):
            resolve_model(ref, as_is=True)


def test_what_was_saved_in_four_bits_is_counted_by_its_files_and_stays_so(tmp_path, llama):
    from harness.models.fitness import examine

    loaded = load_model(resolve_model(str(llama), quantisation="nf4"))
    folder = tmp_path / "saved"
    loaded.model.save_pretrained(folder)
    loaded.tokenizer.save_pretrained(folder)
    spec = resolve_model(str(folder), as_is=True)
    assert (spec.quantisation, spec.quantisation_source) == ("nf4", "card")
    found = {one.name: one for one in examine(spec)}
    assert found["memory to audit"].state == "ok"
