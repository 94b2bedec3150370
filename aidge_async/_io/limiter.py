"""
Grants permits: starts are paced, then what is in flight is bounded, first come first served.

When a start may come is decided by `_core/pacing.py`; here it is waited for. There is no background task: the waiter
at the head of its lane sleeps, takes a place in flight, starts, and wakes the next. Whoever is cancelled while waiting
leaves the lane before anything is charged.
"""

from collections import deque
from typing import Final

import anyio
import attrs

from aidge_async._core.call import Call, CallKind
from aidge_async._core.pacing import Pace, Start
from aidge_async.config import Limits

_UNLIMITED: Final = 1e6  # starts a second; far over what one event loop can start


@attrs.define(eq=False)
class _Lane:
    """The waiters for one API path, by arrival, and the paces that all of them must keep."""

    paces: tuple[Pace, ...]
    waiters: deque[anyio.Event] = attrs.field(factory=deque)

    def earliest(self, now: float) -> float:
        return max((pace.earliest(now) for pace in self.paces), default=now)

    def start(self, now: float) -> list[Start]:
        return [pace.start(now) for pace in self.paces]

    def answered(self, starts: list[Start], now: float) -> None:
        for pace, start in zip(self.paces, starts, strict=True):
            pace.answered(start, now)


@attrs.define(eq=False)
class PacedPermit:
    """Hold one call's places until it is answered; fulfils `ports.Permit`."""

    waited: float
    _lane: _Lane = attrs.field(repr=False)
    _starts: list[Start] = attrs.field(repr=False)
    _places: tuple[anyio.Semaphore, ...] = attrs.field(repr=False)

    def release(self) -> None:
        """Give the places back and note how long the call took."""
        self._lane.answered(self._starts, anyio.current_time())
        for place in self._places:
            place.release()


class PacedLimiter:
    """
    Grant permits by rate and number; fulfils `ports.Limiter`.

    The gateway limits each interface by itself, so each API path has a lane and a pace of its own; a total rate, where
    the account has one, is a pace that all lanes keep together.

    Args:
        limits: How much may be asked.
    """

    def __init__(self, limits: Limits) -> None:
        self._rates: dict[CallKind, float | None] = {"submit": limits.submit_rate, "query": limits.query_rate}
        self._total = Pace(limits.total_rate) if limits.total_rate else None
        self._in_flight = anyio.Semaphore(limits.in_flight, fast_acquire=True)
        self._uploads = anyio.Semaphore(limits.uploads, fast_acquire=True)
        self._lanes: dict[str, _Lane] = {}

    def __repr__(self) -> str:
        waiting = sum(len(lane.waiters) for lane in self._lanes.values())
        return f"<PacedLimiter, {waiting} waiting, {self._in_flight.value} free places in flight>"

    async def acquire(self, call: Call) -> PacedPermit:
        """Wait for the leave to send *call* once; see `ports.Limiter`."""
        asked = anyio.current_time()
        lane = self._lane(call)
        if not (call.content and call.content.image):
            starts = await self._admitted(lane)
            return PacedPermit(anyio.current_time() - asked, lane, starts, (self._in_flight,))
        await self._uploads.acquire()
        try:
            starts = await self._admitted(lane)
        except BaseException:
            self._uploads.release()
            raise
        return PacedPermit(anyio.current_time() - asked, lane, starts, (self._in_flight, self._uploads))

    def hold(self, path: str, seconds: float) -> None:
        """Grant nobody a permit for *path* for so many seconds."""
        for pace in self._lanes[path].paces if path in self._lanes else ():
            if pace is not self._total:
                pace.hold(anyio.current_time() + seconds)

    def _lane(self, call: Call) -> _Lane:
        lane = self._lanes.get(call.path)
        if lane is None:
            # A path without a rate of ours still gets a pace, so that a refusal can hold it.
            own = Pace(self._rates[call.kind] or _UNLIMITED)
            lane = self._lanes[call.path] = _Lane((own, self._total) if self._total else (own,))
        return lane

    async def _admitted(self, lane: _Lane) -> list[Start]:
        now = anyio.current_time()
        if not lane.waiters and lane.earliest(now) <= now and self._in_flight.value:
            self._in_flight.acquire_nowait()
            return lane.start(now)
        turn = anyio.Event()
        lane.waiters.append(turn)
        try:
            if lane.waiters[0] is not turn:
                await turn.wait()
            return await self._started(lane)
        finally:
            lane.waiters.remove(turn)
            if lane.waiters:
                lane.waiters[0].set()

    async def _started(self, lane: _Lane) -> list[Start]:
        """Start as the head of *lane*: wait for the pace, then for a place, and for both again if that took long."""
        while True:
            await _sleep_until_due(lane)
            await self._in_flight.acquire()
            if lane.earliest(now := anyio.current_time()) <= now:
                return lane.start(now)
            self._in_flight.release()  # held meanwhile: nobody waits for the pace with a place others could use


async def _sleep_until_due(lane: _Lane) -> None:
    while (due := lane.earliest(now := anyio.current_time())) > now:  # noqa: ASYNC110  a refusal moves the moment
        await anyio.sleep(due - now)
