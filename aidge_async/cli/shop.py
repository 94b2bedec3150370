"""
Puts together what a command needs to carry out jobs, report them, and show how far they are.

No flag is read here, and nothing is decided about an outcome.
"""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import attrs

from aidge_async import AidgeClient
from aidge_async.cli.errands import Errands, Wishes, carry_out
from aidge_async.cli.jobs import Board, Job
from aidge_async.cli.output import Desk, counted
from aidge_async.cli.progress import Progress
from aidge_async.cli.records import Record
from aidge_async.cli.sheet import Row, write_sheet
from aidge_async.cli.showing import row_of
from aidge_async.cli.version import version


@attrs.define(kw_only=True)
class Shop:
    """
    Hold the parts that carry out some jobs and show how far they are.

    Args:
        jobs: What to buy, or the tasks to go on with.
        wishes: What holds for all.
        as_json: Whether results are JSON lines.
    """

    jobs: Sequence[Job]
    wishes: Wishes
    as_json: bool
    progress: Progress = attrs.field(init=False)
    desk: Desk = attrs.field(init=False)
    board: Board = attrs.field(init=False)
    told: dict[str, Row] = attrs.field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        """Put the parts together."""
        labels = {job.key or "": _label(job) for job in self.jobs}
        self.progress = Progress(labels, warn=self._warn)
        self.desk = Desk(as_json=self.as_json, veil=self.progress)
        self.board = Board(self.jobs)

    @property
    def observers(self) -> list[Callable[[Any], None]]:
        """Return what the client has to tell its events to."""
        return [self.board, self.progress]

    @property
    def rows(self) -> list[Row]:
        """Return the sheet's rows, in the order in which the images were typed."""
        return [self.told[job.key or ""] for job in self.jobs if (job.key or "") in self.told]

    def buy(self, client: AidgeClient) -> None:
        """Buy all jobs, and report each as it ends."""
        self._carry_out(client, lambda errands: errands.buy_all(client))

    def resume(self, client: AidgeClient) -> None:
        """Go on with the tasks whose tokens the jobs hold."""
        self._carry_out(client, lambda errands: errands.resume_all(client))

    def write_sheet(self, folder: Path, *, title: str, notice: str | None = None) -> Path:
        """Write the sheet of all that was reported, and name it."""
        rows = self.rows
        pictures = sum(len(row.pictures) for row in rows)
        path = write_sheet(
            folder,
            rows,
            title=title,
            summary=f"{counted(pictures, 'picture')} of {counted(len(rows), 'photograph')}, each beside its original.",
            notice=notice,
            made_by=f"aidge-async {version()}. This file holds its pictures itself and fetches nothing.",
        )
        self.desk.file(path)
        if self.as_json:
            self.desk.notice(f"the sheet is {path}")
        return path

    def _carry_out(self, client: AidgeClient, work: Callable[[Errands], Awaitable[None]]) -> None:
        errands = Errands(self.jobs, desk=self.desk, board=self.board, wishes=self.wishes, on_done=self._note)

        async def main() -> None:
            async with client:
                await work(errands)

        with self.progress:
            carry_out(main, errands)

    def _warn(self, text: str) -> None:
        self.desk.notice(text)

    def _note(self, job: Job, records: list[Record]) -> None:
        row = row_of(job, records)
        self.told[job.key or ""] = row
        self.progress.done(job.key or "", outcome=row.outcome)


def _label(job: Job) -> str:
    return Path(job.image).name if job.image and "://" not in job.image else job.image or f"task {job.task_id}"
