"""
Keeps what a planned request needs and has no file of its own, until its task is accepted: a folder beside the journal.

Files are named by the SHA-256 of their content, so equal uploads are one file, and what is torn is found out. Which of
them are needed is the journal's knowledge.
"""

import contextlib
import hashlib
import os
import time
from collections.abc import Container
from pathlib import Path
from typing import Final
from uuid import uuid4

from aidge_async._io.folders import sync_folder
from aidge_async.errors import JournalError, RequestError

_PART: Final = ".part"
_FORGOTTEN_SECONDS: Final = 3600.0  # after which a file that nobody names is of a process that died between two steps


class Spool:
    """
    Keep content on disk by its hash; blocks while the disk works.

    Args:
        journal: The journal's file.
    """

    def __init__(self, journal: Path) -> None:
        self.folder = Path(f"{journal}-spool")

    def __repr__(self) -> str:
        return f"<Spool '{self.folder}'>"

    def place(self, name: str) -> Path:
        """Return where the content named *name* lies."""
        return self.folder / name

    def put(self, name: str, content: bytes | str) -> None:
        """
        Keep *content* under *name*; it is on disk when this returns, and a whole file under its name or none.

        Raises:
            JournalError: It cannot be kept.
        """
        place = self.place(name)
        try:
            if place.is_file():
                return
            self.folder.mkdir(mode=0o700, exist_ok=True)
            part = self.folder / f"{uuid4().hex}{_PART}"
            try:
                _write(part, content.encode(errors="surrogatepass") if isinstance(content, str) else content)
                part.replace(place)
            finally:
                part.unlink(missing_ok=True)
            sync_folder(self.folder)
        except OSError as exc:
            raise JournalError(
                f"the spool '{self.folder}' cannot be written ({exc.strerror or exc}); make room or mend its rights"
            ) from exc

    def text(self, name: str) -> str:
        """
        Return the text kept under *name*.

        Raises:
            RequestError: It is not there, or not what was kept.
        """
        try:
            content = self.place(name).read_bytes()
        except OSError as exc:
            raise RequestError(
                f"the spool's file '{self.place(name)}' cannot be read ({exc.strerror or exc}); submit it anew"
            ) from exc
        if hashlib.sha256(content).hexdigest() != name:
            raise RequestError(f"the spool's file '{self.place(name)}' was changed or is damaged; submit it anew")
        return content.decode(errors="surrogatepass")

    def drop(self, name: str) -> None:
        """Forget what is kept under *name*."""
        with contextlib.suppress(OSError):  # it is swept later
            self.place(name).unlink(missing_ok=True)

    def sweep(self, needed: Container[str]) -> None:
        """Forget what is old and not *needed*."""
        with contextlib.suppress(OSError):
            for file in self.folder.iterdir():
                if file.name not in needed and time.time() - file.stat().st_mtime > _FORGOTTEN_SECONDS:
                    file.unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123  a descriptor, for its rights
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
