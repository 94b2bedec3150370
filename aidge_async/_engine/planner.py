"""
Plans: records what is wanted durably, and later makes a submission of the record.

When its turn comes is the backlog's matter, how it is bought the buyer's.
"""

import math
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import anyio
import anyio.abc
import attrs

from aidge_async import events
from aidge_async._core import codec
from aidge_async._core.lifecycle import Entry, State, fingerprint
from aidge_async._core.operation import Operation, TaskRequest
from aidge_async._core.source import Source
from aidge_async._engine.backlog import Backlog
from aidge_async._engine.buyer import Wish, hold_to
from aidge_async._engine.gate import Gate
from aidge_async._engine.hashing import hashed
from aidge_async._engine.news import News
from aidge_async.config import Settings
from aidge_async.errors import AidgeError, CredentialsError, QuotaError, RequestError, TakenError
from aidge_async.operations import operation_named
from aidge_async.ports import DurableJournal, Images

_CHANGED: Final = "its picture is not the one that was planned any more; submit it under another key"


class Planner:
    """
    Plan, and submit what was planned.

    Args:
        journal: Records it.
        images: Brings images into memory.
        group: Where planned entries are submitted.
        buy: Buys one.
        follow: Goes on with an accepted entry.
        gate: What submissions have to pass.
        news: Is told of trouble.
        settings: Whose account.
        wall_clock: Epoch seconds.
        in_flight: Calls at the gateway at once.
    """

    def __init__(
        self,
        journal: DurableJournal,
        images: Images,
        group: anyio.abc.TaskGroup,
        *,
        buy: Callable[[Wish[Any]], Awaitable[object]],
        follow: Callable[[Entry], object],
        gate: Gate,
        news: News,
        settings: Settings,
        wall_clock: Callable[[], float],
        in_flight: int,
    ) -> None:
        self._journal = journal
        self._images = images
        self._buy = buy
        self._follow = follow
        self._gate = gate
        self._news = news
        self._settings = settings
        self._wall_clock = wall_clock
        self.backlog = Backlog(group, submit=self._submit, gate=gate, news=news, workers=in_flight)

    def __repr__(self) -> str:
        return f"<Planner, {self.backlog}>"

    async def plan(
        self, operation: Operation[Any], request: TaskRequest[Any], *, key: str, folder: Path | None
    ) -> None:
        """
        Record *request* under *key*, and have it submitted; it is on disk when this returns.

        Raises:
            RequestError: It breaks a rule, or the key is another request's.
            NotSentError: Nothing is submitted any more.
            JournalError: It could not be recorded.
        """
        self._gate.check(key)
        image = operation.image_of(request)
        async with self._images.prepared(image) as prepared:
            codec.write_submit(  # or a value that the dialect does not know would be found when nobody waits any more
                operation,
                request,
                wire_format=self._settings.wire_format,
                image=prepared.content,
                trial=self._settings.trial,
            )
            values = codec.values_of(request)
            mark = await hashed(lambda: fingerprint(operation.name, values, prepared.content), prepared.content)
            source = await hashed(lambda: Source.of(prepared.content, _path_of(image)), prepared.content)
            entry = self._entry(operation, request, mark, source, key=key, folder=folder)
            found = await self._journal.peek(key)
            if found is not None and found.state is not State.REFUSED:
                hold_to(found, entry)
                if found.state is not State.PLANNED or found.source is not None:
                    return None
            # Not torn apart: what is recorded and not in the backlog would wait for this process to end.
            with anyio.CancelScope(shield=True):
                return await self._record(entry, prepared.content)

    async def _record(self, entry: Entry, content: bytes | str) -> None:
        try:
            await self._journal.plan(entry, content)
        except TakenError:  # another caller was faster
            found = await self._journal.peek(entry.key)
            assert found is not None, "it was taken"
            hold_to(found, entry)
        else:
            self.backlog.add([entry.key])

    def _entry(
        self,
        operation: Operation[Any],
        request: TaskRequest[Any],
        mark: str,
        source: Source,
        *,
        key: str,
        folder: Path | None,
    ) -> Entry:
        return Entry(
            key=key,
            keyed=True,
            operation=operation.name,
            fingerprint=mark,
            state=State.PLANNED,
            at=self._wall_clock(),
            pictures=operation.picture_count(request),
            folder=None if folder is None else str(folder.absolute()),
            request=codec.text_of(request),
            source=source.text(),
        )

    async def _submit(self, key: str) -> None:
        entry = await self._journal.peek(key)
        if entry is None or entry.state is not State.PLANNED or entry.source is None or entry.request is None:
            return  # somebody else was faster
        try:
            await self._buy(await self._wish(entry, Source.read(entry.source), entry.request))
        except RequestError as exc:  # its picture is gone, or not what it was
            changed = exc.key is not None and not Source.read(entry.source).is_spooled
            await self._refuse(entry, _CHANGED if changed else str(exc))
        except AidgeError as exc:
            left = await self._journal.peek(key)
            if isinstance(exc, (CredentialsError, QuotaError)) or (left is not None and left.state is State.PLANNED):
                raise
        else:
            bought = await self._journal.peek(key)
            assert bought is not None, "it was bought"
            self._follow(bought)

    async def _wish(self, entry: Entry, source: Source, request: str) -> Wish[Any]:
        image = await self._journal.image(source)
        return Wish(
            request=codec.request_of(operation_named(entry.operation), request, image),
            key=entry.key,
            folder=None if entry.folder is None else Path(entry.folder),
            until=math.inf,
            gate=self._gate,
        )

    async def _refuse(self, entry: Entry, reason: str) -> None:
        ended = attrs.evolve(entry, state=State.REFUSED, at=self._wall_clock(), reason=reason)
        await self._journal.record(ended)
        self._news.tell(events.SubmitRefused(key=entry.key, reason=reason, code=None))


def _path_of(image: object) -> str | None:
    return str(image.absolute()) if isinstance(image, Path) else None
