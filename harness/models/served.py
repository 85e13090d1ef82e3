"""What `openai:<url>#<model>` names: a model behind an OpenAI-compatible server.

Nothing here asks the server. An address with a secret in it is refused without being
shown: addresses are written in run.json, and keys come from the environment alone.
"""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit

from harness.core.errors import UsageError
from harness.core.redaction import holds_key
from harness.core.specs import ModelSpec

PREFIX = "openai:"
KEYS = ("BORDOR_API_KEY", "OPENAI_API_KEY")  # of the environment, the first that is set
_EXAMPLE = "openai:http://localhost:8000/v1#model"
_SECRETIVE = re.compile(r"[?&;#/](?:api[-_]?key|key|token|secret|password|auth)=", re.IGNORECASE)


def is_served(ref: str) -> bool:
    """Whether `ref` names a server. Raises UsageError for any other address."""
    if "://" in ref and not ref.startswith(PREFIX):  # not repeated: it may hold a password
        raise UsageError(f"a model on a server is named with the protocol before it: {_EXAMPLE}")
    return ref.startswith(PREFIX)


def served_model(ref: str) -> ModelSpec:
    """The specification of a model on a server; its `base` is the name there, or empty.

    Raises UsageError for what is no http address, and for one with a user, a password or
    a query, where keys travel: the message does not repeat it.
    """
    if holds_key(ref) or _SECRETIVE.search(ref):
        raise UsageError(
            "a server's address and the model's name hold no key: they are written in the run; "
            "put the key in the environment as BORDOR_API_KEY or OPENAI_API_KEY, and say "
            f"{_EXAMPLE}"
        )
    address, _, name = ref.removeprefix(PREFIX).partition("#")
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UsageError(f"not the address of a server; say {_EXAMPLE}") from None
    if "@" in parts.netloc or parts.query or "?" in address:
        raise UsageError(
            "a server's address holds no user, password or query: it is written in the run; "
            "put the key in the environment as BORDOR_API_KEY or OPENAI_API_KEY, and say "
            f"{_EXAMPLE}"
        )
    if parts.scheme not in ("http", "https") or not host:
        raise UsageError(f"not the address of a server; say {_EXAMPLE}")
    shown = f"[{host}]" if ":" in host else host
    place = shown if port is None else f"{shown}:{port}"
    url = f"{parts.scheme}://{place}{parts.path.rstrip('/')}"
    called = name.strip("/").replace("/", "--") or "served"
    return ModelSpec(
        name=f"{called}@{place.replace(':', '-')}",
        base=name,
        server=url,
        context=1,  # the server counts the tokens
        quantisation="none",
        quantisation_source="assumed",
    )


def read_key() -> str:
    """The key in the environment, or "". Raises UsageError for what no header can hold."""
    name = next((name for name in KEYS if os.environ.get(name, "").strip()), None)
    if name is None:
        return ""
    key = os.environ[name].strip()
    if not key.isascii() or not key.isprintable():
        raise UsageError(
            f"{name} holds characters that no key has (not ASCII, or control characters): "
            "copy the key again"
        )
    return key
