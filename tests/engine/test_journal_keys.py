"""What a journal that outlives its process changes for batches and single calls."""

from pathlib import Path

import anyio
import httpx
import pytest

from aidge_async import (
    AidgeClient,
    BudgetError,
    JournalError,
    Limits,
    ModelAlternation,
    NotSubmitted,
    Polling,
    Succeeded,
    Unfinished,
)
from aidge_async._io.sqlite_reader import read_journal
from aidge_async.events import Event, PictureSaved
from aidge_async.sandbox import SandboxSettings
from aidge_async.testing import SocketSandbox

FREE = Limits(submit_rate=None, query_rate=None)


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Run every test on both event loops, in real time: a thread writes the journal."""
    return str(request.param)


def look(number: int) -> ModelAlternation:
    """Return a request unlike all others."""
    return ModelAlternation(image=f"https://example.com/{number}.jpg", model="universal_model_1", count=1)


@pytest.mark.slow
async def test_batch_run_again_buys_nothing_twice(tmp_path: Path) -> None:
    """Equal requests are one purchase for a batch with a journal; `submit` without a key still buys."""
    requests = [look(number) for number in range(5)]
    with SocketSandbox.run(SandboxSettings(duration=0)) as sandbox:
        for _ in range(2):
            async with sandbox.client(limits=FREE, polling=Polling.every(1), journal=tmp_path / "shop.db") as aidge:
                async with aidge.batch([*requests, requests[0]]) as outcomes:
                    seen = [outcome async for outcome in outcomes]
                assert [type(outcome) for outcome in seen] == [Succeeded] * 6
                assert len({outcome.key for outcome in seen}) == 5
        assert len(sandbox.ledger()) == 5
        async with sandbox.client(limits=FREE, journal=tmp_path / "shop.db") as aidge:
            await aidge.submit(requests[0])
        assert len(sandbox.ledger()) == 6


@pytest.mark.slow
async def test_budget_holds_across_clients(tmp_path: Path) -> None:
    """What earlier runs bought counts; the batch stops drawing."""
    with SocketSandbox.run(SandboxSettings(duration=0)) as sandbox:
        for bought in (3, 3):
            async with (
                sandbox.client(limits=FREE, polling=Polling.every(1), journal=tmp_path / "shop.db", budget=3) as aidge,
                aidge.batch(look(number) for number in range(100)) as outcomes,
            ):
                seen = [outcome async for outcome in outcomes]
            assert sum(isinstance(outcome, Succeeded) for outcome in seen) == bought
            assert len(seen) < 60
            errors = [outcome.error for outcome in seen if isinstance(outcome, NotSubmitted)]
            assert any(isinstance(error, BudgetError) for error in errors)
        assert len(sandbox.ledger()) == 3


async def test_journal_that_cannot_be_used_is_said_before_anything_is_sent(tmp_path: Path) -> None:
    """The client does not open, and it can be tried again when the cause is mended."""
    (tmp_path / "shop.db").write_text("this is no journal, it is a shopping list" * 50)
    with SocketSandbox.run(SandboxSettings(duration=0)) as sandbox:
        client = sandbox.client(journal=tmp_path / "shop.db")
        with pytest.raises(JournalError, match=r"shop\.db"):
            await client.__aenter__()
        (tmp_path / "shop.db").unlink()
        async with client as aidge:
            assert (await aidge.submit(look(1), key="sku-1")).task_id
        assert len(sandbox.ledger()) == 1


async def test_journal_of_another_account_is_refused(tmp_path: Path) -> None:
    """Its keys name tasks that this account cannot resume; on trial or at another address it is the same account."""
    journal = tmp_path / "shop.db"
    with SocketSandbox.run(SandboxSettings(duration=0)) as sandbox:
        async with sandbox.client(journal=journal) as aidge:
            handle = await aidge.submit(look(1), key="sku-1")
        other = AidgeClient("made-up-other", "made-up-secret", base_url=sandbox.url, journal=journal)
        with pytest.raises(JournalError, match="name another file") as caught:
            await other.__aenter__()
        assert aidge.settings.account in str(caught.value)
        assert other.settings.account in str(caught.value)
        elsewhere = sandbox.client(journal=journal, trial=True, base_url=sandbox.url.replace("127.0.0.1", "localhost"))
        async with elsewhere as aidge:
            assert (await aidge.submit(look(1), key="sku-1")).token == handle.token
        assert len(sandbox.ledger()) == 1


@pytest.mark.slow
async def test_pictures_that_could_not_be_saved_are_saved_by_the_next_client(tmp_path: Path) -> None:
    """What is paid and was not saved when its process ended is saved where it was meant to be, at no further price."""
    nowhere = httpx.MockTransport(lambda _: httpx.Response(403))
    journal, out = tmp_path / "shop.db", tmp_path / "out"
    with SocketSandbox.run(SandboxSettings(duration=0)) as sandbox:
        async with (
            sandbox.client(limits=FREE, polling=Polling.every(1), journal=journal, download_transport=nowhere) as aidge,
            aidge.batch([look(1)], save_to=out) as outcomes,
        ):
            assert [type(outcome) async for outcome in outcomes] == [Unfinished]
        saved = anyio.Event()

        def observe(event: Event) -> None:
            if isinstance(event, PictureSaved):
                saved.set()

        async with sandbox.client(limits=FREE, polling=Polling.every(1), journal=journal, observers=[observe]) as aidge:
            with anyio.fail_after(20):
                await saved.wait()
            assert await aidge.drain(20) == ()
        assert len(list(out.iterdir())) == len(sandbox.ledger()) == 1
    with read_journal(journal) as reader:
        assert [entry.saved_at is not None for entry in reader.entries()] == [True]
