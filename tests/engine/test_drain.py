"""A client that is being stopped sends nothing more, and names what it leaves behind."""

from collections.abc import AsyncIterator

import anyio
import pytest

from aidge_async import (
    AidgeError,
    DeadlineError,
    InvalidInputError,
    Limits,
    ModelAlternation,
    NotSentError,
    NotSubmitted,
    Polling,
    Succeeded,
    Unfinished,
)
from aidge_async._core.lifecycle import State
from aidge_async.sandbox import SandboxSettings
from tests.engine.test_batch import kinds, look
from tests.support import URL_REQUEST, ScriptedGateway, accepted, business, virtual_sandbox


async def test_what_ends_in_time_is_brought_to_its_end() -> None:
    """A drained client returns no token where all was done."""
    world, client = virtual_sandbox(SandboxSettings(duration=10, spread=0), polling=Polling.every(1))
    results = []
    async with client as aidge, anyio.create_task_group() as group:

        async def run() -> None:
            results.append(await aidge.run(URL_REQUEST))

        group.start_soon(run)
        await anyio.sleep(2)
        began = anyio.current_time()
        assert await aidge.drain(60) == ()
        assert anyio.current_time() - began == pytest.approx(9, abs=1)
        with pytest.raises(NotSentError, match="nothing was sent: the client is being drained"):
            await aidge.submit(URL_REQUEST)
    assert len(results) == len(world.ledger()) == 1


async def test_what_does_not_end_in_time_is_named_by_its_token() -> None:
    """Whoever waits for it gets a deadline error with the same token; an unwatched handle is named too."""
    world, client = virtual_sandbox(SandboxSettings(duration=500, spread=0), limits=Limits(submit_rate=None))
    errors: list[AidgeError] = []
    async with client as aidge:
        handle = await aidge.submit(URL_REQUEST)
        async with anyio.create_task_group() as group:

            async def run() -> None:
                with pytest.raises(DeadlineError) as caught:
                    await aidge.run(URL_REQUEST)
                errors.append(caught.value)

            group.start_soon(run)
            await anyio.sleep(2)
            tokens = await aidge.drain(30)
        assert len(world.ledger()) == 2
        assert sorted(tokens) == sorted([handle.token, str(errors[0].token)])
        assert len(await aidge.resume(tokens[0])) == 2  # the client is still open


async def test_who_waits_for_a_permit_is_turned_away_at_once() -> None:
    """Nothing was sent, so nothing is lost."""
    gateway = ScriptedGateway(queries=[{"made-up": "answer"}])
    refused: list[AidgeError] = []
    async with gateway.client(limits=Limits(submit_rate=0.001)) as aidge:
        await aidge.submit(URL_REQUEST)
        async with anyio.create_task_group() as group:

            async def submit() -> None:
                with pytest.raises(NotSentError) as caught:
                    await aidge.submit(URL_REQUEST, key="sku-1")
                refused.append(caught.value)

            group.start_soon(submit)
            await anyio.sleep(5)
            await aidge.drain(5)
    assert [(error.key, error.billable) for error in refused] == [("sku-1", "no")]
    assert len(gateway.posted) == 1


@pytest.mark.slow
async def test_batch_is_drained_with_its_client() -> None:
    """What runs is finished or named, what was drawn is not submitted, and nothing more is drawn."""
    world, client = virtual_sandbox(SandboxSettings(duration=30, spread=0.8), limits=Limits(submit_rate=2))
    async with client as aidge, aidge.batch((look(number) for number in range(10_000)), window=200) as outcomes:
        await anyio.sleep(40)
        tokens = await aidge.drain(20)
        seen = [outcome async for outcome in outcomes]
    found = kinds(seen)
    assert set(found) == {"Succeeded", "Unfinished", "NotSubmitted"}
    assert found["Succeeded"] + found["Unfinished"] == len(world.ledger())
    assert sorted(tokens) == sorted(outcome.token for outcome in seen if isinstance(outcome, Unfinished))
    assert all(isinstance(outcome, (Succeeded, Unfinished, NotSubmitted)) for outcome in seen)


async def test_answer_under_way_is_waited_for() -> None:
    """A submit that has left is heard out, and its task is named."""
    gateway = ScriptedGateway(submits=[8.0, accepted("task-1")])
    async with gateway.client() as aidge, anyio.create_task_group() as group:

        async def submit() -> None:
            handles.append(await aidge.submit(URL_REQUEST))

        handles: list[object] = []
        group.start_soon(submit)
        await anyio.sleep(1)
        tokens = await aidge.drain(30)
        assert [aidge.resume(token).task_id for token in tokens] == ["task-1"]
    assert len(handles) == 1


async def test_known_keys_are_answered_by_a_drained_client() -> None:
    """What was bought costs nothing, so a gate that is shut keeps nobody from it; what was refused stays refused."""
    gateway = ScriptedGateway(submits=[accepted("task-1"), business("700", "age: unknown value")])
    async with gateway.client(polling=Polling.every(1)) as aidge:
        handle = await aidge.submit(URL_REQUEST, key="sku-1")
        with pytest.raises(InvalidInputError):
            await aidge.submit(URL_REQUEST, key="sku-2")
        await aidge.drain(5)
        assert (await aidge.submit(URL_REQUEST, key="sku-1")).token == handle.token
        async with aidge.batch([("sku-1", URL_REQUEST)]) as outcomes:
            assert [outcome async for outcome in outcomes] == []  # it draws nothing more
        for key in (None, "sku-2", "sku-3"):
            with pytest.raises(NotSentError, match="being drained"):
                await aidge.submit(URL_REQUEST, key=key)
        found = await aidge._open().journal.find("sku-2")
        assert found is not None
        assert found.state is State.REFUSED
    assert len(gateway.posted) == 2


async def test_known_row_that_is_drawn_passes_a_budget_that_is_used_up() -> None:
    """A row that was bought before is brought to its end though the row before it was one too many."""
    gateway = ScriptedGateway()

    async def rows() -> AsyncIterator[tuple[str, ModelAlternation]]:
        yield "new", look(1)
        await anyio.sleep(5)  # while this row is being drawn the other is refused
        yield "known", URL_REQUEST
        raise AssertionError("nothing is drawn once no submission may leave")

    async with gateway.client(polling=Polling.every(1), budget=2) as aidge:
        await aidge.submit(URL_REQUEST, key="known")
        async with aidge.batch(rows()) as outcomes:
            seen = {outcome.key: type(outcome) async for outcome in outcomes}
    assert seen == {"new": NotSubmitted, "known": Succeeded}
    assert len(gateway.posted) == 1
