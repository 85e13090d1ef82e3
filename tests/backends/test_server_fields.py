"""Servers that refuse the usual fields, temperatures or a system role are asked another way."""

from __future__ import annotations

import pytest

from harness.backends.chat_client import ChatClient, RequestRefusedError
from harness.backends.server import ServerBackend
from harness.backends.server_probe import probe
from harness.core.errors import BackendError
from harness.core.records import Request, Sampling
from harness.pipeline.audit import Settings, audit
from harness.pipeline.preview import preview
from harness.runs.layout import ANSWERS, PLAN
from harness.runs.store import RunFolder

CHATS = [(("system", "Be brief."), ("user", f"Who is number {at}?")) for at in range(4)]


def look(server, *, temperature=1.0, chats=CHATS, **more):
    client = ChatClient(server.url, tries=2, backoff_s=0.001)
    backend = ServerBackend(client, name="m")
    return backend, probe(
        backend, chats, sampling=Sampling(samples=2, temperature=temperature), **more
    )


def refuse(test, words, status=400):
    """Answers `words` where `test` holds of a body."""

    def answer(handler, body):
        if not test(body):
            return False
        handler.send(status, {"error": {"message": words}})
        return True

    return answer


def system(body):
    return body["messages"][0]["role"] == "system"


def hot(body):
    return body.get("temperature") not in (None, 1.0)


OPENAI = (
    "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."
)
ONLY_1 = "'temperature' does not support 0 with this model. Only the default (1) is supported."
CASES = {
    "max_tokens": (lambda body: "max_tokens" in body, OPENAI,
                   {"limit": "max_completion_tokens"}, "refuses max_tokens (it says: Unsupported"),
    "no limit": (lambda body: {"max_tokens", "max_completion_tokens"} & {*body},
                 "max_tokens: extra inputs", {"limit": "none"}, "takes no limit"),
    "temperature 0": (lambda body: body.get("temperature") == 0,
                      "`temperature` must be strictly positive",
                      {"greedy": "nearly"}, "temperature 0.01, and are nearly so"),
    "only 1": (hot, ONLY_1, {"greedy": "no"}, "the answers called greedy are not"),
    "no temperature": (lambda body: "temperature" in body, "Unknown field temperature",
                       {"greedy": "no", "temperature": "refused"}, "which is not known"),
    "system": (system, "System role not supported", {"system": "refused"},
               "refuses a system role (it says: System role not supported)"),
    "without a word": (system, "bad request", {"system": "refused"}, "refuses a system role"),
    "everything": (lambda body: system(body) or hot(body) or "max_tokens" in body, "no",
                   {"system": "refused", "greedy": "no", "limit": "max_completion_tokens"}, "role"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_is_refused_is_said_otherwise_and_told(serve, case):
    test, words, wanted, told = CASES[case]
    server = serve(custom=refuse(test, words))
    backend, found = look(server)
    seen = found.to_data()["honoured"]
    assert {field: seen[field] for field in wanted} == wanted
    assert not {"limit", "greedy", "temperature", "system"} & ({*seen} - {*wanted})
    assert any(told in note for note in found.notes), found.notes
    server.bodies.clear()
    request = Request(
        id="r0", arm="adapter", prompt="", token_ids=(), cells=(("q", "v"),), samples=2,
        temperature=1.0, max_new_tokens=64, seed=0, messages=(("user", "Who?"),),
    )  # fmt: skip
    assert len(backend.generate([request])) == 3
    assert not any(test(body) for body in server.bodies)


def test_a_template_that_fails_with_500_is_blamed_on_the_system_role(serve):
    server = serve(custom=refuse(system, "Jinja: Conversation roles must alternate", 500))
    assert look(server)[1].offers.system == "refused"
    with pytest.raises(BackendError, match="out of memory"):
        look(serve(custom=refuse(system, "out of memory", 500)))


def test_a_temperature_that_is_refused_is_1_and_the_report_says_so(serve):
    server = serve(custom=refuse(hot, ONLY_1))
    backend, found = look(server, temperature=0.7)
    assert found.offers.temperature == "only 1"
    assert any("temperature 0.7: the sampled answers were drawn at 1" in one for one in found.notes)
    assert backend.offers.sent_temperature(0.7) == 1.0


@pytest.mark.parametrize("status", [401, 404])
def test_a_refusal_of_something_else_is_asked_once(serve, status):
    server = serve(custom=refuse(lambda body: True, "no such model", status))
    with pytest.raises(BackendError, match="no such model"):
        look(server)
    assert len(server.bodies) == 1


def test_a_server_that_refuses_everything_is_told_in_its_first_words(serve):
    server = serve(custom=refuse(lambda body: True, "pay first"))
    with pytest.raises((BackendError, RequestRefusedError), match="pay first"):
        look(server)
    assert len(server.bodies) <= 18


def count_tokens(*, drops):
    def answer(handler, body):
        said = [one["content"] for one in body["messages"] if one["role"] != "system" or not drops]
        tokens = sum(len(one.split()) for one in said) if drops is not None else 10
        choice = {"message": {"content": " ".join(said)}, "finish_reason": "stop"}
        handler.send(200, {"choices": [choice] * body.get("n", 1), "model": "m",
                           "usage": {"prompt_tokens": tokens}})  # fmt: skip
        return True

    return answer


@pytest.mark.parametrize(("drops", "seen"), [(True, "ignored"), (False, "yes"), (None, "yes")])
def test_a_system_prompt_that_is_left_out_is_seen_by_the_tokens(serve, drops, seen):
    _, found = look(serve(custom=count_tokens(drops=drops)))
    assert found.offers.system == seen
    assert any("leaves a system prompt out" in note for note in found.notes) == (seen != "yes")


def settings(server, out, **changes):
    return Settings(model=f"openai:{server.url}#m", out=out, limit=1, samples=1,
                    suites=("in_domain", "invented"), **changes)  # fmt: skip


def test_the_plan_holds_the_messages_that_are_sent(serve, tmp_path):
    server = serve(custom=refuse(system, "System role not supported"))
    path = audit(settings(server, tmp_path, variants=("none", "article")))
    run = RunFolder.open(path)
    planned = {one.messages for one in run.read_records(PLAN, Request)}
    sent = {tuple((one["role"], one["content"]) for one in body["messages"])
            for body in server.bodies}  # fmt: skip
    assert planned <= sent and all(chat[0][0] == "user" for chat in planned)
    assert any("careful assistant" in chat[0][1] for chat in planned)
    about = run.about()
    assert about["changed_variants"] == ["article"]
    assert about["identity"]["system_role"] == "folded"
    report = (path / "report.md").read_text()
    assert "in the variants article the system text stands in front" in report
    assert "System role not supported" in report


def mute(message, reason):
    def answer(handler, body):
        choice = {"message": message, "finish_reason": reason}
        handler.send(200, {"choices": [choice] * body.get("n", 1), "model": "m"})
        return True

    return answer


MUTE = [
    ({"content": None, "reasoning_content": "Let me think"}, "length",
     "the first 4 probes came back empty, all with a reasoning field and finish reason length: "
     "raise --max-new-tokens (now 64) or turn thinking off"),
    ({"content": ""}, "content_filter", "a content filter holds the answers back"),
    ({"content": ""}, "length", "finish reason length: raise --max-new-tokens"),
    ({"content": ""}, "stop", "a question put by hand"),
]  # fmt: skip


@pytest.mark.parametrize(("message", "reason", "told"), MUTE)
def test_a_server_that_says_nothing_is_told_before_the_audit(serve, message, reason, told):
    _, found = look(serve(custom=mute(message, reason)))
    assert [one for one in found.urgent if told in one] and found.notes[0] == found.urgent[0]
    assert found.offers.seed != "ignored" or message["content"] is None
    assert not any("does not sample" in one for one in found.notes) or message["content"] is None


def test_a_model_that_thinks_longer_than_a_probe_is_not_called_mute(serve):
    def think(handler, body):
        short = body["max_tokens"] < 64
        return mute({"content": None if short else "A", "reasoning": "hm"}, "length")(handler, body)

    assert look(serve(custom=think))[1].urgent == ()


def test_the_preview_and_the_audit_tell_of_a_mute_server_and_keep_its_thinking(serve, tmp_path):
    server = serve(custom=mute(*MUTE[0][:2]))
    asked = settings(server, tmp_path, variants=("none",))
    assert any("came back empty" in one for one in preview(asked).warnings)
    notes: list[str] = []
    path = audit(asked, on_note=notes.append)
    assert any("came back empty" in one for one in notes)
    lines = (path / ANSWERS).read_text().splitlines()
    assert lines and all('"reasoning": "Let me think"' in one for one in lines)
    assert "came back empty" in (path / "report.md").read_text()
