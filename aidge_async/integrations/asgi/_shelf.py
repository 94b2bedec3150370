"""
The folder of each task: the pictures that were bought for it, the photo as it was sent, and what only a page asks for.

Everything that must not be lost is in the journal; what lies here beside the pictures is for looking at. All of it
blocks while the disk works.
"""

import contextlib
import json
import logging
import secrets
import stat
from pathlib import Path
from typing import Any, Final

import attrs

_log = logging.getLogger("aidge_async.integrations.asgi")

_ABOUT: Final = "about.json"
_TOLD: Final = ("name", "created_at", "photo")
_ABOUT_MOST_BYTES: Final = 8 * 1024  # a name of 200 characters, escaped, is 2.4 KB at most
_YEAR_10000: Final = 253_402_300_800  # in epoch seconds; no date is behind it
_HIDDEN: Final = "hidden"
_SIGNATURES: Final = ((b"\xff\xd8\xff", ".jpg"), (b"\x89PNG\r\n\x1a\n", ".png"), (b"BM", ".bmp"), (b"RIFF", ".webp"))
MEDIA_TYPES: Final = {".jpg": "image/jpeg", ".png": "image/png", ".bmp": "image/bmp", ".webp": "image/webp"}
"""What may be shown as a picture, by the ending of its file."""


@attrs.frozen(kw_only=True)
class About:
    """
    Hold what only a page asks for.

    Args:
        name: The name that the photo's file had at its owner's.
        created_at: Epoch seconds at which the task was first asked for; `None`: not known.
        photo: The photo's file; `None`: it was a URL, or could not be kept.
        hidden: Whether its owner does not want to see it any more.
    """

    name: str | None = None
    created_at: float | None = None
    photo: Path | None = None
    hidden: bool = False


class Shelf:
    """
    Keep a folder for each task.

    Args:
        folder: Where they lie.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __repr__(self) -> str:
        return f"<Shelf '{self.folder}'>"

    def place(self, principal: str, task: str) -> Path:
        """Return the folder of a task."""
        return self.folder / principal / task

    def keep(self, place: Path, *, photo: bytes | None, name: str | None, at: float) -> None:
        """Keep what was sent with a task, once; a task that is asked for again is shown again."""
        try:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            (place / _HIDDEN).unlink(missing_ok=True)
            if (place / _ABOUT).exists():
                return
            file = None if photo is None else f"photo{_ending(photo)}"
            if photo is not None and file is not None:
                _write(place / file, photo)
            told = {"name": name, "created_at": at, "photo": file}
            _write(place / _ABOUT, json.dumps(told).encode())
        except OSError as exc:
            # The task is recorded and its bytes are in the spool; that must not fail for want of something to look at.
            _log.warning("photo not kept place=%s reason=%s", place, exc.strerror or exc)

    def about(self, place: Path) -> About:
        """Return what is known of a task; of one whose process died early, next to nothing."""
        told = _told(place / _ABOUT)
        photo = told.get("photo")
        return About(
            name=told.get("name"),
            created_at=told.get("created_at"),
            photo=None if photo is None else place / photo,
            hidden=(place / _HIDDEN).exists(),
        )

    def hide(self, place: Path) -> None:
        """Show a task no more; its files stay, because they are paid."""
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        (place / _HIDDEN).touch()


def file_secret(folder: Path) -> bytes:
    """Return the secret in *folder*, made if need be; processes that begin at the same time get the same one."""
    place = folder / ".secret"
    with contextlib.suppress(FileNotFoundError):
        return place.read_bytes()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = folder / f".secret-{secrets.token_hex(8)}"
    try:
        _write(part, secrets.token_bytes(32))
        with contextlib.suppress(FileExistsError):
            place.hardlink_to(part)
    finally:
        part.unlink(missing_ok=True)
    return place.read_bytes()


def _told(file: Path) -> dict[str, Any]:
    """Return what lies in *file*; nothing where it is no plain file, or not as we write it: others may reach it."""
    try:
        facts = file.lstat()
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > _ABOUT_MOST_BYTES:
            return {}
        told = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) and _is_ours(**{name: told.get(name) for name in _TOLD}) else {}


def _is_ours(*, name: object, created_at: object, photo: object) -> bool:
    return (
        (name is None or (isinstance(name, str) and name.isprintable()))
        and (created_at is None or (isinstance(created_at, int | float) and 0 <= created_at < _YEAR_10000))
        and photo in (None, *(f"photo{ending}" for ending in MEDIA_TYPES))
    )


def _ending(photo: bytes) -> str:
    return next((ending for signature, ending in _SIGNATURES if photo.startswith(signature)), ".jpg")


def _write(path: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all."""
    part = path.with_name(f"{path.name}-{secrets.token_hex(8)}.part")
    try:
        part.touch(mode=0o600)
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
