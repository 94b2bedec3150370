"""When a task is asked after earlier than planned, and when what was learned becomes a new plan."""

from itertools import pairwise

import pytest

from aidge_async._core.durations import slot
from aidge_async._core.learned import LearnedSchedule, Lesson


def taught(low: float, high: float, tasks: int = 40) -> Lesson:
    """Return a lesson of so many tasks that were running at *low* and done at *high*."""
    lesson = Lesson(1.0)
    for _ in range(tasks):
        cohort, _ = lesson.begin(lesson.next_poll(0.0))
        lesson.runs_on(cohort, 0, slot(low))
        lesson.ends(cohort, slot(low), slot(high))
    lesson.next_poll(0.0)
    return lesson


def probes(lesson: Lesson, planned: float, tasks: int) -> list[float | None]:
    """Begin so many tasks whose first poll is planned for that age, and return where each is probed."""
    return [lesson.begin(planned)[1] for _ in range(tasks)]


def test_probes_add_little_to_the_cost() -> None:
    """One task in some thirty: a poll is worth a second here, and 1.5 % of 2.5 s is the thirtieth part of one."""
    lesson = taught(19.0, 21.0)
    places = [number for number, probe in enumerate(probes(lesson, 22.0, 600)) if probe is not None]
    between = {later - sooner for sooner, later in pairwise(places)}
    assert all(20 <= tasks <= 34 for tasks in between)
    assert len(between) == 1


def test_probes_look_everywhere_from_a_third_to_nearly_all_of_the_planned_age() -> None:
    """Wherever tasks end that have become shorter, some probe soon looks there."""
    found = sorted(probe / 22.0 for probe in probes(taught(19.0, 21.0), 22.0, 600) if probe is not None)
    assert 0.3 <= found[0] < 0.35
    assert 0.85 < found[-1] <= 0.9
    assert max(later - sooner for sooner, later in pairwise(found)) < 0.08


def test_every_other_task_is_probed_while_durations_seem_to_have_changed() -> None:
    """So that it is soon certain."""
    lesson = taught(19.0, 21.0)
    lesson.durations._evidence = [0.0, 4.0]
    probed = [probe is not None for probe in probes(lesson, 22.0, 20)]
    assert [one for one, other in pairwise(probed) if one is other] == []


def test_probed_task_is_polled_early_and_then_as_planned() -> None:
    """Its second poll comes where the first of others does."""
    schedule, firsts = LearnedSchedule(1.0), []
    for _ in range(80):
        course = schedule.follow("any")
        planned = schedule._lessons["any"].next_poll(0.0)
        firsts.append((course.next_delay(0.0), planned))
        course.seen_running(19.0)
        course.ended(21.0)
    early = [(first, planned) for first, planned in firsts if first != planned]
    assert 1 <= len(early) <= 4
    assert all(0.3 * planned <= first <= 0.9 * planned for first, planned in early)
    course = schedule.follow("any")
    course.next_delay(0.0)
    course.seen_running(early[0][0])
    assert early[0][0] + course.next_delay(early[0][0]) == pytest.approx(planned, rel=0.1)


def test_few_ends_give_no_reason_for_a_probe() -> None:
    """Before the fifth end each planned poll tells as much; from then on tasks are probed."""
    assert probes(taught(19.0, 21.0, tasks=4), 22.0, 300) == [None] * 300
    assert any(probes(taught(19.0, 21.0, tasks=5), 22.0, 300))


def test_planned_poll_that_mostly_finds_tasks_running_is_no_reason_for_a_probe() -> None:
    """It shows by itself whether tasks have become shorter."""
    assert probes(taught(19.0, 21.0), 15.0, 300) == [None] * 300


def test_probe_leaves_a_second_on_both_sides() -> None:
    """So there is none where the planned poll comes after two seconds, and little choice after two and a half."""
    lesson = taught(1.0, 1.5)
    assert probes(lesson, 2.0, 300) == [None] * 300
    found = [probe for probe in probes(lesson, 2.5, 600) if probe is not None]
    assert (min(found), max(found)) == (1.0, 1.5)


def plans_made(lesson: Lesson, news: int, *, ended: bool) -> list[int]:
    """Tell a lesson one thing after the other, and return after which of them it planned anew."""
    made, plan = [], lesson._plan
    for number in range(1, news + 1):
        cohort = lesson.durations.begin()
        if ended:
            lesson.ends(cohort, 0, slot(21.0))
        else:
            lesson.runs_on(cohort, 0, slot(5.0))
        lesson.next_poll(0.0)
        if lesson._plan is not plan:
            made.append(number)
            plan = lesson._plan
    return made


def test_each_of_the_first_ends_makes_a_new_plan() -> None:
    """While little is known, each end is news."""
    assert plans_made(Lesson(1.0), 4, ended=True) == [1, 2, 3, 4]


def test_five_sights_of_running_tasks_make_a_new_plan() -> None:
    """One says little: it counts as a fifth of an end."""
    assert plans_made(Lesson(1.0), 10, ended=False) == [5, 10]


def test_what_is_well_known_is_not_planned_anew_for_each_end() -> None:
    """A plan takes milliseconds, and of two hundred tasks known, ended or running, ten more are the first news."""
    lesson = taught(19.0, 21.0, tasks=90)
    for _ in range(110):
        lesson.runs_on(lesson.durations.begin(), 0, slot(5.0))
    lesson.next_poll(0.0)
    made = plans_made(lesson, 24, ended=True)
    assert len(made) == 2
    assert all(9 <= later - sooner <= 12 for sooner, later in pairwise([0, *made]))


def test_course_that_was_left_or_has_ended_teaches_no_more() -> None:
    """Whoever is told twice counts once."""
    schedule = LearnedSchedule(1.0)
    for number in range(6):
        course = schedule.follow("any")
        course.next_delay(0.0)
        course.seen_running(5.0)
        if number % 2:
            course.left()
        else:
            course.ended(21.0)
        course.ended(21.0)
        course.left()
        course.seen_running(30.0)
    durations = schedule._lessons["any"].durations
    durations.fit()
    assert (durations.ended, durations.running) == (3.0, 3.0)
    assert durations._followed == 0


@pytest.mark.parametrize("planned", [5.0, 22.0])
def test_task_is_counted_where_it_is_begun(planned: float) -> None:
    """Whether it is probed or not, the cohort has one more."""
    lesson = Lesson(1.0)
    assert [lesson.begin(planned)[0].begun for _ in range(3)] == [1, 2, 3]
