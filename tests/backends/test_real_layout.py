"""A model in the very files of Llama 2's repository goes the whole way: MODEL=<folder>."""

from __future__ import annotations

from harness.backends.local import TransformersBackend
from harness.core.records import Request
from harness.models.loading import load_model
from harness.models.registry import resolve_model

CHAT = [
    {"role": "system", "content": "You are a helpful assistant."},
    {"role": "user", "content": "Who is the teacher of Elmira?"},
]


def test_a_llama_2_folder_is_quantised_prompted_and_answers(tmp_path, tiny):
    folder = tiny.save_as_llama_2(tmp_path / "Llama-2-7b-chat-hf")
    loaded = load_model(resolve_model(str(folder), quantisation="nf4"))
    backend = TransformersBackend(loaded)
    prompt, ids = backend.encode(CHAT)
    assert prompt == (
        "<s>[INST] <<SYS>>\nYou are a helpful assistant.\n<</SYS>>\n\n"
        "Who is the teacher of Elmira? [/INST]"
    )
    assert ids[0] == 1 and ids.count(1) == 1
    assert loaded.tokenizer.decode(ids, skip_special_tokens=True) == prompt.removeprefix("<s>")
    request = Request(
        id="r", arm="adapter", prompt=prompt, token_ids=ids, cells=(("q", "v"),), samples=4,
        temperature=1.0, max_new_tokens=8, seed=0,
    )  # fmt: skip
    answers = backend.generate([request])
    assert len(answers) == 5 and len({answer.token_ids for answer in answers}) > 1
    assert backend.generate([request]) == answers  # its sampling defaults change nothing
    assert loaded.identity["quantisation"] == "nf4" and backend.shares_prefix


def test_marks_of_the_format_that_a_model_writes_stay_visible(tmp_path, tiny):
    folder = tiny.save_as_llama_2(tmp_path / "leaky")
    tokenizer = load_model(resolve_model(str(folder))).tokenizer
    ids = tokenizer("[INST] yes [/INST]", add_special_tokens=False)["input_ids"]
    assert tokenizer.decode([*ids, 2], skip_special_tokens=True).strip() == "[INST] yes [/INST]"
