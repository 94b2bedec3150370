"""No second ever holds more starts than the rate, and the rate is used."""

import math
from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aidge_async._core.pacing import Pace
from aidge_async._core.rate import Start


class Arrival(NamedTuple):
    """When a call is wanted after the one before, and how long its answer takes; `None`: it is never answered."""

    gap: float
    latency: float | None


def starts_of(pace: Pace, arrivals: list[Arrival], hold: tuple[int, float] = (-1, 0.0)) -> list[float]:
    """Drive *pace* in the order of time as the limiter does, and return when each call started."""
    now, wanted, moments = 0.0, 0.0, []
    under_way: list[tuple[float, Start]] = []
    for number, arrival in enumerate(arrivals):
        wanted += arrival.gap
        now = max(now, wanted)
        if number == hold[0]:
            pace.hold(now + hold[1])
        while True:
            due = pace.earliest(now)
            answers = sorted((at for at in under_way if at[0] <= max(now, due)), key=lambda at: at[0])
            for at, started in answers:
                pace.answered(started, at)
                under_way.remove((at, started))
            if due <= now:
                break
            now = due
        started = pace.start(now)
        moments.append(now)
        if arrival.latency is not None:
            under_way.append((now + arrival.latency, started))
    return moments


def most_in_a_window(moments: list[float], window: float) -> int:
    """Return the most starts that any half-open window holds."""
    return max(sum(1 for at in moments if first <= at < first + window) for first in moments)


gaps = st.sampled_from([0.0, 0.0, 0.0, 1e-9, 0.001, 0.01]) | st.floats(0, 3)
latencies = st.none() | st.floats(0, 5)
arrival_lists = st.lists(st.builds(Arrival, gap=gaps, latency=latencies), min_size=1, max_size=60)


@given(st.integers(1, 20), arrival_lists)
def test_no_second_holds_more_starts_than_the_rate(rate: int, arrivals: list[Arrival]) -> None:
    """Whatever comes whenever, and however slow the answers are."""
    assert most_in_a_window(starts_of(Pace(rate), arrivals), 1.0) <= rate


@given(st.floats(0.05, 20), arrival_lists)
def test_fractional_rate_is_held_over_its_window(rate: float, arrivals: list[Arrival]) -> None:
    """ceil(rate) starts in any `ceil(rate) / rate` seconds, and so no more than that in any second."""
    count = math.ceil(rate)
    assert most_in_a_window(starts_of(Pace(rate), arrivals), max(1.0, count / rate)) <= count


@given(st.floats(0.05, 20), arrival_lists, st.integers(0, 59), st.floats(0, 100))
def test_held_pace_admits_nobody_until_the_moment(
    rate: float, arrivals: list[Arrival], number: int, seconds: float
) -> None:
    """After a refusal for the rate everybody waits as long as told."""
    number = min(number, len(arrivals) - 1)
    pace = Pace(rate)
    moments = starts_of(pace, arrivals, (number, seconds))
    begun = max(sum(arrival.gap for arrival in arrivals[: number + 1]), moments[number - 1] if number else 0.0)
    assert moments[number] >= begun + seconds - 1e-6


def test_shorter_hold_does_not_shorten_a_longer_one() -> None:
    """Two refusals: the later moment counts."""
    pace = Pace(5)
    pace.hold(10.0)
    pace.hold(2.0)
    assert pace.earliest(0.0) == 10.0


@settings(max_examples=30)
@given(st.sampled_from([1, 2, 5, 10, 50]), st.floats(0.0, 0.8), st.integers(0, 2**32))
def test_rate_is_used_where_callers_always_wait(rate: int, latency: float, seed: int) -> None:
    """With steady answers at least 98 % of the rate goes out, and with a jitter of 10 ms at least 96 %."""
    count = rate * 15
    steady = starts_of(Pace(rate), [Arrival(0.0, latency)] * count)
    assert (count - rate) / (steady[-rate] - steady[0]) >= 0.98 * rate
    jittered = [Arrival(0.0, latency + 0.01 * ((seed >> number % 32 & 7) / 7)) for number in range(count)]
    unsteady = starts_of(Pace(rate), jittered)
    assert (count - rate) / (unsteady[-rate] - unsteady[0]) >= 0.96 * rate


@pytest.mark.parametrize(
    ("rate", "spacing"), [(0.1, 10.002), (0.5, 2.002), (1, 1.002), (1.5, 0.6), (2, 0.45), (2.5, 0.36)]
)
def test_second_start_comes_a_spacing_after_the_first(rate: float, spacing: float) -> None:
    """0.9 of the mean interval where the log has room; the whole window and 2 ms where it has none."""
    pace = Pace(rate)
    pace.answered(pace.start(100.0), 100.0)
    assert pace.earliest(100.0) == pytest.approx(100.0 + spacing)


@pytest.mark.parametrize(
    ("latency", "push"), [(0.2, 0.0), (0.21, 0.01), (0.25, 0.05), (9.0, 0.05), (None, 0.05), (0.1, 0.0)]
)
def test_slow_predecessor_pushes_its_successor_by_at_most_50_ms(latency: float | None, push: float) -> None:
    """One slow or unanswered upload delays who comes a window later by what it was late, capped."""
    pace = Pace(1)
    pace.answered(pace.start(0.0), 0.2)
    late = pace.start(4.0)
    if latency is not None:
        pace.answered(late, 4.0 + latency)
    assert pace.earliest(5.0) == pytest.approx(5.002 + push)


def test_first_calls_push_by_half_a_second_at_most() -> None:
    """Their connections are being made: who comes a window later looks every 50 ms whether they have been answered."""
    pace = Pace(1)
    pace.start(0.0)
    assert pace.earliest(0.0) == pytest.approx(1.002)
    assert pace.earliest(0.5) == pytest.approx(1.052)
    assert pace.earliest(1.052) == pytest.approx(1.102)
    assert pace.earliest(1.4) == pytest.approx(1.45)
    assert pace.earliest(1.6) == 1.6


@pytest.mark.parametrize(("pause", "push"), [(4.9, 0.05), (5.1, 0.3)])
def test_calls_after_a_pause_may_be_as_late_as_the_first(pause: float, push: float) -> None:
    """Connections that have idled are closed, and all are made anew in one moment."""
    pace = Pace(1)
    pace.answered(pace.start(0.0), 0.2)
    pace.answered(pace.start(pause), pause + 0.5)
    assert pace.earliest(pause + 1) == pytest.approx(pause + 1.002 + push)


def test_call_that_is_lost_pushes_little() -> None:
    """It is no longer on its way, if it ever was."""
    pace = Pace(1)
    pace.lost(pace.start(0.0), 0.2)
    assert pace.earliest(1.2) == 1.2


def test_margin_is_wider_while_others_start_too() -> None:
    """Calls of another process come by other ways: 20 ms from its start on, and 2 ms again behind it."""
    pace = Pace(2, shared=True)
    for at in (0.0, 0.5):
        pace.answered(pace.start(at), at)
    assert pace.earliest(0.5) == pytest.approx(1.002)
    pace.answered(pace.start(1.1), 1.1)
    pace.joined(1.1)
    assert pace.earliest(1.1) == pytest.approx(1.52)
    pace.answered(pace.start(1.6), 1.6)
    assert pace.earliest(1.6) == pytest.approx(2.12)
    pace.answered(pace.start(2.2), 2.2)
    assert pace.earliest(2.2) == pytest.approx(2.602)
    pace.answered(pace.start(2.65), 2.65)
    assert pace.earliest(2.65) == pytest.approx(3.202)


def test_nothing_is_in_the_way_of_the_first_start() -> None:
    """An idle pace admits at once."""
    assert Pace(2).earliest(17.0) == 17.0


def test_log_keeps_no_more_than_what_still_binds() -> None:
    """A day at a rate that is no limit leaves a log of about a second's starts, not of all of them."""
    pace = Pace(1_000_000)
    for number in range(5000):
        pace.start(number * 0.01)
    assert len(pace._starts) < 200


def test_start_just_outside_the_second_still_binds_if_it_was_slow() -> None:
    """Dropped a moment too early, a slow first call would let the fifty-first arrive within its second."""
    pace = Pace(50)
    pace.answered(pace.start(-2.0), -2.0)
    pace.start(0.0)
    for number in range(1, 49):
        pace.answered(pace.start(number * 0.018), number * 0.018)
    pace.start(1.001)
    assert pace.earliest(1.001) == pytest.approx(1.052)


def test_lowered_rate_counts_the_starts_of_before() -> None:
    """Twenty went out in a second: nobody starts for a quarter of one, and twenty remain the most in 1.02 s."""
    pace = Pace(20.0)
    starts = [pace.start(number * 0.05) for number in range(20)]
    for start in starts[:19]:
        pace.answered(start, start.at + 0.01)
    pace.refused(starts[-1], 0.96, None)
    assert pace.rate == pytest.approx(0.98 * 20)
    assert pace.held(0.96) == 0.25
    assert pace.held(2.0) == 0.0
    assert pace.earliest(0.96) == 1.21


def test_first_calls_that_came_in_a_heap_are_no_lower_limit() -> None:
    """Few started in the second before the refused call, but all may have arrived with it: one came too many."""
    pace = Pace(20.0, shared=True)
    starts = [pace.start(number * 0.045) for number in range(20)]
    for start in starts:
        pace.answered(start, 1.6 + start.at / 100)
    refused = pace.start(1.6)
    pace.refused(refused, 1.8, None)
    assert refused.crowd == 6
    assert pace.rate == pytest.approx(0.98 * 20)
    assert pace.held(1.8) == pytest.approx(0.25)


def test_calls_that_were_answered_before_do_not_hide_a_lower_limit() -> None:
    """Where answers were quick, what started a second before the refused call did not arrive with it."""
    pace = Pace(20.0, shared=True)
    starts = [pace.start(number * 0.045) for number in range(20)]
    for start in starts:
        pace.answered(start, start.at + 0.1)
    refused = pace.start(1.6)
    pace.refused(refused, 1.7, None)
    assert pace.rate == pytest.approx(0.98 * 6)
    assert pace.held(1.7) == pytest.approx(1.0)


def test_refused_call_takes_no_share_of_another_rate() -> None:
    """Where the total was to blame, the path's own rate stays, and knows that the call was not taken."""
    pace = Pace(20.0)
    starts = [pace.start(number * 0.05) for number in range(20)]
    for start in starts[:10]:
        pace.exclude(start, 0.96)
    assert (pace.rate, pace.held(0.96)) == (20.0, 0.0)
    pace.refused(starts[-1], 0.97, None)
    assert pace.rate == pytest.approx(0.98 * 9)


def test_lost_call_tells_nothing_about_the_network() -> None:
    """One that was not sent at all ended at once: it would make every answer look late."""
    pace = Pace(1)
    pace.answered(pace.start(0.0), 0.2)
    pace.lost(pace.start(10.0), 10.0)
    pace.answered(pace.start(20.0), 20.2)
    assert pace.earliest(21.0) == pytest.approx(21.002)


@pytest.mark.parametrize("end", [Pace.lost, Pace.exclude])
def test_lost_call_puts_the_next_try_off(end: Callable[[Pace, Start, float], None]) -> None:
    """Sixteen seconds from then on, as two a second makes them, the known rate is kept; later a higher one is tried."""
    pace = Pace(math.inf, 2.0)
    end(pace, pace.start(0.0, waited=True), 5.0)
    pace.start(20.9, waited=True)
    assert pace.rate == 2.0
    pace.start(21.1, waited=True)
    assert pace.rate == pytest.approx(2.1)


def test_readings_may_repeat() -> None:
    """A clock of coarse steps, or a loop that reads it once: nothing divides by what has passed."""
    pace = Pace(math.inf, 2.0)
    starts = [pace.start(5.0, waited=True) for _ in range(4)]
    for start in starts:
        pace.answered(start, 5.0)
    assert pace.rate == 4.0
    pace.refused(pace.start(5.0), 5.0, None)
    assert pace.earliest(5.0) > 5.25


@pytest.mark.parametrize("rate", [1e-6, 1e12, 10**30])
def test_absurd_rates_are_no_error(rate: float) -> None:
    """Who writes 1e12 means no limit."""
    pace = Pace(rate)
    pace.start(0.0)
    assert pace.earliest(0.0) >= 0.0


def test_repr_counts() -> None:
    """Rate and log, for whoever debugs."""
    pace = Pace(2.5)
    pace.start(0.0)
    assert repr(pace) == "<Pace 2.5/s, 1 starts in the log>"
