"""What all tests share: both event loops, a sandbox on a socket, and a photograph."""

import io
import signal
from collections.abc import Iterator
from importlib.util import find_spec

import pytest
from hypothesis import HealthCheck, settings
from PIL import Image, ImageDraw

from aidge_async.sandbox.server import RunningSandbox, running_sandbox
from aidge_async.sandbox.settings import SandboxSettings

# How long an example takes is the machine's matter, which may be busy.
settings.register_profile("ours", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ours")

# A shell's background job ignores Ctrl-C, and so would every process that a test starts to send it one.
signal.signal(signal.SIGINT, signal.default_int_handler)

# By what the extra `web-tests` brings: the tests that need it. Without it they are not collected, which is said above
# all others; `.ci/run` looks that it is there.
_WEB_TESTS = {
    "playwright": ["integrations/test_page*.py"],
    "schemathesis": ["integrations/test_openapi.py"],
    "fastapi": ["integrations/test_backend_load.py", "integrations/test_readme_backends.py"],
    "litestar": ["integrations/test_readme_backends.py"],
}
_MISSING = [name for name in _WEB_TESTS if find_spec(name) is None]
collect_ignore_glob = [path for name in _MISSING for path in _WEB_TESTS[name]]


def pytest_report_header() -> list[str]:
    """Say which tests are left out for want of a package."""
    left_out = ", ".join(sorted(set(collect_ignore_glob)))
    return [f"left out, install '.[dev,web-tests]' for them: {left_out}"] if left_out else []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give slow tests ten minutes each: a busy machine must not fail one that only a test that hangs would."""
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(600))


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
