"""
A program of the standard library alone buys pictures from the sandbox, in three encodings.

It stands for every program written for the real gateway: only host and key are changed. No httpx, no Pillow and none
of our code but the server that it talks to.
"""

import base64
import hashlib
import hmac
import http.client
import json
import struct
import time
import urllib.request
import zlib
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from aidge_async.sandbox.server import RunningSandbox, running_sandbox
from aidge_async.sandbox.settings import SandboxSettings

SUBMIT = "/ai/virtual/model/generation/batch"
QUERY = "/ai/virtual/model/generation/query"


def png(width: int, height: int) -> bytes:
    """Return a picture: somebody in blue before a light wall, as PNG."""
    rows = bytearray()
    for y in range(height):
        rows.append(0)
        for x in range(width):
            inside = width * 0.35 < x < width * 0.65 and y > height * 0.2
            rows += bytes((30, 60, 160) if inside else (210, 210, 205))

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def jpeg_size(content: bytes) -> tuple[int, int]:
    """Return width and height from a JPEG's frame header."""
    at = 2
    while True:
        marker, length = struct.unpack(">HH", content[at : at + 4])
        if 0xFFC0 <= marker <= 0xFFC3:
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            return width, height
        at += 2 + length


class Program:
    """What a merchant's script does, with `http.client` and `hmac`."""

    def __init__(self, url: str, key: str, secret: str) -> None:
        parts = urlsplit(url)
        self.connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        self.key, self.secret = key, secret

    def hmac(self, message: str) -> str:
        return hmac.new(self.secret.encode(), message.encode(), hashlib.sha256).hexdigest().upper()

    def v2(self) -> dict[str, str]:
        now = str(int(time.time() * 1000))
        return {
            "partner_id": "aidge",
            "sign_method": "sha256",
            "sign_ver": "v2",
            "app_key": self.key,
            "timestamp": now,
            "sign": self.hmac(self.secret + now),
        }

    def classic(self, path: str, business: dict[str, str]) -> dict[str, str]:
        system = {
            "partner_id": "iop-sdk-java-20181207",
            "sign_method": "sha256",
            "app_key": self.key,
            "timestamp": str(int(time.time() * 1000)),
        }
        named = {**system, **business}
        return {**system, "sign": self.hmac(path + "".join(name + named[name] for name in sorted(named)))}

    def send(self, method: str, path: str, query: dict[str, str], content: str = "", kind: str = "") -> dict[str, Any]:
        headers = {"Content-Type": kind} if kind else {}
        self.connection.request(method, f"/rest{path}?{urlencode(query)}", content or None, headers)
        response = self.connection.getresponse()
        assert response.status == 200
        assert response.getheader("Date")
        return dict(json.loads(response.read()))

    def submit_json(self, wish: dict[str, Any]) -> str:
        content = json.dumps({"requestParams": json.dumps([wish])})
        return str(self.send("POST", SUBMIT, self.v2(), content, "application/json")["data"]["result"]["taskId"])

    def submit_form(self, wish: dict[str, Any]) -> str:
        form = {"requestParams": json.dumps([wish])}
        kind = "application/x-www-form-urlencoded; charset=utf-8"
        answer = self.send("POST", SUBMIT, self.classic(SUBMIT, form), urlencode(form), kind)
        return str(answer["data"]["result"]["taskId"])

    def submit_flat(self, wish: dict[str, Any]) -> str:
        as_text = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in wish.items()}
        answer = self.send("POST", SUBMIT, self.v2(), json.dumps(as_text), "application/json")
        return str(answer["data"]["taskId"])

    def poll(self, task_id: str) -> list[dict[str, Any]]:
        """Ask by GET and by POST in turn until the task is finished."""
        for _ in range(1000):
            for answer in (
                self.send("GET", QUERY, {**self.v2(), "taskId": task_id}),
                self.send("POST", QUERY, self.v2(), json.dumps({"taskId": task_id}), "application/json"),
            ):
                assert answer["resCode"] == 200
                if answer["data"]["taskStatus"] == "finished":
                    return list(answer["data"]["taskResult"])
        raise AssertionError("still running")

    def close(self) -> None:
        self.connection.close()


def run(sandbox: RunningSandbox, encoding: str, wish: dict[str, Any]) -> list[tuple[tuple[int, int], bytes]]:
    """Return told size and content of every picture that one submit in that *encoding* gives."""
    program = Program(sandbox.url, sandbox.key_name, sandbox.key_secret)
    try:
        results = program.poll(getattr(program, f"submit_{encoding}")(wish))
    finally:
        program.close()
    pictures = []
    for result in results:
        link = urlsplit(result["url"])
        assert {"OSSAccessKeyId", "Expires", "Signature"} == {part.partition("=")[0] for part in link.query.split("&")}
        with urllib.request.urlopen(result["url"]) as response:
            assert response.headers["Content-Type"] == "image/jpeg"
            pictures.append(((result["width"], result["height"]), response.read()))
    return pictures


PICTURE = base64.b64encode(png(520, 780)).decode()
WISH = {"imageBase64": PICTURE, "imageStyle": "realPhoto", "bgStyle": "beach", "count": 2, "dimension": 512}


@pytest.mark.parametrize(
    ("encoding", "shape", "wish"),
    [
        ("json", "documented", {**WISH, "model": "universal_model_2", "maskKeepbg": False}),
        ("form", "documented", {**WISH, "model": "universal_model_2", "maskKeepbg": False}),
        ("flat", "flat", {**WISH, "model": "BLACK", "maskKeepBg": False}),
    ],
)
@pytest.mark.slow
def test_stdlib_program_gets_its_pictures(encoding: str, shape: Any, wish: dict[str, Any]) -> None:
    """Count, size and aspect are right, the pictures differ, and every encoding is the same wish."""
    with running_sandbox(SandboxSettings(duration=0.05, submit_shape=shape)) as sandbox:
        pictures = run(sandbox, encoding, wish)
        (accepted,) = sandbox.world.ledger()
    assert [size for size, _ in pictures] == [(512, 768), (512, 768)]
    assert [jpeg_size(content) for _, content in pictures] == [(512, 768), (512, 768)]
    assert pictures[0][1] != pictures[1][1]
    normal = {
        "age": None,
        "bgStyle": "beach",
        "count": 2,
        "dimension": 512,
        "gender": None,
        "image": f"sha256:{hashlib.sha256(base64.b64decode(PICTURE)).hexdigest()}",
        "imageStyle": "realPhoto",
        "maskKeepbg": False,
        "model": "universal_model_2",
    }
    text = json.dumps(normal, separators=(",", ":"), sort_keys=True)
    assert accepted["fingerprint"] == hashlib.sha256(text.encode()).hexdigest()


def test_refusals_are_read_by_the_program_too() -> None:
    """A wrong key and a wrong field come back in the layer that judged them."""
    with running_sandbox() as sandbox:
        stranger = Program(sandbox.url, "stranger", sandbox.key_secret)
        assert stranger.send("GET", QUERY, {**stranger.v2(), "taskId": "x"})["code"] == "InvalidAppKey"
        stranger.close()
        owner = Program(sandbox.url, sandbox.key_name, sandbox.key_secret)
        content = json.dumps({"requestParams": json.dumps([{**WISH, "model": "nobody"}])})
        answer = owner.send("POST", SUBMIT, owner.v2(), content, "application/json")
        owner.close()
    assert (answer["code"], answer["resCode"]) == ("0", 700)
    assert "requestParams[0].model must be one of" in answer["resMessage"]
