"""How long a client waits, when it gives up, and what of its key and environment it shows."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from harness.backends import chat_client
from harness.backends.chat_client import ChatClient, RequestRefusedError
from harness.core.errors import BackendError
from harness.core.redaction import REMOVED

SECRET = "sk-test-51f2b7a9c3d8e0"


def ask(client):
    return client.complete(
        [("user", "Who?")], model="m", n=1, temperature=0.0, max_tokens=8, seed=None,
        logprobs=False, top_p=None, label="request r0",
    )  # fmt: skip


@pytest.fixture
def slept(monkeypatch):
    waits: list[float] = []
    monkeypatch.setattr(chat_client.time, "sleep", waits.append)
    return waits


def test_a_wait_is_a_random_share_of_a_ceiling_that_doubles_to_half_a_minute(serve, slept):
    ceilings = [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    server = serve()
    for _ in range(30):
        server.faults[:] = ["500"] * 10
        with pytest.raises(BackendError, match="10 tries"):
            ask(ChatClient(server.url, tries=10))
    rows = [slept[at : at + 9] for at in range(0, len(slept), 9)]
    assert len(rows) == 30
    for waits, ceiling in zip(zip(*rows, strict=True), ceilings, strict=True):
        assert all(0 <= wait <= ceiling for wait in waits)
        assert max(waits) > 0.7 * ceiling and min(waits) < 0.3 * ceiling
        assert len(set(waits)) == 30  # who failed together does not come back together


WAITS = [("7", 7.0), ("0", 0.0), ("-3", 0.0), ("soon", 0.0), ("nan", 0.0), ("", 0.0)]


@pytest.mark.parametrize(("header", "least"), WAITS)
def test_what_a_server_asks_for_is_waited_in_full(serve, slept, header, least):
    server = serve()
    server.retry_after = header
    server.faults += ["429"]
    ask(ChatClient(server.url))
    [wait] = slept
    assert least <= wait <= least + 0.5


def test_a_date_to_come_back_at_is_waited_for(serve, slept):
    server = serve()
    server.retry_after = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    server.faults += ["429"]
    ask(ChatClient(server.url))
    assert 35 <= slept[0] <= 41


def test_who_is_asked_to_wait_more_than_five_minutes_gives_up(serve, slept):
    server = serve()
    for header in ("301", format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)):
        server.retry_after = header
        server.faults[:] = ["429"]
        with pytest.raises(BackendError, match=r"in 1 tries.*asks to wait \d+ s"):
            ask(ChatClient(server.url))
    assert slept == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_what_trying_again_does_not_mend_is_asked_once(serve, slept, status):
    server = serve()
    server.faults += [str(status)] * 5
    with pytest.raises(RequestRefusedError, match=f"HTTP {status}"):
        ask(ChatClient(server.url))
    assert len(server.bodies) == 1 and slept == []


ECHOES = [
    SECRET, SECRET[:6], SECRET[-8:], SECRET[4:12], f"{SECRET[:7]}***{SECRET[-4:]}",
    f'{{"key":"{SECRET[:10]}"}}',
]  # fmt: skip


@pytest.mark.parametrize("echo", ECHOES)
def test_no_part_of_the_key_that_a_server_repeats_is_shown(serve, monkeypatch, slept, echo):
    monkeypatch.setenv("BORDOR_API_KEY", SECRET)
    server = serve()
    for status in ("400", "500"):
        server.faults[:] = [status] * 2
        server.words = f"no model for {echo} in this project"
        with pytest.raises(BackendError) as told:
            ask(ChatClient(server.url, tries=2))
        shown = str(told.value)
        assert "no model for" in shown and "in this project" in shown and REMOVED in shown
        assert not any(SECRET[at : at + 6] in shown for at in range(len(SECRET) - 5))
        assert SECRET[-4:] not in shown


def test_who_pays_at_openai_is_told_to_no_server(serve, monkeypatch):
    monkeypatch.setenv("OPENAI_ORG_ID", "org-secret")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-secret")
    server = serve()
    ask(ChatClient(server.url))
    assert "secret" not in repr(server.headers)


def test_a_client_waits_no_longer_for_bytes_than_it_is_told(serve):
    server = serve()
    server.faults += ["slow"]
    started = time.monotonic()
    with pytest.raises(BackendError, match=r"nothing came for 0.2 s \(--timeout\)"):
        ask(ChatClient(server.url, timeout_s=0.2, tries=1))
    assert time.monotonic() - started < 0.9
