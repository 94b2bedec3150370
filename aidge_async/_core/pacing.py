"""
When the next call may start so that no second ever holds more than the rate, as decisions over clock readings.

It waits for nothing and knows no callers; `_io/limiter.py` does the waiting.
"""

import math
from collections import deque
from typing import Final

import attrs

# Starts are spaced a little closer than the rate, so that the log binds and not the spacing (measured: 49.8 of 50).
_SPACING: Final = 0.9
# Added to the second so that rounding on either side never makes it one call too many.
_MARGIN: Final = 0.002
# Answers that the least latency is taken over: one very fast failure, or a network that has become slower, must not
# cost a correction for ever.
_LATENCIES: Final = 64
# Most that a slow call may push its successor by: one unanswered upload must not hold everyone.
_MOST_CORRECTION: Final = 0.05


@attrs.define(eq=False)
class Start:
    """One call's start, and how long its answer took, once it came."""

    at: float
    latency: float | None = None


class Pace:
    """
    Admit at most `rate` starts in any one second, as the *server* counts them.

    The server counts arrivals, not starts: a call whose predecessor by *rate* places was slow on its way may arrive
    within a second of it. So start *k* comes no earlier than `start[k - R] + 1 s + 2 ms + (latency[k - R] - least
    latency seen)`; measured, only that keeps the server's count within the limit under jitter.

    Args:
        rate: Starts a second, over 0. Under 1, one start is admitted every `1 / rate` seconds.
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._count = max(1, math.floor(rate))
        self._window = self._count / rate
        self._memory = self._window + _MARGIN + _MOST_CORRECTION
        self._starts: deque[Start] = deque()
        self._latencies: deque[float] = deque(maxlen=_LATENCIES)
        self._held_until = -math.inf

    def __repr__(self) -> str:
        return f"<Pace {self.rate:g}/s, {len(self._starts)} starts in the log>"

    def earliest(self, now: float) -> float:
        """Return the earliest moment, not before *now*, at which the next call may start."""
        moment = max(now, self._held_until)
        if self._starts:
            moment = max(moment, self._starts[-1].at + _SPACING / self.rate)
        if len(self._starts) == self._count:
            oldest = self._starts[0]
            moment = max(moment, oldest.at + self._window + _MARGIN + self._correction(oldest, now))
        return moment

    def start(self, now: float) -> Start:
        """Record that a call starts *now*."""
        # What no longer binds is dropped, so that a high rate keeps no long log.
        while self._starts and (len(self._starts) == self._count or self._starts[0].at < now - self._memory):
            self._starts.popleft()
        started = Start(now)
        self._starts.append(started)
        return started

    def answered(self, started: Start, now: float) -> None:
        """Record when a call's answer came."""
        started.latency = now - started.at
        self._latencies.append(started.latency)

    def hold(self, until: float) -> None:
        """Admit nobody before *until*: the server refused a call for its rate."""
        self._held_until = max(self._held_until, until)

    def _correction(self, started: Start, now: float) -> float:
        latency = now - started.at if started.latency is None else started.latency
        return min(_MOST_CORRECTION, max(0.0, latency - min(self._latencies, default=0.0)))
