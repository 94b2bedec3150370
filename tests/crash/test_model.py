"""A random story of submits, lost and late answers, crashes and decisions, with the gateway's own ledger as judge."""

import json
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Literal

import anyio
import attrs
import httpx
import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from aidge_async import AidgeClient, InvalidInputError, Limits, ModelAlternation, SubmissionInDoubtError
from aidge_async._core.lifecycle import Entry, State
from aidge_async._core.token import Token
from aidge_async._io.sqlite_journal import SqliteJournal
from aidge_async._io.sqlite_reader import read_journal
from aidge_async.errors import AidgeError, JournalError
from tests.support import KEY_NAME, KEY_SECRET, accepted, business, failed, finished, running

pytestmark = pytest.mark.slow

Fate = Literal["answered", "lost", "cut", "refused", "late", "never"]
KEYS = st.sampled_from(["a", "b", "c"])
WHO = st.sampled_from([0, 1])
FATES: st.SearchStrategy[Fate] = st.sampled_from(["answered", "lost", "cut", "refused", "late", "never"])
_SOLD = ("answered", "lost", "late")


@attrs.define
class Counter(httpx.AsyncBaseTransport):
    """The gateway as both processes see it: `ledger` is what it sold, `fate` what becomes of the next submit."""

    ledger: dict[str, list[str]] = attrs.field(factory=dict)
    status: dict[str, str] = attrs.field(factory=dict)
    fate: Fate = "answered"
    held: dict[str, anyio.Event] = attrs.field(factory=dict)
    arrived: dict[str, anyio.Event] = attrs.field(factory=dict)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sell, or say how a task stands."""
        content = json.loads(await request.aread())
        if "taskId" in content:
            task = str(content["taskId"])
            say = {"failed": failed(task), "finished": finished(task)}
            return httpx.Response(200, json=say.get(self.status[task], running(task)))
        key = json.loads(content["requestParams"])[0]["imageUrl"].rpartition("/")[2]
        return httpx.Response(200, json=await self._sell(key))

    async def _sell(self, key: str) -> dict[str, Any]:
        fate, task = self.fate, f"{len(self.status):08}"
        if fate == "refused":
            return business("700", "invalid input")
        if fate in _SOLD:
            self.ledger.setdefault(key, []).append(task)
            self.status[task] = "running"
        if fate in ("lost", "cut"):
            raise httpx.ReadError("reset")
        if fate in ("late", "never"):
            held = self.held[key] = anyio.Event()
            self.arrived[key].set()
            await held.wait()
            if fate == "never":
                raise httpx.ReadError("reset")
        return accepted(task)


class Process:
    """A client on the file, which can die as a process dies: its lock is gone, and nothing more is written."""

    def __init__(self, counter: Counter, path: Path) -> None:
        self.client = AidgeClient(
            KEY_NAME,
            KEY_SECRET,
            transport=counter,
            journal=path,
            limits=Limits(submit_rate=None, query_rate=None),
        )

    async def live(self, born: anyio.Event, dies: anyio.Event) -> None:
        """Be open until told to die."""
        async with self.client:
            born.set()
            await dies.wait()

    @property
    def journal(self) -> SqliteJournal:
        """Return its journal."""
        journal = self.client._open().journal
        assert isinstance(journal, SqliteJournal)
        return journal

    async def die(self) -> None:
        """Let go of the file at once."""
        journal = self.journal
        writer, journal._writer = journal._writer, None
        assert writer is not None
        assert journal._owner is not None
        await writer.aclose()
        journal._owner._close()


@attrs.define
class Way:
    """One submit that is on its way."""

    who: int
    result: Future[Any]
    task: str | None


class Story(RuleBasedStateMachine):
    """Two processes on one file, three keys."""

    def __init__(self) -> None:
        super().__init__()
        self._context = start_blocking_portal("asyncio")
        self.portal = self._context.__enter__()
        self.folder = Path(tempfile.mkdtemp())
        self.counter = Counter()
        self.ends: list[tuple[anyio.Event, Future[None]]] = []
        self.processes = [self._born(), self._born()]
        self.ways: dict[str, Way] = {}
        self.ghosts: list[Future[Any]] = []  # callers that died with their process
        self.known: dict[str, str] = {}  # the task that was told under a key
        self.resubmits: dict[str, int] = {}

    def _do(self, work: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
        return self.portal.call(work, *arguments)

    def _born(self) -> Process:
        process = Process(self.counter, self.folder / "journal")
        born, dies = anyio.Event(), anyio.Event()
        self.ends.append((dies, self.portal.start_task_soon(process.live, born, dies)))
        self._do(born.wait)
        return process

    def teardown(self) -> None:
        """End all."""
        for held in self.counter.held.values():
            self.portal.call(held.set)
        for ghost in self.ghosts:
            assert isinstance(ghost.exception(30), AidgeError)
        for dies, ended in self.ends:
            self.portal.call(dies.set)
            ended.result(30)
        self._context.__exit__(None, None, None)
        shutil.rmtree(self.folder)

    async def _submit(self, who: int, key: str) -> str:
        wish = ModelAlternation(image=f"https://example.com/{key}", model="universal_model_1", count=1)
        return (await self.processes[who].client.submit(wish, key=key)).task_id

    @precondition(lambda self: len(self.ways) < 3)
    @rule(who=WHO, key=KEYS, fate=FATES)
    def submit(self, who: int, key: str, fate: Fate) -> None:
        """Submit under a key: what is known is told again, what is in doubt is refused, all else is sold once."""
        if key in self.ways:
            return
        stood, sold = self._state(key), len(self.counter.ledger.get(key, []))
        self.counter.fate = fate
        self.counter.arrived[key] = arrived = anyio.Event()
        result = self.portal.start_task_soon(self._submit, who, key)
        if stood in (None, State.PLANNED, State.REFUSED):
            if fate in ("late", "never"):
                self._do(arrived.wait)
                self.ways[key] = Way(who, result, self.counter.ledger[key][-1] if fate == "late" else None)
            elif fate == "answered":
                self.known[key] = result.result(30)
                assert self.known[key] == self.counter.ledger[key][-1]
            else:
                error = result.exception(30)
                assert isinstance(error, InvalidInputError if fate == "refused" else SubmissionInDoubtError)
            return
        if stood in (State.IN_DOUBT, State.ABANDONED):
            assert isinstance(result.exception(30), (SubmissionInDoubtError, JournalError))
        else:
            assert result.result(30) == self.known[key]
        assert len(self.counter.ledger.get(key, [])) == sold

    @rule(key=KEYS)
    def answer(self, key: str) -> None:
        """Let a late answer come, or its connection break."""
        way = self.ways.pop(key, None)
        if way is None:
            return
        self._do(_set, self.counter.held[key])
        if way.task is None:
            assert isinstance(way.result.exception(30), SubmissionInDoubtError)
        else:
            self.known[key] = way.result.result(30)
            assert self.known[key] == way.task

    @rule(who=WHO)
    def crash(self, who: int) -> None:
        """Kill one; the other takes over, what was on its way is in doubt, and what is answered now is not heard."""
        self._do(self.processes[who].die)
        lost = {key for key, way in self.ways.items() if way.who == who}
        self._do(self.processes[1 - who].journal.adopt)
        assert {key for key in lost if self._state(key) is not State.IN_DOUBT} == set()
        for key in lost:
            self._do(_set, self.counter.held[key])
            self.ghosts.append(self.ways.pop(key).result)
        self.processes[who] = self._born()

    @rule(who=WHO, key=KEYS, state=st.sampled_from([State.PLANNED, State.ABANDONED, State.ACCEPTED]))
    def decide(self, who: int, key: str, state: State) -> None:
        """Let a person decide what is in doubt: leave it, buy it again, or attach the task that the vendor shows."""
        if self._state(key) not in (State.IN_DOUBT, State.ABANDONED, State.FAILED):
            return
        sold = self.counter.ledger.get(key, [])
        if state is State.ACCEPTED and sold and self._state(key) is not State.FAILED:
            token = self._do(self._token_of, who, sold[-1])
            self._do(lambda: self.processes[who].journal.resolve(key, state, token=token, task_id=sold[-1]))
            self.known[key] = sold[-1]
        elif state is State.PLANNED:
            self._do(self.processes[who].journal.resolve, key, state)
            self.resubmits[key] = self.resubmits.get(key, 0) + 1
            self.known.pop(key, None)
        elif state is State.ABANDONED and self._state(key) is State.IN_DOUBT:
            self._do(self.processes[who].journal.resolve, key, state)

    async def _token_of(self, who: int, task: str) -> str:
        chosen = self.processes[who].client.settings
        return Token(
            region=chosen.region_name,
            operation="model-alternation",
            task_id=task,
            trial=False,
            submitted_at=1.5e9,
            count=1,
            account=chosen.account,
            name="",
        ).text()

    @rule(who=WHO, key=KEYS, word=st.sampled_from(["running", "finished", "failed"]))
    def poll(self, who: int, key: str, word: str) -> None:
        """Let a task go on, and ask after it."""
        task = self.known.get(key)
        if task is None or key in self.ways or self.counter.status[task] != "running":
            return
        self.counter.status[task] = word
        self._do(self._ask, who, key)

    async def _ask(self, who: int, key: str) -> None:
        found = await self.processes[who].journal.find(key)
        assert found is not None
        assert found.token is not None
        await self.processes[who].client.resume(found.token).status()

    def _state(self, key: str) -> State | None:
        found = self._entries().get(key)
        return None if found is None else found.state

    def _entries(self) -> dict[str, Entry]:
        with read_journal(self.folder / "journal") as journal:
            return {entry.key: entry for entry in journal.entries()}

    @invariant()
    def nothing_is_paid_twice_or_lost(self) -> None:
        """At most one sale a key beyond those a person asked for, and whoever was told of a task finds it recorded."""
        for key, sold in self.counter.ledger.items():
            assert len(sold) <= 1 + self.resubmits.get(key, 0)
        entries = self._entries()
        for key, task in self.known.items():
            assert entries[key].task_id == task
        for key in self.counter.ledger:
            assert key in entries


async def _set(event: anyio.Event) -> None:
    event.set()


TestStory = Story.TestCase
TestStory.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
