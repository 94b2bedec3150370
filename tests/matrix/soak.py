"""
A process that buys very many: `python -m tests.matrix.soak GATEWAY LOOP TASKS IN_FLIGHT FROM`.

Memory is counted from a fresh process, between the outcome number FROM and the last one. Its last line is what it saw,
as JSON.
"""

import gc
import json
import os
import sys
from collections import Counter

import anyio
import attrs

from aidge_async import AidgeClient, Limits, Polling, Succeeded
from benchmarks.machine import resident_bytes
from tests.matrix.wire import looks

CALLS_AT_ONCE = 32
LOOK_EVERY = 0.2  # seconds


def files_open() -> int:
    """Return how many file descriptors this process has."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  the plainest way


@attrs.define
class Seen:
    """
    What one soak saw.

    Args:
        outcomes: How often each came.
        most_in_flight: Tasks that were bought and whose outcome was not fetched.
        grown_bytes: By how much the resident memory was more at outcome TASKS than at FROM; at both IN_FLIGHT tasks
            are under way, because so many more are bought.
        files_before: File descriptors open before the client was.
        files_most: The most that were open from FROM on.
        files_after: Those open when the client is closed again.
    """

    outcomes: Counter[str] = attrs.field(factory=Counter)
    most_in_flight: int = 0
    grown_bytes: int = 0
    files_before: int = attrs.field(factory=files_open)
    files_most: int = 0
    files_after: int = 0


async def soak(door: dict[str, str], tasks: int, in_flight: int, first_look: int) -> Seen:
    """Buy so many, so many at once."""
    seen, done = Seen(), 0
    limits = Limits(submit_rate=None, query_rate=None, in_flight=CALLS_AT_ONCE)
    client = AidgeClient(
        door["key_name"], door["key_secret"], base_url=door["url"], limits=limits, polling=Polling.learned()
    )
    async with (
        client as aidge,
        aidge.batch(looks(tasks + in_flight), window=in_flight) as outcomes,
        anyio.create_task_group() as group,
    ):

        async def watch() -> None:
            while True:
                seen.most_in_flight = max(seen.most_in_flight, outcomes.statistics().in_flight)
                if first_look <= done < tasks:
                    seen.files_most = max(seen.files_most, files_open())
                await anyio.sleep(LOOK_EVERY)

        group.start_soon(watch)
        async for outcome in outcomes:
            done += 1
            seen.outcomes[type(outcome).__name__ if isinstance(outcome, Succeeded) else repr(outcome)[:200]] += 1
            if done in {first_look, tasks}:
                gc.collect()
                seen.grown_bytes = resident_bytes() - seen.grown_bytes
        group.cancel_scope.cancel()
    seen.files_after = files_open()
    return seen


def main(door: str, loop: str, tasks: str, in_flight: str, first_look: str) -> None:
    """Be the process."""
    seen = anyio.run(soak, json.loads(door), int(tasks), int(in_flight), int(first_look), backend=loop)
    print(json.dumps(attrs.asdict(seen)))  # noqa: T201  its parent listens


if __name__ == "__main__":
    main(*sys.argv[1:])
