"""Starts processes that buy, kills them, and listens to what they say."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from aidge_async.sandbox.server import RunningSandbox

ROOT = Path(__file__).parents[2]
_PATIENCE = 60.0  # seconds in which a child must end where nobody kills it


class Child:
    """One that was started."""

    def __init__(self, sandbox: RunningSandbox, folder: Path, items: int, module: str) -> None:
        command = [sys.executable, "-m", module, json.dumps(sandbox.announcement())]
        self._process = subprocess.Popen(
            [*command, str(folder), str(items)], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )

    def begun(self) -> None:
        """Wait until it begins to work; what it does before has no effect on anything."""
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "begun\n"

    def ended_within(self, seconds: float) -> bool:
        """Wait so long, and return whether it has ended by itself."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.poll() is not None

    def outcomes(self) -> dict[str, int]:
        """Wait for its end, and return what became of its batch."""
        said, _ = self._process.communicate(timeout=_PATIENCE)
        assert self._process.returncode == 0
        outcomes: dict[str, int] = json.loads(said.splitlines()[-1])
        return outcomes

    def kill(self) -> list[str]:
        """End it with SIGKILL, wherever it stands, and return what it had said since it began."""
        self._process.kill()
        said, _ = self._process.communicate(timeout=_PATIENCE)
        return said.splitlines()


@contextlib.contextmanager
def child(sandbox: RunningSandbox, folder: Path, items: int, module: str = "tests.crash.child") -> Iterator[Child]:
    """Run one, and end it at the latest with the block."""
    running = Child(sandbox, folder, items, module)
    try:
        yield running
    finally:
        running.kill()
