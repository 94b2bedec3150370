"""
The pytest plugin: fixtures for whoever tests code of their own against a sandbox.

Nothing is loaded before a fixture is asked for, so that a test run which asks for none pays nothing.
"""

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from aidge_async import AidgeClient
    from aidge_async.testing import InProcessSandbox, SocketSandbox  # loaded by the fixtures, see above


@pytest.fixture
def aidge_sandbox() -> "InProcessSandbox":
    """Return a sandbox in this process, without a socket; its tasks take 20 s, in virtual time none."""
    from aidge_async.testing.sandboxes import InProcessSandbox

    return InProcessSandbox()


@pytest.fixture
def aidge_server() -> Iterator["SocketSandbox"]:
    """Run a sandbox on a loopback socket whose tasks are done at once."""
    from aidge_async.sandbox.settings import SandboxSettings
    from aidge_async.testing.sandboxes import SocketSandbox

    with SocketSandbox.run(SandboxSettings(duration=0, spread=0)) as sandbox:
        yield sandbox


@pytest.fixture
async def aidge(aidge_sandbox: "InProcessSandbox") -> AsyncIterator["AidgeClient"]:
    """Open a client of `aidge_sandbox`; for tests that anyio's plugin runs."""
    async with aidge_sandbox.client() as client:
        yield client
