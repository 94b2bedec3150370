"""Faults without a socket: the same rules through an in-process wire, on both event loops."""

from typing import Any

import anyio
import httpx
import pytest

from aidge_async.sandbox.app import make_app
from aidge_async.sandbox.wire import WIRE_EXTENSION, InProcessWire, SeveredError
from tests.sandbox.by_hand import SUBMIT, Bench, element, sign_v2, wrapped

pytestmark = pytest.mark.anyio

NO_ANSWER = 299


class WithWire:
    """An ASGI application whose requests have an in-process wire, as an in-process transport would give them."""

    def __init__(self, given: Bench) -> None:
        self.wire = InProcessWire()
        self._app = make_app(given.world)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Put the wire into the scope, and say so where no answer came."""
        await self._app({**scope, "extensions": {WIRE_EXTENSION: self.wire}}, receive, send)
        if self.wire.ended is not None:
            await send({"type": "http.response.start", "status": NO_ANSWER, "headers": []})
            await send({"type": "http.response.body", "body": b""})


@pytest.mark.parametrize(
    ("fault", "length", "ended", "accepted"),
    [
        ("drop_before_reading", 0, "reset", 0),
        ("accept_then_drop", 0, "reset", 1),
        ("accept_then_drop,how=close", 0, "close", 1),
        ("reset_at,at=9", 9, "reset", 1),
        ("close_at,at=300", 300, "close", 1),
        ("stall,seconds=0.01", 0, "close", 1),
        ("wrong_length", None, "close", 1),
    ],
)
async def test_wire_remembers_what_the_caller_would_see(
    plain: Bench, fault: str, length: int | None, ended: str, accepted: int
) -> None:
    """The bytes before the end and the way it ended are those of a socket, and so is the ledger."""
    plain.world.faults.add(f"submit:{fault}")
    app = WithWire(plain)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://sandbox.test") as http:
        signed = sign_v2("sandbox-512345", "made-up-secret-of-the-sandbox", timestamp=int(plain.clock.wall() * 1000))
        response = await http.post(f"/rest{SUBMIT}", params=signed, json=wrapped(element()))
    assert response.status_code == NO_ANSWER
    assert app.wire.ended == ended
    assert repr(app.wire) == f"<InProcessWire {len(app.wire.sent)} bytes, ended={ended}>"
    assert app.wire.sent.startswith(b"HTTP/1.1 200 OK\r\n"[: len(app.wire.sent)])
    assert length is None or len(app.wire.sent) == length
    assert (len(plain.world.ledger()), plain.world.statistics()["received"]["submit"]) == (accepted, accepted)  # type: ignore[index]


@pytest.mark.parametrize(("fault", "ended"), [("reset_at,at=9", "reset"), ("close_at,at=9", "close")])
async def test_scope_without_wire_raises(plain: Bench, fault: str, ended: str) -> None:
    """Where nothing can be broken, the caller of the application gets an error that says what would have come."""
    plain.world.faults.add(f"submit:{fault}")
    with pytest.raises(SeveredError, match="ended the connection after 9 bytes") as caught:
        await plain.submit()
    assert (caught.value.ended, caught.value.sent) == (ended, b"HTTP/1.1 ")
    assert isinstance(caught.value, ConnectionError)
    assert len(plain.world.ledger()) == 1


async def test_drip_without_socket_takes_its_time(plain: Bench) -> None:
    """Without a socket a dripping answer comes at once when all of it would have been there."""
    plain.world.faults.add("submit:drip,interval=0.0001")
    started = anyio.current_time()
    assert (await plain.submit())["resCode"] == 200
    assert anyio.current_time() - started > 0.03


async def test_faults_in_the_answer_need_no_wire(plain: Bench) -> None:
    """What HTTP can say is said without a wire too."""
    plain.world.faults.add("submit:business_code,code=801,accept=true", "query:gateway_code,code=SystemError,type=ISP")
    assert (await plain.submit())["resCode"] == 801
    assert (await plain.query("x"))["code"] == "SystemError"
    assert len(plain.world.ledger()) == 1


async def test_clock_moves_without_a_socket(plain: Bench) -> None:
    """The clock of an in-process sandbox can be off as well, and comes right again."""
    plain.world.faults.add("any:clock,offset=8000")
    assert (await plain.submit())["code"] == "IllegalTimestamp"
    plain.world.faults.clear()
    assert (await plain.submit())["resCode"] == 200


async def test_cancelled_caller_leaves_nothing_behind(plain: Bench) -> None:
    """A caller that is cancelled in a stall gets its cancellation, and its submit stays accepted."""
    plain.world.faults.add("submit:stall")
    with anyio.move_on_after(0.05) as scope:
        await plain.submit()
    assert scope.cancelled_caught
    assert len(plain.world.ledger()) == 1
