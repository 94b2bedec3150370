"""Many callers of one key at once, through a journal on disk."""

from pathlib import Path

import anyio

from aidge_async import AidgeClient, Limits
from aidge_async.sandbox.server import RunningSandbox
from tests.crash.child import wishes


async def test_two_hundred_submits_of_one_key_are_one_call(sandbox: RunningSandbox, tmp_path: Path) -> None:
    """Two hundred concurrent submits of one key, through two clients of one file, are one POST and one task."""
    (wish,) = wishes(1)
    tokens: list[str] = []

    async def buy(aidge: AidgeClient) -> None:
        tokens.append((await aidge.submit(wish, key="sku-1")).token)

    def client() -> AidgeClient:
        return AidgeClient(
            sandbox.key_name,
            sandbox.key_secret,
            base_url=sandbox.url,
            journal=tmp_path / "journal",
            limits=Limits(submit_rate=None, query_rate=None),
        )

    async with client() as one, client() as other, anyio.create_task_group() as group:
        for number in range(200):
            group.start_soon(buy, (one, other)[number % 2])
    assert (len(tokens), len(set(tokens))) == (200, 1)
    assert len(sandbox.world.ledger()) == 1
    apis = sandbox.world.statistics()["apis"]
    assert isinstance(apis, dict)
    assert [api["calls"] for path, api in apis.items() if path.endswith("batch")] == [1]
