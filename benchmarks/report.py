"""
What a benchmark says: rows of figures beside their bars, as Markdown, and pictures beside them.

A missed bar is said in words and is no error: the exit code tells whether the measuring worked, not what was measured.
Nothing is measured here.
"""

import argparse
import os
import statistics
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module, util
from pathlib import Path
from typing import Any, Final, Protocol

import attrs

from benchmarks.machine import machine

OUTPUT_VARIABLE: Final = "AIDGE_BENCHMARK_OUTPUT"  # inherited by the processes that a benchmark starts
DEFAULT_OUTPUT: Final = "benchmark-results"


@attrs.frozen
class Row:
    """
    One figure.

    Args:
        what: What was measured.
        value: The figure with its unit.
        bar: What it is held against; empty: nothing.
        held: Whether it is within the bar; `None` where there is no bar, or nothing was measured.
    """

    what: str
    value: str
    bar: str = ""
    held: bool | None = None

    @property
    def verdict(self) -> str:
        """Say it in a word; empty where there is nothing to say."""
        return {None: "", True: "held", False: "MISSED"}[self.held]


@attrs.frozen
class Report:
    """
    One claim and what was found.

    Args:
        name: The module's name under `benchmarks`.
        claim: One sentence; empty where the benchmark could not be loaded.
        rows: The figures, ours and those of others beside them.
        notes: What a reader must know to judge them, a sentence each.
        plot: A picture in the output folder, where one says more.
    """

    name: str
    claim: str
    rows: list[Row]
    notes: tuple[str, ...] = ()
    plot: Path | None = None

    @property
    def verdict(self) -> str:
        """Say how the bars fared."""
        judged = [row.held for row in self.rows if row.held is not None]
        if not judged:
            return "no bar was measured"
        missed = judged.count(False)
        return f"MISSED: {missed} of {len(judged)} bars" if missed else f"held: {len(judged)} of {len(judged)} bars"

    def markdown(self) -> str:
        """Return it as a section of its own."""
        blocks = [f"## {self.name}", self.claim, f"*{self.verdict}*"]
        blocks.append(_table(("what", "measured", "bar", ""), [_cells(row) for row in self.rows]))
        blocks.append("\n".join(f"- {note}" for note in self.notes))
        blocks.append(f"![{self.name}]({self.plot.name})" if self.plot else "")
        return "\n\n".join(block for block in blocks if block)


class Benchmark(Protocol):
    """What the module of a claim offers as `main`."""

    def __call__(self, *, full: bool = False) -> Report:
        """Measure; *full* takes the counts and repetitions that a figure to be quoted needs."""


def one_table(reports: Iterable[Report]) -> str:
    """Return all the rows of all claims in one table."""
    rows = [(report.name, *_cells(row)) for report in reports for row in report.rows]
    return _table(("claim", "what", "measured", "bar", ""), rows)


def _cells(row: Row) -> tuple[str, ...]:
    return row.what, row.value, row.bar, row.verdict


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def skipped(name: str, claim: str, why: str) -> Report:
    """Return the report of a claim that could not be measured."""
    return Report(name, claim, [Row("not measured", why)])


def absent(*modules: str) -> list[str]:
    """Return which of *modules* are not installed."""
    return [module for module in modules if util.find_spec(module) is None]


def interleaved(rounds: int, contenders: Mapping[str, Callable[[], float]]) -> dict[str, list[float]]:
    """
    Measure all *contenders* in every round, each round beginning with another one, and return their figures in order.

    So a noisy moment of the machine hits all, and no one always runs first.
    """
    names = list(contenders)
    figures: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            figures[name].append(contenders[name]())
    return figures


def medians(figures: Mapping[str, list[float]]) -> dict[str, float]:
    """Return the median of each contender's figures."""
    return {name: statistics.median(values) for name, values in figures.items()}


def output_folder() -> Path:
    """Return the folder that `--out` named, and make it."""
    folder = Path(os.environ.get(OUTPUT_VARIABLE, DEFAULT_OUTPUT))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def plot(name: str, paint: Callable[[Any], None], *, width: float = 8, height: float = 4.5) -> Path | None:
    """
    Write `{name}.png` into the output folder and return its path; `None` where matplotlib is not installed.

    Args:
        paint: Draws on the matplotlib axes that it is handed.
        width: Inches, as *height*.
    """
    if absent("matplotlib"):
        return None
    figure = import_module("matplotlib.figure").Figure(figsize=(width, height), layout="constrained")
    paint(figure.add_subplot())
    path = output_folder() / f"{name}.png"
    figure.savefig(path, dpi=120)
    return path


def options(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Add the options that all benchmarks share, read the command line, and hand `--out` on to the environment."""
    parser.add_argument("--full", action="store_true", help="take the counts that a figure to be quoted needs")
    parser.add_argument("--out", default=DEFAULT_OUTPUT, metavar="FOLDER", help="where results go (%(default)s)")
    chosen = parser.parse_args()
    os.environ[OUTPUT_VARIABLE] = chosen.out
    return chosen


def run_as_script(main: Benchmark) -> None:
    """Measure as the command line says, and print the report."""
    chosen = options(argparse.ArgumentParser(description="Measure one claim and print what was found."))
    print(f"machine: {machine()}{'' if chosen.full else '; a quick round, not to be quoted'}\n")
    print(main(full=chosen.full).markdown(), flush=True)
