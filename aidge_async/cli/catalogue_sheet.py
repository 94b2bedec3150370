"""
An HTML sheet of a whole catalogue, from its report: pictures by relative link, so that thousands of rows stay light.

It fetches nothing from elsewhere, by its own policy, and runs one script of its own, named there by its hash. No link,
token or secret of the gateway comes in here.
"""

import base64
import contextlib
import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import quote

import attrs
import imagesize

from aidge_async.cli.catalogue_style import SCRIPT, STYLE
from aidge_async.cli.exits import UsageError
from aidge_async.cli.output import counted, open_next_free
from aidge_async.cli.sheet import escaped
from aidge_async.cli.showing import OUTCOMES
from aidge_async.cli.version import version

_MOST_ROWS: Final = 5000  # of one file, some 5 MB: what a browser takes to load it grows with the rows
_HASH: Final = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
# A browser that opens the file itself knows no origin that `'self'` could mean; `file:` is what it takes.
_POLICY: Final = (
    f"default-src 'none'; img-src 'self' file:; style-src 'unsafe-inline'; script-src 'sha256-{_HASH}'; "
    "base-uri 'none'; form-action 'none'"
)


@attrs.frozen(kw_only=True)
class _Part:
    """One file of a sheet: which lines of the report it shows, and its place among the files."""

    path: Path
    offsets: Sequence[int]
    counts: Mapping[str, int]
    neighbours: Mapping[str, Path]


def write_catalogue(report: Path, *, base: Path) -> list[Path]:
    """
    Write the sheet of *report* beside it, and return its files: one, or several where there are very many rows.

    Args:
        report: What became of the rows, a line each.
        base: What the images' paths are relative to.

    Raises:
        UsageError: It cannot be written.
    """
    try:
        with report.open("rb") as lines:
            found = sorted(_indexed(lines))
            chunks = [found[start : start + _MOST_ROWS] for start in range(0, max(1, len(found)), _MOST_ROWS)]
            files = [open_next_free(report.parent, "sheet.html") for _ in chunks]
            for place, ((path, file), chunk) in enumerate(zip(files, chunks, strict=True)):
                with file:
                    neighbours = {
                        word: files[other][0]
                        for word, other in (("previous", place - 1), ("next", place + 1))
                        if 0 <= other < len(files)
                    }
                    part = _Part(
                        path=path,
                        offsets=[offset for _, offset, _ in chunk],
                        counts=Counter(outcome for _, _, outcome in chunk),
                        neighbours=neighbours,
                    )
                    for text in _page(part, lines, base=base):
                        file.write(text)
    except OSError as exc:
        raise UsageError(
            f"the sheet cannot be written in '{report.parent}' ({exc.strerror}); the pictures are there"
        ) from None
    return [path for path, _ in files]


def _indexed(lines: IO[bytes]) -> Iterator[tuple[int, int, str]]:
    """Yield the manifest's line, the place in the file and the outcome of each line of a report."""
    offset = 0
    for raw in lines:
        found = _read(raw)
        if found is not None:
            yield found["line"], offset, found["outcome"]
        offset += len(raw)


def _read(raw: bytes) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(raw)
    except ValueError:
        return None  # a line that the disk had no room for
    return found


def _page(part: _Part, lines: IO[bytes], *, base: Path) -> Iterator[str]:
    title = "Catalogue: before and after"
    yield (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<header>\n<h1>{title}</h1>\n<p>{counted(len(part.offsets), 'row')}, each picture beside its original. "
        f"Pictures lie beside this file.</p>\n{_links(part)}</header>\n{_form(part)}<main>\n"
    )
    for offset in part.offsets:
        lines.seek(offset)
        row = _read(lines.readline())
        if row is not None:
            yield _article(row, folder=part.path.parent, base=base)
    yield (
        f"</main>\n<footer>{_links(part)}<p>aidge-async {escaped(version())}. This file fetches nothing from elsewhere."
        f"</p></footer>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def _links(part: _Part) -> str:
    links = [f'<a href="{quote(path.name)}" rel="{word[:4]}">{word} rows</a>' for word, path in part.neighbours.items()]
    return f"<nav>{' '.join(links)}</nav>\n" if links else ""


def _form(part: _Part) -> str:
    choices = [("", "all", len(part.offsets))]
    choices += [(name, OUTCOMES[name], part.counts[name]) for name in OUTCOMES if part.counts.get(name)]
    radios = "".join(
        f'<label><input type="radio" name="outcome" value="{name}"{"" if name else " checked"}>'
        f"<span>{word} <b>{count:,}</b></span></label>"
        for name, word, count in choices
    )
    return (
        f'<form hidden autocomplete="off"><fieldset><legend>Outcome</legend>{radios}</fieldset>'
        '<label class="find"><span>Find</span><input type="search" name="find" '
        'placeholder="key, file, task, any column" aria-keyshortcuts="/"></label>'
        '<output aria-live="polite"></output></form>\n'
    )


def _article(row: Mapping[str, Any], *, folder: Path, base: Path) -> str:
    outcome = row["outcome"]
    image = row["image"] or ""
    told = [f"line {row['line']}", image, *_asked(row["asked"]), row["task_id"] or ""]
    mine = [f"{name}: {value}" for name, value in row["fields"].items()]
    parts = [
        f"<h2>{escaped(row['key'] or image or 'unreadable row')}</h2>",
        f'<p class="outcome{"" if outcome == "succeeded" else " bad"}">{OUTCOMES[outcome]}</p>',
        _line("facts", told),
        _line("facts", mine),
        _line("error", [row["error"] or ""]),
    ]
    figures = [_before(image, folder=folder, base=base)]
    figures += [_after(picture, number, row["key"]) for number, picture in enumerate(row["pictures"], start=1)]
    return (
        f'<article data-outcome="{outcome}"><div class="about">{"".join(parts)}</div>'
        f'<div class="strip">{"".join(figures)}</div></article>\n'
    )


def _asked(asked: Mapping[str, Any]) -> list[str]:
    told = [asked.get(name, "") for name in ("model", "background", "gender", "age")]
    if asked.get("keep_background"):
        told.append("background kept")
    if "count" in asked:
        told.append(counted(asked["count"], "picture"))
    if "dimension" in asked:
        told.append(f"{asked['dimension']} px")
    return told


def _line(kind: str, texts: Sequence[str]) -> str:
    told = " · ".join(escaped(text) for text in texts if text)
    return f'<p class="{kind}">{told}</p>' if told else ""


def _before(image: str, *, folder: Path, base: Path) -> str:
    if not image:
        return ""
    if "://" in image:
        return _absent("given as a URL")
    link, original = "", base / image
    with contextlib.suppress(OSError, ValueError):  # a name that no file can have, or another drive than the sheet's
        link = Path(os.path.relpath(original, folder)).as_posix() if original.is_file() else ""
    if not link:
        return _absent("not to be found")
    return _figure(link, _sides(original), f"{image}, before", "Before", kind="before")


def _sides(path: Path) -> tuple[int, int]:
    try:
        width, height = imagesize.get(path)
    except (OSError, ValueError):
        return 0, 0
    return int(width), int(height)


def _absent(told: str) -> str:
    return f'<figure class="before"><div class="absent">{told}</div><figcaption>Before</figcaption></figure>'


def _after(picture: Mapping[str, Any], number: int, key: str) -> str:
    sides = (picture["width_px"] or 0, picture["height_px"] or 0)
    return _figure(Path(picture["path"]).name, sides, f"{key}, after {number}", f"After {number}", kind="after")


def _figure(link: str, sides: tuple[int, int], alternative: str, caption: str, *, kind: str) -> str:
    width, height = sides
    size = f' width="{width}" height="{height}"' if width > 0 and height > 0 else ""
    address = escaped(quote(link))
    return (
        f'<figure class="{kind}"><a href="{address}"><img loading="lazy" decoding="async" src="{address}"{size} '
        f'alt="{escaped(alternative)}"></a><figcaption>{caption}</figcaption></figure>'
    )
