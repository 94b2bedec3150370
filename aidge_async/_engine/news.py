"""
Tells observers and the log what happens.

It decides nothing, and nothing that goes wrong in an observer may reach the caller.
"""

import logging
from collections.abc import Sequence
from typing import Any, Final, cast

import attrs

from aidge_async import events
from aidge_async._core import lifecycle
from aidge_async.ports import Observer

logger = logging.getLogger("aidge_async")

# What a person must hear of without having asked; all else is told at DEBUG.
_LEVELS: Final = {
    events.ImageWarned: logging.WARNING,
    events.SubmitInDoubt: logging.WARNING,
    events.SubmitsPaused: logging.WARNING,
    events.ClockCorrected: logging.WARNING,
    events.TaskUnclaimed: logging.WARNING,
    events.AcceptanceUnrecorded: logging.CRITICAL,
    events.RecordFailed: logging.WARNING,
}


class News:
    """
    Pass events on.

    Args:
        observers: Who is told, in order.
    """

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = observers
        self._unknown_words: set[str] = set()

    def tell(self, event: events.Event) -> None:
        """Log *event* and tell every observer; links are cut out of its reason."""
        event = _without_links(event)
        level = self._level(event)
        if logger.isEnabledFor(level):
            logger.log(level, "%s %s", type(event).__name__, attrs.asdict(event))
        for observer in self._observers:
            try:
                observer(event)
            except Exception:
                logger.exception("observer failed: %s", type(event).__name__)

    def _level(self, event: events.Event) -> int:
        if isinstance(event, events.TaskPolled) and not event.known and event.word not in self._unknown_words:
            self._unknown_words.add(event.word)  # said once; an unknown word means running
            return logging.WARNING
        return _LEVELS.get(type(event), logging.DEBUG)


def _without_links(event: events.Event) -> events.Event:
    """The gateway's words may repeat the picture's link, which may be signed."""
    told: Any = event  # most events have a reason, and the checker takes evolve for all of them together
    reason: str | None = getattr(told, "reason", None)
    cut = lifecycle.without_links(reason)
    return event if cut == reason else cast("events.Event", attrs.evolve(told, reason=cut))
