"""
Remembers what was submitted, as long as its client lives.

What may follow what is told by `_core/lifecycle.py` alone. The one that outlives its process is `sqlite_journal.py`.
"""

import logging
import time
from collections.abc import Callable, Sequence

import attrs

from aidge_async._core.lifecycle import (
    MAYBE_BILLED,
    Entry,
    Standing,
    State,
    Verdict,
    is_bought_again,
    judge,
    keys_aside,
    may_follow,
)
from aidge_async.errors import AidgeError, BudgetError, JournalError, TakenError

logger = logging.getLogger("aidge_async.journal")

# States after which a submission that has no key of its caller's is never asked for again.
_FORGOTTEN = frozenset({State.PLANNED, State.ACCEPTED, State.REFUSED, State.SUCCEEDED, State.FAILED})


def refusal(verdict: Verdict, before: Standing | None, entry: Entry) -> JournalError | None:
    """Return what to raise where *verdict* is that *entry* cannot be recorded."""
    if verdict is Verdict.UNBEGUN:
        return JournalError(
            f"the journal holds nothing under {entry.key!r} that {entry.state.value} may follow; was it replaced?",
            key=entry.key,
        )
    if verdict is Verdict.TAKEN and before is not None:
        return TakenError(
            f"the journal holds {entry.key!r} as {before.state.value}, which {entry.state.value} may not follow now; "
            "another caller uses the same key",
            key=entry.key,
        )
    return None


def over_budget(entry: Entry, spent: int, budget: int | None) -> BudgetError | None:
    """Return what to raise where *entry* begins a submit that would cost more than *budget* pictures in all."""
    if budget is None or entry.state is not State.SENDING or spent + entry.pictures <= budget:
        return None
    return BudgetError(
        f"the budget of {budget} pictures does not cover {entry.pictures} more: {spent} are or may be billed; raise it",
        key=entry.key,
    )


def tell_aside(entry: Entry, aside: Entry) -> None:
    """Log that a task id was recorded beside its key."""
    logger.warning("journal.accepted_aside key=%r as=%r task_id=%r", entry.key, aside.key, entry.task_id)


class MemoryJournal:
    """
    Remember submissions in memory; fulfils `ports.Journal`. Only keyed ones are kept once their answer is in.

    Args:
        wall_clock: Epoch seconds.
    """

    def __init__(self, wall_clock: Callable[[], float] = time.time) -> None:
        self._wall_clock = wall_clock
        self._entries: dict[str, Entry] = {}
        self._keys: dict[str, str] = {}
        self._spent_before = 0

    def __repr__(self) -> str:
        return f"<MemoryJournal, {len(self._entries)} entries>"

    async def find(self, key: str) -> Entry | None:
        """Return what is recorded under *key*."""
        return self._entries.get(key)

    async def record(self, entry: Entry, *, budget: int | None = None, instead_of: str | None = None) -> None:
        """Record a submission's new state; see `ports.Journal`."""
        before = self._entries.get(entry.key)
        verdict = judge(before, entry, instead_of=instead_of)
        error: AidgeError | None = refusal(verdict, before, entry)
        if error is None and budget is not None:
            error = over_budget(entry, await self.spent(), budget)
        if error is not None:
            raise error
        if verdict is Verdict.WRITE:
            self._write(before, entry)
        elif verdict is Verdict.ASIDE:
            self._write_aside(entry)

    async def settle(self, token: str, state: State, reason: str | None = None) -> None:
        """Record that a task ended; see `ports.Journal`."""
        entry = self._entry_of(token)
        if entry is not None and may_follow(entry.state, state):
            self._write(entry, attrs.evolve(entry, state=state, at=self._wall_clock(), reason=reason))

    async def note_saved(self, token: str, paths: Sequence[str]) -> None:
        """Record where pictures were saved; see `ports.Journal`."""
        entry = self._entry_of(token)
        if entry is not None:
            self._entries[entry.key] = attrs.evolve(entry, paths=tuple(paths), saved_at=self._wall_clock())

    async def spent(self) -> int:
        """Return how many pictures may be billed."""
        return self._spent_before + sum(_billed(entry) for entry in self._entries.values())

    def _entry_of(self, token: str) -> Entry | None:
        entry = self._entries.get(self._keys.get(token, ""))
        return entry if entry is not None and entry.token == token else None

    def _write(self, before: Entry | None, entry: Entry) -> None:
        if before is not None and is_bought_again(before.state, entry.state):
            self._spent_before += before.pictures  # the first time may be billed all the same
        if entry.keyed or entry.state not in _FORGOTTEN:
            self._entries[entry.key] = entry
            if entry.token is not None:
                self._keys[entry.token] = entry.key
        else:
            self._entries.pop(entry.key, None)
            self._spent_before += _billed(entry)

    def _write_aside(self, entry: Entry) -> None:
        for key in keys_aside(entry):
            before, aside = self._entries.get(key), attrs.evolve(entry, key=key)
            if before is None:
                self._write(None, aside)
                return tell_aside(entry, aside)
            if before.token == entry.token:
                return None
        raise AssertionError  # pragma: no cover  the keys have no end


def _billed(entry: Entry) -> int:
    return entry.pictures if entry.state in MAYBE_BILLED else 0
