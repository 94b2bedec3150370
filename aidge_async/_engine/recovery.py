"""
Goes on with what other processes left behind: follows what they had accepted, and saves it where they meant to, also
what had succeeded before they died.

Nothing is sent again here. What a dead process was sending is in doubt, and is only told.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final

import anyio
import anyio.abc

from aidge_async import events
from aidge_async._core.lifecycle import Entry, State
from aidge_async._core.task_state import TaskFailed, TaskSucceeded
from aidge_async._engine.busy import Busy
from aidge_async._engine.news import News
from aidge_async._engine.poller import Poller
from aidge_async.errors import AidgeError
from aidge_async.ports import DurableJournal

_EVERY: Final = 1.0  # seconds between two looks for the dead; their tasks are followed on within two
_SAVES_AT_ONCE: Final = 8
_SAVE_AGAIN: Final = (10.0, 60.0, 600.0)  # seconds after pictures could not be saved; a full disk may have room by then
_FOLLOWED: Final = frozenset({State.ACCEPTED, State.SUCCEEDED})  # of the succeeded, those whose pictures are not saved
# Tasks that are begun to be followed in one go, and seconds to the next: 10,000 in one go held the loop for over two
# seconds; so many hold it for some 15 ms.
_SLICE: Final = 50
_PAUSE: Final = 0.02


class Recovery:
    """
    Go on with what was left behind, as long as the client lives.

    Args:
        journal: Knows what was left behind.
        group: Where pictures are saved.
        poller_of: Gives the poller of a token.
        save: Saves the pictures of a result, under a key, in a folder.
        news: Is told of each task, and of what is in doubt.
        busy: Is entered while tasks wait for being followed or saved.
        plan: Has what was planned under a key submitted.
    """

    def __init__(
        self,
        journal: DurableJournal,
        group: anyio.abc.TaskGroup,
        *,
        poller_of: Callable[[str], Poller[Any]],
        save: Callable[[str, Any, Path], Awaitable[object]],
        news: News,
        busy: Busy,
        plan: Callable[[str], None],
    ) -> None:
        self._journal = journal
        self._group = group
        self._poller_of = poller_of
        self._save = save
        self._news = news
        self._busy = busy
        self._plan = plan
        self._saving = anyio.Semaphore(_SAVES_AT_ONCE)
        self._waiting: dict[str, Entry] = {}  # by token; taken over, and not followed yet
        self._followed: dict[str, Poller[Any]] = {}
        self._left = False

    def __repr__(self) -> str:
        waiting = f", {len(self._waiting)} waiting" if self._waiting else ""
        return f"<Recovery, {len(self._followed)} tasks followed{waiting}>"

    async def begin(self) -> None:
        """
        Take over what is there; `watch` follows it.

        Raises:
            JournalError: It cannot be read.
        """
        await self._take_over()

    async def watch(self) -> None:
        """Follow what was taken over, some at a time, and take over from processes that die, until `leave`."""
        while not self._left:
            if self._waiting:
                await self._follow_all()
            await anyio.sleep(_EVERY)
            try:
                await self._take_over()
            except AidgeError as exc:
                self._news.tell(events.RecordFailed(task_id="", reason=str(exc)))

    def leave(self) -> tuple[str, ...]:
        """Begin to follow nothing more, and return the tokens of what is not followed yet."""
        self._left = True
        left, self._waiting = tuple(self._waiting), {}
        return left

    async def _take_over(self) -> None:
        for entry in await self._journal.adopt():
            if entry.state is State.IN_DOUBT:
                self._news.tell(events.SubmitInDoubt(key=entry.key, reason=entry.reason or ""))
            elif entry.state is State.PLANNED:
                self._plan(entry.key)
            elif entry.state in _FOLLOWED and entry.token is not None and not self._left:
                self._waiting[entry.token] = entry

    async def _follow_all(self) -> None:
        with self._busy:
            while self._waiting:
                for token in tuple(islice(self._waiting, _SLICE)):
                    self._recover(self._waiting.pop(token), token)
                await anyio.sleep(_PAUSE)

    def _recover(self, entry: Entry, token: str) -> None:
        if token not in self._followed and self._follow(entry, token):
            self._news.tell(events.TaskRecovered(key=entry.key, task_id=entry.task_id or "", token=token))

    def follow(self, entry: Entry) -> None:
        """Follow an entry that this process bought, and save its pictures where they are to be."""
        if entry.token is not None and entry.token not in self._followed:
            self._follow(entry, entry.token)

    def _follow(self, entry: Entry, token: str) -> bool:
        """Begin to follow, and return whether that can be done."""
        try:
            poller = self._poller_of(token)
        except AidgeError as exc:  # another account's, or written by something else
            self._news.tell(events.RecordFailed(task_id=entry.task_id or "", reason=str(exc)))
            return False
        self._followed[token] = poller
        on_end = partial(self._ended, entry, token)
        poller.watch(on_end)
        if poller.settled:
            on_end()
        return True

    def _ended(self, entry: Entry, token: str) -> None:
        poller = self._followed.pop(token, None)
        if poller is None:
            return
        if isinstance(poller.state, TaskSucceeded):
            if entry.folder is not None and entry.saved_at is None:
                self._busy.begin()  # not only when its turn comes
                self._group.start_soon(self._bring_home, entry, poller.state.result, Path(entry.folder))
        elif entry.state is State.SUCCEEDED and not self._left:
            self._tell_unsaved(entry, poller.state.error if isinstance(poller.state, TaskFailed) else poller.stopped_by)

    def _tell_unsaved(self, entry: Entry, error: Exception | None) -> None:
        """Tell of pictures that cannot be had or saved now; in the end who takes over from this process tries again."""
        reason = f"the pictures of {entry.key!r} are not saved: {error}"
        self._news.tell(events.RecordFailed(task_id=entry.task_id or "", reason=reason))

    async def _bring_home(self, entry: Entry, result: object, folder: Path) -> None:
        for wait in _SAVE_AGAIN:
            if await self._is_saved(entry, result, folder):
                return
            await anyio.sleep(wait)
            if self._left:
                return
            self._busy.begin()
        await self._is_saved(entry, result, folder)

    async def _is_saved(self, entry: Entry, result: object, folder: Path) -> bool:
        """Save pictures, and return whether they are."""
        try:
            async with self._saving:
                await self._save(entry.key, result, folder)
        except Exception as exc:  # noqa: BLE001  the boundary: the client's other tasks go on
            self._tell_unsaved(entry, exc)
            return False
        finally:
            self._busy.end()
        return True
