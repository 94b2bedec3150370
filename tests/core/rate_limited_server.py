"""A server that counts calls, and callers that always wait, in simulated time: what a pace makes of a limit."""

import heapq
import itertools
import math
import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import attrs

from aidge_async._core.pacing import Pace
from aidge_async._core.rate import Start

_ROUNDING: Final = 1e-6


@attrs.frozen
class Arrival:
    """A call as the server saw it."""

    at: float
    accepted: bool


@attrs.define
class SlidingServer:
    """
    Take at most so many calls in any so many seconds, by phases.

    Args:
        limits: Calls a second, a phase each; half a call a second is one in two seconds.
        phase: Seconds of each phase.
        counts_refused: Whether a refused call uses up the limit too.
    """

    limits: Sequence[float]
    phase: float = 60.0
    counts_refused: bool = False
    counted: deque[float] = attrs.field(factory=deque)

    def takes(self, now: float) -> bool:
        """Count one call, and return whether it is accepted."""
        limit = self.limits[min(int(now / self.phase), len(self.limits) - 1)]
        seconds = 1.0 if float(limit).is_integer() else max(2.0, 1 / limit)
        while self.counted and self.counted[0] <= now - seconds + _ROUNDING:
            self.counted.popleft()
        accepted = len(self.counted) < round(limit * seconds)
        if accepted or self.counts_refused:
            self.counted.append(now)
        return accepted


@attrs.define
class Run:
    """
    Call a server through a pace as fast as it allows.

    Args:
        pace: Says when.
        server: Accepts or refuses.
        latency: Seconds of a round trip, without jitter.
        jitter: Most seconds that either way may take longer.
        spikes: Share of ways that take up to 0.3 s longer.
        seed: Of the jitter.
        in_flight: Most calls under way.
        told: Seconds that a refusal names.
        idle: Whether callers wait at a moment; they always do by default.
    """

    pace: Pace
    server: SlidingServer
    latency: float = 0.05
    jitter: float = 0.01
    spikes: float = 0.0
    seed: int = 0
    in_flight: int = 100
    told: float | None = None
    idle: Callable[[float], bool] = lambda _: False
    arrivals: list[Arrival] = attrs.field(factory=list)
    rates: list[tuple[float, float]] = attrs.field(factory=list)

    def until(self, end: float) -> "Run":
        """Simulate so many seconds."""
        for now in self._moments(end):
            self.rates.append((now, self.pace.rate))
        return self

    def accepted(self, first: float, last: float) -> int:
        """Return how many calls the server took in a span."""
        return sum(arrival.accepted for arrival in self.arrivals if first <= arrival.at < last)

    def used(self, phase: int, skipped: float = 20.0) -> float:
        """Return the share of the limit that was used in a phase, without its first seconds."""
        seconds = self.server.phase
        limit = self.server.limits[phase]
        taken = self.accepted(seconds * phase + skipped, seconds * (phase + 1))
        return taken / (limit * (seconds - skipped))

    def refused(self) -> float:
        """Return the share of all calls that were refused."""
        return sum(not arrival.accepted for arrival in self.arrivals) / len(self.arrivals)

    def _moments(self, end: float) -> Iterator[float]:
        chance, order = random.Random(self.seed), itertools.count()
        events: list[tuple[float, int, Start, bool | None]] = []
        now, under_way, waited = 0.0, 0, False

        def way() -> float:
            late = chance.uniform(0.05, 0.3) if chance.random() < self.spikes else 0.0
            return self.latency / 2 + chance.uniform(0, self.jitter) + late

        while now < end:
            is_wanted = under_way < self.in_flight and not self.idle(now)
            due = self.pace.earliest(now) if is_wanted else math.inf
            if due <= now:
                start = self.pace.start(now, waited=waited)
                heapq.heappush(events, (now + way(), next(order), start, None))
                under_way, waited = under_way + 1, False
                continue
            waited = is_wanted
            if not events or due <= events[0][0]:
                now = min(due, now + 1.0) if due == math.inf else due
                continue
            now, _, start, accepted = heapq.heappop(events)
            if accepted is None:
                arrival = Arrival(now, self.server.takes(now))
                self.arrivals.append(arrival)
                heapq.heappush(events, (now + way(), next(order), start, arrival.accepted))
                continue
            under_way -= 1
            if accepted:
                self.pace.answered(start, now)
            else:
                self.pace.refused(start, now, self.told)
            yield now
