"""What is learned of how long tasks take."""

import math
import random
from itertools import accumulate

import pytest

from aidge_async._core.durations import EDGES, LONGEST, Cohort, Durations, lognormal, slot

ALARM = 5.0  # log of the odds


def quantile(shares: list[float], part: float) -> float:
    """Return the age by which *part* have ended."""
    return next(high for high, total in zip(EDGES[1:], accumulate(shares), strict=True) if total >= part)


def watch(durations: Durations, ends: list[tuple[float, float]], fit_every: int = 1) -> None:
    """Feed ends between two ages, one task after the other, as polls show them."""
    for number, (last_running, done) in enumerate(ends, 1):
        cohort = durations.begin()
        if last_running:
            durations.runs_on(cohort, 0, slot(last_running))
        durations.ends(cohort, slot(last_running), slot(done))
        if number % fit_every == 0:
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
    watch(durations, [(19.0, 21.0)] * 400, fit_every=5)  # as seldom as a schedule fits that knows this much
    watch(durations, [(19.0 * factor, 21.0 * factor)] * 4)
    assert quantile(durations.shares, 0.5) == pytest.approx(20 * factor, rel=0.2)


@pytest.mark.parametrize("seed", ["steady", "as before", "no news"])
def test_ends_as_expected_seldom_raise_an_alarm(seed: str) -> None:
    """A steady stream of a wide distribution looks like a change twice in six hundred ends at most."""
    rng = random.Random(seed)
    durations, alarms = Durations(), 0
    for number in range(600):
        life = 20 * math.exp(0.35 * rng.gauss(0, 1))
        cohort = durations.begin()
        durations.runs_on(cohort, 0, slot(life - 1))
        durations.ends(cohort, slot(life - 1), slot(life + 1))
        if number % 5 == 0:  # as above
            alarms += durations.suspicion > ALARM
            durations.fit()
    assert alarms <= 2


def test_old_cohorts_fade() -> None:
    """What is remembered is bounded, however many tasks there were."""
    durations = Durations()
    watch(durations, [(19.0, 21.0)] * 2000, fit_every=10)
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


@pytest.mark.parametrize("ended", [False, True])
def test_tasks_no_longer_followed_do_not_keep_a_cohort_open(ended: bool) -> None:
    """Of three hundred begun at once the cohort holds all; once half have ended or were left, as many as still run."""
    durations = Durations()
    cohorts = [durations.begin() for _ in range(300)]
    for number in range(350):
        cohort = cohorts[number]
        if ended:
            durations.ends(cohort, 0, slot(20.0))
        else:
            durations.leaves()
        if number >= 150:
            cohorts.append(durations.begin())
    assert [cohort.begun for cohort in dict.fromkeys(cohorts)] == [300, 150, 50]


def after_a_jump(cohorts: int) -> tuple[Durations, list[Cohort]]:
    """Return what is known after a jump that found a task running in each of so many cohorts, and those."""
    durations, found = Durations(), []
    for _ in range(cohorts):
        cohort = durations.begin()
        durations.runs_on(cohort, 0, slot(19.0))
        durations.ends(cohort, slot(19.0), slot(21.0))
        durations.runs_on(cohort, 0, slot(5.0))
        found.append(cohort)
        for _ in range(99):
            durations.ends(durations.begin(), 0, slot(21.0))
    durations.fit()
    for _ in range(3):
        durations.ends(found[-1], 0, slot(2.0))
    assert durations.suspicion > ALARM
    durations.fit()
    return durations, found


def test_what_runs_outlives_a_jump() -> None:
    """Ends of before say nothing any more, but a task that still runs does, however old: each counts in full."""
    durations, found = after_a_jump(4)
    assert durations.ended == 3.0
    assert durations.running == 4.0
    assert [cohort.weight for cohort in found] == [1.0] * 4


def test_number_of_cohorts_is_bounded_after_a_jump_too() -> None:
    """The five before it are kept."""
    durations, found = after_a_jump(9)
    assert durations.running == 5.0
    assert len({id(cohort) for cohort in found} & {id(cohort) for cohort in durations._cohorts}) == 5


def test_alarm_ends_the_suspicion() -> None:
    """What comes after it is compared with what was learned since."""
    durations, _ = after_a_jump(1)
    assert durations.suspicion == 0.0


LAST = len(EDGES) - 1


def remembered(**odd: object) -> dict[str, object]:
    """Return a cohort as a file has it, at the edges of what is taken, with something odd."""
    edges = {"begun": 0, "weight": 1.0, "ends": [[0, 1, 1], [LAST - 1, LAST, 1]], "running": [[1, 1], [LAST - 1, 2]]}
    return {**edges, **odd}


def test_cohort_at_the_edges_is_read_back() -> None:
    """The first slot and the last, one task, and none begun."""
    assert Cohort.restored(remembered()).snapshot() == {**remembered(), "running": [(1, 1), (LAST - 1, 2)]}


@pytest.mark.parametrize(
    "odd",
    [
        {"begun": -1},
        {"weight": 1.1},
        {"weight": -0.1},
        {"ends": [[0, 0, 1]]},
        {"ends": [[5, 4, 1]]},
        {"ends": [[0, LAST + 1, 1]]},
        {"ends": [[-1, 1, 1]]},
        {"ends": [[0, 1, 0]]},
        {"running": [[0, 1]]},
        {"running": [[LAST, 1]]},
        {"running": [[1, 0]]},
        {"begun": 1_000_000_001},
        {"ends": [[0, 1, 1_000_000_001]]},
        {"running": [[1, 1_000_000_001]]},
    ],
)
def test_cohort_beyond_the_edges_is_refused(odd: dict[str, object]) -> None:
    """An end that took no time, or a slot that is none, would divide by nothing or point at nothing."""
    with pytest.raises(ValueError, match="is not from"):
        Cohort.restored(remembered(**odd))


def test_end_in_the_slot_of_the_last_sight_is_the_next_ones() -> None:
    """Two polls a moment apart: between them lies one slot and not none, which nothing could be divided by."""
    durations = Durations()
    cohort = durations.begin()
    durations.runs_on(cohort, 0, slot(20.0))
    durations.ends(cohort, slot(20.0), slot(20.01))
    durations.fit()
    assert cohort.ends == {(slot(20.0), slot(20.0) + 1): 1}


def test_task_seen_running_twice_is_one_task() -> None:
    """It has moved on."""
    durations = Durations()
    cohort = durations.begin()
    for before, now in [(0, 5), (5, 9), (9, 9)]:
        durations.runs_on(cohort, before, now)
    durations.fit()
    assert (durations.ended, durations.running) == (0.0, 1.0)


def test_what_was_expected_leaves_no_suspicion() -> None:
    """The odds for a change count from nothing, and what speaks against one is not saved up."""
    durations = Durations()
    watch(durations, [(19.0, 21.0)] * 30)
    assert durations.suspicion == 0.0


def test_longest_tasks_are_weighed_like_others() -> None:
    """There is no bin beyond an hour that they could be compared with."""
    durations = Durations()
    watch(durations, [(19.0, 21.0)] * 20)
    cohort = durations.begin()
    durations.runs_on(cohort, 0, slot(3500.0))
    durations.runs_on(cohort, slot(3500.0), slot(9999.0))
    durations.ends(cohort, slot(9999.0), slot(9999.0))
    assert durations.suspicion > ALARM
    durations.fit()
    assert sum(durations.shares) == pytest.approx(1.0)
