"""
One HTML file that shows images before and after, with every picture inside it.

Nothing in it is fetched, by its own policy; no link, token or secret of the gateway comes in here.
"""

import base64
import html
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs
import imagesize

from aidge_async.cli.exits import UsageError
from aidge_async.cli.output import open_next_free
from aidge_async.cli.sheet_style import STYLE

_MEDIA_TYPES: Final = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".bmp": "image/bmp",
    ".webp": "image/webp",
    ".gif": "image/gif",
}
_WIDTHS: Final = {0: "two", 1: "two", 2: "three", 3: "four", 4: "five"}
_SQUARE: Final = 0.12  # how far from 1 an aspect ratio may be and still be shown as a square
_POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


@attrs.frozen(kw_only=True)
class Row:
    """
    Hold one image and what became of it.

    Args:
        title: What it is called.
        before: Its file; `None` where there is none to show.
        before_note: What to say instead.
        facts: What was asked and what is known, by its name.
        outcome: How it ended, in words.
        pictures: The saved results, in order.
        error: What went wrong, where something did.
    """

    title: str
    before: Path | None = None
    before_note: str = ""
    facts: Mapping[str, str]
    outcome: str
    pictures: Sequence[Path] = ()
    error: str | None = None


def write_sheet(
    folder: Path, rows: Sequence[Row], *, title: str, summary: str, notice: str | None = None, made_by: str
) -> Path:
    """
    Write a sheet into *folder* and return its path: `sheet.html`, or the next free `sheet-2.html`.

    Args:
        folder: Where to; it is there.
        rows: What to show.
        title: Heading.
        summary: One sentence below it.
        notice: What nobody may overlook.
        made_by: Said at the foot.

    Raises:
        UsageError: It cannot be written.
    """
    try:
        path, file = open_next_free(folder, "sheet.html")
        with file:
            for part in _page(rows, title=title, summary=summary, notice=notice, made_by=made_by):
                file.write(part)
    except OSError as exc:
        raise UsageError(
            f"the sheet cannot be written in '{folder}' ({exc.strerror}); the pictures are there"
        ) from None
    return path


def _page(rows: Sequence[Row], *, title: str, summary: str, notice: str | None, made_by: str) -> Iterator[str]:
    yield (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{escaped(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<header>\n<h1>{escaped(title)}</h1>\n<p>{escaped(summary)}</p>\n"
    )
    if notice:
        yield f'<p class="notice" role="note">{escaped(notice)}</p>\n'
    yield "</header>\n<main>\n"
    for row in rows:
        yield from _article(row)
    yield f"</main>\n<footer>{escaped(made_by)}</footer>\n</body>\n</html>\n"


def _article(row: Row) -> Iterator[str]:
    bad = " bad" if row.error else ""
    facts = "".join(_fact(name, value) for name, value in row.facts.items())
    yield (
        f'<article>\n<header><h2>{escaped(row.title)}</h2><p class="outcome{bad}">{escaped(row.outcome)}</p></header>\n'
        f"<dl>{facts}</dl>\n"
    )
    if row.error:
        yield f'<p class="error">{escaped(row.error)}</p>\n'
    yield f'<div class="strip {_shape(row)} {_WIDTHS.get(len(row.pictures), "five")}">\n'
    if row.before is not None:
        yield _figure(row.before, "Before", f"{row.title}, before", kind="before")
    else:
        yield (
            f'<figure class="before"><div class="absent">{escaped(row.before_note)}</div>'
            "<figcaption><b>Before</b></figcaption></figure>\n"
        )
    for number, picture in enumerate(row.pictures, start=1):
        caption = f"After {number}" if len(row.pictures) > 1 else "After"
        yield _figure(picture, caption, f"{row.title}, {caption.lower()}", kind="after")
    yield "</div>\n</article>\n"


def _fact(name: str, value: str) -> str:
    kind = ' class="id"' if name == "task" else ""
    return f"<div><dt>{escaped(name)}</dt><dd{kind}>{escaped(value)}</dd></div>"


def _figure(path: Path, caption: str, alternative: str, *, kind: str) -> str:
    try:
        content = path.read_bytes()
    except OSError as exc:
        told = f"{path.name} cannot be read ({exc.strerror})"
        return f'<figure class="{kind}"><div class="absent">{escaped(told)}</div></figure>\n'
    width, height = imagesize.get(path)
    sides = f' width="{width}" height="{height}"' if width > 0 and height > 0 else ""
    pixels = f"{path.suffix.lstrip('.').upper()} {width} × {height}" if sides else ""  # noqa: RUF001  a times sign
    media_type = _MEDIA_TYPES.get(path.suffix.lower(), "image/*")
    return (
        f'<figure class="{kind}"><img alt="{escaped(alternative)}"{sides} '
        f'src="data:{media_type};base64,{base64.b64encode(content).decode()}">'
        f"<figcaption><b>{escaped(caption)}</b><span>{escaped(pixels)}</span></figcaption></figure>\n"
    )


def _shape(row: Row) -> str:
    path = row.before or next(iter(row.pictures), None)
    width, height = imagesize.get(path) if path is not None and path.is_file() else (0, 0)
    if width <= 0 or height <= 0 or abs(width / height - 1) < _SQUARE:
        return "square"
    return "portrait" if height > width else "landscape"


def escaped(value: str) -> str:
    """Return what others wrote as text for HTML, on one line."""
    return html.escape("".join(letter if letter.isprintable() else " " for letter in value))
