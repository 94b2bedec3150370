"""
Where plan meets world: the parts of an open client, and how they are joined.

This is the only place that knows both `_engine` and `_io`. It joins and decides nothing.
"""

import ssl
import time
import weakref
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import anyio
import anyio.abc
import attrs

from aidge_async import events
from aidge_async._core import codec
from aidge_async._core.operation import Operation, ResultT_co, TaskRequest
from aidge_async._core.pictures import GeneratedImages
from aidge_async._core.token import Token, read_token
from aidge_async._engine.batch import BatchParts, BatchRun
from aidge_async._engine.busy import Busy
from aidge_async._engine.buyer import Buyer, Order
from aidge_async._engine.caller import Caller
from aidge_async._engine.gate import Brake, Gate
from aidge_async._engine.news import News
from aidge_async._engine.plan import BatchPlan
from aidge_async._engine.poller import Poller, PollerParts
from aidge_async._engine.submitter import Progress, Submitter
from aidge_async._io.download import Downloader
from aidge_async._io.fetch import Fetcher
from aidge_async._io.images import Images, PreparedImage, prepare_image
from aidge_async._io.journal import MemoryJournal
from aidge_async._io.limiter import PacedLimiter
from aidge_async._io.transport import HttpTransport, InnerTransport
from aidge_async.config import Settings
from aidge_async.errors import RequestError
from aidge_async.handle import TaskHandle
from aidge_async.operations import operation_named, operation_of
from aidge_async.ports import Observer
from aidge_async.tuning import Deadlines, Limits, Polling


@attrs.frozen(kw_only=True)
class Means:
    """Hold what a client is told beside whose account it is; `AidgeClient` explains each."""

    limits: Limits = attrs.field(factory=Limits)
    polling: Polling = attrs.field(factory=Polling.learned)
    deadlines: Deadlines = attrs.field(factory=Deadlines)
    transport: InnerTransport | None = None
    download_transport: InnerTransport | None = None
    proxy: str | None = None
    ssl_context: ssl.SSLContext | None = None
    observers: Iterable[Observer] = ()
    wall_clock: Callable[[], float] = time.time

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """Return what *options* say, and the defaults for the rest."""
        return cls(**{field.name: options[field.name] for field in attrs.fields(cls) if field.name in options})


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
        self._gate = Gate()
        self._images = Images()
        self._in_flight = means.limits.in_flight
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
            schedule=means.polling.schedule(),
            news=self.news,
            deadlines=means.deadlines,
            wall_clock=means.wall_clock,
            busy=self._busy,
        )
        self._pollers: weakref.WeakValueDictionary[str, Poller[Any]] = weakref.WeakValueDictionary()

    async def buy(self, request: TaskRequest[ResultT_co], *, key: str | None, until: float) -> TaskHandle[ResultT_co]:
        """Buy what is wanted, unless *key* names it already, and return the handle of its task."""
        name = uuid4().hex if key is None else key
        keyed, progress = key is not None, Progress()
        poller = await self._bought(request, key=name, keyed=keyed, until=until, gate=self._gate, progress=progress)
        return self._handle(poller)

    def batch(self, plan: BatchPlan[ResultT_co]) -> BatchRun[ResultT_co]:
        """Return a batch that is not begun."""
        brake = Brake(plan.brake, on_pause=lambda wait: self.news.tell(events.SubmitsPaused(wait=wait)))
        gate = self._gate.within(brake)
        parts = BatchParts(buy=self._bought, save=self._save_busily, gate=gate, in_flight=self._in_flight)
        return BatchRun(plan, parts)

    async def drain(self, seconds: float) -> tuple[str, ...]:
        """Send nothing more, let what is under way end for *seconds*, and return the tokens of what did not."""
        self._gate.shut("the client is being drained; submit it with another one")
        with anyio.move_on_after(seconds):
            await self._busy.none()
        left = [poller for poller in list(self._pollers.values()) if not poller.settled]
        for poller in left:
            poller.stop(poller.overdue(seconds))
        return tuple(poller.token.text() for poller in left)

    async def _bought(
        self, request: TaskRequest[Any], *, key: str, keyed: bool, until: float, gate: Gate, progress: Progress
    ) -> Poller[Any]:
        if keyed and not (isinstance(key, str) and key.strip()):
            raise RequestError(
                f"'key' must be text that is not blank (got {key!r}); name the purchase, or leave it out"
            )
        gate.check(key)
        operation = operation_of(request)
        with self._busy:
            async with self._images.prepared(operation.image_of(request)) as image:
                order = Order(
                    operation=operation,
                    request=request,
                    image=image.content,
                    name=key if keyed else image.name,
                    warnings=image.warnings,
                    key=key,
                    keyed=keyed,
                    until=until,
                    gate=gate,
                    progress=progress,
                )
                token = await self._buyer.buy(order)
                return self._poller(operation, token, operation.workload(request))

    def handle(self, operation: Operation[ResultT_co], token: Token) -> TaskHandle[ResultT_co]:
        """Return a handle on the one poller of a task."""
        return self._handle(self._poller(operation, token, token.count))

    def _handle(self, poller: Poller[ResultT_co]) -> TaskHandle[ResultT_co]:
        return TaskHandle(poller, task_seconds=self.deadlines.task)

    def _poller(self, operation: Operation[ResultT_co], token: Token, workload: Hashable) -> Poller[ResultT_co]:
        name = f"{operation.name} {token.task_id}"
        poller = self._pollers.get(name)
        if poller is None:
            poller = self._pollers[name] = Poller(self._polling, operation, token, workload)
        return poller

    async def _save_busily(self, result: GeneratedImages, folder: Path) -> list[Path]:
        with self._busy:
            return await self.save(result, folder)

    async def save(self, result: GeneratedImages, folder: Path) -> list[Path]:
        """Save the pictures of *result*; where a link fails, the gateway is asked once more for fresh ones."""

        async def refresh() -> GeneratedImages:
            token = read_token(result.token)
            operation = operation_named(token.operation)
            # A poller of its own: the one in use keeps the outcome with the links that failed.
            poller: Poller[GeneratedImages] = Poller(self._polling, operation, token, token.count)
            await poller.poll()  # at once: the task was done before
            return await self._handle(poller).result(deadline=self.deadlines.query)

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
