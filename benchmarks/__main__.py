"""
Runs the benchmarks: `python -m benchmarks [NAME ...] [--full] [--out FOLDER]`.

Each runs in a process of its own, so that none inherits another's heap, and a quick round of all takes under ten
minutes. The one table of all claims goes to stdout and, with notes and pictures, to `benchmarks.md` in the output
folder; what is under way is told on stderr.
"""

import argparse
import json
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Final

import cattrs

from benchmarks.machine import machine
from benchmarks.report import Report, one_table, options, output_folder, skipped

NAMES: Final = (
    "import_time",
    "calls",
    "uploads",
    "limiter",
    "learned_rate",
    "polling",
    "catalogue",
    "memory",
    "lost_answers",
    "journal",
    "shared_rate",
)
_LONGEST: Final = {False: 300.0, True: 3_600.0}  # seconds; a benchmark that hangs must not take the others with it


def main() -> None:
    """Run what was asked for and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").strip().split("\n")[0])
    # `choices` would refuse the empty list that stands for all.
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which ones: {', '.join(NAMES)}; none: all")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    chosen = options(parser)
    unknown = sorted(set(chosen.names) - set(NAMES))
    if unknown:
        parser.error(f"no benchmark is called {unknown[0]!r}; there are {', '.join(NAMES)}")
    if chosen.one:
        print(json.dumps(cattrs.unstructure(_measured(chosen.names[0], full=chosen.full))))
        return
    began = time.monotonic()
    reports = [_in_a_process(name, full=chosen.full) for name in chosen.names or NAMES]
    _write(reports, full=chosen.full, seconds=time.monotonic() - began)


def _measured(name: str, *, full: bool) -> Report:
    """Run one benchmark here; a package that it needs and that is not installed is told in its row."""
    try:
        report: Report = import_module(f"benchmarks.{name}").main(full=full)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("aidge_async", "benchmarks"):
            raise
        return skipped(name, "", f"{error.name} is not installed")
    return report


def _in_a_process(name: str, *, full: bool) -> Report:
    print(f"{name} ...", end=" ", file=sys.stderr, flush=True)
    began = time.monotonic()
    command = [sys.executable, "-m", "benchmarks", "--one", name, "--out", str(output_folder())]
    try:
        process = subprocess.run(
            command + ["--full"] * full, stdout=subprocess.PIPE, check=True, text=True, timeout=_LONGEST[full]
        )
        report = cattrs.structure(json.loads(process.stdout.splitlines()[-1]), Report)
    except subprocess.SubprocessError as error:
        report = skipped(name, "", f"it broke off ({type(error).__name__}); run python -m benchmarks.{name} to see why")
    print(f"{report.verdict}, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return report


def _write(reports: list[Report], *, full: bool, seconds: float) -> None:
    kind = "full counts" if full else "a quick round, not to be quoted"
    head = f"Measured {time.strftime('%Y-%m-%d', time.gmtime())} in {seconds:.0f} s on {machine()}; {kind}."
    table = one_table(reports)
    path: Path = output_folder() / "benchmarks.md"
    sections = [f"# Benchmarks\n\n{head}", table, *(report.markdown() for report in reports)]
    path.write_text("\n\n".join(sections) + "\n", encoding="utf-8")
    print(f"{head}\n\n{table}\n\nnotes and pictures: {path}")


if __name__ == "__main__":
    main()
