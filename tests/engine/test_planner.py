"""Planned requests: recorded before anything is sent, submitted in the background, by this process or the next one."""

import hashlib
import os
from pathlib import Path

import anyio
import anyio.to_thread
import httpx
import pytest

from aidge_async import (
    AidgeClient,
    Deadlines,
    JournalError,
    Limits,
    ModelAlternation,
    NotSentError,
    RateLimitError,
    RequestError,
    SettingsError,
    SubmissionInDoubtError,
)
from aidge_async._io import shared_pace, sqlite_journal
from aidge_async.events import Event, RecordFailed, SubmitRefused, SubmitsPaused, TaskAccepted
from aidge_async.journal import Entry, State
from aidge_async.sandbox.settings import SandboxSettings
from tests.engine.durable import InlineWriter, inline
from tests.support import URL_REQUEST, Answer, ScriptedGateway, accepted, events_of, refused, virtual_sandbox

SETTINGS = SandboxSettings(duration=20, spread=0.15)


@pytest.fixture(autouse=True)
def _inline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do the work of threads in the event loop, for virtual time jumps while a thread works."""
    monkeypatch.setattr(sqlite_journal, "SqliteWriter", InlineWriter)
    monkeypatch.setattr(shared_pace, "SqliteWriter", InlineWriter)
    monkeypatch.setattr(anyio.to_thread, "run_sync", inline)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return where the journal lies."""
    return tmp_path / "journal"


def spooled(file: Path) -> list[str]:
    """Return what waits in the spool beside the journal."""
    folder = Path(f"{file}-spool")
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def contents(file: Path, pattern: str) -> bytes:
    """Return what lies beside the journal."""
    return b"".join(path.read_bytes() for path in file.parent.glob(pattern) if path.is_file())


def spoil(file: Path) -> None:
    """Change one link in the spool, and lose all else."""
    for place in Path(f"{file}-spool").iterdir():
        if b"b.jpg" in place.read_bytes():
            place.write_text("https://example.com/c.jpg")
        else:
            place.unlink()


def bar(file: Path) -> None:
    """Put a file where the spool would be."""
    Path(f"{file}-spool").write_text("in the way")


def leave(file: Path, *names: str) -> None:
    """Put content into the spool that no entry names."""
    for name in names:
        Path(f"{file}-spool", name).write_text("left behind")


def wish(photo: bytes, model: str = "universal_model_1") -> ModelAlternation:
    """Return a request with bytes."""
    return ModelAlternation(image=photo, model=model, background="beach", count=1)


def other(number: int) -> ModelAlternation:
    """Return one of several requests with links."""
    return ModelAlternation(image=f"https://example.com/{number}.jpg", model="universal_model_1", count=1)


async def ended(aidge: AidgeClient, key: str, *states: State) -> Entry:
    """Return the entry of *key* once it is in one of *states*, and saved where it is to be saved."""
    with anyio.fail_after(600):
        while True:
            entry = await aidge.journal.find(key)
            if entry and entry.state in states and (entry.folder is None or entry.saved_at or not entry.token):
                return entry
            await anyio.sleep(0.5)


@pytest.mark.slow
async def test_planned_request_is_submitted_followed_and_saved(file: Path, tmp_path: Path, photo: bytes) -> None:
    """What is planned is on disk at once, bought once, and its pictures are saved without anybody waiting for them."""
    world, aidge = virtual_sandbox(SETTINGS, journal=file, limits=Limits(submit_rate=1))
    async with aidge:
        for number in range(3):
            request = wish(photo, f"universal_model_{number + 1}")
            await aidge.plan(request, key=f"sku-{number}", save_to=tmp_path / "out")
        assert spooled(file) == [hashlib.sha256(photo).hexdigest()]
        entries = [await ended(aidge, f"sku-{number}", State.SUCCEEDED) for number in range(3)]
    assert [len(entry.paths) for entry in entries] == [1, 1, 1]
    assert {path for entry in entries for path in entry.paths} == set(map(str, (tmp_path / "out").iterdir()))
    assert len(world.ledger()) == 3
    assert spooled(file) == []


async def test_link_waits_in_the_spool_and_never_in_the_journal(file: Path) -> None:
    """A link may be signed: until the task is accepted it lies in the spool alone."""
    link = "https://example.com/look.jpg?Signature=made-up-mark"
    gateway = ScriptedGateway(submits=[5.0, accepted("task-1")])
    async with gateway.client(journal=file) as aidge:
        await aidge.plan(ModelAlternation(image=link, model="universal_model_1"), key="sku-1")
        assert contents(file, "journal-spool/*") == link.encode()
        assert b"made-up-mark" not in contents(file, "journal*")
        await ended(aidge, "sku-1", State.ACCEPTED, State.SUCCEEDED)
        await anyio.sleep(1)
        assert spooled(file) == []
    assert b"made-up-mark" in gateway.posted[0]
    assert b"made-up-mark" not in contents(file, "journal*")


async def test_next_process_submits_what_was_planned(file: Path, tmp_path: Path, photo: bytes) -> None:
    """What was planned and not sent when a process ended is sent by the next one, once, bytes, link and file alike."""
    picture = tmp_path / "look.jpg"
    picture.write_bytes(photo)
    requests = [wish(photo), URL_REQUEST, ModelAlternation(image=picture, model="universal_model_2")]
    async with ScriptedGateway(submits=[refused("501")]).client(journal=file) as aidge:
        for number, request in enumerate(requests):
            await aidge.plan(request, key=f"sku-{number}")
    seen: list[Event] = []
    gateway = ScriptedGateway(submits=[accepted(f"task-{number}") for number in range(3)])
    async with gateway.client(journal=file, observers=[seen.append]) as aidge:
        for number in range(len(requests)):
            await ended(aidge, f"sku-{number}", State.SUCCEEDED)
    assert sorted(event.key for event in events_of(seen, TaskAccepted)) == ["sku-0", "sku-1", "sku-2"]
    assert spooled(file) == []


async def test_same_key_is_the_same_purchase(file: Path, photo: bytes) -> None:
    """Planned many times at once, and submitted by hand besides, one key is one task; another request is refused."""
    world, aidge = virtual_sandbox(SETTINGS, journal=file)
    async with aidge:

        async def plan() -> None:
            await aidge.plan(wish(photo), key="sku-1")

        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(plan)
        handle = await aidge.submit(wish(photo), key="sku-1")
        await plan()
        with pytest.raises(RequestError, match="was used for another request"):
            await aidge.plan(wish(photo, "universal_model_2"), key="sku-1")
        assert (await handle).task_id == (await ended(aidge, "sku-1", State.SUCCEEDED)).task_id
    assert len(world.ledger()) == 1


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (ModelAlternation(image=b"no picture", model="universal_model_1"), "is no picture"),
        (ModelAlternation(image="https://example.com/a.jpg", model="WHITE"), "'model' must be one of"),
    ],
)
async def test_bad_request_is_refused_before_it_is_recorded(file: Path, request_: ModelAlternation, words: str) -> None:
    """What `submit` would refuse is refused when it is planned, and leaves nothing behind."""
    _, aidge = virtual_sandbox(SETTINGS, journal=file)
    async with aidge:
        with pytest.raises(RequestError, match=words):
            await aidge.plan(request_, key="sku-1")
        assert await aidge.journal.find("sku-1") is None
    assert spooled(file) == []


async def test_planning_needs_a_journal() -> None:
    """Without a file nothing outlives the process, and it is said so."""
    _, aidge = virtual_sandbox(SETTINGS)
    async with aidge:
        with pytest.raises(SettingsError, match="needs a journal"):
            await aidge.plan(URL_REQUEST, key="sku-1")
        with pytest.raises(SettingsError, match="needs a journal"):
            _ = aidge.journal


@pytest.mark.parametrize("key", ["", "  ", None, 5])
async def test_key_must_be_text(file: Path, key: object) -> None:
    """A key that is blank or no text is refused."""
    _, aidge = virtual_sandbox(SETTINGS, journal=file)
    async with aidge:
        with pytest.raises(RequestError, match="'key' must be text that is not blank"):
            await aidge.plan(URL_REQUEST, key=key)  # type: ignore[arg-type]  # the wrong use that is tried


async def test_file_that_changed_is_refused(file: Path, tmp_path: Path, photo: bytes) -> None:
    """A file that is not what it was when it was planned is not bought in its place."""
    picture = tmp_path / "look.jpg"
    picture.write_bytes(photo)
    async with ScriptedGateway(submits=[refused("501")]).client(journal=file) as aidge:
        await aidge.plan(ModelAlternation(image=picture, model="universal_model_1"), key="sku-1")
    picture.write_bytes(photo + b"\0")
    seen: list[Event] = []
    gateway = ScriptedGateway()
    async with gateway.client(journal=file, observers=[seen.append]) as aidge:
        entry = await ended(aidge, "sku-1", State.REFUSED)
    assert "not the one that was planned" in (entry.reason or "")
    assert [event.key for event in events_of(seen, SubmitRefused)] == ["sku-1"]
    assert gateway.calls == []


async def test_content_that_is_gone_is_refused(file: Path, photo: bytes) -> None:
    """Where the spool does not give back what was put into it, nothing is bought, and the entry tells why."""
    async with ScriptedGateway(submits=[refused("501")]).client(journal=file) as aidge:
        await aidge.plan(wish(photo), key="bytes")
        await aidge.plan(URL_REQUEST, key="gone link")
        await aidge.plan(ModelAlternation(image="https://example.com/b.jpg", model="universal_model_1"), key="link")
    spoil(file)
    gateway = ScriptedGateway()
    async with gateway.client(journal=file) as aidge:
        reasons = [(await ended(aidge, key, State.REFUSED)).reason or "" for key in ("bytes", "gone link", "link")]
    assert ["cannot be read" in reason for reason in reasons] == [True, True, False]
    assert "was changed or is damaged" in reasons[2]
    assert gateway.calls == []


async def test_refused_request_may_be_planned_again(file: Path) -> None:
    """What the gateway refused is planned anew by the same call, and then bought."""
    gateway = ScriptedGateway(submits=[refused("1000"), accepted("task-1")])
    async with gateway.client(journal=file) as aidge:
        await aidge.plan(URL_REQUEST, key="sku-1")
        await ended(aidge, "sku-1", State.REFUSED)
        await aidge.plan(URL_REQUEST, key="sku-1")
        assert (await ended(aidge, "sku-1", State.SUCCEEDED)).task_id == "task-1"


async def test_lost_answer_is_in_doubt_and_keeps_its_content(file: Path, photo: bytes) -> None:
    """What is in doubt is not sent again, and what it would need for that is kept."""
    gateway = ScriptedGateway(submits=[httpx.ReadError("gone")])
    async with gateway.client(journal=file) as aidge:
        await aidge.plan(wish(photo), key="sku-1")
        await ended(aidge, "sku-1", State.IN_DOUBT)
        await anyio.sleep(100)
        with pytest.raises(SubmissionInDoubtError):
            await aidge.submit(wish(photo), key="sku-1")
        assert spooled(file) == [hashlib.sha256(photo).hexdigest()]
    assert len(gateway.posted) == 1


async def test_unreachable_gateway_is_tried_again_later(file: Path) -> None:
    """What cannot be sent stays planned; it is told, and sent when the gateway is there again."""
    seen: list[Event] = []
    away: list[Answer] = [httpx.ConnectError("nobody there")] * 24
    gateway = ScriptedGateway(submits=[*away, accepted("task-1"), accepted("task-2")])
    async with gateway.client(journal=file, observers=[seen.append], deadlines=Deadlines(unreachable=5)) as aidge:
        await aidge.plan(other(1), key="sku-1")
        await aidge.plan(other(2), key="sku-2")
        tasks = {(await ended(aidge, key, State.SUCCEEDED)).task_id for key in ("sku-1", "sku-2")}
    assert tasks == {"task-1", "task-2"}
    waits = [event.wait for event in events_of(seen, SubmitsPaused)]
    assert waits[:2] == [30, 60]
    assert "planned 'sku-" in events_of(seen, RecordFailed)[0].reason


async def test_budget_that_is_used_up_keeps_the_rest_planned(file: Path) -> None:
    """What the budget does not cover is not sent; a later client with a larger one sends it."""
    gateway = ScriptedGateway(submits=[accepted(f"task-{number}") for number in range(3)])
    async with gateway.client(journal=file, budget=2) as aidge:
        for number in range(3):
            await aidge.plan(other(number), key=f"sku-{number}")
        await ended(aidge, "sku-1", State.SUCCEEDED)
        await anyio.sleep(5)
        assert await aidge.journal.count("sku-", [State.PLANNED]) == 1
    async with gateway.client(journal=file, budget=3) as aidge:
        await ended(aidge, "sku-2", State.SUCCEEDED)
    assert len(gateway.posted) == 3


async def test_refused_account_holds_the_rest_up(file: Path) -> None:
    """After a refused account one is tried at a time, so that not all that was planned is used up on it."""
    gateway = ScriptedGateway(submits=[refused("NoResource", message="calling resources exhausted")])
    async with gateway.client(journal=file, limits=Limits(in_flight=1)) as aidge:
        for number in range(5):
            await aidge.plan(other(number), key=f"sku-{number}")
        await anyio.sleep(20)
        assert await aidge.journal.count("sku-", [State.PLANNED]) == 4
        await anyio.sleep(20)
        assert await aidge.journal.count("sku-", [State.PLANNED]) == 3


async def test_drained_client_leaves_its_backlog_to_the_next(file: Path) -> None:
    """Once a client is drained nothing is planned or sent any more; what was planned stays for the next process."""
    gateway = ScriptedGateway(submits=[3.0, accepted("task-1"), accepted("task-2")])
    async with gateway.client(journal=file, limits=Limits(in_flight=1, submit_rate=None)) as aidge:
        for number in range(2):
            await aidge.plan(other(number), key=f"sku-{number}")
        await anyio.sleep(1)
        await aidge.drain(60)
        with pytest.raises(NotSentError, match="being drained"):
            await aidge.plan(other(3), key="sku-3")
        assert await aidge.journal.count("sku-", [State.PLANNED]) == 1
    async with gateway.client(journal=file) as aidge:
        await ended(aidge, "sku-1", State.SUCCEEDED)
    assert len(gateway.posted) == 2


async def test_rival_that_plans_first_is_not_overwritten(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two processes that plan one key at the same moment one records it, and the other is content."""
    _, one = virtual_sandbox(SETTINGS, journal=file)
    _, two = virtual_sandbox(SETTINGS, journal=file)
    async with one, two:
        journal = one._open().on_disk.journal
        peek = journal.peek

        async def overtaken(key: str) -> Entry | None:
            found = await peek(key)
            monkeypatch.undo()
            await two.plan(other(1), key=key)
            return found

        monkeypatch.setattr(journal, "peek", overtaken)
        await one.plan(other(1), key="sku-1")
        monkeypatch.setattr(journal, "peek", overtaken)
        with pytest.raises(RequestError, match="was used for another request"):
            await one.plan(other(2), key="sku-1")
        assert (await one.journal.find("sku-1")) is not None


async def test_trouble_with_the_spool_is_told_and_nothing_is_recorded(file: Path) -> None:
    """Where the content cannot be kept there is no entry either."""
    _, aidge = virtual_sandbox(SETTINGS, journal=file)
    async with aidge:
        bar(file)
        with pytest.raises(JournalError, match=r"spool .* cannot be written"):
            await aidge.plan(URL_REQUEST, key="sku-1")
        assert await aidge.journal.find("sku-1") is None


@pytest.mark.slow
async def test_content_nobody_needs_is_swept(file: Path) -> None:
    """What a process left in the spool that died before it recorded the entry goes after an hour, nothing else."""
    async with ScriptedGateway(submits=[refused("501")]).client(journal=file) as aidge:
        await aidge.plan(URL_REQUEST, key="sku-1")
        (needed,) = spooled(file)
        leave(file, "old", "new")
        for name in ("old", needed):
            os.utime(Path(f"{file}-spool", name), (1, 1))
        assert "journal-spool'>" in repr(aidge._open().on_disk.journal._spool)
        async with ScriptedGateway().client(journal=file):
            assert spooled(file) == sorted(["new", needed])


async def test_parts_show_what_waits(file: Path) -> None:
    """Reprs tell counts, for who looks into a process."""
    async with ScriptedGateway(submits=[refused("501")]).client(journal=file) as aidge:
        await aidge.plan(URL_REQUEST, key="sku-1")
        planner = aidge._open().on_disk.planner
        assert repr(planner) == "<Planner, <Backlog, 1 keys, 1 workers>>"
        assert repr(aidge.journal) == "<JournalView>"


async def test_view_tells_entries_and_changes(file: Path) -> None:
    """The newest come first, a page at a time; changes are numbered, and a saved picture is one."""
    _, aidge = virtual_sandbox(SETTINGS, journal=file)
    async with aidge:
        assert await aidge.journal.latest() == 0
        for number in range(3):
            await aidge.plan(other(number), key=f"web:a:{number}", save_to=file.parent / "out")
        await aidge.plan(other(3), key="web:b:3")
        page = await aidge.journal.entries("web:a:", limit=2)
        assert [entry.key for _, entry in page] == ["web:a:2", "web:a:1"]
        rest = await aidge.journal.entries("web:a:", before=page[-1][0], limit=2)
        assert [entry.key for _, entry in rest] == ["web:a:0"]
        await ended(aidge, "web:a:0", State.SUCCEEDED)
        changes = await aidge.journal.changes(after=0, limit=1000)
        assert [change.seq for change in changes] == sorted(change.seq for change in changes)
        steps = [(change.before, change.after) for change in changes if change.key == "web:a:0"]
        assert steps[-2:] == [(State.ACCEPTED, State.SUCCEEDED), (State.SUCCEEDED, State.SUCCEEDED)]
        assert await aidge.journal.latest() >= changes[-1].seq
        assert await aidge.journal.changes(after=await aidge.journal.latest(), limit=1) == []
        await aidge.journal.remember("page", {"a": 1})
        assert await aidge.journal.recall("page") == {"a": 1}
        assert await aidge.journal.recall("nothing") is None


async def test_what_was_submitted_in_vain_may_be_planned(file: Path) -> None:
    """A submit that was certainly not processed leaves its key planned, and nobody to send it: `plan` has it sent."""
    gateway = ScriptedGateway(submits=[refused("501")])
    async with gateway.client(journal=file) as aidge:
        with pytest.raises(RateLimitError):
            await aidge.submit(URL_REQUEST, key="sku-1", deadline=5)
        gateway.submits = [accepted("task-1")]
        with pytest.raises(RequestError, match="used for another request"):
            await aidge.plan(other(1), key="sku-1")
        await aidge.plan(URL_REQUEST, key="sku-1")
        assert (await ended(aidge, "sku-1", State.SUCCEEDED)).task_id == "task-1"
        assert spooled(file) == []
