"""
Claim: 32 uploads of 4 MB at once take next to no memory beside the pictures, and hold the event loop for a moment only.

    python -m benchmarks.uploads [--full]

Each contender runs in a process of its own, submits 32 pictures of 4,000,000 bytes over plain http to a server in
another one, which reads and answers at once, and is warmed up with one. Memory is what the process takes at its peak
over what it took with the pictures in memory; Python's own allocations are traced in a run by themselves, because that
slows everything. How long the loop is held is the longest delay of a task that wakes every millisecond: it shows what
the machine's other work does, too, so the median of the runs is judged.
"""

import asyncio
import base64
import json
import os
import resource
import statistics
import struct
import subprocess
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import anyio
import attrs
import httpx

from aidge_async import AidgeClient, Limits, ModelAlternation
from aidge_async._core import gateway
from benchmarks.answering import answering_process
from benchmarks.report import Report, Row, run_as_script

UPLOADS: Final = 32
SIZE_BYTES: Final = 4_000_000
MOST_MB, MOST_HELD_MS, MOST_CPU_MS = 16.0, 15.0, 14.0
CONTENDERS: Final = {
    "ours-4": "ours, 4 on the wire (the default)",
    "ours-32": "ours, 32 on the wire",
    "json": "httpx json=",
}
_ROOT: Final = Path(__file__).parents[1]

Upload = Callable[[bytes], Awaitable[object]]


@attrs.frozen(kw_only=True)
class Seen:
    """What one process saw."""

    resident_mb: float
    traced_mb: float
    held_ms: float
    cpu_ms: float
    seconds: float


def picture(number: int) -> bytes:
    """Return a PNG by its header and noise behind it: nobody draws it."""
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBB", 13, b"IHDR", 1000, 1200, 8, 2, 0, 0, 0)
    return head + bytes([number]) + os.urandom(SIZE_BYTES - len(head) - 1)


@asynccontextmanager
async def ours(url: str, uploads: int) -> AsyncIterator[Upload]:
    """Submit through the public face."""
    limits = Limits(submit_rate=None, query_rate=None, in_flight=UPLOADS, uploads=uploads)
    async with AidgeClient("made-up-key", "made-up-secret", base_url=url, limits=limits) as aidge:
        yield lambda image: aidge.submit(ModelAlternation(image=image, model="universal_model_1"))


@asynccontextmanager
async def plain(url: str) -> AsyncIterator[Upload]:
    """Post the JSON that the gateway's reference page shows."""
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:

        async def upload(image: bytes) -> object:
            fields = {"imageBase64": base64.b64encode(image).decode(), "model": "universal_model_1"}
            body = {"requestParams": json.dumps([fields])}
            return await client.post(f"{url}{gateway.PATH_PREFIX}{gateway.MODEL_ALTERNATION_SUBMIT_PATH}?", json=body)

        yield upload


class Ticker:
    """A task that wakes every millisecond and notes by how much it was late."""

    def __init__(self) -> None:
        self.worst = 0.0

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            began = time.perf_counter()
            await anyio.sleep(0.001)
            self.worst = max(self.worst, time.perf_counter() - began - 0.001)


async def measure(contender: str, url: str, *, traced: bool) -> Seen:
    """Be one contender in a process of its own."""
    images = [picture(number) for number in range(UPLOADS)]
    opened = plain(url) if contender == "json" else ours(url, int(contender.removeprefix("ours-")))
    async with opened as upload, anyio.create_task_group() as ticking:
        await upload(images[0])
        ticker, before_kb = Ticker(), _resident_kb()
        _forget_peak()
        if traced:
            tracemalloc.start()
        ticking.start_soon(ticker.run)
        began, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(upload(image) for image in images))
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        ticking.cancel_scope.cancel()
        return Seen(
            resident_mb=(_peak_kb() - before_kb) / 1000,
            traced_mb=tracemalloc.get_traced_memory()[1] / 1e6 if traced else 0.0,
            held_ms=ticker.worst * 1000,
            cpu_ms=cpu / UPLOADS * 1000,
            seconds=seconds,
        )
    raise AssertionError


def _resident_kb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1000


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _peak_kb() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1.024


def in_a_process(contender: str, url: str, *, traced: bool) -> Seen:
    """Measure in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.uploads", "--be", contender, url, "traced" if traced else ""]
    found = subprocess.run(command, capture_output=True, check=True, text=True, cwd=_ROOT, timeout=120)
    return Seen(**json.loads(found.stdout))


def rows_of(name: str, plainly: Sequence[Seen], traced: Seen, *, judged: bool) -> list[Row]:
    """Return the figures of one contender, held against the bars where they are ours."""

    def median(name: str) -> float:
        return float(statistics.median(getattr(each, name) for each in plainly))

    def row(what: str, figure: float, unit: str, most: float, sign: str = "") -> Row:
        bar, held = (f"at most {sign}{most:g} {unit}", figure <= most) if judged else ("", None)
        return Row(f"{UPLOADS} uploads of 4 MB, {what}: {name}", f"{sign}{figure:.1f} {unit}", bar, held)

    return [
        row("resident memory over the pictures", median("resident_mb"), "MB", MOST_MB, "+"),
        row("traced allocations at the peak", traced.traced_mb, "MB", MOST_MB, "+"),
        row("loop held", median("held_ms"), "ms", MOST_HELD_MS),
        row("CPU each", median("cpu_ms"), "ms", MOST_CPU_MS),
        Row(f"{UPLOADS} uploads of 4 MB, wall: {name}", f"{median('seconds'):.2f} s"),
    ]


def main(*, full: bool = False) -> Report:
    """Measure."""
    runs = 7 if full else 3
    plainly: dict[str, list[Seen]] = {contender: [] for contender in CONTENDERS}
    with answering_process() as server:
        for _ in range(runs):
            for contender, seen in plainly.items():
                seen.append(in_a_process(contender, server.url, traced=False))
        traced = {contender: in_a_process(contender, server.url, traced=True) for contender in CONTENDERS}
    rows = [
        row
        for contender, name in CONTENDERS.items()
        for row in rows_of(name, plainly[contender], traced[contender], judged=contender != "json")
    ]
    worst = {CONTENDERS[contender]: max(each.held_ms for each in seen) for contender, seen in plainly.items()}
    notes = (
        f"medians of {runs} interleaved runs, each in a process of its own; asyncio",
        "loop held in the worst run: " + ", ".join(f"{name} {held:.1f} ms" for name, held in worst.items()),
    )
    return Report(
        "uploads", "32 uploads of 4 MB at once take next to no memory and hold the loop briefly.", rows, notes
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--be"]:

        async def be() -> Seen:
            return await measure(sys.argv[2], sys.argv[3], traced=sys.argv[4] == "traced")

        print(json.dumps(attrs.asdict(anyio.run(be))))
    else:
        run_as_script(main)
