"""
Claim: a limit that the client has to find, 20, then 5, then 15 calls a second, is over 90 % used and under 2 % refused.

    python -m benchmarks.learned_rate --full

A hundred callers submit without end through one client with `submit_rate="learn"`, and the sandbox, a process of its
own, is told another limit after each phase. Beside it a client that was told 20 where the sandbox takes 10. Everything
is counted by the sandbox: what was accepted by its ledger, what was refused by its tally. With `--full` a phase takes
60 seconds, on asyncio and on trio, three minutes each; else 30 on asyncio only.
"""

import itertools
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

import anyio
import attrs

from aidge_async import AidgeClient, Limits, ModelAlternation
from aidge_async.sandbox import SandboxSettings
from benchmarks.gateway import GatewayProcess, gateway_process
from benchmarks.report import Report, Row, plot, run_as_script

LIMITS: Final = (20, 5, 15)
SKIPPED: Final = 20.0  # seconds of each phase in which the new limit may be looked for
CALLERS: Final = 100
CLAIM: Final = (__doc__ or "").strip().split("\n")[0].removeprefix("Claim: ")


@attrs.frozen
class Found:
    """What the sandbox saw: for each phase its limit, beginning and end, and in all the accepted and the refused."""

    phases: list[tuple[int, float, float]]
    accepted: list[float]
    calls: int
    refused: int

    def used(self, number: int, skipped: float) -> float:
        """Return the share of its limit that was used in a phase."""
        limit, began, ended = self.phases[number]
        taken = sum(began + skipped <= at < ended for at in self.accepted)
        return taken / (limit * (ended - began - skipped))

    @property
    def refused_share(self) -> float:
        """Return the share of all calls that were refused."""
        return self.refused / self.calls


async def run(sandbox: GatewayProcess, limits: Limits, phases: Sequence[int], seconds: float) -> Found:
    """Submit as fast as the client allows while the sandbox's limit changes."""
    passed: list[tuple[int, float, float]] = []
    numbers = itertools.count()

    async def submit_for_ever(aidge: AidgeClient) -> None:
        for number in numbers:
            await aidge.submit(ModelAlternation(image=f"https://example.com/{number}.jpg", model="universal_model_1"))

    client = AidgeClient(sandbox.key_name, sandbox.key_secret, base_url=sandbox.url, limits=limits)
    async with client as aidge, anyio.create_task_group() as group:
        for _ in range(CALLERS):
            group.start_soon(submit_for_ever, aidge)
        for limit in phases:
            await anyio.to_thread.run_sync(partial(sandbox.change_settings, rate_limit=limit))
            began = time.time()
            await anyio.sleep(seconds)
            passed.append((limit, began, time.time()))
        group.cancel_scope.cancel()
    (tally,) = sandbox.statistics()["apis"].values()
    accepted = [float(line["at"]) for line in sandbox.ledger()]
    return Found(passed, accepted, int(tally["calls"]), int(tally["codes"].get("501", 0)))


def measure(backend: str, limits: Limits, phases: Sequence[int], seconds: float) -> Found:
    """Run in a fresh sandbox."""
    with gateway_process(SandboxSettings(rate_limit=phases[0], duration=86_400)) as sandbox:
        return anyio.run(run, sandbox, limits, phases, seconds, backend=backend)


def rows_of(backend: str, seconds: float) -> tuple[list[Row], Found]:
    """Measure on one event loop and return the rows, with what was found of the learned limits."""
    with ThreadPoolExecutor() as pool:  # both at once: they wait far more than they compute
        finding = pool.submit(measure, backend, Limits(submit_rate="learn", in_flight=64), LIMITS, seconds)
        lowering = pool.submit(measure, backend, Limits(submit_rate=20.0, in_flight=64), (10,), seconds)
    learned, told = finding.result(), lowering.result()
    rows = []
    for number, limit in enumerate(LIMITS):
        used = learned.used(number, SKIPPED)
        what = f"{backend}: used of {limit}/s, second {SKIPPED:.0f} to {seconds:.0f}"
        rows.append(Row(what, f"{used:.1%}", "over 90 %", used > 0.9))
    rows.append(_refused(f"{backend}: refused of all calls, learned", learned, 0.02))
    used = told.used(0, 10.0)
    rows.append(
        Row(f"{backend}: told 20/s, used of the sandbox's 10/s from second 10", f"{used:.1%}", "90 %", used >= 0.9)
    )
    rows.append(_refused(f"{backend}: refused of all calls, told 20/s of 10/s", told, 0.05))
    return rows, learned


def _refused(what: str, found: Found, most: float) -> Row:
    share = found.refused_share
    return Row(what, f"{share:.2%} ({found.refused} of {found.calls})", f"under {most:.0%}", share < most)


def main(*, full: bool = False) -> Report:
    """Measure on the event loops."""
    seconds = 60.0 if full else 30.0
    rows: list[Row] = []
    for backend in ("asyncio", "trio") if full else ("asyncio",):
        new, found = rows_of(backend, seconds)
        rows += new
    return Report("learned_rate", CLAIM, rows, _NOTES, plot("learned_rate", lambda axes: _paint(axes, found)))


_NOTES: Final = (
    "Used and refused are the sandbox's own counts; it counts per sliding second, and a refused call does not count.",
)


def _paint(axes: Any, found: Found) -> None:  # noqa: ANN401  matplotlib's, which need not be installed
    """Draw the accepted calls of each second over the limit."""
    began = found.phases[0][1]
    seconds = range(int(found.phases[-1][2] - began))
    taken = [sum(second <= at - began < second + 1 for at in found.accepted) for second in seconds]
    axes.step(seconds, taken, where="post", label="accepted in that second")
    for limit, start, end in found.phases:
        axes.hlines(limit, start - began, end - began, colors="black", linestyles="dashed")
    axes.set(xlabel="seconds", ylabel="calls a second", title="A limit that has to be found (dashed)")
    axes.legend()


if __name__ == "__main__":
    run_as_script(main)
