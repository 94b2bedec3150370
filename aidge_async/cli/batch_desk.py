"""
Takes each row's line: to the report, to stdout, to the counts, and in few words to stderr.

Nothing is decided here but how it is written, and of how many rows a person hears.
"""

import shlex
from pathlib import Path
from typing import Final

from aidge_async.cli.batch_display import BatchDisplay, lasting
from aidge_async.cli.errands import Wishes
from aidge_async.cli.exits import Exit, gravest
from aidge_async.cli.output import counted, write_result
from aidge_async.cli.report import Line, Report
from aidge_async.cli.wording import as_written

_MOST_TOLD: Final = 10  # rows in trouble that are told one by one; their cause is most often the same


class BatchDesk:
    """
    Write what becomes of rows, and remember what the exit code and the summary have to say.

    Args:
        report: Takes every line.
        display: Counts, and makes way.
        as_json: Whether lines go to stdout too.
        wishes: Know how a task is gone on with.
    """

    def __init__(self, *, report: Report, display: BatchDisplay, as_json: bool, wishes: Wishes) -> None:
        self._report = report
        self.display = display
        self._as_json = as_json
        self.wishes = wishes
        self._codes: set[Exit] = set()
        self._trouble = 0
        self._pictures = 0
        self._unfinished = 0
        self._in_doubt = 0
        self.stopped = False
        """Whether the command was interrupted; then its boundary says how to go on."""

    @property
    def exit_code(self) -> Exit:
        """Return the gravest of what was recorded."""
        return gravest(self._codes)

    def record(self, line: Line, *, quiet: bool = False) -> None:
        """Write what became of a row; where *quiet*, stderr is told of many at once by `summarize`."""
        self._report.write(line)
        self._codes.add(line.exit_code)
        self.display.done(line.outcome)
        self._pictures += len(line.pictures)
        self._unfinished += line.outcome == "unfinished"
        self._in_doubt += line.outcome == "in_doubt"
        if line.error and not quiet:
            self._complain(line)
        if self._as_json:
            with self.display.hidden():
                write_result(line.text())

    def summarize(self, *, pictures_asked: int, seconds: float) -> None:
        """
        Say how it ended.

        Args:
            pictures_asked: Pictures that they asked for.
            seconds: How long it took.
        """
        counts, total = self.display.counts, self.display.total
        kinds = [(counts[name], name.replace("_", " ")) for name in counts if name != "succeeded"]
        others = "".join(f", {number:,} {word}" for number, word in sorted(kinds, key=lambda kind: -kind[0]))
        left = total - counts.total()
        unbegun = f", {left:,} not begun" if left else ""
        self.display.notice(
            f"{counts['succeeded']:,} of {counted(total, 'row')} succeeded{others}{unbegun}; "
            f"{self._pictures:,} of {counted(pictures_asked, 'picture')} saved in {lasting(seconds)}"
        )
        if self._in_doubt and self.wishes.journal is not None:
            self.display.notice(
                f"{counted(self._in_doubt, 'row')} in doubt, never sent again unasked; look into the vendor's console, "
                "then decide with 'aidge-async journal resolve':",
                command=f"aidge-async journal list --state in_doubt --journal {shlex.quote(str(self.wishes.journal))}",
            )
        if self._unfinished and not self.stopped:
            path = str(self._report.path)
            self.display.notice(
                f"go on with what is unfinished, and pay nothing more ({counted(self._unfinished, 'row')}):",
                command=self.wishes.resume_command("unfinished", shlex.quote(path)),
            )

    def files(self, paths: list[Path]) -> None:
        """Write the paths of what was written beside the pictures."""
        for path in paths:
            if self._as_json:
                self.display.notice(f"see {path}")
            else:
                write_result(str(path))

    def _complain(self, line: Line) -> None:
        self._trouble += 1
        if self._trouble > _MOST_TOLD:
            if self._trouble == _MOST_TOLD + 1:
                self.display.notice(f"the rows that follow are told in '{self._report.path}' only")
            return
        word = line.outcome.replace("_", " ")
        named = f" ({line.key})" if line.key else ""
        self.display.notice(f"line {line.line}{named}: {word}: {as_written(line.error or '')}")
