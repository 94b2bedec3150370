"""
Hours of buying in virtual time, a seed each: whatever befalls the calls, the books agree, and a seed is one story.

A seed that fails is in its test's name. AIDGE_MATRIX=full takes a thousand tasks for each seed.
"""

import os
import random
from collections.abc import AsyncIterator
from typing import Any, Final

import anyio
import attrs
import pytest

from aidge_async import AidgeClient, Failed, InDoubt, Limits, ModelAlternation, Outcome, Succeeded
from aidge_async.events import Event
from tests.matrix.scoring import VARIABLE
from tests.matrix.virtual import run_virtually
from tests.simulation.world import IN_DOUBT, SimulatedGateway
from tests.support import KEY_NAME, KEY_SECRET, virtual_wall_clock

TASKS: Final = 1_000 if os.environ.get(VARIABLE) == "full" else 50
GAP: Final = 10.0  # seconds between two wishes on average, so that a thousand take nearly three hours
LIMITS: Final = Limits(submit_rate=2.0, query_rate=10.0)
SEEDS: Final = range(1, 51)


@attrs.frozen
class Story:
    """What one simulation came to."""

    gateway: SimulatedGateway
    outcomes: dict[int, Outcome[Any]]
    hours: float


async def wishes(seed: int, tasks: int) -> AsyncIterator[tuple[str, ModelAlternation]]:
    """Yield what is wanted, as it comes up: now and then many at once."""
    chance = random.Random(f"{seed}/wishes")
    for number in range(tasks):
        if chance.random() < 0.5:
            await anyio.sleep(chance.expovariate(0.5 / GAP))
        yield str(number), ModelAlternation(image=f"https://example.com/{number}.jpg", model="universal_model_1")


async def simulate(seed: int, tasks: int) -> Story:
    """Buy it all in one batch."""
    gateway = SimulatedGateway(seed)
    outcomes: dict[int, Outcome[Any]] = {}

    def observe(event: Event) -> None:
        name = getattr(event, "key", None) or getattr(event, "task_id", "-1").removeprefix("task-")
        facts = {"wait": getattr(event, "wait", None), "age": getattr(event, "age", None)}
        gateway.note(int(name), f"{type(event).__name__} {facts}")

    client = AidgeClient(
        KEY_NAME, KEY_SECRET, transport=gateway, observers=[observe], wall_clock=virtual_wall_clock, limits=LIMITS
    )
    async with client as aidge, aidge.batch(wishes(seed, tasks), brake=None) as bought:
        async for outcome in bought:
            outcomes[int(outcome.key)] = outcome
            gateway.note(int(outcome.key), f"outcome {type(outcome).__name__}")
    return Story(gateway, outcomes, anyio.current_time() / 3600)


@pytest.fixture
def orderly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take chance out of what runs the tasks: trio shuffles them, with a chance of its own."""
    monkeypatch.setattr("trio._core._run._ALLOW_DETERMINISTIC_SCHEDULING", True)


def story(seed: int, loop: str, tasks: int = TASKS) -> Story:
    """Simulate; the jitter of waits is drawn from Python's own chance, which begins anew each time."""
    import trio._core._run as scheduler

    before = random.getstate()
    random.seed(seed)
    scheduler._r.seed(seed)
    try:
        told: Story = run_virtually(simulate, loop, seed, tasks)
    finally:
        random.setstate(before)
    return told


def most_in_a_second(moments: list[float]) -> int:
    """Return the most of *moments*, which ascend, that lie in any one second."""
    most = begin = 0
    for number, at in enumerate(moments):
        while moments[begin] <= at - 1 + 1e-6:
            begin += 1
        most = max(most, number + 1 - begin)
    return most


def check(told: Story, tasks: int) -> None:
    """The books agree: every wish has its outcome, none is sold twice, and in doubt is what was."""
    gateway = told.gateway
    assert sorted(told.outcomes) == list(range(tasks))
    for number, outcome in told.outcomes.items():
        purchase = gateway.purchases[number]
        doubtful = IN_DOUBT in purchase.fates
        assert purchase.sold <= 1, f"task {number} is sold twice"
        assert purchase.fates[:-1].count(IN_DOUBT) == 0, f"task {number} was sent again though in doubt"
        assert isinstance(outcome, InDoubt) == doubtful, f"task {number}: {outcome!r} after {purchase.fates}"
        if not doubtful:
            assert purchase.sold == 1, f"task {number} was never sold: {outcome!r}"
            kind = Failed if purchase.fails else Succeeded
            assert isinstance(outcome, kind), f"task {number}, which fails: {purchase.fails}, is {outcome!r}"
    assert most_in_a_second(gateway.submitted_at) <= 2
    assert most_in_a_second(gateway.queried_at) <= 10


@pytest.mark.slow
@pytest.mark.usefixtures("orderly")
@pytest.mark.parametrize("seed", SEEDS)
def test_books_agree_whatever_befalls_the_calls(seed: int) -> None:
    """A quarter of the submits and three in ten queries are broken, on either loop by turns."""
    check(story(seed, ("asyncio", "trio")[seed % 2]), TASKS)


@pytest.mark.slow
@pytest.mark.usefixtures("orderly")
@pytest.mark.parametrize(("loop", "tasks"), [("asyncio", 1_000), ("trio", 300)])
def test_hours_take_seconds_and_the_same_seed_is_the_same_story(loop: str, tasks: int) -> None:
    """Twice the same log, line by line, by virtual time and task; another seed has another."""
    first, again = story(7, loop, tasks), story(7, loop, tasks)
    check(first, tasks)
    assert first.hours > tasks / 500
    assert first.gateway.sorted_log() == again.gateway.sorted_log()
    assert story(8, loop, 50).gateway.sorted_log() != story(7, loop, 50).gateway.sorted_log()
