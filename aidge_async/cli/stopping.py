"""
Stops a batch at Ctrl-C or SIGTERM: what is in flight is finished first, unless it is asked for twice.

What was bought by then is in the journal, so nothing here has to save anything.
"""

import logging
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

import anyio
import anyio.to_thread

_TERM_SECONDS: Final = 10.0  # what `docker stop` and its like wait before they kill
_DELIVERED_WITHIN: Final = 0.5  # seconds for outcomes that are known to be reported


def heeded_signals() -> tuple[signal.Signals, ...]:
    """Return the signals that can be heeded; none outside the main thread and where the system has no such signals."""
    if threading.current_thread() is not threading.main_thread() or os.name != "posix":
        return ()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # behind a script's `&`
        return (signal.SIGTERM,)
    return (signal.SIGINT, signal.SIGTERM)


async def finish_when_told(
    numbers: tuple[signal.Signals, ...],
    *,
    drain: Callable[[float], Awaitable[object]],
    patience: float,
    on_stop: Callable[[float], None],
) -> None:
    """
    Wait for a signal, and let what is in flight end; whoever runs this cancels it as soon as nothing is left.

    A second signal, or the end of patience, raises KeyboardInterrupt out of the event loop.

    Args:
        numbers: From `heeded_signals`.
        drain: Submits nothing more and lets the rest end, for so many seconds.
        patience: Seconds that Ctrl-C leaves it; SIGTERM leaves 10.
        on_stop: Is told how long it may take.
    """
    with _next_one_leaves(numbers), anyio.open_signal_receiver(*numbers) as signals:
        number = await anext(signals)
    seconds = min(patience, _TERM_SECONDS) if number == signal.SIGTERM else patience
    on_stop(seconds)
    await drain(seconds)
    await anyio.sleep(_DELIVERED_WITHIN)
    # From a thread, so that the handler finds the event loop waiting, and no task in the middle of something.
    await anyio.to_thread.run_sync(os.kill, os.getpid(), signal.SIGTERM)
    await anyio.sleep_forever()


@contextmanager
def _next_one_leaves(numbers: tuple[signal.Signals, ...]) -> Iterator[None]:
    """Let the signals end the event loop at once behind the block; `carry_out` puts the former handlers back."""
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, _leave)


def _leave(*_: object) -> NoReturn:
    # Where it hits a task in the middle, the loop would log that task's end, traceback and all.
    logging.getLogger("asyncio").disabled = True
    raise KeyboardInterrupt
