"""
Whose turn it is: the lanes in which callers wait, one an API path, and where they meet under a total rate.

It picks and charges, and never waits; `limiter.py` does.
"""

from collections import OrderedDict
from typing import Final

import anyio
import attrs

from aidge_async._core.call import CallKind
from aidge_async._core.pacing import Pace
from aidge_async._core.rate import Start

# Submits go first, because what is submitted late ends late (measured: 1.005 of the least wall time, and 1.026 with
# queries first). But a lane that was passed over four times is next, so queries keep a fifth of the total rate.
_PRECEDENCE: Final[dict[CallKind, int]] = {"submit": 0, "query": 1}
_MOST_PASSED: Final = 4


@attrs.define(eq=False)
class Waiter:
    """One caller in a lane."""

    asked: float
    turn: anyio.Event = attrs.field(factory=anyio.Event)

    async def wait(self) -> None:
        """Wait until woken: to be at the head, or to look again."""
        await self.turn.wait()
        self.turn = anyio.Event()


class Lane:
    """
    The waiters for one API path, by arrival, and the paces that all of them must keep.

    Args:
        kind: What the path's calls are for.
        own: The path's pace.
        junction: Where it meets the lanes that keep the same total.
    """

    def __init__(self, kind: CallKind, own: Pace, junction: "Junction") -> None:
        self.kind = kind
        self.own = own
        self.junction = junction
        self._total = junction.total
        self.paces = (own,) if self._total is None else (self._total, own)
        self.waiters: OrderedDict[Waiter, None] = OrderedDict()
        self.binding: Pace | None = None
        """The pace that the head waits for; `None`: it waits for a place in flight, or nobody waits."""
        self.passed = 0
        self.in_flight = 0
        self.granted = 0
        self.refusals = 0
        junction.lanes.append(self)

    @property
    def head(self) -> Waiter | None:
        """Return who is next."""
        return next(iter(self.waiters), None)

    def wake(self) -> None:
        """Let the head look whose turn it is now."""
        if head := self.head:
            head.turn.set()

    def earliest(self, now: float) -> float:
        """Return the earliest moment, not before *now*, at which the next call may start."""
        moment = self.own.earliest(now)
        return moment if self._total is None else max(moment, self._total.earliest(now))

    def is_free(self, now: float) -> bool:
        """Return whether a call may start at once, before nobody who waits."""
        return not self.junction.waiting and self.earliest(now) <= now

    def note_binding(self, now: float) -> None:
        """Note which pace the head waits for."""
        self.binding = max(self.paces, key=lambda pace: pace.earliest(now))  # the total, if equal

    def start(self, now: float) -> tuple[Start, ...]:
        """Let a call start now."""
        self.grant(now)
        return self.charge(now, self.binding)

    async def claim(self, now: float) -> tuple[Start, ...] | None:
        """Let a call start now; `None`: in another process somebody was first, look again when it may."""
        return self.start(now)

    def grant(self, now: float) -> None:
        """Count a call that starts now."""
        self.passed = 0
        self.in_flight += 1
        self.granted += 1
        if self._total is not None:
            self.junction.pass_over(self, now)

    def charge(self, at: float, binding: Pace | None) -> tuple[Start, ...]:
        """Charge the paces for a call that started, after it waited for *binding*."""
        own = self.own
        if self._total is None:
            return (own.start(at, waited=binding is own),)
        return (self._total.start(at, waited=binding is self._total), own.start(at, waited=binding is own))

    def answered(self, starts: tuple[Start, ...], now: float) -> None:
        """Report an answer to the paces."""
        for pace, start in zip(self.paces, starts, strict=True):
            pace.answered(start, now)

    def lost(self, starts: tuple[Start, ...], now: float) -> None:
        """Report to the paces that a call ended without an answer."""
        for pace, start in zip(self.paces, starts, strict=True):
            pace.lost(start, now)

    def refused(self, starts: tuple[Start, ...], now: float, wait: float | None) -> None:
        """Count a refusal, and slow and hold the pace that was too fast."""
        self.refusals += 1
        self.slow(starts, now, wait)

    def slow(self, starts: tuple[Start, ...], now: float, wait: float | None) -> None:
        """Slow and hold the pace that was too fast."""
        blamed = self._blamed(starts)
        for pace, start in zip(self.paces, starts, strict=True):
            if pace is blamed:
                pace.refused(start, now, wait)
            else:
                pace.exclude(start, now)

    def _blamed(self, starts: tuple[Start, ...]) -> Pace:
        """Return the pace that was trying a higher rate, or else was nearest to its rate; the total, if equal."""
        nearness = {
            pace: (start.part_of is not None, (start.crowd + 1) / pace.rate)
            for pace, start in zip(self.paces, starts, strict=True)
        }
        return max(nearness, key=lambda pace: nearness[pace])

    def join(self, waiter: Waiter) -> None:
        """Put a waiter at the end."""
        self.waiters[waiter] = None
        self.junction.waiting += 1

    def leave(self, waiter: Waiter) -> None:
        """Take out a waiter who has started or has gone, and wake who is next."""
        del self.waiters[waiter]
        self.junction.waiting -= 1
        self.junction.wake()


class Junction:
    """
    Lanes that keep one total rate together, or a single one.

    Args:
        total: The pace that all keep.
    """

    def __init__(self, total: Pace | None = None) -> None:
        self.total = total
        self.lanes: list[Lane] = []
        self.waiting = 0

    def next_lane(self, now: float) -> tuple[Lane, float]:
        """Return the lane whose head starts next, and when; somebody waits."""
        due = {lane: lane.earliest(now) for lane in self.lanes if lane.waiters}
        first = min(due.values())
        return min((lane for lane, moment in due.items() if moment <= first), key=_turn), first

    def pass_over(self, started: Lane, now: float) -> None:
        """Note for the other lanes that one was let past them."""
        for lane in self.lanes:
            if lane is not started and lane.waiters and lane.own.earliest(now) <= now:
                lane.passed += 1

    def wake(self) -> None:
        """Let the heads look whose turn it is now: one a lane, never a crowd."""
        for lane in self.lanes:
            lane.wake()


def _turn(lane: Lane) -> tuple[int, float, float]:
    """Return what lanes that are due are ordered by: passed over too often, then precedence, then arrival."""
    if lane.passed >= _MOST_PASSED:
        return 0, -lane.passed, 0.0
    return 1, _PRECEDENCE[lane.kind], next(iter(lane.waiters)).asked
