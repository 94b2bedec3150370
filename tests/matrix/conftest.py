"""What all rows share: the marker, their own time limit, one event loop unless they run both, and the score."""

from pathlib import Path

import pytest

from tests.matrix.scoring import full, pytest_pyfunc_call, score

__all__ = ["anyio_backend", "full", "pytest_pyfunc_call", "score"]

_HERE = Path(__file__).parent
_LONGEST = 3600.0  # seconds; a row that hangs must not take the others with it


@pytest.hookimpl(tryfirst=True)  # before pytest leaves out what the markers do not ask for
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Make every test in this folder a row of the matrix."""
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.matrix)
            item.add_marker(pytest.mark.timeout(_LONGEST))


@pytest.fixture
def anyio_backend() -> str:
    """Run an async row once: one pytest id a row. A row about both event loops runs them itself."""
    return "asyncio"
