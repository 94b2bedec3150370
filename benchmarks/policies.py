"""
Rules for when to poll, as others use them, and the best there could be; all fulfil `Schedule` and none learns.

Nothing is measured here.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Hashable
from itertools import pairwise

import attrs

from aidge_async._core.inspection import best_plan
from aidge_async._core.schedule import LEAST_INTERVAL, Course, Schedule


@attrs.define
class _Ages:
    """A course whose next poll is a function of the last one's age."""

    _next_poll: Callable[[float], float]
    _last: float = 0.0

    def next_delay(self, age: float) -> float:
        return max(0.0, self._next_poll(self._last) - age)

    def seen_running(self, age: float) -> None:
        self._last = age

    def ended(self, age: float) -> None:
        pass

    def left(self) -> None:
        pass


@attrs.frozen
class Rule:
    """A schedule that is the same for every task."""

    next_poll: Callable[[float], float]

    def snapshot(self) -> None:
        """Return nothing: nothing is learned."""

    def restore(self, found: object) -> None:
        """Learn nothing."""

    def follow(self, workload: Hashable) -> Course:  # noqa: ARG002  every task alike
        """Begin a course."""
        return _Ages(self.next_poll)


def doubling(longest: float) -> Schedule:
    """Wait 1, 2, 4 ... s, and *longest* from then on; without bound this is the usual exponential backoff."""

    def next_poll(last: float) -> float:
        due, interval = 1.0, 1.0
        while due <= last + 1e-6:
            interval = min(2 * interval, longest)
            due += interval
        return due

    return Rule(next_poll)


def clairvoyant(share_ended_by: Callable[[float], float], poll_cost: float, longest: float = 3600.0) -> Schedule:
    """Poll as is best for who knows the distribution, though not the single task; polls are 1 s apart here too."""
    points = [0.0, *(longest ** (number / 1500) for number in range(1501))]
    ended = [0.0, *(share_ended_by(point) for point in points[1:-1]), 1.0]
    masses = [0.0, *(after - before for before, after in pairwise(ended))]
    plan = best_plan(points, masses, poll_cost)

    def next_poll(last: float) -> float:
        return max(plan.following[bisect_right(points, last + 1e-6) - 1], last + LEAST_INTERVAL)

    return Rule(next_poll)


def normal(score: float) -> float:
    """Return the share of a standard normal distribution below *score*."""
    return 0.5 + math.erf(score / math.sqrt(2.0)) / 2
