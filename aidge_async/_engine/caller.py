"""
One call to the gateway: sent once, and what came back is judged; and how often a caller may be patient.

Whether to send again is `_core/retry.py`'s decision and its callers' doing.
"""

import math
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Final, TypeVar

from aidge_async import events
from aidge_async._core import retry
from aidge_async._core.call import Call, Reply, TransportError, Way
from aidge_async._core.envelope import Declined, TaskFailed, Unreadable
from aidge_async._core.retry import NoSuccess, Ruling
from aidge_async._engine.news import News
from aidge_async.ports import Limiter, Permit, Transport

AnswerT = TypeVar("AnswerT")

_RATE_SECOND: Final = 1.0  # what a refused call waits where nobody names a wait: limits are counted in seconds


class Caller:
    """
    Send calls and judge what comes back.

    Args:
        transport: Carries calls.
        limiter: Grants permits.
        news: Is told of a corrected clock.
        wall_clock: Epoch seconds.
    """

    def __init__(
        self, transport: Transport, limiter: Limiter, news: News, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._transport = transport
        self._limiter = limiter
        self._news = news
        self._wall_clock = wall_clock

    async def permit(self, call: Call) -> Permit:
        """Wait for the leave to send *call* once; it must be released."""
        return await self._limiter.acquire(call)

    async def ask(
        self,
        call: Call,
        read: Callable[[Reply], AnswerT | NoSuccess],
        *,
        task_age: float = math.inf,
        way: Way | None = None,
    ) -> AnswerT | Ruling:
        """
        Send *call* once, under a permit that the caller holds; return its answer, or the ruling where it is none.

        Args:
            call: What to send.
            read: Reads the reply.
            task_age: Seconds since the submit of the task that a query asks after.
            way: Is told how far the call came, should this be cancelled.
        """
        try:
            reply = await self._transport.send(call, way)
        except TransportError as exc:
            ruling = retry.judge(call.kind, exc, now=self._wall_clock())
            ruling.error.__cause__ = exc
            return ruling
        answer = read(reply)
        if not isinstance(answer, (Declined, Unreadable, TaskFailed, TransportError)):
            self._limiter.answered(call)
            return answer
        return self._ruled(call, reply, retry.judge(call.kind, answer, now=self._wall_clock(), task_age=task_age))

    def _ruled(self, call: Call, reply: Reply, ruling: Ruling) -> Ruling:
        if ruling.holds_path:
            self._limiter.refused(call, _named_wait(ruling))
        else:
            self._limiter.answered(call)
        if ruling.corrects_clock:
            offset = self._transport.correct_clock(reply.fields.get("date", ""))
            if offset is not None:
                self._news.tell(events.ClockCorrected(offset=offset))
        return ruling


def _named_wait(ruling: Ruling) -> float | None:
    """Return the seconds for which the gateway wants no call; `None` where only we say so: the limiter knows better."""
    if ruling.wait is None or (ruling.error.retry_after is None and ruling.wait <= _RATE_SECOND):
        return None
    return min(ruling.wait, retry.LONGEST_HINT)


class Patience:
    """
    Say how long to wait after each failure of one call, until it is to be given up.

    Args:
        jitter: A random number from 0 to 1.
    """

    def __init__(self, jitter: Callable[[], float] = random.random) -> None:
        self._jitter = jitter
        self._failures = 0
        self._clock_corrected = False
        self._sightings: Counter[str | None] = Counter()

    def wait_after(self, ruling: Ruling) -> float | None:
        """Return the seconds to wait before the call is sent again, or `None`: it is given up."""
        if not ruling.again:
            return None
        if ruling.corrects_clock:
            again = not self._clock_corrected
            self._clock_corrected = True
            return 0.0 if again else None
        if ruling.sightings is not None:
            self._sightings[ruling.error.code] += 1
            if self._sightings[ruling.error.code] >= ruling.sightings:
                return None
        self._failures += 1
        return retry.backoff(self._failures - 1, self._jitter()) if ruling.wait is None else ruling.wait

    def restore(self) -> None:
        """Forget the failures, and what was seen of a verdict: an answer came that says otherwise."""
        self._failures = 0
        self._sightings.clear()
        self._clock_corrected = False
