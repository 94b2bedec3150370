"""
One purchase: what its key already names is not bought again, everything else is.

How a submission travels is the submitter's matter; here it is decided whether there is one.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, Generic

import anyio
import attrs

from aidge_async import events
from aidge_async._core import codec
from aidge_async._core.lifecycle import Entry, State, fingerprint
from aidge_async._core.operation import Operation, ResultT_co, TaskRequest
from aidge_async._core.token import Token, read_token
from aidge_async._engine.claims import Claims
from aidge_async._engine.gate import Gate
from aidge_async._engine.hashing import hashed
from aidge_async._engine.news import News
from aidge_async._engine.submitter import Progress, Submission, Submitter
from aidge_async.config import Settings
from aidge_async.errors import DeadlineError, JournalError, RequestError, SubmissionInDoubtError, TakenError
from aidge_async.ports import Journal

_BEHIND: Final = "another caller submits under the same key"


@attrs.frozen(kw_only=True)
class Wish(Generic[ResultT_co]):
    """
    Hold what a caller wants.

    Args:
        request: What it asks for.
        key: The key it chose; `None`: buy in any case.
        by_fingerprint: Whether, without a key, equal requests are one purchase.
        retry_failed_until: Epoch seconds; a key whose task failed until then is bought again.
        folder: Where the pictures will be saved, for who goes on with it after this process; `None`: not known.
        until: Moment on the event loop's clock at which to give up.
        gate: What it has to pass before it leaves.
        progress: Is kept up to date.
    """

    request: TaskRequest[ResultT_co]
    key: str | None
    by_fingerprint: bool = False
    retry_failed_until: float = -math.inf
    folder: Path | None = None
    until: float
    gate: Gate
    progress: Progress = attrs.field(factory=Progress)

    @contextmanager
    def in_time(self, meanwhile: str) -> Iterator[None]:
        """
        Wait inside the block, where nothing is sent, at most until the moment to give up.

        Args:
            meanwhile: What is waited for, as a clause for people.

        Raises:
            DeadlineError: It passed.
        """
        with anyio.CancelScope(deadline=self.until) as scope:
            yield
        if scope.cancelled_caught:
            raise DeadlineError(
                f"the deadline passed while {meanwhile}, nothing was sent by this call; allow more time",
                key=self.key,
                billable="no",
                resend_safe=True,
            )


@attrs.frozen(kw_only=True)
class Order:
    """
    Hold what is bought.

    Args:
        operation: The API.
        wish: What the caller wants.
        image: The URL, or the bytes that were looked at.
        name: What saved pictures are called after.
        warnings: What may be wrong with the image.
    """

    operation: Operation[Any]
    wish: Wish[Any]
    image: str | bytes = attrs.field(repr=False)
    name: str
    warnings: tuple[str, ...]


class Buyer:
    """
    Buy, once for each key.

    Args:
        submitter: Submits.
        journal: Remembers what was bought under a key.
        news: Is told of warnings.
        settings: Whose account.
        wall_clock: Epoch seconds.
    """

    def __init__(
        self,
        submitter: Submitter,
        journal: Journal,
        news: News,
        *,
        settings: Settings,
        wall_clock: Callable[[], float],
    ) -> None:
        self._submitter = submitter
        self._journal = journal
        self._news = news
        self._settings = settings
        self._wall_clock = wall_clock
        self._claims = Claims()

    async def buy(self, order: Order) -> Token:
        """Return the token of the task that *order* names, submitted now or, with a key, before."""
        wish = order.wish
        if wish.key is None and not wish.by_fingerprint:
            return await self._submit(order, self._entry(order, ""), "")
        values = codec.values_of(wish.request)
        mark = await hashed(lambda: fingerprint(order.operation.name, values, order.image), order.image)
        wish.progress.key = wish.key or mark
        entry = self._entry(order, mark)
        async with AsyncExitStack() as held:
            with wish.in_time(_BEHIND):
                await held.enter_async_context(self._claims.of(entry.key))
            while True:
                with wish.in_time(_BEHIND):
                    found = await self._journal.find(entry.key)
                token = None if found is None else _known(found, entry, wish.retry_failed_until)
                if token is not None:
                    return read_token(token)
                wish.gate.check(entry.key)  # what is known costs nothing, so it passes a gate that is shut
                try:
                    return await self._submit(order, entry, "" if found is None else found.token or "")
                except TakenError:
                    continue  # another process was faster; it is one task for both

    async def _submit(self, order: Order, entry: Entry, instead_of: str) -> Token:
        for warning in order.warnings:
            self._news.tell(events.ImageWarned(key=entry.key, warning=warning))
        call = codec.write_submit(
            order.operation,
            order.wish.request,
            wire_format=self._settings.wire_format,
            image=order.image,
            trial=self._settings.trial,
        )
        receipt = await self._submitter.submit(
            Submission(
                call=call,
                entry=entry,
                deadline=order.wish.until,
                gate=order.wish.gate,
                progress=order.wish.progress,
                make_token=lambda task_id, at: self._token(order, task_id, at).text(),
                instead_of=instead_of,
            )
        )
        return read_token(receipt.token)

    def _entry(self, order: Order, hashed: str) -> Entry:
        return Entry(
            key=order.wish.progress.key,
            keyed=bool(hashed),
            operation=order.operation.name,
            pictures=order.operation.picture_count(order.wish.request),
            folder=None if order.wish.folder is None else str(order.wish.folder.absolute()),
            fingerprint=hashed,
            state=State.PLANNED,
            at=self._wall_clock(),
        )

    def _token(self, order: Order, task_id: str, at: float) -> Token:
        return Token(
            region=self._settings.region_name,
            operation=order.operation.name,
            task_id=task_id,
            trial=self._settings.trial,
            submitted_at=at,
            count=order.operation.picture_count(order.wish.request),
            account=self._settings.account,
            name=order.name,
        )


def hold_to(found: Entry, wanted: Entry) -> None:
    """
    Hold *wanted* to be what its key was used for.

    Raises:
        RequestError: It is another request.
    """
    if found.fingerprint != wanted.fingerprint:
        raise RequestError(
            f"'key' {found.key!r} was used for another request (fingerprint {found.fingerprint[:12]}, now "
            f"{wanted.fingerprint[:12]}); use another key for another picture",
            key=found.key,
        )


def _known(found: Entry, wanted: Entry, retry_failed_until: float) -> str | None:
    """Return the token that a key already names, `None` where it may be bought; raise where that would be wrong."""
    hold_to(found, wanted)
    if found.state is State.ABANDONED:
        raise JournalError(
            f"'key' {found.key!r} was abandoned by a person; resolve it with --resubmit to buy it after all",
            key=found.key,
        )
    if found.token is None and found.state in {State.SENDING, State.IN_DOUBT}:
        raise SubmissionInDoubtError(
            f"'key' {found.key!r} is in doubt since an earlier submission ({found.reason or 'no answer'}); look into "
            "the vendor's console, then submit under another key",
            key=found.key,
        )
    return None if found.state is State.FAILED and found.at <= retry_failed_until else found.token
