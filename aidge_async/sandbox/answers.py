"""
One HTTP answer as a value: caught before it is sent, so that it can be spoiled.

What spoils it stands in `fault_answers.py`, how it reaches the caller in `mischief.py`; nothing of the gateway is
known here.
"""

import http
from email.utils import formatdate
from typing import Self

import attrs
from starlette.types import Message, Send

Header = tuple[bytes, bytes]

_OF_THE_CONTENT = (b"content-length", b"content-type", b"content-encoding")


def marks(now: float) -> tuple[Header, ...]:
    """Return the fields that date an answer at *now*, epoch seconds, and mark it as the sandbox's."""
    date = formatdate(now, usegmt=True).encode()
    return ((b"date", date), (b"server", b"aidge-async-sandbox"), (b"x-aidge-sandbox", b"1"))


@attrs.frozen(kw_only=True)
class Answer:
    """
    A whole answer.

    Args:
        headers: The fields of its head, names in lower case.
    """

    status_code: int = 200
    headers: tuple[Header, ...] = ()
    content: bytes = attrs.field(default=b"", repr=False)

    def changed(self, *headers: Header) -> Self:
        """Return this answer with *headers* in the place of those of the same names."""
        names = {name for name, _ in headers}
        kept = tuple(header for header in self.headers if header[0] not in names)
        return attrs.evolve(self, headers=(*headers, *kept))

    def holding(self, content: bytes, media_type: str | None = None, *, status_code: int | None = None) -> Self:
        """
        Return this answer with another *content*, of the length that it has.

        Args:
            media_type: The new Content-Type; `None` keeps the old one.
            status_code: The new HTTP status; `None` keeps the old one.
        """
        replaced = _OF_THE_CONTENT[: 1 if media_type is None else None]
        kept = tuple(header for header in self.headers if header[0] not in replaced)
        length = (b"content-length", str(len(content)).encode())
        kind = () if media_type is None else ((b"content-type", media_type.encode()),)
        status_code = self.status_code if status_code is None else status_code
        return attrs.evolve(self, status_code=status_code, headers=(length, *kind, *kept), content=content)

    def as_bytes(self, *, head_only: bool = False) -> bytes:
        """Return the answer as HTTP/1.1 writes it; *head_only* is what HEAD is answered with."""
        phrase = http.HTTPStatus(self.status_code).phrase if self.status_code in set(http.HTTPStatus) else ""
        lines = [f"HTTP/1.1 {self.status_code} {phrase}".encode()]
        lines += [name + b": " + value for name, value in self.headers]
        return b"\r\n".join(lines) + b"\r\n\r\n" + (b"" if head_only else self.content)

    async def send(self, send: Send) -> None:
        """Send the answer through ASGI."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": list(self.headers)})
        await send({"type": "http.response.body", "body": self.content})


class Catch:
    """An ASGI `send` that keeps the answer instead of sending it."""

    def __init__(self) -> None:
        self._start: Message | None = None
        self._content = bytearray()

    async def __call__(self, message: Message) -> None:
        """Keep one message."""
        if message["type"] == "http.response.start":
            self._start = message
        else:
            self._content += message.get("body", b"")

    def answer(self) -> Answer | None:
        """Return what was caught; `None` where nothing was sent, because the caller has gone."""
        if self._start is None:
            return None
        headers = tuple((bytes(name), bytes(value)) for name, value in self._start["headers"])
        return Answer(status_code=self._start["status"], headers=headers, content=bytes(self._content))
