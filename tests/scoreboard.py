"""
Prints the scoreboard of the fault matrix: `python -m tests.scoreboard [--full] [--jobs N] [ROW ...]`, as in `R05`.

Each row's figures with what was tried, the bar, and whether it was held. It exits with 1 where a bar is missed or a
row did not run. pytest's own progress goes to stderr, the table to stdout. With several jobs each row has a process of
its own, so many at a time.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from tests.matrix.scoring import VARIABLE, stated

FOLDER: Final = Path(__file__).parent / "matrix"
ROWS: Final = tuple(f"R{number:02}" for number in range(1, 18))
BY_HAND: Final = {
    "R18": "mutation score of _core/ (bar: at least 85 %): by hand, with mutmut 3 and tests/core",
}
_NAME: Final = re.compile(r"test_(R\d\d)_")
_NARROWEST, _WIDEST = 80, 120


@attrs.frozen
class Line:
    """One figure of a row, or why it has none."""

    row: str
    tried: str
    figure: str
    bar: str
    held: bool


@attrs.define
class Board:
    """
    Collect what the rows state; a plugin of pytest.

    Args:
        wanted: The rows that must run.
    """

    wanted: tuple[str, ...]
    lines: list[Line] = attrs.field(factory=list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the figures of a row that ran, and tell of one that broke off."""
        found = _NAME.search(report.nodeid)
        if not found or (report.when != "call" and not report.failed):
            return
        lines = [Line(found[1], **figure) for figure in stated(report.user_properties)] if report.when == "call" else []
        if not report.passed and all(line.held for line in lines):
            lines.append(Line(found[1], f"{report.when} of {report.nodeid}", _reason(report), "passes", held=False))
        self.lines += lines

    @property
    def absent(self) -> list[str]:
        """Return the wanted rows of which nothing was heard."""
        return [row for row in self.wanted if all(line.row != row for line in self.lines)]

    @property
    def is_good(self) -> bool:
        """Return whether every wanted row ran and held all its bars."""
        return not self.absent and all(line.held for line in self.lines)

    def text(self, width: int) -> Iterator[str]:
        """Yield the table, and what it comes to."""
        silent = [Line(row, "did not run", "-", "-", held=False) for row in self.absent]
        yield from _table(sorted([*self.lines, *silent], key=lambda line: line.row), width)
        for row, why in BY_HAND.items():
            yield from textwrap.wrap(f"{row}  {why}", width, subsequent_indent="     ")
        missed = sorted({line.row for line in self.lines if not line.held})
        rows = len({line.row for line in self.lines})
        said = f"{rows} rows, {len(self.lines)} figures; missed: {', '.join(missed) or 'none'}"
        yield f"{said}; did not run: {', '.join(self.absent) or 'none'}"


def _reason(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    told = str(crash.message) if crash is not None else str(report.longrepr)
    return f"{report.outcome}: {told.strip().splitlines()[0][:200]}" if told.strip() else report.outcome


def _table(lines: Iterable[Line], width: int) -> Iterator[str]:
    """Yield a line of the table for each line of its longest cell."""
    free = width - 4 - 6 - 4 * 2  # the outer columns, and two blanks between all
    figure, bar = free * 3 // 10, free * 3 // 10
    widths = (4, free - figure - bar, figure, bar, 6)
    yield _joined(("row", "what was tried", "figure", "bar", "pass"), widths)
    yield _joined(tuple("-" * each for each in widths), widths)
    for line in lines:
        cells = (line.row, line.tried, line.figure, line.bar, "yes" if line.held else "MISSED")
        wrapped = [textwrap.wrap(cell, each) or [""] for cell, each in zip(cells, widths, strict=True)]
        for number in range(max(map(len, wrapped))):
            parts = tuple(cell[number] if number < len(cell) else "" for cell in wrapped)
            yield _joined(parts, widths)


def _joined(cells: tuple[str, ...], widths: tuple[int, ...]) -> str:
    return "  ".join(cell.ljust(each) for cell, each in zip(cells, widths, strict=True)).rstrip()


def _row(text: str) -> str:
    found = re.fullmatch(r"[rR](\d{1,2})", text)
    if not found or (row := f"R{int(found[1]):02}") not in ROWS:
        raise argparse.ArgumentTypeError(f"no row is called {text!r}; there are {ROWS[0]} to {ROWS[-1]}")
    return row


def _jobs(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= len(ROWS):
        raise argparse.ArgumentTypeError(f"there are 1 to {len(ROWS)} jobs (got {text!r})")
    return int(text)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.scoreboard", description="Run the fault matrix and print it."
    )
    parser.add_argument("--full", action="store_true", help="take the counts that the bars were set for")
    parser.add_argument("--jobs", type=_jobs, default=1, metavar="N", help="rows at a time, each in a process")
    parser.add_argument("--json", action="store_true", help="a line of JSON a figure in place of the table")
    parser.add_argument("rows", nargs="*", type=_row, metavar="ROW", help="as R05; none: all")
    return parser.parse_args(arguments)


def run(rows: tuple[str, ...], folder: Path = FOLDER) -> Board:
    """Run these rows in this process, in their order, and return what they state."""
    board = Board(rows)
    # In the order of their names, which begin with the row; shuffled, the table would be made by another run each time.
    command = [str(folder), "-m", "matrix", "-p", "no:randomly", "-k", " or ".join(f"test_{row}_" for row in rows)]
    with contextlib.redirect_stdout(sys.stderr):
        pytest.main(command, plugins=[board])
    return board


def run_beside(rows: tuple[str, ...], jobs: int) -> Board:
    """Run each of these rows in a process of its own, so many at a time, and return what they state."""
    with ThreadPoolExecutor(jobs) as pool:
        return Board(rows, [line for lines in pool.map(_run_alone, rows) for line in lines])


def _run_alone(row: str) -> list[Line]:
    command = [sys.executable, "-m", "tests.scoreboard", "--json", row]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    print(done.stderr, end="", file=sys.stderr, flush=True)  # noqa: T201  whole, or those of two rows would be mixed
    return [Line(**json.loads(line)) for line in done.stdout.splitlines()]


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for, print the table, and return the exit code."""
    chosen: Any = _options(arguments)
    if chosen.full:
        os.environ[VARIABLE] = "full"
    rows = tuple(chosen.rows) or ROWS
    board = run(rows) if chosen.jobs == 1 else run_beside(rows, chosen.jobs)
    if chosen.json:
        print(*(json.dumps(attrs.asdict(line)) for line in board.lines), sep="\n")  # noqa: T201  the same
        return 0 if board.is_good else 1
    width = min(max(shutil.get_terminal_size((100, 24)).columns, _NARROWEST), _WIDEST)
    print(*board.text(width), sep="\n")  # noqa: T201  the table is what it is for
    return 0 if board.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
