"""What goes over the wire: method, path, signature, headers and content, and by which clock."""

import httpx
import pytest
import respx

from aidge_async._core.call import Call, TransportError
from aidge_async._io.tls import TlsContext
from aidge_async._io.transport import HttpTransport
from aidge_async.config import Settings
from aidge_async.tuning import Deadlines
from tests.io.carrier import GET, NOW, QUERY, SECRET, SUBMIT, signature, transport


async def test_submit_is_a_signed_post_of_exactly_its_content(respx_mock: respx.MockRouter) -> None:
    """Method, path, the vendor's six query parameters in order, headers, length and bytes."""
    route = respx_mock.post("https://api.aidc-ai.com/rest/ai/submit").respond(200, json={"code": "0"})
    carrier = transport()
    reply = await carrier.send(SUBMIT)
    await carrier.aclose()
    request = route.calls.last.request
    assert list(request.url.params.multi_items()) == [
        ("partner_id", "aidge"),
        ("sign_method", "sha256"),
        ("sign_ver", "v2"),
        ("app_key", "512345"),
        ("timestamp", "1700000000250"),
        ("sign", signature(1700000000250)),
    ]
    assert SUBMIT.content is not None
    assert request.content == b"".join(SUBMIT.content.chunks())
    assert request.headers["content-length"] == str(len(request.content))
    assert request.headers["content-type"] == "application/json"
    assert (request.headers["accept"], request.headers["accept-encoding"]) == ("application/json", "identity")
    assert {"cookie", "authorization", "transfer-encoding", "x-iop-trial"}.isdisjoint(request.headers)
    assert (reply.status_code, reply.content) == (200, b'{"code":"0"}')


@pytest.mark.parametrize("call", [SUBMIT, QUERY, GET])
async def test_trial_says_so_on_submit_and_query(respx_mock: respx.MockRouter, call: Call) -> None:
    """The trial quota is drawn on by a header; nothing else differs."""
    route = respx_mock.route(host="api.aidc-ai.com").respond(200)
    carrier = transport()
    await carrier.send(Call(kind=call.kind, path=call.path, method=call.method, query=call.query, trial=True))
    await carrier.aclose()
    assert route.calls.last.request.headers["x-iop-trial"] == "true"


async def test_query_by_get_holds_its_parameters_before_the_signature(respx_mock: respx.MockRouter) -> None:
    """Encoded, without content and its headers."""
    route = respx_mock.get("https://api.aidc-ai.com/rest/ai/results").respond(200)
    carrier = transport()
    await carrier.send(GET)
    await carrier.aclose()
    request = route.calls.last.request
    assert request.url.params.multi_items()[0] == ("taskId", "t 1&x=é")
    assert request.url.params.multi_items()[-1] == ("sign", signature(1700000000250))
    assert b"?taskId=t+1%26x%3D%C3%A9&partner_id=aidge&" in request.url.raw_path
    assert {"content-type", "transfer-encoding"}.isdisjoint(request.headers)


@pytest.mark.parametrize("status_code", [200, 204, 301, 400, 404, 429, 500, 503])
async def test_every_status_is_an_answer(respx_mock: respx.MockRouter, status_code: int) -> None:
    """Redirects are not followed, failures not raised; field names come in lower case."""
    headers = {"Location": "https://elsewhere.example/", "Retry-After": "7"}
    respx_mock.route(host="api.aidc-ai.com").respond(status_code, headers=headers, content=b"<html>")
    carrier = transport()
    reply = await carrier.send(QUERY)
    await carrier.aclose()
    assert (reply.status_code, reply.content, reply.fields["retry-after"]) == (status_code, b"<html>", "7")
    assert respx_mock.calls.call_count == 1


@pytest.mark.parametrize(
    "path", ["https://elsewhere.example/x", "http://api.aidc-ai.com/x", "https://api.aidc-ai.com:444/"]
)
async def test_nothing_is_signed_for_another_origin(path: str) -> None:
    """Another host, another scheme, another port: never sent, and so never signed."""
    seen: list[httpx.Request] = []
    carrier = transport(httpx.MockTransport(lambda request: seen.append(request) or httpx.Response(200)))  # type: ignore[func-returns-value]
    with pytest.raises(
        TransportError, match=r"^not sent: UnsupportedProtocol: calls are signed for the gateway's origin"
    ):
        await carrier.send(Call(kind="query", path=path))
    assert not seen


@pytest.mark.parametrize(
    ("date", "offset"),
    [
        ("Tue, 14 Nov 2023 22:13:20 GMT", None),
        ("Tue, 14 Nov 2023 22:13:22 GMT", None),
        ("Tue, 14 Nov 2023 22:13:30 GMT", 9.75),
        ("Tue, 14 Nov 2023 20:13:20 GMT", -7200.25),
        ("Tue Nov 14 23:13:20 2023", 3599.75),
        ("", None),
        ("yesterday", None),
    ],
)
async def test_clock_is_corrected_by_an_answers_date(
    respx_mock: respx.MockRouter, date: str, offset: float | None
) -> None:
    """Beyond two seconds of noise, calls are signed with the gateway's time; told again, it is nothing new."""
    route = respx_mock.route(host="api.aidc-ai.com").respond(200)
    carrier = transport()
    assert carrier.correct_clock(date) == offset
    assert carrier.correct_clock(date) is None
    await carrier.send(QUERY)
    await carrier.aclose()
    expected = int((NOW + (offset or 0.0)) * 1000)
    assert route.calls.last.request.url.params["timestamp"] == str(expected)
    assert route.calls.last.request.url.params["sign"] == signature(expected)


async def test_time_outs_are_those_of_the_kind_of_call() -> None:
    """An upload may take longer than a query; connecting has a time of its own."""
    seen: list[dict[str, float]] = []

    def note(request: httpx.Request) -> httpx.Response:
        seen.append(request.extensions["timeout"])
        return httpx.Response(200)

    settings = Settings(key_name="512345", key_secret=SECRET)
    deadlines = Deadlines(connect=1.0, submit=2.0, query=3.0)
    carrier = HttpTransport(settings, deadlines=deadlines, inner=httpx.MockTransport(note), tls=TlsContext())
    await carrier.send(SUBMIT)
    await carrier.send(QUERY)
    assert [(timeout["connect"], timeout["read"], timeout["write"]) for timeout in seen] == [(1, 2, 2), (1, 3, 3)]
