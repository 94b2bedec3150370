"""What the tests of the command line share: a sandbox, an account on it, and a photograph."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aidge_async.cli.options import JOURNAL_VARIABLE
from aidge_async.config import VARIABLES
from aidge_async.sandbox.server import RunningSandbox
from tests.cli.support import sandbox_of
from tests.conftest import draw_photo

Use = Callable[[RunningSandbox], None]


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away whatever the machine has set."""
    for variable in VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.delenv(JOURNAL_VARIABLE, raising=False)


@pytest.fixture(scope="session")
def quick() -> Iterator[RunningSandbox]:
    """Run one sandbox for all tests that do not change it; its tasks are done at once."""
    with sandbox_of() as running:
        yield running


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Use:
    """Return a function that sets the environment to a sandbox."""

    def setter(running: RunningSandbox) -> None:
        monkeypatch.setenv("AIDGE_BASE_URL", running.url)
        monkeypatch.setenv("AIDGE_ACCESS_KEY_NAME", running.key_name)
        monkeypatch.setenv("AIDGE_ACCESS_KEY_SECRET", running.key_secret)

    return setter


@pytest.fixture
def account(quick: RunningSandbox, use: Use) -> RunningSandbox:
    """Set the environment to the common sandbox, and return it."""
    use(quick)
    return quick


@pytest.fixture
def look(tmp_path: Path) -> Path:
    """Return the file of a photograph that the gateway takes."""
    path = tmp_path / "look.jpg"
    path.write_bytes(draw_photo())
    return path


@pytest.fixture
def note(tmp_path: Path) -> Path:
    """Return a file that is no picture."""
    path = tmp_path / "note.txt"
    path.write_text("no picture")
    return path
