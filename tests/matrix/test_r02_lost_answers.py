"""R2: answers lost after the gateway has accepted: nothing is bought twice, and in doubt is exactly what was lost."""

from typing import Final

import anyio
import attrs

from aidge_async import InDoubt, Polling, Succeeded
from aidge_async.sandbox.server import running_sandbox
from aidge_async.sandbox.settings import SandboxSettings
from tests.chaos import Kind, Trouble, chaos_proxy
from tests.matrix.scoring import Score
from tests.matrix.wire import LOOPS, SUBMIT, client_behind, looks

SEED: Final = 20261122
SHARE: Final = 0.1


@attrs.frozen
class Seen:
    """What became of one batch, and what the other side says of it."""

    lost: int
    in_doubt: int
    sold: list[str]
    unheard: int
    """Tasks in the ledger that no outcome names."""
    others: list[str]


async def batch_of(submits: int, how: Kind) -> Seen:
    """Buy so many in a batch without a brake, while the proxy ends one in ten connections instead of the answer."""
    known: set[str | None] = set()
    in_doubt, others = 0, []
    trouble = Trouble(kind=how, to=SUBMIT, share=SHARE)
    with (
        running_sandbox(SandboxSettings(duration=0.001)) as sandbox,
        chaos_proxy(sandbox.url, trouble, seed=SEED) as proxy,
    ):
        async with (
            client_behind(proxy, sandbox, polling=Polling.every(1)) as aidge,
            aidge.batch(looks(submits), brake=None) as outcomes,
        ):
            async for outcome in outcomes:
                match outcome:
                    case Succeeded():
                        known.add(outcome.task_id)
                    case InDoubt():
                        in_doubt += 1
                    case _:
                        others.append(repr(outcome))
        ledger = sandbox.world.ledger()
    unheard = sum(line["task_id"] not in known for line in ledger)
    return Seen(proxy.struck, in_doubt, [str(line["fingerprint"]) for line in ledger], unheard, others)


def test_R02_lost_answers(score: Score, full: bool) -> None:
    """With one answer in ten lost, no fingerprint is sold twice, and as many are in doubt as were lost."""
    submits = 5_000 if full else 1_000
    ways: tuple[Kind, Kind] = ("cut", "reset")
    for loop, how in zip(LOOPS, ways, strict=True):
        seen = anyio.run(batch_of, submits, how, backend=loop)
        twice = len(seen.sold) - len(set(seen.sold))
        tried = f"answer {how} after acceptance, 10 % of {submits} submits of a batch; {loop}, seed {SEED}"
        score(tried, f"{twice} of {len(seen.sold)} fingerprints twice", "0", twice == 0 and len(seen.sold) == submits)
        score(
            f"the same: in doubt, and tasks that no outcome names; {len(seen.others)} other outcomes",
            f"{seen.in_doubt} in doubt, {seen.unheard} unnamed",
            f"{seen.lost}, exactly those lost",
            seen.in_doubt == seen.unheard == seen.lost > submits * SHARE / 2 and not seen.others,
        )
