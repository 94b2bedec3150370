"""
Carries a catalogue out through the library's batch, and keeps of each row only what is under way.

How outcomes are written is `batch_desk.py`'s matter. Nothing is decided here about an answer of the gateway.
"""

from collections.abc import Iterator
from typing import Final

import anyio
import attrs

from aidge_async import AidgeClient, Batch, GeneratedImages, ModelAlternation, Outcome
from aidge_async.cli.batch_desk import BatchDesk
from aidge_async.cli.catalogue import Catalogue, Row
from aidge_async.cli.errands import tell_of_stopping
from aidge_async.cli.jobs import Board, Job
from aidge_async.cli.manifest_lines import Complaint
from aidge_async.cli.report import line_cut_off, line_of, line_refused

_REFRESH_EVERY: Final = 1.0  # seconds
_TELL_EVERY: Final = 60  # refreshes; what a log of hours still bears


@attrs.frozen(kw_only=True)
class Purchases:
    """
    Buy the rows of a catalogue.

    Args:
        catalogue: The rows; checked before.
        board: Follows the client's events.
        total: How many rows are bought.
        desk: Takes what becomes of them.
        window: Rows under way at once.
    """

    catalogue: Catalogue
    board: Board
    total: int
    desk: BatchDesk
    window: int
    _rows: dict[str, Row] = attrs.field(init=False, factory=dict)

    @property
    def begun(self) -> bool:
        """Return whether anything may have been sent."""
        return bool(self._rows)

    def __len__(self) -> int:
        return self.total

    def __iter__(self) -> Iterator[tuple[str, ModelAlternation]]:
        """Yield requests as the batch draws them; a row that cannot be read is reported instead."""
        for row in self.catalogue:
            if isinstance(row, Complaint):
                self.desk.record(line_refused(row.line, row.text))
                continue
            self._rows[row.key] = row
            self.board.follow(Job(image=row.image, key=row.key, request=row.request))
            yield row.key, row.request

    async def buy_all(self, client: AidgeClient) -> None:
        """Buy all rows, and report each as it ends."""
        async with anyio.create_task_group() as beside:
            beside.start_soon(tell_of_stopping, self._under_way, self.desk.display.notice)
            async with client.batch(
                self, window=self.window, save_to=self.desk.wishes.folder, deadline=self.desk.wishes.deadline
            ) as batch:
                beside.start_soon(self._tell, batch)
                async for outcome in batch:
                    self._end(outcome)
            beside.cancel_scope.cancel()

    def close_outstanding(self, reason: str, error_type: str) -> None:
        """Report all rows that are under way: the command stops."""
        for job in self.board.jobs:
            row = self._rows.pop(job.key or "")
            line = line_cut_off(row, job, reason, error_type)
            self.desk.record(line, quiet=line.outcome != "in_doubt")

    def _end(self, outcome: Outcome[GeneratedImages]) -> None:
        job, row = self.board.forget(outcome.key), self._rows.pop(outcome.key)
        self.desk.record(line_of(row, outcome, request_id=job.request_id))

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
