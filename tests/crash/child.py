"""
A process that buys a batch with a journal and may be killed: `python -m tests.crash.child GATEWAY FOLDER ITEMS`.

It says "begun" when it begins to work, and as its last line what became of the batch, as JSON.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import anyio

from aidge_async import AidgeClient, InDoubt, Limits, ModelAlternation, Polling, Succeeded

IN_FLIGHT = 4


def wishes(items: int) -> Iterator[ModelAlternation]:
    """Yield what the batch buys."""
    for number in range(items):
        yield ModelAlternation(
            image=f"https://example.com/{number}.jpg", model="universal_model_1", count=1, dimension=512
        )


async def main(gateway: dict[str, str], folder: Path, items: int) -> dict[str, int]:
    """Buy all of it, and return how often each outcome came; what must not be comes with its error."""
    seen: Counter[str] = Counter()
    client = AidgeClient(
        gateway["key_name"],
        gateway["key_secret"],
        base_url=gateway["url"],
        journal=folder / "journal",
        limits=Limits(submit_rate=None, query_rate=None, in_flight=IN_FLIGHT),
        polling=Polling.every(1.0),
    )
    async with client as aidge, aidge.batch(wishes(items), save_to=folder / "out", brake=None) as outcomes:
        async for outcome in outcomes:
            expected = isinstance(outcome, (Succeeded, InDoubt))
            seen[type(outcome).__name__ if expected else repr(outcome)] += 1
    return seen


if __name__ == "__main__":
    print("begun", flush=True)  # noqa: T201  its parent listens
    told = anyio.run(main, json.loads(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
    print(json.dumps(told), flush=True)  # noqa: T201  the same
