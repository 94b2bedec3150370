"""
What became of each request of a batch, as a union of small classes, and how long each part of it took.

How that comes about belongs to `_engine/batch.py`.
"""

from pathlib import Path
from typing import Generic, TypeAlias

import attrs

from aidge_async._core.operation import ResultT_co, TaskRequest
from aidge_async.errors import AidgeError, SubmissionInDoubtError


@attrs.frozen(kw_only=True)
class Timeline:
    """
    Say where one request's time went, in seconds; the parts add up to `total`.

    Args:
        permit_wait: From being drawn to leaving: reading the picture, waiting for the permit, and attempts that were
            certainly not processed.
        submit: From leaving to the recorded answer.
        at_gateway: From then to the task's end. When that was is known only to lie between the last poll that found it
            running and the first that found it done; the middle of the two is taken.
        detection_delay: From the task's end, so taken, to our knowing of it.
        saving: From knowing to the last picture on disk; 0 where nothing is saved.
    """

    permit_wait: float = 0.0
    submit: float = 0.0
    at_gateway: float = 0.0
    detection_delay: float = 0.0
    saving: float = 0.0

    @property
    def total(self) -> float:
        """Return the seconds from being drawn to this outcome."""
        return self.permit_wait + self.submit + self.at_gateway + self.detection_delay + self.saving


@attrs.frozen(kw_only=True)
class _About(Generic[ResultT_co]):
    """
    Hold what every outcome tells.

    Args:
        index: Place of the request among those drawn, from 0.
        request: What was asked for.
        key: Its key; one that was made for it where the caller gave none, so that events can be told together.
        timeline: Where its time went.
        task_id: The gateway's id of the task; `None` where none is known.
        token: Resumes the task; `None` where there is none.
    """

    index: int
    request: TaskRequest[ResultT_co] = attrs.field(repr=False)
    key: str
    timeline: Timeline = attrs.field(repr=False)
    task_id: str | None = None
    token: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class Succeeded(_About[ResultT_co]):
    """
    The task is done and its result is here.

    Args:
        result: What `AidgeClient.run` would return.
        paths: Where its pictures were saved; empty without `save_to`.
    """

    result: ResultT_co
    paths: tuple[Path, ...] = ()


@attrs.frozen(kw_only=True)
class NotSubmitted(_About[ResultT_co]):
    """
    Never accepted: refused by this library or by the gateway, or never sent. Nothing is billed unless *error* says so.

    Args:
        error: Why.
    """

    error: AidgeError


@attrs.frozen(kw_only=True)
class Failed(_About[ResultT_co]):
    """
    Accepted, then failed at the gateway.

    Args:
        error: What the gateway says.
    """

    error: AidgeError


@attrs.frozen(kw_only=True)
class Unfinished(_About[ResultT_co]):
    """
    Accepted, and not brought to its end: still running at its deadline, or its pictures not saved. Resume its token.

    Args:
        error: What kept it.
        token: Resumes the task.
    """

    error: AidgeError
    token: str = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class InDoubt(_About[ResultT_co]):
    """
    Sent, and no certain answer: perhaps accepted, and never sent again unasked.

    Args:
        error: What happened.
    """

    error: SubmissionInDoubtError


Outcome: TypeAlias = (
    Succeeded[ResultT_co] | NotSubmitted[ResultT_co] | Failed[ResultT_co] | Unfinished[ResultT_co] | InDoubt[ResultT_co]
)


@attrs.frozen(kw_only=True)
class BatchStatistics:
    """
    Say how far a batch is.

    Args:
        total: Requests in all, where their number can be known without drawing them.
        drawn: Requests drawn so far.
        in_flight: Tasks accepted and not at their end.
        succeeded: Outcomes of this kind so far; the next four likewise.
        pictures_asked: Pictures asked for by the tasks that were accepted.
        pictures_delivered: Pictures of the tasks that succeeded; may be fewer than asked for.
        rate: Outcomes a second lately, `None` before the second one.
        time_left: Seconds until all are done at this rate, `None` where that cannot be said.
    """

    total: int | None
    drawn: int
    in_flight: int
    succeeded: int
    not_submitted: int
    failed: int
    unfinished: int
    in_doubt: int
    pictures_asked: int
    pictures_delivered: int
    rate: float | None
    time_left: float | None

    @property
    def done(self) -> int:
        """Return how many requests have their outcome."""
        return self.succeeded + self.not_submitted + self.failed + self.unfinished + self.in_doubt
