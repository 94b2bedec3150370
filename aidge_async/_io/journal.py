"""
Remembers what was submitted.

What may follow what is told by `_core/lifecycle.py` alone. The memory journal here lasts as long as its client; one
on disk comes behind the same Protocol.
"""

from aidge_async._core.lifecycle import Entry, State, may_follow
from aidge_async.errors import JournalError

# States after which a submission that has no key of its caller's is never asked for again.
_FORGOTTEN = frozenset({State.PLANNED, State.ACCEPTED, State.REFUSED, State.SUCCEEDED, State.FAILED})


class MemoryJournal:
    """Remember submissions in memory; fulfils `ports.Journal`. Only keyed ones are kept once their answer is in."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def __repr__(self) -> str:
        return f"<MemoryJournal, {len(self._entries)} entries>"

    async def find(self, key: str) -> Entry | None:
        """Return what is recorded under *key*."""
        return self._entries.get(key)

    async def record(self, entry: Entry) -> None:
        """Record a submission's new state; see `ports.Journal`."""
        before = self._entries.get(entry.key)
        if before is not None and not may_follow(before.state, entry.state):
            raise JournalError(
                f"the journal holds {entry.key!r} as {before.state.value}, which {entry.state.value} may not follow; "
                "another caller uses the same key",
                key=entry.key,
            )
        if entry.keyed or entry.state not in _FORGOTTEN:
            self._entries[entry.key] = entry
        else:
            self._entries.pop(entry.key, None)
