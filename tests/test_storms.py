"""Many faults at once: nothing is bought twice, what is in doubt is exactly what was dropped, and all tasks finish."""

from typing import Any

import anyio
import pytest

from aidge_async import AidgeClient, Limits, ModelAlternation, Polling, SubmissionInDoubtError
from aidge_async._core import gateway
from aidge_async.events import ClockCorrected, Event
from aidge_async.sandbox import SandboxSettings
from aidge_async.testing import InProcessSandbox, SocketSandbox, virtual_backend
from tests.support import events_of

pytestmark = pytest.mark.slow

SUBMITS = 500
FREE = Limits(submit_rate=None, query_rate=None, in_flight=40)
QUERY = gateway.MODEL_ALTERNATION_QUERY_PATH
TEN_WAYS: list[dict[str, Any]] = [
    {"kind": "drop_before_reading"},
    {"kind": "accept_then_drop"},
    {"kind": "close_at", "at": 60},
    {"kind": "status", "status": 502, "body": "html"},
    {"kind": "business_code", "code": "500", "message": "made up"},
    {"kind": "gateway_code", "code": "ServiceTimeout", "type": "ISP", "message": "made up"},
    {"kind": "truncated"},
    {"kind": "garbage"},
    {"kind": "empty"},
    {"kind": "html"},
]


def look(number: int) -> ModelAlternation:
    """Return a request unlike all others."""
    return ModelAlternation(image=f"https://example.com/{number}.jpg", model="universal_model_1")


async def test_five_hundred_submits_of_which_a_fifth_lose_their_answer() -> None:
    """No fingerprint is bought twice, and the requests in doubt are exactly those whose answer was dropped."""
    doubtful: list[ModelAlternation] = []
    handles: list[str] = []
    with SocketSandbox.run(SandboxSettings(duration=0)) as sandbox:
        sandbox.fault("submit", "accept_then_drop", probability=0.2, seed=20261122)
        async with sandbox.client(limits=FREE) as aidge, anyio.create_task_group() as group:

            async def buy(request: ModelAlternation) -> None:
                try:
                    handles.append((await aidge.submit(request)).task_id)
                except SubmissionInDoubtError:
                    doubtful.append(request)

            for number in range(SUBMITS):
                group.start_soon(buy, look(number))
        ledger = sandbox.ledger()
        struck = sum(rule.struck for rule in sandbox.world.faults.list())
    fingerprints = [line["fingerprint"] for line in ledger]
    assert len(set(fingerprints)) == len(fingerprints) == SUBMITS
    assert SUBMITS * 0.1 < struck == len(doubtful) < SUBMITS * 0.3
    dropped = {line["fingerprint"] for line in ledger if line["task_id"] not in handles}
    assert dropped == await _fingerprints(doubtful)


async def _fingerprints(requests: list[ModelAlternation]) -> set[str]:
    """Return what a sandbox without faults calls these requests."""
    clean = InProcessSandbox()
    async with clean.client(limits=FREE) as aidge:
        for request in requests:
            await aidge.submit(request)
    return {line["fingerprint"] for line in clean.ledger()}


async def _finish(aidge: AidgeClient, number: int) -> None:
    assert len(await aidge.run(look(number))) == 2


def run_virtually(story: Any, backend: str) -> Any:
    """Run *story* in virtual time."""
    name, options = virtual_backend(backend)
    return anyio.run(story, backend=name, backend_options=options)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_three_hundred_tasks_finish_though_a_third_of_queries_fail(backend: str) -> None:
    """Ten kinds of fault on 30 % of all queries cost at most 1.6 times the polls of the faultless run."""

    tasks = 300 if backend == "asyncio" else 100  # the same engine on both; one full count is enough

    async def polls(*faults: dict[str, Any]) -> tuple[int, int]:
        sandbox = InProcessSandbox(SandboxSettings(duration=20))
        for seed, fault in enumerate(faults):
            sandbox.fault("query", probability=0.035, seed=seed, **fault)
        async with sandbox.client(limits=FREE, polling=Polling.every(5)) as aidge, anyio.create_task_group() as group:
            for number in range(tasks):
                group.start_soon(_finish, aidge, number)
        struck = sum(rule.struck for rule in sandbox.world.faults.list())
        return int(sandbox.statistics()["apis"][QUERY]["calls"]), struck

    async def story() -> None:
        calm, _ = await polls()
        rough, struck = await polls(*TEN_WAYS)
        assert 0.25 < struck / rough < 0.35
        assert rough <= 1.6 * calm

    run_virtually(story, backend)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize(("offset", "corrections"), [(900.0, 0), (10_800.0, 1), (-10_800.0, 1)])
def test_wrong_clock_is_corrected_once_for_all(backend: str, offset: float, corrections: int) -> None:
    """Off by a quarter of an hour the gateway does not mind; by three hours one correction serves all that follows."""

    async def story() -> None:
        seen: list[Event] = []
        sandbox = InProcessSandbox(SandboxSettings(duration=20))
        sandbox.fault("any", "clock", offset=offset)
        async with sandbox.client(limits=FREE, observers=[seen.append]) as aidge:
            await _finish(aidge, 0)
            async with anyio.create_task_group() as group:
                for number in range(1, 50):
                    group.start_soon(_finish, aidge, number)
        assert len(events_of(seen, ClockCorrected)) == corrections
        assert len(sandbox.ledger()) == 50

    run_virtually(story, backend)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_clock_that_jumps_among_a_hundred_tasks_stops_none(backend: str) -> None:
    """The gateway's clock jumps while a hundred tasks run; all finish, and each jump costs one correction."""

    async def story() -> None:
        seen: list[Event] = []
        sandbox = InProcessSandbox(SandboxSettings(duration=60))
        async with sandbox.client(limits=FREE, observers=[seen.append]) as aidge, anyio.create_task_group() as group:
            for number in range(100):
                group.start_soon(_finish, aidge, number)
            await anyio.sleep(20)
            sandbox.fault("any", "clock", offset=10_800.0)
            await anyio.sleep(20)
            sandbox.clear_faults()
        assert [round(event.offset, -1) for event in events_of(seen, ClockCorrected)] == [10_800, 0]
        assert len(sandbox.ledger()) == 100

    run_virtually(story, backend)
