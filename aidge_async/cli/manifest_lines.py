"""
A manifest's lines and what they hold: an entry, or what is wrong.

Lines come from bytes here, because a byte that is no UTF-8 has to be told with its line.
"""

from collections.abc import Mapping
from typing import IO, Final, Self

import attrs

# What a column may be called: the request's arguments, and what the row is to be called.
COLUMNS: Final = ("image", "model", "gender", "age", "background", "keep_background", "count", "dimension", "key")

MARK: Final = b"\xef\xbb\xbf"  # UTF-8's byte order mark, as Excel writes it
_MOST_LINE_BYTES: Final = 1 << 20  # a picture or a program that was named by mistake has no line breaks


@attrs.frozen
class Complaint:
    """
    Hold what is wrong with one line of a manifest.

    Args:
        line: The line, from 1; 0 where it is about the whole.
        text: What is wrong with it and what to do.
        last: Whether nothing behind it was read.
    """

    line: int
    text: str
    last: bool = False


@attrs.frozen
class Entry:
    """
    Hold one row as it was written.

    Args:
        line: The line on which it begins, from 1.
        values: Text or JSON values by column; empty ones are left out.
    """

    line: int
    values: Mapping[str, object]


class Lines:
    """
    Iterate over a file's lines as text, and remember what is wrong with those read last.

    Args:
        file: The manifest, at its start.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._fault: Complaint | None = None
        self.number = 0
        """The line read last, from 1."""

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        raw = self._file.readline(_MOST_LINE_BYTES + 1)
        if not raw:
            raise StopIteration
        self.number += 1
        if len(raw) > _MOST_LINE_BYTES:
            raise EndlessLineError(f"is longer than {_MOST_LINE_BYTES:,} bytes; give one row a line")
        if self.number == 1:
            raw = raw.removeprefix(MARK)
        if b"\0" in raw:
            self._blame("holds a NUL character; save the file as plain UTF-8 text")
        try:
            return raw.decode()
        except UnicodeDecodeError as exc:
            self._blame(f"has a byte that is no UTF-8 (0x{raw[exc.start]:02x}); save the file as UTF-8")
            return raw.decode(errors="replace")

    def fault(self) -> Complaint | None:
        """Return what was wrong since this was last asked."""
        fault, self._fault = self._fault, None
        return fault

    def _blame(self, text: str) -> None:
        self._fault = self._fault or Complaint(self.number, text)


class EndlessLineError(ValueError):
    """Raised when a line is longer than any row can be."""
