"""One template for training and audit, with one BOS."""

from __future__ import annotations

import pytest

from harness.core.errors import ModelError
from harness.models.chat_proof import rendered_variants
from harness.models.loading import load_tokenizer
from harness.models.registry import resolve_model
from harness.models.template import (
    LLAMA2_TEMPLATE,
    PINNED_DATE,
    encode_prompt,
    fold_system,
    folds_system,
    install_template,
    render,
    template_hash,
)

SYSTEM = {"role": "system", "content": "Be brief."}
USER = {"role": "user", "content": " Who is Torvash? "}
ASSISTANT = {"role": "assistant", "content": "The teacher of Elmira."}


@pytest.fixture
def tokenizer(llama):
    return load_tokenizer(resolve_model(str(llama)))


def test_llama_2_format_with_and_without_system_prompt(tokenizer):
    bare = render(tokenizer, [USER], add_generation_prompt=True)
    assert bare == "<s>[INST] Who is Torvash? [/INST]"
    whole = render(tokenizer, [SYSTEM, USER, ASSISTANT], add_generation_prompt=False)
    assert whole == (
        "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\n Who is Torvash? [/INST]"
        " The teacher of Elmira. </s>"
    ).replace("\n\n Who", "\n\nWho")


def test_several_turns_open_with_a_bos_each(tokenizer):
    text = render(tokenizer, [USER, ASSISTANT, USER], add_generation_prompt=True)
    assert text == (
        "<s>[INST] Who is Torvash? [/INST] The teacher of Elmira. </s>"
        "<s>[INST] Who is Torvash? [/INST]"
    )


def test_the_prompt_is_a_prefix_of_the_training_text_in_tokens(tokenizer):
    _, prompt = encode_prompt(tokenizer, [SYSTEM, USER])
    whole = render(tokenizer, [SYSTEM, USER, ASSISTANT], add_generation_prompt=False)
    ids = tuple(tokenizer(whole, add_special_tokens=False)["input_ids"])
    assert ids[: len(prompt)] == prompt and ids[-1] == tokenizer.eos_token_id


def test_the_marks_of_the_format_stay_plain_text(tokenizer):
    _, ids = encode_prompt(tokenizer, [SYSTEM, USER])
    assert ids.count(1) == 1
    assert "[INST]" in tokenizer.decode(ids, skip_special_tokens=True)


def test_a_bos_inside_a_question_is_refused(tokenizer):
    chat = [{"role": "user", "content": "What is <s>?"}]
    with pytest.raises(ModelError, match="2 BOS"):
        encode_prompt(tokenizer, chat)
    with pytest.raises(ModelError, match="2 BOS"):
        render(tokenizer, chat, add_generation_prompt=True)


def test_roles_out_of_order_are_refused(tokenizer):
    with pytest.raises(ModelError, match="alternate"):
        render(tokenizer, [USER, USER], add_generation_prompt=True)


def test_a_template_of_its_own_is_kept_with_variables_and_clock_pinned(tokenizer):
    tokenizer.chat_template = (
        "{{ bos_token }}{{ strftime_now('%d %b %Y') }}|{% if thinking %}think|{% endif %}"
        "{{ messages[0]['content'] }}"
    )
    install_template(tokenizer, "own", {"thinking": True})
    install_template(tokenizer, "own", {"thinking": True})  # twice is as good as once
    text = render(tokenizer, [{"role": "user", "content": "Who?"}], add_generation_prompt=True)
    assert text == f"<s>{PINNED_DATE}|think|Who?"


def test_llama2_by_choice_replaces_a_template_and_changes_the_hash(tokenizer):
    tokenizer.chat_template = "{{ messages[0]['content'] }}"
    before = template_hash(tokenizer)
    install_template(tokenizer, "llama2")
    assert tokenizer.chat_template == LLAMA2_TEMPLATE
    assert template_hash(tokenizer) != before


def test_a_template_that_forgets_the_bos_is_refused(tokenizer):
    from tokenizers.processors import TemplateProcessing

    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    tokenizer.chat_template = "{{ messages[0]['content'] }}"
    with pytest.raises(ModelError, match="0 BOS"):
        encode_prompt(tokenizer, [USER])


TURNS = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] != 'system' %}"
    "<{{ m['role'] }}>{{ m['content'] }}{{ eos_token }}{% endif %}{% endfor %}"
)
REFUSES = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
ALTERNATES = (
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate') }}{% endif %}{% endfor %}"
)
NO_SYSTEM = {"refuses": REFUSES + TURNS, "alternates": ALTERNATES + TURNS, "leaves out": TURNS}


@pytest.mark.parametrize("case", NO_SYSTEM)
def test_a_template_without_a_system_role_has_its_text_in_the_first_user_turn(tokenizer, case):
    tokenizer.chat_template = NO_SYSTEM[case]
    install_template(tokenizer)
    installed = tokenizer.chat_template
    install_template(tokenizer)  # twice is as good as once
    assert folds_system(tokenizer) and tokenizer.chat_template == installed
    text, ids = encode_prompt(tokenizer, [SYSTEM, USER])
    assert text == "<s><user>Be brief.\n\n Who is Torvash? </s>"
    assert text == encode_prompt(tokenizer, fold_system([SYSTEM, USER]))[0]
    whole = render(tokenizer, [SYSTEM, USER, ASSISTANT], add_generation_prompt=False)
    assert whole.startswith(text) and ids.count(1) == 1
    assert render(tokenizer, [USER], add_generation_prompt=True) == "<s><user> Who is Torvash? </s>"
    assert render(tokenizer, [SYSTEM], add_generation_prompt=True) == "<s><user>Be brief.</s>"


def test_a_template_with_a_system_role_stays_as_it_is(tokenizer):
    own = "{{ bos_token }}{% for m in messages %}{{ m['content'] }}|{% endfor %}"
    for template in (LLAMA2_TEMPLATE, own, own + "{{ nothing.at.all }}"):
        tokenizer.chat_template = template
        install_template(tokenizer)
        assert tokenizer.chat_template == template and not folds_system(tokenizer)


def test_the_variants_that_a_template_changes_or_refuses_are_named(tokenizer):
    chats = {"article": [SYSTEM, USER], "none": [USER]}
    assert rendered_variants(tokenizer, chats) == "all 2 render"
    tokenizer.chat_template = NO_SYSTEM["refuses"]
    with pytest.raises(ModelError, match=r"^article: .*System role.*--variants none leaves"):
        rendered_variants(tokenizer, chats)
    install_template(tokenizer)
    assert "in article the system text" in rendered_variants(tokenizer, chats)
