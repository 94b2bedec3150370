"""
Where plan meets world: the parts of an open client, and how they are joined.

This is the only place that knows both `_engine` and `_io`. It joins and decides nothing.
"""

import ssl
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import attrs

from aidge_async import events
from aidge_async._core import codec
from aidge_async._core.operation import Operation, ResultT_co, TaskRequest
from aidge_async._core.pictures import GeneratedImages
from aidge_async._core.token import Token, read_token
from aidge_async._engine.busy import Busy
from aidge_async._engine.buyer import Buyer, Order
from aidge_async._engine.caller import Caller
from aidge_async._engine.news import News
from aidge_async._engine.poller import Poller, PollerParts
from aidge_async._engine.submitter import Submitter
from aidge_async._io.download import Downloader
from aidge_async._io.fetch import Fetcher
from aidge_async._io.images import PreparedImage, prepare_image
from aidge_async._io.journal import MemoryJournal
from aidge_async._io.limiter import PacedLimiter
from aidge_async._io.transport import HttpTransport, InnerTransport
from aidge_async.config import Deadlines, Limits, Polling, Settings
from aidge_async.errors import RequestError
from aidge_async.handle import TaskHandle
from aidge_async.operations import operation_named, operation_of
from aidge_async.ports import Observer


@attrs.frozen(kw_only=True)
class Means:
    """Hold what a client is told beside whose account it is; `AidgeClient` explains each."""

    limits: Limits
    polling: Polling
    deadlines: Deadlines
    transport: InnerTransport | None
    download_transport: InnerTransport | None
    proxy: str | None
    ssl_context: ssl.SSLContext | None
    observers: Iterable[Observer]
    wall_clock: Callable[[], float]


class Parts:
    """
    Hold what an open client has and a closed one has not.

    Args:
        settings: Whose account, and where.
        means: How it is to be treated.
        group: Where pollers run.
        unclaimed: Takes the tokens of accepted tasks whose caller was cancelled.
    """

    def __init__(self, settings: Settings, means: Means, group: anyio.abc.TaskGroup, unclaimed: deque[str]) -> None:
        self.deadlines = means.deadlines
        self.news = News([self._note, *means.observers])
        self.journal = MemoryJournal()
        self.limiter = PacedLimiter(means.limits)
        self._busy = Busy()
        self._group = group
        self._unclaimed = unclaimed
        self._transport = HttpTransport(
            settings,
            deadlines=means.deadlines,
            inner=means.transport,
            proxy=means.proxy,
            ssl_context=means.ssl_context,
            clock=means.wall_clock,
        )
        fetcher = Fetcher(
            deadlines=means.deadlines,
            loopback_allowed=settings.on_loopback,
            transport=means.download_transport,
            proxy=means.proxy,
            ssl_context=means.ssl_context,
        )
        self._downloader = Downloader(fetcher, self.news.tell)
        caller = Caller(self._transport, self.limiter, self.news, means.wall_clock)
        self._buyer = Buyer(
            Submitter(caller, self.journal, self.news, deadlines=means.deadlines, wall_clock=means.wall_clock),
            self.journal,
            self.news,
            settings=settings,
            wall_clock=means.wall_clock,
        )
        self._polling = PollerParts(
            caller=caller,
            group=group,
            schedule=means.polling.schedule,
            news=self.news,
            deadlines=means.deadlines,
            wall_clock=means.wall_clock,
            busy=self._busy,
        )
        self._pollers: weakref.WeakValueDictionary[str, Poller[Any]] = weakref.WeakValueDictionary()

    async def buy(self, request: TaskRequest[ResultT_co], *, key: str | None, until: float) -> TaskHandle[ResultT_co]:
        """Buy what is wanted, unless *key* names it already, and return the handle of its task."""
        if key is not None and not (isinstance(key, str) and key.strip()):
            raise RequestError(
                f"'key' must be text that is not blank (got {key!r}); name the purchase, or leave it out"
            )
        operation = operation_of(request)
        image = await prepare_image(operation.image_of(request))
        order = Order(
            operation=operation,
            request=request,
            image=image.content,
            name=image.name if key is None else key,
            warnings=image.warnings,
            key=key,
            until=until,
        )
        return self.handle(operation, await self._buyer.buy(order))

    def handle(self, operation: Operation[ResultT_co], token: Token) -> TaskHandle[ResultT_co]:
        """Return a handle on the one poller of a task."""
        name = f"{operation.name} {token.task_id}"
        poller = self._pollers.get(name)
        if poller is None:
            poller = self._pollers[name] = Poller(self._polling, operation, token)
        return self._handle(poller, token)

    def _handle(self, poller: Poller[ResultT_co], token: Token) -> TaskHandle[ResultT_co]:
        return TaskHandle(poller, token, task_seconds=self.deadlines.task, query_seconds=self.deadlines.query)

    async def save(self, result: GeneratedImages, folder: Path) -> list[Path]:
        """Save the pictures of *result*; where a link fails, the gateway is asked once more for fresh ones."""

        async def refresh() -> GeneratedImages:
            token = read_token(result.token)
            operation = operation_named(token.operation)
            # A poller of its own: the one in use keeps the outcome with the links that failed.
            poller: Poller[GeneratedImages] = Poller(self._polling, operation, token)
            await poller.poll()  # at once: the task was done before
            return await self._handle(poller, token).result(deadline=self.deadlines.query)

        return await self._downloader.save(result, folder, refresh)

    def abandon(self, key: str, token: str) -> None:
        """Tell that a task's caller was cancelled before it held the result."""
        self.news.tell(events.TaskUnclaimed(key=key, token=token))

    def _note(self, event: events.Event) -> None:
        if isinstance(event, events.TaskUnclaimed):
            self._unclaimed.append(event.token)

    async def aclose(self) -> None:
        """Stop the pollers and close the connections."""
        self._group.cancel_scope.cancel()
        # Told of no exception: pollers raise none, and the caller's own must come out as it is, in no group.
        await self._group.__aexit__(None, None, None)
        with anyio.CancelScope(shield=True):
            await self._transport.aclose()
            await self._downloader.aclose()


async def check(settings: Settings, request: TaskRequest[Any]) -> tuple[str, ...]:
    """Return what is doubtful about *request* and its picture; raise what `submit` would before sending."""
    operation = operation_of(request)
    image: PreparedImage = await prepare_image(operation.image_of(request))
    codec.write_submit(operation, request, wire_format=settings.wire_format, image=image.content, trial=settings.trial)
    return image.warnings
