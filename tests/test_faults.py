"""
Every fault of a submit, a row each: what is raised, what it says of the bill, and how many POSTs the server received.

Faults below HTTP happen on a real socket, those above it in the process and in virtual time.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import attrs
import pytest

from aidge_async import (
    AidgeClient,
    AidgeError,
    ClockError,
    ContentError,
    CredentialsError,
    Deadlines,
    InvalidInputError,
    Limits,
    NotSentError,
    QuotaError,
    RateLimitError,
    RefusedError,
    SubmissionInDoubtError,
)
from aidge_async._core import gateway
from aidge_async.sandbox import SandboxSettings
from aidge_async.testing import InProcessSandbox, SocketSandbox, virtual_backend
from tests.support import KEY_NAME, KEY_SECRET, URL_REQUEST

SUBMIT = gateway.MODEL_ALTERNATION_SUBMIT_PATH
FREE = Limits(submit_rate=None, query_rate=None)


@attrs.frozen
class Row:
    """One fault and what must follow from it, where it strikes every submit."""

    kind: str
    fields: dict[str, Any]
    error: type[AidgeError]
    billable: str
    resend_safe: bool
    again: bool = False
    """Whether the submit is sent again until the deadline."""
    bought: int = 0
    """Submits in the ledger."""

    def __str__(self) -> str:
        return " ".join([self.kind, *map(str, self.fields.values())])[:60]


def doubt(kind: str, bought: int = 0, **fields: Any) -> Row:
    """Return a row that must be in doubt, after one POST."""
    return Row(kind, fields, SubmissionInDoubtError, "unknown", False, bought=bought)


def refused(error: type[AidgeError], kind: str, *, billable: str = "no", **fields: Any) -> Row:
    """Return a row that must be refused for good, after one POST."""
    return Row(kind, fields, error, billable, billable == "no")


def again(error: type[AidgeError], kind: str, **fields: Any) -> Row:
    """Return a row that must be sent again."""
    return Row(kind, fields, error, "no", True, again=True)


def business(code: str) -> dict[str, Any]:
    """Return the fields of a business code."""
    return {"kind": "business_code", "code": code, "message": "made up"}


def gate(code: str, blame: str = "ISV", message: str = "made up") -> dict[str, Any]:
    """Return the fields of a gateway code."""
    return {"kind": "gateway_code", "code": code, "type": blame, "message": message}


ABOVE_HTTP = [
    *(doubt(**business(code)) for code in ("500", "801", "900", "4242")),
    again(RateLimitError, **business("501")),
    *(refused(InvalidInputError, **business(code)) for code in ("700", "701", "703", "704", "705", "707")),
    refused(ContentError, **business("1000")),
    *(refused(ContentError, billable="unknown", **business(code)) for code in ("1001", "1002")),
    *(
        refused(CredentialsError, **gate(code))
        for code in ("IncompleteSignature", "InvalidAppKey", "IllegalAccessToken", "MissingPartner", "AppWhiteIpLimit")
    ),
    *(
        refused(CredentialsError, **gate(code))
        for code in ("UserStatusInvalid", "ServiceNotOpened", "ServiceStatusInvalid")
    ),
    *(refused(RefusedError, **gate(code)) for code in ("InvalidApi", "MissingParameter")),
    *(refused(QuotaError, **gate(code)) for code in ("NoResource", "FreeQuotaExhausted")),
    again(RateLimitError, **gate("ApiCallLimit", message="this ban will last 2 seconds")),
    again(RateLimitError, **gate("AppCallLimit")),
    *(
        doubt(**gate(code, blame))
        for code, blame in (
            ("ServiceTimeout", "ISP"),
            ("15", "SYSTEM"),
            ("998", "SYSTEM"),
            ("SystemError", "SYSTEM"),
            ("DownstreamUnavailable", "ISP"),
            ("NeverSeenIsp", "ISP"),
            ("NeverSeenSystem", "SYSTEM"),
            ("NeverSeenIsv", "ISV"),
        )
    ),
    *(refused(RefusedError, "status", status=code, body="html") for code in (400, 401, 403, 404, 413, 415, 422)),
    refused(RefusedError, "redirect", status=302, location="https://elsewhere.example/"),
    again(RateLimitError, "status", status=429, retry_after=2),
    *(doubt("status", status=code, body="html") for code in (408, 500, 502, 503, 504)),
    doubt("html"),
    doubt("no_task_id", bought=1),
    doubt("empty", bought=1),
    doubt("truncated", bought=1),
    doubt("garbage", bought=1),
    doubt("bad_gzip", bought=1),
    Row("clock", {"offset": 9000.0}, ClockError, "no", True, again=True),
]

ON_THE_SOCKET = [
    doubt("drop_before_reading"),
    *(doubt("accept_then_drop", bought=1, how=how) for how in ("reset", "close")),
    *(doubt("reset_at", bought=1, at=at) for at in (0, 9, 120, 300)),
    *(doubt("close_at", bought=1, at=at) for at in (0, 9, 120, 300)),
    doubt("wrong_length", bought=1),
    doubt("bad_gzip", bought=1),
    doubt("truncated", bought=1),
    doubt("garbage", bought=1),
    doubt("stall", bought=1, seconds=5),
    doubt("drip", bought=1, interval=0.05),
]


def test_table_covers_what_was_asked_for() -> None:
    """At least 45 rows, every code of the gateway's facts among them."""
    rows = ABOVE_HTTP + ON_THE_SOCKET
    assert len(rows) >= 45
    known = {value for name in vars(gateway) if name.endswith("_CODES") for value in map(str, getattr(gateway, name))}
    tried = {str(row.fields.get("code", row.fields.get("status"))) for row in rows} | {"IllegalTimestamp"}
    assert {code for code in known if not code.startswith("3")} <= tried


@pytest.mark.parametrize("row", ABOVE_HTTP, ids=str)
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_fault_above_http(row: Row, backend: str) -> None:
    """The class of the error, the bill and the number of POSTs are as the row says."""

    async def story() -> None:
        sandbox = InProcessSandbox()
        if row.kind == "clock":  # an answer whose Date is off too would be believed
            sandbox.fault("submit", "gateway_code", code="IllegalTimestamp", message="made up")
        else:
            sandbox.fault("submit", row.kind, **row.fields)
        async with sandbox.client(limits=FREE) as aidge:
            await _submit_and_judge(aidge, row, deadline=150)
        _count(sandbox, row)

    name, options = virtual_backend(backend)
    anyio.run(story, backend=name, backend_options=options)


@pytest.mark.parametrize("row", ON_THE_SOCKET, ids=str)
async def test_fault_on_the_socket(row: Row) -> None:
    """The same over TCP, where connections are really reset and closed."""
    with SocketSandbox.run(SandboxSettings(duration=0)) as sandbox:
        sandbox.fault("submit", row.kind, **row.fields)
        async with sandbox.client(limits=FREE, deadlines=Deadlines(connect=0.2, submit=0.3)) as aidge:
            await _submit_and_judge(aidge, row, deadline=2)
        _count(sandbox, row)


async def _submit_and_judge(aidge: AidgeClient, row: Row, deadline: float) -> None:
    with pytest.raises(row.error) as caught:
        await aidge.submit(URL_REQUEST, key="sku-1", deadline=deadline)
    error = caught.value
    assert type(error) is row.error
    assert (error.billable, error.resend_safe, error.key) == (row.billable, row.resend_safe, "sku-1")
    if "code" in row.fields:
        assert (error.code, error.message) == (row.fields["code"], row.fields["message"])


def _count(sandbox: InProcessSandbox | SocketSandbox, row: Row) -> None:
    received = sandbox.statistics()["apis"][SUBMIT]["received"]
    if row.kind == "drop_before_reading":
        assert received == 0
    else:
        assert received > 1 if row.again else received == 1
    assert len(sandbox.ledger()) == row.bought


@contextmanager
def proxy_that_refuses() -> Iterator[str]:
    """Run a proxy that answers each CONNECT with 403."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(4096)
                    connection.sendall(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")

        thread = threading.Thread(target=refuse)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


QUICK = Deadlines(connect=0.3, unreachable=0.5)


def _nobody() -> AidgeClient:
    return AidgeClient(KEY_NAME, KEY_SECRET, base_url="http://127.0.0.1:9", deadlines=QUICK)


def _unknown_name() -> AidgeClient:
    return AidgeClient(KEY_NAME, KEY_SECRET, base_url="https://no-such-host.invalid", deadlines=QUICK)


@pytest.mark.parametrize("make", [_nobody, _unknown_name])
@pytest.mark.slow
async def test_unreachable_gateway_was_certainly_not_sent_to(make: Any) -> None:
    """A refused connection and an unknown name are proven: no byte left."""
    async with make() as aidge:
        with pytest.raises(NotSentError, match="nothing was sent") as caught:
            await aidge.submit(URL_REQUEST)
    assert (caught.value.billable, caught.value.resend_safe) == ("no", True)


async def test_failed_handshake_was_certainly_not_sent(aidge_server: SocketSandbox) -> None:
    """A server that speaks no TLS never saw the call."""
    base_url = aidge_server.url.replace("http://", "https://")
    async with aidge_server.client(base_url=base_url, deadlines=QUICK) as aidge:
        with pytest.raises(NotSentError, match="SSL"):
            await aidge.submit(URL_REQUEST)
    assert aidge_server.ledger() == []


async def test_proxy_that_refuses_was_certainly_not_passed() -> None:
    """A CONNECT that is refused leaves nothing sent, though the proxy read it."""
    with proxy_that_refuses() as proxy:
        async with AidgeClient(
            KEY_NAME, KEY_SECRET, base_url="https://gateway.example", proxy=proxy, deadlines=QUICK
        ) as aidge:
            with pytest.raises(NotSentError, match="403"):
                await aidge.submit(URL_REQUEST)


async def test_right_json_under_a_wrong_content_type_is_read(aidge_server: SocketSandbox) -> None:
    """JSON is parsed whatever it is called: the task id is what counts."""
    aidge_server.fault("submit", "wrong_content_type")
    async with aidge_server.client() as aidge:
        handle = await aidge.submit(URL_REQUEST)
    assert [line["task_id"] for line in aidge_server.ledger()] == [handle.task_id]
