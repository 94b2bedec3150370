"""
Lets the processes of one machine keep the gateway's limits together, through the journal's file.

Each process paces by all that happened in any of them: the file holds one list of starts, answers and refusals, and as
all read it in the same order, all come to the same rates and holds. A start is written only if nothing was written that
its decision did not know; who was late looks again. So nothing is reserved, and whoever is cancelled or killed while
waiting leaves nothing behind.

Which processes there are is nobody's knowledge. Submits go before queries within a process, not between them. Where the
file cannot be written, each process goes on by itself.
"""

import logging
import sqlite3
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, TypeVar

import anyio
import anyio.to_thread
import attrs

from aidge_async._core.call import CallKind
from aidge_async._core.pacing import Pace
from aidge_async._core.rate import Start
from aidge_async._io import schema, shared_rows
from aidge_async._io.lanes import Junction, Lane
from aidge_async._io.limiter import PacedLimiter
from aidge_async._io.shared_knowledge import NamedPace, restore, snapshot
from aidge_async._io.shared_rows import Checkpoint, Happening
from aidge_async._io.sqlite_writer import SqliteWriter, Work
from aidge_async.tuning import Limits

ResultT = TypeVar("ResultT")

logger = logging.getLogger("aidge_async.pace")

_TIDY: Final = 20.0  # seconds between checkpoints, and between looks of a process that starts nothing
_KEPT: Final = 120.0  # seconds; several times that, so that nobody who lives misses what is forgotten
# Seconds that others may go first, also where none is known: who is always first would never hear of them.
_COURTESY: Final = 0.008
_COURTEOUS: Final = 0.16  # of the interval between two starts, at most: high rates have no time for it
_LOST: Final = 120.0  # seconds without an answer: its process died; over the longest wait for one, by default


class SharedLane(Lane):
    """The waiters of this process for one API path, and the paces that all processes keep."""

    def __init__(self, path: str, kind: CallKind, own: Pace, junction: Junction, shared: "SharedPace") -> None:
        super().__init__(kind, own, junction)
        self.path = path
        self._shared = shared
        self.others = 0
        """Starts of other processes since the last one of this."""

    def note_other(self, at: float) -> None:
        """Note a start of another process."""
        self.others += 1
        for pace in self.paces:
            pace.joined(at)

    def courtesy(self) -> float:
        """Return for how long others may go first: the shorter, the more of them have started since this one did."""
        return min(_COURTESY, _COURTEOUS / min(pace.rate for pace in self.paces)) / (1 + self.others)

    def is_free(self, now: float) -> bool:  # noqa: ARG002  the others have to be asked
        """Return whether a call may start at once: never."""
        return False

    async def claim(self, now: float) -> tuple[Start, ...] | None:
        """Start unless another process was first; see `Lane`."""
        with anyio.CancelScope(shield=True):  # the caller holds a place in flight, which only an answer gives back
            await anyio.sleep(self.courtesy())
            now = anyio.current_time()
            # What was heard meanwhile counts: the file is asked only for what is newer than that.
            starts = await self._shared.claim(self, now) if self.earliest(now) <= now else None
        if starts is not None:
            self.others = 0
            self.grant(now)
        return starts

    def answered(self, starts: tuple[Start, ...], now: float) -> None:
        """Tell all processes of an answer."""
        self._shared.tell(self, "answered", starts, now)

    def lost(self, starts: tuple[Start, ...], now: float) -> None:
        """Tell all processes that a call ended without an answer."""
        self._shared.tell(self, "lost", starts, now)

    def refused(self, starts: tuple[Start, ...], now: float, wait: float | None) -> None:
        """Tell all processes of a refusal."""
        self.refusals += 1
        self._shared.tell(self, "refused", starts, now, wait)

    def take_in(self, what: str, starts: tuple[Start, ...], at: float, wait: float | None) -> None:
        """Let the paces know of what became of a call of any process."""
        match what:
            case "answered":
                super().answered(starts, at)
            case "refused":
                self.slow(starts, at, wait)
            case _:
                super().lost(starts, at)

    def waited_for(self) -> str:
        """Return what the pace that the head waited for is called in the file."""
        return "" if self.binding is None else "own" if self.binding is self.own else "total"

    def pace_called(self, name: str) -> Pace | None:
        """Return the pace that a start of any process waited for; `None`: none that is kept here."""
        return self.own if name == "own" else self.junction.total if name == "total" else None


class SharedPace:
    """
    Join the paces of this process to those of others.

    Args:
        path: The journal's file, which has been opened.
        scope: Whose limits they are: the account, and where.
        limits: How much may be asked; of all processes together, but for what is in flight.
        clock: Seconds, the same for all processes of the machine.
    """

    def __init__(
        self,
        path: Path | str,
        scope: str,
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = Path(path)
        self._scope = scope
        self.limiter = PacedLimiter(limits, self._lane)
        """Grants the permits of this process."""
        self._clock = clock
        self._offset = 0.0
        self._writer: SqliteWriter | None = None
        self._lanes: dict[str, SharedLane] = {}
        self._seen = 0
        self._under_way: dict[int, tuple[SharedLane, tuple[Start, ...]]] = {}
        self._numbers: dict[Start, int] = {}
        self._untold: list[Happening] = []
        self._news = anyio.Event()

    def __repr__(self) -> str:
        return f"<SharedPace '{self._path}', {self._seen} read, {len(self._under_way)} calls under way>"

    async def open(self) -> None:
        """
        Take in what is known from before, of this and of other processes.

        Raises:
            JournalError: The file cannot be used.
        """
        # Event loops have clocks of their own: trio's begins anywhere.
        self._offset = self._clock() - anyio.current_time()
        try:
            with anyio.CancelScope(shield=True):
                connection = await anyio.to_thread.run_sync(shared_rows.open_shared, self._path)
                self._writer = SqliteWriter(connection)
                found, happened = await self._writer.do(lambda c: shared_rows.load(c, self._scope, self._clock))
        except (sqlite3.Error, OSError) as exc:
            raise schema.trouble(self._path, exc) from exc
        if found is not None:
            # Refusals that the checkpoint knows of must not count twice; starts do, for their log is in no checkpoint.
            self._take(_harmless(happening) for happening in happened if happening.seq <= found.seq)
            self._seen = max(self._seen, found.seq)
            restore(found.value, found.at - self._offset, self._named)
        self._take(happened)

    async def aclose(self) -> None:
        """Tell what is untold, keep what was found out, and close the file."""
        if self._writer is None:
            return
        await self._exchange()
        await self._tidy()
        writer, self._writer = self._writer, None
        await writer.aclose()

    async def watch(self) -> None:
        """Tell the others what happens here, and hear of them even when nothing is started here."""
        while True:
            with anyio.move_on_after(_TIDY):
                while True:
                    await self._news.wait()
                    self._news = anyio.Event()
                    await self._exchange()
            await self._exchange()
            await self._tidy()

    async def claim(self, lane: SharedLane, now: float) -> tuple[Start, ...] | None:
        """Start a call that may start by what is known here; `None`: something happened elsewhere meanwhile."""
        wish = Happening(0, "start", now + self._offset, lane.path, lane.kind, waited_for=lane.waited_for())
        is_shared, number = await self._exchange(wish)
        if not is_shared:
            return lane.charge(now, lane.binding)
        if number is None:
            return None
        starts = self._under_way[number][1]
        self._numbers[starts[-1]] = number
        return starts

    def tell(
        self, lane: SharedLane, what: str, starts: tuple[Start, ...], now: float, wait: float | None = None
    ) -> None:
        """Let all processes know what became of a call of this one."""
        number = self._numbers.pop(starts[-1], None)
        if number is None:  # it started while the file could not be written
            lane.take_in(what, starts, now, wait)
            return
        self._untold.append(Happening(0, what, now + self._offset, lane.path, lane.kind, number, wait))
        self._news.set()

    def _lane(self, path: str, kind: CallKind, own: Pace, junction: Junction) -> SharedLane:
        lane = self._lanes[path] = SharedLane(path, kind, own, junction, self)
        return lane

    async def _exchange(self, start: Happening | None = None) -> tuple[bool, int | None]:
        """Tell and hear; return whether that was possible, and the place of *start* if nobody was first."""
        told, self._untold = self._untold, []
        seen = self._seen
        found = await self._do(
            lambda connection: shared_rows.exchange(
                connection, self._scope, seen=seen, told=told, start=start, clock=self._clock
            )
        )
        if found is None:
            for happening in told:
                self._take_in(happening)
            return False, None
        happened, number = found
        self._take(happened, own=number)
        return True, number

    async def _tidy(self) -> None:
        """Keep what was found out, and forget what is long past."""
        now = self._clock()
        lost = [number for number, (_, starts) in self._under_way.items() if self._age(starts, now) > _LOST]
        for number in lost:
            lane = self._under_way[number][0]
            self._untold.append(Happening(0, "lost", now, lane.path, lane.kind, number))
        value = snapshot(self._paces(), anyio.current_time())
        if value is not None:
            found = Checkpoint(self._seen, now, value)
            # A start is remembered for as long as the slowest pace needs it.
            oldest = now - max([_KEPT, *(2.0 / lane.own.rate for lane in self._lanes.values())])
            await self._do(lambda connection: shared_rows.keep(connection, self._scope, found, oldest))

    async def _do(self, work: Work[ResultT]) -> ResultT | None:
        """Return what *work* returns, even to one who is cancelled: it is done all the same; `None`: it cannot be."""
        if self._writer is None:
            return None
        with anyio.CancelScope(shield=True):
            try:
                return await self._writer.do(work)
            except (sqlite3.Error, OSError) as exc:
                logger.warning("pace.unshared path=%s reason=%s", self._path, exc)
        return None

    def _take(self, happened: Iterable[Happening], own: int | None = None) -> None:
        """Take in what is not yet known; each exchange brings all that is newer than it knew when it began."""
        for happening in happened:
            if happening.seq > self._seen:
                self._seen = happening.seq
                self._take_in(happening)
                if happening.what == "start" and happening.seq != own:
                    self._lanes[happening.path].note_other(happening.at - self._offset)

    def _take_in(self, happening: Happening) -> None:
        at = happening.at - self._offset
        if happening.what == "start":
            self.limiter.lane(happening.path, happening.kind)
            lane = self._lanes[happening.path]
            self._under_way[happening.seq] = lane, lane.charge(at, lane.pace_called(happening.waited_for))
        elif (found := self._under_way.pop(happening.start or 0, None)) is not None:
            lane, starts = found
            lane.take_in(happening.what, starts, at, happening.wait)

    def _age(self, starts: tuple[Start, ...], now: float) -> float:
        return now - self._offset - starts[-1].at

    def _paces(self) -> list[NamedPace]:
        """Return the paces that are kept, with what they are called in the file."""
        lanes = self._lanes.values()
        total = {lane.junction.total: lane.kind for lane in lanes}
        own = [NamedPace(lane.path, lane.kind, lane.own) for lane in lanes]
        return own + [NamedPace("", kind, pace) for pace, kind in total.items() if pace is not None]

    def _named(self, path: str, kind: CallKind) -> Iterable[Pace]:
        """Return the paces that the file calls so."""
        if path:
            return [self.limiter.lane(path, kind).own]
        return [pace.pace for pace in self._paces() if not pace.path]


def _harmless(happening: Happening) -> Happening:
    return attrs.evolve(happening, what="lost") if happening.what == "refused" else happening
