"""Calls carried by aiohttp, through `httpx-aiohttp` as `transport=`: they work, and less is proven of lost ones."""

import socket
import ssl

import anyio
import httpx
import pytest

from aidge_async import AidgeClient, Limits, ModelAlternation, SubmissionInDoubtError
from aidge_async._core.call import Phase, TransportError, Way
from aidge_async.sandbox.server import RunningSandbox
from tests.io.carrier import QUERY, SUBMIT, transport
from tests.io.loopback import Behaviour, answer, raw_server, read_request, reset
from tests.support import client_of, read_json

httpx_aiohttp = pytest.importorskip("httpx_aiohttp", reason="httpx-aiohttp is not installed")


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio only: aiohttp knows no other loop."""
    return "asyncio"


@pytest.fixture
def carried() -> httpx.AsyncBaseTransport:
    """Return a transport of aiohttp's for plain http."""
    made: httpx.AsyncBaseTransport = httpx_aiohttp.AiohttpTransport(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    return made


async def test_whole_purchase_is_carried(
    sandbox: RunningSandbox, photo: bytes, carried: httpx.AsyncBaseTransport
) -> None:
    """Signature, upload by pieces, queries and the result come through; each task is bought once."""
    limits = Limits(submit_rate=None, query_rate=None)
    async with client_of(sandbox, transport=carried, limits=limits) as aidge:
        for padding in (b"", bytes(200_000)):
            handle = await aidge.submit(ModelAlternation(image=photo + padding, model="universal_model_1"))
            await handle.status()
    ledger = (await read_json(f"{sandbox.url}/_sandbox/ledger"))["accepted"]
    assert len(ledger) == 2


def hang_up(_: socket.socket) -> None:
    """Accept and close."""


def hang_up_after(connection: socket.socket) -> None:
    """Read the request, perhaps act on it, and close."""
    read_request(connection)


def reset_in_the_middle(connection: socket.socket) -> None:
    """Read some of the request, then reset."""
    connection.recv(100)
    reset(connection)


def half_an_answer(connection: socket.socket) -> None:
    """Promise more than is sent."""
    read_request(connection)
    connection.sendall(answer(content=b"{}" * 50)[:-20])


@pytest.mark.parametrize("behave", [hang_up, hang_up_after, reset_in_the_middle, half_an_answer])
async def test_lost_answer_means_sent(behave: Behaviour, carried: httpx.AsyncBaseTransport) -> None:
    """Though its class says that no connection was made: the class is not aiohttp's own, and proves nothing."""
    with raw_server(behave) as server:
        carrier = transport(carried, base_url=server.url)
        with pytest.raises(TransportError) as caught:
            await carrier.send(SUBMIT)
        await carrier.aclose()
    assert caught.value.phase is Phase.SENT


async def test_refused_connection_proves_nothing(carried: httpx.AsyncBaseTransport) -> None:
    """What it costs: a gateway that cannot be reached leaves a submit in doubt, where our own connections prove."""
    with raw_server(hang_up) as server:
        url = server.url
    carrier = transport(carried, base_url=url)
    with pytest.raises(TransportError) as caught:
        await carrier.send(QUERY)
    await carrier.aclose()
    assert caught.value.phase is Phase.SENT
    assert "sign=" not in str(caught.value)


async def test_cancelled_call_proves_nothing(carried: httpx.AsyncBaseTransport) -> None:
    """Without a trace nobody knows how far it came."""
    way = Way()
    with raw_server(hang_up) as server:
        carrier = transport(carried, base_url=server.url)
        with anyio.CancelScope() as scope:
            scope.cancel()
            await carrier.send(QUERY, way)
        await carrier.aclose()
    assert way.phase is Phase.SENT


async def test_submit_without_an_answer_is_in_doubt(carried: httpx.AsyncBaseTransport) -> None:
    """It is not sent again."""
    with raw_server(hang_up_after) as server:
        async with AidgeClient("made-up", "made-up-secret", base_url=server.url, transport=carried) as aidge:
            with pytest.raises(SubmissionInDoubtError):
                await aidge.submit(ModelAlternation(image="https://example.com/a.jpg", model="universal_model_1"))
    assert server.connections == 1
