"""
Calls to the gateway made by hand: signatures, pictures and bodies that share nothing with the package.

The sandbox's judge in these tests. Nothing of `aidge_async._core` may come in here.
"""

import base64
import hashlib
import hmac
import io
import json
import time
from typing import Any
from urllib.parse import urlencode

import attrs
import httpx
from PIL import Image, ImageDraw

from aidge_async.sandbox.app import make_app
from aidge_async.sandbox.settings import SandboxSettings
from aidge_async.sandbox.world import World

SUBMIT = "/ai/virtual/model/generation/batch"
QUERY = "/ai/virtual/model/generation/query"


def sign_v2(key_name: str, secret: str, *, timestamp: int | None = None) -> dict[str, str]:
    """Return the query parameters of a call under signature v2."""
    now = str(int(time.time() * 1000) if timestamp is None else timestamp)
    mac = hmac.new(secret.encode(), (secret + now).encode(), hashlib.sha256).hexdigest().upper()
    return {
        "partner_id": "aidge",
        "sign_method": "sha256",
        "sign_ver": "v2",
        "app_key": key_name,
        "timestamp": now,
        "sign": mac,
    }


def sign_classic(
    path: str, business: dict[str, str], key_name: str, secret: str, *, timestamp: int | None = None
) -> dict[str, str]:
    """Return the query parameters of a call under the classic signature, which covers the business parameters."""
    system = {
        "partner_id": "iop-sdk-java-20181207",
        "sign_method": "sha256",
        "app_key": key_name,
        "timestamp": str(int(time.time() * 1000) if timestamp is None else timestamp),
    }
    base = path
    for name, value in sorted({**system, **business}.items()):
        if value:
            base += name + value
    system["sign"] = hmac.new(secret.encode(), base.encode(), hashlib.sha256).hexdigest().upper()
    return system


def photo(width: int = 600, height: int = 800, kind: str = "JPEG", **options: Any) -> bytes:
    """Return a picture of somebody in a red shirt before a grey wall."""
    image = Image.new("RGB", (width, height), (200, 204, 208))
    pen = ImageDraw.Draw(image)
    pen.ellipse((width * 0.42, height * 0.08, width * 0.58, height * 0.24), fill=(222, 180, 150))
    pen.rectangle((width * 0.34, height * 0.25, width * 0.66, height * 0.95), fill=(170, 30, 50))
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


PHOTO = photo()


def element(**changes: Any) -> dict[str, Any]:
    """Return one good element of `requestParams`, with *changes*; `None` leaves a field out."""
    fields = {
        "imageBase64": base64.b64encode(PHOTO).decode(),
        "imageStyle": "realPhoto",
        "model": "universal_model_1",
        **changes,
    }
    return {name: value for name, value in fields.items() if value is not None}


def flat_fields(**changes: Any) -> dict[str, Any]:
    """Return the fields of one good submit in the flat dialect, with *changes*."""
    return element(**{"model": "WHITE", **changes})


def wrapped(*elements: dict[str, Any]) -> dict[str, str]:
    """Return the content of a documented submit."""
    return {"requestParams": json.dumps(list(elements))}


class HandClock:
    """Two clocks in one, moved by hand."""

    def __init__(self, wall: float = 1_700_000_000.0) -> None:
        self._wall = wall
        self._passed = 0.0

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._passed += seconds

    def monotonic(self) -> float:
        """Return seconds since the clock was made."""
        return self._passed

    def wall(self) -> float:
        """Return epoch seconds."""
        return self._wall + self._passed


@attrs.frozen
class Bench:
    """A sandbox in the process, without a socket, on a clock moved by hand."""

    world: World
    clock: HandClock
    http: httpx.AsyncClient

    async def call(self, path: str, content: Any, **options: Any) -> dict[str, Any]:
        """Return the answer to a POST of *content* as JSON, signed with version 2."""
        settings = self.world.settings
        signed = sign_v2(settings.key_name, settings.key_secret, timestamp=int(self.clock.wall() * 1000))
        response = await self.http.post(f"/rest{path}", params=signed, json=content, **options)
        assert response.status_code == 200
        return dict(response.json())

    async def submit(self, *elements: dict[str, Any], **options: Any) -> dict[str, Any]:
        """Return the answer to a documented submit."""
        return await self.call(SUBMIT, wrapped(*elements or (element(),)), **options)

    async def submitted(self, *elements: dict[str, Any], **options: Any) -> str:
        """Return the task id of a documented submit that must be accepted."""
        return str((await self.submit(*elements, **options))["data"]["result"]["taskId"])

    async def query(self, task_id: str, **options: Any) -> dict[str, Any]:
        """Return the answer to a query."""
        return await self.call(QUERY, {"taskId": task_id}, **options)

    async def control(self, name: str, content: Any = None) -> dict[str, Any]:
        """Return the answer of the control plane: GET without content, POST with."""
        method = "GET" if content is None else "POST"
        return dict((await self.http.request(method, f"/_sandbox/{name}", json=content)).json())


def bench(**settings: Any) -> Bench:
    """Return a bench with *settings*; durations are one second and equal unless told otherwise."""
    clock = HandClock()
    told = SandboxSettings(**{"duration": 1.0, "spread": 0.0, **settings})
    world = World(told, monotonic=clock.monotonic, wall=clock.wall)
    transport = httpx.ASGITransport(app=make_app(world))
    return Bench(world, clock, httpx.AsyncClient(transport=transport, base_url="http://sandbox.test"))


def quoted(query: dict[str, str]) -> str:
    """Return *query* as it stands in a URL."""
    return urlencode(query)
