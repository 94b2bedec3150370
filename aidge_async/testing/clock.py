"""
Virtual time: hours of polling in a moment, on asyncio and on trio.

Time jumps to the next deadline as soon as every task waits. It moves neither sockets nor worker threads, so what waits
for one of these sees its deadlines strike at once: use it with a sandbox in the process, without a socket. asyncio and
trio are named here because each needs a clock of its own kind.
"""

import asyncio
import selectors
from typing import Any, Final

# An arbitrary day, so that a wall clock in virtual time gives the same dates in each run: 2026-01-01T00:00:00Z.
EPOCH: Final = 1_767_225_600.0


class _JumpingSelector(selectors.DefaultSelector):
    """Never wait: where nothing is ready, move the loop's time on instead."""

    jumped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return super().select(None)
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        if not ready and timeout > 0:
            self.jumped += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Be an asyncio event loop whose time jumps to the next timer when nothing else is to be done."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Return the loop's time: seconds of waiting so far; running takes none."""
        return self._jumping.jumped


def virtual_backend(name: str) -> tuple[str, dict[str, Any]]:
    """
    Return what anyio's `run` and its pytest plugin take to run *name* (`"asyncio"` or `"trio"`) in virtual time.

    As in `anyio.run(main, backend=name, backend_options=options)`, or as a parameter of the `anyio_backend` fixture.
    """
    if name == "asyncio":
        return name, {"loop_factory": VirtualTimeLoop}
    import trio.testing  # only who runs on trio has it

    return name, {"clock": trio.testing.MockClock(autojump_threshold=0)}
