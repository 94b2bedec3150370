"""
What was learned about durations outlives the process: recalled at opening, kept every minute and at closing.

Losing it costs some polls, so no trouble with it is anybody's trouble.
"""

import logging
from typing import Final

import anyio

from aidge_async._core.schedule import Schedule
from aidge_async.errors import JournalError
from aidge_async.ports import DurableJournal

logger = logging.getLogger("aidge_async.knowledge")

_NAME: Final = "durations"
_SECONDS: Final = 60.0  # between two writes: what a killed process loses


class Knowledge:
    """
    Keep what a schedule learns.

    Args:
        journal: Keeps it.
        schedule: Learns.
    """

    def __init__(self, journal: DurableJournal, schedule: Schedule) -> None:
        self._journal = journal
        self._schedule = schedule

    async def recall(self) -> None:
        """Go on from what was kept."""
        try:
            self._schedule.restore(await self._journal.recall(_NAME))
        except (JournalError, ValueError) as exc:
            logger.info("knowledge.forgotten reason=%s", exc)

    async def keep(self) -> None:
        """Keep what is known now; of several processes the last one's is kept."""
        found = self._schedule.snapshot()
        if found is not None:
            try:
                await self._journal.remember(_NAME, found)
            except (JournalError, TypeError) as exc:
                logger.info("knowledge.unkept reason=%s", exc)

    async def watch(self) -> None:
        """Keep it again and again."""
        while True:
            await anyio.sleep(_SECONDS)
            await self.keep()
