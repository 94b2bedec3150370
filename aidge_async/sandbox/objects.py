"""
Result links in the manner of an object store: signed in the query, valid for a while, refused with XML.

Pure: which bytes lie behind a link is the business of `gallery.py`. The signature is of a kind of our own with the
store's parameter names; a client must take such links as they are and must not need to make one.
"""

import base64
import hashlib
import hmac
import math
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode
from xml.sax.saxutils import escape

import attrs

OBJECTS_PATH: Final = "/_sandbox/objects"
ACCESS_KEY_ID: Final = "SANDBOX-MADE-UP-KEY-ID"

_EXPIRES: Final = re.compile(r"[0-9]{1,12}")
_RANGE: Final = re.compile(r"bytes=([0-9]{0,15})-([0-9]{0,15})")


class LinkError(Exception):
    """Raised when a link is not valid (any more); *code* is the word that the store's answers use."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@attrs.frozen(kw_only=True)
class Links:
    """
    Make and check the signed queries of links.

    Args:
        secret: Made up for the store; unrelated to the account's.
        lifetime: Seconds for which a link is valid.
    """

    secret: bytes = attrs.field(repr=False)
    lifetime: float

    def path(self, name: str, *, now: float) -> str:
        """Return path and query of the object *name*, valid from *now*, epoch seconds."""
        expires = math.ceil(now + self.lifetime)
        query = {"OSSAccessKeyId": ACCESS_KEY_ID, "Expires": str(expires), "Signature": self._signature(name, expires)}
        return f"{OBJECTS_PATH}/{name}?{urlencode(query)}"

    def check(self, name: str, query: Mapping[str, str], *, now: float) -> None:
        """
        Return if the link to *name* with that *query* is valid at *now*.

        Raises:
            LinkError: A parameter is missing or wrong, or the time is over.
        """
        missing = [part for part in ("OSSAccessKeyId", "Expires", "Signature") if not query.get(part)]
        if missing:
            raise LinkError("AccessDenied", f"The link lacks {', '.join(missing)}.")
        if query["OSSAccessKeyId"] != ACCESS_KEY_ID:
            raise LinkError("InvalidAccessKeyId", "The OSSAccessKeyId is not known.")
        expires = int(query["Expires"]) if _EXPIRES.fullmatch(query["Expires"]) else 0
        if now > expires:
            raise LinkError("AccessDenied", "Request has expired.")
        if not hmac.compare_digest(self._signature(name, expires).encode(), query["Signature"].encode()):
            raise LinkError("SignatureDoesNotMatch", "The signature of the link does not match.")

    def _signature(self, name: str, expires: int) -> str:
        mac = hmac.new(self.secret, f"GET\n{expires}\n{OBJECTS_PATH}/{name}".encode(), hashlib.sha256)
        return base64.b64encode(mac.digest()).decode()


def refusal_xml(code: str, message: str, *, request_id: str) -> bytes:
    """Return the store's error content."""
    parts = {"Code": code, "Message": message, "RequestId": request_id}
    inner = "".join(f"  <{name}>{escape(text)}</{name}>\n" for name, text in parts.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>\n{inner}</Error>\n'.encode()


def requested_range(field: str | None, *, size: int) -> tuple[int, int] | None:
    """
    Return first and last byte (inclusive) that a Range field asks for; `None` where the whole is to be sent.

    Several ranges, and fields that are not understood, are ignored, as RFC 9110, 14.2, allows.

    Raises:
        ValueError: The range lies wholly outside: answer 416.
    """
    match = _RANGE.fullmatch(field.strip()) if field else None
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if first and last and int(last) < int(first):
        return None  # syntactically invalid, RFC 9110, 14.1.1
    start = int(first) if first else max(0, size - int(last))
    end = min(size - 1, int(last)) if first and last else size - 1
    if start >= size:
        raise ValueError("outside the object")
    return start, end
