"""
A process that submits once with a journal: `python -m tests.crash.one_submit GATEWAY FOLDER LOOP`.

It writes "before" and "after" to its stdout round the submit, so that a trace of its system calls has both moments.
"""

import json
import os
import sys
from pathlib import Path

import anyio

from aidge_async import AidgeClient
from tests.crash.child import wishes


async def main(gateway: dict[str, str], folder: Path) -> None:
    """Submit."""
    (wish,) = wishes(1)
    async with AidgeClient(
        gateway["key_name"], gateway["key_secret"], base_url=gateway["url"], journal=folder / "journal"
    ) as aidge:
        os.write(1, b"before\n")
        await aidge.submit(wish, key="sku-1")
        os.write(1, b"after\n")


if __name__ == "__main__":
    anyio.run(main, json.loads(sys.argv[1]), Path(sys.argv[2]), backend=sys.argv[3])
