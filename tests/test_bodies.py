"""What goes over the wire, to the byte, as the public face sends it."""

import base64
import hashlib
import hmac
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import respx

from aidge_async import AidgeClient, ModelAlternation, Region, WireFormat
from tests.support import KEY_NAME, KEY_SECRET, accepted, finished

NOW = 1_700_000_000.123
GLOBAL = "https://api.aidc-ai.com/rest/ai/virtual/model/generation"

FULL: dict[str, Any] = {
    "gender": "FEMALE",
    "age": "YOUTH",
    "background": "European_street",
    "count": 3,
    "dimension": 1024,
}

BODIES = [
    pytest.param(
        WireFormat.DOCUMENTED,
        {"image": "https://example.com/a.jpg?x=1", "model": "universal_model_2"},
        b'{"requestParams":"[{\\"imageUrl\\":\\"https://example.com/a.jpg?x=1\\",\\"imageStyle\\":\\"realPhoto\\",'
        b'\\"model\\":\\"universal_model_2\\"}]"}',
        id="documented, least",
    ),
    pytest.param(
        WireFormat.DOCUMENTED,
        {"image": "https://example.com/a.jpg", "model": "universal_model_4", **FULL},
        b'{"requestParams":"[{\\"imageUrl\\":\\"https://example.com/a.jpg\\",\\"imageStyle\\":\\"realPhoto\\",'
        b'\\"model\\":\\"universal_model_4\\",\\"gender\\":\\"FEMALE\\",\\"age\\":\\"YOUTH\\",\\"maskKeepbg\\":false,'
        b'\\"bgStyle\\":\\"European_street\\",\\"count\\":3,\\"dimension\\":1024}]"}',
        id="documented, all",
    ),
    pytest.param(
        WireFormat.FLAT,
        {"image": "https://example.com/a.jpg", "model": "WHITE", "keep_background": True},
        b'{"imageUrl":"https://example.com/a.jpg","imageStyle":"realPhoto","model":"WHITE","maskKeepBg":"true"}',
        id="flat, background kept",
    ),
    pytest.param(
        WireFormat.FLAT,
        {"image": "https://example.com/a.jpg", "model": "BROWN", **FULL},
        b'{"imageUrl":"https://example.com/a.jpg","imageStyle":"realPhoto","model":"BROWN","gender":"FEMALE",'
        b'"age":"YOUTH","maskKeepBg":"false","bgStyle":"European_street","count":"3","dimension":"1024"}',
        id="flat, all",
    ),
]


def client(**options: Any) -> AidgeClient:
    """Return a client whose clock stands still."""
    return AidgeClient(KEY_NAME, KEY_SECRET, wall_clock=lambda: NOW, **options)


@pytest.mark.parametrize(("wire_format", "arguments", "body"), BODIES)
@respx.mock
async def test_body_is_as_documented(wire_format: WireFormat, arguments: dict[str, Any], body: bytes) -> None:
    """Either dialect writes exactly these bytes, and leaves out what was left out."""
    route = respx.post(url__startswith=GLOBAL + "/batch").respond(json=accepted("task-1"))
    async with client(wire_format=wire_format) as aidge:
        await aidge.submit(ModelAlternation(**arguments))
    assert route.calls.last.request.content == body


@pytest.mark.parametrize(
    ("wire_format", "model", "head", "tail"),
    [
        (
            WireFormat.DOCUMENTED,
            "universal_model_1",
            b'{"requestParams":"[{\\"imageBase64\\":\\"',
            b'\\",\\"imageStyle\\":\\"realPhoto\\",\\"model\\":\\"universal_model_1\\"}]"}',
        ),
        (WireFormat.FLAT, "BLACK", b'{"imageBase64":"', b'","imageStyle":"realPhoto","model":"BLACK"}'),
    ],
)
@respx.mock
async def test_image_bytes_travel_as_bare_base64(
    wire_format: WireFormat, model: str, head: bytes, tail: bytes, photo: bytes
) -> None:
    """Bytes are sent as Base64 without a `data:` prefix, streamed, with the exact length announced."""
    route = respx.post(url__startswith=GLOBAL + "/batch").respond(json=accepted("task-1"))
    async with client(wire_format=wire_format) as aidge:
        await aidge.submit(ModelAlternation(image=photo, model=model))
    request = route.calls.last.request
    expected = head + base64.b64encode(photo) + tail
    assert request.content == expected
    assert request.headers["content-length"] == str(len(expected))
    assert "transfer-encoding" not in request.headers


@respx.mock
async def test_submit_is_signed_with_version_2() -> None:
    """The query signs with the golden rule of the vendor's examples, by a second implementation."""
    route = respx.post(url__startswith=GLOBAL + "/batch").respond(json=accepted("task-1"))
    async with client() as aidge:
        await aidge.submit(ModelAlternation(image="https://example.com/a.jpg", model="universal_model_1"))
    request = route.calls.last.request
    parts = urlsplit(str(request.url))
    message = f"{KEY_SECRET}1700000000123".encode()
    assert parse_qs(parts.query) == {
        "partner_id": ["aidge"],
        "sign_method": ["sha256"],
        "sign_ver": ["v2"],
        "app_key": [KEY_NAME],
        "timestamp": ["1700000000123"],
        "sign": [hmac.new(KEY_SECRET.encode(), message, hashlib.sha256).hexdigest().upper()],
    }
    assert request.headers["content-type"] == "application/json"
    assert "x-iop-trial" not in request.headers


@respx.mock
async def test_query_posts_the_task_id() -> None:
    """A result is asked for with the task id alone, under the same trial flag."""
    respx.post(url__startswith=GLOBAL + "/batch").respond(json=accepted("task-1"))
    route = respx.post(url__startswith=GLOBAL + "/query").respond(json=finished("task-1"))
    async with client(trial=True) as aidge:
        handle = await aidge.submit(ModelAlternation(image="https://example.com/a.jpg", model="universal_model_1"))
        await handle.status()
    assert route.calls.last.request.content == b'{"taskId":"task-1"}'
    assert [call.request.headers["x-iop-trial"] for call in respx.calls] == ["true", "true"]


@respx.mock
async def test_region_names_the_host() -> None:
    """A key of the Chinese site goes to the Chinese host."""
    route = respx.post(url__startswith="https://cn-api.aidc-ai.com/rest/").mock(
        return_value=httpx.Response(200, json=accepted("task-1"))
    )
    async with client(region=Region.CHINA) as aidge:
        await aidge.submit(ModelAlternation(image="https://example.com/a.jpg", model="universal_model_1"))
    assert route.called
