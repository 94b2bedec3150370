"""
The learned schedule: what tasks of a kind have taken decides when the next one is asked after.

It joins the learner and the plan and decides how often to learn, no more.
"""

import contextlib
import math
from bisect import bisect_right
from collections.abc import Hashable, Sequence
from typing import Any, Final

from aidge_async._core.durations import EDGES, Cohort, Durations, slot
from aidge_async._core.inspection import Plan, best_plan
from aidge_async._core.schedule import LEAST_INTERVAL, Course
from aidge_async.errors import SettingsError

_POINT_MASS: Final = 0.0075  # share of tasks between two points of a plan; twice that costs 1 % (simulated)
_POINT_BINS: Final = 5  # most bins between two points
_POINTS_IN_BIN: Final = 6  # most points that a bin is cut into
_FRESH: Final = 0.05  # share of news at which a plan is made anew: each end up to 40, then every few
_SIGHTING: Final = 0.2  # ends that a poll counts for that found a task running
_NEAR: Final = 0.01  # seconds; a clock that is so little early has reached the point
_BEYOND: Final = 0.05  # of its age, between the polls of a task that is older than anything planned for
_PROBES: Final = 0.015  # share of the cost that early polls may add, which alone show that tasks have become shorter
_LEAST_PROBED: Final = 5.0  # ends, before which each poll is a probe anyhow
_PROBE_WORTH: Final = 0.5  # share that ends before the first poll, from which on its answer tells little
_SUSPICIOUS: Final = 3.0  # from there every other task is probed
_PROBE_FROM, _PROBE_TO = 0.3, 0.9  # of the planned first poll
_GOLDEN: Final = 0.618034  # its multiples spread evenly over the unit interval, however many there are
_MOST_COST: Final = 3600.0
_VERSION: Final = 1  # of a snapshot; others are left out
_MOST_WORKLOADS: Final = 64  # some 20 KB each; who varies a request more than that learns less


class LearnedSchedule:
    """
    Poll where poll cost and detection delay together are expected to be least; fulfils `Schedule`.

    Args:
        poll_cost: Seconds of detection delay that one poll is worth.
    """

    def __init__(self, poll_cost: float) -> None:
        number = isinstance(poll_cost, (int, float)) and not isinstance(poll_cost, bool)
        if not (number and 0 < poll_cost <= _MOST_COST):
            raise SettingsError(
                f"'poll_cost' must be over 0 and at most {_MOST_COST:g} seconds (got {poll_cost!r}); 1 is the default"
            )
        self._poll_cost = poll_cost
        self._lessons: dict[Hashable, Lesson] = {}

    def follow(self, workload: Hashable) -> Course:
        """Begin a course; see `Schedule`."""
        lesson = self._lessons.get(workload)
        if lesson is None:
            if len(self._lessons) >= _MOST_WORKLOADS:
                del self._lessons[next(iter(self._lessons))]
            lesson = self._lessons[workload] = Lesson(self._poll_cost)
        return _LearnedCourse(lesson)

    def snapshot(self) -> dict[str, Any]:
        """Return what was learned; see `Schedule`."""
        lessons = [[workload, lesson.durations.snapshot()] for workload, lesson in self._lessons.items()]
        return {"version": _VERSION, "lessons": lessons}

    def restore(self, found: object) -> None:
        """Go on from a snapshot; see `Schedule`."""
        if not isinstance(found, dict) or found.get("version") != _VERSION:
            return
        with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
            for workload, durations in found["lessons"][-_MOST_WORKLOADS:]:
                self._lessons[_hashable(workload)] = Lesson(self._poll_cost, Durations.restored(durations))


class Lesson:
    """What is known of one workload, and the plan that follows from it."""

    def __init__(self, poll_cost: float, durations: Durations | None = None) -> None:
        self._poll_cost = poll_cost
        self.durations = durations or Durations()
        self._points: Sequence[float] = ()
        self._plan = Plan((), 0.0)
        self._news = 0.0
        self._begun = self._unprobed = 0
        self._make_plan()

    def begin(self, planned: float) -> tuple[Cohort, float | None]:
        """Return the cohort of a task that is followed from its beginning, and its first poll if that is a probe."""
        self._begun += 1
        self._unprobed += 1
        cohort = self.durations.begin()
        if planned <= 2 * LEAST_INTERVAL or self._unprobed < self._probe_period(planned):
            return cohort, None
        self._unprobed = 0
        part = _PROBE_FROM + (_PROBE_TO - _PROBE_FROM) * (self._begun * _GOLDEN % 1.0)
        return cohort, min(max(part * planned, LEAST_INTERVAL), planned - LEAST_INTERVAL)

    def next_poll(self, last: float) -> float:
        """Return the age at which a task is polled next that was seen running at age *last*, or was never polled."""
        if self._news >= max(1.0 - _SIGHTING / 2, _FRESH * (self.durations.ended + self.durations.running)):
            self.durations.fit()
            self._make_plan()
        number = bisect_right(self._points, last + _NEAR) - 1
        if number == len(self._points) - 1:
            return last * (1.0 + _BEYOND)
        return max(last + LEAST_INTERVAL, self._plan.following[number])

    def runs_on(self, cohort: Cohort, before: int, now: int) -> None:
        """Learn from a poll that found a task running."""
        self.durations.runs_on(cohort, before, now)
        self._news += _SIGHTING

    def ends(self, cohort: Cohort, before: int, now: int) -> None:
        """Learn from a poll that found a task done."""
        self.durations.ends(cohort, before, now)
        self._news += 1.0

    def _probe_period(self, planned: float) -> float:
        """Return at which of the tasks one is probed: none where the planned first polls show enough by themselves."""
        if self.durations.ended < _LEAST_PROBED or self.durations.ended_by(planned) < _PROBE_WORTH:
            return math.inf
        return 2.0 if self.durations.suspicion > _SUSPICIOUS else self._poll_cost / (_PROBES * self._plan.cost)

    def _make_plan(self) -> None:
        points, masses = plan_points(self.durations.shares)
        self._points, self._plan, self._news = points, best_plan(points, masses, self._poll_cost), 0.0


class _LearnedCourse:
    """
    One task's course.

    It teaches nothing if its first poll was due before anybody followed it, as when resumed: that nobody asked before
    says nothing about when it ended.
    """

    __slots__ = ("_cohort", "_first", "_last", "_lesson", "_slot")

    def __init__(self, lesson: Lesson) -> None:
        self._lesson = lesson
        self._cohort: Cohort | None = None
        self._first: float | None = None
        self._last = 0.0
        self._slot = 0

    def next_delay(self, age: float) -> float:
        """Return the seconds until the next poll as things stand; asked again before it, it may have changed."""
        due = self._lesson.next_poll(self._last)
        if not self._last:
            due = self._first_poll(age, due)
        return max(0.0, due - age)

    def seen_running(self, age: float) -> None:
        """See `Course`."""
        before, self._slot, self._last = self._slot, max(self._slot, slot(age)), age
        if self._cohort is not None:
            self._lesson.runs_on(self._cohort, before, self._slot)

    def ended(self, age: float) -> None:
        """See `Course`."""
        if self._cohort is not None:
            self._lesson.ends(self._cohort, self._slot, slot(age))
            self._cohort = None

    def left(self) -> None:
        """See `Course`."""
        if self._cohort is not None:
            self._lesson.durations.leaves()
            self._cohort = None

    def _first_poll(self, age: float, planned: float) -> float:
        if self._cohort is None and age < planned:
            self._cohort, self._first = self._lesson.begin(planned)
        return planned if self._first is None else self._first


def _hashable(value: Any) -> Hashable:  # noqa: ANN401  it comes from a file
    """Return what was a tuple before JSON made a list of it."""
    return tuple(map(_hashable, value)) if isinstance(value, list) else value


def plan_points(shares: Sequence[float]) -> tuple[list[float], list[float]]:
    """Return where a plan may poll, and the share of tasks that end before each: dense where many end."""
    points, masses = [0.0], [0.0]
    mass, width, low = 0.0, 0, 0.0
    for high, share in zip(EDGES[1:], shares, strict=True):
        mass += share
        width += 1
        if mass >= _POINT_MASS or width == _POINT_BINS or high == EDGES[-1]:
            cuts = max(1, min(_POINTS_IN_BIN, int(share / _POINT_MASS))) if width == 1 else 1
            points += [low + (high - low) * number / cuts for number in range(1, cuts)] + [high]
            masses += [mass / cuts] * cuts
            mass, width = 0.0, 0
        low = high
    return points, masses
