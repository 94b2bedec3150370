"""
What a client has beside the rest where it has a journal on disk, and how it is joined.

It is loaded with SQLite, so only where a journal is named. It joins and decides nothing.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import anyio.abc
import attrs

from aidge_async import events
from aidge_async._core.lifecycle import Entry
from aidge_async._core.schedule import Schedule
from aidge_async._engine.busy import Busy
from aidge_async._engine.buyer import Wish
from aidge_async._engine.gate import Brake, Gate
from aidge_async._engine.knowledge import Knowledge
from aidge_async._engine.news import News
from aidge_async._engine.planner import Planner
from aidge_async._engine.poller import Poller
from aidge_async._engine.recovery import Recovery
from aidge_async._io.journal_view import JournalView
from aidge_async._io.shared_pace import SharedPace
from aidge_async._io.sqlite_journal import SqliteJournal
from aidge_async.config import Settings
from aidge_async.ports import Images
from aidge_async.tuning import Limits

_MOST_DOUBTS: Final = 5  # in a row, after which what was planned is held up, as in a batch


@attrs.frozen(kw_only=True)
class Joints:
    """
    Hold what the parts on disk need of the others.

    Args:
        group: Where they run.
        gate: What submissions have to pass.
        news: Is told what happens.
        schedule: Learns.
        images: Brings images into memory.
        buy: Buys one.
        poller_of: Gives the poller of a token.
        save: Saves the pictures of a result, under a key, in a folder.
        busy: Is entered by what must not be left half done.
    """

    group: anyio.abc.TaskGroup
    gate: Gate
    news: News
    schedule: Schedule
    images: Images
    buy: Callable[[Wish[Any]], Awaitable[object]]
    poller_of: Callable[[str], Poller[Any]]
    save: Callable[[str, Any, Path], Awaitable[object]]
    busy: Busy


class OnDisk:
    """
    Hold the journal, the pace that is shared through it, and what goes on with what others left.

    Args:
        path: The journal's file.
        settings: Whose account.
        limits: How much may be asked at once and in a second, of all processes together.
        wall_clock: Epoch seconds.
    """

    def __init__(self, path: str | Path, settings: Settings, limits: Limits, wall_clock: Callable[[], float]) -> None:
        scope = f"{settings.account} {settings.base_url or settings.region_name}"  # limits are an account's, at a place
        self._settings = settings
        self._in_flight = limits.in_flight
        self.planner: Planner
        """Plans, once it is open."""
        self._wall_clock = wall_clock
        self._pace = SharedPace(path, scope, limits)
        self._knowledge: Knowledge | None = None
        self._recovery: Recovery
        self.journal = SqliteJournal(path, wall_clock=wall_clock, holder=settings.holder)
        self.limiter = self._pace.limiter

    @property
    def view(self) -> JournalView:
        """Return what one may look into."""
        return self.journal.view

    async def open(self, joints: Joints) -> None:
        """
        Open the journal, and go on with what was left behind.

        Raises:
            JournalError: It cannot be used; nothing is sent.
        """
        await self.journal.open()
        await self._pace.open()
        joints.group.start_soon(self._pace.watch)
        self._recovery = Recovery(
            self.journal,
            joints.group,
            poller_of=joints.poller_of,
            save=joints.save,
            news=joints.news,
            busy=joints.busy,
            plan=lambda key: self.planner.backlog.add([key]),
        )
        self.planner = self._make_planner(joints, self._recovery.follow)
        await self._recovery.begin()
        joints.group.start_soon(self._recovery.watch)
        self._knowledge = Knowledge(self.journal, joints.schedule)
        await self._knowledge.recall()
        joints.group.start_soon(self._knowledge.watch)

    async def aclose(self) -> None:
        """Keep what was learned, and leave what is open to others."""
        await self._pace.aclose()
        if self._knowledge is not None:
            await self._knowledge.keep()
        await self.journal.aclose()

    def leave(self) -> tuple[str, ...]:
        """Begin to follow nothing more, and return the tokens of what is not followed yet."""
        return self._recovery.leave()

    def _make_planner(self, joints: Joints, follow: Callable[[Entry], object]) -> Planner:
        brake = Brake(_MOST_DOUBTS, on_pause=lambda wait: joints.news.tell(events.SubmitsPaused(wait=wait)))
        return Planner(
            self.journal,
            joints.images,
            joints.group,
            buy=joints.buy,
            follow=follow,
            gate=joints.gate.within(brake),
            news=joints.news,
            settings=self._settings,
            wall_clock=self._wall_clock,
            in_flight=self._in_flight,
        )
