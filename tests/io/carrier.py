"""A transport of a made-up account, calls for it, and the signature that its calls must have."""

import hashlib
import hmac
from typing import Any

import httpx

from aidge_async._core.call import Call, Content
from aidge_async._io.tls import TlsContext
from aidge_async._io.transport import HttpTransport
from aidge_async.config import Settings
from aidge_async.tuning import Deadlines

NOW = 1_700_000_000.25
SECRET = "made-up-secret"
SUBMIT = Call(kind="submit", path="/ai/submit", content=Content(b'{"a":"', bytes(100_000), b'"}'))
QUERY = Call(kind="query", path="/ai/query", content=Content(b'{"taskId":"t-1"}'))
GET = Call(kind="query", method="GET", path="/ai/results", query={"taskId": "t 1&x=é"})


def signature(timestamp_ms: int) -> str:
    """Return version 2's signature by a hand of our own."""
    return hmac.new(SECRET.encode(), f"{SECRET}{timestamp_ms}".encode(), hashlib.sha256).hexdigest().upper()


def transport(inner: httpx.AsyncBaseTransport | None = None, **options: Any) -> HttpTransport:
    """Return a transport with a made-up key and a clock that stands."""
    settings = Settings(key_name="512345", key_secret=SECRET, base_url=options.pop("base_url", None))
    tls = TlsContext(options.pop("ssl_context", None))
    return HttpTransport(settings, deadlines=Deadlines(), inner=inner, tls=tls, **{"clock": lambda: NOW, **options})
