"""
Claim: 10,000 tasks in flight cost at most 12 KB each and leave the event loop free, and a batch's memory is its window.

Each figure is of a fresh process. The tasks are at a sandbox in another process, last longer than the measurement, and
are asked after every minute. The rows of the second part come from a generator of a million; how far it was drawn in
the time is said. A quick round has 1,000 tasks on asyncio alone, and 20 s for the rows.
"""

import json
import statistics
import subprocess
import sys
from functools import partial
from typing import Any, Final

from aidge_async.sandbox import SandboxSettings
from benchmarks.crowd import Cost
from benchmarks.gateway import GatewayProcess, gateway_process
from benchmarks.report import Report, Row, plot, run_as_script
from benchmarks.stream import ROWS, SLOW

CLAIM: Final = "10,000 tasks in flight cost at most 12 KB each and leave the loop free; a batch's memory is its window."
TASKS, QUICK_TASKS = 10_000, 1_000
SECONDS, QUICK_SECONDS = 600.0, 20.0
WINDOW, QUICK_WINDOW = 2_000, 200
WATCHED, QUICK_WATCHED = 20.0, 5.0  # seconds for which the loop is watched once all are in flight
BAR_BYTES: Final = 12_000
BAR_LAG: Final = 0.020
BAR_GROWTH_BYTES: Final = 4_000_000  # from the first fast tenth to the end; a row kept would be some 1 KB
HANDED_ON: Final = 1  # rows beyond the window: the one that the consumer has in hand
LOOPS: Final = ("asyncio", "trio")


def child(module: str, *arguments: str) -> dict[str, Any]:
    """Run a measurement in a fresh process and return what it found."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    process = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    found: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    return found


def crowd(kind: str, loop: str, tasks: int, watched: float) -> tuple[Cost, float]:
    """Return what so many tasks cost, and the CPU seconds that the server used meanwhile."""
    with gateway_process(SandboxSettings(duration=80_000, spread=0)) as gateway:
        before = gateway.cpu_seconds()
        cost = Cost(**child("crowd", kind, loop, str(tasks), str(watched), json.dumps(_door(gateway))))
        return cost, gateway.cpu_seconds() - before


def _door(gateway: GatewayProcess) -> dict[str, str]:
    return {"url": gateway.url, "key_name": gateway.key_name, "key_secret": gateway.key_secret}


def crowd_rows(loop: str, tasks: int, watched: float) -> list[Row]:
    """Return what tasks in flight cost, ours and bare ones."""
    cost, server = crowd("ours", loop, tasks, watched)
    traced, _ = crowd("ours", loop, tasks, 0)
    least, _ = crowd("bare", loop, tasks, watched)
    return [
        Row(f"ours, {loop}: a task", _kilobytes(cost.each_bytes), "at most 12 KB", cost.each_bytes <= BAR_BYTES),
        Row(f"ours, {loop}: a task as tracemalloc counts", _kilobytes(traced.traced_bytes or 0)),
        Row(f"a task that only sleeps, {loop}", _kilobytes(least.each_bytes)),
        Row(f"ours, {loop}: lag of the event loop, p99", _lag(cost), "under 20 ms", cost.lag_p99 < BAR_LAG),
        Row(f"tasks that only sleep, {loop}: the same", _lag(least)),
        Row(f"ours, {loop}: until all were in flight", f"{cost.starting:.1f} s (server {server:.1f} s CPU)"),
    ]


def _kilobytes(size: float) -> str:
    return f"{size / 1000:.1f} KB"


def _lag(cost: Cost) -> str:
    return f"{cost.lag_p99 * 1000:.1f} ms; most {cost.lag_most * 1000:.0f} ms"


def stream_rows(found: dict[str, Any], window: int) -> list[Row]:
    """Return how the memory went while rows were drawn."""
    growth = growth_of(found["looks"], window)
    ahead, allowed = found["most_ahead"], window + HANDED_ON
    return [
        Row(f"rows drawn of {ROWS:,} and consumed", f"{found['drawn']:,} and {found['consumed']:,}"),
        Row("most rows ahead of a slow consumer", f"{ahead:,}", f"at most {allowed:,}", ahead <= allowed),
        Row("growth of the memory meanwhile", f"{growth / 1e6:+.1f} MB", "at most +4 MB", growth <= BAR_GROWTH_BYTES),
    ]


def growth_of(looks: list[list[float]], window: int) -> float:
    """Return by how much the resident memory grew from the first looks with a full window to the last ones."""
    sizes = [size for _, consumed, size in looks if consumed > window]
    tenth = max(1, len(sizes) // 10)
    return statistics.median(sizes[-tenth:]) - statistics.median(sizes[:tenth]) if sizes else float("nan")


def main(*, full: bool = False) -> Report:
    """Hold tasks, then draw rows."""
    tasks, watched, loops = (TASKS, WATCHED, LOOPS) if full else (QUICK_TASKS, QUICK_WATCHED, LOOPS[:1])
    seconds, window = (SECONDS, WINDOW) if full else (QUICK_SECONDS, QUICK_WINDOW)
    rows = [row for loop in loops for row in crowd_rows(loop, tasks, watched)]
    found = child("stream", str(seconds), str(window))
    notes = (
        f"{tasks:,} tasks in flight, each asked after every minute; the loop was watched for {watched:.0f} s then",
        "KB are 1,000 bytes of resident memory over a client that was used; bare tasks are four frames and a deadline",
        f"rows: {seconds:.0f} s against a scripted gateway in the same process, asyncio, window {window:,}",
        f"in the first quarter of that time the consumer takes {SLOW * 1000:.0f} ms for each row",
    )
    picture = plot("memory", partial(_paint, found, window))
    return Report("memory", CLAIM, [*rows, *stream_rows(found, window)], notes, picture)


def _paint(found: dict[str, Any], window: int, axes: Any) -> None:  # noqa: ANN401  matplotlib need not be installed
    _, consumed, sizes = zip(*found["looks"], strict=True)
    axes.plot(consumed, [size / 1e6 for size in sizes], marker=".")
    axes.set(xlabel="rows consumed", ylabel="resident memory, MB", ylim=(0, None), title=f"A window of {window:,} rows")


if __name__ == "__main__":
    run_as_script(main)
