"""
Claim: many submissions share one sync of the disk, so that a journal on disk is no brake, and a crash costs a second.

    pip install 'aidge-async[benchmarks]'
    python -m benchmarks.journal

So many callers at once each take one entry after another from planned over sending and accepted to succeeded; each
change is on disk when its call returns. Beside it stand what one sync of that disk takes, what SQLite takes for a
commit of one row without any event loop, and the plain way of doing it in an event loop: a hop to a worker thread and
a commit for each row. Everything lies in the folder for temporary files; set TMPDIR to measure another disk.

Then a batch is bought with a journal and without one from a sandbox in another process, once under a limit of 50
submits a second, as real batches are, and once as fast as it goes. A quick round has 200 tasks, a full one 1,000.
"""

import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread
import attrs

from aidge_async import AidgeClient, Limits, ModelAlternation, Polling, Succeeded
from aidge_async._core.lifecycle import Entry, State
from aidge_async._io import schema, sqlite_rows
from aidge_async._io.sqlite_journal import SqliteJournal
from aidge_async.sandbox import SandboxSettings
from benchmarks.gateway import GatewayProcess, gateway_process
from benchmarks.report import Report, Row, interleaved, run_as_script

CLAIM: Final = (__doc__ or "").strip().split("\n")[0].removeprefix("Claim: ")
STEPS: Final = (State.PLANNED, State.SENDING, State.ACCEPTED, State.SUCCEEDED)
CALLERS: Final = (1, 16, 200)
CHANGES: Final = {False: 4_000, True: 40_000}
ROUNDS: Final = {False: 3, True: 7}
ROWS: Final = 10_000
_RECOVERY_BAR: Final = 1.0
TASKS: Final = {False: 200, True: 1_000}
SUBMIT_RATE: Final = 50.0  # a second
_SHARE_BAR: Final = 0.03

Write = Callable[[Entry], Awaitable[None]]


@attrs.define
class Run:
    """What one run brought: changes a second, and the seconds that each call took."""

    rate: float
    took: list[float]


def entry_of(number: int, state: State) -> Entry:
    """Return an entry as the engine makes them."""
    token, task_id = (f"aidge1.{'x' * 200}{number}", f"{number:032}") if state in STEPS[2:] else (None, None)
    return Entry(
        key=f"look-{number}",
        keyed=True,
        operation="model-alternation",
        fingerprint=f"{number:064x}",
        state=state,
        at=1.5e9,
        token=token,
        task_id=task_id,
        pictures=4,
        folder="out",
    )


@contextmanager
def scratch() -> Iterator[Path]:
    """Yield a path for a file that is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "journal"


async def crowd(write: Write, callers: int, changes: int) -> Run:
    """Let so many callers write so many changes between them."""
    numbers, took = iter(range(changes // len(STEPS))), []

    async def caller() -> None:
        for number in numbers:
            for state in STEPS:
                begun = time.perf_counter()
                await write(entry_of(number, state))
                took.append(time.perf_counter() - begun)

    begun = time.perf_counter()
    async with anyio.create_task_group() as group:
        for _ in range(callers):
            group.start_soon(caller)
    return Run(len(took) / (time.perf_counter() - begun), took)


async def ours(callers: int, changes: int) -> Run:
    """Write to our journal."""
    with scratch() as path:
        async with SqliteJournal(path) as journal:
            return await crowd(journal.record, callers, changes)


async def hopping(callers: int, changes: int) -> Run:
    """Write the same rows to the same tables, with a hop to a worker thread and a commit for each."""
    with scratch() as path:
        connection = schema.open_journal_file(path)
        one = anyio.CapacityLimiter(1)

        async def write(entry: Entry) -> None:
            await anyio.to_thread.run_sync(commit, connection, entry, limiter=one)

        try:
            return await crowd(write, callers, changes)
        finally:
            connection.close()


def commit(connection: sqlite3.Connection, entry: Entry) -> None:
    """Write one row in a commit of its own."""
    connection.execute("BEGIN IMMEDIATE")
    before = sqlite_rows.standing(connection, entry.key)
    sqlite_rows.write(connection, None if before is None else before.state, entry, owner="benchmark")
    connection.execute("COMMIT")


def bare(changes: int) -> float:
    """Return the changes a second of a loop of commits without an event loop."""
    with scratch() as path:
        connection = schema.open_journal_file(path)
        begun = time.perf_counter()
        for number in range(changes // len(STEPS)):
            for state in STEPS:
                commit(connection, entry_of(number, state))
        took = time.perf_counter() - begun
        connection.close()
    return changes / took


def syncs(count: int) -> list[float]:
    """Return the seconds that each sync of the disk takes, after a page was added to a file."""
    took = []
    with scratch() as path, path.open("wb", buffering=0) as file:
        for _ in range(count):
            file.write(bytes(4096))
            begun = time.perf_counter()
            os.fsync(file.fileno())
            took.append(time.perf_counter() - begun)
    return took


async def recovery() -> float:
    """Return the seconds from opening a journal with open rows of a dead process to having them all."""
    with scratch() as path:
        connection = schema.open_journal_file(path)
        connection.execute("BEGIN")
        for number in range(ROWS):
            state = State.ACCEPTED if number % 10 else State.SENDING
            sqlite_rows.write(connection, None, entry_of(number, state), owner="dead")
        connection.execute("COMMIT")
        connection.close()
        begun = time.perf_counter()
        async with SqliteJournal(path) as journal:
            adopted = await journal.adopt()
            took = time.perf_counter() - begun
    assert len(adopted) == ROWS
    return took


async def batch(gateway: GatewayProcess, tasks: int, rate: float | None, *, journalled: bool) -> float:
    """Return the seconds in which a batch is bought and followed to its end; nothing is saved."""
    gateway.reset()
    with scratch() as path:
        client = AidgeClient(
            gateway.key_name,
            gateway.key_secret,
            base_url=gateway.url,
            limits=Limits(submit_rate=rate, query_rate=None),
            polling=Polling.every(1.0),
            journal=path if journalled else None,
        )
        wishes = (
            ModelAlternation(image=f"https://example.com/{number}.jpg", model="universal_model_1", count=1)
            for number in range(tasks)
        )
        async with client as aidge:
            begun = time.perf_counter()
            async with aidge.batch(wishes) as outcomes:
                ended = [type(outcome) async for outcome in outcomes]
            took = time.perf_counter() - begun
    assert ended == [Succeeded] * tasks
    return took


def shares(*, full: bool) -> list[Row]:
    """Return what the journal adds to the wall time of a batch."""
    rows = []
    with gateway_process(SandboxSettings(duration=0.2, spread=0)) as gateway:
        for rate, name in ((SUBMIT_RATE, f"{SUBMIT_RATE:.0f} submits a second"), (None, "no rate")):

            def took(journalled: bool, rate: float | None = rate) -> float:
                return anyio.run(partial(batch, gateway, TASKS[full], rate, journalled=journalled))

            figures = interleaved(ROUNDS[full], {"with": partial(took, True), "without": partial(took, False)})
            kept, bare_run = (statistics.median(figures[which]) for which in ("with", "without"))
            share, limited = kept / bare_run - 1, rate is not None
            rows.append(
                Row(
                    f"a batch of {TASKS[full]:,} with a journal, {name}",
                    f"{kept:.2f} s, without {bare_run:.2f} s: {share:+.1%}",
                    f"under {_SHARE_BAR:.0%} more" if limited else "",
                    share < _SHARE_BAR if limited else None,
                )
            )
    return rows


def p99(values: list[float]) -> float:
    """Return the value that one in a hundred exceeds."""
    return sorted(values)[int(len(values) * 0.99)]


def main(*, full: bool = False) -> Report:
    """Measure ours, the plain way and the disk."""
    changes = CHANGES[full]
    few = changes // 10  # for what takes a commit each
    took: dict[str, list[float]] = {}

    def crowd_of(name: str, run: Callable[[int, int], Awaitable[Run]], callers: int, count: int, loop: str) -> float:
        ran: Run = anyio.run(run, callers, count, backend=loop)
        took.setdefault(name, []).extend(ran.took)
        return ran.rate

    contenders: dict[str, Callable[[], float]] = {}
    for loop in ("asyncio", "trio"):
        for callers in CALLERS:
            name = f"journal on {loop}, {callers} callers"
            count = changes if callers > 1 else few
            contenders[name] = partial(crowd_of, name, ours, callers, count, loop)
        name = f"a thread hop and a commit a row on {loop}, 200 callers"
        contenders[name] = partial(crowd_of, name, hopping, 200, few, loop)
    contenders["a commit a row, no event loop"] = partial(bare, few)
    figures = interleaved(ROUNDS[full], contenders)
    synced = syncs(few)
    middle = statistics.median(synced)
    rows = [
        Row("the disk's own sync", f"{1 / middle:,.0f}/s; median {middle * 1e3:.2f}, p99 {p99(synced) * 1e3:.2f} ms")
    ]
    for name, rates in figures.items():
        times = took.get(name)
        told = f"; a call: median {statistics.median(times) * 1e3:.2f}, p99 {p99(times) * 1e3:.2f} ms" if times else ""
        rows.append(Row(name, f"{statistics.median(rates):,.0f} changes/s{told}"))
    seconds = statistics.median(anyio.run(recovery) for _ in range(ROUNDS[full]))
    bar = f"under {_RECOVERY_BAR:.0f} s"
    rows.append(Row(f"{ROWS:,} open rows recovered", f"{seconds:.2f} s", bar, seconds < _RECOVERY_BAR))
    rows += shares(full=full)
    notes = [
        f"Medians of {ROUNDS[full]} interleaved rounds; a change is a row's new state and its line in the history.",
        "A sync is as true as the disk: one of a virtual machine may answer from a cache.",
    ]
    return Report("journal", CLAIM, rows, tuple(notes))


if __name__ == "__main__":
    run_as_script(main)
