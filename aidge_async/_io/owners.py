"""
Tells which processes that share a journal still live: each holds a lock on a file of its own, which the kernel takes
back whatever ends the process.

What becomes of the rows of the dead is the journal's matter.
"""

import contextlib
import os
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from uuid import uuid4

_INFIX: Final = "-owner-"

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        # flock, not lockf: that one belongs to the process, so that two journals of one process could not tell each
        # other apart, and any close of the file would give it up.
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


class Owner:
    """
    Be one living owner, and look after the others.

    Args:
        journal: The journal's file, its path resolved; lock files lie beside it.
    """

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self.name, self._descriptor = self._begin()
        if hasattr(os, "register_at_fork"):
            # A child would go on holding the lock of its dead parent, whose rows nobody would adopt then.
            child = weakref.WeakMethod(self._close)
            os.register_at_fork(after_in_child=lambda: (close := child()) and close())

    def __repr__(self) -> str:
        return f"<Owner {self.name}>"

    def lives(self, name: str) -> bool:
        """Return whether the owner called *name* holds its lock."""
        with self._locked(name) as is_dead:
            return not is_dead

    @contextlib.contextmanager
    def dead(self, names: set[str]) -> Iterator[set[str]]:
        """
        Yield which of *names* are dead, and remove their lock files at the end of the block, unless it raises.

        Who has no lock file is dead too, so nothing is lost where what the block wrote is undone after its end.
        """
        with contextlib.ExitStack() as stack:
            found = {name for name in names if stack.enter_context(self._locked(name))}
            yield found
            for name in found:
                self._remove(name)

    def sweep(self) -> None:
        """Remove the lock files that the dead left beside the journal."""
        start = self._journal.name + _INFIX
        names = {path.name for path in self._journal.parent.iterdir() if path.name.startswith(start)}
        with self.dead({name.removeprefix(start) for name in names}):
            pass

    def end(self) -> None:
        """Be dead from now on."""
        if os.name != "nt":
            self._remove(self.name)  # first, so that nobody takes it for the file of one who died
        self._close()
        self._remove(self.name)

    def _begin(self) -> tuple[str, int]:
        while True:
            name = uuid4().hex
            descriptor = os.open(
                self._path(name), os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600
            )
            # Whoever looks for the dead may have been here between the two lines, and have removed the file.
            if _try_lock(descriptor) and self._is_there(name, descriptor):
                return name, descriptor
            os.close(descriptor)

    def _is_there(self, name: str, descriptor: int) -> bool:
        try:
            return os.path.samestat(self._path(name).stat(), os.fstat(descriptor))
        except FileNotFoundError:
            return False

    @contextlib.contextmanager
    def _locked(self, name: str) -> Iterator[bool]:
        """Hold the lock of *name* inside the block if nobody else does; one that has no file is dead too."""
        if name == self.name:
            yield False
            return
        try:
            descriptor = os.open(self._path(name), os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
        except FileNotFoundError:
            yield True
            return
        except PermissionError:
            yield False  # another user's; that one may live
            return
        try:
            yield _try_lock(descriptor)
        finally:
            os.close(descriptor)

    def _path(self, name: str) -> Path:
        return self._journal.with_name(f"{self._journal.name}{_INFIX}{name}")

    def _remove(self, name: str) -> None:
        with contextlib.suppress(OSError):
            self._path(name).unlink(missing_ok=True)

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
