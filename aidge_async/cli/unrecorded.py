"""
Tells a person what the journal could not take and what could not be saved of earlier runs, a line each.

A full disk fails for every task and every second in the same words, so what was said is not said again.
"""

from collections.abc import Callable
from typing import Final

from aidge_async import events
from aidge_async.cli.wording import as_written

_MOST_TOLD: Final = 10  # their cause is most often the same; a token is told whatever was told before


class Unrecorded:
    """
    Turn two kinds of events into lines.

    Args:
        tell: Writes a line for a person.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._told: set[str] = set()

    def heard(self, event: events.AcceptanceUnrecorded | events.RecordFailed) -> None:
        """Tell of one of the two."""
        if isinstance(event, events.RecordFailed):
            self._failed(event)
        else:
            self._accepted(event)

    def _accepted(self, event: events.AcceptanceUnrecorded) -> None:
        """Say as plainly as can be that something is paid which nobody remembers."""
        self._tell(f"task {event.task_id} ({event.key}) is paid and not in the journal; keep its token: {event.token}")

    def _failed(self, event: events.RecordFailed) -> None:
        """Say what is found out again later, once."""
        reason = as_written(event.reason)
        line = f"task {event.task_id}: {reason}" if event.task_id else reason
        if line in self._told or len(self._told) > _MOST_TOLD:
            return
        self._told.add(line)
        full = len(self._told) > _MOST_TOLD
        self._tell("what else cannot be recorded or saved is not told one by one" if full else line)
