"""Tasks, quota and ledger: the state of the sandbox under clocks moved by hand."""

import pytest

from aidge_async.sandbox.checks import SandboxError
from aidge_async.sandbox.settings import SandboxSettings
from tests.sandbox.by_hand import SUBMIT, Bench, bench, element

pytestmark = pytest.mark.anyio


async def test_task_goes_from_submitted_over_running_to_finished(plain: Bench) -> None:
    """A task of one second is submitted for a tenth of it, then running, then finished with its pictures."""
    task_id = await plain.submitted(element(count=3))
    seen = []
    for _ in range(3):
        data = (await plain.query(task_id))["data"]
        seen.append((data["taskStatus"], len(data["taskResult"])))
        plain.clock.advance(0.5)
    assert seen == [("submitted", 0), ("running", 0), ("finished", 3)]


async def test_failed_task_has_a_message_and_no_picture() -> None:
    """With a failure rate of one every task fails, and says that the sandbox made it."""
    given = bench(failure_rate=1, duration=0)
    with given.world:
        data = (await given.query(await given.submitted()))["data"]
    assert (data["taskStatus"], data["taskResult"]) == ("failed", [])
    assert "failure_rate" in data["taskMessage"]


async def test_seed_repeats_durations_failures_and_ids() -> None:
    """Two sandboxes of one seed treat the same submits alike; another seed does not."""

    async def lives(seed: int) -> list[tuple[str, float, bool]]:
        given = bench(seed=seed, spread=0.35, failure_rate=0.5)
        with given.world:
            for _ in range(12):
                await given.submit()
            tasks = given.world._tasks.values()
            return [(task.task_id, task.ends_at, task.fails) for task in tasks]

    first, again, other = await lives(7), await lives(7), await lives(8)
    assert first == again
    assert {task_id for task_id, _, _ in first}.isdisjoint(task_id for task_id, _, _ in other)
    assert {fails for _, _, fails in first} == {True, False}


async def test_durations_lie_around_their_median() -> None:
    """Half of 400 durations are shorter than told, and two in three lie within one sigma."""
    given = bench(duration=10, spread=0.35)
    with given.world:
        for _ in range(400):
            await given.submit(element(imageBase64=None, imageUrl="http://192.0.2.1/a.jpg"))
        durations = [task.ends_at for task in given.world._tasks.values()]
    assert 170 <= sum(duration < 10 for duration in durations) <= 230
    assert 240 <= sum(7.05 <= duration <= 14.19 for duration in durations) <= 300


async def test_one_seed_never_names_two_wishes_alike() -> None:
    """The first tasks of two sandboxes have different ids where the wishes differ."""
    one, other = bench(), bench()
    with one.world, other.world:
        assert await one.submitted(element(count=1)) != await other.submitted(element(count=2))


async def test_quota_counts_pictures() -> None:
    """A submit draws its count; what the rest does not cover is refused in the first layer and takes nothing."""
    given = bench(quota=5)
    with given.world:
        await given.submitted(element(count=4))
        refused = await given.submit(element(count=2))
        await given.submitted(element(count=1))
    assert (refused["code"], refused["type"]) == ("NoResource", "ISV")
    assert "calling resources exhausted: quota: 1 pictures left, 2 asked for" in refused["message"]
    assert [line["count"] for line in given.world.ledger()] == [4, 1]


async def test_trial_draws_on_its_own_quota() -> None:
    """The trial flag chooses the quota, and the ledger keeps it."""
    given = bench(quota=0, trial_quota=2)
    with given.world:
        assert (await given.submit())["code"] == "NoResource"
        await given.submitted(headers={"x-iop-trial": "true"})
        refused = await given.submit(headers={"x-iop-trial": "TRUE"})
    assert "trial quota" in refused["message"]
    assert [line["trial"] for line in given.world.ledger()] == [True]


async def test_task_is_known_under_its_trial_flag_only(plain: Bench) -> None:
    """A query must send what the submit sent."""
    task_id = await plain.submitted(headers={"x-iop-trial": "true"})
    assert (await plain.query(task_id))["resCode"] == 700
    assert (await plain.query(task_id, headers={"x-iop-trial": "true"}))["resCode"] == 200


async def test_broken_rules_are_told_before_an_empty_quota() -> None:
    """The rules are judged first, the quota last."""
    given = bench(quota=0)
    assert (await given.submit(element(count=9)))["resCode"] == 700


async def test_ledger_holds_what_was_accepted(plain: Bench) -> None:
    """A ledger line has the task, the API, the wish, the count, the flag and the time."""
    plain.clock.advance(3)
    task_id = await plain.submitted(element(count=3))
    (line,) = (await plain.control("ledger"))["accepted"]
    assert {name: line[name] for name in ("task_id", "api", "count", "trial", "at")} == {
        "task_id": task_id,
        "api": SUBMIT,
        "count": 3,
        "trial": False,
        "at": 1_700_000_003.0,
    }
    assert len(line["fingerprint"]) == 64


async def test_statistics_tell_how_late_an_end_was_seen(plain: Bench) -> None:
    """The detection delay runs from a task's end to the first query after it."""
    task_id = await plain.submitted()
    await plain.query(task_id)
    plain.clock.advance(1.75)
    await plain.query(task_id)
    plain.clock.advance(1)
    await plain.query(task_id)
    told = (await plain.control("statistics"))["tasks"][task_id]
    assert told == {"status": "finished", "queries": 3, "detection_delay": 0.75}


async def test_reset_forgets_and_restores() -> None:
    """After a reset tasks, counts and quota are as at the start, and old task ids stay unknown."""
    given = bench(quota=2)
    with given.world:
        old = await given.submitted()
        await given.control("reset", {})
        assert (await given.control("ledger")) == {"accepted": []}
        assert (await given.control("statistics"))["apis"] == {}
        new = await given.submitted()
        assert new != old
        assert (await given.query(old))["resCode"] == 700


async def test_request_ids_are_never_given_twice(plain: Bench) -> None:
    """Every reply has an id of its own, in both spellings, across resets."""
    seen = []
    for _ in range(3):
        answer = await plain.query("x")
        assert answer["requestId"] == answer["request_id"]
        seen.append(answer["requestId"])
        await plain.control("reset", {})
    assert len(set(seen)) == 3


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"duration": -1}, "'duration' must be a number of seconds from 0 to 86400 (got -1)"),
        ({"duration": float("nan")}, "'duration' must be a number"),
        ({"spread": 4}, "'spread' must be a number of sigma from 0 to 3 (got 4)"),
        ({"failure_rate": 1.1}, "'failure_rate' must be"),
        ({"rate_limit": 0}, "'rate_limit' must be a whole number of calls a second, at least 1, or left out (got 0)"),
        ({"total_rate_limit": 1.5}, "'total_rate_limit' must be"),
        ({"quota": -1}, "'quota' must be a whole number of pictures, at least 0, or left out (got -1)"),
        ({"trial_quota": True}, "'trial_quota' must be"),
        ({"seed": "x"}, "'seed' must be a whole number (got 'x')"),
        ({"submit_shape": "nested"}, "'submit_shape' must be 'documented', 'flat'"),
        ({"key_name": ""}, "'key_name' must be printable text"),
        ({"key_secret": "a\n"}, "'key_secret' must be printable text"),
        ({"link_lifetime": -5}, "'link_lifetime' must be"),
    ],
)
def test_settings_are_checked_when_made(changes: dict[str, object], rule: str) -> None:
    """Settings that cannot be are refused in one sentence with name, rule and value."""
    with pytest.raises(SandboxError) as caught:
        SandboxSettings(**changes)  # type: ignore[arg-type]  # wrong on purpose
    assert str(caught.value).startswith(rule)


def test_settings_do_not_show_the_secret() -> None:
    """The repr of the settings has no secret, made up as it is."""
    assert "made-up-secret" not in repr(SandboxSettings())
