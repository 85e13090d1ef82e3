"""A real server on loopback that answers with any status, any body and odd headers."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import strategies as st

from harness.backends.chat_client import ChatClient
from harness.backends.chat_reply import Reply
from tests.backends.fault_server import FaultServer
from tests.fuzz.damage import damage
from tests.fuzz.runner import fuzzed, reader
from tests.fuzz.test_parts import REPLIES

STATUSES = (200, 200, 200, 200, 201, 204, 206, 226, 301, 302, 304, 307, 308, 400, 401, 403, 404, 405,
            408, 413, 422, 425, 429, 451, 499, 500, 501, 502, 503, 504, 529, 599, 600, 999)  # fmt: skip
HEADERS: tuple[dict[str, str], ...] = (
    {}, {}, {}, {"Retry_After": "-1"}, {"Retry_After": "1e999"}, {"Retry_After": "nan"},
    {"Retry_After": "9" * 400}, {"Retry_After": "Wed, 21 Oct 2015 07:28:00 GMT"},
    {"Retry_After": "Wed, 99 Foo 99999"}, {"Location": "http://127.0.0.1:9/v1"}, {"Location": ""},
    {"Location": "file:///etc/passwd"}, {"Content_Encoding": "gzip"}, {"Content_Encoding": "br"},
    {"Content_Type": "text/html; charset=x"}, {"Content_Type": "application/json; charset=utf-7"},
    {"length": "0"}, {"length": "7"}, {"Server": "x" * 20_000}, {"Server": "\x1b[2J"},
)  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("NO_PROXY", "127.0.0.1,localhost")
        started = FaultServer()
        threading.Thread(target=started.serve_forever, args=(0.01,), daemon=True).start()
        yield started
        started.shutdown()
        started.server_close()


def ask(client: ChatClient) -> Reply:
    return client.complete(
        (("user", "Who?"),), model="m", n=2, temperature=1.0, max_tokens=8, seed=0, logprobs=True,
        top_p=None, label="request r0",
    )  # fmt: skip


@fuzzed("server")
def test_whatever_a_server_sends_is_an_answer_or_names_the_server(server, tmp_path_factory, data):
    valid = json.dumps(data.draw(st.sampled_from(REPLIES)))
    path = tmp_path_factory.getbasetemp() / "body"
    data.draw(damage(valid, places=False)).put(path)
    status, headers = data.draw(st.sampled_from(STATUSES)), data.draw(st.sampled_from(HEADERS))
    body = path.read_bytes()
    if headers.get("Content_Encoding") == "gzip" and data.draw(st.booleans()):
        body = gzip.compress(body)

    def send(handler: Any, _: Any = None) -> bool:
        handler.send(status, body, **headers)
        handler.close_connection = True
        return True

    server.custom = server.lists = send
    client = ChatClient(server.url, tries=2, backoff_s=0.001, timeout_s=5.0)
    try:
        answer = reader(ask, client, names=(server.url,))
        assert answer is None or answer.choices
        listed = reader(lambda: client.list_models(needed=True), names=(server.url,))
        assert listed is None or all(isinstance(one["id"], str) for one in listed)
    finally:
        client.close()
