"""R7: the limit is half of what was configured: the client finds it and uses it."""

from typing import Any, Final

import anyio

from aidge_async import Limits
from aidge_async._core import gateway
from aidge_async.sandbox.settings import SandboxSettings
from aidge_async.testing import InProcessSandbox
from benchmarks.learned_rate import measure
from tests.matrix.scoring import Score
from tests.matrix.virtual import run_virtually
from tests.matrix.wire import LOOPS, looks

TOLD: Final = 20
TAKEN: Final = 10
CALLERS: Final = 50
FROM: Final = 10.0  # seconds
Seen = tuple[float, float, int]
"""Share of the real limit that was used, share of all calls that was refused, and how many calls there were."""


async def stormed(seconds: float, latency: float) -> Seen:
    """Submit without end in virtual time against a gateway that takes half of what the client was told."""
    sandbox = InProcessSandbox(SandboxSettings(rate_limit=TAKEN, duration=86_400))
    sandbox.fault("submit", "delay", seconds=latency)
    began = anyio.current_time()

    async with sandbox.client(limits=Limits(submit_rate=float(TOLD), in_flight=64)) as aidge:

        async def submit_for_ever() -> None:
            while True:
                for _, look in looks(1):
                    await aidge.submit(look)

        with anyio.move_on_after(seconds):
            async with anyio.create_task_group() as group:
                for _ in range(CALLERS):
                    group.start_soon(submit_for_ever)
    accepted = [float(line["at"]) for line in sandbox.ledger()]
    first = min(accepted)
    used = sum(first + FROM <= at < first + seconds for at in accepted) / (TAKEN * (seconds - FROM))
    tally: Any = sandbox.statistics()["apis"][gateway.MODEL_ALTERNATION_SUBMIT_PATH]
    assert anyio.current_time() - began < seconds + 15
    return used, int(tally["codes"].get("501", 0)) / int(tally["calls"]), int(tally["calls"])


def test_R07_storm(score: Score, full: bool) -> None:
    """From the tenth second on at least 90 % of the real limit are used, and at most 5 % of all calls refused."""

    def state(tried: str, used: float, refused: float, calls: int) -> None:
        score(f"{tried}: used from second {FROM:.0f}", f"{used:.1%}", "at least 90 %", used >= 0.9)
        score(f"{tried}: refused", f"{refused:.1%} of {calls} calls", "at most 5 %", refused <= 0.05)

    seconds = 600.0 if full else 60.0
    for loop in LOOPS:
        for latency in (0.0, 0.3):
            tried = f"told {TOLD}/s of {TAKEN}/s, {seconds:.0f} s virtual, answers after {latency:g} s, {loop}"
            state(tried, *run_virtually(stormed, loop, seconds, latency))
    seconds = 60.0 if full else 30.0
    found = measure("asyncio", Limits(submit_rate=float(TOLD), in_flight=64), (TAKEN,), seconds)
    tried = f"told {TOLD}/s of {TAKEN}/s, {seconds:.0f} s on a socket, asyncio"
    state(tried, found.used(0, FROM), found.refused_share, found.calls)
