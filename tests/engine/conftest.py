"""The engine is tested in virtual time."""

from typing import Any

import pytest

from aidge_async.testing import virtual_backend


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Run every test on both event loops, in virtual time."""
    return virtual_backend(request.param)
