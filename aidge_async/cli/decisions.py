"""
What a person decides on an entry of the journal: what it may cost is said before, then it is recorded.

Nothing is sent here. What may be decided at all is told by `_core/lifecycle.py`'s table.
"""

from pathlib import Path
from typing import Final

import attrs

from aidge_async._core.lifecycle import Entry, State, may_decide
from aidge_async._core.token import Token
from aidge_async._io.sqlite_journal import SqliteJournal
from aidge_async._io.sqlite_reader import read_journal
from aidge_async.cli.entries import word
from aidge_async.cli.exits import UsageError
from aidge_async.cli.output import counted
from aidge_async.config import Settings

_BILLED: Final = {
    State.IN_DOUBT: "it was sent and got no certain answer, so {pictures} may be billed already",
    State.ABANDONED: "it was in doubt before it was abandoned, so {pictures} may be billed already",
    State.FAILED: "it failed at the gateway, and whether {pictures} are billed for that is not documented",
    State.REFUSED: "it was refused, which bills nothing",
}
_THEN: Final = {
    State.PLANNED: "the next run buys it, and {pictures} more may be billed",
    State.ABANDONED: "it is not bought again, and nothing more is billed",
    State.ACCEPTED: "the next run follows that task, and nothing more is billed",
}


@attrs.frozen(kw_only=True)
class Decision:
    """
    Hold what is to become of an entry.

    Args:
        state: What it is to be.
        task_id: The task that it is, where one was found.
        settings: Whose task that is, likewise.
    """

    state: State
    task_id: str | None = None
    settings: Settings | None = None

    def warning(self, entry: Entry) -> str:
        """Return what may be billed, and what comes next, in one sentence."""
        told = f"{entry.key!r}: {_BILLED[entry.state]}; {_THEN[self.state]}"
        return told.format(pictures=counted(entry.pictures, "picture"))

    def token(self, entry: Entry, submitted_at: float) -> str | None:
        """Return what resumes the task that was found."""
        if self.task_id is None or self.settings is None:
            return None
        return Token(
            region=self.settings.region_name,
            operation=entry.operation,
            task_id=self.task_id,
            trial=self.settings.trial,
            submitted_at=submitted_at,
            count=entry.pictures,
            account=self.settings.account,
            name=entry.key,
        ).text()


async def foresee(path: Path, key: str, decision: Decision) -> Entry:
    """
    Return the entry that is decided on, as it stands when the dead have been taken over from.

    Raises:
        UsageError: There is none, or as it stands this cannot be decided.
        JournalError: The journal cannot be used.
    """
    async with SqliteJournal(path) as journal:
        await journal.adopt()
    with read_journal(path) as reader:
        entry = reader.entry(key)
        if entry is None:
            raise UsageError(f"the journal holds nothing under {key!r}; 'aidge-async journal list' shows what it holds")
        if entry.state is State.SENDING:
            raise UsageError(f"{key!r} is just being sent by a process that lives; wait for its answer")
        if not may_decide(entry.state, decision.state):
            raise UsageError(
                f"{key!r} is {word(entry.state)}, which cannot be made {word(decision.state)}; leave it as it is"
            )
        if decision.task_id is not None:
            other = next((one.key for one in reader.entries() if one.task_id == decision.task_id), None)
            if other is not None:
                raise UsageError(f"the task {decision.task_id!r} is that of {other!r} already; name another one")
    return entry


async def decide(path: Path, entry: Entry, decision: Decision) -> Entry:
    """
    Record the decision, and return what is recorded now.

    Raises:
        JournalError: It cannot be recorded, somebody else was faster, or the task is of another account.
    """
    with read_journal(path) as reader:
        sent = [change.at for change in reader.transitions(entry.key) if change.after is State.SENDING]
    holder = None if decision.settings is None else decision.settings.holder
    async with SqliteJournal(path, holder=holder) as journal:
        token = decision.token(entry, sent[-1] if sent else entry.at)
        return await journal.resolve(entry.key, decision.state, token=token, task_id=decision.task_id)
