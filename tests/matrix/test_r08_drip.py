"""R8: a byte a second, in fields or content, either way: whoever named a deadline hears within a second of it."""

import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

import anyio
import attrs
import pytest

from aidge_async import AidgeClient, AidgeError, Deadlines, DownloadError, GeneratedImages, ModelAlternation, Polling
from aidge_async.sandbox.server import RunningSandbox, running_sandbox
from aidge_async.sandbox.settings import SandboxSettings
from tests.chaos import Trouble, Way, chaos_proxy
from tests.matrix.scoring import Score
from tests.matrix.wire import LOOPS, QUERY, SUBMIT, client_behind

DEADLINE: Final = 3.0
GRACE: Final = 1.0
# Bytes of each way that pass at once: none, so that the fields drip, or all fields and some of the content.
PLACES: Final[tuple[tuple[str, Way, int], ...]] = (
    ("request fields", "up", 0),
    ("request content", "up", 700),
    ("answer fields", "down", 0),
    ("answer content", "down", 190),
)


@attrs.define
class Ground:
    """What a story has: a client whose connections drip, what it is to buy, and when its deadline began to run."""

    aidge: AidgeClient
    look: ModelAlternation
    began: float = attrs.field(factory=time.monotonic)


async def submit(ground: Ground) -> None:
    """Submit."""
    await ground.aidge.submit(ground.look, deadline=DEADLINE)


async def run(ground: Ground) -> None:
    """Buy and follow under one deadline."""
    await ground.aidge.run(ground.look, deadline=DEADLINE)


async def batch(ground: Ground) -> None:
    """Buy a batch of one, whose deadline runs from the moment it is drawn."""

    def drawn() -> Iterator[ModelAlternation]:
        ground.began = time.monotonic()
        yield ground.look

    async with ground.aidge.batch(drawn(), deadline=DEADLINE) as outcomes:
        async for outcome in outcomes:
            raise getattr(outcome, "error", LookupError)


async def follow(ground: Ground) -> None:
    """Wait for a task's result."""
    handle = await ground.aidge.submit(ground.look)
    ground.began = time.monotonic()
    await handle.result(deadline=DEADLINE)


Story = Callable[[Ground], Awaitable[Any]]
STORIES: Final[tuple[tuple[Story, bytes], ...]] = (
    (submit, SUBMIT),
    (run, SUBMIT),
    (batch, SUBMIT),
    (follow, QUERY),
    (run, QUERY),
    (batch, QUERY),
)


@attrs.frozen
class Seen:
    """How late each story ended, what it raised, and what it was."""

    name: str
    late: float
    raised: str


async def timed(sandbox: RunningSandbox, photo: bytes, story: Story, trouble: Trouble) -> Seen:
    """Let one story meet one trouble, and return how long after its deadline it ended."""
    look = ModelAlternation(image=photo, model="universal_model_1", count=1)
    name = f"{story.__name__} with {trouble.way} {trouble.at} of {'submits' if trouble.to == SUBMIT else 'queries'}"
    with chaos_proxy(sandbox.url, trouble) as proxy:
        async with client_behind(proxy, sandbox, polling=Polling.every(1)) as aidge:
            ground = Ground(aidge, look)
            try:
                with anyio.fail_after(DEADLINE * 5):
                    await story(ground)
                raised = "nothing"
            except AidgeError as exc:
                raised = type(exc).__name__
            return Seen(name, time.monotonic() - ground.began - DEADLINE, raised)


async def at_once(photo: bytes, dripping: bytes) -> list[Seen]:
    """Let every story whose calls of this path drip meet every such trouble, at the same time."""
    seen: list[Seen] = []
    with running_sandbox(SandboxSettings(duration=3600)) as sandbox:

        async def note(story: Story, trouble: Trouble) -> None:
            seen.append(await timed(sandbox, photo, story, trouble))

        async with anyio.create_task_group() as group:
            for story in (story for story, calls in STORIES if calls == dripping):
                for _, way, at in PLACES:
                    group.start_soon(note, story, Trouble(kind="drip", way=way, at=at, to=dripping))
    return seen


async def saved(photo: bytes, folder: Path, at: int) -> float:
    """Save a picture that drips; return how long after the download's deadline that ended."""
    look = ModelAlternation(image=photo, model="universal_model_1", count=1)
    with running_sandbox(SandboxSettings(duration=0)) as sandbox, chaos_proxy(sandbox.url) as proxy:
        async with client_behind(
            proxy, sandbox, polling=Polling.every(1), deadlines=Deadlines(download=DEADLINE)
        ) as aidge:
            result: GeneratedImages = await aidge.run(look)
            proxy.trouble(Trouble(kind="drip", at=at, to=b"GET "))
            began = time.monotonic()
            with pytest.raises(DownloadError):
                await aidge.save(result, folder)
            return time.monotonic() - began - DEADLINE


def test_R08_drip(score: Score, photo: bytes, tmp_path: Path) -> None:
    """Every call ends with an error of ours within a second of its deadline."""
    for loop in LOOPS:
        for what, calls in (("submits", SUBMIT), ("queries", QUERY)):
            those = anyio.run(at_once, photo, calls, backend=loop)
            worst = max(those, key=lambda each: each.late)
            raised = sorted({each.raised for each in those})
            score(
                f"{len(those)} stories whose {what} drip a byte a second, in fields or content, up or down; "
                f"deadline {DEADLINE:g} s, {loop}",
                f"latest {worst.late:+.2f} s ({worst.name}); {', '.join(raised)}",
                f"within {GRACE:g} s, errors of ours",
                worst.late <= GRACE and "nothing" not in raised,
            )
        late = max(anyio.run(saved, photo, tmp_path / f"{loop}{at}", at, backend=loop) for at in (0, 400))
        score(
            f"pictures that drip, deadline {DEADLINE:g} s, {loop}", f"latest {late:+.2f} s", "within 1 s", late <= GRACE
        )
