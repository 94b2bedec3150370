"""
A sandbox in a process of its own beside a server's, so that drawing pictures does not hold up answers.

It lives as long as the process that started it, even where that one is killed: then its standard input ends.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from aidge_async.cli.exits import UsageError
from aidge_async.sandbox import SandboxSettings

# As the demo's: tasks that end soon, one by one.
_SETTINGS: Final = SandboxSettings(duration=5.0, spread=0.15)
_PROGRAM: Final = "from aidge_async.cli.sandbox_beside import main; main()"
_ENDED_WITHIN: Final = 5.0


@contextmanager
def running_beside() -> Iterator[dict[str, str]]:
    """
    Run a sandbox in a process of its own while the block lasts, and give its `url`, `key_name` and `key_secret`.

    Raises:
        UsageError: It does not start.
    """
    # A session of its own: Ctrl-C is for the server, which still talks to it while it finishes.
    with subprocess.Popen(  # noqa: S603  this very Python, and a program of ours
        [sys.executable, "-c", _PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                raise UsageError("the sandbox behind the server did not start; try 'aidge-async sandbox'")
            facts: dict[str, str] = json.loads(line)
            yield facts
        finally:
            process.terminate()
            try:
                process.wait(_ENDED_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()


def main() -> None:
    """Run the sandbox until SIGTERM, or until nobody holds its standard input any more."""
    from aidge_async.sandbox.server import serve

    threading.Thread(target=_end_with_input, daemon=True).start()
    serve(_SETTINGS, announce=_announce)


def _announce(facts: Mapping[str, str]) -> None:
    print(json.dumps(dict(facts)), flush=True)


def _end_with_input() -> None:
    # Not by `sys.stdin`, whose lock a thread that still reads would hold when Python ends.
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
