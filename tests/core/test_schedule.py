"""When a task is asked after."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aidge_async._core.schedule import FixedInterval
from aidge_async.errors import SettingsError


@pytest.mark.parametrize(
    ("age", "last_poll", "expected"),
    [(0.0, None, 5.0), (2.0, None, 3.0), (7.0, None, 0.0), (5.0, 5.0, 5.0), (6.5, 5.0, 3.5), (99.0, 5.0, 0.0)],
)
def test_next_poll_is_an_interval_after_the_last(age: float, last_poll: float | None, expected: float) -> None:
    """Counted from the submit at first; what is overdue is asked at once."""
    course = FixedInterval().follow("any")
    if last_poll is not None:
        course.seen_running(last_poll)
    assert course.next_delay(age) == expected


@given(st.floats(1, 3600), st.floats(0, 1e6), st.none() | st.floats(0, 1e6))
def test_delay_is_never_negative_nor_longer_than_needed(seconds: float, age: float, last_poll: float | None) -> None:
    """From 0 to the interval, or to the last poll's interval where that lies ahead."""
    course = FixedInterval(seconds).follow("any")
    course.seen_running(last_poll or 0.0)
    delay = course.next_delay(age)
    assert 0.0 <= delay <= seconds + (last_poll or 0.0)


@pytest.mark.parametrize("seconds", [1, 1.0, 5, 3600])
def test_interval_may_be_a_second_to_an_hour(seconds: float) -> None:
    """Both ends belong to it."""
    assert FixedInterval(seconds).seconds == seconds


@pytest.mark.parametrize("seconds", [0.999, 0, -5, 3601, math.nan, math.inf, "5", None])
def test_interval_outside_is_refused(seconds: Any) -> None:
    """The vendor advises against asking more often; the message says what is allowed."""
    with pytest.raises(SettingsError, match=r"^'seconds' must be from 1 to 3600 \(got .*\); the vendor advises 5$"):
        FixedInterval(seconds)
