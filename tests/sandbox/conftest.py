"""What the sandbox's tests share: a bench a test, cleaned up behind it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from aidge_async.sandbox import gallery
from aidge_async.sandbox.commission import Commission
from aidge_async.sandbox.server import running_sandbox
from aidge_async.sandbox.settings import SandboxSettings
from tests.sandbox.by_hand import Bench, bench
from tests.sandbox.faulty import PICTURE, Scene, peer_of


@pytest.fixture
async def plain(anyio_backend: str) -> AsyncIterator[Bench]:  # noqa: ARG001  the event loop it runs on
    """Give a bench with default settings."""
    made = bench()
    with made.world:
        async with made.http:
            yield made


@pytest.fixture
def quick_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the same few bytes for every picture, for tests of how they travel."""

    def draw(ordered: Commission, _: bytes | None) -> tuple[bytes, ...]:
        return (PICTURE,) * ordered.count

    monkeypatch.setattr(gallery, "draw", draw)


@pytest.fixture
def scene(caplog: pytest.LogCaptureFixture, quick_pictures: None) -> Iterator[Scene]:  # noqa: ARG001  it patches
    """Run a sandbox whose tasks are done at once; when it has stopped, the server must have logged nothing."""
    with running_sandbox(SandboxSettings(duration=0)) as running:
        yield Scene(running, peer_of(running))
    assert [record.getMessage() for record in caplog.records if record.name.startswith("uvicorn")] == []
