"""
The two formats of a manifest: CSV and JSON lines, to entries and complaints.

Nothing here knows what a column means, and nothing is opened.
"""

import csv
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import attrs

from aidge_async.cli.manifest_lines import COLUMNS, Complaint, Entry, Lines

_NEEDED: Final = "image"
_DELIMITERS: Final = (",", ";", "\t")  # Excel writes semicolons where the comma is the decimal sign
_CSV_WORDS: Final = (
    ("field larger", "has a field of more than 131,072 characters; is a quote left open?"),
    ("new-line character", "ends with a lone carriage return; save the file with LF or CRLF line ends"),
    ("unexpected end of data", 'has a quote (") that is never closed; close it'),
    ("expected after", 'goes on behind a closing quote ("); double the quotes inside of a field'),
)


def column_name(text: str) -> str:
    """Return a column's name: our own word for ours, whatever its case, and others as they are."""
    name = text.strip()
    known = re.sub(r"[\s-]+", "_", name.casefold())
    return known if known in COLUMNS else name


def read_csv(lines: Lines) -> Iterator[Entry | Complaint]:
    """Yield the rows of a CSV file; its first row names the columns."""
    records = _records(lines)
    header = next(records, _empty())
    if isinstance(header, Complaint):
        yield attrs.evolve(header, last=True)
        return
    start, cells = header
    names = [column_name(cell) for cell in _trimmed(cells)]
    wrong = _wrong_header(names)
    if wrong:
        yield Complaint(start, wrong, last=True)
        return
    for record in records:
        yield record if isinstance(record, Complaint) else _row(names, record[1], record[0])


def read_jsonl(lines: Lines) -> Iterator[Entry | Complaint]:
    """Yield the rows of a file with one JSON object a line."""
    rows = 0
    for line in lines:
        if not line.strip():
            continue
        rows += 1
        yield lines.fault() or _object(line, lines.number)
    if not rows:
        yield _empty()


def _empty() -> Complaint:
    return Complaint(0, f"is empty; give a row an image, with a column '{_NEEDED}' at least", last=True)


def _records(lines: Lines) -> Iterator[tuple[int, list[str]] | Complaint]:
    """Yield the line on which each record begins and its cells, without records of nothing."""
    first = next((line for line in lines if line.strip()), "")
    line = lines.number - 1
    reader = csv.reader(
        itertools.chain([first] if first else [], lines),
        delimiter=_delimiter(first),
        strict=True,
        skipinitialspace=True,
    )
    while True:
        start = line + 1
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as exc:
            yield lines.fault() or Complaint(start, _reworded(exc), last=True)
            return
        line = lines.number
        fault = lines.fault()
        if fault or any(cells):
            yield fault or (start, cells)


def _delimiter(header: str) -> str:
    for delimiter in _DELIMITERS:
        if _NEEDED in (column_name(cell.strip().strip('"')) for cell in header.split(delimiter)):
            return delimiter
    return ","


def _trimmed(cells: Sequence[str]) -> Sequence[str]:
    """Return *cells* without empty ones at the end: spreadsheets leave them behind."""
    count = max((place for place, cell in enumerate(cells, start=1) if cell), default=0)
    return cells[:count]


def _wrong_header(names: Sequence[str]) -> str | None:
    double = next((name for name in names if names.count(name) > 1), None)
    if double == "":
        return "has two columns without a name; name each column"
    if double is not None:
        return f"names the column {double!r} twice; rename one of them"
    if _NEEDED not in names:
        return f"has no column '{_NEEDED}' (got {_shortly(', '.join(names))!r}); the first line names the columns"
    return None


def _row(names: Sequence[str], cells: Sequence[str], line: int) -> Entry | Complaint:
    cells = [*cells[: len(names)], *_trimmed(cells[len(names) :])]
    if len(cells) != len(names):
        return Complaint(
            line, f"has fields: {len(cells)}, where the first line has {len(names)}; put fields with commas in quotes"
        )
    return Entry(line, {name: cell for name, cell in zip(names, cells, strict=True) if cell})


def _object(line: str, number: int) -> Entry | Complaint:
    try:
        found = json.loads(line, object_pairs_hook=_unique, parse_constant=_no_number)
    except json.JSONDecodeError as exc:
        return Complaint(number, f"is no JSON ({exc.msg} at column {exc.colno}); write one object a line")
    except (ValueError, RecursionError) as exc:
        reason = "it is nested too deeply" if isinstance(exc, RecursionError) else str(exc)
        return Complaint(number, f"is no JSON that can be used ({_shortly(reason)}); write one object a line")
    if not isinstance(found, dict):
        return Complaint(number, "is JSON, but no object; write one object a line, without brackets around them")
    names = [column_name(name) for name in found]
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        return Complaint(number, f"names the column {double!r} twice; leave one of them out")
    values = {name: value for name, value in zip(names, found.values(), strict=True) if not _blank(value)}
    return Entry(number, values)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no JSON number")


def _blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _reworded(error: csv.Error) -> str:
    told = str(error)
    return next((ours for theirs, ours in _CSV_WORDS if theirs in told), f"is no CSV ({told}); correct it")


def _shortly(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"  # noqa: PLR2004  a line's width
