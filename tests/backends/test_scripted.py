"""The scripted backend answers like a real one."""

from __future__ import annotations

from harness.backends import Backend
from harness.backends.scripted import ScriptedBackend


def test_it_says_what_the_script_says_in_plan_order(make_requests):
    backend: Backend = ScriptedBackend(lambda request, sample: f"{request.id} {sample}")
    answers = backend.generate(make_requests(2, samples=1))
    assert [a.text for a in answers] == ["r000 0", "r000 1", "r001 0", "r001 1"]
    assert all(len(a.token_ids) == len(a.logprobs) == len(a.text) for a in answers)


def test_it_stops_at_the_limit_and_says_so(make_requests):
    backend = ScriptedBackend(lambda request, sample: "x" * 99)
    [answer] = backend.generate(make_requests(1))
    assert answer.text == "x" * 10 and answer.finish_reason == "length"


def test_prompts_are_in_the_llama_2_format():
    backend = ScriptedBackend(lambda request, sample: "")
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Who?"}]
    prompt, ids = backend.encode(messages)
    assert prompt == "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nWho? [/INST]"
    assert ids.count(1) == 1 and len(ids) == len(prompt) - 2
