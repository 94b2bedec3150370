"""
Counts what is under way, and lets one wait until nothing is.

What it is that is under way is its users' matter.
"""

import anyio


class Busy:
    """Be entered, any number of times, by what must not be left half done."""

    def __init__(self) -> None:
        self._count = 0
        self._calm: anyio.Event | None = None  # made when somebody waits; most of these never are waited for

    def __repr__(self) -> str:
        return f"<Busy, {self._count} under way>"

    def __enter__(self) -> None:
        self.begin()

    def __exit__(self, *_: object) -> None:
        self.end()

    def begin(self) -> None:
        """Count one more, where it begins in one coroutine and ends in another."""
        self._count += 1

    def end(self) -> None:
        """Count one less."""
        self._count -= 1
        if not self._count and self._calm is not None:
            self._calm.set()
            self._calm = None

    async def none(self) -> None:
        """Wait until nothing is under way."""
        while self._count:
            if self._calm is None:
                self._calm = anyio.Event()
            await self._calm.wait()
