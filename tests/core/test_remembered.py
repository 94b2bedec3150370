"""What was learned, as plain data: written, read back, and left out where it is odd."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aidge_async._core import remembered
from aidge_async._core.durations import Durations
from aidge_async._core.learned import LearnedSchedule
from aidge_async._core.pacing import Pace
from aidge_async._core.rate import Rate, Start

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(st.text(max_size=5), parts, max_size=4),
    max_leaves=12,
)


def by_way_of_json(value: object) -> Any:
    """Return *value* as a file would give it back; it must be JSON proper."""
    return json.loads(json.dumps(value, allow_nan=False))


def taught() -> LearnedSchedule:
    """Return a schedule that has seen tasks end and run."""
    schedule = LearnedSchedule(1.0)
    for number in range(250):
        course = schedule.follow(("operation", (2, None)))
        course.next_delay(0.0)
        course.seen_running(20.0 + number % 3)
        if number % 50:
            course.ended(24.0)
    return schedule


def lowered() -> Pace:
    """Return a pace that was refused at 10 a second."""
    pace = Pace(10.0)
    for number in range(10):
        start = pace.start(number / 10)
    pace.refused(start, 1.0, 30.0)
    return pace


def test_schedule_goes_on_from_its_snapshot() -> None:
    """It expects of the same workload what the one before it expected, and of others nothing."""
    before, after = taught(), LearnedSchedule(1.0)
    after.restore(by_way_of_json(before.snapshot()))
    workload = ("operation", (2, None))
    found, expected = (one._lessons[workload].durations.shares for one in (after, before))
    assert sum(abs(a - b) for a, b in zip(found, expected, strict=True)) < 0.1
    assert by_way_of_json(after.snapshot()) == by_way_of_json(before.snapshot())


def test_nothing_learned_is_a_snapshot_too() -> None:
    """One that changes nothing."""
    schedule = LearnedSchedule(1.0)
    schedule.restore(by_way_of_json(LearnedSchedule(1.0).snapshot()))
    assert schedule._lessons == {}
    assert Durations.restored({"cohorts": [], "last_ends": []}).ended == 0


@given(JSON)
def test_odd_lessons_are_left_out(value: object) -> None:
    """Whatever stands in the file, the schedule begins and polls."""
    for found in (value, {"version": 1, "lessons": value}, {"version": 1, "lessons": [["w", value]]}):
        schedule = LearnedSchedule(1.0)
        schedule.restore(found)
        assert schedule.follow("w").next_delay(0.0) >= 1.0


@given(JSON)
def test_odd_cohorts_are_left_out(value: object) -> None:
    """Each figure is looked at."""
    for name in ("begun", "weight", "ends", "running"):
        cohort = {"begun": 1, "weight": 1.0, "ends": [[3, 5, 1]], "running": [[4, 1]], name: value}
        lesson = {"cohorts": [cohort], "last_ends": [[3, 5]]}
        schedule = LearnedSchedule(1.0)
        schedule.restore({"version": 1, "lessons": [["w", lesson]]})
        assert schedule.follow("w").next_delay(0.0) >= 1.0


def test_pace_goes_on_from_its_snapshot() -> None:
    """At the lowered rate, held for as long, and trying nothing for as long."""
    before, after = lowered(), Pace(10.0)
    found = by_way_of_json(before.snapshot(2.0))
    after.restore(found, 102.0)
    assert after.rate == before.rate < 10.0
    assert math.isclose(after.held(102.0), before.held(2.0))
    assert by_way_of_json(after.snapshot(102.0)) == pytest.approx(found)


def test_rate_found_under_another_ceiling_is_left_out() -> None:
    """Who configures another one wants that."""
    after = Pace(20.0)
    after.restore(by_way_of_json(lowered().snapshot(40.0)), 40.0)
    assert after.rate == 20.0


def test_rate_that_is_learned_is_recalled() -> None:
    """It has no ceiling, and begins where the one before it was."""
    rate, after = Rate(math.inf, 8.0), Rate(math.inf, 2.0)
    after.restore(by_way_of_json(rate.snapshot(0.0)), 0.0)
    assert after.in_force == 8.0


def test_rate_that_is_tried_is_not_remembered() -> None:
    """It proves nothing yet."""
    rate = Rate(math.inf, 8.0)
    rate.started(Start(0.0), waited=True)
    assert rate.snapshot(0.0) is None
    pace = Pace(math.inf, 8.0)
    pace.start(0.0, waited=True)
    assert pace.snapshot(0.0) is None


def test_rate_that_was_never_refused_is_tried_higher_at_once() -> None:
    """Nothing that it remembers puts a try off; a refusal of before the end of its process does, for as long."""
    rate, after = Rate(math.inf, 8.0), Rate(math.inf, 2.0)
    after.restore(by_way_of_json(rate.snapshot(0.0)), 50.0)
    after.started(Start(50.0), waited=True)
    assert after.in_force == 16.0
    rate.refused(Start(0.0), 0.0, accepted=7, at_most=7, wait=None)
    after = Rate(math.inf, 2.0)
    after.restore(by_way_of_json(rate.snapshot(2.0)), 52.0)
    after.started(Start(61.9), waited=True)
    assert after.in_force == rate.in_force
    after.started(Start(62.1), waited=True)
    assert after.in_force == pytest.approx(1.05 * rate.in_force)


@given(JSON, st.sampled_from(["known", "step", "share", "peak", "held", "quiet_until", "lowered_at", "soon_until"]))
def test_odd_figures_change_nothing(value: object, name: str) -> None:
    """They are refused as a whole, or they are figures that a pace can go on from."""
    pace = Pace(10.0)
    try:
        pace.restore({**by_way_of_json(lowered().snapshot(2.0)), name: value}, 2.0)
    except (ValueError, TypeError):
        assert pace.rate == 10.0
    assert 0 < pace.rate <= 10.0
    assert math.isfinite(pace.earliest(2.0))


def test_whole_numbers_are_whole() -> None:
    """3.0 is, 3.5 is not, and True is no number."""
    assert remembered.whole(3.0, 0, 5) == 3
    with pytest.raises(ValueError, match="is not whole"):
        remembered.whole(3.5, 0, 5)
    with pytest.raises(TypeError, match="is no number"):
        remembered.number(True, 0, 5)
    with pytest.raises(ValueError, match="is not from 0 to 5"):
        remembered.number(math.nan, 0, 5)
