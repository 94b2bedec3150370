"""When to look, for a known distribution."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aidge_async._core.inspection import best_plan
from aidge_async._core.schedule import LEAST_INTERVAL


def by_brute_force(points: list[float], masses: list[float], look_cost: float) -> float:
    """Return the least expected cost, by trying every next look from every point, summing over every interval."""
    last = len(points) - 1
    rest = [0.0] * len(points)

    def cost_of(k: int, j: int, time: float) -> float:
        delays = (masses[i] * (time - (points[i - 1] + points[i]) / 2) for i in range(k + 1, j + 1))
        return look_cost * sum(masses[k + 1 :]) + sum(delays) + rest[j]

    for k in range(last - 1, -1, -1):
        allowed = [j for j in range(k + 1, last + 1) if points[j] - points[k] >= LEAST_INTERVAL]
        rest[k] = min((cost_of(k, j, points[j]) for j in allowed), default=math.inf)
        if not allowed:
            rest[k] = cost_of(k, last, points[k] + LEAST_INTERVAL)
    return rest[0]


steps = st.lists(st.tuples(st.floats(0.05, 5), st.floats(0.001, 1) | st.just(0.0)), min_size=1, max_size=30)


@given(steps, st.floats(0.05, 10))
def test_plan_costs_what_brute_force_finds(steps: list[tuple[float, float]], look_cost: float) -> None:
    """A second implementation, cubic and without the queue of lines, finds the same least cost."""
    points, masses = [0.0], [0.0]
    total = sum(mass for _, mass in steps) or 1.0
    for step, mass in steps:
        points.append(points[-1] + step)
        masses.append(mass / total)
    masses[-1] += 1.0 - sum(masses)
    plan = best_plan(points, masses, look_cost)
    assert plan.cost == pytest.approx(by_brute_force(points, masses, look_cost), rel=1e-9, abs=1e-9)
    assert all(following >= at + LEAST_INTERVAL for at, following in zip(points, plan.following, strict=True))


def expected_cost(points: list[float], masses: list[float], looks: list[float], look_cost: float) -> float:
    """Return what *looks* cost on average, from the meaning of the words."""
    cost = 0.0
    for low, high, mass in zip(points, points[1:], masses[1:], strict=False):
        number = next(n for n, look in enumerate(looks) if look >= high - 1e-9)
        cost += mass * (look_cost * (number + 1) + looks[number] - (low + high) / 2)
    return cost


@pytest.mark.parametrize("look_cost", [0.5, 1.0, 4.0])
def test_following_the_plan_costs_what_it_promises(look_cost: float) -> None:
    """The cost of the looks it names, added up by hand, is its cost."""
    points = [0.2 * number for number in range(200)]
    masses = [math.exp(-(((point - 20) / 5) ** 2)) if point else 0.0 for point in points]
    masses = [mass / sum(masses) for mass in masses]
    plan = best_plan(points, masses, look_cost)
    looks = [0.0]
    while looks[-1] < points[-1]:
        looks.append(plan.following[points.index(looks[-1])])
    assert expected_cost(points, masses, looks[1:], look_cost) == pytest.approx(plan.cost)


def test_exponential_ends_are_looked_for_at_equal_intervals() -> None:
    """What has no memory gives no reason to look sooner or later: the known special case."""
    points = [0.1 * number for number in range(3000)]
    alive = [math.exp(-point / 20) for point in points]
    masses = [0.0, *(before - after for before, after in pairwise(alive))]
    masses[-1] += 1.0 - sum(masses)
    plan = best_plan(points, masses, 1.0)
    steps = [plan.following[number] - points[number] for number in range(0, 600, 50)]
    assert max(steps) - min(steps) <= 0.11
    # To second order the best step solves e^(x/20) = 1 + (x + 1)/20.
    assert math.exp(steps[0] / 20) == pytest.approx(1 + (steps[0] + 1) / 20, rel=2e-3)


def test_certain_end_is_looked_for_once() -> None:
    """One look, right when it ends."""
    plan = best_plan([0.0, 6.9, 7.0, 8.0], [0.0, 0.0, 1.0, 0.0], 1.0)
    assert plan.following[0] == 7.0
    assert plan.cost == pytest.approx(1.05)


def test_dear_looks_are_fewer() -> None:
    """The first look waits longer if it costs more."""
    points = [float(number) for number in range(60)]
    masses = [0.0, *[1 / 59] * 59]
    firsts = [best_plan(points, masses, cost).following[0] for cost in (0.1, 1.0, 5.0, 50.0)]
    assert firsts == sorted(firsts)
    assert firsts[0] < firsts[-1]


def test_look_may_follow_after_exactly_the_least_interval() -> None:
    """Where looks cost next to nothing, each second is looked at."""
    plan = best_plan([0.0, 1.0, 2.0, 3.0], [0.0, 0.4, 0.3, 0.3], 0.01)
    assert plan.following == (1.0, 2.0, 3.0, 4.0)
