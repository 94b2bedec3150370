"""
The rows of a catalogue in the order in which they are bought: those first that were submitted before.

They cost nothing any more, so neither a budget that is used up nor a refused account may keep them from being followed
to their end. The library answers for what is known in any case, but a batch draws nothing more once no submission may
leave: a catalogue is not read to its end for nothing.
"""

from collections.abc import AsyncGenerator, Container
from typing import Final

import attrs

from aidge_async._core.lifecycle import Entry, State
from aidge_async.cli.catalogue import Catalogue, Row
from aidge_async.cli.manifest_lines import Complaint
from aidge_async.cli.remembered import Remembered

_UNSENT: Final = frozenset({State.PLANNED, State.REFUSED})


async def in_order(
    catalogue: Catalogue, remembered: Remembered | None, *, retry_failed: bool = False
) -> AsyncGenerator[Row | Complaint, None]:
    """
    Yield all rows and complaints; rows without a key of their owner's under that by which the journal knows them.

    Args:
        catalogue: The rows.
        remembered: What the journal knows; `None`: nothing.
        retry_failed: Whether what failed is bought again, and so has to wait for its turn.
    """
    unsent = _UNSENT | {State.FAILED} if retry_failed else _UNSENT
    if remembered is None or not remembered.count:
        for row in catalogue:
            yield row
        return
    begun: set[int] = set()
    keys: dict[int, str] = {}  # of rows that are known and were not sent
    for row in catalogue:
        entry = await _recorded(row, remembered)
        if entry is not None and isinstance(row, Row):
            keys[row.line] = entry.key
            if entry.state not in unsent:
                begun.add(row.line)
                yield attrs.evolve(row, key=keys.pop(row.line))
    for row in catalogue:
        if not _is_among(begun, row):
            yield _named(row, keys, remembered)


async def _recorded(row: Row | Complaint, remembered: Remembered) -> Entry | None:
    if isinstance(row, Complaint):
        return None
    key = row.key if row.stem is None else await remembered.claim(row.request)
    return None if key is None else remembered.entry(key)


def _is_among(lines: Container[int], row: Row | Complaint) -> bool:
    return isinstance(row, Row) and row.line in lines


def _named(row: Row | Complaint, keys: dict[int, str], remembered: Remembered) -> Row | Complaint:
    if isinstance(row, Complaint) or row.stem is None:
        return row
    return attrs.evolve(row, key=keys.get(row.line) or remembered.derive(row.stem))
