"""What holds submissions up, and what turns them away."""

import anyio
import pytest

from aidge_async._engine.busy import Busy
from aidge_async._engine.due import Due
from aidge_async._engine.gate import Brake, Gate
from aidge_async.errors import NotSentError


async def test_brake_without_a_limit_never_holds() -> None:
    """However many are in doubt."""
    brake = Brake(None)
    for _ in range(100):
        await brake.released()
        assert brake.enter()
        brake.told(in_doubt=True)


async def test_brake_lets_one_trial_out_after_each_pause() -> None:
    """While its answer is awaited nobody else leaves; a certain answer lets all go."""
    pauses: list[float] = []
    brake = Brake(2, pause=10, on_pause=pauses.append)
    for _ in range(2):
        assert brake.enter()
        brake.told(in_doubt=True)
    assert not brake.enter()
    began = anyio.current_time()
    await brake.released()
    assert anyio.current_time() - began == pytest.approx(10)
    assert [brake.enter(), brake.enter()] == [True, False]
    brake.told(in_doubt=True)
    await brake.released()
    assert anyio.current_time() - began == pytest.approx(30)
    assert brake.enter()
    async with anyio.create_task_group() as group:
        group.start_soon(brake.released)
        await anyio.wait_all_tasks_blocked()
        brake.told(in_doubt=False)
    assert [brake.enter(), brake.enter()] == [True, True]
    assert pauses == [10, 20]


async def test_answer_that_comes_in_a_pause_counts() -> None:
    """A certain answer to what was sent before ends the pause; one more in doubt does not begin another."""
    pauses: list[float] = []
    brake = Brake(2, pause=10, on_pause=pauses.append)
    for _ in range(4):
        assert brake.enter() or len(pauses) == 1
        brake.told(in_doubt=True)
    assert pauses == [10]
    brake.told(in_doubt=False)
    assert brake.enter()


async def test_submission_that_never_left_tells_nothing() -> None:
    """It neither ends a row of doubts nor a pause, and another trial may leave in its place."""
    brake = Brake(2, pause=10)
    for in_doubt in (True, None, True):
        assert brake.enter()
        brake.told(in_doubt=in_doubt)
    assert not brake.enter()
    await brake.released()
    for _ in range(3):
        assert [brake.enter(), brake.enter()] == [True, False]
        async with anyio.create_task_group() as group:
            group.start_soon(brake.released)
            await anyio.wait_all_tasks_blocked()
            brake.told(in_doubt=None)


async def test_pause_is_a_quarter_of_an_hour_at_most() -> None:
    """However often the trial fails."""
    pauses: list[float] = []
    brake = Brake(1, pause=600, on_pause=pauses.append)
    for _ in range(4):
        await brake.released()
        assert brake.enter()
        brake.told(in_doubt=True)
    assert pauses == [600, 900, 900, 900]


async def test_shut_gate_turns_away_who_waits_and_who_comes() -> None:
    """At once, with the reason."""
    gate = Gate()
    inner = gate.within(Brake())
    refused: list[str] = []

    async def wait() -> None:
        try:
            with inner.waiting("sku-1", 1000):
                await anyio.sleep(500)
        except NotSentError as exc:
            refused.append(f"{exc} {exc.key}")

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await anyio.sleep(1)
        assert "open, 1 waiting" in repr(inner)
        gate.shut("made-up reason")
    await wait()
    assert refused == ["nothing was sent: made-up reason sku-1"] * 2
    assert gate.within(Brake()).is_shut
    assert anyio.current_time() < 400


async def test_gate_keeps_a_deadline_and_a_foreign_cancellation() -> None:
    """Who waits too long gets a time-out; who is cancelled from outside is cancelled."""
    gate = Gate()
    with pytest.raises(TimeoutError), gate.waiting("sku-1", anyio.current_time() + 5):
        await anyio.sleep(10)
    with anyio.move_on_after(1) as outer, gate.waiting("sku-1", anyio.current_time() + 5):
        await anyio.sleep(10)
    assert outer.cancelled_caught


async def test_busy_waits_until_nothing_is_under_way() -> None:
    """Whoever waits is told when the last one leaves, and who comes later is waited for as well."""
    busy = Busy()
    await busy.none()

    async def work(seconds: float) -> None:
        with busy:
            await anyio.sleep(seconds)

    async with anyio.create_task_group() as group:
        group.start_soon(work, 5)
        group.start_soon(work, 7)
        await anyio.sleep(1)
        assert "2 under way" in repr(busy)
        began = anyio.current_time()
        group.start_soon(busy.none)
        await busy.none()
        assert anyio.current_time() - began == pytest.approx(6)


async def test_due_tells_in_order_and_takes_earlier_ones() -> None:
    """An item added later may be due before the others; one that is gone is not told of."""
    items = {1: "a", 2: "b", 3: "c"}
    told: list[tuple[str, float]] = []
    began = anyio.current_time()
    due = Due(items, lambda item: told.append((item, anyio.current_time() - began)))
    async with anyio.create_task_group() as group:
        group.start_soon(due.watch)
        due.add(began + 50, 1)
        await anyio.sleep(1)
        due.add(began + 10, 2)
        due.add(began + 20, 3)
        await anyio.sleep(14)
        del items[3]
        await anyio.sleep(60)
        group.cancel_scope.cancel()
    assert [name for name, _ in told] == ["b", "a"]
    assert [round(at) for _, at in told] == [10, 50]
    assert "0 moments for 2 items" in repr(due)
