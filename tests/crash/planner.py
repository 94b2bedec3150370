"""
A process that plans with a journal and may be killed: `python -m tests.crash.planner GATEWAY FOLDER ITEMS`.

It says "begun", the number of each request that is planned, and "{}" when all of them came to an end.
"""

import json
import sys
from pathlib import Path

import anyio

from aidge_async import AidgeClient, Limits, ModelAlternation, Polling
from aidge_async.journal import State
from tests.conftest import draw_photo

ENDS = [State.SUCCEEDED, State.IN_DOUBT]


def wish(photo: bytes, number: int) -> ModelAlternation:
    """Return one whose picture is like no other."""
    return ModelAlternation(image=photo + number.to_bytes(4), model="universal_model_1", count=1, dimension=512)


async def main(gateway: dict[str, str], folder: Path, items: int) -> None:
    """Plan all of it, and wait for the end."""
    client = AidgeClient(
        gateway["key_name"],
        gateway["key_secret"],
        base_url=gateway["url"],
        journal=folder / "journal",
        limits=Limits(submit_rate=None, query_rate=None, in_flight=4),
        polling=Polling.every(1.0),
    )
    photo = draw_photo()
    async with client as aidge:
        for number in range(items):
            await aidge.plan(wish(photo, number), key=f"sku-{number}", save_to=folder / "out")
            print(number, flush=True)  # noqa: T201  its parent listens
        while not await _all_ended(aidge, items):  # noqa: ASYNC110  other processes change it too
            await anyio.sleep(0.1)
    print("{}", flush=True)  # noqa: T201  the same


async def _all_ended(aidge: AidgeClient, items: int) -> bool:
    entries = [entry for _, entry in await aidge.journal.entries("sku-", limit=items)]
    saved = [entry for entry in entries if entry.state in ENDS and (entry.saved_at or entry.token is None)]
    return len(saved) == items


if __name__ == "__main__":
    print("begun", flush=True)  # noqa: T201  the same
    anyio.run(main, json.loads(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
