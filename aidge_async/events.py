"""
What observers are told, as plain values: one vocabulary for progress bars, spans, logs and tests.

No secret, no signed link and no object of the library may be held by an event.
"""

from typing import TypeAlias

import attrs


@attrs.frozen(kw_only=True)
class ImageWarned:
    """An image meets a documented limit in one reading only, or seems to be cut; it is sent all the same."""

    key: str
    warning: str


@attrs.frozen(kw_only=True)
class SubmitStarted:
    """The permit is granted and the intent is recorded; the call leaves now."""

    key: str
    attempt: int
    permit_wait: float
    """Seconds from asking for the permit to having it."""
    size_bytes: int


@attrs.frozen(kw_only=True)
class SubmitPostponed:
    """The call was certainly not processed and is sent again after *wait* seconds."""

    key: str
    attempt: int
    wait: float
    reason: str


@attrs.frozen(kw_only=True)
class TaskAccepted:
    """The gateway named a task; it is recorded by now."""

    key: str
    task_id: str
    token: str
    request_id: str | None
    took: float
    """Seconds from the call's leaving to its answer."""


@attrs.frozen(kw_only=True)
class AcceptanceUnrecorded:
    """A task was accepted and the journal could not take it, however often it was tried: keep the token, it is paid."""

    key: str
    task_id: str
    token: str
    reason: str


@attrs.frozen(kw_only=True)
class TaskRecovered:
    """A task that another process left behind is followed from now on."""

    key: str
    task_id: str
    token: str


@attrs.frozen(kw_only=True)
class RecordFailed:
    """
    What became of a task, or of a submit (*task_id* is empty then), could not be recorded, pictures that another
    process left unsaved could not be saved, or what was planned could not be sent; it is tried again later.
    """

    task_id: str
    reason: str


@attrs.frozen(kw_only=True)
class TaskUnclaimed:
    """A task's caller was cancelled before it held the handle or the result; `AidgeClient.unclaimed` has its token."""

    key: str
    token: str


@attrs.frozen(kw_only=True)
class SubmitRefused:
    """The gateway certainly did not process the submission, or it was never sent, and it is given up."""

    key: str
    reason: str
    code: str | None


@attrs.frozen(kw_only=True)
class SubmitInDoubt:
    """The submission was sent and no certain answer came."""

    key: str
    reason: str


@attrs.frozen(kw_only=True)
class SubmitsPaused:
    """
    Too many submissions of a batch in a row are in doubt, or what was planned cannot be sent: none is sent for *wait*
    seconds, then one to try.
    """

    wait: float


@attrs.frozen(kw_only=True)
class TaskPolled:
    """The gateway said that a task is not done yet."""

    task_id: str
    word: str
    """The gateway's own status word."""
    known: bool
    """Whether this library knows the word; an unknown one means running."""
    age: float
    """Seconds since the submit."""


@attrs.frozen(kw_only=True)
class PollFaulted:
    """A query failed in a way that may pass; it is asked again after *wait* seconds."""

    task_id: str
    wait: float
    reason: str


@attrs.frozen(kw_only=True)
class TaskSettled:
    """A task is done, one way or the other."""

    task_id: str
    succeeded: bool
    reason: str
    """Empty for a success."""
    age: float
    """Seconds since the submit."""


@attrs.frozen(kw_only=True)
class ClockCorrected:
    """The gateway rejected our time; calls are signed with its own from now on."""

    offset: float
    """Seconds that the gateway is ahead of this machine."""


@attrs.frozen(kw_only=True)
class PictureSaved:
    """A picture is on disk under its final name."""

    task_id: str
    path: str
    size_bytes: int


Event: TypeAlias = (
    ImageWarned
    | SubmitStarted
    | SubmitPostponed
    | TaskAccepted
    | AcceptanceUnrecorded
    | TaskRecovered
    | RecordFailed
    | TaskUnclaimed
    | SubmitRefused
    | SubmitInDoubt
    | SubmitsPaused
    | TaskPolled
    | PollFaulted
    | TaskSettled
    | ClockCorrected
    | PictureSaved
)
