"""Requests go to one origin, and replies come within a size and a time."""

from __future__ import annotations

import gzip
import json
import time
import zlib

import pytest

from harness.backends import guarded_http
from harness.backends.chat_client import ChatClient, RequestRefusedError
from harness.core.errors import BackendError, UsageError

SECRET = "sk-test-51f2b7a9c3d8e0"


def ask(client):
    return client.complete(
        [("user", "Who?")], model="m", n=1, temperature=0.0, max_tokens=8, seed=None,
        logprobs=False, top_p=None, label="request r0",
    )  # fmt: skip


def client_of(server, **options):
    return ChatClient(server.url, **({"tries": 2, "backoff_s": 0.001, "timeout_s": 5} | options))


def good(text="Nobody."):
    return {"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}


def sends_on(status, target):
    def answer(handler, _body=None):
        handler.send(status, b"", Location=target)
        return True

    return answer


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_neither_key_nor_prompt_goes_to_another_origin(serve, monkeypatch, status, host):
    monkeypatch.setenv("BORDOR_API_KEY", SECRET)
    other = serve()
    target = f"http://{host}:{other.server_port}/v1/chat/completions"
    server = serve(custom=sends_on(status, target), lists=sends_on(status, target))
    with pytest.raises(BackendError, match=r"another server|names the address"):
        ask(client_of(server))
    with pytest.raises(BackendError, match="another server"):
        client_of(server).list_models(needed=True)
    assert other.bodies == [] and other.gets == [] and len(server.bodies) == 1


def test_a_redirect_within_the_server_is_followed_with_the_body(serve):
    def answer(handler, body):
        if handler.path.endswith("completions"):
            return sends_on(307, "/v1/chat/elsewhere")(handler)
        handler.send(200, good(body["messages"][0]["content"]))
        return True

    assert ask(client_of(serve(custom=answer))).choices[0].text == "Who?"
    for target, told in (("/v1/chat/completions", "circles"), ("http://h:port/v1", "no address")):
        with pytest.raises(BackendError, match=told):
            ask(client_of(serve(custom=sends_on(308, target))))


def test_a_reply_larger_than_the_limit_is_not_taken_packed_or_not(serve, monkeypatch):
    monkeypatch.setattr(guarded_http.GuardedTransport.__init__, "__kwdefaults__", {"most": 1 << 20})
    bomb = gzip.compress(b" " * (200 << 20), 1)
    assert len(bomb) < 1 << 20
    for body, packing in ((b" " * (2 << 20), {}), (bomb, {"Content_Encoding": "gzip"})):
        server = serve(custom=lambda handler, _, b=body, p=packing: not handler.send(200, b, **p))
        with pytest.raises(BackendError, match="larger than 1 MiB"):
            ask(client_of(server))
        assert len(server.bodies) == 1  # another would be as large


PACKINGS = {
    "gzip": ("gzip", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "raw deflate": ("deflate", lambda data: zlib.compress(data)[2:-4]),
    "twice": ("deflate, gzip", lambda data: gzip.compress(zlib.compress(data))),
    "none": ("identity", lambda data: data),
}


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_packed_reply_is_read(serve, packing):
    name, pack = PACKINGS[packing]
    body = pack(json.dumps(good()).encode())
    server = serve(custom=lambda handler, _: not handler.send(200, body, Content_Encoding=name))
    assert ask(client_of(server)).choices[0].text == "Nobody."
    assert server.headers[0]["accept-encoding"] == "identity"


@pytest.mark.parametrize(("name", "told"), [("br", "'br'"), ("gzip", "damaged")])
def test_a_reply_packed_otherwise_or_damaged_is_told(serve, name, told):
    server = serve(custom=lambda handler, _: not handler.send(200, b"?????", Content_Encoding=name))
    with pytest.raises(BackendError, match=told):
        ask(client_of(server))


@pytest.mark.parametrize("part", ["head", "body"])
def test_a_reply_that_drips_has_a_time_for_all_of_it(serve, part):
    def drip(handler, _):
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n"
        handler.wfile.write(head + b"\r\n" * (part == "body"))
        for _ in range(200):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.02)
        return True

    started = time.monotonic()
    with pytest.raises(BackendError, match=r"in 1 tries.*not whole after 0.3 s \(--timeout\)"):
        ask(client_of(serve(custom=drip), tries=1, timeout_s=0.3))
    assert time.monotonic() - started < 3


def test_nothing_but_what_a_request_needs_is_sent(serve, monkeypatch):
    monkeypatch.delenv("BORDOR_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv(
        "OPENAI_CUSTOM_HEADERS", f"X-Gateway: {SECRET}\nAuthorization: Bearer {SECRET}"
    )
    server = serve(custom=lambda handler, _: not handler.send(200, good(), Set_Cookie="a=b"))
    client = client_of(server)
    for _ in range(2):
        ask(client)
    assert SECRET not in repr(server.headers)
    assert all("cookie" not in one and "x-stainless-os" not in one for one in server.headers)


def test_a_proxy_of_the_environment_is_used_and_never_for_this_machine(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://me:secret@proxy:3128")
    monkeypatch.setenv("no_proxy", "inside.example")
    assert guarded_http.proxy_of("http://far.example/v1") == "http://me:secret@proxy:3128"
    assert guarded_http.shown_proxy("http://me:secret@proxy:3128") == "http://proxy:3128"
    for url in ("http://inside.example/v1", "https://far.example/v1", "http://localhost:8000/v1",
                "http://127.0.0.1:1/v1", "http://[::1]:1/v1"):  # fmt: skip
        assert guarded_http.proxy_of(url) is None, url
    monkeypatch.setenv("all_proxy", "socks5://proxy:1080")
    with pytest.raises(UsageError, match="NO_PROXY"):
        ChatClient("https://far.example/v1")


ECHOED = ["content", "reasoning", "model", "finish_reason", "header", "parts"]


@pytest.mark.parametrize("place", ECHOED)
def test_a_key_sent_back_anywhere_in_a_reply_goes_no_further(serve, monkeypatch, place):
    monkeypatch.setenv("BORDOR_API_KEY", SECRET)

    def echo(handler, _):
        told = f"Your key is {handler.headers['Authorization']}"
        message = {"content": told if place == "content" else "Nobody."}
        if place == "reasoning":
            message["reasoning_content"] = told
        if place == "parts":  # cut apart by them
            message["content"] = [{"type": "text", "text": one} for one in (told[:-9], told[-9:])]
        choice = {"message": message, "finish_reason": told if place == "finish_reason" else "stop"}
        reply = {"choices": [choice], "model": told if place == "model" else "m"}
        handler.send(200, reply, **({"Server": told} if place == "header" else {}))
        return True

    client = client_of(serve(custom=echo))
    reply = ask(client)
    assert SECRET not in repr(reply) and "removed" in repr(reply) and client.echoes == 1
    card = {"id": f"m-{SECRET}", "root": SECRET, "meta": {SECRET: [SECRET]}}
    listed = client_of(serve(listed=[card])).list_models(needed=True)
    assert SECRET not in repr(listed)


def test_the_servers_own_words_stand_with_a_refused_key(serve, monkeypatch):
    monkeypatch.setenv("BORDOR_API_KEY", SECRET)
    words = {"error": {"message": f"Key {SECRET[:7]}***{SECRET[-4:]} has no credit", "code": "c7"}}
    server = serve(custom=lambda handler, _: not handler.send(403, words))
    with pytest.raises(
        RequestRefusedError, match=r"BORDOR_API_KEY.*has no credit \(code c7\)"
    ) as it:
        ask(client_of(server))
    assert SECRET[:7] not in str(it.value) and SECRET[-4:] not in str(it.value)
