"""One submission's way: when it is sent again, when never, and what is recorded, in virtual time."""

from typing import Any

import anyio
import httpx
import pytest

from aidge_async import (
    AidgeError,
    ClockError,
    DeadlineError,
    Deadlines,
    InvalidInputError,
    Limits,
    NotSentError,
    RateLimitError,
    SubmissionInDoubtError,
)
from aidge_async._core.lifecycle import State
from aidge_async.events import (
    ClockCorrected,
    Event,
    SubmitInDoubt,
    SubmitPostponed,
    SubmitStarted,
    TaskAccepted,
    TaskUnclaimed,
)
from aidge_async.testing.clock import EPOCH
from tests.support import URL_REQUEST, Answer, ScriptedGateway, accepted, business, events_of, refused

AMBIGUOUS: list[Any] = [
    pytest.param(httpx.ReadTimeout("slow"), id="no answer"),
    pytest.param(httpx.ReadError("reset"), id="reset"),
    pytest.param(httpx.RemoteProtocolError("cut"), id="cut"),
    pytest.param(httpx.WriteError("gone"), id="write error"),
    pytest.param(LookupError("made-up fault of a transport"), id="foreign error"),
    pytest.param(httpx.Response(502, html="<html>bad gateway</html>"), id="HTML 502"),
    pytest.param(httpx.Response(200, content=b""), id="empty 200"),
    pytest.param(httpx.Response(200, content=b'{"data": {"taskI'), id="cut JSON"),
    pytest.param(business("200", "success", {}), id="200 without a task id"),
    pytest.param(business("500", "system error"), id="500 system error"),
    pytest.param(business("801", "model failed"), id="801 on submit"),
    pytest.param(refused("ServiceTimeout", "ISP"), id="back end timed out"),
    pytest.param(refused("NeverSeenBefore"), id="unknown code"),
]


@pytest.mark.parametrize("answer", AMBIGUOUS)
async def test_lost_answer_is_in_doubt_and_never_sent_again(answer: Answer) -> None:
    """A submit without a certain answer is sent once, and the error claims nothing."""
    gateway = ScriptedGateway(submits=[answer])
    seen: list[Event] = []
    async with gateway.client(observers=[seen.append]) as aidge:
        with pytest.raises(SubmissionInDoubtError, match="may have been accepted and billed") as caught:
            await aidge.submit(URL_REQUEST, key="sku-1")
        assert (caught.value.billable, caught.value.resend_safe, caught.value.key) == ("unknown", False, "sku-1")
        with pytest.raises(SubmissionInDoubtError, match="in doubt since an earlier submission"):
            await aidge.submit(URL_REQUEST, key="sku-1")
    assert len(gateway.posted) == 1
    assert len(events_of(seen, SubmitInDoubt)) == 1


CERTAIN: list[Any] = [
    pytest.param(httpx.ConnectError("refused"), id="refused"),
    pytest.param(httpx.ConnectTimeout("black hole"), id="connect timeout"),
    pytest.param(httpx.ProxyError("403 Forbidden"), id="proxy"),
    pytest.param(business("501", "rate limit exceed"), id="501"),
    pytest.param(refused("ApiCallLimit", message="this ban will last 3 seconds"), id="ApiCallLimit"),
    pytest.param(httpx.Response(429, headers={"retry-after": "2"}), id="429"),
]


@pytest.mark.parametrize("answer", CERTAIN)
async def test_certainly_unprocessed_submit_is_sent_again(answer: Answer) -> None:
    """What the gateway certainly does not have is sent again, and brings one task."""
    gateway = ScriptedGateway(submits=[answer, answer, accepted("task-5")])
    seen: list[Event] = []
    async with gateway.client(observers=[seen.append]) as aidge:
        handle = await aidge.submit(URL_REQUEST)
    assert handle.task_id == "task-5"
    assert len(gateway.posted) == 3
    assert [event.attempt for event in events_of(seen, SubmitStarted)] == [1, 2, 3]
    assert all(event.wait > 0 for event in events_of(seen, SubmitPostponed))


async def test_ban_is_waited_for_as_told() -> None:
    """The wait that the gateway names is kept, and not much more."""
    gateway = ScriptedGateway(submits=[refused("ApiCallLimit", message="this ban will last 40 seconds"), accepted("t")])
    async with gateway.client() as aidge:
        began = anyio.current_time()
        await aidge.submit(URL_REQUEST)
        assert 40 <= anyio.current_time() - began < 41


async def test_refusal_for_rate_holds_everybody_on_its_path() -> None:
    """One refused call makes all callers of its path wait."""
    gateway = ScriptedGateway(submits=[business("501", "rate limit exceed"), accepted("t")])
    started: list[float] = []

    def note(event: Event) -> None:
        if isinstance(event, SubmitStarted):
            started.append(anyio.current_time())

    async with (
        gateway.client(observers=[note], limits=Limits(submit_rate=100.0)) as aidge,
        anyio.create_task_group() as group,
    ):
        for _ in range(20):
            group.start_soon(aidge.submit, URL_REQUEST)
    assert len(started) == 21
    assert sum(moment < started[0] + 0.99 for moment in started) <= 2


async def test_unreachable_gateway_is_given_up_before_the_deadline() -> None:
    """While nothing can be sent at all, patience is a minute, and the error says what to check."""
    gateway = ScriptedGateway(submits=[httpx.ConnectError("connection refused")])
    async with gateway.client() as aidge:
        began = anyio.current_time()
        with pytest.raises(NotSentError, match=r"nothing was sent: ConnectError: connection refused; check") as caught:
            await aidge.submit(URL_REQUEST)
        assert 30 < anyio.current_time() - began <= 61
    assert (caught.value.billable, caught.value.resend_safe) == ("no", True)


async def test_unreachable_none_tries_until_the_deadline() -> None:
    """`unreachable=None` goes on until the caller's own deadline."""
    gateway = ScriptedGateway(submits=[httpx.ConnectError("connection refused")])
    async with gateway.client(deadlines=Deadlines(unreachable=None)) as aidge:
        began = anyio.current_time()
        with pytest.raises(NotSentError):
            await aidge.submit(URL_REQUEST, deadline=600)
        assert 500 < anyio.current_time() - began <= 600


async def test_absurd_wait_is_refused() -> None:
    """Who asks for two hours is not waited for; the error carries the hint."""
    gateway = ScriptedGateway(submits=[httpx.Response(429, headers={"retry-after": "7200"})])
    async with gateway.client() as aidge:
        with pytest.raises(RateLimitError, match="asks for a wait of 7200 s") as caught:
            await aidge.submit(URL_REQUEST)
    assert caught.value.retry_after == 7200
    assert len(gateway.posted) == 1


async def test_named_fields_are_refused_for_good() -> None:
    """Invalid input is final after one call, in the gateway's own words."""
    gateway = ScriptedGateway(submits=[business("700", "age: unknown value")])
    async with gateway.client() as aidge:
        with pytest.raises(InvalidInputError, match="age: unknown value") as caught:
            await aidge.submit(URL_REQUEST)
    assert (caught.value.code, caught.value.message, caught.value.request_id) == (
        "700",
        "age: unknown value",
        "request-1",
    )
    assert len(gateway.posted) == 1


def rejected_time(offset: float) -> httpx.Response:
    """Return a rejection of our timestamp by a gateway whose clock is *offset* seconds ahead."""
    date = httpx.Response(200, headers={"date": _http_date(EPOCH + anyio.current_time() + offset)}).headers["date"]
    return httpx.Response(200, json=refused("IllegalTimestamp"), headers={"date": date})


def _http_date(epoch: float) -> str:
    from email.utils import formatdate

    return formatdate(epoch, usegmt=True)


@pytest.mark.parametrize("offset", [-900.0, 10_800.0])
async def test_wrong_clock_is_corrected_once_and_kept(offset: float) -> None:
    """A rejected timestamp is measured against `Date`, once for the client's life."""
    gateway = ScriptedGateway()
    gateway.submits = [rejected_time(offset), accepted("task-1")]
    seen: list[Event] = []
    async with gateway.client(observers=[seen.append]) as aidge:
        await aidge.submit(URL_REQUEST)
        await aidge.submit(URL_REQUEST)
    assert [round(event.offset) for event in events_of(seen, ClockCorrected)] == [round(offset)]
    sent = [int(call.url.params["timestamp"]) / 1000 - EPOCH for call in gateway.calls]
    assert [round((moment - offset) / 10) for moment in sent[1:]] == [0, 0]


async def test_clock_that_stays_wrong_is_an_error() -> None:
    """A second rejection is not answered with a third call."""
    gateway = ScriptedGateway()
    gateway.submits = [rejected_time(900), rejected_time(900)]
    async with gateway.client() as aidge:
        with pytest.raises(ClockError, match="set this machine's clock"):
            await aidge.submit(URL_REQUEST)
    assert len(gateway.posted) == 2


async def test_slow_answer_ends_at_the_callers_deadline() -> None:
    """A submit on its way at the deadline is in doubt, at the deadline and not later."""
    gateway = ScriptedGateway(submits=[500.0, accepted("late")])
    async with gateway.client() as aidge:
        began = anyio.current_time()
        with pytest.raises(SubmissionInDoubtError, match="no answer within 7 s"):
            await aidge.submit(URL_REQUEST, deadline=7)
        assert anyio.current_time() - began == pytest.approx(7, abs=0.1)


async def test_cancelled_submit_waits_for_its_answer() -> None:
    """A submit that is on its way is heard out, and its task is told as unclaimed."""
    gateway = ScriptedGateway(submits=[8.0, accepted("task-9")])
    seen: list[Event] = []
    async with gateway.client(observers=[seen.append]) as aidge:
        with anyio.move_on_after(1) as scope:
            await aidge.submit(URL_REQUEST, key="sku-9")
        assert scope.cancelled_caught
        assert [event.task_id for event in events_of(seen, TaskAccepted)] == ["task-9"]
        assert [event.token for event in events_of(seen, TaskUnclaimed)] == list(aidge.unclaimed)
        assert (await aidge.submit(URL_REQUEST, key="sku-9")).task_id == "task-9"
    assert len(gateway.posted) == 1


async def test_cancelled_submit_without_an_answer_is_in_doubt() -> None:
    """The shield ends after ten seconds, and what is recorded is the doubt."""
    gateway = ScriptedGateway(submits=[50.0, accepted("task-9")])
    async with gateway.client() as aidge:
        began = anyio.current_time()
        with anyio.move_on_after(1):
            await aidge.submit(URL_REQUEST, key="sku-9")
        assert anyio.current_time() - began == pytest.approx(11, abs=0.1)
        entry = await aidge._open().journal.find("sku-9")
        assert entry is not None
        assert entry.state is State.IN_DOUBT
    assert len(gateway.posted) == 1


class Connecting(ScriptedGateway):
    """A gateway that is never reached: what carries the call reports that it connects, and connects for ever."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.extensions["trace"]("connection.connect_tcp.started", {})
        await anyio.sleep_forever()
        raise AssertionError


async def test_submit_cancelled_before_it_left_is_not_in_doubt() -> None:
    """Where nothing was sent when the shield ends, the key is free again and nobody is told of a doubt."""
    seen: list[Event] = []
    async with Connecting().client(observers=[seen.append]) as aidge:
        began = anyio.current_time()
        with anyio.move_on_after(1):
            await aidge.submit(URL_REQUEST, key="sku-9")
        assert anyio.current_time() - began == pytest.approx(11, abs=0.1)
        entry = await aidge._open().journal.find("sku-9")
        assert entry is not None
        assert entry.state is State.PLANNED
    assert events_of(seen, SubmitInDoubt) == []


async def test_deadline_before_the_call_left_is_not_in_doubt() -> None:
    """Still connecting at the caller's deadline: nothing was sent, and the error says so."""
    async with Connecting().client() as aidge:
        with pytest.raises(NotSentError, match="no connection within 7 s") as caught:
            await aidge.submit(URL_REQUEST, deadline=7)
    assert (caught.value.billable, caught.value.resend_safe) == ("no", True)


async def test_cancelled_run_leaves_its_token() -> None:
    """Who cancels `run` while it polls finds the paid task in `unclaimed`."""
    gateway = ScriptedGateway()
    async with gateway.client() as aidge:
        with anyio.move_on_after(2):
            await aidge.run(URL_REQUEST)
        assert [aidge.resume(token).task_id for token in aidge.unclaimed] == ["task-1"]


async def test_refused_key_may_be_tried_again() -> None:
    """A key whose submission was certainly not processed is free again."""
    gateway = ScriptedGateway(submits=[business("700", "no"), accepted("task-2")])
    async with gateway.client() as aidge:
        with pytest.raises(AidgeError):
            await aidge.submit(URL_REQUEST, key="sku-1")
        assert (await aidge.submit(URL_REQUEST, key="sku-1")).task_id == "task-2"


async def test_deadline_bounds_the_retries() -> None:
    """Nobody sleeps past the caller's deadline to be refused again."""
    gateway = ScriptedGateway(submits=[business("501", "rate limit exceed")])
    async with gateway.client() as aidge:
        began = anyio.current_time()
        with pytest.raises((RateLimitError, DeadlineError)):
            await aidge.submit(URL_REQUEST, deadline=10)
        assert 8 <= anyio.current_time() - began <= 10


async def test_deadline_behind_a_refusal_tells_of_the_refusal() -> None:
    """Who was refused for the rate and gets no second permit in time hears why, not only that time is up."""
    gateway = ScriptedGateway(submits=[refused("501")])
    async with gateway.client(limits=Limits(submit_rate=0.01)) as aidge:
        with pytest.raises(RateLimitError):
            await aidge.submit(URL_REQUEST, deadline=60)
    assert len(gateway.posted) == 1
