"""Opening and closing a client: what goes wrong there leaves nothing behind."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from aidge_async import AidgeClient, DeadlineError, SettingsError
from aidge_async.events import Event, TaskAccepted
from tests.io.journals import names
from tests.support import KEY_NAME, KEY_SECRET, URL_REQUEST, ScriptedGateway, running


@pytest.mark.parametrize("budget", ["200", -1, True, 1.5])
async def test_budget_that_is_no_count_is_refused(budget: Any) -> None:
    """Before anything can be sent; a text would let the first submit fail, and `True` would buy one picture."""
    with pytest.raises(SettingsError, match="'budget' must be a whole number of pictures from 0"):
        async with AidgeClient(KEY_NAME, KEY_SECRET, budget=budget):
            pass


@pytest.mark.parametrize("options", [{"journal": 5}, {"limits": 5}, {"observers": 5}])
async def test_option_of_a_wrong_kind_leaves_no_task_group(options: dict[str, Any]) -> None:
    """It is told as what it is, and the caller's own task groups go on working."""
    for _ in range(2):
        async with anyio.create_task_group() as group:
            with pytest.raises((TypeError, AttributeError)):
                async with AidgeClient(KEY_NAME, KEY_SECRET, **options):
                    pass
            group.start_soon(anyio.lowlevel.checkpoint)


FIRST_CALL = """
import sys, anyio
from aidge_async import AidgeClient, AidgeError, Deadlines, ModelAlternation

async def main():
    quick = Deadlines(unreachable=0.1)
    async with AidgeClient("made-up", "made-up", base_url="http://127.0.0.1:9", deadlines=quick) as aidge:
        before = set(sys.modules)
        try:
            await aidge.submit(ModelAlternation(image="https://example.com/a.jpg", model="universal_model_1"))
        except AidgeError:
            print(*sorted({name.partition(".")[0] for name in set(sys.modules) - before}))

anyio.run(main)
"""


@pytest.mark.slow
def test_first_call_loads_no_library() -> None:
    """That would hold the event loop of a server that is up already; opening a client may take its time."""
    done = subprocess.run([sys.executable, "-c", FIRST_CALL], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {"anyio", "asyncio", "encodings", "stringprep"}


async def test_bug_in_the_background_leaves_no_journal_open(tmp_path: Path) -> None:
    """Its exception comes out, and the journal is left to others all the same."""

    async def bug() -> None:
        raise RuntimeError("made-up bug")

    async def use() -> None:
        async with ScriptedGateway().client(journal=tmp_path / "journal") as aidge:
            aidge._open()._group.start_soon(bug)
            await anyio.sleep_forever()

    with pytest.raises(ExceptionGroup) as caught:
        await use()
    assert caught.group_contains(RuntimeError, match="made-up bug")
    assert names(tmp_path, "*-owner-*") == []


async def test_run_that_outlives_its_client_is_told_its_token() -> None:
    """It is not cancelled: its caller may be another request's handler, which has to answer something."""
    gateway = ScriptedGateway(queries=[running("task-1")])
    async with anyio.create_task_group() as group:
        known = anyio.Event()

        def note(event: Event) -> None:
            if isinstance(event, TaskAccepted):
                known.set()

        async def run() -> None:
            with pytest.raises(DeadlineError, match="its client was closed") as caught:
                await aidge.run(URL_REQUEST)
            assert caught.value.token is not None

        async with gateway.client(observers=[note]) as aidge:
            group.start_soon(run)
            await known.wait()
            await anyio.wait_all_tasks_blocked()
    assert aidge.unclaimed == ()
