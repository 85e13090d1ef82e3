"""How bytes go to a server and come back: to one origin alone, within a size and a time.

What the HTTP library does by default would follow a redirect to any other server with the
prompts in the body, read a reply of any size, unpack it to any size, and wait for ever for
one that comes byte by byte. So every request of the client goes through `GuardedTransport`:

- to the server's own scheme, host and port; only a redirect within them is followed;
- with the headers it needs, the key among them: no cookie, nothing that the library takes
  from the environment (OPENAI_CUSTOM_HEADERS);
- back within `most` bytes, as they come and unpacked, and within `timeout_s` from the first
  byte sent to the last byte read.

Only modules that talk to a server import this one: it loads the HTTP library.
"""

from __future__ import annotations

import threading
import time
import weakref
import zlib
from collections.abc import Iterable
from contextlib import closing
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore2
import httpx2

from harness.core.errors import UsageError

MOST_BYTES = 64 << 20  # of a reply; eight answers of 4,096 tokens with log-probabilities are 5 MiB
_REDIRECTS = 3
_MOVED = (301, 302, 303, 307, 308)
_KEEPS_THE_BODY = (307, 308)
_SENT = frozenset(
    (b"host", b"accept", b"content-type", b"content-length", b"user-agent", b"authorization",
     b"connection")
)  # fmt: skip
_LOOPBACK = ("localhost", "127.", "::1", "0.0.0.0")


class GuardError(httpx2.TransportError):
    """A reply that is not taken. `final`: asking again would not help."""

    final = True


class TooLargeError(GuardError):
    """A reply of more bytes than are taken."""


class TooSlowError(GuardError):
    """A reply that was not whole in time."""

    final = False


class EncodingError(GuardError):
    """A body packed in a way that was not asked for, or damaged."""

    final = False


class RedirectedError(GuardError):
    """The server sends the request to where it does not go."""


class GuardedTransport(httpx2.BaseTransport):
    """Sends to one origin; see the head of this file. May be used by many threads at once."""

    def __init__(self, url: str, *, timeout_s: float, most: int = MOST_BYTES) -> None:
        """url: of the server. Raises UsageError for a proxy of a kind that is not spoken."""
        self._origin = _origin(httpx2.URL(url))
        self._timeout_s = timeout_s
        self._most = most
        self._clock = _Clock()
        self.proxy = proxy_of(url)
        self._pool = _pool(self.proxy, _TimedBackend(self._clock))
        weakref.finalize(self, self._pool.close)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The whole reply, unpacked. Raises GuardError or another TransportError."""
        assert isinstance(request.stream, httpx2.SyncByteStream)
        body = b"".join(request.stream)
        url, method = request.url, request.method
        self._clock.end, self._clock.came = time.monotonic() + self._timeout_s, 0
        for _ in range(_REDIRECTS + 1):
            if _origin(url) != self._origin:
                raise RedirectedError(
                    f"it sends requests on to {_shown(_origin(url))}, another server, where "
                    "neither the prompts nor the key go; name that address if it is the right one"
                )
            status, headers, content = self._once(method, url, request.headers, body)
            target = dict(headers).get("location")
            if status not in _MOVED or target is None:
                return httpx2.Response(status, headers=headers, content=content)
            if method != "GET" and status not in _KEEPS_THE_BODY:
                raise RedirectedError(
                    f"it answers HTTP {status} and names the address {target[:200]!r}, where a "
                    "question cannot be put again; name the address that takes it"
                )
            try:
                url = url.join(target)
            except httpx2.InvalidURL:
                raise RedirectedError("it sends requests on to what is no address") from None
        raise RedirectedError("it sends requests round in circles")

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def _once(
        self, method: str, url: httpx2.URL, headers: httpx2.Headers, body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Status, headers and unpacked body of one request."""
        sent = [(name, value) for name, value in headers.raw if name.lower() in _SENT]
        request = httpcore2.Request(
            method=method,
            url=httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port,
                              target=url.raw_path),
            headers=[*sent, (b"Accept-Encoding", b"identity")],
            content=body,
            extensions={"timeout": dict.fromkeys(
                ("connect", "read", "write", "pool"), self._timeout_s)},
        )  # fmt: skip
        try:
            with closing(self._pool.handle_request(request)) as response:
                content = self._read(response)
        except httpcore2.TimeoutException:
            if self._clock.came:
                raise TooSlowError(
                    f"the reply was not whole after {self._timeout_s:g} s (--timeout)"
                ) from None
            raise httpx2.ReadTimeout("nothing came") from None
        except httpcore2.ProxyError as error:
            raise httpx2.ProxyError(str(error)) from None
        except httpcore2.ConnectError as error:
            raise httpx2.ConnectError(str(error)) from None
        except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
            raise httpx2.ReadError(str(error)) from error
        heads = [(name.decode("latin-1").lower(), value.decode("latin-1"))
                 for name, value in response.headers]  # fmt: skip
        packed = ",".join(value for name, value in heads if name == "content-encoding")
        plain = unpack(content, packed, most=self._most)
        framing = ("content-encoding", "content-length", "transfer-encoding")
        return response.status, [head for head in heads if head[0] not in framing], plain

    def _read(self, response: httpcore2.Response) -> bytes:
        parts, size = [], 0
        assert isinstance(response.stream, Iterable)
        for part in response.stream:
            size += len(part)
            if size > self._most:
                raise _too_large(self._most)
            parts.append(part)
        return b"".join(parts)


def unpack(content: bytes, encodings: str, *, most: int = MOST_BYTES) -> bytes:
    """A body without its content encodings ("gzip, deflate"), of at most `most` bytes.

    Raises TooLargeError as soon as there would be more, EncodingError for other encodings.
    """
    named = [one for one in encodings.lower().replace(" ", "").split(",") if one != "identity"]
    for name in reversed([one for one in named if one]):
        if name not in ("gzip", "x-gzip", "deflate"):
            raise EncodingError(f"the reply is packed as {name[:20]!r}, which was not asked for")
        bits = 47 if name != "deflate" or content[:1] == b"\x78" else -15  # raw, without a head
        unpacker = zlib.decompressobj(bits)
        try:
            content = unpacker.decompress(content, most + 1)
        except zlib.error:
            raise EncodingError("the reply is packed and damaged") from None
        if len(content) > most:
            raise _too_large(most)
        if not unpacker.eof:
            raise EncodingError("the reply is packed and cut off")
    return content


def _too_large(most: int) -> TooLargeError:
    return TooLargeError(f"the reply is larger than {most >> 20} MiB: no answer is")


def is_loopback(url: str) -> bool:
    """Whether an address is on this machine."""
    return (urlsplit(url).hostname or "").lower().startswith(_LOOPBACK)


def proxy_of(url: str) -> str | None:
    """The proxy that the environment names for `url`; none for an address on this machine."""
    parts = urlsplit(url)
    if is_loopback(url) or proxy_bypass(parts.netloc):
        return None
    found = getproxies()
    named = found.get(parts.scheme) or found.get("all")
    return named if named is None or "://" in named else f"http://{named}"


def shown_proxy(proxy: str) -> str:
    """A proxy's address without the user and password that it may hold."""
    parts = urlsplit(proxy)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _pool(proxy: str | None, backend: httpcore2.NetworkBackend) -> httpcore2.ConnectionPool:
    common: dict[str, Any] = {
        "ssl_context": httpx2.create_ssl_context(),
        "max_connections": None,  # --concurrency is the bound
        "max_keepalive_connections": 64,
        "keepalive_expiry": 5.0,
        "network_backend": backend,
    }
    if proxy is None:
        return httpcore2.ConnectionPool(**common)
    parts = urlsplit(proxy)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(
            f"the environment names a proxy of a kind that Bordor does not speak "
            f"({shown_proxy(proxy)}): unset it, or put the server's host in NO_PROXY"
        )
    auth = None
    if parts.username or parts.password:
        auth = unquote(parts.username or ""), unquote(parts.password or "")
    return httpcore2.HTTPProxy(proxy_url=shown_proxy(proxy), proxy_auth=auth, **common)


class _Clock(threading.local):
    """When the request of this thread must be over, and how many bytes have come for it.

    `end` is on the monotonic clock.
    """

    end = float("inf")
    came = 0

    def left(self, timeout: float | None, late: type[Exception]) -> float:
        """Seconds that a wait may take. Raises `late` when there are none."""
        left = self.end - time.monotonic()
        if left <= 0:
            raise late("out of time")
        return left if timeout is None else min(left, timeout)


class _TimedBackend(httpcore2.NetworkBackend):
    """TCP as usual, but no wait goes beyond the end of the thread's request."""

    def __init__(self, clock: _Clock) -> None:
        self._clock = clock
        self._inner = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        left = self._clock.left(timeout, httpcore2.ConnectTimeout)
        stream = self._inner.connect_tcp(host, port, left, local_address, socket_options)
        return _TimedStream(stream, self._clock)


class _TimedStream(httpcore2.NetworkStream):
    def __init__(self, inner: httpcore2.NetworkStream, clock: _Clock) -> None:
        self._inner = inner
        self._clock = clock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._inner.read(max_bytes, self._clock.left(timeout, httpcore2.ReadTimeout))
        self._clock.came += len(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._clock.left(timeout, httpcore2.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        left = self._clock.left(timeout, httpcore2.ConnectTimeout)
        inner = self._inner.start_tls(ssl_context, server_hostname, left)
        return _TimedStream(inner, self._clock)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _origin(url: httpx2.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme, 0)


def _shown(origin: tuple[str, str, int]) -> str:
    scheme, host, port = origin
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
