"""Bad requests: each is refused by the client before anything is sent, and by the sandbox when it is sent by hand."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest

from aidge_async import ModelAlternation, RequestError, WireFormat
from aidge_async.sandbox.server import RunningSandbox, running_sandbox
from aidge_async.sandbox.settings import SandboxSettings
from tests.conftest import draw_photo
from tests.support import client_of

GOOD: dict[str, Any] = {"image": "https://example.com/look.jpg", "model": "universal_model_1"}
WIRE: dict[str, Any] = {
    "imageUrl": "https://example.com/look.jpg",
    "imageStyle": "realPhoto",
    "model": "universal_model_1",
}


@attrs.frozen
class Bad:
    """One bad request, as our user writes it and as a stranger's program sends it."""

    arguments: dict[str, Any]
    wire: dict[str, Any]
    client_says: str
    sandbox_says: str


def value(name: str, wire_name: str, bad: object, *, also: dict[str, Any] | None = None) -> Bad:
    """Return a request whose one value is bad."""
    return Bad({name: bad, **(also or {})}, {wire_name: bad}, name, wire_name)


def picture(
    content: Callable[[], bytes], client_says: str, sandbox_says: str = "imageBase64"
) -> tuple[Callable[[], bytes], str, str]:
    """Return a request whose picture is bad."""
    return content, client_says, sandbox_says


VALUES = [
    *(value("count", "count", bad) for bad in (0, 5, -1, 1.5, "three", 10**12, [2])),
    *(value("dimension", "dimension", bad) for bad in (511, 2049, 0, -768, 768.5, "wide")),
    *(value("gender", "gender", bad) for bad in ("WOMAN", "F", 1, ["MALE"])),
    *(value("age", "age", bad) for bad in ("CHILD", "30", 30, "MIDDLE AGE")),
    *(value("background", "bgStyle", bad) for bad in ("forest", "street", 4)),
    *(value("model", "model", bad) for bad in ("universal_model_5", "WHITE", "Universal_Model_1", 1)),
    *(value("image_style", "imageStyle", bad) for bad in ("drawing", "mannequin", 7)),
    Bad({"model": ""}, {"model": ""}, "model", "model is required"),
    Bad({"keep_background": False}, {"maskKeepbg": False}, "'background' must be given", "bgStyle is required"),
    Bad({"keep_background": "maybe"}, {"maskKeepbg": "maybe"}, "keep_background", "maskKeepbg must be true or false"),
    Bad({"image": "look.jpg"}, {"imageUrl": "look.jpg"}, "absolute", "imageUrl must be an absolute"),
    Bad(
        {"image": "ftp://example.com/a"},
        {"imageUrl": "ftp://example.com/a"},
        "absolute",
        "imageUrl must be an absolute",
    ),
    Bad({"image": "http://"}, {"imageUrl": "http://"}, "absolute", "imageUrl must be an absolute"),
    Bad(
        {"image": None},
        {"imageUrl": None},
        "must be a Path, bytes or",
        "imageUrl and requestParams[0].imageBase64 is required",
    ),
]
PICTURES = [
    picture(lambda: draw_photo(400, 400, "TIFF"), "is TIFF; the gateway takes JPEG, PNG, BMP or WEBP"),
    picture(lambda: draw_photo(600, 600, "GIF"), "is GIF"),
    picture(lambda: b"no picture at all", "is no picture"),
    picture(lambda: b"%PDF-1.7 made up", "is PDF"),
    picture(lambda: draw_photo(400, 500, "JPEG"), "400x500 px"),
    picture(lambda: draw_photo(3100, 3050, "PNG"), "3100x3050 px"),
    picture(lambda: draw_photo(900, 900, "PNG") + bytes(4 * 1024 * 1024), "at most 4 MB"),
    picture(lambda: draw_photo(600, 600, "PNG")[:12], "has no readable header"),
]


@pytest.fixture(scope="module")
def shared_sandbox() -> Iterator[RunningSandbox]:
    """Run one sandbox for all of these; a refused call leaves nothing in it."""
    with running_sandbox(SandboxSettings()) as running:
        yield running


def test_there_are_forty_bad_requests() -> None:
    """The list below is as long as it was meant to be."""
    assert len(VALUES) + len(PICTURES) >= 40


@pytest.mark.parametrize("bad", VALUES, ids=lambda bad: str(bad.wire)[:40])
async def test_bad_value_is_refused_by_both(bad: Bad, shared_sandbox: RunningSandbox) -> None:
    """The client names its argument and sends nothing; the sandbox names the gateway's field."""
    async with client_of(shared_sandbox) as aidge:
        with pytest.raises(RequestError, match=bad.client_says):
            await aidge.submit(ModelAlternation(**{**GOOD, **bad.arguments}))
    refused_by_sandbox(shared_sandbox, {**WIRE, **bad.wire}, bad.sandbox_says)


@pytest.mark.parametrize(("content", "client_says", "sandbox_says"), PICTURES)
@pytest.mark.slow
async def test_bad_picture_is_refused_by_both(
    content: Callable[[], bytes], client_says: str, sandbox_says: str, shared_sandbox: RunningSandbox, tmp_path: Path
) -> None:
    """A picture outside the documented limits is refused from memory, from a file, and by the sandbox."""
    image = content()
    file = tmp_path / "look.jpg"
    file.write_bytes(image)
    async with client_of(shared_sandbox) as aidge:
        for source in (image, file):
            with pytest.raises(RequestError, match=client_says):
                await aidge.submit(ModelAlternation(image=source, model="universal_model_1"))
    wire = {**WIRE, "imageUrl": None, "imageBase64": base64.b64encode(image).decode()}
    refused_by_sandbox(shared_sandbox, wire, sandbox_says)


async def test_flat_dialect_refuses_documented_models(shared_sandbox: RunningSandbox) -> None:
    """A model of the other dialect is refused when the call is built, with the ones this dialect knows."""
    async with client_of(shared_sandbox, wire_format=WireFormat.FLAT) as aidge:
        with pytest.raises(RequestError, match="WHITE, BLACK, YELLOW, BROWN in the flat wire format"):
            await aidge.submit(ModelAlternation(**GOOD))
    assert ledger(shared_sandbox) == []


def refused_by_sandbox(sandbox: RunningSandbox, element: dict[str, Any], says: str) -> None:
    """Send *element* by hand and find it refused by name, and nothing bought."""
    element = {name: value for name, value in element.items() if value is not None}
    now = str(int(time.time() * 1000))
    sign = hmac.new(sandbox.key_secret.encode(), f"{sandbox.key_secret}{now}".encode(), hashlib.sha256).hexdigest()
    query = f"partner_id=aidge&sign_method=sha256&sign_ver=v2&app_key={sandbox.key_name}&timestamp={now}"
    reply = httpx.post(
        f"{sandbox.url}/rest/ai/virtual/model/generation/batch?{query}&sign={sign.upper()}",
        json={"requestParams": json.dumps([element])},
        trust_env=False,
        verify=False,
    )
    assert (reply.status_code, reply.json()["resCode"]) in {(200, "700"), (200, 700)}, reply.text
    assert says in reply.json()["resMessage"]
    assert ledger(sandbox) == []


def ledger(sandbox: RunningSandbox) -> list[Any]:
    """Return what the sandbox sold."""
    found: list[Any] = httpx.get(f"{sandbox.url}/_sandbox/ledger", trust_env=False, verify=False).json()["accepted"]
    return found
