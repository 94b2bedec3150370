"""
How many calls came in any one second, exactly.

Pure: the caller brings the clock reading. What a refused call is told stays in `replies.py`.
"""

from collections import deque
from typing import Final

# A second less a microsecond: calls paced exactly one second apart, on a clock of binary fractions, must not count as
# two in one second.
_SECOND: Final = 1.0 - 1e-6


class SlidingSecond:
    """
    Count the calls of the last second, and remember the most that any second held.

    The window is every half-open interval of one second that ends at a call, so nothing hides at the edge of a
    calendar second. It holds as many readings as the second had calls.
    """

    __slots__ = ("_readings", "most")

    def __init__(self) -> None:
        self.most = 0
        self._readings: deque[float] = deque()

    def __repr__(self) -> str:
        return f"<SlidingSecond now={len(self._readings)} most={self.most}>"

    def count(self, now: float) -> int:
        """Return how many calls the second before *now* holds."""
        while self._readings and self._readings[0] <= now - _SECOND:
            self._readings.popleft()
        return len(self._readings)

    def add(self, now: float) -> None:
        """Count one call at *now*, which is not before any call counted so far."""
        count = self.count(now) + 1
        self._readings.append(now)
        self.most = max(self.most, count)
