"""
A gateway that exists in virtual time only, and draws what befalls each call from a seed.

What befalls a call depends on the seed, the task, and how many calls of its kind came before; never on the order in
which an event loop ran its tasks. So the same seed is the same story, and its log can be compared line by line.
"""

import json
import random
from collections import Counter
from typing import Any, Final

import anyio
import anyio.lowlevel
import attrs
import httpx

from aidge_async._core import gateway
from tests.support import accepted, business, failed, finished, refused, running

_DURATION: Final = 30.0  # seconds, the median of the lognormal durations
_SPREAD: Final = 0.5
_FAILING: Final = 0.03
_BROKEN_SUBMITS: Final = 0.25
_BROKEN_QUERIES: Final = 0.3

# What may befall a submit: whether it is accepted before, and what follows from it.
NOT_SENT, REFUSED, IN_DOUBT = "not sent", "refused for now", "in doubt"
_SUBMIT_FAULTS: Final = (
    ("connect", False, NOT_SENT),
    ("connect_timeout", False, NOT_SENT),
    ("501", False, REFUSED),
    ("429", False, REFUSED),
    ("lost_before", False, IN_DOUBT),
    ("lost_after", True, IN_DOUBT),
    ("silence", True, IN_DOUBT),
    ("garbage", True, IN_DOUBT),
    ("502", False, IN_DOUBT),
    ("500", True, IN_DOUBT),
)
_QUERY_FAULTS: Final = ("connect", "lost_after", "silence", "garbage", "502", "500", "501", "1001")
_VERDICT, _MOST_VERDICTS = "1001", 3  # the client believes the fourth; one more would be no fault but the truth


@attrs.define
class Purchase:
    """What the gateway knows of one wish: how often it was sold, until when its task runs, and what befell it."""

    number: int
    sold: int = 0
    ends_at: float = 0.0
    fails: bool = False
    verdicts: int = 0
    """How often in a row, but for lost answers, it was called failed although it was not."""
    calls: Counter[str] = attrs.field(factory=Counter)
    fates: list[str] = attrs.field(factory=list)


class SimulatedGateway(httpx.AsyncBaseTransport):
    """
    Answer in virtual time.

    Args:
        seed: Decides everything.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.log: list[tuple[float, int, str]] = []
        self.purchases: dict[int, Purchase] = {}
        self.submitted_at: list[float] = []
        self.queried_at: list[float] = []

    def note(self, number: int, what: str) -> None:
        """Write a line of the log, about the task of this number."""
        self.log.append((round(anyio.current_time(), 6), number, what))

    def sorted_log(self) -> list[tuple[float, int, str]]:
        """Return the log by time and task: at one moment, an event loop may run tasks in any order."""
        return sorted(self.log)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a submit or a query after a while."""
        content: Any = json.loads(await request.aread())
        if request.url.path.endswith(gateway.MODEL_ALTERNATION_SUBMIT_PATH):
            self.submitted_at.append(anyio.current_time())
            return await self._submit(json.loads(content["requestParams"])[0])
        self.queried_at.append(anyio.current_time())
        return await self._query(self.purchases[int(content["taskId"].removeprefix("task-"))])

    async def _submit(self, wish: dict[str, Any]) -> httpx.Response:
        number = int(wish["imageUrl"].rpartition("/")[2].removesuffix(".jpg"))
        purchase = self.purchases.setdefault(number, Purchase(number))
        chance = self._chance(purchase, "submit")
        if chance.random() >= _BROKEN_SUBMITS:
            await anyio.sleep(chance.uniform(0.05, 2.0))
            self._sell(purchase)
            self.note(number, "submit accepted")
            return _json(accepted(f"task-{number}"))
        fault, is_sold, fate = chance.choice(_SUBMIT_FAULTS)
        purchase.fates.append(fate)
        self.note(number, f"submit {fault}")
        if is_sold:
            self._sell(purchase)
        return await _broken(fault, chance.uniform(0.05, 2.0))

    async def _query(self, purchase: Purchase) -> httpx.Response:
        chance = self._chance(purchase, "query")
        delay = chance.uniform(0.02, 0.5)
        if chance.random() < _BROKEN_QUERIES:
            fault = chance.choice(_QUERY_FAULTS)
            purchase.verdicts += fault == _VERDICT
            if purchase.verdicts > _MOST_VERDICTS:
                fault = "502"
            self.note(purchase.number, f"query {fault}")
            return await _broken(fault, delay)
        await anyio.sleep(delay)
        purchase.verdicts = 0
        task_id = f"task-{purchase.number}"
        if anyio.current_time() < purchase.ends_at:
            return _json(running(task_id))
        return _json(failed(task_id) if purchase.fails else finished(task_id))

    def _chance(self, purchase: Purchase, kind: str) -> random.Random:
        purchase.calls[kind] += 1
        return random.Random(f"{self._seed}/{purchase.number}/{kind}/{purchase.calls[kind]}")

    def _sell(self, purchase: Purchase) -> None:
        chance = random.Random(f"{self._seed}/{purchase.number}/task")
        purchase.sold += 1
        purchase.ends_at = anyio.current_time() + _DURATION * chance.lognormvariate(0.0, _SPREAD)
        purchase.fails = chance.random() < _FAILING


async def _broken(fault: str, delay: float) -> httpx.Response:
    """Be no answer, in the way of this name."""
    if fault == "connect":
        raise httpx.ConnectError("made up")
    if fault == "connect_timeout":
        await anyio.sleep(10)
        raise httpx.ConnectTimeout("made up")
    if fault == "silence":
        await anyio.sleep(10_000)
    await anyio.sleep(delay)
    match fault:
        case "lost_before" | "lost_after":
            raise httpx.ReadError("made up")
        case "garbage":
            return httpx.Response(200, content=b"\x00\xff made up")
        case "502":
            return httpx.Response(502, content=b"<html>made up</html>")
        case "429":
            return httpx.Response(429, headers={"retry-after": "2"}, json=refused("ApiCallLimit"))
        case _:
            return _json(business(fault, "made up"))


def _json(content: dict[str, Any]) -> httpx.Response:
    return httpx.Response(200, json=content)
