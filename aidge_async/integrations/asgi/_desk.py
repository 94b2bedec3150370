"""
What one request of a principal works with: the open client, its journal, the folders, and the room for more tasks.

It finds and shows tasks; what is answered is decided in `_tasks.py`, `_streams.py` and `_pictures.py`.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from http import HTTPStatus
from typing import Any, Final

import anyio
import anyio.to_thread
import attrs
from starlette.requests import Request

from aidge_async import AidgeClient, SettingsError
from aidge_async.integrations.asgi import _names
from aidge_async.integrations.asgi._news import News
from aidge_async.integrations.asgi._problems import ProblemError
from aidge_async.integrations.asgi._shelf import About, Shelf, file_secret
from aidge_async.integrations.asgi._shown import show_task
from aidge_async.journal import Entry, JournalView, State

WAITING: Final = frozenset({State.PLANNED, State.SENDING})
_SECRET: Final = "web.secret"  # under which it is kept in the journal  # noqa: S105  a name
_RECORDED_AT_ONCE: Final = 8  # uploads in memory: 32 MB of photos
_FULL_SECONDS: Final = 5  # at the default rate ten tasks have left by then


@attrs.define(kw_only=True)
class House:
    """
    Hold what all requests of an application share.

    Args:
        shelf: The folders.
        max_waiting: Tasks that may wait to be submitted.
        max_open: Uploads, and event streams, that one principal may have open; `None`: there is but one, everybody.
    """

    shelf: Shelf
    max_waiting: int
    max_open: int | None
    recording: anyio.Semaphore = attrs.field(factory=lambda: anyio.Semaphore(_RECORDED_AT_ONCE), repr=False)
    _entering: int = attrs.field(default=0, init=False)
    _open: Counter[tuple[str, str]] = attrs.field(factory=Counter, init=False, repr=False)
    _secret: bytes | None = attrs.field(default=None, init=False, repr=False)

    @contextmanager
    def entering(self) -> Iterator[int]:
        """Count inside the block one more that is on its way in, and give their number."""
        self._entering += 1
        try:
            yield self._entering
        finally:
            self._entering -= 1

    @contextmanager
    def holding(self, kind: str, principal: str) -> Iterator[None]:
        """
        Count inside the block one more of *kind* that *principal* holds.

        Raises:
            ProblemError: It holds its share already.
        """
        held = (kind, principal)
        if self.max_open is not None and self._open[held] >= self.max_open:
            detail = f"{self.max_open} {kind} of yours are open, and no more may be; end one, or try later"
            raise ProblemError(HTTPStatus.TOO_MANY_REQUESTS, detail, retry_after=_FULL_SECONDS)
        self._open[held] += 1
        try:
            yield
        finally:
            self._open[held] -= 1
            if not self._open[held]:
                del self._open[held]  # or whoever was here once would be remembered for ever

    async def secret(self, view: JournalView) -> bytes:
        """Return what keeps idempotency keys from being guessed; the journal's, whose keys depend on it."""
        if self._secret is None:
            kept = await view.recall(_SECRET)
            if not isinstance(kept, str):
                # A file settles it among processes that begin at the same time; the journal keeps it.
                kept = (await anyio.to_thread.run_sync(file_secret, self.shelf.folder)).hex()
                await view.remember(_SECRET, kept)
            self._secret = bytes.fromhex(kept)
        return self._secret


@attrs.frozen(kw_only=True)
class Desk:
    """
    Hold what one request works with.

    Args:
        house: What all share.
        client: The process's.
        news: The process's.
        principal: The digest of who asks.
        mount: The path under which the application is mounted.
    """

    house: House
    client: AidgeClient
    news: News
    principal: str
    mount: str

    @property
    def view(self) -> JournalView:
        """Return the journal."""
        return self.client.journal

    async def task_id(self, idempotency_key: str | None) -> str:
        """Return the id of the task that is asked for."""
        if idempotency_key is None:
            return _names.new_id()
        return _names.id_of(idempotency_key, self.principal, await self.house.secret(self.view))

    async def task(self, request: Request) -> dict[str, Any]:
        """
        Return the task that the path names, as it is shown.

        Raises:
            ProblemError: This principal has none of that name.
        """
        number, entry, about = await self.found(request)
        return show_task(number, entry, about, mount=self.mount)

    async def found(self, request: Request) -> tuple[int, Entry, About]:
        """Return the task that the path names, as it is kept; raises as `task`."""
        task = request.path_params["id"]
        found = await self._look(_names.key_of(self.principal, task)) if _names.is_id(task) else None
        if found is None or found[2].hidden:
            raise ProblemError(HTTPStatus.NOT_FOUND, "you have no task of this id")
        return found

    async def shown(self, key: str) -> dict[str, Any] | None:
        """Return the task under *key* as it is shown; `None`: it is not."""
        found = await self._look(key)
        if found is None or found[2].hidden:
            return None
        return show_task(*found, mount=self.mount)

    async def _look(self, key: str) -> tuple[int, Entry, About] | None:
        rows = await self.view.entries(
            key, limit=1
        )  # ids have one length, so a whole key is the beginning of itself only
        if not rows:
            return None
        number, entry = rows[0]
        place = self.house.shelf.place(self.principal, _names.task_of(key))
        return number, entry, await anyio.to_thread.run_sync(self.house.shelf.about, place)

    def holding(self, kind: str) -> AbstractContextManager[None]:
        """Count inside the block one more of *kind* that the principal holds; raises as the house does."""
        return self.house.holding(kind, self.principal)

    async def make_room(self, others: int) -> None:
        """
        See that one more task may wait.

        Args:
            others: How many are on their way in, this one included.

        Raises:
            ProblemError: Too many wait.
        """
        waiting = await self.view.count(_names.PREFIX, WAITING)
        if waiting + others > self.house.max_waiting:
            detail = f"{waiting} tasks wait to be submitted, and no more than {self.house.max_waiting} may; try later"
            raise ProblemError(HTTPStatus.TOO_MANY_REQUESTS, detail, retry_after=_FULL_SECONDS)

    def refuse_when_leaving(self, *, sure: bool = False) -> None:
        """
        Take nothing more when the process is about to end.

        Args:
            sure: Whether it is known to be.

        Raises:
            ProblemError: It is.
        """
        if sure or self.news.stopping:
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "the server is being stopped; try again", retry_after=2)


def desk_of(request: Request) -> Desk:
    """
    Return what *request* works with.

    Raises:
        SettingsError: The application around this one has no client of ours.
    """
    state = request.scope.get("state") or {}
    client, news = state.get("aidge"), state.get("aidge_news")
    if client is None or news is None:
        raise SettingsError(
            "no open client is in the application's state; give `lifespan(make_client)` to the outermost application, "
            "because servers tell only that one when they start and stop"
        )
    return Desk(
        house=request.app.state.house,
        client=client,
        news=news,
        principal=request.scope["aidge_principal"],
        mount=request.scope.get("root_path", "").rstrip("/"),
    )
