"""
What tasks are called: in an address, in the journal, and by whom.

A task's key in the journal begins with its principal, so nobody can name another's. Ids are random; with an
idempotency key they follow from it, so that the journal alone knows what was asked for before.
"""

import base64
import hashlib
import hmac
import re
import secrets
from typing import Final

PREFIX: Final = "web:"
"""What the journal's keys of all tasks begin with that came over HTTP."""
_BYTES: Final = 16  # 128 bits, as a UUID; 22 characters
_ID: Final = re.compile(r"[A-Za-z0-9_-]{22}")


def _short(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest[:_BYTES]).decode().rstrip("=")


def digest_of(principal: str) -> str:
    """Return what stands for *principal* in keys and folders: its own text may be private, or no file name."""
    return _short(hashlib.sha256(b"principal\0" + principal.encode(errors="surrogatepass")).digest())


ANONYMOUS: Final = _short(hashlib.sha256(b"anonymous").digest())
"""The principal that everybody is where nobody is asked."""


def new_id() -> str:
    """Return the id of a new task."""
    return secrets.token_urlsafe(_BYTES)


def id_of(idempotency_key: str, principal: str, secret: bytes) -> str:
    """
    Return the id that follows from an idempotency key.

    Args:
        idempotency_key: As the caller sent it.
        principal: Its digest.
        secret: Keeps the idempotency key from being guessed from the id.
    """
    return _short(hmac.digest(secret, f"{principal}\0{idempotency_key}".encode(), "sha256"))


def is_id(text: str) -> bool:
    """Return whether *text* may be an id of ours; nothing else ever becomes a part of a path or a key."""
    return _ID.fullmatch(text) is not None


def prefix_of(principal: str) -> str:
    """Return what the keys of a principal's tasks begin with."""
    return f"{PREFIX}{principal}:"


def key_of(principal: str, task: str) -> str:
    """Return the journal's key of a task."""
    return prefix_of(principal) + task


def task_of(key: str) -> str:
    """Return the id in a key."""
    return key.rpartition(":")[2]
