"""
Lets submissions out: holds them up while too many in a row are in doubt, and turns them away for good when told to.

It stands between the permit and the journal. What an answer means is decided elsewhere; how many calls may leave in a
second is the limiter's matter.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final
from weakref import WeakSet

import anyio

from aidge_async.errors import NotSentError

_LONGEST_PAUSE: Final = 900.0  # seconds; a pause doubles up to a quarter of an hour


class Brake:
    """
    Hold submissions up while the gateway swallows answers: a circuit breaker with one trial at a time.

    After *most* submissions in doubt in a row nothing is sent for *pause* seconds, then one submission is tried. If its
    answer is certain all go on; if not, the pause is twice as long.

    Args:
        most: Submissions in doubt in a row; `None`: never hold up.
        pause: Seconds.
        on_pause: Is told of each pause, in seconds.
    """

    def __init__(
        self, most: int | None = None, *, pause: float = 60.0, on_pause: Callable[[float], None] = lambda _: None
    ) -> None:
        self._most = math.inf if most is None else most
        self._first_pause = pause
        self._on_pause = on_pause
        self._in_a_row = 0
        self._pause = 0.0
        self._until = -math.inf
        self._trial = False
        self._answered = anyio.Event()

    async def released(self) -> None:
        """Wait while submissions are held up."""
        while self._in_a_row >= self._most:
            if self._trial:
                await self._answered.wait()
            elif (wait := self._until - anyio.current_time()) > 0:
                await anyio.sleep(wait)
            else:
                return

    def enter(self) -> bool:
        """Return whether a submission may leave now; it must then be told of by `told`."""
        if self._in_a_row < self._most:
            return True
        if self._trial or anyio.current_time() < self._until:
            return False
        self._trial = True
        return True

    def told(self, *, in_doubt: bool | None) -> None:
        """Note whether the answer of a submission that left is in doubt; `None`: it did not come to the gateway."""
        trial, self._trial = self._trial, False
        if trial:
            self._answered.set()
            self._answered = anyio.Event()
        if in_doubt is None:
            return
        if not in_doubt:
            self._in_a_row, self._pause = 0, 0.0
            return
        self._in_a_row += 1
        if trial or self._in_a_row == self._most:
            self._pause = min(2 * self._pause or self._first_pause, _LONGEST_PAUSE)
            self._until = anyio.current_time() + self._pause
            self._on_pause(self._pause)


class Gate:
    """
    Let submissions out, until it is shut: who waits behind it then is turned away, and so is who comes later.

    Args:
        brake: Holds submissions up for a while.
    """

    def __init__(self, brake: Brake | None = None) -> None:
        self.brake = brake or Brake()
        self._shut_by: str | None = None
        self._waiting: set[anyio.CancelScope] = set()
        self._inner: WeakSet[Gate] = WeakSet()

    def __repr__(self) -> str:
        return f"<Gate {'open' if self._shut_by is None else 'shut'}, {len(self._waiting)} waiting>"

    @property
    def is_shut(self) -> bool:
        """Return whether nothing is let out any more."""
        return self._shut_by is not None

    def within(self, brake: Brake) -> "Gate":
        """Return a gate that is shut when this one is."""
        inner = Gate(brake)
        inner._shut_by = self._shut_by
        self._inner.add(inner)
        return inner

    def shut(self, reason: str) -> None:
        """Turn everyone away; *reason* is a clause for people."""
        self._shut_by = self._shut_by or reason
        for scope in self._waiting:
            scope.cancel()
        for inner in self._inner:
            inner.shut(reason)

    def check(self, key: str) -> None:
        """
        Raise where it is shut.

        Args:
            key: Of the submission that would go out.

        Raises:
            NotSentError: It is.
        """
        if self._shut_by is not None:
            raise NotSentError(f"nothing was sent: {self._shut_by}", key=key)

    @contextmanager
    def waiting(self, key: str, until: float = math.inf) -> Iterator[None]:
        """
        Wait inside the block for the leave to go out.

        Args:
            key: Of the submission that waits.
            until: Moment on the event loop's clock.

        Raises:
            NotSentError: The gate was shut.
            TimeoutError: *until* passed.
        """
        self.check(key)
        scope = anyio.CancelScope(deadline=until)
        self._waiting.add(scope)
        try:
            with scope:
                yield
        finally:
            self._waiting.discard(scope)
        if scope.cancelled_caught:
            self.check(key)
            raise TimeoutError
