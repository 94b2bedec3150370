"""What all tests share: both event loops, a sandbox on a socket, and a photograph."""

import io
from collections.abc import Iterator

import pytest
from PIL import Image, ImageDraw

from aidge_async.sandbox.server import RunningSandbox, running_sandbox
from aidge_async.sandbox.settings import SandboxSettings


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Run every async test on both event loops."""
    return str(request.param)


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    """Run a sandbox on a loopback socket whose tasks are done at once."""
    with running_sandbox(SandboxSettings(duration=0.001)) as running:
        yield running


def draw_photo(width: int = 600, height: int = 800, kind: str = "JPEG", shade: int = 0) -> bytes:
    """Return a small picture of somebody in a red shirt."""
    image = Image.new("RGB", (width, height), (205, 215, 225))
    pen = ImageDraw.Draw(image)
    pen.ellipse((width * 0.4, height * 0.1, width * 0.6, height * 0.3), fill=(225, 185, 155))
    pen.rectangle((width * 0.3, height * 0.3, width * 0.7, height * 0.9), fill=(150, 30 + shade % 200, 60))
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def photo() -> bytes:
    """Return a JPEG that the gateway takes."""
    return draw_photo()
