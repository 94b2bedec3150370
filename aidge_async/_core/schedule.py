"""
When to poll next, as a pure function of what is known of a task's age.

No clock is read and nothing is slept here.
"""

from collections.abc import Hashable
from typing import Final, Protocol

import attrs

from aidge_async.errors import SettingsError

LEAST_INTERVAL: Final = 1.0  # seconds; the vendor advises against asking more often


class Course(Protocol):
    """One followed task: when to poll it next, and what its polls said."""

    def next_delay(self, age: float) -> float:
        """Return the seconds until the next poll of a task that was submitted *age* seconds ago."""
        ...

    def seen_running(self, age: float) -> None:
        """Note that a poll at *age* found the task not done."""
        ...

    def ended(self, age: float) -> None:
        """Note that a poll at *age* found the task done, one way or the other."""
        ...

    def left(self) -> None:
        """Note that nobody follows the task any more, and its end is not known."""
        ...


class Schedule(Protocol):
    """When the tasks of one client are polled; it lives as long as the client."""

    def follow(self, workload: Hashable) -> Course:
        """Begin a course; tasks of equal *workload* are expected to take about as long."""
        ...

    def snapshot(self) -> object:
        """Return what was learned, as JSON can hold it; `None`: nothing ever is."""
        ...

    def restore(self, found: object) -> None:
        """Go on from a snapshot; what is odd in it is left out."""
        ...


@attrs.frozen
class FixedInterval:
    """
    Poll every *seconds*; fulfils `Schedule`.

    Args:
        seconds: Interval, at least 1. The vendor's pages call 5 typical; the mean detection delay is half of it.
    """

    seconds: float = 5.0

    def __attrs_post_init__(self) -> None:
        """Hold the floor."""
        number = isinstance(self.seconds, (int, float))
        if not (number and LEAST_INTERVAL <= self.seconds <= 3600):  # noqa: PLR2004  an hour
            raise SettingsError(
                f"'seconds' must be from {LEAST_INTERVAL:g} to 3600 (got {self.seconds!r}); the vendor advises 5"
            )

    def follow(self, workload: Hashable) -> Course:  # noqa: ARG002  every task alike
        """Begin a course; see `Schedule`."""
        return _FixedCourse(self.seconds)

    def snapshot(self) -> None:
        """Return nothing: nothing is learned."""

    def restore(self, found: object) -> None:
        """Learn nothing."""


@attrs.define
class _FixedCourse:
    _seconds: float
    _last_poll: float = 0.0

    def next_delay(self, age: float) -> float:
        """Return the rest of the interval: a task resumed after it is asked after at once."""
        return max(0.0, self._last_poll + self._seconds - age)

    def seen_running(self, age: float) -> None:
        """Begin the next interval."""
        self._last_poll = age

    def ended(self, age: float) -> None:
        """Learn nothing."""

    def left(self) -> None:
        """Learn nothing."""
