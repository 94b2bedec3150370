"""
What goes to stdout and what to stderr: results to the one, everything said about them to the other.

Nothing is decided here but how it is written.
"""

import contextlib
import os
import sys
from pathlib import Path
from typing import Protocol, TextIO

from aidge_async.cli.exits import Exit, gravest
from aidge_async.cli.records import Record
from aidge_async.cli.wording import as_typed


class Veil(Protocol):
    """Something live on the terminal that has to make way for a line."""

    def hidden(self) -> contextlib.AbstractContextManager[None]:
        """Hide it inside the block."""
        ...


class Desk:
    """
    Write results and notices as they come, and remember what the exit code has to say.

    Args:
        as_json: Whether results are JSON lines instead of paths.
        veil: The progress display, where there is one.
    """

    def __init__(self, *, as_json: bool, veil: Veil | None = None) -> None:
        self._as_json = as_json
        self._veil = veil
        self._codes: set[Exit] = set()

    @property
    def exit_code(self) -> Exit:
        """Return the gravest of what was recorded."""
        return gravest(self._codes)

    def record(self, record: Record, *, command: str | None = None, quiet: bool = False) -> None:
        """
        Write what became of an image: its path or its JSON line; what went wrong, on stderr as well.

        Args:
            record: What became of it.
            command: What to type to go on with it.
            quiet: Whether stderr is told by somebody else.
        """
        self._codes.add(record.exit_code)
        if record.error and not quiet:
            self.notice(_plainly(record), command=command)
        if self._as_json:
            self._result(record.line())
        elif record.path:
            self._result(record.path)

    def file(self, path: Path) -> None:
        """Write the path of a file that is no picture."""
        if not self._as_json:
            self._result(str(path))

    def notice(self, text: str, *, command: str | None = None) -> None:
        """Write one line on stderr; *command* stands alone below it, ready to be copied whole."""
        with self._way():
            complain(text, command=command)

    def _result(self, line: str) -> None:
        with self._way():
            write_result(line)

    def _way(self) -> contextlib.AbstractContextManager[None]:
        return self._veil.hidden() if self._veil else contextlib.nullcontext()


def write_result(line: str) -> None:
    """
    Write a line on stdout now.

    A reader that has gone (`| head -1`) must not stop work that is paid for, so the rest goes nowhere.
    """
    try:
        print(line, flush=True)
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def open_next_free(folder: Path, name: str) -> tuple[Path, TextIO]:
    """Open `name.ext` in *folder*, or the next free `name-2.ext`: an earlier one may be all that is left of a run."""
    first = folder / name
    number = 1
    while True:
        path = first if number == 1 else first.with_stem(f"{first.stem}-{number}")
        try:
            return path, path.open("x", encoding="utf-8")
        except FileExistsError:
            number += 1


def complain(text: str, *, command: str | None = None) -> None:
    """Write one sentence on stderr under the command's name; *command* stands alone below it, to be copied whole."""
    print(f"aidge-async: {one_line(text)}", file=sys.stderr)
    if command:
        print(f"  {command}", file=sys.stderr)


def one_line(text: str) -> str:
    """Return *text* on one line and without what would steer a terminal: parts of it are the gateway's own words."""
    return "".join(letter if letter.isprintable() else " " for letter in " ".join(text.split()))


def counted(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _plainly(record: Record) -> str:
    words = {"not_submitted": "not submitted", "in_doubt": "in doubt"}
    told = f"{words.get(record.outcome, record.outcome)}: {as_typed(record.error or '')}"
    return f"{record.image}: {told}" if record.image else told
