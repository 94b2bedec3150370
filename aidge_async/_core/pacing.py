"""
When the next call may start so that no second ever holds more than the rate, as decisions over clock readings.

It waits for nothing and knows no callers; `_io/limiter.py` does the waiting. Which rate is in force is found in
`rate.py`.
"""

import math
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from aidge_async._core.rate import Rate, Start
from aidge_async._core.remembered import number

# Starts are spaced a little closer than the rate, so that the log binds and not the spacing (measured: 49.8 of 50).
_SPACING: Final = 0.9
# Where starts are written to a file that others read, each is some 5 ms late of its turn. Measured at 50 a second: with
# 0.9 that adds up, because each waits for the one before, and a process alone used 43 of the 50.
_SHARED_SPACING: Final = 0.6
# Added to the second so that rounding on either side never makes it one call too many.
_MARGIN: Final = 0.002
# Answers that the least latency is taken over: one very fast failure, or a network that has become slower, must not
# cost a correction for ever.
_LATENCIES: Final = 64
# Most that a slow call may push its successor by: one unanswered upload must not hold everyone.
_MOST_CORRECTION: Final = 0.05
# The same in the first second after a pause. Then connections are made, and calls come in a heap: measured with fifty
# at once, the first took 250 ms longer than the rest, and 50 ms let 51 to 53 arrive in a second. It is paid once.
_MOST_COLD_CORRECTION: Final = 0.5
# Where several processes start calls, each is on its way through locks and queues of more kinds. Measured with four on
# two cores: 2 ms let 21 of 20 arrive now and then, and first calls that begin in one moment take 600 ms, on a busy
# machine 1.4 s. Who is alone in the log pays no more than anybody.
_SHARED_MARGIN: Final = 0.02
_MOST_SHARED_COLD_CORRECTION: Final = 2.0
_PAUSE: Final = 5.0
_SECOND: Final = 1.0  # what servers count in
_MOST_HELD: Final = 86_400.0  # seconds that a remembered hold may last: the gateway's quotas are a day's
_REFUSALS: Final = 256  # starts remembered as refused; more in one second is a storm, and its rate is halved


class Pace:
    """
    Admit at most as many starts in any one second as the rate in force says, as the *server* counts them.

    The server counts arrivals, not starts: a call whose predecessor by *rate* places was slow on its way may arrive
    within a second of it. So start *k* comes no earlier than `start[k - R] + 1 s + 2 ms + (latency[k - R] - least
    latency seen)`; measured, only that keeps the server's count within the limit under jitter. The last term is at most
    50 ms, and 500 ms for the calls of the first second after a pause. Where several processes keep it, 2 s stand for
    the 500 ms, and 20 ms for the 2 while another has started since start *k - R*, which costs 2 % of the rate.

    Args:
        ceiling: Starts a second, over 0, at most. Under 1, one start is admitted every `1 / rate` seconds.
        first: The rate it begins with; `None`: *ceiling*.
        shared: Whether several processes keep it.
    """

    def __init__(self, ceiling: float, first: float | None = None, *, shared: bool = False) -> None:
        self._share = _SHARED_SPACING if shared else _SPACING  # of the interval between two starts
        self._most_cold_correction = _MOST_SHARED_COLD_CORRECTION if shared else _MOST_COLD_CORRECTION
        self._adapted = Rate(ceiling, ceiling if first is None else first)
        self._starts: deque[Start] = deque()
        self._second: deque[float] = deque()
        self._refusals: deque[float] = deque(maxlen=_REFUSALS)
        self._latencies: deque[float] = deque(maxlen=_LATENCIES)
        self._least_latency = 0.0
        self._held_until = -math.inf
        self._cold_until = -math.inf
        self._joined_at = -math.inf
        self._keep(self._adapted.in_force)

    def __repr__(self) -> str:
        return f"<Pace {self.rate:g}/s, {len(self._starts)} starts in the log>"

    def held(self, now: float) -> float:
        """Return for how many seconds nobody may start because of a refusal."""
        return max(0.0, self._held_until - now)

    def earliest(self, now: float) -> float:
        """Return the earliest moment, not before *now*, at which the next call may start."""
        moment = max(now, self._held_until)
        starts = self._starts
        if starts:
            due = starts[-1].at + self._spacing
            if len(starts) >= self._count:
                binding = starts[-self._count]
                margin = _SHARED_MARGIN if self._joined_at >= binding.at else _MARGIN
                due = max(due, binding.at + self._window + margin + self._correction(binding, now))
            moment = max(moment, due)
        return moment

    def start(self, now: float, *, waited: bool = False) -> Start:
        """
        Record that a call starts *now*.

        Args:
            now: The reading of the clock.
            waited: Whether it had to wait for this pace, and for nothing else.
        """
        starts, second = self._starts, self._second
        # What no longer binds is dropped, so that a high rate keeps no long log; the last one is kept for the spacing.
        while len(starts) > 1 and starts[0].at < now - self._memory:
            starts.popleft()
        while second and second[0] <= now - _SECOND:
            second.popleft()
        if not starts or now - starts[-1].at > _PAUSE:
            self._cold_until = now + _SECOND
        started = Start(now, len(second), is_cold=now < self._cold_until)
        starts.append(started)
        second.append(now)
        adapted = self._adapted
        adapted.started(started, waited=waited)
        if adapted.in_force != self.rate:
            self._keep(adapted.in_force)
        return started

    def joined(self, now: float) -> None:
        """Record that the latest start was another process's."""
        self._joined_at = max(self._joined_at, now)

    def answered(self, started: Start, now: float) -> None:
        """Record when a call's answer came, which did not refuse it for its rate."""
        self._took(started, now)
        self._adapted.answered(started)
        self._adapt()

    def lost(self, started: Start, now: float) -> None:
        """Record that a call ended without an answer: what it took says nothing about the network."""
        started.is_cold = False
        self._adapted.lost(started, now)
        self._adapt()

    def refused(self, started: Start, now: float, wait: float | None) -> None:
        """
        Record that the server refused a call for its rate: nobody starts for a time, and then less often.

        Args:
            started: The call's start.
            now: The reading of the clock.
            wait: Seconds that the gateway named; `None`: it named none.
        """
        accepted = self._accepted_before(started)
        self._took(started, now)
        self._exclude(started)
        at_most = max(accepted, self._arrived_with(started, now))
        self.hold(now + self._adapted.refused(started, now, accepted=accepted, at_most=at_most, wait=wait))
        self._adapt()

    def exclude(self, started: Start, now: float) -> None:
        """Record that the server refused a call for a rate that is not this one's: it took no share of it."""
        self._exclude(started)
        self.lost(started, now)

    def hold(self, until: float) -> None:
        """Admit nobody before *until*."""
        self._held_until = max(self._held_until, until)

    def snapshot(self, now: float) -> dict[str, Any] | None:
        """Return what was found out about the rate, as JSON can hold it; `None`: just now nothing is certain."""
        found = self._adapted.snapshot(now)
        return None if found is None else {**found, "held": min(_MOST_HELD, self.held(now))}

    def restore(self, found: Mapping[str, Any], now: float) -> None:
        """Go on at the rate of a snapshot that was made at *now*; see `Rate.restore`."""
        held = number(found["held"], 0.0, _MOST_HELD)
        self._adapted.restore(found, now)
        self.hold(now + held)
        self._adapt()

    def _accepted_before(self, started: Start) -> int:
        refused = sum(1 for at in self._refusals if started.at - _SECOND < at <= started.at)
        return max(0, started.crowd - refused)

    def _arrived_with(self, started: Start, now: float) -> int:
        """Return how many of the log, and not refused, may have arrived in one second with *started*."""
        first, last = started.at - _SECOND, started.at + self._late(started, now)
        return sum(
            1
            for start in self._starts
            if not start.is_refused and start.at <= last and start.at + self._late(start, now) > first
        )

    def _exclude(self, started: Start) -> None:
        started.is_refused = True
        self._refusals.append(started.at)

    def _adapt(self) -> None:
        if self._adapted.in_force != self.rate:
            self._keep(self._adapted.in_force)

    def _keep(self, rate: float) -> None:
        self.rate = rate
        self._count = math.ceil(rate)
        self._spacing = self._share / rate
        self._window = self._count / rate
        self._memory = max(_SECOND, self._window) + _SHARED_MARGIN + self._most_cold_correction

    def _took(self, started: Start, now: float) -> None:
        started.latency = now - started.at
        self._latencies.append(started.latency)
        self._least_latency = min(self._latencies)

    def _late(self, started: Start, now: float) -> float:
        """Return by how much a call may have arrived later than the fastest, so far as that is held against it."""
        most = self._most_cold_correction if started.is_cold else _MOST_CORRECTION
        took = now - started.at if started.latency is None else started.latency
        return min(most, max(0.0, took - self._least_latency))

    def _correction(self, started: Start, now: float) -> float:
        late = self._late(started, now)
        if started.latency is not None:
            return late
        # Not answered yet: look again after a short while, rather than wait for the most that it may be.
        return min(late, max(0.0, now - started.at - self._window - _MARGIN) + _MOST_CORRECTION)
