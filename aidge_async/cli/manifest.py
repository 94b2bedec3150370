"""
Reads a manifest, CSV or JSON lines, an entry at a time, and says of each line what is wrong with it.

What the columns mean is `catalogue.py`'s matter. A private copy is what is read: it is read twice, may come through a
pipe, and may be saved anew by its owner while pictures are bought by it.
"""

import contextlib
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Final, Literal, TypeAlias

from aidge_async.cli.exits import UsageError
from aidge_async.cli.manifest_lines import MARK, Complaint, EndlessLineError, Entry, Lines
from aidge_async.cli.manifest_text import read_csv, read_jsonl

Format: TypeAlias = Literal["csv", "jsonl"]

STDIN: Final = "\0stdin"  # no path can be called so; what `app.py` makes of a dash that stands alone

_MOST_BYTES: Final = 1 << 30  # some ten million rows; more is no manifest, and the copy would fill a disk
_CHUNK_BYTES: Final = 1 << 20
_SUFFIXES: Final[Mapping[str, Format]] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
_FOREIGN: Final = (
    (b"\xff\xfe", "is UTF-16"),
    (b"\xfe\xff", "is UTF-16"),
    (b"PK\x03\x04", "is an Excel workbook or another archive"),
    (b"\xd0\xcf\x11\xe0", "is an old Excel workbook"),
)


class Manifest:
    """
    Hold a private copy of a manifest; iterate over it, any number of times, to get its entries and complaints.

    Args:
        name: How it is called in messages.
        folder: What paths in it are relative to.
        kind: Its format.
        file: The copy.
    """

    def __init__(self, *, name: str, folder: Path, kind: Format, file: IO[bytes]) -> None:
        self.name = name
        self.folder = folder
        self._kind = kind
        self._file = file

    def __iter__(self) -> Iterator[Entry | Complaint]:
        self._file.seek(0)
        lines = Lines(self._file)
        read = read_csv if self._kind == "csv" else read_jsonl
        try:
            yield from read(lines)
        except EndlessLineError as exc:
            yield Complaint(lines.number, str(exc), last=True)


@contextlib.contextmanager
def opened_manifest(typed: str, kind: Format | None) -> Iterator[Manifest]:
    """
    Copy the manifest that was typed, and hold it open inside the block.

    Args:
        typed: A path, or `STDIN`.
        kind: Its format; `None`: told by its name, or by its first character.

    Raises:
        UsageError: It cannot be read, or is no text.
    """
    path = None if typed == STDIN else Path(typed)
    with tempfile.TemporaryFile() as copy:
        try:
            if path is None:
                _copy(sys.stdin.buffer, copy)
            else:
                with path.open("rb") as file:
                    _copy(file, copy)
        except (OSError, ValueError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
            raise UsageError(
                f"the manifest '{path or '-'}' cannot be read ({reason}); name a CSV or JSONL file, or - for stdin"
            ) from None
        yield Manifest(
            name=path.name if path else "stdin",
            folder=path.parent if path else Path(),
            kind=kind or _SUFFIXES.get(path.suffix.lower() if path else "") or _guess(copy),
            file=copy,
        )


def _copy(source: IO[bytes], copy: IO[bytes]) -> None:
    size = 0
    while chunk := source.read(_CHUNK_BYTES):
        if not size:
            _refuse_foreign(chunk)
        size += len(chunk)
        if size > _MOST_BYTES:
            raise ValueError("it is larger than 1 GiB")
        copy.write(chunk)


def _refuse_foreign(start: bytes) -> None:
    for signature, told in _FOREIGN:
        if start.startswith(signature):
            raise ValueError(f"it {told}: save it as 'CSV UTF-8'")


def _guess(copy: IO[bytes]) -> Format:
    copy.seek(0)
    return "jsonl" if copy.read(_CHUNK_BYTES).removeprefix(MARK).lstrip()[:1] in {b"{", b"["} else "csv"
