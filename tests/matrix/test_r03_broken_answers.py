"""R3: answers to a submit that are none: each leaves it in doubt, in a class of ours, and none is sent again."""

from collections import Counter
from typing import Any, Final

import anyio
import attrs

from aidge_async import AidgeClient, Deadlines, SubmissionInDoubtError
from aidge_async._core import gateway
from aidge_async.sandbox.server import running_sandbox
from aidge_async.sandbox.settings import SandboxSettings
from tests.chaos import Kind, Trouble, chaos_proxy
from tests.matrix.scoring import Score
from tests.matrix.wire import LOOPS, SUBMIT, client_behind, looks

SEED: Final = 73
QUICK: Final = Deadlines(connect=2, submit=0.5)  # nothing answers after half a second here


@attrs.frozen
class Broken:
    """One way in which an answer is none: what the proxy does to it, or the sandbox."""

    name: str
    trouble: Trouble | None = None
    fault: dict[str, Any] | None = None


def _cut(name: str, kind: Kind, at: int) -> Broken:
    return Broken(name, trouble=Trouble(kind=kind, at=at, to=SUBMIT))


BROKEN: Final = (
    _cut("no answer, silence", "silence", 0),
    _cut("no answer, FIN", "cut", 0),
    _cut("no answer, RST", "reset", 0),
    _cut("half a status line, FIN", "cut", 9),
    _cut("half a status line, RST", "reset", 9),
    _cut("half a status line, half-closed", "half_close", 9),
    _cut("half the head, silence", "silence", 60),
    _cut("corrupted status line", "corrupt", 0),
    Broken("a byte a second", trouble=Trouble(kind="drip", to=SUBMIT)),
    Broken("truncated JSON", fault={"kind": "truncated"}),
    Broken("garbage", fault={"kind": "garbage"}),
    Broken("bad gzip", fault={"kind": "bad_gzip"}),
    Broken("wrong length", fault={"kind": "wrong_length"}),
    Broken("HTML 502", fault={"kind": "status", "status": 502, "body": "html", "accept": True}),
    Broken("HTML 200", fault={"kind": "html", "accept": True}),
    Broken("empty 200", fault={"kind": "empty"}),
)


async def met(broken: Broken, submits: int) -> tuple[Counter[str], int, int]:
    """Submit so many at once; return the classes raised, the submits that arrived, and those in the ledger."""
    raised: Counter[str] = Counter()

    async def buy(aidge: AidgeClient, key: str, look: Any) -> None:
        try:
            await aidge.submit(look, key=key, deadline=10)
            raised["accepted"] += 1
        except SubmissionInDoubtError:
            raised["in doubt"] += 1
        except Exception as exc:  # noqa: BLE001  the row counts what must not be
            raised[type(exc).__name__] += 1

    faults = [{"calls": "submit", **broken.fault}] if broken.fault else []
    troubles = [broken.trouble] if broken.trouble else []
    with (
        running_sandbox(SandboxSettings(duration=3600), faults=faults) as sandbox,
        chaos_proxy(sandbox.url, *troubles, seed=SEED) as proxy,
    ):
        async with client_behind(proxy, sandbox, deadlines=QUICK) as aidge, anyio.create_task_group() as group:
            for key, look in looks(submits):
                group.start_soon(buy, aidge, key, look)
        apis: Any = sandbox.world.statistics()["apis"]
        return raised, int(apis[gateway.MODEL_ALTERNATION_SUBMIT_PATH]["calls"]), len(sandbox.world.ledger())


def test_R03_broken_answers(score: Score, full: bool) -> None:
    """Whatever is no answer leaves the submit in doubt, and it arrived once."""
    submits = 200 if full else 20
    for broken in BROKEN:
        seen = [anyio.run(met, broken, submits, backend=loop) for loop in LOOPS]
        score(
            f"{broken.name}: to {submits} submits on each loop, seed {SEED}",
            "; ".join(f"{_told(raised)}, {arrived} arrived, {sold} sold" for raised, arrived, sold in seen),
            f"each time {submits} in doubt, 0 sent again",
            seen == [(Counter({"in doubt": submits}), submits, submits)] * len(LOOPS),
        )


def _told(raised: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in raised.items())
