"""
How long tasks take, learned from polls: a decaying histogram of log durations with a prior.

A poll shows an interval only: a task ended after the last "running" and before the first "done", and one that still
runs takes longer than it is old. Nothing decides here when to poll.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any, Final, Self

from aidge_async._core.remembered import number, whole

LONGEST: Final = 3600.0  # seconds; what takes longer counts as this long
_BINS: Final = 236  # of 3.5 % each, from 1 s; one more holds what ends before, where no poll can tell more
_PER_LOG: Final = _BINS / math.log(LONGEST)
EDGES: Final = (0.0, *(math.exp(number / _PER_LOG) for number in range(_BINS + 1)))
_SIZE: Final = len(EDGES) - 1
_CENTERS: Final = (0.0, *((number + 0.5) / _PER_LOG for number in range(_BINS)))

# The settings below were chosen by simulation over the cases of `benchmarks/polling.py`, on seeds not reported there.
_PRIOR_MEDIAN: Final = 15.0  # seconds: the vendor calls polls every 5 s typical, and tens of seconds are normal
_PRIOR_SPREAD: Final = 1.0  # of the log: two in three tasks take from 5 to 40 s
_PRIOR_WEIGHT: Final = 1.0  # tasks that it counts for
_SPREAD: Final = 0.5  # of the log, before a spread was seen; counts for one task
_CURVE_WEIGHT: Final = 4.0  # tasks that the lognormal of the seen mean and spread counts for
_FLOOR: Final = 0.004  # share that may end at any time at all, so that nothing is impossible
_SMOOTHING: Final = 0.6  # half width of the kernel, in spreads of one task; falls with the fifth root of their number
_WIDEST_KERNEL: Final = 12.0  # bins
_NARROW: Final = 0.25, 0.64  # the shortest interval that holds a quarter; its width in a lognormal, in spreads
_COHORT: Final = 100  # tasks; or as many as are followed, so that one cohort outlives the longest of another
_COHORTS: Final = 6
_DECAY: Final = 0.8  # of a cohort's weight for each that follows
_SETTLED: Final = 10.0  # ends, before which a fit is too young for a change to be told from it
_FEW: Final = 40.0  # ends
_REMEMBERED: Final = 3  # ends that survive an alarm
_ALARM: Final = 5.0  # log of the odds for "something changed": one end as good as impossible, or several odd

_MANY: Final = 1_000_000_000  # tasks
_REFITS: Final = 5  # from the prior again; more change the cost by nothing that was seen

_THIRD: Final = round(math.log(3.0) * _PER_LOG)  # bins
_LEAST_ODDS: Final = 1e-6  # keeps a logarithm finite


def slot(seconds: float) -> int:
    """Return how many bins a task of that age has outlived, to the nearest."""
    return min(_BINS, 1 + round(math.log(seconds) * _PER_LOG)) if seconds >= 1.0 else 0


def lognormal(middle: float, spread: float) -> list[float]:
    """Return the share of each bin under a lognormal; what lies off the bins goes to the outermost that count."""
    reach = 5 * spread
    first = min(max(1, int((middle - reach) * _PER_LOG)), _BINS)
    last = max(min(_SIZE, int((middle + reach) * _PER_LOG) + 2), first + 1)
    center, scale = middle * _PER_LOG + 1.0, _PER_LOG * spread * math.sqrt(2.0)
    below = [-0.5, *(math.erf((number - center) / scale) / 2 for number in range(first + 1, last)), 0.5]
    shares = [high - low for low, high in pairwise(below)]
    return [0.0] * first + shares + [0.0] * (_SIZE - last)


_PRIOR: Final = tuple(lognormal(math.log(_PRIOR_MEDIAN), _PRIOR_SPREAD))


class Cohort:
    """
    Tasks that began one after the other: what was seen of them, ended or not.

    They are weighted and forgotten together. Were ends forgotten alone, the long tasks that still run would outweigh
    the short ones of their time.
    """

    __slots__ = ("begun", "ends", "running", "weight")

    def __init__(self) -> None:
        self.begun = 0
        self.weight = 1.0
        self.ends: dict[tuple[int, int], int] = {}
        """How many ended after one slot and before another."""
        self.running: dict[int, int] = {}
        """How many were last seen running in a slot."""

    def runs_on(self, before: int, now: int) -> None:
        """Move one task from slot to slot; one that was never seen running is in slot 0 and not counted."""
        if before:
            self.running[before] -= 1
            if not self.running[before]:
                del self.running[before]
        if now:
            self.running[now] = self.running.get(now, 0) + 1

    def end(self, before: int, now: int) -> None:
        """Note one end."""
        self.ends[before, now] = self.ends.get((before, now), 0) + 1

    def snapshot(self) -> dict[str, Any]:
        """Return what was seen, as JSON can hold it."""
        ends = [[*between, count] for between, count in self.ends.items()]
        return {"begun": self.begun, "weight": self.weight, "ends": ends, "running": list(self.running.items())}

    @classmethod
    def restored(cls, found: Mapping[str, Any]) -> Self:
        """Return what `snapshot` returned; raises as `remembered.number`, or `KeyError`."""
        cohort = cls()
        cohort.begun = whole(found["begun"], 0, _MANY)
        cohort.weight = number(found["weight"], 0.0, 1.0)
        for before, now, count in found["ends"]:
            cohort.ends[_between(before, now)] = whole(count, 1, _MANY)
        for last, count in found["running"]:
            cohort.running[whole(last, 1, _SIZE - 1)] = whole(count, 1, _MANY)
        return cohort


def _between(before: Any, now: Any) -> tuple[int, int]:  # noqa: ANN401  they come from a file
    low = whole(before, 0, _SIZE - 1)
    return low, whole(now, low + 1, _SIZE)


class Durations:
    """
    The distribution of durations of one kind of task.

    Each fit spreads every end over its interval, and every running task over all later bins, in proportion to the last
    fit, and smooths the sum (one step of expectation and maximisation; Silverman and others, 1990, add the smoothing).
    """

    def __init__(self) -> None:
        self._cohorts = [Cohort()]
        self._last_ends: list[tuple[int, int]] = []
        self._followed = 0
        self.ended = self.running = 0.0
        """Weight of the ends, and of the tasks seen running, in the last fit."""
        self._evidence = [0.0, 0.0]
        self._take([1.0 * share for share in _PRIOR])

    @property
    def suspicion(self) -> float:
        """Return the log of the odds that durations have changed."""
        return max(self._evidence)

    def begin(self) -> Cohort:
        """Count one more task, and return the cohort it belongs to."""
        self._followed += 1
        if self._cohorts[-1].begun >= max(_COHORT, self._followed):
            for cohort in self._cohorts:
                cohort.weight *= _DECAY
            self._cohorts = [*self._cohorts[1 - _COHORTS :], Cohort()]
        self._cohorts[-1].begun += 1
        return self._cohorts[-1]

    def runs_on(self, cohort: Cohort, before: int, now: int) -> None:
        """Note that a task that was seen running in one slot was seen running in another."""
        cohort.runs_on(before, now)
        if now > before:
            self._suspect(before, now, done=False)

    def ends(self, cohort: Cohort, before: int, now: int) -> None:
        """Note that a task that was seen running in one slot was done in another."""
        now = max(now, before + 1)
        self._followed -= 1
        cohort.runs_on(before, 0)
        cohort.end(before, now)
        self._last_ends = [*self._last_ends[1 - _REMEMBERED :], (before, now)]
        self._suspect(before, now, done=True)

    def leaves(self) -> None:
        """Note that a task is followed no more: it stays where it was last seen running."""
        self._followed -= 1

    def fit(self) -> None:
        """Take in what was seen since the last fit."""
        if self.suspicion > _ALARM:
            self._forget()
        self.ended = sum(cohort.weight * sum(cohort.ends.values()) for cohort in self._cohorts)
        self.running = sum(cohort.weight * sum(cohort.running.values()) for cohort in self._cohorts)
        for _ in range(2 if self.ended < _FEW else 1):  # while little is known, each fit differs much from the last
            self._fit_once()

    def snapshot(self) -> dict[str, Any]:
        """Return what was seen, as JSON can hold it."""
        return {"cohorts": [cohort.snapshot() for cohort in self._cohorts], "last_ends": list(self._last_ends)}

    @classmethod
    def restored(cls, found: Mapping[str, Any]) -> Self:
        """Return what `snapshot` returned; raises as `remembered.number`, or `KeyError`."""
        durations = cls()
        cohorts = [Cohort.restored(cohort) for cohort in found["cohorts"][-_COHORTS:]]
        durations._cohorts = cohorts or durations._cohorts
        durations._last_ends = [_between(before, now) for before, now in found["last_ends"][-_REMEMBERED:]]
        for _ in range(_REFITS):
            durations.fit()
        return durations

    def _fit_once(self) -> None:
        shares = self._spread()
        curve, weight = list(_PRIOR), 0.0
        if self.ended:
            curve, weight = self._curve(shares), _CURVE_WEIGHT * self.ended / (self.ended + _PRIOR_WEIGHT)
            shares = _smoothed(shares, self.ended)
        total = self.ended + self.running + _PRIOR_WEIGHT + weight
        prior = _PRIOR_WEIGHT / total
        weight, kept = weight / total, 1.0 / total
        self._take([kept * a + weight * b + prior * c for a, b, c in zip(shares, curve, _PRIOR, strict=True)])

    def ended_by(self, age: float) -> float:
        """Return the share of tasks that have ended by *age*, as fitted."""
        return self._sums[slot(age)]

    def _take(self, shares: list[float]) -> None:
        scale, floor = (1.0 - _FLOOR) / sum(shares), _FLOOR / _SIZE
        self.shares = [scale * share + floor for share in shares]
        """Share of tasks that end in each bin."""
        self._sums = [0.0, *accumulate(self.shares)]

    def _spread(self) -> list[float]:
        """Return the weight of ends in each bin, as the last fit would have them."""
        sums, rises = self._sums, [0.0] * (_SIZE + 1)
        for cohort in self._cohorts:
            for (low, high), count in cohort.ends.items():
                rise = cohort.weight * count / (sums[high] - sums[low])
                rises[low] += rise
                rises[high] -= rise
            for low, count in cohort.running.items():
                rises[low] += cohort.weight * count / (sums[_SIZE] - sums[low])
        return [share * rise for share, rise in zip(self.shares, accumulate(rises), strict=False)]

    def _curve(self, shares: list[float]) -> list[float]:
        total = self.ended + self.running
        parts = [share * center for share, center in zip(shares, _CENTERS, strict=True)]
        mean = sum(parts) / total
        variance = max(0.0, sum(part * center for part, center in zip(parts, _CENTERS, strict=True)) / total - mean**2)
        return lognormal(mean, math.sqrt((self.ended * variance + _SPREAD**2) / (self.ended + 1.0)))

    def _suspect(self, before: int, now: int, *, done: bool) -> None:
        """
        Add up the evidence for a change, against ends at any time and against all tasks taking a third as long.

        The second is needed because a poll that always finds the end tells nothing of how long ago it was. Each sum
        (a CUSUM) is never below 0, so that a good past does not count.
        """
        if self.ended < _SETTLED:
            return
        fitted = self._outlived(before, now)
        third = self._outlived(min(before + _THIRD, _SIZE - 1), min(now + _THIRD, _SIZE - 1))
        for place, rival in enumerate(((_SIZE - now) / (_SIZE - before), third)):
            odds = (1.0 - rival) / (1.0 - fitted) if done else rival / fitted
            self._evidence[place] = max(0.0, self._evidence[place] + math.log(max(odds, _LEAST_ODDS)))

    def _outlived(self, before: int, now: int) -> float:
        """Return the share that outlives slot *now* of what outlives slot *before*, as fitted."""
        sums = self._sums
        return (sums[_SIZE] - sums[now]) / (sums[_SIZE] - sums[before])

    def _forget(self) -> None:
        """Keep the last few ends and what runs now."""
        self._evidence = [0.0, 0.0]
        for cohort in self._cohorts:
            cohort.weight = 1.0
            cohort.ends.clear()
        fresh = Cohort()
        for before, now in self._last_ends:
            fresh.end(before, now)
        self._cohorts = [*self._cohorts[1 - _COHORTS :], fresh]


def _smoothed(shares: Sequence[float], number: float) -> list[float]:
    """Return *shares* under a box whose width fits the narrowest crowd in them and the *number* of tasks."""
    sums = list(accumulate(shares, initial=0.0))
    part, spreads = _NARROW
    half = min(_WIDEST_KERNEL, _SMOOTHING * _narrowest(sums, part * sums[-1]) / spreads * number**-0.2)
    whole = int(half)
    rest, scale = half - whole, 1.0 / (2 * half + 1)
    sums = [0.0] * (whole + 1) + sums + [sums[-1]] * (whole + 1)
    ends = sums[1:], sums[2 * whole + 2 :], sums[2 * whole + 3 :]
    return [
        scale * ((1.0 - rest) * (high - low) + rest * (higher - lower))
        for lower, low, high, higher in zip(sums, *ends, strict=False)
    ]


def _narrowest(sums: Sequence[float], part: float) -> int:
    """Return the least number of neighbouring bins that hold *part*."""
    least, low = _SIZE, 0
    for high, total in enumerate(sums):
        while low + 1 < high and total - sums[low + 1] >= part:
            low += 1
        if total - sums[low] >= part:
            least = min(least, high - low)
    return least
