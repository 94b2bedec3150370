"""R6: cancellation at every await point of submit, poll, download and batch exit, on both event loops."""

import itertools
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import anyio
import attrs

from aidge_async import AidgeClient, Deadlines, Limits, ModelAlternation, Polling, TaskSucceeded
from aidge_async.batch import Batch
from aidge_async.events import Event, TaskAccepted
from aidge_async.sandbox import SandboxSettings
from aidge_async.testing import InProcessSandbox, SocketSandbox
from tests.conftest import draw_photo
from tests.matrix.points import cancelled_at
from tests.matrix.scoring import Score
from tests.matrix.virtual import run_virtually
from tests.matrix.wire import LOOPS
from tests.support import URL_REQUEST, events_of
from tests.test_cancel_sweep import STEPS, _cancelled_after

FREE: Final = Limits(submit_rate=None, query_rate=None, in_flight=4)
OPTIONS: Final[dict[str, Any]] = {"limits": FREE, "polling": Polling.every(1), "deadlines": Deadlines(download=20)}
Sandbox = InProcessSandbox | SocketSandbox


@attrs.define
class Bench:
    """
    A sandbox with a client, and what must be true of them whatever was cancelled.

    Args:
        first: Token of a task that is done.
        held: Tokens that came back to whoever asked.
        wrong: What was not as it must be, by what it was.
    """

    sandbox: Sandbox
    folder: Path
    photo: Path
    aidge: AidgeClient
    seen: list[Event] = attrs.field(factory=list)
    first: str = ""
    held: set[str] = attrs.field(factory=set)
    wrong: Counter[str] = attrs.field(factory=Counter)

    @property
    def request(self) -> ModelAlternation:
        """Return a request whose picture is read from a file."""
        return ModelAlternation(image=self.photo, model="universal_model_1", count=1, dimension=512)

    def judge(self) -> None:
        """Look for orphans, lost ids and a pool that is not as it was."""
        sold = {line["task_id"] for line in self.sandbox.ledger()}
        told = {event.token: event.task_id for event in events_of(self.seen, TaskAccepted)}
        self.wrong["lost id"] += set(told.values()) != sold or self.held | set(self.aidge.unclaimed) != set(told)
        parts = self.aidge._open()
        idle = f"<PacedLimiter, 0 waiting, {FREE.in_flight} free places in flight>"
        self.wrong["permit"] += repr(parts.limiter) != idle
        self.wrong["image in memory"] += repr(parts._images) != "<Images, 0 bytes in memory>"
        self.wrong["half a file"] += any(path.suffix == ".part" for path in self.folder.rglob("*"))


Work = Callable[[Bench, int], Awaitable[bool]]
"""Does something that is cancelled at a point; returns whether it came so far."""


async def submit(bench: Bench, at: int) -> bool:
    """Submit a file."""

    async def work() -> None:
        bench.held.add((await bench.aidge.submit(bench.request, key=f"sku-{at}")).token)

    return await cancelled_at(at, work)


async def run(bench: Bench, at: int) -> bool:
    """Submit, follow to the end."""

    async def work() -> None:
        bench.held.add((await bench.aidge.run(URL_REQUEST)).token)

    return await cancelled_at(at, work)


async def status(bench: Bench, at: int) -> bool:
    """Ask after a task once; then it can be asked after again."""
    handle = await bench.aidge.submit(URL_REQUEST)
    bench.held.add(handle.token)
    came = await cancelled_at(at, handle.status)
    bench.wrong["task lost"] += not isinstance(await handle.status(), TaskSucceeded)
    return came


async def follow(bench: Bench, at: int, way: str) -> bool:
    """Follow a task in one of two ways; then it can be followed to its end."""
    handle = await bench.aidge.submit(URL_REQUEST)
    bench.held.add(handle.token)

    async def events() -> None:
        async for _ in handle.events():
            pass

    came = await cancelled_at(at, events if way == "events" else handle.result)
    bench.wrong["task lost"] += (await handle).task_id != handle.task_id
    return came


async def save(bench: Bench, at: int) -> bool:
    """Save a picture; then nothing half lies there, and it can be saved again."""
    result = await bench.aidge.resume(bench.first)
    folder = bench.folder / f"{at}"
    came = await cancelled_at(at, partial(bench.aidge.save, result, folder))
    before = {path: path.read_bytes() for path in folder.glob("*")} if folder.exists() else {}
    paths = await bench.aidge.save(result, folder)
    after = {path: path.read_bytes() for path in paths}
    bench.wrong["half a file"] += any(after[path] != content for path, content in before.items())
    bench.wrong["saved twice"] += len(list(folder.iterdir())) != len(result)
    return came


async def batch(bench: Bench, at: int, *, saves: bool = False) -> bool:
    """
    Read two outcomes of a batch of five and leave: all of that is cancelled at each point, the exit too.

    One that saves is of a task bought before, so that no point has to wait for a poll in real time.
    """
    opened: list[Batch[Any]] = []
    fetched: set[str] = set()
    drawn = [("first", URL_REQUEST)] * 5 if saves else [URL_REQUEST] * 5

    async def work() -> None:
        folder = bench.folder / f"{at}" if saves else None
        async with bench.aidge.batch(drawn, save_to=folder) as outcomes:
            opened.append(outcomes)
            async for outcome in outcomes:
                fetched.add(str(getattr(outcome, "token", None)))
                if len(opened[0].unfinished) <= 3:
                    break

    came = await cancelled_at(at, work)
    bench.held |= fetched.union(*(outcomes.unfinished for outcomes in opened))
    return came


async def sweep(work: Work, sandbox: Sandbox, folder: Path, photo: Path) -> tuple[int, Counter[str]]:
    """Cancel *work* at its points; return how many there were and what was wrong."""
    seen: list[Event] = []
    before = len(anyio.get_running_tasks())
    async with sandbox.client(**OPTIONS, observers=[seen.append]) as aidge:
        bench = Bench(sandbox, folder, photo, aidge, seen)
        first = await aidge.submit(URL_REQUEST, key="first")  # its poller keeps its end while this is held
        await first
        bench.first = first.token
        bench.held.add(first.token)
        at = 0
        for at in itertools.count(1):
            came = await work(bench, at)
            bench.judge()
            if not came:
                break
    bench.wrong["orphan"] += len(anyio.get_running_tasks()) - before
    return at - 1, bench.wrong


IN_VIRTUAL_TIME: Final[dict[str, Work]] = {
    "run": run,
    "result": partial(follow, way="result"),
    "events": partial(follow, way="events"),
    "batch exit": batch,
}
ON_SOCKETS: Final[dict[str, Work]] = {
    "submit": submit,
    "status": status,
    "save": save,
    "batch that saves": partial(batch, saves=True),
}


def test_R06_cancellation(score: Score, tmp_path: Path) -> None:
    """Whatever is cancelled wherever: no orphan, no lost id, the pool healthy, no half file."""
    photo = tmp_path / "look.jpg"
    photo.write_bytes(draw_photo())
    points: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for loop in LOOPS:
        for name, work in [*IN_VIRTUAL_TIME.items(), *ON_SOCKETS.items()]:
            folder = tmp_path / loop / name
            found, here = _swept(loop, work, folder, photo, on_socket=name in ON_SOCKETS)
            points[name] += found
            wrong += here
    for name, count in points.items():
        score(f"{name}: cancelled at each of its points, both loops", f"{count} points", "at least 2", count >= 2)
    score("orphans, lost ids or permits, half files", dict(wrong) or "0", "0", not wrong)
    outcomes = {step for loop in LOOPS for step in _stepped(loop, photo.read_bytes())}
    held = outcomes == {"nothing", "unclaimed", "held"}
    score(f"submit: cancelled after 0 to {STEPS} steps of the loop", ", ".join(sorted(outcomes)), "none lost", held)


def _swept(loop: str, work: Work, folder: Path, photo: Path, *, on_socket: bool) -> tuple[int, Counter[str]]:
    settings = SandboxSettings(duration=0 if on_socket else 3, spread=0)
    if on_socket:
        with SocketSandbox.run(settings) as running:
            return anyio.run(sweep, work, running, folder, photo, backend=loop)

    async def story() -> tuple[int, Counter[str]]:
        return await sweep(work, InProcessSandbox(settings), folder, photo)

    found: tuple[int, Counter[str]] = run_virtually(story, loop)
    return found


def _stepped(loop: str, photo: bytes) -> set[str]:
    """Cancel a submit after each number of the event loop's steps: points of the tasks that it starts, too."""

    async def story() -> set[str]:
        return {await _cancelled_after(steps, photo) for steps in range(STEPS)}

    found: set[str] = run_virtually(story, loop)
    return found
