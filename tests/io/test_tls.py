"""The one TLS context of a client: whoever needs it gets the same, and no event loop waits for its certificates."""

import ssl
import threading
from typing import Any

import anyio
import httpx
import pytest

from aidge_async._io.tls import TlsContext


async def test_context_is_made_once_and_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three who need it at once wait for one, which a worker thread makes."""
    makers: list[int] = []
    real = httpx.create_ssl_context

    def noted(**options: Any) -> ssl.SSLContext:
        makers.append(threading.get_ident())
        return real(**options)

    monkeypatch.setattr(httpx, "create_ssl_context", noted)
    tls = TlsContext()
    found: list[ssl.SSLContext] = []

    async def need() -> None:
        found.append(await tls.context())

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(need)
    assert len(makers) == 1
    assert threading.get_ident() not in makers
    assert found == [found[0]] * 3
    assert found[0].verify_mode is ssl.CERT_REQUIRED


async def test_context_of_the_user_is_the_one() -> None:
    """Nothing is read from the machine where the user brings a context."""
    given = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    assert await TlsContext(given).context() is given
