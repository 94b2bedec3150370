"""The exact sliding second, and what the sandbox makes of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aidge_async.sandbox.limits import SlidingSecond
from tests.sandbox.by_hand import QUERY, SUBMIT, Bench, bench


@given(gaps=st.lists(st.integers(min_value=0, max_value=1200), max_size=60))
def test_most_is_that_of_the_fullest_second(gaps: list[int]) -> None:
    """The remembered maximum equals a count of every half-open second by brute force."""
    window, readings, now = SlidingSecond(), list[int](), 0
    for gap in gaps:
        now += gap
        readings.append(now)
        window.add(now / 1000)
    fullest = max(
        (sum(end - 1000 < reading <= end for reading in readings[: index + 1]) for index, end in enumerate(readings)),
        default=0,
    )
    assert window.most == fullest


def test_calls_a_second_apart_are_not_in_one_second() -> None:
    """Pacing exactly to the limit, on a clock of binary fractions, never exceeds it."""
    window, now = SlidingSecond(), 0.1
    for _ in range(1000):
        window.add(now)
        now += 0.1
    assert window.most == 10


@pytest.mark.anyio
async def test_limit_is_an_interface_s_own() -> None:
    """Each API path has its own second; the call past the limit gets 501 and is not counted against it."""
    given_bench = bench(rate_limit=2)
    for _ in range(2):
        assert (await given_bench.query("x"))["resCode"] == 700
    refused = await given_bench.query("x")
    assert (refused["resCode"], refused["success"]) == (501, False)
    assert f"{QUERY} takes at most 2 calls in any second" in refused["resMessage"]
    assert (await given_bench.submit())["resCode"] == 200
    given_bench.clock.advance(0.999)
    assert (await given_bench.query("x"))["resCode"] == 501
    given_bench.clock.advance(0.001)
    assert (await given_bench.query("x"))["resCode"] == 700
    given_bench.world.close()


@pytest.mark.anyio
async def test_shared_limit_counts_all_interfaces() -> None:
    """Submits and queries together stay within the shared limit, and a refused submit buys nothing."""
    given_bench = bench(total_rate_limit=2)
    with given_bench.world:
        await given_bench.submit()
        await given_bench.query("x")
        refused = await given_bench.submit()
    assert refused["resCode"] == 501
    assert "all APIs together" in refused["resMessage"]
    assert len(given_bench.world.ledger()) == 1


@pytest.mark.anyio
async def test_unsigned_calls_do_not_use_up_the_limit() -> None:
    """The first layer is asked before the limit."""
    given_bench = bench(rate_limit=1)
    for _ in range(3):
        assert (await given_bench.http.post(f"/rest{QUERY}")).json()["code"] == "MissingPartner"
    assert (await given_bench.query("x"))["resCode"] == 700


@pytest.mark.anyio
async def test_statistics_count_arrivals_and_codes(plain: Bench) -> None:
    """Every call is counted with its code, refused ones too, and the fullest second is kept after it is over."""
    for _ in range(3):
        await plain.query("x")
    plain.clock.advance(5)
    await plain.submitted()
    counts = await plain.control("statistics")
    assert counts["most_in_a_second"] == 3
    assert counts["received"] == {"submit": 1, "query": 3, "object": 0, "other": 0}
    queries = {"calls": 3, "received": 3, "codes": {"700": 3}, "faults": {}, "most_in_a_second": 3}
    assert counts["apis"][QUERY] == queries
    submits = {"calls": 1, "received": 1, "codes": {"200": 1}, "faults": {}, "most_in_a_second": 1}
    assert counts["apis"][SUBMIT] == submits


@pytest.mark.anyio
async def test_probing_for_paths_does_not_fill_the_memory(plain: Bench) -> None:
    """Past a hundred, unknown paths are counted together."""
    for number in range(120):
        await plain.http.post(f"/rest/probe/{number}")
    apis = (await plain.control("statistics"))["apis"]
    assert len(apis) == 101
    assert apis["(other)"]["calls"] == 20
