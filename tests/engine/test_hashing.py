"""Hashing: in the event loop what is small, in a worker thread what would hold it."""

import threading

import pytest

from aidge_async._engine.hashing import hashed


@pytest.mark.parametrize(("size", "inline"), [(256 * 1024, True), (256 * 1024 + 1, False)])
async def test_heavy_pictures_are_hashed_in_a_thread(size: int, *, inline: bool) -> None:
    """What would hold the event loop for over a millisecond is done beside it, and its result comes back."""
    here = threading.get_ident()
    assert (await hashed(threading.get_ident, b"x" * size) == here) is inline
