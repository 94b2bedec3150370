"""
Hashes pictures without holding the event loop: a heavy one in a worker thread, where hashing lets other threads run.

What is hashed, and what for, is the callers' matter.
"""

from collections.abc import Callable
from typing import Final, TypeVar

import anyio.to_thread

# Bytes up to which it is done in the event loop: some 0.5 ms, when 4 MB take 10 ms and more; a hop costs 0.1 ms.
_SMALL_BYTES: Final = 256 * 1024

ResultT = TypeVar("ResultT")


async def hashed(work: Callable[[], ResultT], content: bytes | str) -> ResultT:
    """Return what *work* makes of *content*."""
    return work() if len(content) <= _SMALL_BYTES else await anyio.to_thread.run_sync(work)
