"""
Keeps what tasks need later, within bounds: the sent pictures on disk, the drawn ones in memory.

Both are caches by age: what was used longest ago goes first. Nothing here knows what a task is.
"""

import hashlib
import shutil
import tempfile
import weakref
from collections import OrderedDict
from collections.abc import Hashable
from pathlib import Path
from typing import Final

# Half a gigabyte holds 5,000 photographs of 100 kB; a temporary directory that lies in memory still bears it.
SOURCES_MOST_BYTES: Final = 512 * 1024 * 1024
# Some 400 results of 768 px; they can be drawn again at any time.
DRAWN_MOST_BYTES: Final = 64 * 1024 * 1024


class SourceSpool:
    """
    Keep sent pictures in a temporary directory, each once, named by its SHA-256.

    The directory is made at the first picture and removed by `close`, or with the spool, or at the end of the process.
    """

    def __init__(self, most_bytes: int = SOURCES_MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._total = 0
        self._directory: Path | None = None

    def __repr__(self) -> str:
        return f"<SourceSpool {len(self._sizes)} pictures, {self._total} bytes>"

    def put(self, content: bytes) -> str:
        """Keep *content* and return its name."""
        name = hashlib.sha256(content).hexdigest()
        if name in self._sizes:
            self._sizes.move_to_end(name)
            return name
        try:
            (self._home() / name).write_bytes(content)
        except OSError:
            return name  # a full disk costs the picture, for which a stand-in will be drawn, and not the task
        self._sizes[name] = len(content)
        self._total += len(content)
        while self._total > self._most_bytes and len(self._sizes) > 1:
            oldest, size = self._sizes.popitem(last=False)
            self._total -= size
            (self._home() / oldest).unlink(missing_ok=True)
        return name

    def get(self, name: str) -> bytes | None:
        """Return the picture of that *name*, or `None` where it had to give way."""
        try:
            return (self._directory / name).read_bytes() if self._directory else None
        except OSError:
            return None

    def close(self) -> None:
        """Remove everything from the disk; a later picture begins a new directory."""
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
        self._directory = None
        self._sizes.clear()
        self._total = 0

    def _home(self) -> Path:
        if self._directory is None:
            self._directory = Path(tempfile.mkdtemp(prefix="aidge-sandbox-"))
            weakref.finalize(self, shutil.rmtree, self._directory, ignore_errors=True)
        return self._directory


class DrawnCache:
    """Keep sets of drawn pictures in memory, up to a number of bytes."""

    def __init__(self, most_bytes: int = DRAWN_MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._drawn: OrderedDict[Hashable, tuple[bytes, ...]] = OrderedDict()
        self._total = 0

    def __repr__(self) -> str:
        return f"<DrawnCache {len(self._drawn)} sets, {self._total} bytes>"

    def get(self, key: Hashable) -> tuple[bytes, ...] | None:
        """Return the pictures of *key*, or `None`."""
        pictures = self._drawn.get(key)
        if pictures is not None:
            self._drawn.move_to_end(key)
        return pictures

    def put(self, key: Hashable, pictures: tuple[bytes, ...]) -> None:
        """Keep *pictures*, and let go of the oldest sets beyond the bound."""
        self._forget(key)
        self._drawn[key] = pictures
        self._total += sum(map(len, pictures))
        while self._total > self._most_bytes and len(self._drawn) > 1:
            self._forget(next(iter(self._drawn)))

    def _forget(self, key: Hashable) -> None:
        self._total -= sum(map(len, self._drawn.pop(key, ())))
