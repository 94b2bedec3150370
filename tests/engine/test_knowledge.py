"""What was learned about durations, from one process to the next."""

from typing import cast

import anyio

from aidge_async._core.learned import LearnedSchedule
from aidge_async._core.schedule import FixedInterval, Schedule
from aidge_async._engine.knowledge import Knowledge
from aidge_async.errors import JournalError
from aidge_async.ports import DurableJournal


class Notebook:
    """Keeps what it is given, unless it is lost."""

    def __init__(self) -> None:
        self.kept: dict[str, object] = {}
        self.lost = False

    async def remember(self, name: str, value: object) -> None:
        """Keep."""
        self._look()
        self.kept[name] = value

    async def recall(self, name: str) -> object:
        """Give back."""
        self._look()
        return self.kept.get(name)

    def _look(self) -> None:
        if self.lost:
            raise JournalError("it is lost; find it")


def knowledge(notebook: Notebook, schedule: Schedule) -> Knowledge:
    """Return what is under test."""
    return Knowledge(cast("DurableJournal", notebook), schedule)


def taught() -> LearnedSchedule:
    """Return a schedule that has seen thirty tasks of 3 to 4 s."""
    schedule = LearnedSchedule(1.0)
    for _ in range(30):
        course = schedule.follow("any")
        course.next_delay(0.0)
        course.seen_running(3.0)
        course.ended(4.0)
    return schedule


async def test_next_process_goes_on_from_what_was_kept() -> None:
    """It polls when the one before it would have."""
    notebook, schedule, fresh = Notebook(), taught(), LearnedSchedule(1.0)
    await knowledge(notebook, schedule).keep()
    await knowledge(notebook, fresh).recall()
    found, same = (one.follow("any").next_delay(0.0) for one in (schedule, fresh))
    assert abs(found - same) < 0.5
    assert LearnedSchedule(1.0).follow("any").next_delay(0.0) > same + 1.0


async def test_it_is_kept_every_minute() -> None:
    """So that a killed process loses little."""
    notebook = Notebook()
    with anyio.move_on_after(61):
        await knowledge(notebook, taught()).watch()
    assert notebook.kept


async def test_schedule_that_learns_nothing_keeps_nothing() -> None:
    """And takes nothing from what others kept."""
    notebook = Notebook()
    await knowledge(notebook, FixedInterval(5.0)).recall()
    await knowledge(notebook, FixedInterval(5.0)).keep()
    assert notebook.kept == {}


async def test_trouble_with_it_is_nobodys_trouble() -> None:
    """A journal that cannot be read or written costs some polls, and no purchase."""
    notebook = Notebook()
    notebook.lost = True
    await knowledge(notebook, LearnedSchedule(1.0)).recall()
    await knowledge(notebook, LearnedSchedule(1.0)).keep()
