"""R4: faults on three queries in ten: all tasks finish, at a price in polls."""

from typing import Any, Final

import anyio

from aidge_async import Deadlines, Polling, Succeeded
from aidge_async._core import gateway
from aidge_async.sandbox.server import running_sandbox
from aidge_async.sandbox.settings import SandboxSettings
from aidge_async.testing import InProcessSandbox
from tests.chaos import Trouble, chaos_proxy
from tests.matrix.scoring import Score
from tests.matrix.virtual import run_virtually
from tests.matrix.wire import FREE, LOOPS, QUERY, client_behind, looks

SEED: Final = 74
MOST: Final = 1.6  # times the polls of the faultless run
_PATH: Final = gateway.MODEL_ALTERNATION_QUERY_PATH

IN_PROCESS: Final[tuple[dict[str, Any], ...]] = (
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
)
# One in forty each, so that with the proxy's five three in ten queries are struck.
ON_THE_SOCKET: Final[tuple[dict[str, Any], ...]] = (
    {"kind": "truncated"},
    {"kind": "garbage"},
    {"kind": "bad_gzip"},
    {"kind": "wrong_length"},
    {"kind": "status", "status": 502, "body": "html"},
    {"kind": "html"},
    {"kind": "empty"},
)
BY_THE_PROXY: Final = (
    Trouble(kind="silence", to=QUERY, share=0.03),
    Trouble(kind="cut", to=QUERY, share=0.03),
    Trouble(kind="reset", at=60, to=QUERY, share=0.03),
    Trouble(kind="half_close", at=9, to=QUERY, share=0.03),
    Trouble(kind="corrupt", to=QUERY, share=0.03),
)
Seen = tuple[int, int, int]
"""Tasks that succeeded, queries that were sent, and how many of them were struck."""


async def in_process(tasks: int, faults: tuple[dict[str, Any], ...]) -> Seen:
    """Buy so many in virtual time, the sandbox in this process."""
    sandbox = InProcessSandbox(SandboxSettings(duration=20))
    for fault in faults:
        sandbox.fault("query", probability=0.035, seed=SEED, **fault)
    async with (
        sandbox.client(limits=FREE, polling=Polling.every(5)) as aidge,
        aidge.batch(looks(tasks), window=tasks) as outcomes,
    ):
        done = [outcome async for outcome in outcomes if isinstance(outcome, Succeeded)]
    struck = sum(rule.struck for rule in sandbox.world.faults.list())
    return len(done), int(sandbox.statistics()["apis"][_PATH]["calls"]), struck


async def on_the_wire(tasks: int, faults: tuple[dict[str, Any], ...], troubles: tuple[Trouble, ...]) -> Seen:
    """Buy so many over a socket, through the proxy."""
    rules = [{"calls": "query", "probability": 0.025, "seed": SEED, **fault} for fault in faults]
    with (
        running_sandbox(SandboxSettings(duration=6, spread=0.2), faults=rules) as sandbox,
        chaos_proxy(sandbox.url, *troubles, seed=SEED) as proxy,
    ):
        async with (
            client_behind(proxy, sandbox, polling=Polling.every(1.5), deadlines=Deadlines(query=0.3)) as aidge,
            aidge.batch(looks(tasks), window=tasks) as outcomes,
        ):
            done = [outcome async for outcome in outcomes if isinstance(outcome, Succeeded)]
        broken = sum(rule.struck for rule in sandbox.world.faults.list())
    return len(done), proxy.exchanges - tasks, broken + proxy.struck  # but for the submits all exchanges are queries


def test_R04_broken_queries(score: Score, full: bool) -> None:
    """All tasks finish, and a faulty run costs at most 1.6 times the polls of the faultless one."""

    def state(tried: str, tasks: int, calm: Seen, rough: Seen) -> None:
        share, price = rough[2] / rough[1], rough[1] / calm[1]
        figure = f"{rough[0]} finish; {rough[1]} polls for {calm[1]}, {price:.2f} times; {share:.0%} struck"
        held = rough[0] == calm[0] == tasks and price <= MOST and 0.25 < share < 0.4
        score(f"{tried}, seed {SEED}", figure, f"all; at most {MOST} times", held)

    tasks = 1_000 if full else 300
    for loop in LOOPS:
        calm, rough = (run_virtually(in_process, loop, tasks, faults) for faults in ((), IN_PROCESS))
        state(f"ten kinds of fault on 30 % of the queries of {tasks} tasks, virtual time, {loop}", tasks, calm, rough)
    tasks = 400 if full else 100
    calm = anyio.run(on_the_wire, tasks, (), ())
    rough = anyio.run(on_the_wire, tasks, ON_THE_SOCKET, BY_THE_PROXY)
    kinds = len(ON_THE_SOCKET) + len(BY_THE_PROXY)
    state(f"{kinds} kinds on 30 % of the queries of {tasks} tasks, on a socket, asyncio", tasks, calm, rough)
