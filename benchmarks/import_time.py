"""
Claim: importing the library costs at most 15 ms over its core packages.

That it loads nothing optional is held by a test.

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
from benchmarks.report import Report, Row, interleaved, run_as_script

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
QUICK_ROUNDS = 7


def milliseconds(work: str, before: str = "") -> float:
    """Return how long *work* takes in a fresh process, after *before*, which is not counted."""
    code = f"import time\n{before}\nbegan = time.perf_counter()\n{work}\nprint((time.perf_counter() - began) * 1000)"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout)


def main(*, full: bool = False) -> Report:
    """Measure the imports, and how much ours costs over the core packages in the same round."""
    compileall.compile_dir(Path(aidge_async.__file__).parent, quiet=1)  # as pip does for what it installs
    rounds = ROUNDS if full else QUICK_ROUNDS
    figures = interleaved(
        rounds,
        {
            "core": lambda: milliseconds(CORE),
            "ours": lambda: milliseconds(OURS),
            "on top": lambda: milliseconds(OURS, before=CORE),
            "open": lambda: milliseconds(OPEN),
        },
    )
    core, ours, on_top, opened = (statistics.median(column) for column in figures.values())
    pairs = zip(figures["ours"], figures["core"], strict=True)
    extra = statistics.median(mine - theirs for mine, theirs in pairs)
    rows = [
        Row(f"`{CORE}`", f"{core:.0f} ms"),
        Row(f"`{OURS}`", f"{ours:.0f} ms"),
        Row("difference, pair by pair", f"{extra:+.0f} ms", f"at most {BAR_MS:+.0f} ms", extra <= BAR_MS),
        Row("the same where the core packages are loaded already", f"{on_top:+.0f} ms"),
        Row("import and the first client opened and closed", f"{opened:.0f} ms"),
    ]
    claim = "Importing the library costs at most 15 ms over its core packages."
    return Report("import_time", claim, rows, (f"{rounds} interleaved rounds in fresh processes, medians",))


if __name__ == "__main__":
    run_as_script(main)
