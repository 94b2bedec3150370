"""
The Protocols between plan and world: what `_engine` asks for and `_io` gives.

Each has as few methods as its callers need. Time is no port: it is anyio's own, and virtual time in tests is a clock
or loop of the runner; only the wall clock, for signing, is handed in.
"""

from typing import Protocol

from aidge_async._core.call import Call, Reply, Way
from aidge_async._core.lifecycle import Entry
from aidge_async.events import Event


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
        """Return what is recorded under *key*."""
        ...

    async def record(self, entry: Entry) -> None:
        """
        Record a submission's new state; it is kept when this returns.

        Raises:
            JournalError: It could not be recorded, or it may not follow what is recorded.
        """
        ...


class Observer(Protocol):
    """Is told what happens; called in the event loop, so it must return at once. What it raises is logged."""

    def __call__(self, event: Event, /) -> None:
        """Take note of *event*."""
        ...
