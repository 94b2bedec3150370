"""R10: a clock that is off, or jumps: one correction serves all, and nothing goes round in circles."""

from typing import Any, Final, Literal

import anyio
import attrs

from aidge_async import Succeeded
from aidge_async.events import ClockCorrected, Event
from aidge_async.sandbox.settings import SandboxSettings
from aidge_async.testing import InProcessSandbox
from tests.matrix.scoring import Score
from tests.matrix.virtual import run_virtually
from tests.matrix.wire import FREE, LOOPS, looks
from tests.support import events_of, virtual_wall_clock

QUARTER, THREE_HOURS = 900.0, 10_800.0


@attrs.frozen
class Story:
    """
    Whose clock does what.

    Args:
        name: For people.
        whose: The clock that is off.
        jumps: Seconds from the start, and by how much it is off from then on.
        corrections: What the client must make of it.
    """

    name: str
    whose: Literal["gateway", "client"]
    jumps: tuple[tuple[float, float], ...]
    corrections: tuple[float, ...] = ()


STORIES: Final = (
    Story("the gateway's is 15 min ahead", "gateway", ((0.0, QUARTER),)),
    Story("the gateway's is 15 min behind", "gateway", ((0.0, -QUARTER),)),
    Story("the gateway's is 3 h ahead", "gateway", ((0.0, THREE_HOURS),), (THREE_HOURS,)),
    Story("ours is 3 h ahead", "client", ((0.0, THREE_HOURS),), (-THREE_HOURS,)),
    Story("ours jumps by 15 min after 20 s", "client", ((20.0, QUARTER),)),
    Story("the gateway's jumps by 3 h and back", "gateway", ((20.0, THREE_HOURS), (40.0, 0.0)), (THREE_HOURS, 0.0)),
    Story("ours jumps back by 3 h, then on", "client", ((20.0, -THREE_HOURS), (40.0, 0.0)), (THREE_HOURS, 0.0)),
)


@attrs.frozen
class Seen:
    """What came of one story."""

    finished: int
    sold: int
    corrections: tuple[float, ...]
    refused: int


async def bought(story: Story, tasks: int) -> Seen:
    """Buy so many while the clock does that."""
    seen: list[Event] = []
    ours = [0.0]
    sandbox = InProcessSandbox(SandboxSettings(duration=60))

    async def jump() -> None:
        last = 0.0
        for at, offset in story.jumps:
            await anyio.sleep(at - last)
            last = at
            if story.whose == "client":
                ours[0] = offset
            else:
                sandbox.clear_faults()
                sandbox.fault("any", "clock", offset=offset)

    client = sandbox.client(limits=FREE, observers=[seen.append], wall_clock=lambda: virtual_wall_clock() + ours[0])
    async with client as aidge, anyio.create_task_group() as group:
        group.start_soon(jump)
        async with aidge.batch(looks(tasks), window=tasks) as outcomes:
            finished = [outcome async for outcome in outcomes if isinstance(outcome, Succeeded)]
    apis: Any = sandbox.statistics()["apis"]
    refused = sum(api["codes"].get("IllegalTimestamp", 0) for api in apis.values())
    offsets = tuple(round(event.offset, -1) for event in events_of(seen, ClockCorrected))
    return Seen(len(finished), len(sandbox.ledger()), offsets, refused)


def test_R10_clock(score: Score, full: bool) -> None:
    """Off by 15 minutes nothing happens; off by 3 hours, or jumping, each change costs one correction."""
    tasks = 1_000 if full else 40
    for loop in LOOPS:
        for story in STORIES:
            seen = run_virtually(bought, loop, story, tasks)
            score(
                f"{story.name}; {tasks} tasks, virtual time, {loop}",
                f"{seen.finished} finish, {seen.sold} sold; {len(seen.corrections)} corrections, "
                f"{seen.refused} calls refused for it",
                f"all; {len(story.corrections)} corrections; a call is sent again once for each",
                seen.finished == seen.sold == tasks
                and seen.corrections == story.corrections
                and seen.refused <= tasks * len(story.corrections),
            )
