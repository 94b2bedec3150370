"""What refusals do to permits, who goes first under a total rate, and what the limiter tells, in virtual time."""

import random
from typing import Any

import anyio
import attrs
import pytest

from aidge_async import LimiterStatistics, PathStatistics
from aidge_async._io.lanes import Junction
from aidge_async._io.limiter import PacedLimiter
from aidge_async.testing.clock import virtual_backend
from aidge_async.tuning import Limits
from tests.io.test_limiter import QUERY, SUBMIT, UPLOAD, Calls, free_places, most_in_a_second


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Run in virtual time: a minute of waiting in a moment."""
    return virtual_backend(request.param)


@attrs.define
class Server:
    """Refuses what exceeds its limit in a sliding second, for a limiter that has to find it."""

    limiter: PacedLimiter
    limit: int
    latency: float = 0.05
    accepted: list[float] = attrs.field(factory=list)
    refused: int = 0

    async def call(self, call: Any) -> bool:
        """Make one call; return whether it was accepted."""
        call = attrs.evolve(call)
        permit = await self.limiter.acquire(call)
        try:
            await anyio.sleep(self.latency / 2)
            now = anyio.current_time()
            recent = [at for at in self.accepted[-self.limit :] if at > now - 1 + 1e-6]
            accepted = len(recent) < self.limit
            if accepted:
                self.accepted.append(now)
            else:
                self.refused += 1
            await anyio.sleep(self.latency / 2)
            if accepted:
                self.limiter.answered(call)
            else:
                self.limiter.refused(call, None)
            return accepted
        finally:
            permit.release()

    async def until_accepted(self, call: Any) -> None:
        """Make a call as often as it takes."""
        while not await self.call(call):
            pass


@pytest.mark.parametrize("limits", [Limits(query_rate="learn"), Limits(query_rate=None, total_rate="learn")])
@pytest.mark.slow
async def test_thousand_callers_find_a_limit(limits: Limits) -> None:
    """1,000 calls at 20 a second in less than 56 s, from 2 a second, and under 3 % refused."""
    server = Server(PacedLimiter(attrs.evolve(limits, in_flight=1000)), 20)
    begun = anyio.current_time()
    async with anyio.create_task_group() as group:
        for _ in range(1000):
            group.start_soon(server.until_accepted, QUERY)
    assert anyio.current_time() - begun < 56
    assert server.refused < 30


async def test_refusal_without_a_wait_holds_for_a_second_and_slows() -> None:
    """Everybody on the path, and the rate is what was accepted."""
    calls = Calls(Limits(query_rate=20.0))
    for _ in range(5):
        await calls.make(QUERY)
    await calls.refuse(QUERY, None)
    told = calls.limiter.statistics().paths["/query"]
    assert told.held == pytest.approx(1.0)
    assert told.rate == pytest.approx(4.9)
    assert told.configured == 20.0
    begun = anyio.current_time()
    await calls.make(QUERY)
    assert anyio.current_time() - begun == pytest.approx(1.0)


async def test_refusal_under_a_total_rate_slows_what_was_nearest_to_its_rate() -> None:
    """Both paths together made seven calls, neither came near its own rate: the total is to blame, and holds both."""
    calls = Calls(Limits(submit_rate=50.0, query_rate=50.0, total_rate=10.0))
    for number in range(6):
        await calls.make([SUBMIT, QUERY][number % 2])
    await calls.refuse(QUERY, None)
    told = calls.limiter.statistics()
    assert told.total.rate == pytest.approx(0.98 * 6)
    assert (told.paths["/query"].rate, told.paths["/submit"].rate) == (50.0, 50.0)
    begun = anyio.current_time()
    await calls.make(SUBMIT)
    assert anyio.current_time() - begun == pytest.approx(1.0)


async def test_submits_go_first_under_a_total_rate() -> None:
    """Four of five permits, where both wait; the queries' fifth is theirs."""
    calls = Calls(Limits(submit_rate=None, query_rate=None, total_rate=10.0, in_flight=100))
    async with anyio.create_task_group() as group:
        for number in range(50):
            group.start_soon(calls.make, QUERY, "query")
            group.start_soon(calls.make, SUBMIT, "submit")
            if not number:
                await anyio.wait_all_tasks_blocked()
    first = calls.order[2:52]
    assert first.count("submit") == 40
    assert all("query" in first[at : at + 5] for at in range(45))


async def test_lane_that_is_held_lets_the_other_pass() -> None:
    """A held submit path is no reason to keep queries waiting, whoever waited first."""
    calls = Calls(Limits(submit_rate=None, query_rate=None, total_rate=2.0))
    for _ in range(2):
        await calls.make(SUBMIT)
    refused = attrs.evolve(SUBMIT)
    permit = await calls.limiter.acquire(refused)
    begun = anyio.current_time()
    async with anyio.create_task_group() as group:
        group.start_soon(calls.make, SUBMIT, "submit")
        await anyio.wait_all_tasks_blocked()
        group.start_soon(calls.make, QUERY, "query")
        await anyio.wait_all_tasks_blocked()
        calls.limiter._lanes["/submit"].own.hold(begun + 60)
    permit.release()
    assert calls.order[-2:] == ["query", "submit"]
    assert calls.starts["/query"][0] - begun < 2
    assert calls.starts["/submit"][-1] - begun == pytest.approx(60.0)


async def test_cancelled_head_of_either_lane_never_stalls_the_other() -> None:
    """A thousand impatient callers of both lanes: afterwards nobody waits, no place is taken, the rate is used."""
    chance = random.Random(5)
    calls = Calls(Limits(submit_rate=30.0, query_rate=None, total_rate=40.0, in_flight=8, uploads=3), latency=0.05)

    async def impatient() -> None:
        with anyio.move_on_after(chance.uniform(0, 20)):
            await calls.make(chance.choice([UPLOAD, SUBMIT, QUERY]))

    async with anyio.create_task_group() as group:
        for _ in range(1000):
            group.start_soon(impatient)
    assert free_places(calls.limiter) == (8, 3)
    assert most_in_a_second(calls.all_starts()) <= 40
    told = calls.limiter.statistics()
    assert (told.total.waiting, told.total.in_flight, told.uploads) == (0, 0, 0)
    begun = anyio.current_time()
    async with anyio.create_task_group() as group:
        for number in range(80):
            group.start_soon(calls.make, [SUBMIT, QUERY][number % 2])
    assert anyio.current_time() - begun < 3.3


async def test_refusal_of_a_call_without_permit_is_nothing() -> None:
    """It cannot have been sent, or is told for the second time."""
    limiter = PacedLimiter(Limits())
    limiter.refused(SUBMIT, 30.0)
    limiter.answered(SUBMIT)
    permit = await limiter.acquire(SUBMIT)
    limiter.answered(SUBMIT)
    limiter.refused(SUBMIT, 30.0)
    permit.release()
    assert limiter.statistics().paths["/submit"].refused == 0


async def test_call_that_is_under_way_twice_is_released_twice() -> None:
    """Two permits for one and the same call: the later is found, the other counts as lost, and both come back."""
    limiter = PacedLimiter(Limits(query_rate=None, in_flight=2))
    first, second = await limiter.acquire(QUERY), await limiter.acquire(QUERY)
    first.release()
    limiter.answered(QUERY)
    assert second.is_settled
    second.release()
    assert free_places(limiter)[0] == 2
    assert not limiter._permits


async def test_statistics_tell_who_waits_and_at_which_rates() -> None:
    """A value for each path that was called, and one for all."""
    limiter = PacedLimiter(Limits(submit_rate="learn", query_rate=None, in_flight=2, uploads=1))
    assert limiter.statistics() == LimiterStatistics(
        paths={},
        total=PathStatistics(waiting=0, in_flight=0, granted=0, refused=0, rate=None, configured=None, held=0.0),
        uploads=0,
    )
    permits = [await limiter.acquire(UPLOAD), await limiter.acquire(QUERY)]
    async with anyio.create_task_group() as group:
        group.start_soon(limiter.acquire, SUBMIT)
        await anyio.wait_all_tasks_blocked()
        told = limiter.statistics()
        group.cancel_scope.cancel()
    assert told.paths["/submit"] == PathStatistics(
        waiting=1, in_flight=1, granted=1, refused=0, rate=2.0, configured="learn", held=0.0
    )
    assert told.paths["/query"] == PathStatistics(
        waiting=0, in_flight=1, granted=1, refused=0, rate=None, configured=None, held=0.0
    )
    assert (told.total.waiting, told.total.in_flight, told.total.granted, told.uploads) == (1, 2, 2, 1)
    for permit in permits:
        permit.release()


async def test_one_place_and_a_slow_upload_do_not_speed_up_the_rest() -> None:
    """Whoever waits for the place does not wait for the rate, so nothing is learned from it."""
    calls = Calls(Limits(submit_rate="learn", query_rate="learn", in_flight=1))
    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(calls.make, UPLOAD if number % 5 == 0 else QUERY, None, 30.0 if number % 5 == 0 else 1.0)
    told = calls.limiter.statistics()
    assert [path.rate for path in told.paths.values()] == [2.0, 2.0]


def test_junction_alone_wakes_nobody() -> None:
    """Before the first call there is no lane."""
    Junction().wake()
