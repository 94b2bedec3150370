"""
Claim: a call costs what bare httpx takes for one, and no more where a thousand are under way at once.

    pip install aiohttp
    python -m benchmarks.calls [--full]

CPU is this process's, the server is another one that answers at once, and all contenders take turns in each round. The
rivals post the same bytes and read the answer as JSON; ours signs, paces and judges besides. "Transport" is the room
below the engine, "status()" the public face: one query of one task. A submit goes out on a connection of its own,
which is the price of never reading another call's answer as its own; it is shown beside a query of the same content.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from importlib import import_module, metadata
from typing import Final

import anyio
import attrs
import httpx

from aidge_async import AidgeClient, Deadlines, Limits, ModelAlternation
from aidge_async._core import gateway
from aidge_async._core.call import Call, CallKind, Content
from aidge_async._io.tls import TlsContext
from aidge_async._io.transport import HttpTransport
from aidge_async.config import Settings
from benchmarks.answering import Answering, answering_process
from benchmarks.report import Report, Row, absent, interleaved, medians, run_as_script

KEY_NAME, KEY_SECRET = "made-up-key", "made-up-secret-of-the-benchmark"
QUERY_PATH: Final = gateway.MODEL_ALTERNATION_QUERY_PATH
BODY: Final = {"taskId": "made-up-1"}
AT_ONCE: Final = (1, 10, 100, 1000)
CALLS: Final = 1000
MOST_OVER_BARE, MOST_OVER_ONE, MOST_BURST_SECONDS = 1.25, 1.15, 1.4
BARE, OURS_BELOW, OURS = "bare httpx", "ours, transport", "ours, status()"

Ask = Callable[[], Awaitable[object]]
Open = Callable[[Answering, int], AbstractAsyncContextManager[Ask]]
"""Opens a contender at a server, for so many calls at once."""


@asynccontextmanager
async def bare(server: Answering, _: int) -> AsyncIterator[Ask]:
    """httpx as its documentation shows it."""
    async with httpx.AsyncClient(trust_env=False) as client:

        async def ask() -> object:
            return (await client.post(f"{server.url}{gateway.PATH_PREFIX}{QUERY_PATH}", json=BODY)).json()

        yield ask


@asynccontextmanager
async def behind(places: int, server: Answering, at_once: int) -> AsyncIterator[Ask]:
    """httpx behind a semaphore, as one does who has seen it fail."""
    places_left = asyncio.Semaphore(places)
    async with bare(server, at_once) as unbounded:

        async def ask() -> object:
            async with places_left:
                return await unbounded()

        yield ask


@asynccontextmanager
async def aiohttp(server: Answering, _: int) -> AsyncIterator[Ask]:
    """aiohttp as its documentation shows it."""
    async with import_module("aiohttp").ClientSession() as session:

        async def ask() -> object:
            async with session.post(f"{server.url}{gateway.PATH_PREFIX}{QUERY_PATH}", json=BODY) as reply:
                return await reply.json(content_type=None)

        yield ask


@asynccontextmanager
async def below(kind: CallKind, server: Answering, _: int) -> AsyncIterator[Ask]:
    """Our transport by itself."""
    settings = Settings(key_name=KEY_NAME, key_secret=KEY_SECRET, base_url=server.url)
    carrier = HttpTransport(settings, deadlines=Deadlines(), tls=TlsContext(server.trust))
    call = Call(kind=kind, path=QUERY_PATH, content=Content(json.dumps(BODY).encode()))
    try:
        yield lambda: carrier.send(call)
    finally:
        await carrier.aclose()


@asynccontextmanager
async def ours(server: Answering, at_once: int) -> AsyncIterator[Ask]:
    """The public face, with a handle for each call under way."""
    limits = Limits(submit_rate=None, query_rate=None, in_flight=at_once)
    async with AidgeClient(KEY_NAME, KEY_SECRET, base_url=server.url, limits=limits) as aidge:
        request = ModelAlternation(image="https://example.com/look.jpg", model="universal_model_1")
        handle = await aidge.submit(request)
        token = handle.token
        handles = [aidge.resume(token) for _ in range(at_once)]
        turn = iter(handles * (1 + 2 * CALLS // at_once))
        yield lambda: next(turn).status()


async def spread(ask: Ask, at_once: int, calls: int) -> int:
    """Make *calls* calls, *at_once* under way all the time, and return how many were answered."""
    answered = 0

    async def work(share: int) -> None:
        nonlocal answered
        for _ in range(share):
            try:
                await ask()
            except httpx.TransportError:
                continue
            answered += 1

    async with anyio.create_task_group() as group:
        for number in range(at_once):
            group.start_soon(work, calls // at_once + (number < calls % at_once))
    return answered


def cpu(opened: Open, server: Answering, at_once: int, calls: int) -> float:
    """Return the milliseconds of CPU a call, its connections open already."""

    async def measure() -> float:
        async with opened(server, at_once) as ask:
            await spread(ask, at_once, at_once)
            began = time.process_time()
            answered = await spread(ask, at_once, calls)
            assert answered == calls, "nothing fails here"
            return (time.process_time() - began) / calls * 1000

    return anyio.run(measure)


@attrs.frozen
class Burst:
    """What became of 1,000 calls started in one tick."""

    answered: int
    seconds: float


def burst(opened: Open, places: int, server: Answering) -> Burst:
    """Start 1,000 calls in one tick, none of whose connections is open."""

    async def measure() -> Burst:
        async with opened(server, places) as ask:
            began = time.perf_counter()
            answered = await spread(ask, CALLS, CALLS)
            return Burst(answered, time.perf_counter() - began)

    return anyio.run(measure)


def cpu_rows(server: Answering, rounds: int, calls: int) -> list[Row]:
    """Compare all contenders at all numbers of calls at once."""
    rivals: dict[str, Open] = {BARE: bare, "httpx, semaphore of 10": partial(behind, 10)}
    rivals["httpx, semaphore of 100"] = partial(behind, 100)
    if not absent("aiohttp"):
        rivals["aiohttp"] = aiohttp
    contenders: dict[str, Open] = {**rivals, OURS_BELOW: partial(below, "query"), OURS: ours}
    measured = {
        (name, at_once): partial(cpu, opened, server, at_once, max(calls, at_once))
        for name, opened in contenders.items()
        for at_once in AT_ONCE
        if name != BARE or at_once < CALLS  # see the burst below
    }
    told = {f"{name}|{at_once}": measure for (name, at_once), measure in measured.items()}
    found = medians(interleaved(rounds, told))
    rows = []
    for name, at_once in measured:
        figure, bar, held = found[f"{name}|{at_once}"], "", None
        value = f"{figure:.2f} ms, {figure / found[f'{BARE}|1']:.2f} x {BARE} at 1"
        if name in {OURS_BELOW, OURS}:
            over_one = figure / found[f"{name}|1"]
            value += f", {over_one:.2f} x itself at 1"
            bar = f"at most {MOST_OVER_BARE} x {BARE}" if at_once == 1 else f"at most {MOST_OVER_ONE} x itself at 1"
            held = figure <= MOST_OVER_BARE * found[f"{BARE}|1"] if at_once == 1 else over_one <= MOST_OVER_ONE
        rows.append(Row(f"CPU of a call, {at_once} at once: {name}", value, bar, held))
    return rows


def submit_rows(rounds: int) -> list[Row]:
    """Compare a submit, on a connection of its own, with a query, on one that is kept."""
    rows = []
    for tls in (False, True):
        with answering_process(tls=tls) as server:
            kinds: tuple[CallKind, ...] = ("query", "submit")
            contenders = {str(kind): partial(cpu, partial(below, kind), server, 1, CALLS // 4) for kind in kinds}
            found = medians(interleaved(rounds, contenders))
        extra = found["submit"] - found["query"]
        value = f"{found['submit']:.2f} ms; a query {found['query']:.2f}; its own connection costs {extra:.2f}"
        rows.append(Row(f"CPU of a submit, {'TLS' if tls else 'plain http'}", value))
    return rows


def burst_rows(server: Answering, *, full: bool) -> list[Row]:
    """Start 1,000 calls in one tick."""
    contenders: list[tuple[str, Open, int]] = [
        ("httpx, semaphore of 10", partial(behind, 10), 10),
        ("httpx, semaphore of 100", partial(behind, 100), 100),
        (f"{OURS}, 16 in flight (the default)", ours, 16),
        (f"{OURS}, 100 in flight", ours, 100),
        (f"{OURS}, 1000 in flight", ours, 1000),
    ]
    if not absent("aiohttp"):
        contenders.insert(0, ("aiohttp", aiohttp, 100))
    if full:
        contenders.insert(0, (BARE, bare, 100))  # some 20 s, and all fail
    rows = []
    for name, opened, places in contenders:
        seen = [burst(opened, places, server) for _ in range(1 if name == BARE else 5 if full else 2)]
        answered, slowest = min(each.answered for each in seen), max(each.seconds for each in seen)
        median = sorted(each.seconds for each in seen)[len(seen) // 2]
        judged = name.startswith(OURS)
        rows.append(
            Row(
                f"1,000 calls in one tick: {name}",
                f"{answered} answered, {median:.2f} s, the slowest run {slowest:.2f} s",
                f"all, within {MOST_BURST_SECONDS} s" if judged else "",
                answered == CALLS and slowest <= MOST_BURST_SECONDS if judged else None,
            )
        )
    return rows


def main(*, full: bool = False) -> Report:
    """Measure."""
    rounds = 5 if full else 1
    with answering_process() as server:
        rows = cpu_rows(server, rounds, CALLS if full else 200) + burst_rows(server, full=full)
    rows += submit_rows(2 * rounds + 1)
    installed = [name for name in ("httpx", "httpcore", "aiohttp") if not absent(name)]
    versions = {name: metadata.version(name) for name in installed}
    notes = (
        f"medians of {rounds} interleaved rounds; asyncio; "
        + ", ".join(f"{name} {version}" for name, version in versions.items()),
        "ours signs, paces and judges each call, the rivals do not",
    )
    return Report("calls", "A call costs what bare httpx takes for one, however many are under way.", rows, notes)


if __name__ == "__main__":
    run_as_script(main)
