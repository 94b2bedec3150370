"""
The Protocols between plan and world: what `_engine` asks for and `_io` gives.

Each has as few methods as its callers need. Time is no port: it is anyio's own, and virtual time in tests is a clock
or loop of the runner; only the wall clock, for signing, is handed in.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from aidge_async._core.call import Call, Reply, Way
from aidge_async._core.lifecycle import Entry, State
from aidge_async._core.source import Source
from aidge_async.events import Event


class Prepared(Protocol):
    """An image that was looked at."""

    @property
    def content(self) -> str | bytes:
        """Return the link, or the bytes that are sent."""
        ...

    @property
    def name(self) -> str:
        """Return what saved pictures are called after; empty for none."""
        ...

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what may be wrong with it."""
        ...


class Images(Protocol):
    """Brings images into memory, so many at once that it stays bounded."""

    def prepared(self, image: Path | bytes | str) -> AbstractAsyncContextManager[Prepared]:
        """
        Hold *image* inside the block.

        Raises:
            RequestError: It cannot be read, or is outside a documented limit.
        """
        ...


class Transport(Protocol):
    """Carries calls to the gateway, signed."""

    async def send(self, call: Call, way: Way | None = None) -> Reply:
        """
        Send one call and return its answer, whatever its status.

        Args:
            call: What to send.
            way: Is told before a cancellation goes up; `None`: nobody wants to know.

        Raises:
            TransportError: No answer came; its phase says what is certain. Nothing else may be raised.
        """
        ...

    def correct_clock(self, date: str) -> float | None:
        """Sign by an answer's `Date` from now on; return the new offset in seconds, `None` where nothing changes."""
        ...


class Permit(Protocol):
    """The leave to send one call."""

    @property
    def waited(self) -> float:
        """Return the seconds from asking for it to having it."""
        ...

    def release(self) -> None:
        """Give it back, once; where no answer was reported, the call was lost or not made."""
        ...


class Limiter(Protocol):
    """Grants permits."""

    async def acquire(self, call: Call) -> Permit:
        """Wait for the leave to send *call* once."""
        ...

    def answered(self, call: Call) -> None:
        """Take note that the gateway answered *call*, whose permit is held, and did not refuse it for its rate."""
        ...

    def refused(self, call: Call, wait: float | None) -> None:
        """
        Take note that the gateway refused *call*, whose permit is held, for its rate.

        Args:
            call: The call itself, not an equal one.
            wait: Seconds for which nobody is to call its path; `None`: the gateway named none.
        """
        ...


class Journal(Protocol):
    """Remembers what was submitted."""

    async def find(self, key: str) -> Entry | None:
        """Return what is recorded under *key*; where another living process is just sending it, wait for the end."""
        ...

    async def record(self, entry: Entry, *, budget: int | None = None, instead_of: str | None = None) -> None:
        """
        Record a submission's new state; it is kept when this returns, even if nobody waits for that any more.

        An accepted task is always recorded: where its key has no room for it, as an entry of its own whose key is
        `{key}~{task id, 8}`.

        Args:
            entry: What is to be recorded.
            budget: Pictures that may be billed in all; looked at in the same moment, where *entry* begins a submit.
            instead_of: Token of the one failed task in whose place it may be sent; `None`: of any.

        Raises:
            BudgetError: With *entry* there would be more than *budget*; nothing was recorded.
            TakenError: Somebody else got there first; find out what is recorded now.
            JournalError: It could not be recorded.
        """
        ...

    async def settle(self, token: str, state: State, reason: str | None = None) -> None:
        """
        Record that the task of *token* succeeded or failed; what is unknown or settled is left as it is.

        Raises:
            JournalError: It could not be recorded.
        """
        ...

    async def note_saved(self, token: str, paths: Sequence[str]) -> None:
        """
        Record where the pictures of *token*'s task were saved; what is unknown is left out.

        Raises:
            JournalError: It could not be recorded.
        """
        ...

    async def spent(self) -> int:
        """Return how many pictures may be billed by what is recorded."""
        ...


class DurableJournal(Journal, Protocol):
    """Remembers what was submitted beyond its process, and takes over from processes that died."""

    async def open(self) -> None:
        """
        Open it.

        Raises:
            JournalError: It cannot be used; nothing was changed.
        """
        ...

    async def aclose(self) -> None:
        """Write what is waiting, close it, and leave what is open to others."""
        ...

    async def plan(self, entry: Entry, content: bytes | str) -> None:
        """
        Record a planned entry whose `source` is set; both are kept when this returns.

        Args:
            entry: What is to be recorded.
            content: The image's bytes or link; kept in the spool where the source is no file.

        Raises:
            TakenError: Something is recorded that it may not follow.
            JournalError: It could not be recorded, or the content not kept.
        """
        ...

    async def image(self, source: Source) -> Path | str:
        """
        Return the image of a planned request: a file, or a link.

        Raises:
            RequestError: The spool does not hold it, or not as it was.
        """
        ...

    async def peek(self, key: str) -> Entry | None:
        """Return what is recorded under *key*, without waiting for who is sending it."""
        ...

    async def adopt(self) -> list[Entry]:
        """
        Return what was taken over from dead processes since this was asked last: what was accepted, what succeeded and
        is not saved in its folder, and what was being sent, which is in doubt now.
        """
        ...

    async def remember(self, name: str, value: object) -> None:
        """
        Keep *value*, which JSON can write, under *name* beyond this process.

        Raises:
            JournalError: It could not be kept.
        """
        ...

    async def recall(self, name: str) -> object:
        """
        Return what was kept under *name*; `None`: nothing.

        Raises:
            JournalError: It could not be read.
        """
        ...


class Observer(Protocol):
    """Is told what happens; called in the event loop, so it must return at once. What it raises is logged."""

    def __call__(self, event: Event, /) -> None:
        """Take note of *event*."""
        ...
