"""
Claim: a submit whose acceptance is possible is POSTed once; beside it, what three popular clients do.

    pip install fal-client replicate openai
    python -m benchmarks.lost_answers

Each logical submit buys one picture, and a fault strikes its first POST only, so a second one succeeds. The rivals call
a small server of ours on loopback, as their documentation shows, with their own defaults for retries: only the address
and a made-up key are changed, and the time-out in the rows that say so. Ours calls the sandbox with the same faults,
and the rivals' server as well. That server has no idempotency: each accepted POST is a purchase, as at the Aidge
gateway. What the vendors' own servers do with a second POST was not tried. Under the refusals every logical submit has
a client of its own: ours would send ever fewer a second to a gateway that refuses every second POST. In some 90 s it is
done.
"""

import json
import logging
import os
import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from typing import Any, Final, Self

import anyio
import attrs

from aidge_async import AidgeClient, Deadlines, ModelAlternation
from aidge_async.testing import SocketSandbox
from benchmarks import report
from benchmarks.report import Report
from benchmarks.rivals import ANSWERS, KEY, RIVALS, Client, Submit

SUBMITS = 20  # a client and fault, one after the other
PATIENCE = 0.5  # seconds; the time-out set in the rows about late answers, far over what loopback needs
LATE = 4.0  # seconds until such an answer; replicate cannot be made to wait less than 1.5
MOST_SECONDS = 180.0  # on a busy machine; a quiet one needs half of it
RESULT = "result"


@attrs.frozen
class Fault:
    """What strikes the first POST of each logical submit."""

    name: str
    title: str
    accepted: bool
    kind: str
    """What the sandbox calls it; `aidge_async/sandbox/faults.py` has the table."""
    fields: dict[str, Any]


FAULTS: Final = (
    Fault("close", "accepted, then closed without an answer", True, "accept_then_drop", {"how": "close"}),
    Fault("reset", "accepted, then reset", True, "accept_then_drop", {"how": "reset"}),
    Fault("error", "accepted, then HTTP 500", True, "status", {"status": 500, "accept": True}),
    Fault("late", "accepted, answered after the time-out", True, "delay", {"seconds": LATE}),
    Fault("limit", "not accepted: 429, Retry-After: 1", False, "status", {"status": 429, "retry_after": 1}),
)


@attrs.frozen
class Wish:
    """One logical submit. It travels as the URL of its picture, which nobody fetches."""

    client: str
    fault: str
    number: int

    @property
    def url(self) -> str:
        """The URL by which the server knows it again."""
        return f"https://example.com/{self.client}/{self.fault}/{self.number}.jpg"

    @classmethod
    def found_in(cls, content: bytes) -> Self:
        """Read it from the content of a POST, wherever in it the client put the URL."""
        found = re.search(r"https://example\.com/(\w+)/(\w+)/(\d+)\.jpg", content.decode())
        assert found, "every submit of this file carries such a URL"
        return cls(found[1], found[2], int(found[3]))


class Gateway(ThreadingHTTPServer):
    """Accept submits of all the APIs, strike the first POST of each wish, and count."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Exchange)
        self.received: Counter[Wish] = Counter()
        self.accepted: Counter[Wish] = Counter()
        self.idempotency_keys = 0
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"

    def take(self, wish: Wish, *, has_key: bool) -> Fault | None:
        """Count a POST that was received to its last byte, and return what strikes it."""
        with self._lock:
            self.received[wish] += 1
            first = self.received[wish] == 1
            fault = next(fault for fault in FAULTS if fault.name == wish.fault) if first else None
            self.accepted[wish] += fault is None or fault.accepted
            self.idempotency_keys += has_key
            return fault

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        """Only close, because the parent's FIN would come before a reset."""
        self.close_request(request)


class _Exchange(BaseHTTPRequestHandler):
    """Read one POST whole, then answer it or do what its fault says."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else every answer waits 40 ms for a delayed acknowledgement
    server: Gateway

    def do_POST(self) -> None:
        """Serve a submit."""
        size = int(self.headers["content-length"])
        content = self.rfile.read(size)
        answer = ANSWERS.get(self.path.partition("?")[0])
        if len(content) < size or answer is None:
            self.send_error(400)
            return
        has_key = any("idempotency" in name.lower() for name in self.headers)
        fault = self.server.take(Wish.found_in(content), has_key=has_key)
        self._strike(fault.name if fault else "", answer)

    def _strike(self, fault: str, answer: dict[str, Any]) -> None:
        match fault:
            case "close":
                self.close_connection = True
            case "reset":  # a close that lingers for no time is an RST
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
            case "error":
                self._answer(500, {"error": {"message": "made up"}})
            case "limit":
                self._answer(429, {"error": {"message": "made up"}}, retry_after="1")
            case "late":
                time.sleep(LATE)
                with suppress(OSError):  # the client has gone
                    self._answer(200, answer)
            case _:
                self._answer(200, answer)

    def _answer(self, status_code: int, answer: dict[str, Any], retry_after: str | None = None) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status_code)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        if retry_after:
            self.send_header("retry-after", retry_after)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the parent's name
        """Say nothing."""


@contextmanager
def running_gateway() -> Iterator[Gateway]:
    """Run the rivals' server in a thread while the block lasts."""
    with Gateway() as gateway:
        thread = threading.Thread(target=gateway.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield gateway
        finally:
            gateway.shutdown()
            thread.join()


@asynccontextmanager
async def ours(url: str, patience: float | None, secret: str = KEY, name: str = KEY) -> AsyncIterator[Submit]:
    """Submit as our README does."""
    deadlines = Deadlines() if patience is None else Deadlines(submit=patience)
    async with AidgeClient(name, secret, base_url=url, deadlines=deadlines) as aidge:
        yield lambda picture: aidge.submit(ModelAlternation(image=picture, model="universal_model_1"))


OURS: Final = Client("aidge-async", ours)
CLIENTS: Final = (OURS, *RIVALS)


@attrs.frozen
class Found:
    """What became of the logical submits of one client under one fault."""

    received: int
    paid_twice: int
    got: Counter[str]

    def __attrs_post_init__(self) -> None:
        """Hold that every fault was felt: each fails its POST, so that a result takes a second one."""
        assert self.got[RESULT] <= self.received - self.got.total(), self

    def value(self) -> str:
        """Return it in words."""
        got = ", ".join(f"{count} {what}" for what, count in self.got.most_common())
        return f"{self.received} POSTs, {self.paid_twice} paid twice; the caller got {got}"


async def outcome(submit: Submit, picture: str) -> str:
    """Submit once and return what the caller got."""
    try:
        await submit(picture)
    except Exception as error:  # noqa: BLE001  whatever it is, the caller got it
        return f"`{type(error).__module__.partition('.')[0]}.{type(error).__name__}`"
    return RESULT


def patience_under(fault: Fault) -> float | None:
    """Return the time-out to set; `None` leaves the client's own."""
    return PATIENCE if fault.name == "late" else None


async def on_the_server(fault: Fault, client: Client, gateway: Gateway) -> Found:
    """Let *client* submit to the rivals' server."""
    wishes = [Wish(client.distribution.replace("-", "_"), fault.name, number) for number in range(SUBMITS)]
    got: Counter[str] = Counter()
    for some in [wishes] if fault.accepted else [[wish] for wish in wishes]:
        async with client.open(gateway.url, patience_under(fault)) as submit:
            got.update([await outcome(submit, wish.url) for wish in some])
    paid_twice = sum(max(0, gateway.accepted[wish] - 1) for wish in wishes)
    return Found(sum(gateway.received[wish] for wish in wishes), paid_twice, got)


async def in_the_sandbox(fault: Fault) -> Found:
    """Let ours submit to the sandbox, whose ledger knows what was bought."""
    got: Counter[str] = Counter()
    with SocketSandbox.run() as sandbox:
        numbers = list(range(SUBMITS))
        for some in [numbers] if fault.accepted else [[number] for number in numbers]:
            async with ours(sandbox.url, patience_under(fault), sandbox.key_secret, sandbox.key_name) as submit:
                for number in some:
                    sandbox.fault("submit", fault.kind, next=1, **fault.fields)
                    got[await outcome(submit, Wish("sandbox", fault.name, number).url)] += 1
                    sandbox.clear_faults()
        bought = Counter(line["fingerprint"] for line in sandbox.ledger())
        return Found(sandbox.statistics()["received"]["submit"], bought.total() - len(bought), got)


async def measure(gateway: Gateway) -> dict[tuple[str, str], Found]:
    """Run every client under every fault, all beside each other, and return the rows by client and fault."""
    rows: dict[tuple[str, str], Found] = {}

    async def fill(key: str, story: Callable[..., Awaitable[Found]], fault: Fault, *more: object) -> None:
        rows[key, fault.name] = await story(fault, *more)

    with anyio.fail_after(MOST_SECONDS):
        async with anyio.create_task_group() as group:
            for fault in FAULTS:
                group.start_soon(fill, "sandbox", in_the_sandbox, fault)
                for client in CLIENTS:
                    if client.version:
                        group.start_soon(fill, client.distribution, on_the_server, fault, client, gateway)
    return rows


def main(*, full: bool = False) -> Report:  # noqa: ARG001  20 submits are enough: a client does the same each time
    """Measure, and lay the rows out by client and fault."""
    began = time.monotonic()
    logging.getLogger("aidge_async").addHandler(logging.NullHandler())  # a WARNING for each in doubt, as it should be
    with running_gateway() as gateway:
        os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"
        os.environ["FAL_QUEUE_RUN_HOST"] = gateway.url.removeprefix("http://")  # read when fal_client is imported
        for rival in RIVALS:
            if rival.version:  # an import holds the event loop for longer than a time-out of others
                import_module(rival.distribution.replace("-", "_"))
        found = anyio.run(measure, gateway)
    rows = [row for client in (None, *CLIENTS) for row in lines(client, found)]
    missing = ", ".join(client.distribution for client in CLIENTS if not client.version)
    notes = (
        f"{SUBMITS} logical submits a line, {time.monotonic() - began:.0f} s in all",
        f"time-outs set in the lines that name one: {PATIENCE:g} s; replicate's least is 1.5 s",
        f"POSTs to the rivals' server that carried an idempotency key: {gateway.idempotency_keys}",
        *([f"not installed, and so not measured: {missing}"] if missing else []),
    )
    return Report("lost_answers", "A submit whose acceptance is possible is POSTed once.", rows, notes)


def lines(client: Client | None, found: dict[tuple[str, str], Found]) -> Iterator[report.Row]:
    """Yield the rows of one client, `None` being ours in the sandbox; only ours has a bar."""
    name = "sandbox" if client is None else client.distribution
    shown = "aidge-async, sandbox" if client is None else f"{name} {client.version or ''}".strip()
    if client is not None and not client.version:
        yield report.Row(shown, "not installed")
        return
    for fault in FAULTS:
        row = found[name, fault.name]
        is_ours = fault.accepted and client in (None, OURS)
        once = (row.received, row.paid_twice) == (SUBMITS, 0) if is_ours else None
        yield report.Row(f"{shown}: {fault.title}", row.value(), f"{SUBMITS} POSTs, 0 twice" if is_ours else "", once)


if __name__ == "__main__":
    report.run_as_script(main)
