"""
What became of each row of a catalogue, as the lines of `report.jsonl` and of `batch --json`.

A line is a row of the manifest; `run --json` has a line for each picture instead. Fields that both have are called and
mean the same.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self, assert_never

import attrs
import imagesize

from aidge_async import (
    AidgeError,
    Failed,
    GeneratedImages,
    InDoubt,
    NotSubmitted,
    Succeeded,
    Unfinished,
)
from aidge_async import Outcome as BatchOutcome
from aidge_async._core.codec import values_of
from aidge_async._core.lifecycle import Entry
from aidge_async.cli.catalogue import Row
from aidge_async.cli.exits import Exit, UsageError
from aidge_async.cli.jobs import Job
from aidge_async.cli.output import complain, open_next_free
from aidge_async.cli.records import Outcome, cut_off, exit_code_of
from aidge_async.errors import Billable

_NAME: Final = "report.jsonl"


@attrs.frozen(kw_only=True)
class Picture:
    """
    Hold one saved picture.

    Args:
        path: Where it is.
        width_px: Its width; `null` where it cannot be read.
        height_px: Its height, the same.
    """

    path: str
    width_px: int | None
    height_px: int | None


@attrs.frozen(kw_only=True)
class Line:
    """
    Hold one line of the report: one row of the manifest and what became of it.

    The keys stay what they are; new ones may come. Every key is in every line, `null` where there is nothing to say.

    Args:
        line: Where the row begins in the manifest, from 1.
        image: The image as it was written, a URL without its query.
        key: What saved pictures are called after.
        outcome: As for `run --json`.
        task_id: The gateway's id of the task.
        token: What `aidge-async task` takes.
        request_id: The gateway's id of the last call that told something.
        pictures: What was saved.
        error: One sentence on what went wrong.
        error_type: The error's class in `aidge_async`, or `Interrupted`.
        code: The gateway's own code.
        billable: Whether it may be billed: `yes`, `no` or `unknown`.
        asked: What was asked for, defaults of the command included.
        seconds: Where its time went: `permit_wait`, `submit`, `at_gateway`, `detection_delay` and `saving`; `null`
            where it was cut off, or saved by an earlier run.
        fields: The manifest's other columns, as they were written.
    """

    line: int
    image: str | None = None
    key: str | None = None
    outcome: Outcome
    task_id: str | None = None
    token: str | None = None
    request_id: str | None = None
    pictures: Sequence[Picture] = ()
    error: str | None = None
    error_type: str | None = None
    code: str | None = None
    billable: Billable
    asked: Mapping[str, object] = attrs.field(factory=dict)
    seconds: Mapping[str, float] | None = None
    fields: Mapping[str, object] = attrs.field(factory=dict)

    @property
    def exit_code(self) -> Exit:
        """Return what this line alone means for the command's exit code."""
        return exit_code_of(self.outcome, self.error_type)

    def text(self) -> str:
        """Return the line as JSON."""
        return json.dumps(attrs.asdict(self))


def line_of(row: Row, outcome: BatchOutcome[GeneratedImages], *, request_id: str | None) -> Line:
    """
    Return the line of a row whose outcome is known.

    Args:
        row: The row.
        outcome: What became of it.
        request_id: The gateway's id of the submit, where nothing later told one.
    """
    about: dict[str, Any] = {
        **_facts(row),
        "task_id": outcome.task_id,
        "token": outcome.token,
        "seconds": {name: round(value, 3) for name, value in attrs.asdict(outcome.timeline).items()},
    }
    match outcome:
        case Succeeded(result=result, paths=paths):
            pictures = [_picture(path) for path in paths]
            return Line(outcome="succeeded", billable="yes", request_id=result.request_id, pictures=pictures, **about)
        case NotSubmitted(error=error):
            return _troubled("not_submitted", error, request_id, about)
        case Failed(error=error):
            return _troubled("failed", error, request_id, about)
        case Unfinished(error=error):
            return _troubled("unfinished", error, request_id, about)
        case InDoubt(error=error):
            return _troubled("in_doubt", error, request_id, about)
        case _:
            assert_never(outcome)


def line_cut_off(row: Row, job: Job, reason: str, error_type: str) -> Line:
    """Return the line of a row that was on its way when the command was stopped."""
    record = cut_off(job, reason, error_type)
    return Line(
        outcome=record.outcome,
        task_id=record.task_id,
        token=record.token,
        request_id=record.request_id,
        error=record.error,
        error_type=record.error_type,
        billable=record.billable,
        **_facts(row),
    )


def line_saved(row: Row, entry: Entry) -> Line:
    """Return the line of a row whose pictures an earlier run saved."""
    return Line(
        outcome="succeeded",
        task_id=entry.task_id,
        token=entry.token,
        pictures=[_picture(Path(path)) for path in entry.paths],
        billable="yes",
        **_facts(row),
    )


def line_refused(number: int, error: str) -> Line:
    """Return the line of a row that cannot be read."""
    return Line(line=number, outcome="not_submitted", error=error, error_type="RequestError", billable="no")


def _facts(row: Row) -> dict[str, Any]:
    return {
        "line": row.line,
        "image": row.image,
        "key": row.key,
        "asked": values_of(row.request),
        "fields": row.fields,
    }


def _troubled(outcome: Outcome, error: AidgeError, request_id: str | None, about: dict[str, Any]) -> Line:
    return Line(
        outcome=outcome,
        request_id=error.request_id or request_id,
        error=error.summary,
        error_type=type(error).__name__,
        code=error.code,
        billable=error.billable,
        **about,
    )


def _picture(path: Path) -> Picture:
    width, height = imagesize.get(path)
    known = width > 0 and height > 0
    return Picture(path=str(path), width_px=int(width) if known else None, height_px=int(height) if known else None)


class Report:
    """
    Write lines into a file of their own as they come, so that nothing is lost with the terminal.

    Args:
        folder: Where to; it is there.

    Raises:
        UsageError: It cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self.path, self._file = open_next_free(folder, _NAME)
        except OSError as exc:
            raise UsageError(
                f"the report cannot be written in '{folder}' ({exc.strerror}); name another folder with --out"
            ) from None
        self._broken = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._file.close()
        except OSError:
            return  # what could not be written was told when it was tried

    def write(self, line: Line) -> None:
        """Write a line now; where the disk takes no more, it goes to stderr: its token may be all there is."""
        text = line.text()
        if not self._broken:
            try:
                self._file.write(f"{text}\n")
                self._file.flush()
            except OSError as exc:
                self._broken = True
                complain(f"'{self.path}' cannot be written ({exc.strerror}); its lines follow here")
        if self._broken:
            print(text, file=sys.stderr)
