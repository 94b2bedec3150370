"""`imageUrl`: fetched from this machine only, stood in for otherwise."""

import contextlib
import http.server
import io
import socket
import threading
from collections.abc import Iterator

import pytest
from PIL import Image

from aidge_async.sandbox import fetching
from aidge_async.sandbox.fetching import is_fetchable
from tests.sandbox.by_hand import Bench, element, photo

pytestmark = pytest.mark.anyio

HUGE = b"\xff\xd8\xff" + bytes(6 * 1024 * 1024)


class _Shelf(http.server.BaseHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        kinds = {"/look.jpg": photo(600, 900), "/small.png": photo(300, 300, "PNG"), "/huge.jpg": HUGE}
        content = kinds.get(self.path, b"")
        self.send_response(302 if self.path == "/moved" else 200 if content else 404)
        self.send_header("location", "/look.jpg")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def shelf() -> Iterator[tuple[str, list[str]]]:
    """Serve pictures on loopback, and tell what was asked for."""
    asked: list[str] = []
    handler = type("Shelf", (_Shelf,), {"asked": asked})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()
        thread.join()


def by_url(url: str, **changes: object) -> dict[str, object]:
    """Return one good element whose picture lies at *url*."""
    return element(imageBase64=None, imageUrl=url, **changes)


async def test_loopback_pictures_are_fetched(plain: Bench, shelf: tuple[str, list[str]]) -> None:
    """The result has the aspect of the picture that lies at the URL."""
    origin, asked = shelf
    task_id = await plain.submitted(by_url(f"{origin}/look.jpg", dimension=512))
    plain.clock.advance(1)
    assert asked == ["/look.jpg"]
    result = (await plain.query(task_id))["data"]["taskResult"][0]
    assert (result["width"], result["height"]) == (512, 768)


async def test_fetched_pictures_are_known_by_their_url(plain: Bench, shelf: tuple[str, list[str]]) -> None:
    """The fingerprint of a submit by URL is over the URL, fetched or not."""
    origin, _ = shelf
    await plain.submitted(by_url(f"{origin}/look.jpg"))
    await plain.submitted(by_url(f"{origin}/look.jpg"))
    first, second = plain.world.ledger()
    assert first["fingerprint"] == second["fingerprint"]


@pytest.mark.parametrize(
    ("path", "code", "rule"),
    [
        ("/nothing", 701, "imageUrl could not be fetched: HTTP 404"),
        ("/moved", 701, "imageUrl could not be fetched: HTTP 302"),
        ("/small.png", 700, "requestParams[0].imageUrl leads to a picture that must have more than 512x512"),
        ("/huge.jpg", 700, "must weigh at most 4 MB (got 6291459 bytes)"),
    ],
)
async def test_what_is_fetched_is_judged(
    plain: Bench, shelf: tuple[str, list[str]], path: str, code: int, rule: str
) -> None:
    """What lies at the URL is judged before the submit is accepted; redirects are not followed."""
    origin, asked = shelf
    answer = await plain.submit(by_url(origin + path))
    assert answer["resCode"] == code
    assert rule in answer["resMessage"]
    assert asked == [path]
    assert plain.world.ledger() == []


async def test_silent_loopback_is_not_fetched(plain: Bench) -> None:
    """A port where nobody listens is a picture that could not be fetched."""
    answer = await plain.submit(by_url("http://127.0.0.1:1/look.jpg"))
    assert (answer["resCode"], "ConnectError" in answer["resMessage"]) == (701, True)


@pytest.mark.parametrize(
    ("url", "fetched"),
    [
        ("http://127.0.0.1/a", True),
        ("http://127.9.9.9:81/a", True),
        ("https://LOCALHOST:8443/a", True),
        ("http://[::1]/a", True),
        ("http://example.org/a", False),
        ("http://10.0.0.1/a", False),
        ("http://169.254.169.254/latest/meta-data", False),
        ("http://127.0.0.1.example.org/a", False),
        ("http://2130706433/a", False),
        ("http://0x7f.1/a", False),
        ("http://0.0.0.0/a", False),
        ("http://[::ffff:127.0.0.1]/a", False),
        ("http://127.0.0.1@example.org/a", False),
        ("http://localhost.example.org/a", False),
    ],
)
def test_only_literal_loopback_is_fetched(url: str, fetched: bool) -> None:
    """No other way of writing an address makes the sandbox reach out."""
    assert is_fetchable(url) is fetched


@pytest.mark.slow
async def test_other_urls_are_never_contacted(plain: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a URL elsewhere a stand-in is drawn, always the same, and nothing is opened."""

    async def fail(_: str) -> bytes:
        raise AssertionError("contacted")

    monkeypatch.setattr(fetching, "fetch", fail)
    monkeypatch.setattr("aidge_async.sandbox.front.fetch", fail)
    sizes = []
    for _ in range(2):
        task_id = await plain.submitted(by_url("https://shop.example/look.jpg", count=1, dimension=512))
        plain.clock.advance(1)
        (result,) = (await plain.query(task_id))["data"]["taskResult"]
        drawn = Image.open(io.BytesIO((await plain.http.get(result["url"])).content))
        assert drawn.size == (result["width"], result["height"])
        sizes.append(drawn.size)
    assert sizes[0] == sizes[1]


async def test_silence_is_not_waited_for(plain: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loopback server that never answers is given up."""
    monkeypatch.setattr(fetching, "_PATIENCE", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        answer = await plain.submit(by_url(f"http://127.0.0.1:{silent.getsockname()[1]}/look.jpg"))
    assert answer["resCode"] == 701
