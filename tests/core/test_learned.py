"""When the learned schedule polls."""

import math
import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aidge_async import Polling
from aidge_async._core.durations import EDGES
from aidge_async._core.inspection import best_plan
from aidge_async._core.learned import LearnedSchedule, plan_points
from aidge_async._core.schedule import Course, Schedule
from aidge_async.errors import SettingsError


def follow(course: Course, life: float) -> tuple[int, float]:
    """Poll one task to its end; return the number of polls and the detection delay."""
    age, polls = 0.0, 0
    while True:
        age += course.next_delay(age)
        polls += 1
        if age >= life:
            course.ended(age)
            return polls, age - life
        course.seen_running(age)


def costs(schedule: Schedule, lives: list[float], poll_cost: float = 1.0) -> list[float]:
    """Return what each of *lives* costs, followed one after the other."""
    return [poll_cost * polls + delay for polls, delay in (follow(schedule.follow("any"), life) for life in lives)]


def drawn(seed: str, number: int, median: float, spread: float) -> list[float]:
    """Return lognormal durations."""
    rng = random.Random(seed)
    return [median * math.exp(spread * rng.gauss(0, 1)) for _ in range(number)]


def least_cost(median: float, spread: float) -> float:
    """Return the cost of the best plan for a lognormal that is known, at a poll cost of 1."""
    points = [0.0, *(math.exp(0.01 * number) for number in range(700))]
    below = [math.erf(math.log(max(point, 1e-9) / median) / spread / math.sqrt(2)) / 2 + 0.5 for point in points]
    masses = [0.0, *(high - low for low, high in pairwise(below))]
    return best_plan(points, masses, 1.0).cost


@pytest.mark.parametrize("spread", [0.05, 0.35])
def test_cost_comes_near_that_of_a_known_distribution(spread: float) -> None:
    """After a hundred tasks the next hundred cost at most a fifth more than if the distribution were known."""
    found = costs(LearnedSchedule(1.0), drawn("near", 200, 20.0, spread))
    assert sum(found[100:]) / 100 <= 1.2 * least_cost(20.0, spread)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.1, 5), st.lists(st.floats(0.1, 5000), min_size=1, max_size=12))
@pytest.mark.slow
def test_polls_are_never_less_than_a_second_apart(poll_cost: float, lives: list[float]) -> None:
    """Whatever was learned, and whether a poll is a probe or not."""
    schedule = LearnedSchedule(poll_cost)
    for life in lives:
        course, age = schedule.follow("any"), 0.0
        while age < life:
            delay = course.next_delay(age)
            assert delay >= 1.0 - 1e-9
            age += delay
            if age < life:
                course.seen_running(age)
        course.ended(age)


def test_probes_keep_the_interval_too() -> None:
    """The early polls that look for shorter tasks leave a second to the planned one."""
    schedule = LearnedSchedule(0.1)
    for life in drawn("probes", 300, 4.0, 0.05):
        course, age = schedule.follow("any"), 0.0
        while age < life:
            delay = course.next_delay(age)
            assert delay >= 1.0 - 1e-9
            age += delay
            if age < life:
                course.seen_running(age)
        course.ended(age)


def test_cold_schedule_expects_tens_of_seconds() -> None:
    """Its first polls come after some 8, 13 and 20 s, and further apart from then on."""
    course, age, ages = LearnedSchedule(1.0).follow("any"), 0.0, []
    for _ in range(5):
        age += course.next_delay(age)
        ages.append(age)
        course.seen_running(age)
    gaps = [later - sooner for sooner, later in pairwise(ages)]
    assert 4 <= ages[0] <= 12
    assert 10 <= ages[1] <= 20
    assert all(3 <= gap <= 20 for gap in gaps)


@pytest.mark.parametrize("factor", [3.0, 1 / 3])
def test_jump_of_durations_is_followed(factor: float) -> None:
    """Tasks that suddenly take thrice or a third as long cost little more after a hundred of them."""
    before, after = drawn("before", 200, 20.0, 0.15), drawn("after", 150, 20.0 * factor, 0.15)
    found = costs(LearnedSchedule(1.0), before + after)
    assert sum(found[300:]) / 50 <= 1.5 * least_cost(20.0 * factor, 0.15)


def test_workloads_are_learned_apart() -> None:
    """Four large pictures say nothing about a small one."""
    schedule = LearnedSchedule(1.0)
    for _ in range(30):
        follow(schedule.follow("small"), 5.0)
        follow(schedule.follow("large"), 100.0)
    assert schedule.follow("small").next_delay(0.0) < 10
    assert schedule.follow("large").next_delay(0.0) > 20


def test_number_of_workloads_is_bounded() -> None:
    """The first learned is the first forgotten."""
    schedule = LearnedSchedule(1.0)
    cold = schedule.follow(-1).next_delay(0.0)
    for _ in range(30):
        follow(schedule.follow("first"), 100.0)
    for number in range(64):
        schedule.follow(number)
    assert schedule.follow("first").next_delay(0.0) == cold


def test_resumed_task_is_asked_after_at_once_and_teaches_nothing() -> None:
    """That it ended before somebody looked after an hour says nothing about when."""
    schedule = LearnedSchedule(1.0)
    cold = schedule.follow("any").next_delay(0.0)
    for _ in range(30):
        course = schedule.follow("any")
        assert course.next_delay(500.0) == 0.0
        course.seen_running(500.0)
        assert course.next_delay(500.0) > 0.0
        course.ended(600.0)
        course.left()
    assert schedule.follow("any").next_delay(0.0) == cold


def test_task_older_than_all_plans_is_polled_by_its_age() -> None:
    """After an hour, every twentieth part of it."""
    course = LearnedSchedule(1.0).follow("any")
    course.next_delay(0.0)
    course.seen_running(4000.0)
    assert course.next_delay(4000.0) == pytest.approx(200.0)


def test_tasks_left_running_are_not_taken_for_ended() -> None:
    """Callers that lose patience at 40 s make the schedule wait longer, not shorter."""
    schedule = LearnedSchedule(1.0)
    cold = schedule.follow("any").next_delay(0.0)
    for _ in range(30):
        course, age = schedule.follow("any"), 0.0
        while (age := age + course.next_delay(age)) < 40:
            course.seen_running(age)
        course.left()
    assert schedule.follow("any").next_delay(0.0) > cold


def test_delay_follows_what_others_learn_meanwhile() -> None:
    """Asked again before its poll is due, a course knows what other tasks have taught since."""
    schedule = LearnedSchedule(1.0)
    course = schedule.follow("any")
    first = course.next_delay(0.0)
    for _ in range(10):
        follow(schedule.follow("any"), 100.0)
    assert course.next_delay(1.0) > first + 10


def test_dear_polls_are_fewer() -> None:
    """The poll cost is what one poll may save in delay."""
    lives = drawn("dear", 150, 20.0, 0.5)
    polls = []
    for poll_cost in (0.2, 1.0, 5.0):
        schedule = LearnedSchedule(poll_cost)
        polls.append(sum(follow(schedule.follow("any"), life)[0] for life in lives))
    assert polls[0] > polls[1] > polls[2]


def test_points_of_a_plan_are_dense_where_tasks_end() -> None:
    """A bin that holds much is cut, and those that hold nothing are joined."""
    shares = [0.0] * 237
    shares[100] = 0.5
    shares[101] = 0.02
    shares[200] = 0.48
    points, masses = plan_points(shares)
    assert sum(masses) == pytest.approx(1.0)
    assert points == sorted(points)
    assert len(points) < 80
    assert max(masses) <= 0.5


def test_points_of_a_plan_cut_and_join_bins() -> None:
    """Five bins that hold little are one; one that holds twice a point's mass is two, and much more is six at most."""
    shares = [0.0] * (len(EDGES) - 1)
    shares[0] = 0.48  # cut into six
    shares[11] = 0.016  # after two lots of five bins: cut into two
    shares[12], shares[13] = 0.005, 0.016  # neither is a point's mass alone: joined, and so not cut
    shares[234] = 0.483  # cut into six, and what is left behind it is joined up to the end
    points, masses = plan_points(shares)
    middle, last = (EDGES[11] + EDGES[12]) / 2, EDGES[235] - EDGES[234]
    sixths = [part / 6 for part in range(6)]
    first = [*sixths, EDGES[1], EDGES[6], EDGES[11], middle, EDGES[12], EDGES[14]]
    joined = [EDGES[number] for number in range(19, 234, 5)]
    latest = [EDGES[234] + last * part for part in sixths]
    assert points == pytest.approx([*first, *joined, *latest, EDGES[235], EDGES[237]])
    assert masses == pytest.approx(
        [0.0, *[0.08] * 6, 0.0, 0.0, 0.008, 0.008, 0.021, *[0.0] * (len(joined) + 1), *[0.0805] * 6, 0.0]
    )


@pytest.mark.parametrize("poll_cost", [0, -1, math.nan, math.inf, "1", None, True, 3601])
def test_poll_cost_outside_is_refused(poll_cost: Any) -> None:
    """What no delay is worth, or more than an hour, is a mistake."""
    with pytest.raises(SettingsError, match=r"^'poll_cost' must be over 0 and at most 3600 seconds"):
        Polling.learned(poll_cost)


@pytest.mark.parametrize("poll_cost", [3600, 1e-9])
def test_poll_cost_may_be_an_hour_or_next_to_nothing(poll_cost: float) -> None:
    """Both are taken, and give a delay that can be waited for."""
    assert 1.0 <= Polling.learned(poll_cost).schedule().follow("any").next_delay(0.0) <= 3601.0


def test_polling_is_a_value_and_makes_a_fresh_schedule_each_time() -> None:
    """Two clients with the same settings learn apart."""
    assert Polling.learned() == Polling.learned(1.0)
    first, second = Polling.learned().schedule(), Polling.learned().schedule()
    costs(first, [100.0] * 20)
    assert first.follow("any").next_delay(0.0) > second.follow("any").next_delay(0.0)
