"""`task`: going on with a task by its token."""

from pathlib import Path

import anyio
import pytest

from aidge_async import AidgeClient, ModelAlternation
from aidge_async.cli import errands
from aidge_async.sandbox.server import RunningSandbox
from tests.cli.support import typed


async def _bought(running: RunningSandbox) -> str:
    async with AidgeClient(running.key_name, running.key_secret, base_url=running.url) as client:
        request = ModelAlternation(image="http://example.com/a.jpg", model="universal_model_1")
        return (await client.submit(request)).token


@pytest.fixture
def token(account: RunningSandbox) -> str:
    """Return the token of a task that is done."""
    return anyio.run(_bought, account)


def test_task_without_a_folder_reports_and_saves_nothing(
    token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `--out` the outcome is told and no file is written."""
    monkeypatch.chdir(tmp_path)
    said = typed("task", token, "--json")
    (line,) = said.lines
    assert (said.code, line["outcome"], line["path"], line["token"]) == (0, "succeeded", None, token)
    assert list(tmp_path.iterdir()) == []
    assert typed("task", token).sentence.endswith("succeeded with 2 pictures; save them with --out DIR")


def test_task_of_another_account_is_refused(token: str) -> None:
    """A token is gone on with by its own account only."""
    said = typed("task", token, "--key-name", "made-up-other")
    assert (said.code, said.sentence.startswith("TOKEN belongs to another account or region")) == (2, True)


@pytest.mark.slow
def test_task_at_a_closed_port_is_given_up_soon(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no answer comes at all the task is unfinished, exit 3, long before its deadline."""
    monkeypatch.setattr(errands, "UNREACHABLE", 0.5)
    said = typed("task", token, "--base-url", "http://127.0.0.1:9")
    told, command = said.err.splitlines()
    assert said.code == 3
    assert "unfinished: a query got no answer (ConnectError" in told
    assert command == f"  aidge-async task {token} --base-url http://127.0.0.1:9"
