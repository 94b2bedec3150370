"""What the sandbox's tests share: a bench a test, cleaned up behind it."""

from collections.abc import AsyncIterator

import pytest

from tests.sandbox.by_hand import Bench, bench


@pytest.fixture
async def plain(anyio_backend: str) -> AsyncIterator[Bench]:  # noqa: ARG001  the event loop it runs on
    """Give a bench with default settings."""
    made = bench()
    with made.world:
        async with made.http:
            yield made
