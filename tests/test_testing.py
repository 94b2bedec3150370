"""The tools we give to testers: sandboxes with faults, in the process and on a socket, and virtual time."""

import re
from pathlib import Path
from typing import Any

import pytest

from aidge_async import (
    AidgeClient,
    Deadlines,
    DownloadError,
    InvalidInputError,
    ModelAlternation,
    SubmissionInDoubtError,
)
from aidge_async.sandbox import SandboxError, SandboxSettings
from aidge_async.testing import InProcessSandbox, SocketSandbox, virtual_backend
from tests.support import URL_REQUEST

README = Path(__file__).parent.parent / "README.md"


@pytest.mark.slow
async def test_sandbox_without_a_socket_serves_the_whole_way(tmp_path: Path, photo: bytes) -> None:
    """Submit, query and download need no socket, on either loop."""
    sandbox = InProcessSandbox(SandboxSettings(duration=0, spread=0))
    async with sandbox.client() as aidge:
        handle = await aidge.submit(ModelAlternation(image=photo, model="universal_model_1", count=1))
        await handle.status()
        paths = await aidge.save(await handle, tmp_path)
    assert len(paths) == len(sandbox.ledger()) == 1
    assert sandbox.statistics()


@pytest.mark.parametrize("how", ["reset", "close"])
@pytest.mark.slow
async def test_lost_answer_without_a_socket_is_lost(how: str) -> None:
    """A fault below HTTP is the error that httpx raises for it, and the ledger tells the truth."""
    sandbox = InProcessSandbox()
    sandbox.fault("submit", "accept_then_drop", next=1, how=how)
    async with sandbox.client() as aidge:
        with pytest.raises(SubmissionInDoubtError):
            await aidge.submit(URL_REQUEST)
        await aidge.submit(URL_REQUEST)
    assert len(sandbox.ledger()) == 2


async def test_faults_are_cleared(aidge_sandbox: InProcessSandbox) -> None:
    """After `clear_faults` nothing is broken."""
    aidge_sandbox.fault("any", "business_code", code="700", message="made up")
    aidge_sandbox.clear_faults()
    async with aidge_sandbox.client() as aidge:
        await aidge.submit(URL_REQUEST)


async def test_wrong_fault_is_one_sentence(aidge_sandbox: InProcessSandbox) -> None:
    """A misspelt kind changes nothing and says so."""
    with pytest.raises(SandboxError, match="accept_then_dorp"):
        aidge_sandbox.fault("submit", "accept_then_dorp")


async def test_client_fixture_is_open(aidge: AidgeClient, aidge_sandbox: InProcessSandbox) -> None:
    """`aidge` is a client of `aidge_sandbox`."""
    handle = await aidge.submit(URL_REQUEST)
    assert [line["task_id"] for line in aidge_sandbox.ledger()] == [handle.task_id]


async def test_server_fixture_is_a_socket(aidge_server: SocketSandbox) -> None:
    """Programs in any language may call it; its environment configures our own client."""
    aidge_server.fault("submit", "business_code", code="700", message="made up", next=1)
    async with AidgeClient.from_env(aidge_server.environment()) as aidge:
        with pytest.raises(InvalidInputError, match="made up"):
            await aidge.submit(URL_REQUEST)
        await aidge.submit(URL_REQUEST)
    assert len(aidge_server.ledger()) == 1


async def test_failed_link_is_asked_for_once_more(tmp_path: Path) -> None:
    """An expired link is replaced by a fresh one; a storage that stays broken is an error with the token."""
    sandbox = InProcessSandbox(SandboxSettings(duration=0, spread=0))
    request = ModelAlternation(image="https://example.com/a.jpg", model="universal_model_1", count=1)
    async with sandbox.client(deadlines=Deadlines(query=5)) as aidge:
        handle = await aidge.submit(request)
        await handle.status()
        result = await handle
        sandbox.fault("object", "expired_link", next=1)
        assert len(await aidge.save(result, tmp_path)) == 1
        sandbox.fault("object", "expired_link")
        with pytest.raises(DownloadError, match="HTTP 403") as caught:
            await aidge.save(result, tmp_path / "again")
    assert caught.value.token == handle.token
    assert list((tmp_path / "again").iterdir()) == []


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_virtual_time_is_what_the_backend_takes(backend: str) -> None:
    """`virtual_backend` gives a name and options as anyio takes them."""
    name, options = virtual_backend(backend)
    assert name == backend
    assert options


@pytest.mark.slow
def test_readmes_example_of_a_users_own_tests_runs(pytester: Any) -> None:
    """The whole example of README is a test module that passes where the extra is installed."""
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    pytester.makepyfile(test_shop=next(block for block in blocks if "aidge_sandbox" in block))
    pytester.makeini("[pytest]\nanyio_mode = auto\n")
    pytester.runpytest_subprocess("-p", "no:randomly").assert_outcomes(passed=4)
