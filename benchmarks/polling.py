"""
Claim: learned polling costs at most 1.10 of the best for known durations from a cold start, and outruns any interval.

Simulated, without sockets: the schedules are the library's own, tasks and their polls are numbers, an answer takes no
time. The cost is `c * polls + detection delay`, each poll being worth *c* seconds. Every policy gets the same tasks of
the same seeds, which were not used for choosing any setting. "200 at once" keeps 200 tasks in flight, begun at the pace
of 2 a second that `Limits` allows, or all in one instant.
"""

import heapq
import math
import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import attrs

from aidge_async import Polling
from aidge_async._core.schedule import Course, FixedInterval, Schedule
from benchmarks.policies import clairvoyant, doubling, normal
from benchmarks.report import Report, Row, plot, run_as_script

TASKS: Final = 500
COSTS: Final = (0.5, 1.0)
BAR: Final = 1.10
INTERVALS: Final = (1.0, 2.0, 5.0, 10.0)
FINE_INTERVALS: Final = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0, 30.0)
LONGEST: Final = 3000.0
CROWD: Final = 200


@attrs.frozen
class Case:
    """A distribution: how to draw from it, and the share below a duration."""

    name: str
    draw: Callable[[random.Random], float]
    below: Callable[[float], float]

    def lives(self, seed: int, number: int = TASKS) -> list[float]:
        """Return durations; the same seed gives the same."""
        rng = random.Random(f"fresh seeds of the report: {self.name}, {seed}")
        return [min(self.draw(rng), LONGEST) for _ in range(number)]


def lognormal(median: float, sigma: float) -> Case:
    """Most services take like this."""
    return Case(
        f"lognormal {median:g} s, sigma {sigma:g}",
        lambda rng: median * math.exp(sigma * rng.gauss(0, 1)),
        lambda age: normal(math.log(age / median) / sigma),
    )


def two_peaks(first: float = 8.0, second: float = 60.0, sigma: float = 0.1) -> Case:
    """A fast path and a slow one, as with a cache or two kinds of machine."""
    return Case(
        f"two peaks, {first:g} and {second:g} s",
        lambda rng: rng.choice((first, second)) * math.exp(sigma * rng.gauss(0, 1)),
        lambda age: sum(normal(math.log(age / peak) / sigma) for peak in (first, second)) / 2,
    )


def pareto(least: float = 5.0, power: float = 1.5) -> Case:
    """A heavy tail: its variance is infinite."""
    return Case(
        f"Pareto from {least:g} s, {power:g}",
        lambda rng: least * (1 - rng.random()) ** (-1 / power),
        lambda age: 1 - (least / age) ** power if age > least else 0.0,
    )


def cases(*, full: bool) -> list[Case]:
    """Return what durations may look like; a quick round takes one median."""
    medians = (3.0, 20.0, 60.0) if full else (20.0,)
    bells = [lognormal(median, sigma) for median in medians for sigma in (0.05, 0.15, 0.35, 0.5)]
    return [*bells, two_peaks(), pareto()]


@attrs.frozen
class Outcome:
    """Polls and detection delay of each task, in the order in which they were begun."""

    polls: list[int]
    delays: list[float]

    def cost(self, poll_cost: float, first: int = 0) -> float:
        """Return the mean cost of the tasks from *first* on."""
        number = len(self.polls) - first
        return (poll_cost * sum(self.polls[first:]) + sum(self.delays[first:])) / number


def simulate(schedule: Schedule, lives: list[float], *, window: int = 1, gap: float = 0.0) -> Outcome:
    """Follow tasks of *lives* seconds, *window* at once, begun at least *gap* seconds apart."""
    outcome = Outcome([0] * len(lives), [0.0] * len(lives))
    moments: list[tuple[float, int]] = []
    running: dict[int, tuple[Course, float]] = {}
    coming: Iterator[int] = iter(range(len(lives)))
    last_begun = -gap

    def begin(now: float) -> None:
        nonlocal last_begun
        for number in coming:
            last_begun = max(now, last_begun + gap)
            heapq.heappush(moments, (last_begun, number))
            return

    for _ in range(min(window, len(lives))):
        begin(0.0)
    while moments:
        now, number = heapq.heappop(moments)
        if number not in running:
            running[number] = schedule.follow("all alike"), now
        elif _poll(outcome, lives, number, running[number], now):
            del running[number]
            begin(now)
            continue
        course, born = running[number]
        heapq.heappush(moments, (now + course.next_delay(now - born), number))
    return outcome


def _poll(outcome: Outcome, lives: list[float], number: int, followed: tuple[Course, float], now: float) -> bool:
    course, born = followed
    age = now - born
    outcome.polls[number] += 1
    if age < lives[number] - 1e-9:
        course.seen_running(age)
        return False
    outcome.delays[number] = max(0.0, age - lives[number])
    course.ended(age)
    return True


def learned(poll_cost: float) -> Schedule:
    """Return our schedule, which knows nothing yet."""
    return Polling.learned(poll_cost).schedule()


MODES: Final[dict[str, dict[str, Any]]] = {
    "one at a time": {},
    "200 at once, 2 begun a second": {"window": CROWD, "gap": 0.5},
    "200 begun in one instant": {"window": CROWD},
}


def over_optimum(case: Case, poll_cost: float, seeds: range, mode: dict[str, Any]) -> float:
    """Return our mean cost over that of who knows the distribution."""
    best = clairvoyant(case.below, poll_cost)
    lives = [case.lives(seed) for seed in seeds]
    ours = sum(simulate(learned(poll_cost), each, **mode).cost(poll_cost) for each in lives)
    return ours / sum(simulate(best, each).cost(poll_cost) for each in lives)


def after_jump(case: Case, factor: float, poll_cost: float, seeds: range) -> float:
    """Return our cost over that of the best interval, for the first 100 tasks after all take *factor* as long."""
    before, after, ours, best = 300, 100, 0.0, 0.0
    for seed in seeds:
        lives = case.lives(seed, before + after)
        lives[before:] = [factor * life for life in lives[before:]]
        ours += simulate(learned(poll_cost), lives).cost(poll_cost, before)
        tail = lives[before:]
        best += min(simulate(FixedInterval(each), tail).cost(poll_cost) for each in FINE_INTERVALS)
    return ours / best


def rivals(case: Case, poll_cost: float) -> dict[str, Callable[[], Schedule]]:
    """Return every policy by its name; ours and the clairvoyant's for *poll_cost*."""
    return {
        "learned": partial(learned, poll_cost),
        **{f"every {each:g} s": partial(FixedInterval, each) for each in INTERVALS},
        "exponential (1, 2, 4 ... s)": partial(doubling, math.inf),
        "doubling to 5 s": partial(doubling, 5.0),
        "distribution known": partial(clairvoyant, case.below, poll_cost),
    }


def main(*, full: bool = False) -> Report:
    """Simulate all policies."""
    rows = _bars(range(8) if full else range(2), full=full)
    rows += _jumps(range(8) if full else range(2))
    shown = lognormal(20.0, 0.35)
    seeds = range(8) if full else range(2)
    outcomes = {name: _means(make, shown, seeds) for name, make in rivals(shown, 1.0).items()}
    least = sum(outcomes["distribution known"])
    for name, (polls, delay) in outcomes.items():
        what = f"{shown.name}, c = 1: {name}"
        rows.append(Row(what, f"{polls:.2f} polls, {delay:.2f} s late, {(polls + delay) / least:.2f} x the least"))
    notes = (
        "A ratio is our mean cost of the first 500 tasks from cold over that of a plan for the known distribution.",
        "Of 200 begun in one instant all are first polled by the prior alone, before any end was seen.",
        "The best interval is chosen among 13 from 1 to 30 s, on the very tasks that are counted.",
    )
    return Report(
        "polling",
        "Learned polling costs at most 1.10 of the best for known durations from a cold start, and beats any interval.",
        rows,
        notes,
        plot("polling", partial(_paint, shown, seeds, outcomes)),
    )


def _bars(seeds: range, *, full: bool) -> list[Row]:
    rows = []
    for mode, options in MODES.items():
        for case in cases(full=full):
            ratios = [over_optimum(case, poll_cost, seeds, options) for poll_cost in COSTS]
            value = " / ".join(f"{ratio:.2f}" for ratio in ratios)
            rows.append(Row(f"{case.name}, c = 0.5 / 1, {mode}", value, f"<= {BAR:.2f}", max(ratios) <= BAR))
    return rows


def _jumps(seeds: range) -> list[Row]:
    rows = []
    for factor, bar in ((3.0, BAR), (1 / 3, None)):
        for sigma in (0.05, 0.15, 0.35, 0.5):
            ratio = after_jump(lognormal(20.0, sigma), factor, 1.0, seeds)
            what = f"20 s, sigma {sigma:g}, durations x {factor:.2g}: next 100 tasks over the best interval"
            rows.append(Row(what, f"{ratio:.2f}", f"<= {bar:.2f}", ratio <= bar) if bar else Row(what, f"{ratio:.2f}"))
    return rows


def _means(make: Callable[[], Schedule], case: Case, seeds: range) -> tuple[float, float]:
    """Return polls and delay of a task."""
    outcomes = [simulate(make(), case.lives(seed)) for seed in seeds]
    number = len(outcomes) * TASKS
    return sum(sum(each.polls) for each in outcomes) / number, sum(sum(each.delays) for each in outcomes) / number


def _paint(case: Case, seeds: range, outcomes: dict[str, tuple[float, float]], axes: Any) -> None:  # noqa: ANN401  matplotlib's
    costs = (0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0)
    lines: dict[str, tuple[str, Callable[[float], Schedule]]] = {
        "learned, poll cost 0.2 to 5": ("o-", learned),
        "distribution known, the same": ("k--", lambda poll_cost: clairvoyant(case.below, poll_cost)),
    }
    for label, (style, make) in lines.items():
        points = [_means(partial(make, poll_cost), case, seeds) for poll_cost in costs]
        axes.plot(*zip(*points, strict=True), style, label=label, markersize=4)
    fixed = [outcomes[f"every {each:g} s"] for each in INTERVALS]
    axes.plot(*zip(*fixed, strict=True), "s-", label="fixed interval", color="tab:red", markersize=4)
    for each, point in zip(INTERVALS, fixed, strict=True):
        axes.annotate(f"{each:g} s", point, xytext=(5, 5), textcoords="offset points", color="tab:red")
    for name, style in (("exponential (1, 2, 4 ... s)", "^"), ("doubling to 5 s", "D")):
        axes.plot(*outcomes[name], style, label=name)
    axes.set(xscale="log", yscale="log", xlabel="polls a task", ylabel="detection delay, s", title=case.name)
    axes.grid(visible=True, which="both", alpha=0.25)
    axes.legend()


if __name__ == "__main__":
    run_as_script(main)
