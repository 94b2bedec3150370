"""
Claim: a catalogue of 1,000 tasks takes 1.03 of the least time that the gateway's limit allows, and buys each once.

Tasks take 1 to 3 s. In the first run the gateway takes 50 calls a second of both kinds together, so that the least is
two calls a task, one submit and one query, at 50 a second. In the second each of the two paths takes 50, and the
least is the end that somebody would see who knows every duration beforehand. The sandbox is in another process. Beside
ours, under the first limit, stand the loops of `benchmarks/peers.py`. A quick round has 200 tasks.
"""

import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import anyio
import attrs

from aidge_async import AidgeClient, Limits, ModelAlternation, Polling, Succeeded
from aidge_async.sandbox import SandboxSettings
from benchmarks.gateway import GatewayProcess, gateway_process
from benchmarks.peers import PEERS, QUERY, SUBMIT, Door, Loop, Note, Peer
from benchmarks.report import Report, Row, absent, plot, run_as_script

CLAIM: Final = "A catalogue of 1,000 tasks takes at most 1.03 of the least time and buys each once."
TASKS, QUICK_TASKS = 1_000, 200
ROUNDS, QUICK_ROUNDS = 3, 1  # of ours, on each event loop; peers run once
RATE: Final = 50
# With the square root of 3 in the middle and this spread, 99.4 of 100 tasks take 1 to 3 s.
MEDIAN: Final = 3**0.5
SPREAD: Final = 0.2
BAR: Final = 1.03
MOST_REFUSED: Final = 0.002
MOST_SECONDS: Final = 240.0  # a run; what is unfinished by then counts as lost
BUSY: Final = 0.8  # of a core; a server so busy is part of what was measured


@attrs.frozen(kw_only=True)
class Run:
    """What one run came to, as the gateway counts; times in seconds."""

    name: str
    tasks: int
    wall: float
    got: list[float]
    """When each picture came."""
    submits: int
    queries: int
    refused: int
    bought: int
    paid_twice: int
    client_cpu: float
    server_cpu: float

    @property
    def lost(self) -> int:
        """Tasks of the catalogue whose end nobody heard of."""
        return self.tasks - len(self.got)

    @property
    def calls(self) -> int:
        """Calls that the gateway let pass."""
        return self.submits + self.queries - self.refused

    def value(self, least: float) -> str:
        """Return it in words."""
        return (
            f"{self.wall:.1f} s, {self.wall / least:.2f} of the least; {self.submits} submits, {self.queries} queries, "
            f"{self.refused} refused; {self.bought} bought, {self.paid_twice} twice; {self.lost} lost; "
            f"{self.client_cpu:.1f} s CPU"
        )


def measured(
    name: str,
    loop: Loop,
    tasks: int,
    settings: SandboxSettings,
    *,
    backend: str = "asyncio",
) -> Run:
    """Let *loop* buy a picture of each of so many, from a fresh sandbox in another process."""
    pictures = [f"https://example.com/{number}.jpg" for number in range(tasks)]
    got: list[float] = []
    with gateway_process(settings) as gateway:
        server_before, cpu, began = gateway.cpu_seconds(), time.process_time(), time.perf_counter()
        run = partial(_bounded, loop, gateway, pictures, lambda: got.append(time.perf_counter() - began))
        anyio.run(run, backend=backend)
        wall, cpu, server = time.perf_counter() - began, time.process_time() - cpu, gateway.cpu_seconds()
        return _judged(gateway, name, tasks, wall=wall, got=got, client_cpu=cpu, server_cpu=server - server_before)


async def _bounded(loop: Loop, gateway: GatewayProcess, pictures: Sequence[str], note: Note) -> None:
    with anyio.move_on_after(MOST_SECONDS):
        await loop(gateway, pictures, note)


def _judged(gateway: GatewayProcess, name: str, tasks: int, **known: Any) -> Run:
    apis: dict[str, Any] = gateway.statistics()["apis"]
    bought = Counter(line["fingerprint"] for line in gateway.ledger())
    return Run(
        name=name,
        tasks=tasks,
        submits=apis.get(SUBMIT, {}).get("calls", 0),  # a peer may fail to get a single call through
        queries=apis.get(QUERY, {}).get("calls", 0),
        refused=sum(api["codes"].get("501", 0) for api in apis.values()),
        bought=bought.total(),
        paid_twice=bought.total() - len(bought),
        **known,
    )


def ours(limits: Limits, polling: Polling) -> Loop:
    """Return the catalogue loop of README with these settings."""

    async def run(door: Door, pictures: Sequence[str], note: Note) -> None:
        requests = (ModelAlternation(image=url, model="universal_model_1", count=1) for url in pictures)
        options: dict[str, Any] = {"base_url": door.url, "limits": limits, "polling": polling}
        async with (
            AidgeClient(door.key_name, door.key_secret, **options) as aidge,
            aidge.batch(requests, window=len(pictures)) as outcomes,
        ):
            async for outcome in outcomes:
                if isinstance(outcome, Succeeded):
                    note()

    return run


def together(tasks: int, rounds: int) -> list[Run]:
    """Run ours under one limit for both paths, on both event loops, interleaved."""
    settings = SandboxSettings(duration=MEDIAN, spread=SPREAD, total_rate_limit=RATE)
    limits = Limits(submit_rate=None, query_rate=None, total_rate=RATE, in_flight=64)
    return _rounds(rounds, lambda loop, name: measured(name, loop, tasks, settings, backend=name), limits)


def apart(tasks: int, rounds: int) -> list[Run]:
    """Run ours under a limit for each path."""
    settings = SandboxSettings(duration=MEDIAN, spread=SPREAD, rate_limit=RATE)
    limits = Limits(submit_rate=RATE, query_rate=RATE, in_flight=64)
    return _rounds(rounds, lambda loop, name: measured(name, loop, tasks, settings, backend=name), limits)


def _rounds(rounds: int, run: Callable[[Loop, str], Run], limits: Limits) -> list[Run]:
    return [run(ours(limits, Polling.every(1)), name) for _ in range(rounds) for name in ("asyncio", "trio")]


def peer_run(peer: Peer, tasks: int) -> Run:
    """Run one peer under the limit for both paths."""
    settings = SandboxSettings(duration=MEDIAN, spread=SPREAD, total_rate_limit=RATE)
    return measured(peer.name, peer.run, min(tasks, peer.most or tasks), settings)


def clairvoyant_end(tasks: int, rate: int) -> float:
    """
    Return when the last end is known to somebody who knows every duration, with *rate* submits and queries a second.

    It sends as many as any second takes at once, and asks once for each task: the moment it ends, or at its turn.
    """
    asked: list[float] = []
    for end in sorted(number // rate + duration(number) for number in range(tasks)):
        turn = asked[-rate] + 1 if len(asked) >= rate else 0.0
        asked.append(max(end, turn))
    return asked[-1]


def duration(number: int) -> float:
    """Return how long the sandbox makes its *number*-th task; a test holds it equal to what the sandbox does."""
    return MEDIAN * random.Random(f"0/{number}").lognormvariate(0, SPREAD)


def rows_together(runs: Sequence[Run], tasks: int) -> list[Row]:
    """Return the rows of ours under one limit; a bar is held against the worst of the rounds."""
    least = 2 * tasks / RATE
    slowest = max(runs, key=lambda run: run.wall)
    refused = max(run.refused / max(1, run.submits + run.queries) for run in runs)
    bought = Counter(run.bought for run in runs)
    most = max(run.wall * RATE / max(1, run.calls) for run in runs)
    return [
        *(Row(f"ours, {run.name}", run.value(least)) for run in runs),
        Row(
            f"slowest wall over {2 * tasks} calls at {RATE} a second",
            f"{slowest.wall / least:.3f}",
            f"{BAR}",
            slowest.wall <= BAR * least,
        ),
        Row("the same over the calls that it made", f"{most:.3f}", f"{BAR}", most <= BAR),
        Row("refused, worst round", f"{refused:.2%}", f"under {MOST_REFUSED:.1%}", refused < MOST_REFUSED),
        Row("bought", ", ".join(map(str, bought)), f"{tasks}", set(bought) == {tasks}),
    ]


def rows_apart(runs: Sequence[Run], tasks: int) -> list[Row]:
    """Return the rows of ours under a limit for each path."""
    end = clairvoyant_end(tasks, RATE)
    rows = []
    for run in runs:
        least = max(run.submits / RATE, run.queries / RATE, end)
        row = Row(
            f"ours, {run.name}, {RATE} a second for each path",
            f"{run.wall:.1f} s, {run.wall / end:.2f} of a clairvoyant's {end:.1f} s; {run.submits} submits, "
            f"{run.queries} queries, {run.refused} refused; {run.bought} bought",
            f"{BAR * least + 1:.1f} s",
            run.wall <= BAR * least + 1,
        )
        rows.append(row)
    return rows


def rows_of_peers(runs: Sequence[Run], tasks: int) -> list[Row]:
    """Return the rows of the peers; a run of fewer tasks is extrapolated, and says from how many."""
    rows = []
    for run in runs:
        least = 2 * tasks / RATE
        value = run.value(least)
        if run.tasks < tasks:
            wall = run.wall / run.tasks * tasks
            value = f"{wall:.0f} s, {wall / least:.0f} of the least; from {run.tasks} tasks in {run.wall:.1f} s"
        rows.append(Row(run.name, value))
    return rows


def main(*, full: bool = False) -> Report:
    """Run ours, then the peers."""
    tasks, rounds = (TASKS, ROUNDS) if full else (QUICK_TASKS, QUICK_ROUNDS)
    mine, separate = together(tasks, rounds), apart(tasks, rounds)
    here = [peer for peer in PEERS if not absent(*peer.needs)]
    peers = [peer_run(peer, tasks) for peer in here]
    rows = [*rows_together(mine, tasks), *rows_apart(separate, tasks), *rows_of_peers(peers, tasks)]
    picture = plot("catalogue", partial(_paint, [mine[0], *(run for run in peers if run.tasks == tasks)]))
    return Report("catalogue", CLAIM, rows, notes([*mine, *separate, *peers], tasks), picture)


def notes(runs: Sequence[Run], tasks: int) -> tuple[str, ...]:
    """Return what must be known of the runs."""
    busiest = max(runs, key=lambda run: run.server_cpu / run.wall)
    load = busiest.server_cpu / busiest.wall
    median = statistics.median(run.server_cpu / run.wall for run in runs)
    verdict = "so the server was a bottleneck there" if load > BUSY else "so the server was no bottleneck"
    skipped = [peer.name for peer in PEERS if absent(*peer.needs)]
    return (
        f"{tasks} tasks of 1 to 3 s (lognormal, median {MEDIAN:.2f} s, sigma {SPREAD}); each run with a fresh sandbox",
        f"the server used {median:.0%} of a core in the median run, {load:.0%} in '{busiest.name}', {verdict}",
        f"a run is broken off after {MOST_SECONDS:.0f} s; what is unfinished then counts as lost",
        *([f"not installed, and so not measured: {', '.join(skipped)}"] if skipped else []),
    )


def _paint(runs: Sequence[Run], axes: Any) -> None:  # noqa: ANN401  matplotlib need not be installed
    for run in runs:
        name = "ours" if run is runs[0] else run.name
        axes.step([0, *run.got], range(len(run.got) + 1), where="post", label=name)
    axes.axvline(2 * runs[0].tasks / RATE, color="0.6", linestyle=":", label="the least time")
    axes.set(xlabel="seconds", ylabel="pictures received", title=f"{runs[0].tasks} tasks, {RATE} calls a second")
    axes.legend()


if __name__ == "__main__":
    run_as_script(main)
