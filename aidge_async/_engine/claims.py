"""
One caller at a time for each key, first come first served.

What is known of a key is the journal's matter; this only keeps two callers from asking it at once.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import attrs


@attrs.define(eq=False)
class _Claim:
    lock: anyio.Lock = attrs.field(factory=anyio.Lock)
    callers: int = 0


class Claims:
    """Hold a lock for each key that somebody works on, and none for the others."""

    def __init__(self) -> None:
        self._claims: dict[str, _Claim] = {}

    def __repr__(self) -> str:
        return f"<Claims, {len(self._claims)} keys at work>"

    @asynccontextmanager
    async def of(self, key: str) -> AsyncIterator[None]:
        """Work on *key* alone inside the block."""
        claim = self._claims.setdefault(key, _Claim())
        claim.callers += 1
        try:
            async with claim.lock:
                yield
        finally:
            claim.callers -= 1
            if not claim.callers:
                del self._claims[key]
