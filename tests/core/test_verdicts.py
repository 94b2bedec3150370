"""What becomes of an entry that is to be recorded, for every pair of states."""

import itertools

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aidge_async._core.lifecycle import (
    BEGINNINGS,
    DECISIONS,
    TRANSITIONS,
    Entry,
    State,
    Verdict,
    judge,
    keys_aside,
    may_decide,
)

ENTRY = Entry(key="k", keyed=True, operation="o", fingerprint="f", state=State.PLANNED, at=1.0, task_id="0123456789")
PAIRS = list(itertools.product(State, State))


def test_task_id_always_has_a_place() -> None:
    """Whatever stands there, whoever's it is: an acceptance is written, put aside, or known already."""
    for before, theirs in itertools.product([None, *State], [False, True]):
        known = before and attrs.evolve(ENTRY, state=before, token="one")
        accepted = attrs.evolve(ENTRY, state=State.ACCEPTED, token="two")
        assert judge(known, accepted, theirs=theirs) in {Verdict.WRITE, Verdict.ASIDE}
        same = judge(known, attrs.evolve(accepted, token="one"), theirs=theirs)
        assert (same is Verdict.KNOWN) == (before in {State.ACCEPTED, State.SUCCEEDED, State.FAILED})
        assert same is not Verdict.TAKEN


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_what_another_is_sending_is_never_written_over(before: State, after: State) -> None:
    """All else is a matter of the table alone, whoever's it is."""
    stands, wanted = attrs.evolve(ENTRY, state=before, token="one"), attrs.evolve(ENTRY, state=after, token="two")
    theirs = judge(stands, wanted, theirs=True)
    if before is State.SENDING:
        assert theirs is (Verdict.ASIDE if after is State.ACCEPTED else Verdict.TAKEN)
    else:
        assert theirs is judge(stands, wanted)
    assert (judge(stands, wanted) is Verdict.WRITE) == (after in TRANSITIONS[before])


@pytest.mark.parametrize("token", ["one", None])
def test_failure_is_replaced_by_who_saw_it(token: str | None) -> None:
    """Whoever looked when another task had failed is late; a failure that has no task can be named, too."""
    failed, sending = attrs.evolve(ENTRY, state=State.FAILED, token=token), attrs.evolve(ENTRY, state=State.SENDING)
    assert judge(failed, sending, instead_of=token or "") is Verdict.WRITE
    assert judge(failed, sending, instead_of="two") is Verdict.TAKEN


def test_plan_that_nobody_sends_becomes_one_that_is_sent() -> None:
    """What says where its image lies takes the place of a plan that does not, and of no other."""
    durable = attrs.evolve(ENTRY, source="{}")
    assert judge(ENTRY, durable) is Verdict.WRITE
    for stands, wanted in ((durable, durable), (durable, ENTRY), (ENTRY, ENTRY)):
        assert judge(stands, wanted) is Verdict.TAKEN


def test_only_beginnings_and_tasks_begin() -> None:
    """What stands on nothing is told apart from what somebody else took."""
    begun = {state for state in State if judge(None, attrs.evolve(ENTRY, state=state)) is Verdict.WRITE}
    assert begun == BEGINNINGS | {State.ACCEPTED}


def test_acceptance_without_a_token_is_known_by_nothing() -> None:
    """Two that have none are not the same task."""
    accepted = attrs.evolve(ENTRY, state=State.ACCEPTED)
    assert judge(accepted, accepted) is Verdict.ASIDE


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_person_never_touches_what_is_being_sent(before: State, after: State) -> None:
    """A decision is a step of the table from where nobody is working."""
    allowed = may_decide(before, after)
    assert not (allowed and before is State.SENDING)
    assert allowed <= (after in TRANSITIONS[before] & DECISIONS)


@given(st.text(max_size=20), st.none() | st.text(max_size=20))
def test_keys_aside_are_all_different_in_the_end(key: str, task_id: str | None) -> None:
    """However many are taken there is another, and the first holds eight characters of the task id."""
    entry = attrs.evolve(ENTRY, key=key, task_id=task_id)
    names = list(itertools.islice(keys_aside(entry), 10))
    assert names[0] == f"{key}~{(task_id or '')[:8]}"
    assert len(set(names)) >= 9


def test_keys_aside_are_names_that_people_can_read() -> None:
    """A few characters of the task id, all of it, then a number from 2 on."""
    names = ["k~01234567", "k~0123456789", "k~0123456789~2", "k~0123456789~3"]
    assert list(itertools.islice(keys_aside(ENTRY), 4)) == names


@pytest.mark.parametrize(
    ("before", "after", "allowed"),
    [
        (State.IN_DOUBT, State.ABANDONED, True),
        (State.IN_DOUBT, State.PLANNED, True),
        (State.ABANDONED, State.ACCEPTED, True),
        (State.FAILED, State.PLANNED, True),
        (State.IN_DOUBT, State.REFUSED, False),
        (State.SUCCEEDED, State.PLANNED, False),
        (State.SENDING, State.PLANNED, False),
    ],
)
def test_person_decides_what_nobody_is_working_on(before: State, after: State, *, allowed: bool) -> None:
    """To send again, to give up, or to bring a task id; what the gateway says is not theirs to say."""
    assert may_decide(before, after) is allowed


@pytest.mark.parametrize(
    ("reason", "kept"),
    [
        (None, None),
        ("it is late", "it is late"),
        ("see https://h/a.png?sign=x now", "see <link> now"),
        ("HTTP://h and sign=abc, Signature=d", "<link> and <link> <link>"),
        ("assign=1", "assign=1"),
    ],
)
def test_reason_is_kept_without_its_links(reason: str | None, kept: str | None) -> None:
    """A link may be signed; the words around it stay."""
    assert attrs.evolve(ENTRY, reason=reason).reason == kept
