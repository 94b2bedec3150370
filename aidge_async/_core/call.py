"""
One exchange as values: the call we prepare, the reply that came, or the fault that kept it away.

Nothing here knows what a call means or how it travels; meaning is read in `envelope.py`, travelling is done in `_io`.
"""

import base64
import enum
from collections.abc import Iterator, Mapping
from typing import Final, Literal, TypeAlias

import attrs

CallKind: TypeAlias = Literal["submit", "query"]

# A multiple of 3, so that chunks of Base64 join without padding. Measured with 32 uploads of 4 MB at once: 48 KiB
# holds the event loop for 9 to 16 ms, 192 KiB for 50 ms.
CHUNK_BYTES: Final = 48 * 1024


@attrs.frozen
class Content:
    """
    Hold a call's content; an image is encoded piece by piece while it is sent, never as one text.

    Args:
        head: Bytes before the image, or all of them where there is no image.
        image: Raw image bytes, sent as Base64.
        tail: Bytes after the image.
    """

    head: bytes = attrs.field(repr=False)
    image: bytes = attrs.field(default=b"", repr=False)
    tail: bytes = attrs.field(default=b"", repr=False)

    @property
    def size_bytes(self) -> int:
        """Return the exact length on the wire."""
        return len(self.head) + 4 * ((len(self.image) + 2) // 3) + len(self.tail)

    def chunks(self) -> Iterator[bytes]:
        """Yield the content in the order it is sent."""
        yield self.head
        view = memoryview(self.image)
        for start in range(0, len(view), CHUNK_BYTES):
            yield base64.b64encode(view[start : start + CHUNK_BYTES])
        if self.tail:
            yield self.tail


@attrs.frozen(kw_only=True)
class Call:
    """
    Hold one message to the gateway, not yet signed.

    Args:
        kind: What it is for; a submit costs money, a query does not.
        path: API path without the gateway's prefix.
        content: What is sent as JSON.
        query: Business parameters of a call made with GET.
        trial: Whether it draws on the free trial quota.
        method: `POST` or `GET`.
    """

    kind: CallKind
    path: str
    trial: bool = False
    method: Literal["POST", "GET"] = "POST"
    content: Content | None = None
    query: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Reply:
    """Hold one answer: HTTP status, field lines by lower-case name, and the bytes of its content."""

    status_code: int
    fields: Mapping[str, str] = attrs.field(factory=dict)
    content: bytes = attrs.field(default=b"", repr=lambda content: f"<{len(content)} bytes>")


class Phase(enum.Enum):
    """How far a call came that got no answer."""

    NOT_SENT = "not sent"
    """No byte of the request left this machine: proven."""

    SENT = "sent, no answer"
    """Some of it may have left: the gateway perhaps has it."""


@attrs.define
class Way:
    """
    Say how far one call came, to who stops waiting for it: a cancellation carries no phase.

    Args:
        phase: What is certain; the transport proves it where it can.
    """

    phase: Phase = Phase.SENT


class TransportError(Exception):
    """
    Raised by a transport for a call that got no answer; the only kind it may raise.

    Args:
        phase: What is certain about it.
        reason: A short clause for people, without a URL, such as `"connection refused"`.
    """

    def __init__(self, phase: Phase, reason: str) -> None:
        super().__init__(phase, reason)
        self.phase = phase
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.phase.value}: {self.reason}"
