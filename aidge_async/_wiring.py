"""
Where plan meets world: the parts of an open client, and how they are joined.

This is the only place that knows both `_engine` and `_io`. It joins and decides nothing.
"""

import math
import weakref
from collections import deque
from collections.abc import Hashable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.abc
import anyio.to_thread

from aidge_async import events
from aidge_async._core.operation import Operation, ResultT_co, TaskRequest
from aidge_async._core.pictures import GeneratedImages
from aidge_async._core.token import Token, read_token
from aidge_async._engine.batch import BatchParts, BatchRun
from aidge_async._engine.busy import Busy
from aidge_async._engine.buyer import Buyer, Order, Wish
from aidge_async._engine.caller import Caller
from aidge_async._engine.claims import Claims
from aidge_async._engine.gate import Brake, Gate
from aidge_async._engine.news import News
from aidge_async._engine.plan import BatchPlan
from aidge_async._engine.poller import Poller, PollerParts
from aidge_async._engine.submitter import Submitter
from aidge_async._io.download import Downloader
from aidge_async._io.fetch import Fetcher
from aidge_async._io.folders import are_all_in
from aidge_async._io.images import Images
from aidge_async._io.journal import MemoryJournal
from aidge_async._io.limiter import PacedLimiter
from aidge_async._io.tls import TlsContext
from aidge_async._io.transport import HttpTransport
from aidge_async._means import Means
from aidge_async.config import Settings
from aidge_async.errors import JournalError, RequestError, SettingsError
from aidge_async.handle import TaskHandle
from aidge_async.operations import operation_named, operation_of
from aidge_async.ports import Journal

if TYPE_CHECKING:  # loaded with SQLite, where there is a journal
    from aidge_async._on_disk import OnDisk


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
        self._settings = settings
        self.deadlines = means.deadlines
        self.news = News([self._note, *means.observers])
        self._on_disk = _on_disk(means, settings)
        self.journal: Journal = MemoryJournal(means.wall_clock) if self._on_disk is None else self._on_disk.journal
        self.limiter = PacedLimiter(means.limits) if self._on_disk is None else self._on_disk.limiter
        self._wall_clock = means.wall_clock
        self._busy = Busy()
        self._gate = Gate()
        self._images = Images()
        self._in_flight = means.limits.in_flight
        self._group = group
        self._unclaimed = unclaimed
        tls = TlsContext(means.ssl_context)
        self._transport = HttpTransport(
            settings,
            deadlines=means.deadlines,
            inner=means.transport,
            proxy=means.proxy,
            tls=tls,
            clock=means.wall_clock,
        )
        fetcher = Fetcher(
            deadlines=means.deadlines,
            loopback_allowed=settings.on_loopback,
            transport=means.download_transport,
            proxy=means.proxy,
            tls=tls,
        )
        self._downloader = Downloader(fetcher, self.news.tell)
        caller = Caller(self._transport, self.limiter, self.news, means.wall_clock)
        self._buyer = Buyer(
            Submitter(
                caller,
                self.journal,
                self.news,
                deadlines=means.deadlines,
                budget=means.budget,
                wall_clock=means.wall_clock,
            ),
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
            journal=self.journal,
        )
        self._pollers: weakref.WeakValueDictionary[str, Poller[Any]] = weakref.WeakValueDictionary()
        self._saving = Claims()

    async def open(self) -> None:
        """
        Open the journal, and go on with what was left behind.

        Raises:
            JournalError: It cannot be used; nothing is sent.
        """
        if self._on_disk is None:
            return
        from aidge_async._on_disk import Joints

        joints = Joints(
            group=self._group,
            gate=self._gate,
            news=self.news,
            schedule=self._polling.schedule,
            images=self._images,
            buy=self._bought,
            poller_of=self._resumed,
            save=self._save_busily,
            busy=self._busy,
        )
        await self._on_disk.open(joints)

    @property
    def on_disk(self) -> "OnDisk":
        """Return what there is beside with a journal; raise where there is none."""
        if self._on_disk is None:
            raise SettingsError("this needs a journal, and the client has none; make it with 'journal=' and a file")
        return self._on_disk

    async def plan(self, request: TaskRequest[Any], *, key: str, folder: Path | None) -> None:
        """Record what is wanted, and have it submitted, here or by another process."""
        with self._busy:
            await self.on_disk.planner.plan(operation_of(request), request, key=_checked_key(key), folder=folder)

    async def buy(
        self, request: TaskRequest[ResultT_co], *, key: str | None, until: float, retry_failed: bool
    ) -> TaskHandle[ResultT_co]:
        """Buy what is wanted, unless *key* names it already, and return the handle of its task."""
        retry_until = math.inf if retry_failed else -math.inf
        wish = Wish(request=request, key=key, until=until, gate=self._gate, retry_failed_until=retry_until)
        return self._handle(await self._bought(wish))

    def batch(self, plan: BatchPlan[ResultT_co]) -> BatchRun[ResultT_co]:
        """Return a batch that is not begun."""
        brake = Brake(plan.brake, on_pause=lambda wait: self.news.tell(events.SubmitsPaused(wait=wait)))
        gate = self._gate.within(brake)
        parts = BatchParts(
            buy=self._bought,
            save=self._save_busily,
            gate=gate,
            in_flight=self._in_flight,
            by_fingerprint=self._on_disk is not None,
            # What fails in this batch is not bought again by a later row of its key.
            retry_failed_until=self._wall_clock() if plan.retry_failed else -math.inf,
        )
        return BatchRun(plan, parts)

    async def drain(self, seconds: float) -> tuple[str, ...]:
        """Send nothing more, let what is under way end for *seconds*, and return the tokens of what did not."""
        self._gate.shut("the client is being drained; submit it with another one")
        with anyio.move_on_after(seconds):
            await self._busy.none()
        unfollowed = () if self._on_disk is None else self._on_disk.leave()
        left = [poller for poller in list(self._pollers.values()) if not poller.settled]
        for poller in left:
            poller.stop(poller.overdue(seconds))
        return tuple(dict.fromkeys((*(poller.token.text() for poller in left), *unfollowed)))  # one may be both

    async def _bought(self, wish: Wish[Any]) -> Poller[Any]:
        if wish.key is not None:
            wish.progress.key = _checked_key(wish.key)
        elif not wish.by_fingerprint:
            wish.gate.check(wish.progress.key)  # before its picture is read; with a key the journal is asked first
        operation = operation_of(wish.request)
        with self._busy:
            async with AsyncExitStack() as held:
                with wish.in_time("its picture waited for room in memory"):
                    image = await held.enter_async_context(self._images.prepared(operation.image_of(wish.request)))
                order = Order(
                    operation=operation,
                    wish=wish,
                    image=image.content,
                    name=image.name if wish.key is None else wish.key,
                    warnings=image.warnings,
                )
                token = await self._buyer.buy(order)
                return self._poller(operation, token, operation.workload(wish.request))

    def _resumed(self, token: str) -> Poller[Any]:
        facts = self.checked(token)
        return self._poller(operation_named(facts.operation), facts, facts.count)

    def resume(self, token: str) -> TaskHandle[Any]:
        """Return a handle on the one poller of the task of *token*; raises as `checked`."""
        return self._handle(self._resumed(token))

    def _handle(self, poller: Poller[ResultT_co]) -> TaskHandle[ResultT_co]:
        return TaskHandle(poller, task_seconds=self.deadlines.task)

    def _poller(self, operation: Operation[ResultT_co], token: Token, workload: Hashable) -> Poller[ResultT_co]:
        name = f"{operation.name} {token.task_id}"
        poller = self._pollers.get(name)
        if poller is None:
            poller = self._pollers[name] = Poller(self._polling, operation, token, workload)
        return poller

    async def _save_busily(self, key: str, result: GeneratedImages, folder: Path) -> list[Path]:
        with self._busy:
            return await self.save(result, folder, key=key)

    async def save(self, result: GeneratedImages, folder: Path, *, key: str | None = None) -> list[Path]:
        """
        Save the pictures of *result*; where a link fails, the gateway is asked once more for fresh ones.

        With the *key* it was bought under, pictures that the journal knows to be there are not fetched again.
        """
        async with self._saving.of(result.token):
            found = None if key is None or self._on_disk is None else await self.journal.find(key)
            if found is not None and found.token == result.token and len(found.paths) == len(result):
                paths = [Path(path) for path in found.paths]
                if await anyio.to_thread.run_sync(are_all_in, paths, folder):
                    return paths
            return await self._fetched(result, folder)

    async def _fetched(self, result: GeneratedImages, folder: Path) -> list[Path]:
        async def refresh() -> GeneratedImages:
            token = read_token(result.token)
            operation = operation_named(token.operation)
            # A poller of its own: the one in use keeps the outcome with the links that failed.
            poller: Poller[GeneratedImages] = Poller(self._polling, operation, token, token.count)
            await poller.poll()  # at once: the task was done before
            return await self._handle(poller).result(deadline=self.deadlines.query)

        paths = await self._downloader.save(result, folder, refresh)
        try:
            await self.journal.note_saved(result.token, [str(path.absolute()) for path in paths])
        except JournalError as exc:
            self.news.tell(events.RecordFailed(task_id=result.task_id, reason=str(exc)))
        return paths

    def checked(self, token: str) -> Token:
        """
        Return the facts of a token of this account.

        Raises:
            RequestError: It is no token, or one of another account or region.
        """
        facts, settings = read_token(token), self._settings
        if (facts.account, facts.region) != (settings.account, settings.region_name):
            raise RequestError(
                f"'token' belongs to another account or region ({facts.region!r}, this client: "
                f"{settings.region_name!r}, key {settings.key_name!r}); resume it with its own client"
            )
        return facts

    def abandon(self, key: str, token: str) -> None:
        """Tell that a task's caller was cancelled before it held the result."""
        self.news.tell(events.TaskUnclaimed(key=key, token=token))

    def _note(self, event: events.Event) -> None:
        if isinstance(event, events.TaskUnclaimed):
            self._unclaimed.append(event.token)

    async def aclose(self) -> None:
        """Stop the pollers and close the connections."""
        for poller in list(self._pollers.values()):
            poller.close()  # or who waits elsewhere would wait for a poller that is no more
        self._group.cancel_scope.cancel()
        try:
            # Told of no exception: pollers raise none, and the caller's own must come out as it is, in no group.
            await self._group.__aexit__(None, None, None)
        finally:
            with anyio.CancelScope(shield=True):
                await self._transport.aclose()
                await self._downloader.aclose()
                if self._on_disk is not None:
                    await self._on_disk.aclose()


def _on_disk(means: Means, settings: Settings) -> "OnDisk | None":
    if means.journal is None:
        return None  # as with most clients; SQLite need not be loaded
    from aidge_async._on_disk import OnDisk

    return OnDisk(means.journal, settings, means.limits, means.wall_clock)


def _checked_key(key: object) -> str:
    if not (isinstance(key, str) and key.strip()):
        raise RequestError(f"'key' must be text that is not blank (got {key!r}); name the purchase, or leave it out")
    return key
