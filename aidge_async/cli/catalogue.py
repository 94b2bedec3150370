"""
A manifest's entries as rows that can be bought: each a request, a key and what its owner wrote beside them.

Nothing is opened here but the manifest, and nothing is sent. Whether a picture is one that the gateway takes is
`preflight.py`'s matter.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from aidge_async import ModelAlternation, RequestError
from aidge_async.cli.exits import UsageError
from aidge_async.cli.jobs import Keys, read_image, shown
from aidge_async.cli.manifest import Manifest
from aidge_async.cli.manifest_lines import COLUMNS, Complaint, Entry

_WHOLE: Final = frozenset({"count", "dimension"})
_ANSWERS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_MOST_STRANGERS: Final = 100  # JSON may name other columns on each line
_ALIKE: Final = 0.85  # how like one of ours a column's name is where it is most likely meant


@attrs.frozen(kw_only=True)
class Row:
    """
    Hold one row that can be bought.

    Args:
        line: Where it begins in the manifest.
        key: What it is called; different for each row.
        image: How its image is shown: the path as written, or the URL without its query.
        request: What is asked for.
        fields: What its owner wrote in columns that are not ours.
        stem: What *key* was derived from; `None`: its owner chose it.
    """

    line: int
    key: str
    image: str
    request: ModelAlternation
    fields: Mapping[str, object]
    stem: str | None = None


class Catalogue:
    """
    Read rows from a manifest; call `check` for all of its entries first, then iterate over it as often as needed.

    Args:
        manifest: Where they are written.
        defaults: What is asked for where a row says nothing.
    """

    def __init__(self, manifest: Manifest, defaults: Mapping[str, Any]) -> None:
        self._manifest = manifest
        self._defaults = defaults
        self._first: dict[str, tuple[int, int]] = {}  # line and hash of the request, by key
        self._strangers: set[str] = set()
        self.repeats = 0
        """Rows that say again, key and all, what a row before them said; they are left out."""

    @property
    def strangers(self) -> list[str]:
        """Return the columns that are not ours but are called nearly so, each with the name that may be meant."""
        return sorted(
            f"{name!r} is no column of ours and only comes back in the report; is {near[0]!r} meant?"
            for name in self._strangers
            if (near := difflib.get_close_matches(name.casefold(), COLUMNS, n=1, cutoff=_ALIKE))
        )

    @property
    def chosen_keys(self) -> list[str]:
        """Return the keys that their owner chose."""
        return list(self._first)

    def check(self) -> Iterator[tuple[int, ModelAlternation] | Complaint]:
        """Yield a line and its request, or what is wrong with it."""
        for entry in self._manifest:
            if isinstance(entry, Complaint):
                yield entry
                continue
            if len(self._strangers) < _MOST_STRANGERS:
                self._strangers.update(entry.values.keys() - COLUMNS)
            try:
                request = self._request(entry)
                if self._note(entry, request):
                    yield entry.line, request
                else:
                    self.repeats += 1
            except (RequestError, UsageError) as exc:
                yield Complaint(entry.line, str(exc))

    def __iter__(self) -> Iterator[Row | Complaint]:
        """Yield the rows in the manifest's order, and what is wrong with the others."""
        keys = Keys(self._first)
        for entry in self._manifest:
            if isinstance(entry, Complaint):
                yield entry
                continue
            try:
                request = self._request(entry)
                if self._note(entry, request):
                    yield self._row(entry, request, keys)
            except (RequestError, UsageError) as exc:
                yield Complaint(entry.line, str(exc))

    def _row(self, entry: Entry, request: ModelAlternation, keys: Keys) -> Row:
        stem = request.image.stem if isinstance(request.image, Path) else f"line-{entry.line}"
        key = _key(entry)
        return Row(
            line=entry.line,
            key=key or keys.derive(stem),
            stem=None if key else stem,
            image=shown(read_image(_image(entry))),
            request=request,
            fields={name: value for name, value in entry.values.items() if name not in COLUMNS},
        )

    def _request(self, entry: Entry) -> ModelAlternation:
        given = {name: _value(name, entry.values[name]) for name in COLUMNS[1:-1] if name in entry.values}
        values = {**self._defaults, **given}
        # A row that speaks of the background at all speaks for the whole of it.
        if given.get("keep_background") is True and "background" not in given:
            values.pop("background", None)
        if "background" in given and "keep_background" not in given:
            values.pop("keep_background", None)
        if "model" not in values:
            raise UsageError("'model' is missing; fill the column, or give one for all rows with --model")
        image = read_image(_image(entry))
        return ModelAlternation(image=self._manifest.folder / image if isinstance(image, Path) else image, **values)

    def _note(self, entry: Entry, request: ModelAlternation) -> bool:
        """Return whether a row is the first of its key, and refuse it where the first one asks for something else."""
        key = _key(entry)
        if key is None:
            return True
        line, wanted = self._first.setdefault(key, (entry.line, hash(request)))
        if wanted != hash(request):
            raise UsageError(f"the key {key!r} stands for another request on line {line}; give each its own key")
        return line == entry.line


def _image(entry: Entry) -> str:
    image = entry.values.get("image")
    if image is None:
        raise UsageError("'image' is missing; give a file's path, or an http(s) URL")
    if not isinstance(image, str):
        raise UsageError(f"'image' must be text (got {_shortly(image)}); give a file's path, or an http(s) URL")
    return image.strip()


def _key(entry: Entry) -> str | None:
    key = entry.values.get("key")
    if key is None or (isinstance(key, str) and key.isprintable()):
        return key and key.strip()
    if isinstance(key, int) and not isinstance(key, bool):
        return str(key)
    raise UsageError(f"'key' must be printable text or a whole number (got {_shortly(key)}); change it")


def _value(name: str, value: object) -> object:
    """Return a cell as the request takes it; what it does not take, the request itself refuses."""
    text = value.strip() if isinstance(value, str) else value
    if name in _WHOLE:
        return _whole(name, text)
    if name == "keep_background" and isinstance(text, str):
        if text.casefold() not in _ANSWERS:
            raise UsageError(f"'{name}' must be true or false (got {_shortly(text)}); change it, or leave it out")
        return _ANSWERS[text.casefold()]
    return text


def _whole(name: str, value: object) -> object:
    """Return a number; pandas writes 2 as 2.0 where another row of the column is empty."""
    text = re.sub(r"\.0+$", "", value) if isinstance(value, str) else value
    if isinstance(text, float) and text.is_integer():
        return int(text)
    if not isinstance(text, str):
        return text
    try:
        return int(text)
    except ValueError:
        raise UsageError(
            f"'{name}' must be a whole number (got {_shortly(value)}); change it, or leave it out"
        ) from None


def _shortly(value: object) -> str:
    told = repr(value)
    return told if len(told) <= 60 else f"{told[:59]}…"  # noqa: PLR2004  a line's width
