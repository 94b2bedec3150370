"""
Looks at all rows and all images of a catalogue before anything is bought, and counts what would be bought.

Nothing is sent and no account is needed: one bad row of 5,000 is found while it costs nothing.
"""

import heapq
from collections.abc import Callable, Iterator
from typing import Final

import anyio
import anyio.lowlevel
import attrs

from aidge_async import AidgeClient, ModelAlternation, RequestError
from aidge_async.cli.catalogue import Catalogue
from aidge_async.cli.manifest_lines import Complaint
from aidge_async.operations import operation_of

# Images looked at side by side, each in a worker thread and with at most 4 MiB in memory.
_AT_ONCE: Final = 8
_MOST_TOLD: Final = 20  # lines that a person reads before correcting the cause


class Findings:
    """Collect complaints about lines: the first lines are kept, the others counted."""

    def __init__(self) -> None:
        self._told: list[tuple[int, str]] = []  # a heap whose top is the last line
        self.count = 0

    def add(self, line: int, text: str) -> None:
        """Note what is wrong with a line."""
        self.count += 1
        (heapq.heappush if len(self._told) < _MOST_TOLD else heapq.heappushpop)(self._told, (-line, text))

    def sentences(self, name: str) -> Iterator[str]:
        """Yield a sentence each, in the order of the lines, and at the end how many more there are."""
        for line, text in sorted(self._told, key=lambda found: -found[0]):
            yield f"{name} {text}" if line == 0 else f"{name} line {-line}: {text}"
        if self.count > len(self._told):
            yield f"{name}: and {self.count - len(self._told):,} more"


@attrs.define(kw_only=True)
class Preflight:
    """
    Hold what was found.

    Args:
        rows: Good rows, which is as many tasks.
        pictures: Pictures that they ask for; what a row leaves open the gateway makes 2 of.
        bad_images: Rows that are good in themselves, with an image that is not.
        urls: Rows whose image is a URL; the gateway fetches these, and nobody has looked at them.
        bad: What is wrong.
        doubtful: What is perhaps wrong.
        broken_off: Whether the manifest could not be read to its end.
    """

    rows: int = 0
    pictures: int = 0
    bad_images: int = 0
    urls: int = 0
    bad: Findings = attrs.field(factory=Findings)
    doubtful: Findings = attrs.field(factory=Findings)
    broken_off: bool = False


async def preflight(catalogue: Catalogue, client: AidgeClient, *, on_row: Callable[[], None]) -> Preflight:
    """
    Look at all rows and images.

    Args:
        catalogue: The rows.
        client: Knows the limits and the dialect; it need not be open.
        on_row: Called behind each row.
    """
    found = Preflight()
    waiting = catalogue.check()

    async def work() -> None:
        for one in waiting:
            if isinstance(one, Complaint):
                found.bad.add(one.line, one.text)
                found.broken_off = found.broken_off or one.last
            else:
                await _look_at(*one, client, found)
            on_row()
            await anyio.lowlevel.checkpoint()  # or a manifest of URLs could not be stopped with Ctrl-C

    async with anyio.create_task_group() as workers:
        for _ in range(_AT_ONCE):
            workers.start_soon(work)
    if not found.rows and not found.bad.count:
        found.bad.add(0, "has no row below its header; give it one for each image")
    return found


async def _look_at(line: int, request: ModelAlternation, client: AidgeClient, found: Preflight) -> None:
    try:
        warnings = await client.check(request)
    except RequestError as exc:
        found.bad_images += 1
        return found.bad.add(line, exc.summary)
    found.rows += 1
    found.pictures += operation_of(request).picture_count(request)
    found.urls += isinstance(request.image, str)
    for warning in warnings:
        found.doubtful.add(line, warning)
    return None
