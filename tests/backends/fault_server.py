"""An OpenAI-compatible server on loopback that fails as it is told."""

from __future__ import annotations

import json
import random
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FaultServer(ThreadingHTTPServer):
    """Answers chats as vLLM would, but for `faults`: one is taken off for each request.

    Settings: listed (cards under /v1/models), most (choices it gives at most), seeded (whether
    it reads seeds), logs (whether it gives log-probabilities), samples (whether temperature
    moves it), cooler (what it takes off the temperature), refused (fields it answers with 400),
    deaf (which of top_p and top_k it does not read), breaks (fields it answers with 500),
    refuses_n_above (choices it answers with 400), custom (handler and body to its own answer
    of a chat: True where it gave one), lists (handler to its own answer of /v1/models).
    """

    daemon_threads = True

    def __init__(self, **settings):
        super().__init__(("127.0.0.1", 0), Handler)
        self.faults, self.bodies, self.headers, self.gets = [], [], [], []
        self.custom = self.lists = None
        self.listed = [{"id": "m", "object": "model", "created": time.time()}]
        self.most, self.one_stream, self.seeded, self.logs = 99, False, True, True
        self.samples, self.refused, self.slow_s, self.cooler = True, (), 0.0, 0.0
        self.deaf, self.breaks, self.refuses_n_above = (), (), 99
        self.fails_from = None  # the number of the request from which on it answers 500
        self.fewer_from = None  # from which on it gives one choice only
        self.retry_after, self.words = "0.2", ""
        self.together = self.most_together = 0
        self.lock = threading.Lock()
        for name, value in settings.items():
            setattr(self, name, value)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, *_):
        """A client that hung up is part of the game."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes

    def log_message(self, *_):
        pass

    def send(self, status, payload, **headers):
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", headers.pop("length", str(len(data))))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.server.gets.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
        if self.server.lists:
            self.server.lists(self)
        elif isinstance(self.server.listed, int):
            self.send(self.server.listed, {"error": "no such page"})
        else:
            self.send(200, {"object": "list", "data": self.server.listed})

    def do_POST(self):
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with server.lock:
            server.bodies.append(body)
            server.headers.append({k.lower(): v for k, v in self.headers.items()})
            server.together += 1
            server.most_together = max(server.most_together, server.together)
            fault = server.faults.pop(0) if server.faults else None
            if server.fails_from and len(server.bodies) >= server.fails_from:
                fault = "500"
            elif server.fewer_from and len(server.bodies) >= server.fewer_from:
                fault = "fewer"
        try:
            if server.slow_s:
                time.sleep(random.random() * server.slow_s)
            self.answer(body, fault)
        finally:
            with server.lock:
                server.together -= 1

    def answer(self, body, fault):
        server = self.server
        if server.custom and server.custom(self, body):
            return
        refused = [field for field in server.refused if field in body]
        if refused or body["model"] == "stories":
            self.send(400 if refused else 404, {"error": f"not {refused or body['model']}"})
        elif body.get("n", 1) > server.refuses_n_above:
            self.send(400, {"error": "too many choices"})
        elif any(field in body for field in server.breaks):
            self.send(500, {"error": "a field that it chokes on"})
        elif fault == "429":
            self.send(429, {"error": "slow down"}, Retry_After=server.retry_after)
        elif fault and fault.isdecimal():
            told = server.words or f"bad key {self.headers.get('Authorization')}"
            self.send(int(fault), {"error": told})
        elif fault == "slow":
            time.sleep(1.0)
            self.send(200, reply(server, body))
        elif fault == "hang up":
            self.close_connection = True
        elif fault == "cut":
            self.send(200, json.dumps(reply(server, body)).encode()[:40], length="4000")
            self.close_connection = True
        elif fault == "no json":
            self.send(200, b"<html>gateway</html>")
        elif fault == "wrong json":
            self.send(200, ["?"])
        elif fault == "no choices":
            self.send(200, {"choices": [], "model": body["model"]})
        elif fault == "fewer":
            whole = reply(server, body)
            self.send(200, whole | {"choices": whole["choices"][:1]})
        elif fault == "deep":
            self.send(200, b'{"choices": ' + b"[" * 200_000 + b"]" * 200_000 + b"}")
        elif fault == "big number":
            self.send(200, b'{"usage": 1' + b"0" * 5000 + b', "choices": []}')
        elif fault == "surrogate":
            self.send(200, reply(server, body, tail=" \ud83d"))
        elif fault in ODD_LOGPROBS:
            self.send(200, reply(server, body, logprob=ODD_LOGPROBS[fault]))
        else:
            self.send(200, reply(server, body))


ODD_LOGPROBS = {"logprob of 400 digits": -(10**400), "logprob true": True, "logprob text": "-1"}


def reply(server, body, *, tail="", logprob=-0.5):
    """Choices that tell the prompt, the model and the random stream they came from."""
    count = min(body.get("n", 1), server.most)
    seed = body.get("seed") if server.seeded else random.getrandbits(60)
    choices = []
    for index in range(count):
        warm = body.get("temperature", 1.0) - server.cooler > 0 and server.samples
        if "top_k" not in server.deaf and body.get("top_k") == 1:
            warm = False
        if "top_p" not in server.deaf and body.get("top_p", 1) < 0.001:
            warm = False
        shift = 0 if server.one_stream else index
        draw = random.Random(f"{seed} {shift}").randrange(10**9) if warm else "greedy"
        text = f"{body['model']}: {body['messages'][-1]['content']} {draw}"
        choice = {"index": index, "message": {"role": "assistant", "content": f" {text}{tail} "}}
        choice["finish_reason"] = "stop"
        if body.get("logprobs") and server.logs:
            choice["logprobs"] = {"content": [{"token": "a", "logprob": logprob}] * 3}
        choices.append(choice)
    return {"object": "chat.completion", "model": body["model"], "choices": choices[::-1]}
