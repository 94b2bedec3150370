"""R11: ten thousand tasks, a thousand at once: no error, and neither memory nor file descriptors grow."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import attrs

from aidge_async.sandbox.settings import SandboxSettings
from benchmarks.gateway import gateway_process
from tests.matrix.scoring import Score
from tests.matrix.soak import CALLS_AT_ONCE
from tests.matrix.wire import LOOPS

_ROOT: Final = Path(__file__).parents[2]
MOST_GROWN: Final = 20_000_000


def soaked(loop: str, *counts: int) -> dict[str, Any]:
    """Run one soak against a gateway in a process of its own, and return what it saw."""
    _, in_flight, _ = counts
    # Long enough that so many are under way at 60 tasks a second, which a small machine of two processes brings about.
    with gateway_process(SandboxSettings(duration=in_flight / 60)) as gateway:
        door = json.dumps({name: value for name, value in attrs.asdict(gateway).items() if name != "pid"})
        command = [sys.executable, "-m", "tests.matrix.soak", door, loop, *map(str, counts)]
        said = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False, timeout=1_200)
    assert said.returncode == 0, said.stderr
    seen: dict[str, Any] = json.loads(said.stdout.splitlines()[-1])
    return seen


def test_R11_soak(score: Score, full: bool) -> None:
    """All succeed; between the first look and the end memory grows by 20 MB at most, and no more files are open."""
    tasks, in_flight, first_look = (10_000, 1_000, 2_000) if full else (1_600, 400, 600)
    for loop in LOOPS if full else LOOPS[:1]:
        seen = soaked(loop, tasks, in_flight, first_look)
        tried = f"{tasks} tasks, {in_flight} in flight, on sockets, {loop}"
        outcomes = ", ".join(f"{count} {name}" for name, count in seen["outcomes"].items())
        good = seen["outcomes"] == {"Succeeded": tasks + in_flight} and seen["most_in_flight"] >= in_flight * 0.99
        score(f"{tried}: outcomes", f"{outcomes}; {seen['most_in_flight']} at once", "0 errors", good)
        score(
            f"{tried}: memory from task {first_look} to {tasks}",
            f"{seen['grown_bytes'] / 1e6:+.1f} MB",
            "+20 MB at most",
            seen["grown_bytes"] <= MOST_GROWN,
        )
        before, most, after = seen["files_before"], seen["files_most"], seen["files_after"]
        score(
            f"{tried}: file descriptors before, from task {first_look} on, and when the client is closed",
            f"{before}; {most} at most; {after}",
            f"flat: {before}; at most {before + 2 * CALLS_AT_ONCE}, two a call that may be under way; {before}",
            most <= before + 2 * CALLS_AT_ONCE and after <= before,
        )
