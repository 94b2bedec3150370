"""
Carries a catalogue out through the library's batch, and keeps of each row only what is under way.

How outcomes are written is `batch_desk.py`'s matter. Nothing is decided here about an answer of the gateway.
"""

import contextlib
from collections.abc import AsyncIterator
from typing import Final

import anyio
import attrs

from aidge_async import (
    AidgeClient,
    Batch,
    Deadlines,
    GeneratedImages,
    JournalError,
    ModelAlternation,
    NotSentError,
    NotSubmitted,
    Outcome,
)
from aidge_async._core.lifecycle import State
from aidge_async.cli.batch_desk import BatchDesk
from aidge_async.cli.batch_display import lasting
from aidge_async.cli.catalogue import Catalogue, Row
from aidge_async.cli.continuing import in_order
from aidge_async.cli.errands import tell_of_stopping
from aidge_async.cli.jobs import Board, Job
from aidge_async.cli.manifest_lines import Complaint
from aidge_async.cli.output import counted
from aidge_async.cli.remembered import Remembered
from aidge_async.cli.report import line_cut_off, line_of, line_refused, line_saved
from aidge_async.cli.stopping import finish_when_told, heeded_signals

_REFRESH_EVERY: Final = 1.0  # seconds
_TELL_EVERY: Final = 60  # refreshes; what a log of hours still bears


@attrs.define(kw_only=True)
class Purchases:
    """
    Buy the rows of a catalogue.

    Args:
        catalogue: The rows; checked before.
        board: Follows the client's events.
        total: How many rows are bought.
        desk: Takes what becomes of them.
        window: Rows under way at once.
        remembered: What the journal knows; `None`: nothing.
        retry_failed: Whether rows whose task failed in an earlier run are bought again.
    """

    catalogue: Catalogue
    board: Board
    total: int
    desk: BatchDesk
    window: int
    remembered: Remembered | None = None
    retry_failed: bool = False
    stopped: bool = attrs.field(init=False, default=False)
    _rows: dict[str, Row] = attrs.field(init=False, factory=dict)

    @property
    def begun(self) -> bool:
        """Return whether anything may have been sent."""
        return bool(self._rows)

    def __len__(self) -> int:
        return self.total

    async def __aiter__(self) -> AsyncIterator[tuple[str, ModelAlternation]]:
        """Yield requests as the batch draws them; a row that cannot be read, or is saved, is reported instead."""
        ordered = in_order(self.catalogue, self.remembered, retry_failed=self.retry_failed)
        async with contextlib.aclosing(ordered):
            async for row in ordered:
                if isinstance(row, Complaint):
                    self.desk.record(line_refused(row.line, row.text))
                elif not await self._is_saved(row):
                    self._rows[row.key] = row
                    self.board.follow(Job(image=row.image, key=row.key, request=row.request))
                    yield row.key, row.request

    async def buy_all(self, client: AidgeClient) -> None:
        """Buy all rows, and report each as it ends."""
        async with anyio.create_task_group() as beside:
            async with client.batch(
                self,
                window=self.window,
                save_to=self.desk.wishes.folder,
                deadline=self.desk.wishes.deadline,
                retry_failed=self.retry_failed,
            ) as batch:
                beside.start_soon(self._heed_signals, client, batch)
                beside.start_soon(self._tell, batch)
                async for outcome in batch:
                    self._end(outcome)
            beside.cancel_scope.cancel()

    def close_outstanding(self, reason: str, error_type: str) -> None:
        """Report all rows that are under way: the command stops."""
        for job in self.board.jobs:
            row = self._rows.pop(job.key or "")
            self._recall(job)
            line = line_cut_off(row, job, reason, error_type)
            self.desk.record(line, quiet=line.outcome != "in_doubt")

    def _end(self, outcome: Outcome[GeneratedImages]) -> None:
        job, row = self.board.forget(outcome.key), self._rows.pop(outcome.key)
        if self.stopped and isinstance(outcome, NotSubmitted) and isinstance(outcome.error, NotSentError):
            return self.desk.record(line_cut_off(row, job, "interrupted", "Interrupted"), quiet=True)
        return self.desk.record(line_of(row, outcome, request_id=job.request_id))

    async def _is_saved(self, row: Row) -> bool:
        """Report a row whose pictures an earlier run saved: the gateway need not be asked, and may have forgotten."""
        folder = self.desk.wishes.folder
        if self.remembered is None or folder is None:
            return False
        entry = await self.remembered.saved(row.key, row.request, folder)
        if entry is not None:
            self.desk.record(line_saved(row, entry))
        return entry is not None

    def _recall(self, job: Job) -> None:
        """Take what the journal says of a job: a task that an earlier run submitted was in no event of this one."""
        with contextlib.suppress(JournalError):
            entry = None if self.remembered is None else self.remembered.entry(job.key or "")
            if entry is not None:
                job.token, job.task_id = job.token or entry.token, job.task_id or entry.task_id
                job.under_way = entry.state in {State.SENDING, State.IN_DOUBT}

    async def _heed_signals(self, client: AidgeClient, batch: Batch[GeneratedImages]) -> None:
        numbers = heeded_signals()
        if not numbers:
            return await tell_of_stopping(self._under_way, self.desk.display.notice)

        def on_stop(seconds: float) -> None:
            self.stopped = True
            running = counted(batch.statistics().in_flight, "task")
            self.desk.display.notice(
                f"stopping: nothing more is submitted, {running} under way may end within {lasting(seconds)}; Ctrl-C "
                "again leaves at once"
            )

        patience = self.desk.wishes.deadline or Deadlines().task
        return await finish_when_told(numbers, drain=client.drain, patience=patience, on_stop=on_stop)

    def _under_way(self) -> bool:
        return any(job.under_way for job in self.board.jobs)

    async def _tell(self, batch: Batch[GeneratedImages]) -> None:
        """Keep the display up to date, and tell a log of it where nothing is drawn."""
        ticks = 0
        while True:
            self.desk.display.tell(batch.statistics())
            await anyio.sleep(_REFRESH_EVERY)
            ticks += 1
            if not self.desk.display.drawn and ticks % _TELL_EVERY == 0:
                self.desk.display.notice(self.desk.display.sentence())
