"""
The TLS context that all connections of a client share, made when the first one needs it.

Reading the machine's certificates takes 30 to 70 ms of CPU: too long for an event loop that answers others meanwhile,
and nothing that every import or every client should pay for.
"""

import ssl

import anyio
import anyio.to_thread
import httpx


class TlsContext:
    """
    Make one TLS context, in a worker thread, at most once.

    Args:
        given: The user's own; `None`: httpx's default.
    """

    def __init__(self, given: ssl.SSLContext | None = None) -> None:
        self._context = given
        self._making = anyio.Lock()

    async def context(self) -> ssl.SSLContext:
        """
        Return it; whoever asks while it is being made waits for the same one.

        Raises:
            OSError: The certificates that the environment names cannot be read.
        """
        if self._context is None:
            async with self._making:
                if self._context is None:
                    self._context = await anyio.to_thread.run_sync(httpx.create_ssl_context)
        return self._context
