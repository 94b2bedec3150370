"""Where two things happen at once, or something breaks that should not."""

from collections.abc import Hashable
from typing import Any

import anyio
import attrs
import httpx
import pytest

from aidge_async import CredentialsError, Polling, TaskRunning, TaskSucceeded
from aidge_async._core.schedule import Course, FixedInterval, Schedule
from aidge_async._engine.claims import Claims
from aidge_async._engine.shield import Shielded
from aidge_async.events import Event, PollFaulted
from tests.support import URL_REQUEST, ScriptedGateway, accepted, events_of, finished, refused, running


async def test_shielded_step_raises_where_its_caller_stands() -> None:
    """What the step raises comes out as it is, in no group."""

    async def step() -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await Shielded(step, 1).run()


async def test_claims_forget_keys_that_nobody_works_on() -> None:
    """A key costs memory only while somebody works on it."""
    claims = Claims()
    async with claims.of("sku-1"):
        assert repr(claims) == "<Claims, 1 keys at work>"
    assert repr(claims) == "<Claims, 0 keys at work>"


async def test_query_without_an_answer_is_given_up_and_asked_again() -> None:
    """A query that drips past its deadlines is a fault that may pass."""
    gateway = ScriptedGateway(queries=[500.0, running("task-1"), finished("task-1")])
    seen: list[Event] = []
    async with gateway.client(observers=[seen.append]) as aidge:
        began = anyio.current_time()
        await aidge.run(URL_REQUEST)
        assert anyio.current_time() - began < 60
    assert "no answer within 40 s" in events_of(seen, PollFaulted)[0].reason


async def test_slow_answer_does_not_undo_a_faster_one() -> None:
    """An answer that was overtaken by the task's end changes nothing."""
    gateway = ScriptedGateway(queries=[20.0, running("task-1"), running("task-1")])
    async with gateway.client() as aidge:
        handle = await aidge.submit(URL_REQUEST)
        states: list[Any] = []

        async def ask() -> None:
            states.append(await handle.status())

        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            await anyio.sleep(1)
            gateway.queries = [finished("task-1")]
            group.start_soon(ask)
    assert [type(state) for state in states] == [TaskSucceeded, TaskSucceeded]


class _BrokenSchedule(FixedInterval):
    """A schedule with a bug."""

    def follow(self, workload: Hashable) -> Course:
        raise LookupError(f"made-up bug with {workload}")


class BrokenPolling(Polling):
    """Gives a schedule with a bug."""

    def schedule(self) -> Schedule:
        return _BrokenSchedule(5)


@attrs.define
class SlowToCancel(ScriptedGateway):
    """A gateway whose connections take a moment to be closed under a cancelled query."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer, or be cancelled slowly."""
        try:
            return await super().handle_async_request(request)
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.5)
            raise


async def test_watcher_that_comes_back_at_once_is_polled_for_as_any_other() -> None:
    """Who stops watching under a query and begins again before that is over does not make it poll without a pause."""
    gateway = SlowToCancel(queries=[2.0, running("task-1")])
    async with gateway.client(polling=Polling.every(5)) as aidge:
        handle = await aidge.submit(URL_REQUEST)
        for within in (6, 60):
            with anyio.move_on_after(within):
                await handle
    assert len(gateway.query_times) <= 15


async def test_many_short_waits_poll_no_faster_than_one_long_one() -> None:
    """Who comes and goes makes a task be asked after no more often than once a second."""
    gateway = ScriptedGateway(queries=[running("task-1")])
    async with gateway.client(polling=Polling.every(5)) as aidge:
        handle = await aidge.submit(URL_REQUEST)
        await anyio.sleep(30)
        for _ in range(100):
            with anyio.move_on_after(0.1):
                await handle
    gaps = [later - before for before, later in zip(gateway.query_times, gateway.query_times[1:], strict=False)]
    assert gaps
    assert min(gaps) >= 1.0 - 1e-6


async def test_bug_in_polling_reaches_its_watchers_only() -> None:
    """Who waits hears of it; the client and its other tasks go on."""
    gateway = ScriptedGateway()
    async with gateway.client(polling=BrokenPolling("every", 5)) as aidge:
        handle = await aidge.submit(URL_REQUEST)
        with pytest.raises(LookupError, match="made-up bug"):
            await handle
        assert isinstance(await handle.status(), TaskSucceeded)
        gateway.submits = [accepted("task-2")]
        assert (await aidge.submit(URL_REQUEST)).task_id == "task-2"


async def test_status_does_not_repeat_an_old_refusal() -> None:
    """A refusal that has passed is not raised for the state that came after it."""
    gateway = ScriptedGateway(queries=[refused("InvalidAppKey"), running("task-1")])
    async with gateway.client() as aidge:
        handle = await aidge.submit(URL_REQUEST)
        with pytest.raises(CredentialsError):
            await handle
        assert await handle.status() == TaskRunning("running")


async def test_deadline_of_a_refused_wait_raises_the_refusal() -> None:
    """A wait whose last query is refused says why, not that it is late."""
    gateway = ScriptedGateway(queries=[refused("InvalidAppKey")])
    async with gateway.client(polling=Polling.every(60)) as aidge:
        handle = await aidge.submit(URL_REQUEST)
        with pytest.raises(CredentialsError):
            await handle.result(deadline=5)
