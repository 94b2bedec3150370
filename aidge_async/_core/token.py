"""
The token: a text that names one task and lets any process of the same account go on with it.

It holds no secret, no host and no picture, so it may be stored and passed around; whose it is, is checked on resuming.
"""

import base64
import binascii
import hashlib
import json
import math
from typing import Any, Final

import attrs

from aidge_async.errors import RequestError

PREFIX: Final = "aidge1."
_MOST_CHARACTERS: Final = 8192
# Whoever types a token, or cuts one out of a log, may alter a letter: the facts would be read as others. Six bytes are
# eight letters, and let one altered token in 2.8e14 pass. It keeps no secret: whoever wants to make a token can.
_CHECKSUM_BYTES: Final = 6
# Characters of a name that are kept, so that no name makes a token that is over the limit when it is read back; saved
# files use 100 bytes of it.
_MOST_NAME: Final = 200


def _seconds(value: float) -> float:
    # Not float itself: attrs would parse its signature, which costs 4 ms of every import.
    return float(value)


def _name(value: object) -> str:
    return str(value)[:_MOST_NAME]


@attrs.frozen(kw_only=True)
class Token:
    """
    Hold the facts of a token.

    Args:
        region: Name of the gateway's region, never its host.
        operation: Name of the operation.
        task_id: The gateway's id of the task.
        trial: Whether the task draws on the trial quota; its queries must say the same.
        submitted_at: Epoch seconds of the submit.
        count: Pictures asked for.
        account: A short hash of the account.
        name: What saved files are called after: the key, or the stem of the picture's file, cut at 200
            characters; may be empty.
    """

    region: str
    operation: str
    task_id: str
    trial: bool
    submitted_at: float = attrs.field(converter=_seconds)
    count: int
    account: str
    name: str = attrs.field(default="", converter=_name)

    def text(self) -> str:
        """Return the token as text, safe in URLs, file names and command lines."""
        # The stem of a file whose name is no UTF-8 holds lone surrogates; json.loads reads them back.
        facts = json.dumps(attrs.astuple(self), separators=(",", ":"), ensure_ascii=False).encode(
            errors="surrogatepass"
        )
        return PREFIX + base64.urlsafe_b64encode(_checksum(facts) + facts).decode().rstrip("=")


def account_hash(key_name: str, region: str) -> str:
    """Return the short hash by which an account is recognised; it does not give the key name away."""
    return hashlib.sha256(f"aidge-async account\n{region}\n{key_name}".encode(errors="surrogatepass")).hexdigest()[:12]


def _checksum(facts: bytes) -> bytes:
    return hashlib.sha256(facts).digest()[:_CHECKSUM_BYTES]


def read_token(text: object) -> Token:
    """
    Read a token back.

    Raises:
        RequestError: The text is no token of this library, or it was cut or altered.
    """
    text = str(text)
    if not text.startswith(PREFIX) or len(text) > _MOST_CHARACTERS:
        shown = repr(text)[:40]
        raise RequestError(
            f"'token' must be a text that starts with {PREFIX!r} (got {shown}); pass a handle's token whole"
        )
    encoded = text.removeprefix(PREFIX)
    facts: Any = None
    try:
        content = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
        told, inside = content[:_CHECKSUM_BYTES], content[_CHECKSUM_BYTES:]
        if told == _checksum(inside):
            facts = json.loads(inside)
    except (binascii.Error, ValueError, RecursionError):
        facts = None
    if not _is_token(facts):
        raise RequestError("'token' cannot be read: it was cut or altered; pass a handle's token whole")
    return Token(**dict(zip(attrs.fields_dict(Token), facts, strict=True)))


def _is_token(facts: object) -> bool:
    kinds = (str, str, str, bool, float, int, str, str)
    return (
        isinstance(facts, list)
        and len(facts) == len(kinds)
        and all(type(fact) is kind for fact, kind in zip(facts, kinds, strict=True))
        and bool(facts[2])
        and math.isfinite(facts[4])
    )
