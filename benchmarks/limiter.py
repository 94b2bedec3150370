"""
Claim: no second holds more calls than the limit, as the server counts, in the order of asking, and no permit is lost.

    pip install 'aidge-async[benchmarks]'
    python -m benchmarks.limiter

A thousand callers ask at once for 50 a second; then a thousand of whom each gives up at a random moment, and after them
a hundred who stay. Each limiter grants on its own event loop in this process; whoever is granted sends a byte over a
connection on loopback to a server in another process, which notes when it came and sends it back. In a last part the
whole client submits to the sandbox, which is a process too. What a permit costs without waiting is the time of this
thread on a processor.
"""

import contextlib
import itertools
import json
import random
import socket
import statistics
import subprocess
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from importlib import import_module
from typing import Any, Final

import anyio
import anyio.abc
import attrs

from aidge_async import AidgeClient, AidgeError, Limits, ModelAlternation
from aidge_async._core.call import Call
from aidge_async._io.limiter import PacedLimiter
from aidge_async.sandbox import SandboxSettings
from benchmarks.gateway import gateway_process
from benchmarks.report import Report, Row, absent, run_as_script

RATE: Final = 50
CALLERS: Final = {False: 300, True: 1000}
CLAIM: Final = (__doc__ or "").strip().split("\n")[0].removeprefix("Claim: ")
_BARS_US: Final = {"asyncio": 5.0, "trio": 10.0}

Enter = Callable[[], contextlib.AbstractAsyncContextManager[None]]


@attrs.frozen
class Contender:
    """A limiter: what makes one for a rate, what must be installed, and where it runs."""

    name: str
    make: Callable[[int], Enter]
    needs: str = ""
    on_trio: bool = False


def ours(rate: int) -> Enter:
    """Return what enters our limiter, as `Caller` does."""
    limiter = PacedLimiter(Limits(query_rate=rate, in_flight=10_000))

    @contextlib.asynccontextmanager
    async def enter() -> AsyncIterator[None]:
        call = Call(kind="query", path="/query")
        permit = await limiter.acquire(call)
        try:
            yield
            limiter.answered(call)
        finally:
            permit.release()

    return enter


def aiolimiter(rate: int) -> Enter:
    """Return what enters aiolimiter's, as its documentation shows."""
    limiter = import_module("aiolimiter").AsyncLimiter(rate, 1)
    return lambda: limiter


def pyrate(rate: int) -> Enter:
    """Return what enters pyrate-limiter's, as its README shows."""
    module = import_module("pyrate_limiter")
    limiter = module.Limiter(module.Rate(rate, module.Duration.SECOND))

    @contextlib.asynccontextmanager
    async def enter() -> AsyncIterator[None]:
        await limiter.try_acquire_async("benchmark")
        yield

    return enter


def limits(rate: int) -> Enter:
    """Return what waits for limits' sliding window counter, which has no waiting of its own: it asks every 5 ms."""
    strategies, storage = import_module("limits.aio.strategies"), import_module("limits.aio.storage")
    limiter = strategies.SlidingWindowCounterRateLimiter(storage.MemoryStorage())
    item = import_module("limits").RateLimitItemPerSecond(rate)

    @contextlib.asynccontextmanager
    async def enter() -> AsyncIterator[None]:
        while not await limiter.hit(item, "benchmark"):  # noqa: ASYNC110  it offers nothing to wait for
            await anyio.sleep(0.005)
        yield

    return enter


CONTENDERS: Final = (
    Contender("aidge-async", ours, on_trio=True),
    Contender("aiolimiter", aiolimiter, "aiolimiter"),
    Contender("pyrate-limiter", pyrate, "pyrate_limiter"),
    Contender("limits, sliding window counter", limits, "limits"),
)


@attrs.define
class Grants:
    """What was granted to whom, in which order, and when."""

    order: list[int] = attrs.field(factory=list)
    moments: list[float] = attrs.field(factory=list)


def most_in_a_second(moments: Sequence[float]) -> int:
    """Return the most that any half-open second holds; a microsecond is rounding."""
    moments = sorted(moments)
    first = most = 0
    for number, moment in enumerate(moments):
        while moments[first] <= moment - 1 + 1e-6:
            first += 1
        most = max(most, number - first + 1)
    return most


@contextlib.contextmanager
def byte_server() -> Iterator[tuple[int, Callable[[], list[float]]]]:
    """Run the server of bytes in another process; yield its port, and what ends it and tells when each came."""
    command = [sys.executable, "-m", "benchmarks.limiter", "serve"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None, "a pipe was asked for"
        port = int(process.stdout.readline())
        yield port, lambda: list(json.loads(process.communicate("", timeout=30)[0]))
    finally:
        process.kill()
        process.communicate()


async def _serve() -> None:
    """Be that process, until its input closes."""
    came: list[float] = []

    async def note(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            async for content in stream:
                came.extend([time.monotonic()] * len(content))
                await stream.send(content)

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with anyio.create_task_group() as group:
        group.start_soon(listener.serve, note)
        print(listener.extra(anyio.abc.SocketAttribute.local_port), flush=True)
        await anyio.to_thread.run_sync(sys.stdin.read, abandon_on_cancel=True)
        group.cancel_scope.cancel()
    print(json.dumps(came))


async def storm(contender: Contender, port: int, callers: int) -> Grants:
    """Let all ask in one tick, in a known order."""
    grants, enter, arrivals = Grants(), contender.make(RATE), itertools.count()
    unanswered: deque[anyio.Event] = deque()
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setblocking(False)

    async def ask() -> None:
        number = next(arrivals)  # the order of asking, which is not that of starting on trio
        async with enter():
            grants.order.append(number)
            grants.moments.append(time.monotonic())
            connection.send(b"x")  # one byte never blocks, and no other call is between it and its permit
            unanswered.append(answer := anyio.Event())
            await answer.wait()

    async def hear() -> None:
        while True:
            await anyio.wait_readable(connection)
            for _ in connection.recv(4096):
                unanswered.popleft().set()

    with connection:
        async with anyio.create_task_group() as group:
            group.start_soon(hear)
            async with anyio.create_task_group() as askers:
                for _ in range(callers):
                    askers.start_soon(ask)
            group.cancel_scope.cancel()
    return grants


async def cancellations(contender: Contender, callers: int) -> float:
    """Let as many give up at random moments, then let a hundred stay; return the seconds that these take."""
    chance, enter = random.Random(3), contender.make(RATE)

    async def ask() -> None:
        async with enter():
            await anyio.sleep(0.01)

    async def impatient() -> None:
        with anyio.move_on_after(chance.uniform(0, callers / RATE / 2)):
            await ask()

    async with anyio.create_task_group() as group:
        for _ in range(callers):
            group.start_soon(impatient)
    began = time.monotonic()
    with anyio.move_on_after(10), contextlib.suppress(Exception):
        async with anyio.create_task_group() as group:
            for _ in range(100):
                group.start_soon(ask)
        return time.monotonic() - began
    return float("inf")


async def cost(make: Callable[[], Callable[[], Awaitable[Any]]], rounds: int) -> float:
    """Return the median microseconds of one acquire that need not wait."""
    acquire, figures = make(), []
    for _ in range(rounds):
        began = time.thread_time()
        for _ in range(200):
            await acquire()
        figures.append((time.thread_time() - began) / 200 * 1e6)
    return statistics.median(figures)


def our_acquire() -> Callable[[], Awaitable[Any]]:
    """Return our acquire for a path without a limit."""
    limiter = PacedLimiter(Limits(query_rate=None, in_flight=1_000_000))
    return lambda: limiter.acquire(Call(kind="query", path="/query"))


def bare_call() -> Callable[[], Awaitable[Any]]:
    """Return the same without acquire: a coroutine that makes a call."""

    async def nothing() -> Call:
        return Call(kind="query", path="/query")

    return nothing


def semaphore() -> Callable[[], Awaitable[Any]]:
    """Return anyio's semaphore."""
    return anyio.Semaphore(1_000_000, fast_acquire=True).acquire


def their_acquire() -> Callable[[], Awaitable[Any]]:
    """Return aiolimiter's acquire."""
    limiter = import_module("aiolimiter").AsyncLimiter(10_000_000, 1)
    acquire: Callable[[], Awaitable[Any]] = limiter.acquire
    return acquire


def cost_rows(rounds: int) -> list[Row]:
    """Measure what an acquire without waiting costs, beside yardsticks."""
    rows = []
    for backend, bar in _BARS_US.items():
        bare = anyio.run(cost, bare_call, rounds, backend=backend)
        figure = anyio.run(cost, our_acquire, rounds, backend=backend) - bare
        yardsticks = f"; anyio.Semaphore {anyio.run(cost, semaphore, rounds, backend=backend):.1f}"
        if backend == "asyncio" and not absent("aiolimiter"):
            yardsticks += f", aiolimiter {anyio.run(cost, their_acquire, rounds, backend=backend):.1f}"
        what = f"{backend}: acquire without waiting, processor time"
        rows.append(
            Row(what, f"{figure:.1f} µs{yardsticks}, bare coroutine {bare:.1f}", f"{bar:.0f} µs", figure <= bar)
        )
    return rows


def rows_of(contender: Contender, backend: str, callers: int) -> list[Row]:
    """Measure one limiter on one event loop."""
    name, is_ours = f"{contender.name} on {backend}", contender.make is ours
    with byte_server() as (port, stop):
        grants = anyio.run(storm, contender, port, callers, backend=backend)
        came = stop()
    seen, counted = most_in_a_second(grants.moments), most_in_a_second(came)
    rate = (callers - RATE) / (sorted(grants.moments)[-RATE] - min(grants.moments))
    in_order = grants.order == sorted(grants.order)
    after = anyio.run(cancellations, contender, callers, backend=backend)
    least = 100 / RATE
    held = seen <= RATE and counted <= RATE
    return [
        Row(f"{name}: most in a second, caller / server", f"{seen} / {counted}", str(RATE), held if is_ours else None),
        Row(f"{name}: rate while all wait", f"{rate:.1f}/s", "", None),
        Row(f"{name}: first come, first served", "yes" if in_order else "no", "yes", in_order if is_ours else None),
        Row(
            f"{name}: 100 callers after {callers} cancelled at random",
            f"{after:.2f} s" if after < 10 else "not within 10 s",
            f"{least + 0.2:.1f} s",
            after <= least + 0.2 if is_ours else None,
        ),
    ]


async def submit_all(client: AidgeClient, calls: int) -> int:
    """Submit so many at once and return how many failed."""
    failed = 0

    async def submit(aidge: AidgeClient, number: int) -> None:
        nonlocal failed
        try:
            await aidge.submit(ModelAlternation(image=f"https://example.com/{number}.jpg", model="universal_model_1"))
        except AidgeError:
            failed += 1

    async with client as aidge, anyio.create_task_group() as group:
        for number in range(calls):
            group.start_soon(submit, aidge, number)
    return failed


def sandbox_row(backend: str, calls: int) -> Row:
    """Submit through the whole client to a sandbox with that limit; it counts."""
    with gateway_process(SandboxSettings(rate_limit=RATE, duration=86_400)) as sandbox:
        client = AidgeClient(
            sandbox.key_name,
            sandbox.key_secret,
            base_url=sandbox.url,
            limits=Limits(submit_rate=RATE, in_flight=64),
        )
        failed = anyio.run(submit_all, client, calls, backend=backend)
        (tally,) = sandbox.statistics()["apis"].values()
    most, refused = tally["most_in_a_second"], tally["codes"].get("501", 0)
    value = f"{most}, {refused} refused, {failed} failed, of {calls}"
    return Row(
        f"the client on {backend}: most submits in a second as the sandbox counts", value, str(RATE), most <= RATE
    )


def main(*, full: bool = False) -> Report:
    """Measure ours and what is installed of the others."""
    callers = CALLERS[full]
    rows = cost_rows(300 if full else 50)
    missing = []
    for contender in CONTENDERS:
        if contender.needs and absent(contender.needs):
            missing.append(contender.needs)
            continue
        for backend in ("asyncio", "trio") if contender.on_trio else ("asyncio",):
            rows += rows_of(contender, backend, callers)
    rows += [sandbox_row(backend, callers) for backend in ("asyncio", "trio")]
    notes = [
        f"{callers} callers at {RATE}/s; the rivals run on asyncio only, each as its documentation shows.",
        "The least time for 100 callers is that of two full seconds, because the second before was full.",
    ]
    if missing:
        notes.append(f"Not installed, and so not measured: {', '.join(missing)}.")
    return Report("limiter", CLAIM, rows, tuple(notes))


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        anyio.run(_serve)
    else:
        run_as_script(main)
