"""
Grants permits: starts are paced, then what is in flight is bounded, first come first served.

When a start may come is decided by `_core/pacing.py`, and whose it is by `lanes.py`; here it is waited for. There is no
background task: the waiter at the head of its lane sleeps, takes a place in flight, starts, and wakes the next. Whoever
is cancelled while waiting leaves the lane before anything is charged.
"""

import math
from collections.abc import Callable
from typing import Final

import anyio
import attrs

from aidge_async._core import gateway
from aidge_async._core.call import Call, CallKind
from aidge_async._core.pacing import Pace
from aidge_async._core.rate import Start
from aidge_async._core.statistics import LimiterStatistics, PathStatistics
from aidge_async._io.lanes import Junction, Lane, Waiter
from aidge_async.tuning import Limits, RateLimit

_UNLIMITED: Final = 1e6  # starts a second; far over what one event loop can start


MakeLane = Callable[[str, CallKind, Pace, Junction], Lane]


@attrs.define(eq=False)
class PacedPermit:
    """Hold one call's places until it is answered; fulfils `ports.Permit`."""

    waited: float
    limiter: "PacedLimiter" = attrs.field(repr=False)
    lane: Lane = attrs.field(repr=False)
    call: Call = attrs.field(repr=False)
    starts: tuple[Start, ...] = attrs.field(repr=False)
    is_settled: bool = attrs.field(default=False, repr=False)

    def release(self) -> None:
        """Give the places back; a call that no answer was reported of counts as lost."""
        self.limiter.release(self)


class PacedLimiter:
    """
    Grant permits by rate and number; fulfils `ports.Limiter`.

    The gateway limits each interface by itself, so each API path has a lane and a pace of its own; a total rate, where
    the account has one, is a pace that all lanes keep together.

    Args:
        limits: How much may be asked.
        make_lane: Makes the lanes of API paths where several processes share what they may ask; `None`: none do.
    """

    def __init__(self, limits: Limits, make_lane: MakeLane | None = None) -> None:
        self._limits = limits
        self._rates: dict[CallKind, RateLimit] = {"submit": limits.submit_rate, "query": limits.query_rate}
        self._make_lane = make_lane
        self._shared = None if limits.total_rate is None else Junction(self._pace(limits.total_rate))
        self._in_flight = anyio.Semaphore(limits.in_flight, fast_acquire=True)
        self._uploads = anyio.Semaphore(limits.uploads, fast_acquire=True)
        self._lanes: dict[str, Lane] = {}
        # By the identity of the call, which its permit keeps alive. Of two permits for one and the same call the later
        # one is found, so the other counts as lost: that slows the learning of a rate by a moment, and nothing else.
        self._permits: dict[int, PacedPermit] = {}

    def __repr__(self) -> str:
        waiting = sum(len(lane.waiters) for lane in self._lanes.values())
        return f"<PacedLimiter, {waiting} waiting, {self._in_flight.value} free places in flight>"

    async def acquire(self, call: Call) -> PacedPermit:
        """Wait for the leave to send *call* once; see `ports.Limiter`."""
        asked = now = anyio.current_time()
        lane = self._lanes.get(call.path) or self.lane(call.path, call.kind)
        uploads = call.content is not None and bool(call.content.image)
        if uploads:
            await self._uploads.acquire()
            now = anyio.current_time()
        try:
            if self._in_flight.value and lane.is_free(now):
                self._in_flight.acquire_nowait()
                lane.binding = None
                starts = lane.start(now)
            else:
                starts = await self._queued(lane, asked)
                now = anyio.current_time()
        except BaseException:
            if uploads:
                self._uploads.release()
            raise
        permit = self._permits[id(call)] = PacedPermit(now - asked, self, lane, call, starts)
        return permit

    def answered(self, call: Call) -> None:
        """Take note that the gateway answered *call*, and did not refuse it for its rate."""
        permit = self._unsettled(call)
        if permit is not None:
            permit.lane.answered(permit.starts, anyio.current_time())

    def refused(self, call: Call, wait: float | None) -> None:
        """Take note that the gateway refused *call* for its rate: its path is held, and slower from then on."""
        permit = self._unsettled(call)
        if permit is not None:
            permit.lane.refused(permit.starts, anyio.current_time(), wait)

    def release(self, permit: PacedPermit) -> None:
        """Take the places of *permit* back."""
        if not permit.is_settled:
            permit.lane.lost(permit.starts, anyio.current_time())
        if self._permits.get(id(permit.call)) is permit:
            del self._permits[id(permit.call)]
        permit.lane.in_flight -= 1
        self._in_flight.release()
        if permit.call.content is not None and permit.call.content.image:
            self._uploads.release()

    def statistics(self) -> LimiterStatistics:
        """Return who waits, who is in flight, and at which rates."""
        now = anyio.current_time()
        total = None if self._shared is None else self._shared.total
        return LimiterStatistics(
            paths={
                path: _statistics([lane], lane.own, self._rates[lane.kind], now) for path, lane in self._lanes.items()
            },
            total=_statistics(list(self._lanes.values()), total, self._limits.total_rate, now),
            uploads=self._limits.uploads - self._uploads.value,
        )

    def lane(self, path: str, kind: CallKind) -> Lane:
        """Return the lane of an API path."""
        lane = self._lanes.get(path)
        if lane is None:
            own, junction = self._pace(self._rates[kind]), self._shared or Junction()
            make = self._make_lane
            lane = Lane(kind, own, junction) if make is None else make(path, kind, own, junction)
            self._lanes[path] = lane
        return lane

    def _pace(self, limit: RateLimit) -> Pace:
        """Return the pace of a limit; a path without one gets a pace too, so that a refusal can hold and slow it."""
        shared = self._make_lane is not None
        if limit == "learn":
            return Pace(math.inf, gateway.SUBMITS_PER_SECOND, shared=shared)
        return Pace(_UNLIMITED if limit is None else limit, shared=shared)

    def _unsettled(self, call: Call) -> PacedPermit | None:
        permit = self._permits.get(id(call))
        if permit is None or permit.is_settled:
            return None
        permit.is_settled = True
        return permit

    async def _queued(self, lane: Lane, asked: float) -> tuple[Start, ...]:
        waiter = Waiter(asked)
        lane.join(waiter)
        try:
            if lane.head is not waiter:
                await waiter.wait()
            return await self._started(lane, waiter)
        finally:
            lane.leave(waiter)

    async def _started(self, lane: Lane, waiter: Waiter) -> tuple[Start, ...]:
        """Start as the head of *lane*: wait for the turn, then for a place, and for both again if that took long."""
        while True:
            await _turn_of(lane, waiter)
            if not self._in_flight.value:
                lane.binding = None
            await self._in_flight.acquire()
            chosen, due = lane.junction.next_lane(now := anyio.current_time())
            if chosen is lane and due <= now:
                starts = await lane.claim(now)
                if starts is not None:
                    return starts
            self._in_flight.release()  # held meanwhile: nobody waits for the pace with a place others could use


async def _turn_of(lane: Lane, waiter: Waiter) -> None:
    """Return when the head of *lane* is next and due."""
    while True:
        chosen, due = lane.junction.next_lane(now := anyio.current_time())
        if chosen is lane and due <= now:
            return
        lane.note_binding(now)
        if chosen is lane:
            await anyio.sleep(due - now)
        else:
            chosen.wake()  # what it saw when it looked may have been that this lane was next
            await waiter.wait()


def _statistics(lanes: list[Lane], pace: Pace | None, configured: RateLimit, now: float) -> PathStatistics:
    return PathStatistics(
        waiting=sum(len(lane.waiters) for lane in lanes),
        in_flight=sum(lane.in_flight for lane in lanes),
        granted=sum(lane.granted for lane in lanes),
        refused=sum(lane.refusals for lane in lanes),
        rate=None if pace is None or pace.rate >= _UNLIMITED else pace.rate,
        configured=configured,
        held=0.0 if pace is None else pace.held(now),
    )
