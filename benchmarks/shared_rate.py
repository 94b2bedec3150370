"""
Claim: four processes that share a journal keep one limit together, use it, and come off about equally.

    python -m benchmarks.shared_rate --full

Each process submits as fast as its client allows, all with the same journal and told 20 a second together; the sandbox,
a fifth process, takes 20 in any second. Arrivals, also those it refused, are counted by the sandbox. With `--full` it
takes 60 seconds on asyncio and on trio, else 15 on asyncio. Then the most that a machine can start: calls that nobody
sends, without a rate, in one process and in four.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from aidge_async.sandbox import SandboxSettings
from benchmarks.gateway import gateway_process
from benchmarks.report import Report, Row, run_as_script

CLAIM: Final = (__doc__ or "").strip().split("\n")[0].removeprefix("Claim: ")
PROCESSES: Final = 4
RATE: Final = 20
_PATIENCE: Final = 60.0
_ROOT: Final = Path(__file__).parent.parent


def crowd(told: dict[str, object], number: int, seconds: float) -> list[int]:
    """Let so many processes do as they are told for so long, and return how often each did."""
    command = [sys.executable, "-m", "benchmarks.pace_process", json.dumps(told)]
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=_ROOT) for _ in range(number)]
    try:
        for process in processes:
            assert process.stdout is not None, "a pipe was asked for"
            process.stdout.readline()
        begin = time.time() + 0.5
        line = f"{json.dumps([begin, begin + seconds])}\n"
        for process in processes:
            assert process.stdin is not None, "a pipe was asked for"
            process.stdin.write(line)
            process.stdin.flush()
        return [int(process.communicate(timeout=seconds + _PATIENCE)[0]) for process in processes]
    finally:
        for process in processes:
            process.kill()


def shared_rate(backend: str, seconds: float) -> list[Row]:
    """Return what the sandbox saw of four processes."""
    settings = SandboxSettings(rate_limit=RATE, duration=86_400)
    with tempfile.TemporaryDirectory() as folder, gateway_process(settings) as sandbox:
        told: dict[str, object] = {
            "what": "submit",
            "backend": backend,
            "journal": str(Path(folder) / "journal"),
            "rate": float(RATE),
            "url": sandbox.url,
            "key": sandbox.key_name,
            "secret": sandbox.key_secret,
        }
        shares = crowd(told, PROCESSES, seconds)
        (tally,) = sandbox.statistics()["apis"].values()
        used = len(sandbox.ledger()) / seconds
    worst, refused = int(tally["most_in_a_second"]), int(tally["codes"].get("501", 0))
    ratio = max(shares) / max(1, min(shares))
    return [
        Row(f"{backend}: worst second at the server", f"{worst} arrivals", f"{RATE}", worst <= RATE),
        Row(f"{backend}: used of {RATE} a second", f"{used:.2f}", "18", used >= 18.0),
        Row(f"{backend}: largest share by smallest", f"{ratio:.2f} ({sorted(shares)})", "1.3", ratio <= 1.3),
        Row(f"{backend}: refused", f"{refused} of {tally['calls']}", "0", refused == 0),
    ]


def most_starts(number: int, rounds: int) -> Row:
    """Return how many starts a second so many processes can have written."""
    figures = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            told: dict[str, object] = {"what": "start", "backend": "asyncio", "journal": str(Path(folder) / "journal")}
            figures.append(sum(crowd(told, number, 3.0)) / 3.0)
    return Row(f"starts a second without a rate, {number} processes", f"{statistics.median(figures):.0f}")


def main(*, full: bool = False) -> Report:
    """Measure with four processes, and the most with one and four."""
    seconds = 60.0 if full else 15.0
    rows: list[Row] = []
    for backend in ("asyncio", "trio") if full else ("asyncio",):
        rows += shared_rate(backend, seconds)
    rows += [most_starts(number, 5 if full else 1) for number in (1, PROCESSES)]
    return Report("shared_rate", CLAIM, rows, ("Used counts from the first moment, when connections are made.",))


if __name__ == "__main__":
    run_as_script(main)
