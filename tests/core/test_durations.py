"""What is learned of how long tasks take."""

import math
import random
from itertools import accumulate

import pytest

from aidge_async._core.durations import EDGES, LONGEST, Cohort, Durations, lognormal, slot


def quantile(shares: list[float], part: float) -> float:
    """Return the age by which *part* have ended."""
    return next(high for high, total in zip(EDGES[1:], accumulate(shares), strict=True) if total >= part)


def watch(durations: Durations, ends: list[tuple[float, float]]) -> None:
    """Feed ends between two ages, one task after the other, as polls show them."""
    for last_running, done in ends:
        cohort = durations.begin()
        if last_running:
            durations.runs_on(cohort, 0, slot(last_running))
        durations.ends(cohort, slot(last_running), slot(done))
        durations.fit()


def test_shares_are_a_distribution() -> None:
    """They add up to 1 and none is 0, before anything is learned and after."""
    durations = Durations()
    for _ in range(3):
        assert sum(durations.shares) == pytest.approx(1.0)
        assert min(durations.shares) > 0.0
        watch(durations, [(19.0, 20.0)] * 10)


def test_nothing_learned_means_tens_of_seconds() -> None:
    """The prior's median is 15 s, and two in three tasks take from 5 to 41 s."""
    shares = Durations().shares
    assert [quantile(shares, part) for part in (0.16, 0.5, 0.84)] == pytest.approx([5.5, 15.0, 40.8], rel=0.05)


@pytest.mark.parametrize(("seconds", "expected"), [(0.0, 0), (0.99, 0), (1.0, 1), (1e6, len(EDGES) - 2)])
def test_ages_off_the_bins_count_as_the_outermost(seconds: float, expected: int) -> None:
    """Under a second nothing is told apart, nor beyond an hour."""
    assert slot(seconds) == expected
    assert EDGES[-1] == pytest.approx(LONGEST)


@pytest.mark.parametrize("middle", [-3.0, 0.0, 3.0, math.log(LONGEST), 12.0])
@pytest.mark.parametrize("spread", [1e-6, 0.05, 3.0])
def test_lognormal_is_a_distribution_wherever_it_lies(middle: float, spread: float) -> None:
    """Its shares add up to 1 even if it lies off the bins."""
    shares = lognormal(middle, spread)
    assert len(shares) == len(EDGES) - 1
    assert sum(shares) == pytest.approx(1.0)


@pytest.mark.parametrize("median", [2.0, 20.0, 300.0])
def test_seen_ends_outweigh_the_prior(median: float) -> None:
    """After thirty ends the middle half lies where they were seen."""
    durations = Durations()
    watch(durations, [(median * 0.93, median * 1.07)] * 30)
    assert median * 0.85 <= quantile(durations.shares, 0.25) <= quantile(durations.shares, 0.75) <= median * 1.15


def test_wide_intervals_are_sharpened_by_narrow_ones() -> None:
    """Polls that show little are read in the light of those that show much."""
    durations = Durations()
    watch(durations, [(0.0, 60.0)] * 40)
    before = quantile(durations.shares, 0.9) / quantile(durations.shares, 0.1)
    watch(durations, [(19.0, 21.0)] * 20)
    after = quantile(durations.shares, 0.9) / quantile(durations.shares, 0.1)
    assert after < before / 2


def test_running_tasks_are_no_short_tasks() -> None:
    """Of 200 begun at once, the twenty that ended first are a tenth, not all there is to learn."""
    rng = random.Random("fifty")
    lives = sorted(30 * math.exp(0.5 * rng.gauss(0, 1)) for _ in range(200))
    horizon = lives[20]
    durations = Durations()
    cohorts = [durations.begin() for _ in lives]
    ages = [0] * len(lives)
    for second in range(1, int(horizon) + 1):
        for number, life in enumerate(lives):
            if life > second:
                durations.runs_on(cohorts[number], ages[number], slot(second))
                ages[number] = slot(second)
            elif life > second - 1:
                durations.ends(cohorts[number], ages[number], slot(second))
        durations.fit()
    for _ in range(20):
        durations.fit()
    ended = sum(life <= int(horizon) for life in lives) / len(lives)
    seen = sum(share for share, high in zip(durations.shares, EDGES[1:], strict=True) if high <= int(horizon))
    assert seen == pytest.approx(ended, abs=0.05)


def test_task_that_is_left_still_counts_as_long_as_it_was_seen() -> None:
    """Tasks given up on at 100 s say that tasks take longer, though no end was seen."""
    durations = Durations()
    for _ in range(20):
        cohort = durations.begin()
        durations.runs_on(cohort, 0, slot(100))
        durations.leaves()
        durations.fit()
    assert quantile(durations.shares, 0.5) > 100


@pytest.mark.parametrize("factor", [3.0, 1 / 3])
def test_jump_is_forgotten_for(factor: float) -> None:
    """Four ends that were as good as impossible move the median, whatever hundreds said before."""
    durations = Durations()
    watch(durations, [(19.0, 21.0)] * 400)
    watch(durations, [(19.0 * factor, 21.0 * factor)] * 4)
    assert quantile(durations.shares, 0.5) == pytest.approx(20 * factor, rel=0.2)


def test_ends_as_expected_raise_no_suspicion() -> None:
    """A steady stream of a wide distribution is no change."""
    rng = random.Random("steady")
    durations = Durations()
    suspicions = []
    for _ in range(600):
        life = 20 * math.exp(0.35 * rng.gauss(0, 1))
        watch(durations, [(life - 1, life + 1)])
        suspicions.append(durations.suspicion)
    assert max(suspicions[50:]) < 8


@pytest.mark.slow
def test_old_cohorts_fade() -> None:
    """What is remembered is bounded, however many tasks there were."""
    durations = Durations()
    watch(durations, [(19.0, 21.0)] * 2000)
    assert 300 <= durations.ended <= 500


def test_cohort_grows_with_the_crowd() -> None:
    """As many tasks as are followed at once share a cohort, so that none is weighed against its own past."""
    durations = Durations()
    cohorts = [durations.begin() for _ in range(1000)]
    assert [cohort.begun for cohort in dict.fromkeys(cohorts)][-1] >= 256


def test_cohort_counts_each_running_task_once() -> None:
    """Moving on, ending and never having been seen leave no trace in the counters."""
    cohort = Cohort()
    cohort.runs_on(0, 5)
    cohort.runs_on(0, 5)
    cohort.runs_on(5, 9)
    assert cohort.running == {5: 1, 9: 1}
    cohort.runs_on(5, 0)
    cohort.runs_on(9, 0)
    assert cohort.running == {}
