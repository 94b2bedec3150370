"""
A backend's beginning and end: the client is opened before the first request and drained after the last.

What is on the way at the end belongs to the journal; the next process that opens it goes on.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, Final

import anyio
import httpcore  # noqa: F401  httpx loads it at its first call only, and held the event loop for 0.2 s (measured)

from aidge_async import AidgeClient, SettingsError
from aidge_async.integrations.asgi._mount import STATE_NAMES
from aidge_async.integrations.asgi._news import News

_FAREWELL_SECONDS: Final = 1.0  # for streams to say goodbye, where the server left that to us


def lifespan(
    make_client: Callable[[], AidgeClient],
    *,
    drain: float = 20.0,
    around: Callable[[Any], AbstractAsyncContextManager[Mapping[str, Any] | None]] | None = None,
) -> Callable[[Any], AbstractAsyncContextManager[dict[str, Any]]]:
    """
    Return a lifespan for FastAPI, Starlette, Litestar or any other ASGI framework with lifespans.

    While the application runs, `request.state.aidge` (Litestar: `app.state.aidge`) is the open client. What an earlier
    process left in its journal is followed on from the beginning. At the end streams are told to end, nothing more is
    submitted, and what is in flight ends within *drain* seconds or is left to the journal.

    Args:
        make_client: Makes the client, not yet open, once for each process and start.
        drain: Seconds for what is in flight at the end; 20 by default, because orchestrators kill after 30.
        around: A lifespan of your own; it is entered first and left last, and its state is kept.

    Raises:
        SettingsError: *drain* is no number of seconds.
    """
    if not 0 <= drain < float("inf"):
        raise SettingsError(f"'drain' must be a number of seconds from 0 (got {drain!r}); change it")

    @asynccontextmanager
    async def run(app: Any) -> AsyncIterator[dict[str, Any]]:  # noqa: ANN401  any framework's application
        async with AsyncExitStack() as stack:
            theirs = None if around is None else await stack.enter_async_context(around(app))
            client = await stack.enter_async_context(make_client())
            news = News(client)
            group = await stack.enter_async_context(anyio.create_task_group())
            group.start_soon(news.watch)
            ours = dict(zip(STATE_NAMES, (client, news), strict=True))
            _tell(app, ours)
            try:
                yield {**(theirs or {}), **ours}
            finally:
                with anyio.CancelScope(shield=True):
                    await _leave(client, news, drain)
                group.cancel_scope.cancel()

    return run


def _tell(app: Any, ours: Mapping[str, Any]) -> None:  # noqa: ANN401  any framework's application
    """Put the client where frameworks look that do not hand on a lifespan's state, as Litestar."""
    state = getattr(app, "state", None)
    if state is not None:
        for name, value in ours.items():
            setattr(state, name, value)


async def _leave(client: AidgeClient, news: News, drain: float) -> None:
    news.stop()
    with anyio.move_on_after(_FAREWELL_SECONDS):
        await news.quiet()
    await client.drain(drain)
