"""
What became of each image, as the values that `--json` prints.

Printing them is `output.py`'s matter, finding them out is `errands.py`'s.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import attrs
import imagesize

from aidge_async import AidgeError, BudgetError, SubmissionInDoubtError, TaskFailedError
from aidge_async.cli.exits import Exit
from aidge_async.cli.jobs import Job
from aidge_async.errors import Billable

Outcome: TypeAlias = Literal["succeeded", "not_submitted", "failed", "unfinished", "in_doubt"]

# Nothing more can be bought before somebody gives leave: the vendor, or with a budget the owner.
_NO_LEAVE: Final = frozenset({"BudgetError", "CredentialsError", "QuotaError"})


def exit_code_of(outcome: Outcome, error_type: str | None) -> Exit:
    """Return what one outcome alone means for the command's exit code."""
    if error_type in _NO_LEAVE:
        return Exit.REFUSED
    if outcome == "in_doubt":
        return Exit.IN_DOUBT
    return Exit.GOOD if outcome == "succeeded" else Exit.INCOMPLETE


@attrs.frozen(kw_only=True)
class Record:
    """
    Hold one line of `--json`: one picture that was saved, or one image that gave none.

    The keys stay what they are; new ones may come. Every key is in every line, `null` where there is nothing to say.

    Args:
        image: The image as it was typed, a URL without its query; `null` where a task was resumed by its token.
        key: What saved pictures are called after, different for each image of one run.
        outcome: `succeeded` · `not_submitted` (never accepted: refused, or never sent) · `failed` (accepted, then
            failed at the gateway) · `unfinished` (accepted, and not seen to its end or not saved: resume the token) ·
            `in_doubt` (sent, and no certain answer; perhaps accepted).
        number: The picture's number among those of its image, from 1.
        task_id: The gateway's id of the task.
        token: What `aidge-async task` takes.
        request_id: The gateway's id of the last call that told something; its support asks for it.
        path: Where the picture was saved.
        width_px: The saved picture's width.
        height_px: Its height.
        error: One sentence on what went wrong.
        error_type: The error's class in `aidge_async`, or `Interrupted`.
        code: The gateway's own code.
        billable: Whether it may be billed: `yes`, `no` or `unknown`.
    """

    image: str | None
    key: str | None = None
    outcome: Outcome
    number: int | None = None
    task_id: str | None = None
    token: str | None = None
    request_id: str | None = None
    path: str | None = None
    width_px: int | None = None
    height_px: int | None = None
    error: str | None = None
    error_type: str | None = None
    code: str | None = None
    billable: Billable

    @property
    def exit_code(self) -> Exit:
        """Return what this record alone means for the command's exit code."""
        return exit_code_of(self.outcome, self.error_type)

    def line(self) -> str:
        """Return the record as one line of JSON."""
        return json.dumps(attrs.asdict(self))


def succeeded(job: Job, paths: Sequence[Path], *, request_id: str | None) -> list[Record]:
    """Return a record for each saved picture of *job*."""
    return [_saved(job, path, number, request_id) for number, path in enumerate(paths, start=1)]


def succeeded_unsaved(job: Job, *, request_id: str | None) -> Record:
    """Return the record of a task that succeeded and whose pictures were not wanted."""
    return Record(outcome="succeeded", billable="yes", **_facts(job, request_id))


def ended_by(job: Job, error: AidgeError) -> Record:
    """Return the record of *job* where *error* ended the work on it."""
    return Record(
        outcome=_outcome_of(error, accepted=job.token is not None),
        error=error.summary,
        error_type=type(error).__name__,
        code=error.code,
        billable=error.billable,
        **_facts(job, error.request_id),
    )


def not_tried(job: Job, error: AidgeError) -> Record:
    """Return the record of *job* where the account was refused, or the budget used up, before its turn came."""
    why = (
        "the budget is used up"
        if isinstance(error, BudgetError)
        else f"the gateway refuses this account (code {error.code})"
    )
    return Record(
        outcome="not_submitted",
        error=f"not sent, because {why}",
        error_type=type(error).__name__,
        billable="no",
        **_facts(job, None),
    )


def cut_off(job: Job, reason: str, error_type: str) -> Record:
    """Return the record of *job* where the command itself was stopped."""
    if job.token is not None:
        return _stopped(job, "unfinished", f"{reason}; the task goes on at the gateway", error_type, "yes")
    if job.under_way:
        told = f"{reason} while the answer was awaited; look into the vendor's console before you submit it again"
        return _stopped(job, "in_doubt", told, error_type, "unknown")
    return _stopped(job, "not_submitted", f"{reason} before it was sent", error_type, "no")


def _stopped(job: Job, outcome: Outcome, error: str, error_type: str, billable: Billable) -> Record:
    return Record(outcome=outcome, error=error, error_type=error_type, billable=billable, **_facts(job, None))


def _saved(job: Job, path: Path, number: int, request_id: str | None) -> Record:
    width, height = imagesize.get(path)
    known = width > 0 and height > 0
    return Record(
        outcome="succeeded",
        number=number,
        path=str(path),
        width_px=int(width) if known else None,
        height_px=int(height) if known else None,
        billable="yes",
        **_facts(job, request_id),
    )


def _facts(job: Job, request_id: str | None) -> dict[str, Any]:
    return {
        "image": job.image,
        "key": job.key,
        "task_id": job.task_id,
        "token": job.token,
        "request_id": request_id or job.request_id,
    }


def _outcome_of(error: AidgeError, *, accepted: bool) -> Outcome:
    if isinstance(error, SubmissionInDoubtError):
        return "in_doubt"
    if isinstance(error, TaskFailedError):
        return "failed"
    return "unfinished" if accepted else "not_submitted"
