"""
Watches the journal for the streams of one process, and wakes those whose tasks changed.

One look at a time for all streams, and none while there is none. It reads the journal and no memory of ours, so it
sees what other processes record as well.
"""

import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Final

import anyio
import attrs

from aidge_async import AidgeClient
from aidge_async.errors import JournalError
from aidge_async.journal import Transition

_log = logging.getLogger("aidge_async.integrations.asgi")

_LOOK_EVERY: Final = 0.2  # seconds; what a person takes for at once
_PAGE: Final = 500  # changes read at a time, so that a long history is never in memory whole
_MOST_PENDING: Final = 1000  # tasks that a slow reader may be behind; then it reads them from the journal instead


@attrs.define(eq=False)
class Reader:
    """
    Hold what one stream has not shown yet: for each task its latest change, so that a slow one skips what is overtaken.

    Args:
        prefix: What the keys of its tasks begin with.
        shown: The number up to which it has shown everything.
        behind: Whether it has to read the journal itself, from there on, to be up to date.
    """

    prefix: str
    shown: int
    behind: bool
    _pending: dict[str, int] = attrs.field(factory=dict, init=False)
    _changed: anyio.Event = attrs.field(factory=anyio.Event, init=False)

    def hear(self, changes: Sequence[Transition]) -> None:
        """Take note of what was recorded just now; who is behind finds it in the journal."""
        if self.behind:
            return
        self._note(changes)
        if len(self._pending) > _MOST_PENDING:
            self._pending.clear()
            self.behind = True
        if self._pending or self.behind:
            self.wake()

    def catch_up(self, page: Sequence[Transition], *, told: int) -> None:
        """
        Take note of what was missed, when nothing else is waiting to be shown.

        Args:
            page: What the journal holds behind what was shown.
            told: The number up to which everybody was told.
        """
        last = page[-1].seq if page else self.shown
        self._note(page)
        if not self._pending:
            self.shown = last
        self.behind = len(page) == _PAGE or last < told

    def _note(self, changes: Sequence[Transition]) -> None:
        for change in changes:
            if change.seq > self.shown and change.key.startswith(self.prefix):
                self._pending.pop(change.key, None)  # the latest last, so that numbers ascend
                self._pending[change.key] = change.seq

    def wake(self) -> None:
        """Let it look up."""
        self._changed.set()

    def next(self) -> tuple[int, str] | None:
        """Return the next change to show, by its number and its task's key."""
        if not self._pending:
            return None
        key = next(iter(self._pending))
        self.shown = self._pending.pop(key)
        return self.shown, key

    async def changed(self) -> None:
        """Wait until there is something new."""
        await self._changed.wait()
        self._changed = anyio.Event()


class News:
    """
    Tell streams what changed; one for a process, made by `lifespan`.

    Args:
        client: Its journal is watched.
    """

    def __init__(self, client: AidgeClient) -> None:
        self.client = client
        self._readers: set[Reader] = set()
        self._seen = 0
        self._stopped = False
        self._wanted = anyio.Event()
        self._left = anyio.Event()

    def __repr__(self) -> str:
        return f"<News to {len(self._readers)} streams{', stopping' if self.stopping else ''}>"

    @property
    def stopping(self) -> bool:
        """Return whether the process is about to end."""
        return self._stopped or _server_is_leaving()

    def stop(self) -> None:
        """Let all streams end."""
        self._stopped = True
        for reader in self._readers:
            reader.wake()

    async def quiet(self) -> None:
        """Wait until no stream is left."""
        while self._readers:
            await self._left.wait()

    async def watch(self) -> None:
        """Look into the journal while there is a stream, until cancelled."""
        while True:
            await self._wanted.wait()
            if not self._readers:
                self._wanted = anyio.Event()
                continue
            if self.stopping:
                self.stop()
            else:
                await self._look()
            await anyio.sleep(_LOOK_EVERY)

    async def _look(self) -> None:
        try:
            while self._seen < await self.client.journal.latest():
                changes = await self.client.journal.changes(after=self._seen, limit=_PAGE)
                if not changes:
                    return
                self._seen = changes[-1].seq
                for reader in self._readers:
                    reader.hear(changes)
        except JournalError as exc:  # streams stay open; what they miss now they are told when it can be read again
            _log.warning("journal not readable reason=%s", exc)

    @contextlib.asynccontextmanager
    async def reader(self, prefix: str, *, after: int | None) -> AsyncIterator[Reader]:
        """
        Give a reader of the tasks whose keys begin with *prefix*.

        Args:
            prefix: What the keys begin with.
            after: The number of the last change that its stream has shown; `None`: nothing older than now is wanted.
        """
        latest = await self.client.journal.latest()
        if not self._readers:
            self._seen = max(self._seen, latest)
        if after is not None and after > latest:
            after = 0  # a number of another journal: what was shown there says nothing about this one
        reader = Reader(prefix, latest if after is None else after, after is not None)
        with self._registered(reader):
            yield reader

    @contextlib.contextmanager
    def _registered(self, reader: Reader) -> Iterator[None]:
        self._readers.add(reader)
        self._wanted.set()
        try:
            yield
        finally:
            self._readers.discard(reader)
            self._left.set()
            self._left = anyio.Event()

    async def next(self, reader: Reader) -> tuple[int, str] | None:
        """Wait for the next change to show; its number and its task's key. `None`: the process is about to end."""
        while not self.stopping:
            change = reader.next()
            if change is not None:
                return change
            if reader.behind:
                page = await self.client.journal.changes(after=reader.shown, limit=_PAGE)
                reader.catch_up(page, told=self._seen)
            else:
                await reader.changed()
        return None

    async def changed_since(self, key: str, number: int) -> bool:
        """Return whether *key* changed behind *number*; where that is a number of another journal, it did."""
        if number > await self.client.journal.latest():
            return True
        while page := await self.client.journal.changes(after=number, limit=_PAGE):
            if any(change.key == key for change in page):
                return True
            number = page[-1].seq
        return False


def _server_is_leaving() -> bool:
    """
    Return whether uvicorn was told to end: it tells the application only when all connections are closed, which open
    streams never are. Its handler of SIGTERM is a method of the server; other servers are noticed at their shutdown.
    """
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return bool(getattr(server, "should_exit", False))
