"""
Claim: importing the library costs at most 15 ms over its core packages, and loads nothing optional.

Each round imports the core packages alone and then the library, in fresh processes, so that a noisy machine hits both.
"""

import compileall
import statistics
import subprocess
import sys
from pathlib import Path

import aidge_async
from benchmarks.machine import machine

CORE = "httpx, anyio, attrs, cattrs"
OURS = "aidge_async"
BAR_MS = 15.0
ROUNDS = 21


def import_ms(names: str) -> float:
    """Return the milliseconds that importing *names* takes in a fresh process."""
    code = f"import time; began = time.perf_counter(); import {names}; print((time.perf_counter() - began) * 1000)"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout)


def main() -> None:
    """Print the medians and their difference."""
    compileall.compile_dir(Path(aidge_async.__file__).parent, quiet=1)  # as pip does for what it installs
    pairs = [(import_ms(CORE), import_ms(OURS)) for _ in range(ROUNDS)]
    core, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
    extra = statistics.median(mine - base for base, mine in pairs)
    print(f"machine: {machine()}, {ROUNDS} interleaved rounds, medians")
    print(f"| {CORE} | {core:.0f} ms |")
    print(f"| {OURS} | {ours:.0f} ms |")
    print(
        f"| difference, pair by pair | {extra:+.1f} ms; bar {BAR_MS:.0f}: {'held' if extra <= BAR_MS else 'MISSED'} |"
    )


if __name__ == "__main__":
    main()
