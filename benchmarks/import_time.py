"""
Claim: importing the library costs at most 15 ms over its core packages, and loads nothing optional.

Each round imports in fresh processes, one after the other, so that a noisy machine hits all. Most of the library is
loaded when a client is opened, so the two ways to pay are shown as well: ours on top of the core packages, and the
import with the first client opened.
"""

import compileall
import statistics
import subprocess
import sys
from pathlib import Path

import aidge_async
from benchmarks.machine import machine

CORE = "import httpx, anyio, attrs, cattrs"
OURS = "import aidge_async"
OPEN = (
    "import anyio, aidge_async\n"
    "async def main():\n"
    "    async with aidge_async.AidgeClient('made-up-key', 'made-up-secret', base_url='http://127.0.0.1:9'): pass\n"
    "anyio.run(main)"
)
BAR_MS = 15.0
ROUNDS = 21


def milliseconds(work: str, before: str = "") -> float:
    """Return how long *work* takes in a fresh process, after *before*, which is not counted."""
    code = f"import time\n{before}\nbegan = time.perf_counter()\n{work}\nprint((time.perf_counter() - began) * 1000)"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout)


def main() -> None:
    """Print the medians and their difference."""
    compileall.compile_dir(Path(aidge_async.__file__).parent, quiet=1)  # as pip does for what it installs
    rounds = [
        (milliseconds(CORE), milliseconds(OURS), milliseconds(OURS, before=CORE), milliseconds(OPEN))
        for _ in range(ROUNDS)
    ]
    core, ours, on_top, opened = (statistics.median(column) for column in zip(*rounds, strict=True))
    extra = statistics.median(row[1] - row[0] for row in rounds)
    print(f"machine: {machine()}, {ROUNDS} interleaved rounds, medians")
    print(f"| {CORE} | {core:.0f} ms |")
    print(f"| {OURS} | {ours:.0f} ms |")
    print(
        f"| difference, pair by pair | {extra:+.0f} ms; bar {BAR_MS:+.0f}: {'held' if extra <= BAR_MS else 'MISSED'} |"
    )
    print(f"| the same where the core packages are loaded already | {on_top:+.0f} ms |")
    print(f"| import and the first client opened and closed | {opened:.0f} ms |")


if __name__ == "__main__":
    main()
