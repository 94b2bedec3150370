"""A submit's deadline bounds every wait before it leaves, in virtual time."""

from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from aidge_async import AidgeClient, DeadlineError, ModelAlternation
from aidge_async._io import images
from tests.engine.durable import inline
from tests.support import URL_REQUEST, ScriptedGateway, accepted


async def missed(aidge: AidgeClient, request: ModelAlternation, words: str) -> DeadlineError:
    """Submit with a deadline of 5 s, and hold that it is kept."""
    began = anyio.current_time()
    with pytest.raises(DeadlineError, match=words) as caught:
        await aidge.submit(request, key="sku-1", deadline=5)
    assert anyio.current_time() - began == pytest.approx(5, abs=0.5)
    return caught.value


async def test_deadline_holds_behind_another_caller_of_the_key() -> None:
    """Who waits for the caller of the same key before it gives up in time, and that one is not disturbed."""
    gateway = ScriptedGateway(submits=[30.0, accepted("task-1")])
    async with gateway.client() as aidge, anyio.create_task_group() as group:
        group.start_soon(lambda: aidge.submit(URL_REQUEST, key="sku-1"))
        await anyio.sleep(1)
        error = await missed(aidge, URL_REQUEST, "another caller submits under the same key")
        assert (error.key, error.billable, error.resend_safe) == ("sku-1", "no", True)
        assert (await aidge.submit(URL_REQUEST, key="sku-1")).task_id == "task-1"
    assert len(gateway.posted) == 1


async def test_deadline_holds_while_memory_is_full(
    photo: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits for the room that its picture needs gives up in time, too."""
    monkeypatch.setattr(anyio.to_thread, "run_sync", inline)
    monkeypatch.setattr(images, "_MOST_BYTES_AT_ONCE", len(photo) + 1)
    look = tmp_path / "look.jpg"
    look.write_bytes(photo)
    request = ModelAlternation(image=look, model="universal_model_1")
    gateway = ScriptedGateway(submits=[30.0, accepted("task-1"), accepted("task-2")])
    async with gateway.client() as aidge, anyio.create_task_group() as group:
        group.start_soon(lambda: aidge.submit(request))
        await anyio.sleep(1)
        error = await missed(aidge, request, "its picture waited for room in memory")
        assert (error.billable, error.resend_safe) == ("no", True)
        assert (await aidge.submit(request, key="sku-1")).task_id == "task-2"
    assert len(gateway.posted) == 2
