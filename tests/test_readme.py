"""README's examples run as they stand there."""

import re
from pathlib import Path
from typing import Any

import anyio
import pytest

from aidge_async import DeadlineError, Polling
from aidge_async.sandbox.server import RunningSandbox
from aidge_async.sandbox.settings import SandboxSettings
from aidge_async.testing import SocketSandbox
from aidge_async.testing.clock import virtual_backend
from tests.support import virtual_sandbox

README = Path(__file__).parent.parent / "README.md"


def blocks() -> list[str]:
    """Return README's blocks of Python."""
    return re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)


def example(name: str) -> dict[str, Any]:
    """Return the names that README's Python block with the function *name* defines."""
    source = next(block for block in blocks() if f"def {name}(" in block)
    names: dict[str, Any] = {}
    exec(compile(source, str(README), "exec"), names)
    return names


@pytest.mark.slow
@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # real seconds pass; the next test runs on both loops
async def test_one_await_saves_the_pictures(
    sandbox: RunningSandbox, photo: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first example buys two pictures and saves them, configured by the environment alone."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIDGE_ACCESS_KEY_NAME", sandbox.key_name)
    monkeypatch.setenv("AIDGE_ACCESS_KEY_SECRET", sandbox.key_secret)
    monkeypatch.setenv("AIDGE_BASE_URL", sandbox.url)
    await anyio.Path("look.jpg").write_bytes(photo)
    await example("main")["main"]()
    assert len(list((tmp_path / "out").glob("look-*.jpg"))) == 2


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_token_finishes_elsewhere(backend: str, photo: bytes) -> None:
    """The handle's example submits under a key, and its token brings the pictures or the time-out's token."""

    async def story() -> None:
        world, client = virtual_sandbox(SandboxSettings(duration=70, spread=0))
        names = example("finish")
        async with client as aidge:
            token = await names["submit"](aidge, photo)
            assert await names["submit"](aidge, photo) == token
            with pytest.raises(DeadlineError):
                await names["finish"](aidge, token)
            await names["watch"](aidge, token)
            assert await names["finish"](aidge, token) == 2
        assert len(world.ledger()) == 1

    name, options = virtual_backend(backend)
    anyio.run(story, backend=name, backend_options=options)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # pictures are saved in threads, in real time
async def test_catalogue_tells_each_outcome(photo: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The batch's example saves what succeeds and names what does not."""
    (tmp_path / "look.jpg").write_bytes(photo)
    (tmp_path / "text.jpg").write_text("no picture")
    with SocketSandbox.run(SandboxSettings(duration=0)) as sandbox:
        async with sandbox.client(polling=Polling.every(1)) as aidge:
            photos = [tmp_path / "look.jpg", tmp_path / "text.jpg"]
            await example("catalogue")["catalogue"](aidge, photos, tmp_path / "out")
    told = capsys.readouterr().out
    assert "look saved: " in told
    assert "text not bought: " in told
    assert "BatchStatistics(total=None, drawn=2" in told
    assert len(list((tmp_path / "out").iterdir())) == 2
