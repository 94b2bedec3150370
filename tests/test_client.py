"""The client's promises at its public face, in virtual time against the sandbox in the process."""

from typing import Any

import anyio
import pytest

from aidge_async import (
    AidgeClient,
    CredentialsError,
    DeadlineError,
    Limits,
    ModelAlternation,
    Polling,
    QuotaError,
    RequestError,
    SettingsError,
    TaskFailed,
    TaskFailedError,
    WireFormat,
)
from aidge_async.events import Event, ImageWarned, TaskAccepted, TaskPolled, TaskSettled
from aidge_async.sandbox.settings import SandboxSettings
from aidge_async.testing.clock import virtual_backend
from tests.conftest import draw_photo
from tests.support import KEY_NAME, KEY_SECRET, URL_REQUEST, client_in, events_of, virtual_sandbox

FAST = Limits(submit_rate=None, query_rate=None)


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Run every test on both event loops, in virtual time."""
    return virtual_backend(request.param)


async def test_one_await_brings_the_pictures_asked_for(photo: bytes) -> None:
    """`run` submits, follows and returns as many pictures as were asked for."""
    world, client = virtual_sandbox(SandboxSettings(duration=20))
    async with client as aidge:
        result = await aidge.run(ModelAlternation(image=photo, model="universal_model_2", background="beach", count=3))
    assert len(result) == 3
    assert [entry["count"] for entry in world.ledger()] == [3]
    assert result.task_id == world.ledger()[0]["task_id"]
    assert result.request_id


async def test_both_dialects_buy_the_same(photo: bytes) -> None:
    """The same request in either wire format leaves the same fingerprint in the ledger."""
    fingerprints = []
    for shape, model in ((WireFormat.DOCUMENTED, "universal_model_1"), (WireFormat.FLAT, "WHITE")):
        world, client = virtual_sandbox(SandboxSettings(duration=2, submit_shape=shape.value), wire_format=shape)
        async with client as aidge:
            await aidge.run(
                ModelAlternation(image=photo, model=model, background="room", gender="FEMALE", dimension=600)
            )
        fingerprints.append(world.ledger()[0]["fingerprint"])
    assert fingerprints[0] == fingerprints[1]


async def test_polls_come_at_the_interval_asked_for() -> None:
    """A plain interval polls once an interval from the submit on, and no more."""
    seen: list[Event] = []
    _, client = virtual_sandbox(
        SandboxSettings(duration=22, spread=0), polling=Polling.every(5), observers=[seen.append]
    )
    async with client as aidge:
        await aidge.run(URL_REQUEST)
    ages = [round(event.age) for event in seen if isinstance(event, (TaskPolled, TaskSettled))]
    assert ages == [5, 10, 15, 20, 25]


async def test_resumed_token_goes_on_elsewhere(photo: bytes) -> None:
    """A token alone brings the result in another client of the same account."""
    world, client = virtual_sandbox(SandboxSettings(duration=30))
    async with client as aidge:
        token = (await aidge.submit(ModelAlternation(image=photo, model="universal_model_3"))).token
    async with client_in(world) as aidge:
        result = await aidge.resume(token)
    assert result.task_id == world.ledger()[0]["task_id"]
    assert len(world.ledger()) == 1


async def test_token_of_another_account_is_refused() -> None:
    """A token is good for its own account only, and the error says so."""
    _, client = virtual_sandbox()
    async with client as aidge, AidgeClient("made-up-other", KEY_SECRET, base_url="http://localhost") as stranger:
        handle = await aidge.submit(URL_REQUEST)
        with pytest.raises(RequestError, match="another account or region"):
            stranger.resume(handle.token)


async def test_same_key_at_once_is_one_task() -> None:
    """Fifty callers with one key share one task."""
    world, client = virtual_sandbox(SandboxSettings(duration=5), limits=FAST)
    results = []
    async with client as aidge, anyio.create_task_group() as group:

        async def buy() -> None:
            results.append(await aidge.run(URL_REQUEST, key="sku-1/front"))

        for _ in range(50):
            group.start_soon(buy)
    assert len(world.ledger()) == 1
    assert {result.task_id for result in results} == {world.ledger()[0]["task_id"]}
    assert {result.name for result in results} == {"sku-1/front"}


async def test_without_a_key_each_call_buys() -> None:
    """Generating again on purpose is normal."""
    world, client = virtual_sandbox(SandboxSettings(duration=5), limits=FAST)
    async with client as aidge:
        await aidge.submit(URL_REQUEST)
        await aidge.submit(URL_REQUEST)
    assert len(world.ledger()) == 2


async def test_key_with_another_request_is_an_error() -> None:
    """A key names one request; the error shows both fingerprints."""
    world, client = virtual_sandbox(limits=FAST)
    async with client as aidge:
        await aidge.submit(URL_REQUEST, key="sku-1")
        with pytest.raises(RequestError, match=r"'sku-1' was used for another request \(fingerprint \w+, now \w+\)"):
            await aidge.submit(
                ModelAlternation(image="https://example.com/other.jpg", model="universal_model_1"), key="sku-1"
            )
    assert len(world.ledger()) == 1


@pytest.mark.parametrize("key", ["", "  ", 5])
async def test_key_that_is_no_name_is_refused(key: Any) -> None:
    """A blank key would make all purchases one."""
    world, client = virtual_sandbox()
    async with client as aidge:
        with pytest.raises(RequestError, match="'key' must be text that is not blank"):
            await aidge.submit(URL_REQUEST, key=key)
    assert world.ledger() == []


async def test_check_sends_nothing_and_tells_what_is_doubtful(photo: bytes) -> None:
    """`check` refuses what `submit` would, and returns the warnings of what it would send."""
    world, client = virtual_sandbox()
    assert await client.check(ModelAlternation(image=photo, model="universal_model_1")) == ()
    (warning,) = await client.check(ModelAlternation(image=draw_photo(512, 700, "PNG"), model="universal_model_1"))
    assert "512x700" in warning
    with pytest.raises(RequestError, match="'model' must be one of"):
        await client.check(ModelAlternation(image=photo, model="WHITE"))
    assert world.statistics()["apis"] == {}


async def test_deadline_before_the_permit_sends_nothing() -> None:
    """Who waits for a permit until the deadline has bought nothing, and the error says so."""
    world, client = virtual_sandbox(limits=Limits(submit_rate=0.01))
    async with client as aidge:
        await aidge.submit(URL_REQUEST)
        with pytest.raises(DeadlineError, match="waiting for a permit, nothing was sent") as caught:
            await aidge.submit(URL_REQUEST, deadline=5)
    assert (caught.value.billable, caught.value.resend_safe) == ("no", True)
    assert len(world.ledger()) == 1


async def test_failed_task_raises_the_gateways_words() -> None:
    """A failed task is `TaskFailedError`; its state is kept for who asks again."""
    _, client = virtual_sandbox(SandboxSettings(duration=2, failure_rate=1.0))
    async with client as aidge:
        handle = await aidge.submit(URL_REQUEST)
        with pytest.raises(TaskFailedError) as caught:
            await handle
        assert (caught.value.task_id, caught.value.billable) == (handle.task_id, "unknown")
        assert caught.value.message
        assert isinstance(await handle.status(), TaskFailed)
        with pytest.raises(TaskFailedError):
            await handle


async def test_wrong_secret_is_named() -> None:
    """A wrong secret is a `CredentialsError` after one call, and nothing is bought."""
    world, _ = virtual_sandbox()
    async with client_in(world, "made-up-wrong") as aidge:
        with pytest.raises(CredentialsError, match="IncompleteSignature") as caught:
            await aidge.submit(URL_REQUEST)
    assert (caught.value.billable, caught.value.code) == ("no", "IncompleteSignature")
    assert world.ledger() == []


async def test_spent_quota_is_named() -> None:
    """An account with nothing left raises `QuotaError` with the gateway's code."""
    world, client = virtual_sandbox(SandboxSettings(quota=2), limits=FAST)
    async with client as aidge:
        await aidge.submit(URL_REQUEST)
        with pytest.raises(QuotaError) as caught:
            await aidge.submit(URL_REQUEST)
    assert caught.value.code == "NoResource"
    assert len(world.ledger()) == 1


async def test_trial_says_so_on_submit_and_query() -> None:
    """A trial client draws on the trial quota, and its token asks with the same flag."""
    world, client = virtual_sandbox(SandboxSettings(duration=2, quota=0, trial_quota=10), trial=True)
    async with client as aidge:
        await aidge.run(URL_REQUEST)
    assert [entry["trial"] for entry in world.ledger()] == [True]


async def test_unsure_picture_is_sent_with_a_warning() -> None:
    """A picture on the edge of a limit is sent, and an observer hears of it."""
    seen: list[Event] = []
    world, client = virtual_sandbox(observers=[seen.append])
    async with client as aidge:
        await aidge.submit(ModelAlternation(image=draw_photo(512, 700, "PNG"), model="universal_model_1"))
    assert len(world.ledger()) == 1
    assert "512x700" in events_of(seen, ImageWarned)[0].warning


async def test_observer_that_raises_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """What an observer raises is logged and goes no further."""

    def broken(_: Event) -> None:
        raise LookupError("made-up fault")

    world, client = virtual_sandbox(observers=[broken])
    async with client as aidge:
        await aidge.submit(URL_REQUEST)
    assert len(world.ledger()) == 1
    assert "observer failed" in caplog.text


async def test_own_exception_leaves_the_block_as_it_is() -> None:
    """What is raised inside the client's block comes out of it in no group."""
    _, client = virtual_sandbox()
    with pytest.raises(LookupError, match="mine"):
        async with client:
            raise LookupError("mine")


async def test_closed_client_says_how_to_open_it() -> None:
    """Use outside the block is a sentence, not an attribute error."""
    client = AidgeClient(KEY_NAME, KEY_SECRET)
    with pytest.raises(SettingsError, match="inside 'async with"):
        await client.submit(URL_REQUEST)
    _, opened = virtual_sandbox()
    async with opened:
        with pytest.raises(SettingsError, match="open already"):
            await opened.__aenter__()


async def test_secret_is_in_no_repr() -> None:
    """Neither the client nor its settings show the secret."""
    client = AidgeClient(KEY_NAME, KEY_SECRET, wire_format=WireFormat.FLAT)
    assert KEY_SECRET not in f"{client!r} {client.settings!r} {vars(client)!r}"


async def test_accepted_is_told_before_the_caller_has_it() -> None:
    """The observer has the token when `submit` returns."""
    seen: list[Event] = []
    _, client = virtual_sandbox(observers=[seen.append])
    async with client as aidge:
        handle = await aidge.submit(URL_REQUEST, key="sku-7")
        assert [(event.key, event.token) for event in events_of(seen, TaskAccepted)] == [("sku-7", handle.token)]
