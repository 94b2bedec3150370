"""
When to poll next, as a pure function of what is known of a task's age.

No clock is read and nothing is slept here.
"""

from typing import Final

import attrs

from aidge_async.errors import SettingsError

LEAST_INTERVAL: Final = 1.0  # seconds; the vendor advises against asking more often


@attrs.frozen
class FixedInterval:
    """
    Poll every *seconds*.

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

    def next_delay(self, age: float, last_poll: float | None) -> float:
        """
        Return the seconds until the next poll.

        Args:
            age: Seconds since the task was submitted. A task older than the interval when it is first looked at (a
                resumed one) is asked after at once.
            last_poll: Its age at the last poll; `None` before the first.
        """
        due = self.seconds if last_poll is None else last_poll + self.seconds
        return max(0.0, due - age)
