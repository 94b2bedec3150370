"""
One submission, from the wish to a task id: permit, journal, signature, POST, in this order and no other.

A submit is sent again only where it was certainly not processed, and a task id is recorded before anything else is
done with it. What an answer means is `_core/retry.py`'s decision; when to poll is the poller's.
"""

import itertools
from collections.abc import Callable
from typing import Final, TypeAlias
from uuid import uuid4

import anyio
import attrs

from aidge_async import events
from aidge_async._core import retry
from aidge_async._core.call import Call, Phase, TransportError, Way
from aidge_async._core.envelope import Accepted, read_submit
from aidge_async._core.lifecycle import Entry, State
from aidge_async._core.retry import Ruling
from aidge_async._engine.caller import Caller, Patience
from aidge_async._engine.gate import Gate
from aidge_async._engine.news import News
from aidge_async._engine.shield import Shielded
from aidge_async.errors import AidgeError, DeadlineError, JournalError, NotSentError, SubmissionInDoubtError
from aidge_async.ports import Journal, Permit
from aidge_async.tuning import Deadlines

# Seconds between attempts to record an accepted task; no cancellation cuts them short.
_RECORD_AGAIN: Final = (0.1, 0.4, 1.5)


@attrs.define
class Progress:
    """
    Note how far a submission has come, for who ordered it, whatever ends it.

    Args:
        key: Its name in the journal and in events.
        sent_at: Moment on the event loop's clock at which its latest attempt left.
        answered_at: Moment at which that attempt's answer was recorded.
        token: What resumes its task, once it is accepted.
    """

    key: str = attrs.field(factory=lambda: uuid4().hex)
    sent_at: float | None = None
    answered_at: float | None = None
    token: str | None = None


@attrs.frozen(kw_only=True)
class Submission:
    """
    Hold one submission that is wanted.

    Args:
        call: What is sent.
        entry: What is recorded of it, planned.
        deadline: Moment on the event loop's clock at which to give up; infinite for none.
        gate: What it has to pass before it leaves.
        progress: Is kept up to date.
        make_token: Makes the token of a task id and the epoch second of the submit.
        instead_of: Token of the failed task in whose place it is bought; empty for none.
    """

    call: Call = attrs.field(repr=False)
    entry: Entry
    deadline: float
    gate: Gate
    progress: Progress
    make_token: Callable[[str, float], str] = attrs.field(repr=False)
    instead_of: str = ""


@attrs.frozen(kw_only=True)
class Receipt:
    """Hold what a submission brought: the gateway's task and our token for it."""

    task_id: str
    token: str
    request_id: str | None


_Answer: TypeAlias = Receipt | Ruling


class Submitter:
    """
    Submit.

    Args:
        caller: Sends calls.
        journal: Remembers intents and task ids.
        news: Is told what happens.
        deadlines: How long to wait.
        budget: Pictures that may be billed in all; `None`: no limit of ours.
        wall_clock: Epoch seconds.
    """

    def __init__(
        self,
        caller: Caller,
        journal: Journal,
        news: News,
        *,
        deadlines: Deadlines,
        budget: int | None,
        wall_clock: Callable[[], float],
    ) -> None:
        self._caller = caller
        self._journal = journal
        self._news = news
        self._deadlines = deadlines
        self._budget = budget
        self._wall_clock = wall_clock

    async def submit(self, submission: Submission) -> Receipt:
        """
        Return the receipt of an accepted task.

        Raises:
            AidgeError: It was refused, not sent, or is in doubt; `billable` and `resend_safe` tell.
        """
        patience = Patience()
        give_up_at = submission.deadline
        refused: AidgeError | None = None
        for attempt in itertools.count(1):
            try:
                answer = await self._attempt(submission, attempt)
            except DeadlineError:
                if refused is None:
                    raise
                raise self._ended(submission, refused) from None  # why it had to wait so long says more
            if isinstance(answer, Receipt):
                return answer
            refused = answer.error
            give_up_at = self._give_up_at(submission, answer, give_up_at)
            wait = patience.wait_after(answer)
            if wait is None or anyio.current_time() + wait >= give_up_at:
                raise self._ended(submission, answer.error)
            key = submission.entry.key
            self._news.tell(events.SubmitPostponed(key=key, attempt=attempt, wait=wait, reason=str(answer.error)))
            with submission.gate.waiting(key):
                await anyio.sleep(wait)
        raise AssertionError  # pragma: no cover  the count has no end

    def _give_up_at(self, submission: Submission, answer: Ruling, before: float) -> float:
        """Return when to give up: while nothing at all can be sent, patience is shorter than the deadline."""
        if not isinstance(answer.error, NotSentError) or self._deadlines.unreachable is None:
            return submission.deadline
        return min(before, anyio.current_time() + self._deadlines.unreachable)

    def _ended(self, submission: Submission, error: AidgeError) -> AidgeError:
        key = submission.entry.key
        if isinstance(error, SubmissionInDoubtError):
            self._news.tell(events.SubmitInDoubt(key=key, reason=str(error)))
        else:
            self._news.tell(events.SubmitRefused(key=key, reason=str(error), code=error.code))
        return error.about(key=key)

    async def _attempt(self, submission: Submission, attempt: int) -> _Answer:
        permit = await self._permit(submission)
        answer: _Answer | None = None
        submission.progress.sent_at = None
        try:
            shielded: Shielded[_Answer] = Shielded(
                lambda: self._send(submission, attempt, permit.waited, shielded), self._deadlines.shield
            )
            try:
                answer = await shielded.run()
            except anyio.get_cancelled_exc_class():
                answer = shielded.result
                if isinstance(answer, Receipt):
                    self._news.tell(events.TaskUnclaimed(key=submission.entry.key, token=answer.token))
                raise
            return answer
        finally:
            permit.release()
            submission.gate.brake.told(in_doubt=_is_in_doubt(answer, submission.progress))

    async def _permit(self, submission: Submission) -> Permit:
        """Return a permit with which the gate lets the submission out."""
        gate = submission.gate
        try:
            while True:
                with gate.waiting(submission.entry.key, submission.deadline):
                    await gate.brake.released()
                    permit = await self._caller.permit(submission.call)
                if not gate.is_shut and gate.brake.enter():
                    return permit
                permit.release()
        except TimeoutError:
            raise DeadlineError(
                "the deadline passed while waiting for a permit, nothing was sent; allow more time or raise Limits",
                key=submission.entry.key,
                billable="no",
                resend_safe=True,
            ) from None

    async def _send(self, submission: Submission, attempt: int, waited: float, shielded: Shielded[_Answer]) -> _Answer:
        """Send once, between the intent and the record of the answer; nothing in here is torn apart."""
        await self._record(submission, State.SENDING)
        if shielded.abandoned:
            await self._record(submission, State.PLANNED)
            return retry.judge("submit", TransportError(Phase.NOT_SENT, "cancelled"), now=self._wall_clock())
        size_bytes = submission.call.content.size_bytes if submission.call.content else 0
        self._news.tell(
            events.SubmitStarted(key=submission.entry.key, attempt=attempt, permit_wait=waited, size_bytes=size_bytes)
        )
        sent_at = self._wall_clock()
        submission.progress.sent_at = anyio.current_time()
        way = Way()
        try:
            answer = await self._answer(submission, way)
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await self._cancelled(submission, way.phase)
            raise
        if isinstance(answer, Accepted):
            return await self._accepted(submission, answer, sent_at)
        if answer.again:
            await self._record(submission, State.PLANNED, reason=str(answer.error))
        else:
            await self._record_end(submission, _end_after(answer), str(answer.error))
        submission.progress.answered_at = anyio.current_time()
        return answer

    async def _cancelled(self, submission: Submission, phase: Phase) -> None:
        if phase is Phase.NOT_SENT:
            submission.progress.sent_at = None
            return await self._record(submission, State.PLANNED)
        await self._record_end(submission, State.IN_DOUBT, "cancelled while waiting for the answer")
        return self._news.tell(events.SubmitInDoubt(key=submission.entry.key, reason="cancelled"))

    async def _answer(self, submission: Submission, way: Way) -> Accepted | Ruling:
        within = min(self._deadlines.submit + self._deadlines.connect, submission.deadline - anyio.current_time())
        with anyio.move_on_after(within):
            return await self._caller.ask(submission.call, read_submit, way=way)
        missed = "connection" if way.phase is Phase.NOT_SENT else "answer"
        lost = TransportError(way.phase, f"no {missed} within {max(within, 0):.0f} s")
        return retry.judge("submit", lost, now=self._wall_clock())

    async def _accepted(self, submission: Submission, answer: Accepted, sent_at: float) -> Receipt:
        answered_at = anyio.current_time()
        token = submission.make_token(answer.task_id, sent_at)
        with anyio.CancelScope(shield=True):  # it is paid: a caller's patience that ends now must not lose it
            await self._record_accepted(submission, answer.task_id, token)
        progress, key = submission.progress, submission.entry.key
        progress.token, progress.answered_at = token, anyio.current_time()
        took = answered_at - (progress.sent_at or answered_at)
        self._news.tell(
            events.TaskAccepted(key=key, task_id=answer.task_id, token=token, request_id=answer.request_id, took=took)
        )
        return Receipt(task_id=answer.task_id, token=token, request_id=answer.request_id)

    async def _record_accepted(self, submission: Submission, task_id: str, token: str) -> None:
        """Record a task id, and where that fails again and again, say it as loudly as we can: it is paid."""
        key = submission.entry.key
        for wait in (*_RECORD_AGAIN, None):
            try:
                return await self._record(submission, State.ACCEPTED, token=token, task_id=task_id)
            except JournalError as exc:
                if wait is None:
                    self._news.tell(events.AcceptanceUnrecorded(key=key, task_id=task_id, token=token, reason=str(exc)))
                    raise JournalError(
                        f"task {task_id} was accepted and could not be recorded ({exc}); keep its token: it is paid",
                        key=key,
                        task_id=task_id,
                        token=token,
                        billable="yes",
                        resend_safe=False,
                    ) from exc
                await anyio.sleep(wait)
        raise AssertionError  # pragma: no cover  the last wait raises

    async def _record_end(self, submission: Submission, state: State, reason: str) -> None:
        """Record an answer that is no task; where that fails, the caller hears of the answer, not of the journal."""
        try:
            await self._record(submission, state, reason=reason)
        except JournalError as exc:
            key = submission.entry.key
            self._news.tell(events.RecordFailed(task_id="", reason=f"{state.value} of {key!r}: {exc}"))

    async def _record(
        self,
        submission: Submission,
        state: State,
        *,
        token: str | None = None,
        task_id: str | None = None,
        reason: str | None = None,
    ) -> None:
        entry = attrs.evolve(
            submission.entry, state=state, at=self._wall_clock(), token=token, task_id=task_id, reason=reason
        )
        budget = self._budget if state is State.SENDING else None
        await self._journal.record(entry, budget=budget, instead_of=submission.instead_of)


def _end_after(ruling: Ruling) -> State:
    return State.IN_DOUBT if isinstance(ruling.error, SubmissionInDoubtError) else State.REFUSED


def _is_in_doubt(answer: _Answer | None, progress: Progress) -> bool | None:
    """Return whether an answer is in doubt; `None` where nothing came to the gateway, which so told nothing."""
    if answer is None:
        return None if progress.sent_at is None else True
    if isinstance(answer, Ruling) and isinstance(answer.error, NotSentError):
        return None
    return isinstance(answer, Ruling) and isinstance(answer.error, SubmissionInDoubtError)
