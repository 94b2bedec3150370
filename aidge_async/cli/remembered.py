"""
What the journal knew when the command began: what was bought before, under which keys, and where it was saved.

It is only read here. What is bought is the library's decision, which asks the journal itself.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from pathlib import Path

import anyio
import anyio.to_thread

from aidge_async import ModelAlternation, RequestError
from aidge_async._core import codec
from aidge_async._core.lifecycle import Entry, State, fingerprint
from aidge_async._io.folders import are_all_in
from aidge_async._io.images import prepare_image
from aidge_async._io.sqlite_journal import SqliteJournal
from aidge_async._io.sqlite_reader import JournalReader, read_journal
from aidge_async.cli.jobs import Job, Keys, stems_of
from aidge_async.operations import operation_of


class Remembered:
    """
    Look up what was bought before.

    What has no key of its owner's is known again by what it asks for. A key that is derived from a file's name or a
    line's number would be another's as soon as a row is put in before it, and the last row would be bought twice.

    Args:
        reader: The journal.
        taken: Keys that their owner chose; they are given to nothing else.
    """

    def __init__(self, reader: JournalReader, taken: Iterable[str] = ()) -> None:
        self._reader = reader
        self._keys_of: defaultdict[str, deque[str]] = defaultdict(deque)
        chosen, known = set(taken), set[str]()
        for entry in reader.entries():
            known.add(entry.key)
            if entry.fingerprint and entry.key not in chosen:
                self._keys_of[entry.fingerprint].append(entry.key)
        self._keys = Keys(chosen | known)
        self.count = len(known)
        """How many purchases were recorded before."""

    def __repr__(self) -> str:
        return f"<Remembered of {self._reader!r}>"

    async def claim(self, request: ModelAlternation) -> str | None:
        """Return a key under which the same was asked for before, each once; `None`: there is none, or none left."""
        if not self._keys_of:
            return None
        waiting = self._keys_of.get(await _fingerprint(request))
        return waiting.popleft() if waiting else None

    def derive(self, stem: str) -> str:
        """Return a key that nothing has."""
        return self._keys.derive(stem)

    def entry(self, key: str) -> Entry | None:
        """Return what is recorded under *key* by now."""
        return self._reader.entry(key)

    async def saved(self, key: str, request: ModelAlternation, folder: Path) -> Entry | None:
        """Return what is recorded under *key* where it is *request* and all its pictures are in *folder*."""
        entry = self.entry(key)
        if entry is None or entry.state is not State.SUCCEEDED or not entry.paths:
            return None
        if not await anyio.to_thread.run_sync(are_all_in, map(Path, entry.paths), folder):
            return None
        return entry if entry.fingerprint == await _fingerprint(request) else None


def remembered_in(path: Path, holder: str, taken: Iterable[str] = ()) -> Remembered:
    """
    Make the journal at *path* where there is none, and return what it knows.

    Args:
        path: The file.
        holder: The account that will buy.
        taken: As for `Remembered`.

    Raises:
        JournalError: It cannot be used, or it is another account's; told now, before a report is begun.
    """
    anyio.run(_try, path, holder)
    return Remembered(read_journal(path), taken)


async def name_anew(jobs: Sequence[Job], remembered: Remembered) -> None:
    """Give jobs the keys under which the same was bought before, and keys that nothing has to the others."""
    requests = [job.request for job in jobs if job.request is not None]
    for job, request, stem in zip(jobs, requests, stems_of([one.image for one in requests]), strict=True):
        job.key = await remembered.claim(request) or remembered.derive(stem)


async def _try(path: Path, holder: str) -> None:
    async with SqliteJournal(path, holder=holder):
        pass


async def _fingerprint(request: ModelAlternation) -> str:
    """Return what tells *request* from others; empty where its picture cannot be read, which the library tells."""
    operation = operation_of(request)
    try:
        image = await prepare_image(operation.image_of(request))
    except RequestError:
        return ""
    return fingerprint(operation.name, codec.values_of(request), image.content)
