"""What dead processes left behind is followed and saved, in virtual time; nothing of it is sent again."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import anyio
import anyio.abc
import attrs
import pytest

from aidge_async import AidgeClient, Polling
from aidge_async._core.lifecycle import Entry, State
from aidge_async._core.token import Token
from aidge_async._engine.recovery import Recovery
from aidge_async.errors import DownloadError, JournalError
from aidge_async.events import Event, RecordFailed, SubmitInDoubt, TaskRecovered
from aidge_async.testing.clock import EPOCH
from tests.engine.durable import InheritedJournal
from tests.support import KEY_NAME, Answer, ScriptedGateway, events_of, failed, finished, refused, running

if TYPE_CHECKING:  # loads SQLite, which these tests do without
    from aidge_async._on_disk import OnDisk


class Left:
    """Stand in for what a client has on disk, as far as draining and closing it goes."""

    def __init__(self, recovery: Recovery) -> None:
        self.leave = recovery.leave

    async def aclose(self) -> None:
        """Do nothing."""


HAVE_A_TASK = {State.ACCEPTED, State.SUCCEEDED}


@attrs.define
class Heir:
    """A recovery in a client, and what it did."""

    recovery: Recovery
    journal: InheritedJournal
    group: anyio.abc.TaskGroup
    seen: list[Event] = attrs.field(factory=list)
    saved: list[tuple[str, Path]] = attrs.field(factory=list)
    planned: list[str] = attrs.field(factory=list)
    broken: Exception | None = None

    @classmethod
    def of(cls, aidge: AidgeClient) -> "Heir":
        """Return one whose journal is empty yet."""
        parts, journal = aidge._open(), InheritedJournal()
        planned: list[str] = []

        async def save(key: str, result: Any, folder: Path) -> None:
            assert result.task_id.startswith("task-")
            if heir.broken is not None:
                raise heir.broken
            heir.saved.append((key, folder))

        recovery = Recovery(
            journal,
            parts._group,
            poller_of=parts._resumed,
            save=save,
            news=parts.news,
            busy=parts._busy,
            plan=planned.append,
        )
        heir = cls(recovery, journal, parts._group, planned=planned)
        parts._on_disk = cast("OnDisk", Left(recovery))
        parts.news._observers = [heir.seen.append]
        return heir

    async def inherit(self, *entries: Entry) -> None:
        """Take over what a dead process left, as a client does that is opened, and begin to follow it."""
        self.journal.left = list(entries)
        await self.recovery.begin()
        self.group.start_soon(self.recovery.watch)
        await anyio.sleep(0.01)

    def told(self) -> list[str]:
        """Return what could not be done, in words."""
        return [event.reason for event in events_of(self.seen, RecordFailed)]


def left_behind(aidge: AidgeClient, state: State = State.ACCEPTED, **fields: Any) -> Entry:
    """Return an entry of a dead process."""
    account, task_id = fields.pop("account", aidge.settings.account), f"task-{fields.pop('number', 1)}"
    token = Token(
        region=aidge.settings.region_name,
        operation="model-alternation",
        task_id=task_id,
        trial=False,
        submitted_at=EPOCH,
        count=1,
        account=account,
        name="look",
    )
    known: dict[str, Any] = {"token": token.text(), "task_id": task_id} if state in HAVE_A_TASK else {}
    told: dict[str, Any] = {"folder": "/shop", **known, **fields}
    return Entry(key="sku-1", keyed=True, operation="model-alternation", fingerprint="f", state=state, at=1.0, **told)


def client_at(gateway: ScriptedGateway) -> AidgeClient:
    """Return a client that polls plainly."""
    return gateway.client(polling=Polling.every(5))


async def test_task_left_behind_is_followed_and_saved() -> None:
    """An accepted task of a dead process is followed from the start, and saved where that process meant to."""
    gateway = ScriptedGateway()
    async with client_at(gateway) as aidge:
        heir = Heir.of(aidge)
        await heir.inherit(left_behind(aidge))
        assert repr(heir.recovery) == "<Recovery, 1 tasks followed>"
        await anyio.sleep(20)
        assert heir.saved == [("sku-1", Path("/shop"))]
        assert repr(heir.recovery) == "<Recovery, 0 tasks followed>"
        assert [event.key for event in events_of(heir.seen, TaskRecovered)] == ["sku-1"]
    assert gateway.posted == []


async def test_what_was_being_sent_is_told_and_left_alone() -> None:
    """A submission in doubt is told of with its reason; it is neither sent nor followed."""
    gateway = ScriptedGateway()
    async with client_at(gateway) as aidge:
        heir = Heir.of(aidge)
        await heir.inherit(
            left_behind(aidge, State.IN_DOUBT, reason="its process died"),
            left_behind(aidge, State.REFUSED),
        )
        await anyio.sleep(20)
        assert [event.reason for event in events_of(heir.seen, SubmitInDoubt)] == ["its process died"]
    assert gateway.calls == []


async def test_process_that_dies_later_is_inherited_within_two_seconds() -> None:
    """Who dies while we live is noticed within two seconds, also after the journal failed in between."""
    async with client_at(ScriptedGateway()) as aidge:
        heir = Heir.of(aidge)
        await heir.inherit()
        await anyio.sleep(60)
        heir.journal.fails = [JournalError("another process has held it")]
        heir.journal.left = [left_behind(aidge)]
        await anyio.sleep(2.1)
        assert len(events_of(heir.seen, TaskRecovered)) == 1
        assert heir.told() == ["another process has held it"]


async def test_task_whose_end_is_known_is_saved_at_once() -> None:
    """A task that the client has followed to its end before it is inherited is saved without another query."""
    gateway = ScriptedGateway()
    async with client_at(gateway) as aidge:
        heir = Heir.of(aidge)
        entry = left_behind(aidge)
        handle = aidge.resume(entry.token or "")
        await handle
        queries = len(gateway.calls)
        await heir.inherit(entry)
        await anyio.wait_all_tasks_blocked()
        assert heir.saved == [("sku-1", Path("/shop"))]
        assert len(gateway.calls) == queries


async def test_failed_task_is_not_saved() -> None:
    """A task that failed leaves nothing to save, and is followed no more."""
    async with client_at(ScriptedGateway(queries=[failed("task-1")])) as aidge:
        heir = Heir.of(aidge)
        await heir.inherit(left_behind(aidge))
        await anyio.sleep(120)
        assert (heir.saved, repr(heir.recovery)) == ([], "<Recovery, 0 tasks followed>")


async def test_task_without_a_place_is_only_followed() -> None:
    """Where nobody said where to save, and where the pictures are saved already, nothing is saved."""
    for fields in ({"folder": None}, {"saved_at": 5.0}):
        async with client_at(ScriptedGateway()) as aidge:
            heir = Heir.of(aidge)
            await heir.inherit(left_behind(aidge, **fields))
            await anyio.sleep(20)
            assert (heir.saved, repr(heir.recovery)) == ([], "<Recovery, 0 tasks followed>")


async def test_pictures_that_were_not_saved_are_saved() -> None:
    """A task that had succeeded when its process died is asked for once, and saved where it was meant to be."""
    gateway = ScriptedGateway()
    async with client_at(gateway) as aidge:
        heir = Heir.of(aidge)
        await heir.inherit(left_behind(aidge, State.SUCCEEDED))
        await anyio.sleep(60)
        assert heir.saved == [("sku-1", Path("/shop"))]
        assert len(gateway.calls) == 1


@pytest.mark.parametrize("answer", [failed("task-1"), refused("InvalidAppKey")], ids=["forgotten", "refused"])
async def test_pictures_that_cannot_be_had_are_told_once(answer: Answer) -> None:
    """Where the gateway does not show them any more it is told, and nobody tries again and again."""
    gateway = ScriptedGateway(queries=[answer])
    async with client_at(gateway) as aidge:
        heir = Heir.of(aidge)
        await heir.inherit(left_behind(aidge, State.SUCCEEDED))
        await anyio.sleep(600)
        assert (heir.saved, len(gateway.calls)) == ([], 1)
        assert [reason.startswith("the pictures of 'sku-1' are not saved: ") for reason in heir.told()] == [True]


async def test_foreign_task_is_told_and_skipped() -> None:
    """The token of another account stops nothing: it is told, and the client opens."""
    gateway = ScriptedGateway()
    async with client_at(gateway) as aidge:
        heir = Heir.of(aidge)
        await heir.inherit(left_behind(aidge, account="another"), left_behind(aidge, token=None))
        await anyio.sleep(20)
        assert len(heir.told()) == 1
        assert KEY_NAME in heir.told()[0]
    assert gateway.calls == []


async def test_task_that_cannot_be_saved_harms_no_other() -> None:
    """Whatever goes wrong with one task's pictures is told; the client lives on."""
    for error in (DownloadError("no room"), LookupError("a bug")):
        async with client_at(ScriptedGateway()) as aidge:
            heir = Heir.of(aidge)
            heir.broken = error
            await heir.inherit(left_behind(aidge))
            await anyio.sleep(8)
            assert [str(error) in reason for reason in heir.told()] == [True]
            assert aidge._open()._group.cancel_scope.cancel_called is False


async def test_pictures_that_could_not_be_saved_are_tried_again() -> None:
    """After a while three times more, saved as soon as that works, and left to the next process in the end."""
    for mended in (True, False):
        async with client_at(ScriptedGateway()) as aidge:
            heir = Heir.of(aidge)
            heir.broken = DownloadError("no room")
            await heir.inherit(left_behind(aidge))
            await anyio.sleep(30)
            assert len(heir.told()) == 2
            heir.broken = None if mended else heir.broken
            await anyio.sleep(3600)
            assert (len(heir.saved), len(heir.told())) == ((1, 2) if mended else (0, 4))


async def test_what_is_followed_already_is_not_followed_twice() -> None:
    """An entry that was both bought and taken over has one watcher and is saved once; one without a task has none."""
    async with client_at(ScriptedGateway()) as aidge:
        heir = Heir.of(aidge)
        for entry in (left_behind(aidge), left_behind(aidge), left_behind(aidge, State.PLANNED)):
            heir.recovery.follow(entry)
        assert repr(heir.recovery) == "<Recovery, 1 tasks followed>"
        await anyio.sleep(60)
        assert len(heir.saved) == 1


async def test_drained_client_tries_no_more_to_save() -> None:
    """What could not be saved when a client is drained is left to the next process."""
    async with client_at(ScriptedGateway()) as aidge:
        heir = Heir.of(aidge)
        heir.broken = DownloadError("no room")
        await heir.inherit(left_behind(aidge))
        await anyio.sleep(8)
        await aidge.drain(1)
        await anyio.sleep(3600)
        assert len(heir.told()) == 1


async def test_task_that_others_watch_too_ends_once() -> None:
    """A poller that goes on after the recovery has let go of it tells it nothing more."""
    gateway = ScriptedGateway(queries=[refused("InvalidAppKey"), finished("task-1")])
    async with client_at(gateway) as aidge:
        heir = Heir.of(aidge)
        entry = left_behind(aidge)
        handle = aidge.resume(entry.token or "")  # keeps the poller
        await heir.inherit(entry)
        await anyio.sleep(60)
        await handle
        await anyio.sleep(1)
        assert heir.saved == []  # the refusal ended it for the recovery; who asks again has the result


def many_left_behind(aidge: AidgeClient, count: int) -> list[Entry]:
    """Return the entries of so many tasks."""
    return [left_behind(aidge, number=number) for number in range(1, count + 1)]


async def test_many_tasks_are_followed_in_slices() -> None:
    """Opening starts none of a thousand; they are begun some at a time, each once however often it is taken over."""
    async with client_at(ScriptedGateway(queries=[running("task")])) as aidge:
        heir = Heir.of(aidge)
        entries = many_left_behind(aidge, 1000)
        heir.journal.left = [*entries, entries[0]]
        await heir.recovery.begin()
        assert repr(heir.recovery) == "<Recovery, 0 tasks followed, 1000 waiting>"
        await heir.inherit(entries[1])
        assert repr(heir.recovery) == "<Recovery, 50 tasks followed, 950 waiting>"
        await anyio.sleep(0.5)
        assert repr(heir.recovery) == "<Recovery, 1000 tasks followed>"
        heir.journal.left = entries
        await anyio.sleep(1.5)
        assert len(events_of(heir.seen, TaskRecovered)) == 1000


async def test_task_that_waits_for_being_followed_is_shared() -> None:
    """Who resumes a task before the recovery comes to it has the same poller."""
    gateway = ScriptedGateway(queries=[running("task")])
    async with client_at(gateway) as aidge:
        heir = Heir.of(aidge)
        entries = many_left_behind(aidge, 120)
        handle = aidge.resume(entries[-1].token or "")
        await heir.inherit(*entries)
        assert repr(heir.recovery) == "<Recovery, 50 tasks followed, 70 waiting>"
        await anyio.sleep(1)
        assert heir.recovery._followed[handle.token] is handle._poller


async def test_drained_client_names_what_it_has_not_followed() -> None:
    """Each task that was taken over is named once, whoever else holds it, and nothing more is begun or taken over."""
    gateway = ScriptedGateway(queries=[running("task")])
    async with client_at(gateway) as aidge:
        heir = Heir.of(aidge)
        entries = many_left_behind(aidge, 120)
        tokens = [entry.token for entry in entries]
        handle = aidge.resume(tokens[-1] or "")
        await heir.inherit(*entries)
        assert sorted(await aidge.drain(0.001)) == sorted(map(str, tokens))
        assert handle.token in tokens
        heir.journal.left = many_left_behind(aidge, 130)
        await anyio.sleep(5)
        assert repr(heir.recovery) == "<Recovery, 0 tasks followed>"
        assert len(events_of(heir.seen, TaskRecovered)) == 50


async def test_drain_waits_for_what_is_not_followed_yet() -> None:
    """What was taken over and is still waiting is brought to its end too, where the time allows."""
    async with client_at(ScriptedGateway(queries=[finished("task-1")])) as aidge:
        heir = Heir.of(aidge)
        await heir.inherit(*many_left_behind(aidge, 120))
        assert await aidge.drain(600) == ()
        assert len(heir.saved) == 120
