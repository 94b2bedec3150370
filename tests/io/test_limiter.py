"""Permits, in virtual time: never over the rate, first come first served, and nothing lost with the cancelled."""

import asyncio
import random
from typing import Any

import anyio
import attrs
import pytest
import trio

from aidge_async._core.call import Call, Content
from aidge_async._io.limiter import PacedLimiter, PacedPermit
from aidge_async.testing.clock import virtual_backend
from aidge_async.tuning import Limits

SUBMIT = Call(kind="submit", path="/submit", content=Content(b"{}"))
UPLOAD = Call(kind="submit", path="/submit", content=Content(b"{", b"image", b"}"))
QUERY = Call(kind="query", path="/query", content=Content(b"{}"))


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Run in virtual time: a minute of waiting in a moment."""
    return virtual_backend(request.param)


class Calls:
    """Makes calls under permits and notes when each started, in which order, and how many were under way."""

    def __init__(self, limits: Limits, *, latency: float = 0.0) -> None:
        self.limiter = PacedLimiter(limits)
        self.latency = latency
        self.starts: dict[str, list[float]] = {}
        self.order: list[object] = []
        self.under_way = self.most_under_way = 0

    async def make(self, call: Call, name: object = None, latency: float | None = None) -> None:
        """Make one call, and have it answered."""
        call = attrs.evolve(call)  # permits are found by the call's identity
        permit = await self.limiter.acquire(call)
        try:
            self.starts.setdefault(call.path, []).append(anyio.current_time())
            self.order.append(name)
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
            await anyio.sleep(self.latency if latency is None else latency)
            self.limiter.answered(call)
        finally:
            self.under_way -= 1
            permit.release()

    async def refuse(self, call: Call, wait: float | None) -> None:
        """Make one call, and have it refused for its rate."""
        call = attrs.evolve(call)
        permit = await self.limiter.acquire(call)
        self.limiter.refused(call, wait)
        permit.release()

    def all_starts(self) -> list[float]:
        """Return the starts on all paths, by time."""
        return sorted(at for starts in self.starts.values() for at in starts)


def most_in_a_second(starts: list[float]) -> int:
    """Return the most starts that any half-open second holds."""
    first = most = 0
    for last, at in enumerate(starts):
        while starts[first] <= at - 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most


def free_places(limiter: PacedLimiter) -> tuple[int, int]:
    """Return the free places in flight and for uploads."""
    return limiter._in_flight.value, limiter._uploads.value


async def test_thousand_waiters_never_exceed_the_rate_and_use_it() -> None:
    """50 in any second, and all of them in hardly more than 1,000 / 50 seconds, with jitter in the answers."""
    chance = random.Random(7)
    calls = Calls(Limits(query_rate=50.0, in_flight=1000))
    async with anyio.create_task_group() as group:
        for number in range(1000):
            group.start_soon(calls.make, QUERY, number, chance.uniform(0.1, 0.11))
    starts = calls.all_starts()
    assert len(starts) == 1000
    assert most_in_a_second(starts) <= 50
    assert starts[-1] - starts[0] < 20.4


async def test_permits_come_in_the_order_of_asking() -> None:
    """Arrival at the limiter counts; nobody who comes later overtakes."""
    calls = Calls(Limits(submit_rate=10.0))
    async with anyio.create_task_group() as group:
        for number in range(50):
            group.start_soon(calls.make, SUBMIT, number)
            await anyio.wait_all_tasks_blocked()
    assert calls.order == list(range(50))


async def test_nobody_overtakes_who_waits_when_the_loop_was_held_up(anyio_backend: tuple[str, dict[str, Any]]) -> None:
    """Ten seconds pass while something blocks the loop: who comes then is behind who was due meanwhile."""
    calls = Calls(Limits(query_rate=1.0))
    await calls.make(QUERY, "first")
    async with anyio.create_task_group() as group:
        group.start_soon(calls.make, QUERY, "waiting")
        await anyio.wait_all_tasks_blocked()
        if anyio_backend[0] == "trio":
            trio.lowlevel.current_clock().jump(10)  # type: ignore[attr-defined]  # a MockClock
        else:
            asyncio.get_running_loop()._jumping.jumped += 10  # type: ignore[attr-defined]  # a VirtualTimeLoop
        await calls.make(QUERY, "late")
    assert calls.order == ["first", "waiting", "late"]


async def test_thousand_random_cancellations_lose_no_permit() -> None:
    """Whoever is cancelled, wherever, leaves no place taken, and the others start at the full rate."""
    chance = random.Random(11)
    calls = Calls(Limits(query_rate=50.0, submit_rate=50.0, in_flight=8, uploads=3), latency=0.05)

    async def impatient() -> None:
        with anyio.move_on_after(chance.uniform(0, 20)):
            await calls.make(chance.choice([UPLOAD, SUBMIT, QUERY]))

    async with anyio.create_task_group() as group:
        for _ in range(1000):
            group.start_soon(impatient)
    assert calls.under_way == 0
    assert free_places(calls.limiter) == (8, 3)
    assert repr(calls.limiter) == "<PacedLimiter, 0 waiting, 8 free places in flight>"
    assert all(most_in_a_second(starts) <= 50 for starts in calls.starts.values())
    begun = anyio.current_time()
    async with anyio.create_task_group() as group:
        for _ in range(100):
            group.start_soon(calls.make, QUERY)
    assert anyio.current_time() - begun < 3.2


async def test_in_flight_is_bounded() -> None:
    """Whatever the rate allows."""
    calls = Calls(Limits(query_rate=None, submit_rate=None, in_flight=5), latency=1.0)
    async with anyio.create_task_group() as group:
        for number in range(40):
            group.start_soon(calls.make, [SUBMIT, QUERY][number % 2])
    assert calls.most_under_way == 5
    assert anyio.current_time() - calls.all_starts()[0] == pytest.approx(8.0, abs=0.01)


async def test_uploads_are_bounded_and_hold_up_nobody_else() -> None:
    """Two images at once on the wire; a submit of a URL and a query pass them by."""
    calls = Calls(Limits(submit_rate=None, query_rate=None, in_flight=16, uploads=2))
    async with anyio.create_task_group() as group:
        for number in range(6):
            group.start_soon(calls.make, UPLOAD, f"upload {number}", 10.0)
        await anyio.wait_all_tasks_blocked()
        group.start_soon(calls.make, SUBMIT, "url")
        group.start_soon(calls.make, QUERY, "query")
        await anyio.sleep(1)
        assert {"url", "query"} < set(calls.order)
        assert len(calls.order) == 4
    assert len(calls.order) == 8
    assert free_places(calls.limiter) == (16, 2)


async def test_refusal_holds_the_whole_path_and_no_other() -> None:
    """Those who wait already and those who come later; a shorter hold does not end a longer one."""
    calls = Calls(Limits(submit_rate=5.0, query_rate=5.0))
    refused, other = attrs.evolve(SUBMIT), attrs.evolve(SUBMIT)
    permits = [await calls.limiter.acquire(call) for call in (refused, other)]
    async with anyio.create_task_group() as group:
        for _ in range(6):
            group.start_soon(calls.make, SUBMIT)
        await anyio.wait_all_tasks_blocked()
        begun = anyio.current_time()
        calls.limiter.refused(refused, 30.0)
        calls.limiter.refused(other, 1.0)
        group.start_soon(calls.make, SUBMIT)
        await calls.make(QUERY)
        assert anyio.current_time() - begun < 1
    for permit in permits:
        permit.release()
    assert min(calls.starts["/submit"]) >= begun + 30
    assert len(calls.starts["/submit"]) == 7


async def test_hold_takes_no_place_in_flight() -> None:
    """With one place for all, a held path must not keep the other from calling."""
    calls = Calls(Limits(submit_rate=5.0, query_rate=5.0, in_flight=1), latency=1.0)
    async with anyio.create_task_group() as group:
        refused = attrs.evolve(SUBMIT)
        permit = await calls.limiter.acquire(refused)
        group.start_soon(calls.make, SUBMIT)
        await anyio.sleep(0.5)
        calls.limiter.refused(refused, 60.0)
        permit.release()
        begun = anyio.current_time()
        await calls.make(QUERY)
        assert anyio.current_time() - begun < 3
    assert calls.starts["/submit"][0] >= begun + 60


@pytest.mark.parametrize("rates", [(50.0, 50.0), (None, None), (2.0, None)])
async def test_total_rate_is_kept_over_two_paths(rates: tuple[float | None, float | None]) -> None:
    """The server counts both; each keeps its own rate besides; neither starves."""
    calls = Calls(Limits(submit_rate=rates[0], query_rate=rates[1], total_rate=10.0, in_flight=64), latency=0.1)
    async with anyio.create_task_group() as group:
        for number in range(40):
            group.start_soon(calls.make, SUBMIT if number % 4 == 0 else QUERY)
    assert most_in_a_second(calls.all_starts()) <= 10
    assert most_in_a_second(calls.starts["/submit"]) <= (rates[0] or 10)
    assert calls.all_starts()[-1] - calls.all_starts()[0] < (4.2 if rates[0] != 2.0 else 6.0)


async def test_total_rate_is_not_held_by_a_refusal_of_one_path() -> None:
    """The gateway limits each interface by itself."""
    calls = Calls(Limits(total_rate=10.0))
    await calls.refuse(SUBMIT, 60.0)
    begun = anyio.current_time()
    await calls.make(QUERY)
    assert anyio.current_time() - begun < 1


async def test_no_limit_makes_nobody_wait() -> None:
    """`None`: a thousand calls start in hardly any time, and a refusal can hold them all the same."""
    calls = Calls(Limits(query_rate=None, in_flight=2000))
    begun = anyio.current_time()
    async with anyio.create_task_group() as group:
        for _ in range(1000):
            group.start_soon(calls.make, QUERY)
    assert calls.all_starts()[-1] - begun < 0.01
    await calls.refuse(QUERY, 5.0)
    await calls.make(QUERY)
    assert calls.all_starts()[-1] - begun >= 5.0


async def test_acquire_under_an_outer_cancellation_charges_nothing() -> None:
    """A scope that is cancelled already: what waits is thrown out, and what is granted at once is released once."""
    limiter = PacedLimiter(Limits(submit_rate=1.0, in_flight=2, uploads=1))
    permits: list[PacedPermit] = []
    for call in (UPLOAD, SUBMIT, UPLOAD):
        with anyio.CancelScope() as scope:
            scope.cancel()
            permits.append(await limiter.acquire(call))
    for permit in permits:
        permit.release()
    assert free_places(limiter) == (2, 1)
    begun = anyio.current_time()
    (await limiter.acquire(SUBMIT)).release()
    assert anyio.current_time() - begun < 1.1


async def test_head_that_is_cancelled_while_sleeping_hands_over() -> None:
    """The next one takes its turn at the moment that was the head's."""
    calls = Calls(Limits(submit_rate=1.0))
    await calls.make(SUBMIT)
    begun = anyio.current_time()
    async with anyio.create_task_group() as group:
        head = anyio.CancelScope()

        async def be_head() -> None:
            with head:
                await calls.make(SUBMIT, "head")

        group.start_soon(be_head)
        await anyio.wait_all_tasks_blocked()
        group.start_soon(calls.make, SUBMIT, "next")
        await anyio.sleep(0.5)
        head.cancel()
    assert calls.order == [None, "next"]
    assert anyio.current_time() - begun == pytest.approx(1.002, abs=0.06)


async def test_head_that_is_cancelled_while_waiting_for_a_place_hands_over() -> None:
    """The lane goes on, and the place is not taken by a ghost."""
    calls = Calls(Limits(query_rate=None, in_flight=1))
    async with anyio.create_task_group() as group:
        group.start_soon(calls.make, QUERY, "first", 2.0)
        await anyio.sleep(0.1)
        with anyio.move_on_after(1) as scope:
            group.start_soon(calls.make, QUERY, "other lane's turn", 0.0)
            await calls.make(QUERY, "impatient")
        assert scope.cancelled_caught
    assert calls.order == ["first", "other lane's turn"]
    assert free_places(calls.limiter)[0] == 1


async def test_upload_that_is_cancelled_gives_its_place_back() -> None:
    """Held while it waits for the rate, returned when it leaves."""
    limiter = PacedLimiter(Limits(submit_rate=0.1, uploads=1))
    (await limiter.acquire(SUBMIT)).release()
    with anyio.move_on_after(1) as scope:
        await limiter.acquire(UPLOAD)
    assert scope.cancelled_caught
    assert free_places(limiter) == (16, 1)


async def test_permit_says_how_long_it_was_waited_for() -> None:
    """The places for uploads, the rate and the places in flight together."""
    limiter = PacedLimiter(Limits(submit_rate=1.0))
    first = await limiter.acquire(UPLOAD)
    first.release()
    second = await limiter.acquire(UPLOAD)
    assert first.waited == 0.0
    assert second.waited == pytest.approx(1.002, abs=0.06)
    assert "waited=" in repr(second)
