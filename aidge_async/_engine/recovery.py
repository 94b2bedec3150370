"""
Goes on with what other processes left behind: follows what they had accepted, and saves it where they meant to.

Nothing is sent again here. What a dead process was sending is in doubt, and is only told.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import anyio
import anyio.abc

from aidge_async import events
from aidge_async._core.lifecycle import Entry, State
from aidge_async._core.task_state import TaskSucceeded
from aidge_async._engine.news import News
from aidge_async._engine.poller import Poller
from aidge_async.errors import AidgeError
from aidge_async.ports import DurableJournal

_EVERY: Final = 1.0  # seconds between two looks for the dead; their tasks are followed on within two
_SAVES_AT_ONCE: Final = 8


class Recovery:
    """
    Go on with what was left behind, as long as the client lives.

    Args:
        journal: Knows what was left behind.
        group: Where pictures are saved.
        poller_of: Gives the poller of a token.
        save: Saves the pictures of a result, under a key, in a folder.
        news: Is told of each task, and of what is in doubt.
    """

    def __init__(
        self,
        journal: DurableJournal,
        group: anyio.abc.TaskGroup,
        *,
        poller_of: Callable[[str], Poller[Any]],
        save: Callable[[str, Any, Path], Awaitable[object]],
        news: News,
    ) -> None:
        self._journal = journal
        self._group = group
        self._poller_of = poller_of
        self._save = save
        self._news = news
        self._saving = anyio.Semaphore(_SAVES_AT_ONCE)
        self._followed: dict[str, Poller[Any]] = {}

    def __repr__(self) -> str:
        return f"<Recovery, {len(self._followed)} tasks followed>"

    async def begin(self) -> None:
        """
        Take over what is there.

        Raises:
            JournalError: It cannot be read.
        """
        await self._take_over()
        for entry in await self._journal.unsettled():
            self._follow(entry)

    async def watch(self) -> None:
        """Take over from processes that die, until cancelled."""
        while True:
            await anyio.sleep(_EVERY)
            try:
                await self._take_over()
            except AidgeError as exc:
                self._news.tell(events.RecordFailed(task_id="", reason=str(exc)))

    async def _take_over(self) -> None:
        for entry in await self._journal.adopt():
            if entry.state is State.IN_DOUBT:
                self._news.tell(events.SubmitInDoubt(key=entry.key, reason=entry.reason or ""))
            elif entry.state is State.ACCEPTED:
                self._follow(entry)

    def _follow(self, entry: Entry) -> None:
        if entry.token is None or entry.token in self._followed:
            return
        try:
            poller = self._poller_of(entry.token)
        except AidgeError as exc:  # another account's, or written by something else
            self._news.tell(events.RecordFailed(task_id=entry.task_id or "", reason=str(exc)))
            return
        self._followed[entry.token] = poller
        self._news.tell(events.TaskRecovered(key=entry.key, task_id=poller.token.task_id, token=entry.token))
        on_end = partial(self._ended, entry, entry.token)
        poller.watch(on_end)
        if poller.settled:
            on_end()

    def _ended(self, entry: Entry, token: str) -> None:
        poller = self._followed.pop(token, None)
        if poller is None:
            return
        if isinstance(poller.state, TaskSucceeded) and entry.folder is not None and entry.saved_at is None:
            self._group.start_soon(self._bring_home, entry, poller.state.result, Path(entry.folder))

    async def _bring_home(self, entry: Entry, result: object, folder: Path) -> None:
        try:
            async with self._saving:
                await self._save(entry.key, result, folder)
        except Exception as exc:  # noqa: BLE001  the boundary: the client's other tasks go on
            self._news.tell(events.RecordFailed(task_id=entry.task_id or "", reason=str(exc)))
