"""The rate finds what the server takes, follows it, and gives back slowly what a refusal took."""

import math
from collections.abc import Sequence

import pytest

from aidge_async._core.pacing import Pace
from aidge_async._core.rate import Rate, Start
from tests.core.rate_limited_server import Run, SlidingServer

SEEDS = range(4)


def learning() -> Pace:
    """Return a pace that has to find its rate, from the vendor's default."""
    return Pace(math.inf, 2.0)


def lowered(rate: Rate, *, accepted: int = 5, at: float = 10.0, told: float | None = None) -> float:
    """Have a call refused that was no try, and return the seconds of the hold."""
    start = Start(at, crowd=accepted)
    rate.started(start, waited=False)
    return rate.refused(start, at + 0.1, accepted=accepted, at_most=accepted, wait=told)


def attempt(rate: Rate, at: float, calls: int) -> list[Start]:
    """Start so many calls that had to wait."""
    starts = [Start(at + number * 0.001) for number in range(calls)]
    for start in starts:
        rate.started(start, waited=True)
    return starts


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("latency", "jitter"), [(0.005, 0.001), (0.05, 0.01), (0.1, 0.02)])
@pytest.mark.parametrize("limits", [(20, 5, 15), (50, 10, 40)])
def test_limit_that_changes_is_found_and_used(
    limits: Sequence[float], latency: float, jitter: float, seed: int
) -> None:
    """Over 90 % of each limit from the twentieth second on, and under 2 % of all calls refused."""
    server = SlidingServer(limits)
    run = Run(learning(), server, latency=latency, jitter=jitter, seed=seed).until(180)
    assert all(run.used(phase) > 0.9 for phase in range(3)), [run.used(phase) for phase in range(3)]
    assert run.refused() < 0.02


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("limits", "least_used", "most_refused"),
    [
        ((2, 8, 3), 0.85, 0.025),
        ((1, 3, 1), 0.85, 0.05),
        ((2.5, 7.5, 4.5), 0.8, 0.04),
        ((0.5, 0.2, 0.8), 0.6, 0.12),
    ],
)
def test_low_limit_is_found_at_the_price_of_more_refusals(
    limits: Sequence[float], least_used: float, most_refused: float, seed: int
) -> None:
    """At a few calls a second one call more is a large step, and there are few calls to pay for it."""
    run = Run(learning(), SlidingServer(limits), seed=seed).until(180)
    assert min(run.used(phase) for phase in range(3)) > least_used
    assert run.refused() < most_refused


@pytest.mark.parametrize("seed", SEEDS)
def test_slow_answers_cost_more(seed: int) -> None:
    """With 0.3 s for an answer and 0.1 s of jitter it is still 0.85 of the limit, and 3 % refused."""
    run = Run(learning(), SlidingServer((20, 5, 15)), latency=0.3, jitter=0.05, seed=seed).until(180)
    assert min(run.used(phase) for phase in range(3)) > 0.85
    assert run.refused() < 0.03


@pytest.mark.parametrize("seed", SEEDS)
def test_calls_that_are_late_now_and_then_are_no_lower_limit(seed: int) -> None:
    """One way in fifty takes up to 0.3 s longer: refused calls cut little, and 0.8 of the limit is used."""
    run = Run(learning(), SlidingServer((20, 5, 15)), spikes=0.02, seed=seed).until(180)
    assert min(run.used(phase) for phase in range(3)) > 0.8
    assert run.refused() < 0.02


@pytest.mark.parametrize("seed", SEEDS)
def test_rate_is_found_from_cold(seed: int) -> None:
    """From 2 a second, 90 % of 20 are reached within 20 s; here within 8."""
    run = Run(learning(), SlidingServer((20,)), seed=seed).until(30)
    assert run.accepted(8, 28) > 0.9 * 20 * 20


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("configured", "limit"), [(20, 10), (50, 10), (10, 9), (4, 2)])
def test_rate_that_was_configured_too_high_goes_down_and_stays(configured: float, limit: float, seed: int) -> None:
    """At least 90 % of what the server takes from the tenth second on, and at most 5 % refused."""
    run = Run(Pace(configured), SlidingServer((limit,)), seed=seed).until(120)
    assert run.accepted(10, 120) > 0.9 * limit * 110
    assert run.refused() < 0.05


def test_configured_rate_comes_back_and_is_never_exceeded() -> None:
    """After a spell of a lower limit all of it is used again, half a minute later, and no more than that."""
    run = Run(Pace(20), SlidingServer((10, 100), phase=30)).until(90)
    assert run.accepted(60, 90) > 0.97 * 20 * 30
    assert max(rate for _, rate in run.rates) == run.pace.rate == 20


@pytest.mark.parametrize("told", [None, 1.0])
def test_server_that_counts_what_it_refuses_is_no_trap(told: float | None) -> None:
    """Nobody is refused because of refusals: 85 % are used whether or not it names a wait."""
    server = SlidingServer((20, 5, 15), counts_refused=True)
    run = Run(learning(), server, told=told).until(180)
    assert min(run.used(phase) for phase in range(3)) > 0.85
    assert run.refused() < 0.02


def test_ban_is_obeyed_and_seldom_risked() -> None:
    """Nothing arrives for the thirty seconds that each refusal names, but what was under way."""
    run = Run(learning(), SlidingServer((10,)), told=30.0).until(600)
    bans = [arrival.at for arrival in run.arrivals if not arrival.accepted]
    for ban in bans:
        assert not [arrival for arrival in run.arrivals if ban + 0.2 < arrival.at < ban + 29.9]
    assert len([ban for number, ban in enumerate(bans) if not number or ban > bans[number - 1] + 1]) <= 4


def test_idle_hour_teaches_nothing() -> None:
    """Who wants little does not find out more, so the thousand who come then start at the rate that is known."""
    server = SlidingServer((20,), phase=10_000)
    run = Run(learning(), server, idle=lambda now: 60 < now < 3660).until(3700)
    before = [rate for at, rate in run.rates if at < 60][-1]
    after = next(rate for at, rate in run.rates if at > 3660)
    assert after == pytest.approx(before, rel=0.1)
    assert sum(not arrival.accepted for arrival in run.arrivals if arrival.at > 3660) <= 6


def test_callers_that_are_bound_by_places_in_flight_raise_nothing() -> None:
    """With answers of a second and two places no rate over 2 is of use, and none is asked for."""
    run = Run(learning(), SlidingServer((1000,)), latency=1.0, in_flight=1).until(60)
    assert run.pace.rate == 2.0


def test_known_rate_is_what_was_accepted_less_two_percent() -> None:
    """Twenty were asked for and five taken: 4.9 it is, after a second."""
    rate = Rate(20.0, 20.0)
    assert lowered(rate, accepted=5) == 1.0
    assert rate.in_force == pytest.approx(4.9)


def test_rate_falls_to_a_quarter_at_most() -> None:
    """Somebody else may have used the account in that second; if not, the next refusal tells."""
    rate = Rate(20.0, 20.0)
    rate.started(Start(5.0, crowd=19), waited=True)
    lowered(rate, accepted=1)
    assert rate.in_force == 5.0
    lowered(rate, accepted=1, at=12.0)
    assert rate.in_force == 1.25


def test_calls_that_were_under_way_together_lower_it_once() -> None:
    """Only a call that started after the lowering tells something new, but a wait that it names is kept."""
    rate = Rate(20.0, 20.0)
    lowered(rate, accepted=10)
    once = rate.in_force
    assert rate.refused(Start(10.05, crowd=12), 10.3, accepted=11, at_most=11, wait=None) == 0.0
    assert rate.refused(Start(10.05, crowd=12), 10.4, accepted=11, at_most=11, wait=7.0) == 7.0
    assert rate.in_force == once


def test_rate_that_was_nearly_right_is_lowered_by_little_then_by_more() -> None:
    """One in fifty; refused again at once, the square of that, and where the count tells, what it tells."""
    rate = Rate(20.0, 20.0)
    assert lowered(rate, accepted=20) == 0.25
    assert rate.in_force == pytest.approx(19.6)
    assert lowered(rate, accepted=20, at=12.0) == 1.0
    assert rate.in_force == pytest.approx(19.6 * 0.98**2)
    assert lowered(rate, accepted=18, at=14.0) == 1.0
    assert rate.in_force == pytest.approx(0.98 * 18)
    assert lowered(rate, accepted=17, at=60.0) == 0.25
    assert rate.in_force == pytest.approx(0.98 * 18 * 0.98)


@pytest.mark.parametrize(("told", "hold"), [(0.0, 1.0), (0.5, 1.0), (7.0, 7.0)])
def test_wait_that_is_named_is_kept_if_it_is_longer(told: float, hold: float) -> None:
    """Who says that we may call again at once has not seen what else is on its way."""
    assert lowered(Rate(20.0, 20.0), accepted=5, told=told) == hold


def test_refusals_without_end_stop_at_one_call_in_twenty_seconds() -> None:
    """From there the way up takes a minute or two; a rate that was configured lower is left alone."""
    rate = Rate(2.0, 2.0)
    for number in range(60):
        lowered(rate, accepted=0, at=10.0 + number)
    assert rate.in_force == 0.05
    slow = Rate(0.01, 0.01)
    lowered(slow, accepted=0)
    assert slow.in_force == 0.01


def test_no_limit_falls_to_what_was_asked_for() -> None:
    """A million a second was never meant: the most that was started in a second counts."""
    rate = Rate(1e6, 1e6)
    lowered(rate, accepted=100)
    assert rate.in_force == pytest.approx(98.0)


def test_try_is_given_up_when_a_call_is_lost() -> None:
    """A network that has failed must not look like a gateway that takes everything."""
    rate = Rate(math.inf, 2.0)
    starts = attempt(rate, 0.0, 4)
    rate.lost(starts[0], 0.1)
    for start in starts[1:]:
        rate.answered(start)
    assert rate.in_force == 2.0
    attempt(rate, 5.0, 1)
    assert rate.in_force == 2.0
    attempt(rate, 20.0, 1)
    assert rate.in_force == pytest.approx(2.1)


def test_try_needs_a_whole_second_of_calls_that_waited() -> None:
    """Four at 4/s, one after the other as fast as it allows; a call that did not wait begins the count anew."""
    rate = Rate(math.inf, 2.0)
    starts = attempt(rate, 0.0, 3)
    assert rate.in_force == 4.0
    idle = Start(1.0)
    rate.started(idle, waited=False)
    starts += [idle, *attempt(rate, 2.0, 3)]
    assert rate.in_force == 4.0
    starts += attempt(rate, 3.0, 1)
    assert rate.in_force == 2.0
    beside = Start(3.1)
    rate.started(beside, waited=True)
    assert beside.part_of is None
    for start in [beside, *starts]:
        assert rate.in_force == 2.0
        rate.answered(start)
    assert rate.in_force == 4.0


def test_refused_try_holds_nobody_unless_told() -> None:
    """What was tried is given up, which is enough; a wait that is named is kept, and stretches the lull."""
    rate = Rate(math.inf, 20.0)
    starts = attempt(rate, 0.0, 30)
    assert rate.refused(starts[21], 0.1, accepted=20, at_most=20, wait=None) == 0.0
    assert rate.in_force == 20.0
    rate.started(again := Start(12.2), waited=True)
    assert again.part_of is not None
    assert rate.refused(again, 12.3, accepted=20, at_most=20, wait=2.0) == 2.0
    rate.started(Start(50.0), waited=True)
    assert rate.in_force == 20.0
    rate.started(Start(54.5), waited=True)
    assert rate.in_force == 21.0


def test_refused_try_that_shows_more_than_was_known_raises_it() -> None:
    """Forty were tried and thirty taken: 29.4, not 20 again."""
    rate = Rate(math.inf, 20.0)
    starts = attempt(rate, 0.0, 40)
    rate.refused(starts[-1], 0.1, accepted=30, at_most=30, wait=None)
    assert rate.in_force == pytest.approx(29.4)


def test_refused_try_that_shows_less_lowers_it() -> None:
    """The limit has fallen while it was tried to go higher."""
    rate = Rate(math.inf, 20.0)
    starts = attempt(rate, 0.0, 10)
    assert rate.refused(starts[-1], 0.1, accepted=9, at_most=9, wait=None) == 1.0
    assert rate.in_force < 20.0


def test_call_of_a_try_that_is_over_disturbs_no_other() -> None:
    """Lost or answered late, it proves nothing about what is tried by then; nor does one that was part of none."""
    rate = Rate(math.inf, 20.0)
    starts = attempt(rate, 0.0, 30)
    rate.refused(starts[21], 0.1, accepted=20, at_most=20, wait=None)
    rate.started(part := Start(20.0), waited=True)
    assert part.part_of is not None
    rate.lost(starts[0], 20.1)
    rate.lost(Start(19.9), 20.2)
    rate.answered(starts[1])
    assert (rate.in_force, part.part_of.unanswered) == (21.0, 1)


def test_lost_call_that_was_no_try_puts_none_off() -> None:
    """There was nothing to give up."""
    rate = Rate(math.inf, 2.0)
    rate.lost(Start(0.0), 0.1)
    attempt(rate, 0.2, 1)
    assert rate.in_force == 4.0
