"""What tests of the command line use: a way to type, and what was said."""

import contextlib
import io
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
from PIL import Image

from aidge_async.cli import main
from aidge_async.sandbox import SandboxSettings
from aidge_async.sandbox.server import RunningSandbox, running_sandbox

SECRET = "made-up-secret-of-the-sandbox"
MODEL = ("--model", "universal_model_1")
FAST = ("--poll", "1", "--submit-rate", "50", "--query-rate", "50", "--dimension", "512", "--count", "1")


@attrs.frozen
class Said:
    """Hold what one command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Return stdout as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def sentence(self) -> str:
        """Return the one line of stderr; fail where there are none or several."""
        (line,) = self.err.splitlines()
        return line.removeprefix("aidge-async: ")


def typed(*arguments: object) -> Said:
    """Type a command, and return what it said."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(argument) for argument in arguments])
    assert "Traceback" not in err.getvalue()
    assert SECRET not in out.getvalue() + err.getvalue()
    return Said(code, out.getvalue(), err.getvalue())


def buy(manifest: Path, out: Path, *flags: object) -> Said:
    """Buy what a manifest says, small and quickly."""
    return typed("batch", manifest, "--out", out, *MODEL, *FAST, *flags)


def reported(out: Path, name: str = "report.jsonl") -> list[dict[str, Any]]:
    """Return the lines of a report in the order of the manifest."""
    lines = [json.loads(line) for line in (out / name).read_text(encoding="utf-8").splitlines()]
    return sorted(lines, key=lambda line: line["line"])


@contextlib.contextmanager
def sandbox_of(**settings: Any) -> Iterator[RunningSandbox]:
    """Run a sandbox whose tasks are done at once unless *settings* say otherwise."""
    with running_sandbox(SandboxSettings(**{"duration": 0, "spread": 0, **settings})) as running:
        yield running


def started(*arguments: object, before: str = "") -> "subprocess.Popen[str]":
    """Type a command in a process of its own; *before* is a line of Python that runs first."""
    program = f"{before}\nimport sys; from aidge_async.cli import main; sys.exit(main())"
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until(happened: Callable[[], bool]) -> None:
    """Look again and again, for 20 seconds at most."""
    give_up_at = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < give_up_at
        time.sleep(0.02)


def accepted(running: RunningSandbox) -> int:
    """Return how many submissions a sandbox has accepted."""
    return len(running.world.ledger())


def size_of(path: object) -> tuple[int, int]:
    """Decode a picture whole, and return its pixels."""
    with Image.open(Path(str(path))) as opened:
        opened.load()
        return opened.size
