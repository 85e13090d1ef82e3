"""A server that fails in every way loses no answer, and what it does not honour is seen."""

from __future__ import annotations

import json
import random
import time
from collections import Counter

import pytest

from harness.backends.chat_client import ChatClient, RequestRefusedError
from harness.backends.server import ServerBackend, request_seed
from harness.backends.server_probe import probe
from harness.core.errors import BackendError, UsageError
from harness.core.records import Answer, Request, Sampling
from harness.runs.layout import ANSWERS
from harness.runs.store import RunFolder

SECRET = "sk-test-51f2b7a9"
CHATS = [(("user", f"Who is number {at}?"),) for at in range(4)]
LORA = [
    {"id": "base-7b", "root": "/models/base-7b", "parent": None, "created": 1, "object": "model"},
    {"id": "story", "root": "/lora/story", "parent": "base-7b", "created": 2, "object": "model"},
    {"id": "tale", "root": "/lora/tale", "parent": "base-7b", "created": 3, "object": "model"},
]


def open_backend(server, *, name="", base=None, concurrency=8, tries=7, timeout_s=20, probed=False):
    client = ChatClient(server.url, timeout_s=timeout_s, tries=tries, backoff_s=0.01)
    backend = ServerBackend(client, name=name, base=base, concurrency=concurrency)
    if probed:
        look(backend)
    return backend


def look(backend, samples=3, **limits):
    return probe(backend, CHATS, sampling=Sampling(samples=samples, max_new_tokens=8, **limits))


def make_requests(count, samples=3, arm="adapter", **limits):
    return [
        Request(
            id=f"r{at:02d}", arm=arm, prompt=f"[user]\nq{at}", token_ids=(),
            cells=((f"q{at}", "plain"),), samples=samples, temperature=1.0,
            max_new_tokens=8, seed=0, messages=(("system", "Be brief."), ("user", f"q{at}")),
            **limits,
        )
        for at in range(count)
    ]  # fmt: skip


def check_whole(requests, answers, model="m"):
    """Every answer there, in the order of the plan, to its own prompt; samples differ."""
    keys = [(r.id, sample) for r in requests for sample in range(r.samples + 1)]
    assert [(a.request_id, a.sample) for a in answers] == keys
    for answer in answers:
        said = f"{model}: q{int(answer.request_id[1:])} "
        assert answer.text.startswith(said)
        assert answer.text.endswith("greedy") == (answer.sample == 0)
    assert len({a.text for a in answers}) == len(answers)


FAULTS = [
    "429", "500", "503", "slow", "hang up", "cut", "no json", "wrong json", "no choices", "deep",
    "big number",
]  # fmt: skip


@pytest.mark.parametrize("fault", [*FAULTS, "fewer"])
def test_a_fault_loses_no_answer_and_no_order(serve, fault):
    server = serve()
    backend = open_backend(server, probed=True, timeout_s=0.5)
    requests = make_requests(6)
    sound = backend.generate(requests)
    server.faults += [fault, None, fault, fault, None, None, fault]
    answers = backend.generate(requests)
    check_whole(requests, answers)
    assert not server.faults
    if fault != "fewer":  # the rest comes from seeds of its own
        assert answers == sound


def test_all_faults_at_once_lose_nothing(serve):
    server = serve(slow_s=0.01)
    backend = open_backend(server, probed=True, timeout_s=0.5)
    requests = make_requests(40)
    server.faults += random.Random(1).sample([*FAULTS, "fewer"] * 4 + [None] * 40, k=80)
    check_whole(requests, backend.generate(requests))


ODD = ["logprob of 400 digits", "logprob true", "logprob text"]


@pytest.mark.parametrize("fault", ODD)
def test_a_log_probability_that_is_none_leaves_the_answer_and_no_number(serve, fault):
    server = serve()
    backend = open_backend(server, probed=True, concurrency=1)
    server.faults += [fault]
    requests = make_requests(2)
    answers = backend.generate(requests)
    check_whole(requests, answers)
    assert [bool(answer.logprobs) for answer in answers] == [False] + [True] * 7


def test_half_a_character_is_made_whole_wherever_a_server_says_it(serve, tmp_path):
    half = json.loads('"\\ud83d"')
    card = {"id": f"m{half}", "root": f"/m{half}", "parent": None, "meta": {half: [half]}}
    server = serve(listed=[card])
    backend = open_backend(server)
    server.faults += ["surrogate"] * 3
    first = look(backend)
    server.faults[:] = ["surrogate"] * 2
    requests = make_requests(1)
    run = RunFolder.create(
        tmp_path, model="m", plan_hash="0" * 12, files={},
        run={"identity": backend.identity, "found": first.to_data(), "notes": first.notes},
    )  # fmt: skip
    with run:
        run.append_shard(answers := backend.generate(requests))
        kept = list(run.read_records(ANSWERS, Answer))
    assert kept == answers
    assert [answer.text.endswith(" ?") for answer in kept] == [True] * 4
    assert run.about()["identity"]["listed"]["meta"] == {"?": ["?"]}


def test_more_choices_than_a_server_gives_at_once_are_asked_for_singly(serve):
    server = serve(refuses_n_above=2)
    backend = open_backend(server)
    requests = make_requests(5, samples=4)
    check_whole(requests, backend.generate(requests))
    assert backend.short == 5
    found = look(backend, samples=4)
    assert found.offers.n == "refused" and any("asked for singly" in note for note in found.notes)
    server.bodies.clear()
    check_whole(requests, backend.generate(requests))
    assert all(body.get("n", 1) == 1 for body in server.bodies)
    assert look(backend, samples=2).offers.n == "yes"


BREAKS = [("logprobs", "logprobs"), ("seed", "seed"), ("top_p", "top_p"), ("n", "n")]


@pytest.mark.parametrize(("field", "offer"), BREAKS)
def test_a_field_that_the_server_chokes_on_is_one_that_it_does_not_take(serve, field, offer):
    server = serve(breaks=(field,))
    backend = open_backend(server)
    found = look(backend)
    assert getattr(found.offers, offer) == "refused" and found.notes
    requests = make_requests(2)
    check_whole(requests, backend.generate(requests))
    assert sum(field in body for body in server.bodies) <= 3


def test_a_base_that_the_server_does_not_have_is_told_before_the_audit(serve):
    server = serve()
    with pytest.raises(BackendError, match=r"base 'stories'.*404") as told:
        look(open_backend(server, base="stories"))
    assert "--base" in str(told.value)
    assert len(server.bodies) == 2
    look(open_backend(server, base="b"))
    assert [body["model"] for body in server.bodies].count("b") == 1


def test_a_server_that_asks_to_wait_is_given_the_time(serve):
    server = serve()
    backend = open_backend(server)
    server.faults += ["429"]
    started = time.monotonic()
    backend.generate(make_requests(1, samples=0))
    assert time.monotonic() - started >= 0.2


def test_a_server_that_stays_broken_is_named_with_what_to_do(serve):
    server = serve()
    backend = open_backend(server, tries=3, concurrency=1)
    server.faults += ["500"] * 50
    with pytest.raises(
        BackendError, match=r"127.*request r00, sample 0.*3 tries.*HTTP 500"
    ) as told:
        backend.generate(make_requests(3))
    assert "run the same command again" in str(told.value)
    assert len(server.bodies) == 3


def test_what_is_refused_is_not_asked_again(serve):
    server = serve(refused=("max_tokens",))
    backend = open_backend(server)
    with pytest.raises(RequestRefusedError, match="HTTP 400"):
        backend.generate(make_requests(1, samples=0))
    assert len(server.bodies) == 1


def test_the_order_does_not_depend_on_who_is_done_first(serve):
    requests = make_requests(30)
    answers = []
    for concurrency in (1, 8):
        server = serve(slow_s=0.01)
        backend = open_backend(server, concurrency=concurrency, probed=True)
        server.most_together = 0
        answers.append(backend.generate(requests))
        assert min(concurrency, 3) <= server.most_together <= concurrency
    assert answers[0] == answers[1]
    check_whole(requests, answers[0])


def test_samples_of_a_prompt_go_in_one_request_with_a_seed_of_their_own(serve):
    server = serve()
    backend = open_backend(server, probed=True)
    server.bodies.clear()
    requests = make_requests(2)
    answers = backend.generate(requests)
    check_whole(requests, answers)
    assert sorted((b["temperature"], b.get("n", 1)) for b in server.bodies) == [
        (0.0, 1), (0.0, 1), (1.0, 3), (1.0, 3),
    ]  # fmt: skip
    assert len({b["seed"] for b in server.bodies}) == 4
    assert all(0 <= request_seed(r, s) < 2**31 for r in requests for s in range(9))
    assert all(b["max_tokens"] == 8 and b["messages"][0]["role"] == "system" for b in server.bodies)
    assert all(answer.logprobs == (-0.5,) * 3 for answer in answers)


NOT_HONOURED = {
    "n ignored": ({"most": 1}, {"n": "ignored"}),
    "n refused": ({"refused": ("n",)}, {"n": "refused"}),
    "one stream": ({"one_stream": True}, {"n": "repeated"}),
    "seed ignored": ({"seeded": False}, {"seed": "ignored"}),
    "seed refused": ({"refused": ("seed",), "seeded": False}, {"seed": "refused"}),
    "logprobs ignored": ({"logs": False}, {"logprobs": "ignored"}),
    "logprobs refused": ({"refused": ("logprobs",)}, {"logprobs": "refused"}),
    "top_p refused": ({"refused": ("top_p",)}, {"top_p": "refused"}),
    "no sampling": ({"samples": False}, {"sampling": "no", "seed": "not seen"}),
    "as transformers serve": (
        {"most": 1, "logs": False, "samples": False},
        {"n": "ignored", "logprobs": "ignored", "sampling": "no", "seed": "not seen"},
    ),
}


@pytest.mark.parametrize("case", NOT_HONOURED)
def test_what_is_not_honoured_is_noticed_told_and_worked_around(serve, case):
    settings, wanted = NOT_HONOURED[case]
    backend = open_backend(serve(**settings))
    found = look(backend)
    honoured = dict.fromkeys(("n", "seed", "logprobs", "top_p", "sampling"), "yes")
    assert found.offers.to_data() == honoured | wanted
    assert found.to_data()["honoured"] == honoured | wanted
    assert len(found.notes) >= 1
    requests = make_requests(5)
    answers = backend.generate(requests)
    if settings.get("samples", True):
        check_whole(requests, answers)
    assert len(answers) == 20
    assert bool(answers[0].logprobs) == ("logprobs" not in wanted)


def test_a_sound_server_gives_no_note(serve):
    assert look(open_backend(serve())).notes == ()
    found = look(open_backend(serve()), top_p=0.9, top_k=20)
    assert found.notes == ()
    assert found.offers.top_p == found.offers.top_k == found.to_data()["honoured"]["top_k"] == "yes"


def test_top_p_and_top_k_go_with_drawn_requests_and_only_where_they_are_asked_for(serve):
    server = serve()
    for limits in ({}, {"top_p": 0.9}, {"top_k": 20}, {"top_p": 0.9, "top_k": 20}):
        backend = open_backend(server)
        look(backend, **limits)
        server.bodies.clear()
        check_whole(requests := make_requests(3, **limits), backend.generate(requests))
        sent = {"top_p": 1.0} | limits
        for body in server.bodies:
            found = {field: body[field] for field in ("top_p", "top_k") if field in body}
            assert found == (sent if body["temperature"] else {})


LIMITS_NOT_HONOURED = {
    "top_p ignored": ({"deaf": ("top_p",)}, {"top_p": "ignored"}, "ignores top_p 0.9"),
    "top_k ignored": ({"deaf": ("top_k",)}, {"top_k": "ignored"}, "ignores top_k 20"),
    "top_p refused": ({"refused": ("top_p",)}, {"top_p": "refused"}, "refuses top_p 0.9"),
    "top_k refused": ({"refused": ("top_k",)}, {"top_k": "refused"}, "refuses top_k 20"),
}


@pytest.mark.parametrize("case", LIMITS_NOT_HONOURED)
def test_a_top_p_or_top_k_that_is_not_honoured_is_told(serve, case):
    settings, wanted, told = LIMITS_NOT_HONOURED[case]
    backend = open_backend(serve(**settings))
    found = look(backend, top_p=0.9, top_k=20)
    fields = ("n", "seed", "logprobs", "top_p", "sampling", "top_k")
    assert found.to_data()["honoured"] == dict.fromkeys(fields, "yes") | wanted
    [note] = found.notes
    assert told in note
    check_whole(requests := make_requests(3, top_p=0.9, top_k=20), backend.generate(requests))


def test_what_the_server_does_with_a_limit_is_not_guessed_where_it_does_not_sample(serve):
    found = look(open_backend(serve(samples=False)), top_p=0.9, top_k=20)
    assert found.offers.top_p == found.offers.top_k == "not seen"
    [note] = found.notes
    assert "does not sample" in note
    assert look(open_backend(serve()), samples=0, top_p=0.9, top_k=20).notes == ()


def test_an_audit_that_draws_the_likeliest_token_only_is_not_called_one_that_does_not_sample(serve):
    found = look(open_backend(serve()), top_k=1, top_p=1e-5)
    assert found.offers.sampling == "yes" and found.notes == ()


def test_a_model_that_is_sure_at_temperature_1_is_not_called_greedy(serve):
    assert look(open_backend(serve(cooler=1.0))).offers.sampling == "yes"


def test_several_models_are_listed_with_their_base(serve):
    server = serve(listed=LORA)
    with pytest.raises(UsageError, match="lists 3 models") as told:
        open_backend(server)
    assert "story (adapter on base-7b)" in str(told.value)
    assert f"openai:{server.url}#NAME" in str(told.value)
    for listed, error in ((404, UsageError), ([], UsageError), (500, BackendError)):
        with pytest.raises(error):
            open_backend(serve(listed=listed))
        assert open_backend(serve(listed=listed), name="m").listed in (None, [])


def test_the_control_is_asked_of_the_base_that_the_server_lists(serve):
    server = serve(listed=LORA)
    backend = open_backend(server, name="story")
    assert backend.base == "base-7b"
    requests = make_requests(2, samples=0, arm="base")
    check_whole(requests, backend.generate(requests), model="base-7b")
    assert open_backend(server, name="base-7b").base is None
    assert open_backend(server, name="story", base="tale").base == "tale"


def test_a_name_that_nobody_knows_is_told_with_those_there_are(serve):
    with pytest.raises(BackendError, match=r"404.*did you mean 'story'") as told:
        look(open_backend(serve(listed=LORA), name="stories"))
    assert "it lists base-7b" in str(told.value)


def test_the_identity_holds_nothing_that_changes_from_day_to_day(serve):
    server = serve(listed=LORA)
    first = open_backend(server, name="story").identity
    server.listed = [card | {"created": 99, "permission": [{"id": "x"}]} for card in LORA]
    assert open_backend(server, name="story").identity == first
    assert first["listed"] == {"id": "story", "root": "/lora/story", "parent": "base-7b"}


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "BORDOR_API_KEY"])
def test_the_key_goes_in_the_header_and_nowhere_else(serve, monkeypatch, name):
    for other in ("OPENAI_API_KEY", "BORDOR_API_KEY"):
        monkeypatch.delenv(other, raising=False)
    server = serve()
    open_backend(server).generate(make_requests(1, samples=0))
    assert "authorization" not in server.headers[-1]
    monkeypatch.setenv(name, SECRET)
    backend = open_backend(server, tries=2)
    backend.generate(make_requests(1, samples=0))
    assert server.headers[-1]["authorization"] == f"Bearer {SECRET}"
    assert SECRET not in repr(backend.identity) + repr(look(backend).to_data())
    for fault, match in (
        ("401", "BORDOR_API_KEY or OPENAI_API_KEY"),
        ("500", r"\[API key removed\]"),
    ):
        server.faults += [fault] * 2
        with pytest.raises(BackendError, match=match) as told:
            backend.generate(make_requests(1, samples=0))
        server.faults.clear()
        assert SECRET not in str(told.value)


def test_a_key_that_no_header_holds_is_refused_and_not_shown(serve, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    for bad in (f"{SECRET}\nX-Header: 1", f"{SECRET}€"):
        monkeypatch.setenv("BORDOR_API_KEY", bad)
        with pytest.raises(UsageError, match="BORDOR_API_KEY holds") as told:
            open_backend(serve())
        assert SECRET not in str(told.value)
    monkeypatch.setenv("BORDOR_API_KEY", f"{SECRET}\n")  # as read from a file
    server = serve()
    open_backend(server).generate(make_requests(1, samples=0))
    assert server.headers[-1]["authorization"] == f"Bearer {SECRET}"


def test_seeds_differ_between_samples_questions_and_runs():
    first, second = make_requests(2)
    seeds = Counter(request_seed(r, s) for r in (first, second) for s in range(5))
    assert max(seeds.values()) == 1
