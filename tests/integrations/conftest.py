"""What tests of the web integration share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integrations.support import Backend, backend_in


@pytest.fixture
async def backend(tmp_path: Path) -> AsyncIterator[Backend]:
    """Run an application with two principals."""
    async with backend_in(tmp_path) as running:
        yield running
