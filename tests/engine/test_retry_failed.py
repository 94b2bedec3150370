"""A key whose task failed is bought again where that is asked for, and once however many ask."""

import anyio
import attrs
import pytest

from aidge_async import (
    AidgeClient,
    AidgeError,
    BudgetError,
    DeadlineError,
    Failed,
    Limits,
    Polling,
    Succeeded,
    TaskFailedError,
)
from aidge_async._core.lifecycle import State
from aidge_async.sandbox import SandboxSettings
from aidge_async.sandbox.world import World
from tests.engine.test_batch import look
from tests.support import URL_REQUEST, virtual_sandbox

FREE = Limits(submit_rate=None, query_rate=None)


def failing_sandbox(budget: int | None = None, limits: Limits = FREE) -> tuple[World, AidgeClient]:
    """Return a sandbox all of whose tasks fail, and a client of it."""
    settings = SandboxSettings(duration=5, spread=0, failure_rate=1.0)
    return virtual_sandbox(settings, limits=limits, polling=Polling.every(1), budget=budget)


def heal(world: World) -> None:
    """Let tasks that are submitted from now on succeed."""
    world.settings = attrs.evolve(world.settings, failure_rate=0.0)


async def test_failed_key_is_that_failure_until_a_retry_is_asked_for() -> None:
    """The same key brings the same failure; `retry_failed` buys once more, and then the key is the new task."""
    world, client = failing_sandbox()
    async with client as aidge:
        for _ in range(2):
            with pytest.raises(TaskFailedError):
                await aidge.run(URL_REQUEST, key="sku-1")
        assert len(world.ledger()) == 1
        heal(world)
        assert len(await aidge.run(URL_REQUEST, key="sku-1", retry_failed=True)) == 2
        for retry in (True, False):
            assert (await aidge.submit(URL_REQUEST, key="sku-1", retry_failed=retry)).task_id
        assert len(world.ledger()) == 2


async def test_retry_that_fails_may_be_asked_for_again() -> None:
    """Each call that asks for it buys one."""
    world, client = failing_sandbox()
    async with client as aidge:
        for bought in (1, 2, 3):
            with pytest.raises(TaskFailedError):
                await aidge.run(URL_REQUEST, key="sku-1", retry_failed=True)
            assert len(world.ledger()) == bought


async def test_crowd_that_retries_at_once_buys_one() -> None:
    """A hundred callers of one failed key get the same new task."""
    world, client = failing_sandbox()
    async with client as aidge:
        with pytest.raises(TaskFailedError):
            await aidge.run(URL_REQUEST, key="sku-1")
        heal(world)
        tasks: set[str] = set()

        async def retry() -> None:
            tasks.add((await aidge.submit(URL_REQUEST, key="sku-1", retry_failed=True)).task_id)

        async with anyio.create_task_group() as group:
            for _ in range(100):
                group.start_soon(retry)
        assert (len(tasks), len(world.ledger())) == (1, 2)


async def test_batch_retries_what_failed_before_it_once() -> None:
    """Rows of one key that fails again in the same batch are one purchase, whenever they are drawn."""
    world, client = failing_sandbox()
    rows = [(f"sku-{number}", look(number)) for number in range(3)]
    async with client as aidge:
        for retry, bought in ((False, 3), (False, 3), (True, 6)):
            await anyio.sleep(1)
            async with aidge.batch([*rows, *rows], window=2, retry_failed=retry) as outcomes:
                seen = [type(outcome) async for outcome in outcomes]
            assert seen == [Failed] * 6
            assert len(world.ledger()) == bought
        heal(world)
        await anyio.sleep(1)
        async with aidge.batch([*rows, *rows], retry_failed=True) as outcomes:
            assert [type(outcome) async for outcome in outcomes] == [Succeeded] * 6
        assert len(world.ledger()) == 9


async def test_retry_counts_for_the_budget() -> None:
    """The failure may be billed and so may what comes after; where that is too much the key stays that failure."""
    world, client = failing_sandbox(budget=3)
    async with client as aidge:
        with pytest.raises(TaskFailedError):
            await aidge.run(URL_REQUEST, key="sku-1")
        errors: list[AidgeError] = []
        for _ in range(2):
            with pytest.raises(BudgetError) as caught:
                await aidge.run(URL_REQUEST, key="sku-1", retry_failed=True)
            errors.append(caught.value)
        assert {error.key for error in errors} == {"sku-1"}
        found = await aidge._open().journal.find("sku-1")
        assert found is not None
        assert (found.state, found.task_id) == (State.FAILED, world.ledger()[0]["task_id"])
        with pytest.raises(TaskFailedError):  # and is not bought by who asks for no retry
            await aidge.run(URL_REQUEST, key="sku-1")
        assert len(world.ledger()) == 1


async def test_retry_that_is_not_sent_leaves_the_failure() -> None:
    """Whoever gives up waiting for a permit has changed nothing: the key is the failed task as before."""
    world, client = failing_sandbox(limits=Limits(submit_rate=0.01, query_rate=None))
    async with client as aidge:
        with pytest.raises(TaskFailedError):
            await aidge.run(URL_REQUEST, key="sku-1")
        before = await aidge._open().journal.find("sku-1")
        with pytest.raises(DeadlineError, match="waiting for a permit"):
            await aidge.run(URL_REQUEST, key="sku-1", retry_failed=True, deadline=5)
        assert await aidge._open().journal.find("sku-1") == before
    assert len(world.ledger()) == 1
