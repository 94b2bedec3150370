"""
How many starts a second are asked for: found by trying, lowered by refusals, and given back by and by.

It decides about rates and holds from readings of a clock; when one call may start is `pacing.py`'s matter.

A refusal tells more than that there was one: the starts of the second before it that were not refused are what the
server takes. So the way down is no guess (TCP takes 0.5, CUBIC and botocore 0.7), and the way up is that of TCP's BBR:
go on at the rate that is known to hold, and try a higher one for a moment.

* **Refused** at the known rate R, with A accepted in the second before and M that may have arrived in one second with
  it, which are more where calls were late. Where M + 1 < 0.9 R, the limit has fallen: R becomes 0.98 x A, at least 0.98
  and R / 4, and nobody starts for a second. Otherwise one call came too many, perhaps because another was late:
  R x (1 - 1 / (4 R)), at most 0.98 R, and a quarter of a second; refused again within three seconds and two starts,
  0.98 x M or that share squared, and a second. A wait that the gateway names is kept if it is longer. Calls that had
  started by then lower nothing.
* **Trying**: where callers wait for the rate, as many starts as fill a second go out at R x (1 + step); then R again
  until all are answered. None refused: that is R, and the next try, with a step four times as large (0.05, 0.2, 0.8,
  then 1), follows at once. One refused: R stays, or becomes 0.98 x A if that is more; the step is 0.05 again.
* After any refusal nothing is tried for `max(12, min(60, 32 / R), min(300, 20 x seconds told to wait))` seconds; 4 in
  place of 12 where a configured rate met one call too many for the first time in three seconds.
* **Learning** begins at the rate it is given with a step of 1: from 2/s it is past 20/s after four tries. A configured
  rate begins at its ceiling and tries only after it was lowered.

What follows, simulated: a limit that stays costs a refusal in twelve seconds or in 32 calls, whichever is longer. One
that has risen threefold is in use some five round trips and seconds after that; one that has fallen to a quarter costs
two refusals, what was under way with them, and two seconds. A wait that the gateway names costs one second in twenty.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

import attrs

from aidge_async._core.remembered import finite, number

_KEPT: Final = 0.98  # of what was accepted: 20 ms of each second, more than arrivals jitter in a good network
_FALLEN: Final = 0.9  # what is accepted, and one more, under this share of the rate is no jitter
_LOWERED_CALLS: Final = 50  # the least that is taken off is one call in fifty: one late arrival is no lower limit
_MOST_CUT: Final = 0.5  # where nothing was counted
_MOST_FALL: Final = 0.25  # where it was: somebody else may have used the account in that second
_SOON: Final = 3.0  # seconds in which, with two starts, a second refusal means that the first cut was too small
_SOON_STARTS: Final = 2.0
_FIRST_STEP: Final = 0.05  # one start in twenty: a try that fails costs one refusal or two
_STEP_GROWTH: Final = 4.0
_MOST_STEP: Final = 1.0  # doubling, as TCP's slow start
_LULL: Final = 12.0  # seconds; with it 15/s after 5/s is in use within 20 s, and 5/s lose 1 call in 60
_SHORT_LULL: Final = 4.0  # where a configured rate met one call too many: most likely it was late, and no limit fell
_LULL_STARTS: Final = 32.0  # low rates would lose more calls to tries: wait for so many starts,
_MOST_LULL: Final = 60.0  # but not for hours at one call a minute
_LULL_WAITS: Final = 20.0
_MOST_LULL_FOR_WAITS: Final = 300.0  # seconds; after a ban of an hour nobody shall crawl for a day
_SHORT_HOLD: Final = 0.25  # seconds, where one call came too many: what was under way shall arrive first
_HOLD: Final = 1.0  # seconds, where nobody names them: the documented limits are a second's
_LEAST: Final = 0.05  # starts a second; from lower ones the way up would take minutes
_MOST: Final = 1e6  # starts a second that a remembered rate may be
_AGE: Final = 1e9  # seconds
_MOMENTS: Final = ("quiet_until", "lowered_at", "soon_until")
_KEPT_FIGURES: Final = (("known", _MOST), ("step", _MOST_STEP), ("share", 1.0))


@attrs.define(eq=False)
class Try:
    """
    As many starts at a higher rate as fill a second, and how they went.

    Args:
        rate: The rate.
        missing: Starts still to come.
        unanswered: Starts that no answer has come to.
    """

    rate: float
    missing: int
    unanswered: int = 0


@attrs.define(eq=False)
class Start:
    """
    One call's start, and what came of it.

    Args:
        at: When it was.
        crowd: Starts in the second before it.
        is_cold: Whether connections may have had to be made for it.
        latency: How long its answer took, once it came.
        is_refused: Whether the server took no share of the rate for it.
        part_of: The try that it belongs to.
    """

    at: float
    crowd: int = 0
    is_cold: bool = False
    latency: float | None = None
    is_refused: bool = False
    part_of: Try | None = None


class Rate:
    """
    Say which rate is in force, from what became of each start.

    Args:
        ceiling: The most it ever becomes: what was configured; infinite where it is to be found.
        first: Where it begins.
    """

    def __init__(self, ceiling: float, first: float) -> None:
        self._ceiling = ceiling
        self._known = first
        self._least = min(_LEAST, first)
        self._peak = 1  # most starts in any second: where there was no limit, a part of the rate would mean nothing
        self._step = _MOST_STEP
        self._try: Try | None = None
        self._quiet_until = -math.inf
        self._lowered_at = -math.inf
        self._soon_until = -math.inf
        self._share = 1.0
        self.in_force = first
        """The rate at which the next call may start."""

    def started(self, start: Start, *, waited: bool) -> None:
        """
        Take note of a start.

        Args:
            start: The call's.
            waited: Whether it had to wait for this rate. Only then is there anything to find out.
        """
        if start.crowd >= self._peak:
            self._peak = start.crowd + 1
        if waited and self._try is None and self._known < self._ceiling and start.at >= self._quiet_until:
            rate = min(self._ceiling, self._known * (1 + self._step))
            self._try = Try(rate, math.ceil(rate))
        if self._try is not None and self._try.missing:
            self._take_part(self._try, start, waited=waited)

    def _take_part(self, trying: Try, start: Start, *, waited: bool) -> None:
        start.part_of = trying
        trying.unanswered += 1
        # Who does not wait proves nothing: the starts must have come as fast as the rate allows.
        trying.missing = trying.missing - 1 if waited else math.ceil(trying.rate)
        self.in_force = trying.rate if trying.missing else self._known

    def answered(self, start: Start) -> None:
        """Take note that a call was answered, and not refused for its rate."""
        trying = start.part_of
        if trying is None or trying is not self._try:
            return
        trying.unanswered -= 1
        if not (trying.missing or trying.unanswered):
            self._known = self.in_force = trying.rate
            self._step = min(_MOST_STEP, self._step * _STEP_GROWTH)
            self._try = None

    def lost(self, start: Start, now: float) -> None:
        """Take note that a call got no answer: the try that it belonged to proves nothing."""
        if start.part_of is not None and start.part_of is self._try:
            self._be_quiet(now, 0.0)

    def refused(self, start: Start, now: float, *, accepted: int, at_most: int, wait: float | None) -> float:
        """
        Take note of a refusal and return for how many seconds nobody may start.

        Args:
            start: The refused call's.
            now: The reading of the clock.
            accepted: Starts of the second before it that were not refused.
            at_most: Starts not refused that the server may have counted in one second with it, if they were late.
            wait: Seconds that the gateway named; `None`: it named none.
        """
        told = wait or 0.0
        if start.at < self._lowered_at:
            return told
        tried = start.part_of if start.part_of is self._try else None
        holds, least_lull = 0.0, _LULL  # for a try: it is given up, and the log knows what the server has counted
        # Calls that were slow on their way arrived in another second than they left in: a heap of first calls that
        # came together is no lower limit.
        fallen = at_most + 1 < _FALLEN * self._known
        if fallen:
            holds = _HOLD
            lowered = max(_KEPT * max(1, accepted), _MOST_FALL * min(self._known, self._peak))
        elif tried is not None:
            lowered = min(tried.rate, max(self._known, _KEPT * accepted))
        else:
            again = start.at < self._soon_until
            holds = _HOLD if again else _SHORT_HOLD
            if not again and self._ceiling < math.inf:
                least_lull = _SHORT_LULL
            lowered = self._cut(at_most, now, again=again)
        self._known = max(self._least, lowered)
        self._lowered_at = now
        self._be_quiet(now, told, least_lull)
        return max(holds, told)

    def snapshot(self, now: float) -> dict[str, Any] | None:
        """Return what was found, as JSON can hold it; `None` while a higher rate is tried, which proves nothing yet."""
        if self._try is not None:
            return None
        moments = {name: getattr(self, f"_{name}") - now for name in _MOMENTS}
        return {
            "ceiling": finite(self._ceiling),
            "known": self._known,
            "peak": self._peak,
            "step": self._step,
            "share": self._share,
            **{name: finite(moment) for name, moment in moments.items()},
        }

    def restore(self, found: Mapping[str, Any], now: float) -> None:
        """
        Go on from a snapshot; raises `ValueError`, `TypeError` or `KeyError` where it is none, and changes nothing.

        What was found under another ceiling is left out: who configures another one wants that.

        Args:
            found: From `snapshot`.
            now: When it was made, by this process's clock.
        """
        if found["ceiling"] != finite(self._ceiling):
            return
        known, step, share = (number(found[name], 0.0, most) for name, most in _KEPT_FIGURES)
        moments = [-math.inf if found[name] is None else now + number(found[name], -_AGE, _AGE) for name in _MOMENTS]
        self._peak = max(1, int(number(found["peak"], 1, _MOST)))
        self._known = self.in_force = min(self._ceiling, max(self._least, known))
        self._step, self._share, self._try = step, share, None
        self._quiet_until, self._lowered_at, self._soon_until = moments

    def _cut(self, at_most: int, now: float, *, again: bool) -> float:
        """Return a rate that is a little lower, or not so little if the last time did not help."""
        self._soon_until = now + _SOON + _SOON_STARTS / self._known
        if again and 0 < at_most < self._known:
            return _KEPT * at_most
        self._share = self._share**2 if again else 1 - 1 / min(_LOWERED_CALLS, 4 * math.ceil(self._known))
        return max(_MOST_CUT, self._share) * self._known

    def _be_quiet(self, now: float, told: float, least_lull: float = _LULL) -> None:
        """Give up what is being tried, and try nothing for a time."""
        self._try = None
        self.in_force = self._known
        self._step = _FIRST_STEP
        lull = max(least_lull, min(_MOST_LULL, _LULL_STARTS / self._known))
        self._quiet_until = now + told + max(lull, min(_MOST_LULL_FOR_WAITS, _LULL_WAITS * told))
