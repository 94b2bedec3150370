"""Following a task: transient faults are survived, verdicts are believed in time, and nothing leaks into the client."""

from typing import Any

import anyio
import httpx
import pytest

from aidge_async import (
    CredentialsError,
    DeadlineError,
    InvalidInputError,
    Polling,
    ReplyError,
    TaskFailedError,
    TaskRunning,
)
from aidge_async.events import Event, PollFaulted, TaskPolled
from tests.support import URL_REQUEST, Answer, ScriptedGateway, business, events_of, failed, finished, refused, running

TRANSIENT: list[Any] = [
    pytest.param(httpx.ConnectError("refused"), id="refused"),
    pytest.param(httpx.ReadTimeout("slow"), id="no answer"),
    pytest.param(httpx.RemoteProtocolError("cut"), id="cut"),
    pytest.param(httpx.Response(502, html="<html>"), id="HTML 502"),
    pytest.param(httpx.Response(403, html="<html>are you a robot?</html>"), id="anti-bot page"),
    pytest.param(httpx.Response(200, content=b""), id="empty 200"),
    pytest.param(httpx.Response(200, content=b"\xff\xfe{"), id="garbage"),
    pytest.param(business("500", "system error"), id="500"),
    pytest.param(business("501", "rate limit exceed"), id="501"),
    pytest.param(business("200", "success", {"taskId": "task-1"}), id="no status word"),
    pytest.param(refused("ServiceTimeout", "ISP"), id="back end"),
    pytest.param(refused("NeverSeenBefore"), id="unknown code"),
    pytest.param(httpx.Response(429, headers={"retry-after": "3"}), id="429"),
]


@pytest.mark.parametrize("fault", TRANSIENT)
async def test_transient_fault_on_a_query_is_survived(fault: Answer) -> None:
    """A fault that may pass costs a wait, never the task."""
    gateway = ScriptedGateway(queries=[running("task-1"), fault, fault, running("task-1"), fault, finished("task-1")])
    seen: list[Event] = []
    async with gateway.client(observers=[seen.append]) as aidge:
        result = await aidge.run(URL_REQUEST)
    assert result.task_id == "task-1"
    assert len(gateway.query_times) == 6
    assert len(events_of(seen, PollFaulted)) == 3
    assert len(gateway.posted) == 1


async def test_lasting_fault_ends_at_the_deadline_with_the_token() -> None:
    """A gateway that never answers a query is waited for until the deadline, with waits that grow."""
    gateway = ScriptedGateway(queries=[httpx.ReadTimeout("slow")])
    async with gateway.client() as aidge:
        handle = await aidge.submit(URL_REQUEST)
        with pytest.raises(DeadlineError) as caught:
            await handle.result(deadline=300)
    assert caught.value.token == handle.token
    assert 10 <= len(gateway.query_times) <= 25


async def test_unknown_word_means_running_and_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """A status word nobody knows is no end, and one warning is enough."""
    gateway = ScriptedGateway(
        queries=[running("task-1", "PONDERING"), running("task-1", "PONDERING"), finished("task-1")]
    )
    async with gateway.client() as aidge:
        await aidge.run(URL_REQUEST)
    assert caplog.text.count("PONDERING") == 1


@pytest.mark.parametrize("word", ["QUEUED", "IN_PROGRESS", "submitted", "Running"])
async def test_newer_words_are_known(word: str) -> None:
    """The newer material's words are running too, without a warning."""
    gateway = ScriptedGateway(queries=[running("task-1", word), finished("task-1")])
    seen: list[Event] = []
    async with gateway.client(observers=[seen.append]) as aidge:
        await aidge.run(URL_REQUEST)
    assert [event.known for event in events_of(seen, TaskPolled)] == [True]


FINAL: list[Any] = [
    pytest.param(failed("task-1"), None, 1, id="failed"),
    pytest.param(business("200", "success", {"taskStatus": "finished", "taskResult": []}), None, 1, id="no picture"),
    pytest.param(business("1000", "sensitive content"), "1000", 1, id="1000"),
    pytest.param(business("1002", "risk filter failed"), "1002", 1, id="1002"),
    pytest.param(business("801", "model failed"), "801", 3, id="801 is asked a little more"),
    pytest.param(business("1001", "content control failed"), "1001", 4, id="1001 is asked a few times"),
]


@pytest.mark.parametrize(("answer", "code", "queries"), FINAL)
async def test_verdict_of_failure_ends_the_task(answer: Answer, code: str | None, queries: int) -> None:
    """A verdict is believed after as many sightings as the gateway's facts ask for."""
    gateway = ScriptedGateway(queries=[answer])
    async with gateway.client() as aidge:
        with pytest.raises(TaskFailedError) as caught:
            await aidge.run(URL_REQUEST)
    assert (caught.value.code, caught.value.task_id, caught.value.billable) == (code, "task-1", "unknown")
    assert len(gateway.query_times) == queries


async def test_801_that_passes_is_no_failure() -> None:
    """An 801 that is followed by the result was a passing one."""
    gateway = ScriptedGateway(queries=[business("801", "model failed"), finished("task-1")])
    async with gateway.client() as aidge:
        assert len(await aidge.run(URL_REQUEST)) == 1


async def test_verdict_is_forgotten_when_the_task_is_seen_running() -> None:
    """A task that runs on between two verdicts did not fail: only what is seen in a row is believed."""
    doubtful = [business("1001", "content control failed"), running("task-1")] * 5
    gateway = ScriptedGateway(queries=[*doubtful, finished("task-1")])
    async with gateway.client() as aidge:
        assert len(await aidge.run(URL_REQUEST)) == 1


async def test_refused_query_says_that_the_task_is_paid() -> None:
    """Lost credentials stop the wait, not the task; a later wait may go on."""
    gateway = ScriptedGateway(queries=[refused("InvalidAppKey"), finished("task-1")])
    async with gateway.client() as aidge:
        handle = await aidge.submit(URL_REQUEST)
        with pytest.raises(CredentialsError) as caught:
            await handle
        assert (caught.value.billable, caught.value.resend_safe, caught.value.token) == ("yes", False, handle.token)
        assert len(await handle) == 1


async def test_malformed_result_is_named_by_its_path() -> None:
    """A result that stays unreadable is a typed error with the field's path, and costs three queries."""
    rows = [{"url": "http://a.example/1.jpg"}, {"url": 5}]
    gateway = ScriptedGateway(queries=[business("200", "ok", {"taskStatus": "finished", "taskResult": rows})])
    async with gateway.client() as aidge:
        with pytest.raises(ReplyError, match=r"\$\.data\.taskResult\[1\]\.url") as caught:
            await aidge.run(URL_REQUEST)
    assert caught.value.token is not None
    assert len(gateway.query_times) == 3


async def test_fewer_pictures_than_asked_for_is_a_success() -> None:
    """What was delivered is delivered."""
    gateway = ScriptedGateway(queries=[finished("task-1", links=3)])
    async with gateway.client() as aidge:
        assert len(await aidge.run(URL_REQUEST)) == 3


async def test_jumping_wall_clock_delays_no_poll() -> None:
    """Ages are counted on the loop's clock, so a machine whose date jumps polls on."""
    gateway = ScriptedGateway(queries=[running("task-1"), running("task-1"), finished("task-1")])
    now = [1_700_000_000.0]
    async with gateway.client(polling=Polling.every(5), wall_clock=lambda: now[0]) as aidge:
        handle = await aidge.submit(URL_REQUEST)
        now[0] -= 10_000
        began = anyio.current_time()
        await handle
        assert anyio.current_time() - began <= 16


async def test_old_token_is_asked_after_at_once() -> None:
    """A task that is older than the interval when it is resumed is not waited for first."""
    gateway = ScriptedGateway()
    async with gateway.client(polling=Polling.every(60)) as aidge:
        handle = await aidge.submit(URL_REQUEST)
        await anyio.sleep(600)
        fresh = aidge.resume(handle.token)
        began = anyio.current_time()
        await fresh
        assert anyio.current_time() - began < 1


async def test_two_readers_of_events_both_see_the_end() -> None:
    """Each reader goes at its own pace and none waits for the other."""
    gateway = ScriptedGateway(queries=[running("task-1"), running("task-1", "submitted"), finished("task-1")])
    ends = []
    async with gateway.client() as aidge:
        handle = await aidge.submit(URL_REQUEST)

        async def read(pause: float) -> None:
            async for state in handle.events():
                await anyio.sleep(pause)
                if not isinstance(state, TaskRunning):
                    ends.append(state)

        async with anyio.create_task_group() as group:
            group.start_soon(read, 0)
            group.start_soon(read, 100)
    assert len(ends) == 2


async def test_events_raise_why_polling_was_given_up() -> None:
    """A reader of events hears of a refusal as a waiter does."""
    gateway = ScriptedGateway(queries=[refused("InvalidAppKey")])
    async with gateway.client() as aidge:
        handle = await aidge.submit(URL_REQUEST)
        with pytest.raises(CredentialsError):
            _ = [state async for state in handle.events()]
        with pytest.raises(CredentialsError):
            await handle.status()


async def test_task_not_yet_known_is_waited_for_a_little() -> None:
    """A task the query does not know right after its submit is asked after again; an old one is not."""
    unknown = business("700", "taskId: not found")
    gateway = ScriptedGateway(queries=[unknown, unknown, finished("task-1")])
    async with gateway.client(polling=Polling.every(1)) as aidge:
        assert len(await aidge.run(URL_REQUEST)) == 1
        gateway.queries = [unknown]
        began = anyio.current_time()
        with pytest.raises(InvalidInputError) as caught:
            await aidge.run(URL_REQUEST)
        assert 10 <= anyio.current_time() - began <= 13
    assert caught.value.billable == "yes"
