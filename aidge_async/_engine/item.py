"""
One request on its way through a batch: what is known of it, and where its time went.

It moves nothing; `batch.py` does.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, Generic

import attrs

from aidge_async._core.operation import ResultT_co
from aidge_async._core.outcome import Timeline
from aidge_async._engine.buyer import Wish
from aidge_async._engine.poller import Poller


@attrs.define(kw_only=True, eq=False)
class Item(Generic[ResultT_co]):
    """
    Hold one request on its way.

    Args:
        index: Its place among those drawn.
        wish: What is asked for.
        drawn_at: Moment on the event loop's clock.
        bought_at: Moment at which its poller was here.
        poller: Knows its task.
        on_end: What the poller calls; `None` while it is not watched.
    """

    index: int
    wish: Wish[ResultT_co]
    drawn_at: float
    bought_at: float = math.inf
    poller: Poller[ResultT_co] | None = None
    on_end: Callable[[], None] | None = None

    @property
    def token(self) -> str | None:
        """Return what resumes its task, where it was accepted."""
        return self.wish.progress.token if self.poller is None else self.poller.token.text()

    @property
    def pictures(self) -> int:
        """Return how many pictures its task was accepted for."""
        return 0 if self.poller is None else self.poller.token.count

    def leave(self) -> None:
        """Watch its poller no longer."""
        if self.poller is not None and self.on_end is not None:
            self.poller.unwatch(self.on_end)
            self.on_end = None

    def about(self, now: float) -> Mapping[str, Any]:
        """Return what every outcome tells."""
        return {
            "index": self.index,
            "request": self.wish.request,
            "key": self.wish.progress.key,
            "timeline": self._timeline(now),
            "task_id": None if self.poller is None else self.poller.token.task_id,
            "token": self.token,
        }

    def _timeline(self, now: float) -> Timeline:
        bought, progress = min(self.bought_at, now), self.wish.progress
        left = bought if progress.sent_at is None else progress.sent_at
        if self.poller is None:
            return Timeline(permit_wait=left - self.drawn_at, submit=now - left)
        answered = bought if progress.answered_at is None else progress.answered_at
        known = now if self.poller.ended_at is None else max(answered, self.poller.ended_at)
        ended = now if self.poller.ended_at is None else (known + max(answered, self.poller.seen_running_at or 0.0)) / 2
        return Timeline(
            permit_wait=left - self.drawn_at,
            submit=answered - left,
            at_gateway=min(ended, known) - answered,
            detection_delay=known - min(ended, known),
            saving=now - known,
        )
