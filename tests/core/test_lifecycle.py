"""The table of a submission's states, and what makes two requests the same."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aidge_async._core import codec
from aidge_async._core.lifecycle import TRANSITIONS, Entry, State, fingerprint, may_follow
from aidge_async.operations.model_alternation import ModelAlternation

VALUES: dict[str, Any] = {"model": "universal_model_1", "count": 2}


def test_table_has_a_row_for_every_state() -> None:
    """A state without a row would be a KeyError in a journal."""
    assert set(TRANSITIONS) == set(State)


def test_every_state_can_be_reached() -> None:
    """From a plan, step by step, each state is reachable; one that is not would be dead text."""
    reached, edge = {State.PLANNED}, {State.PLANNED}
    while edge:
        edge = set().union(*(TRANSITIONS[state] for state in edge)) - reached
        reached |= edge
    assert reached == set(State)


def test_only_a_success_is_terminal() -> None:
    """A paid picture is never bought again; everything else may go on, some of it only by a person's will."""
    assert {state for state, after in TRANSITIONS.items() if not after} == {State.SUCCEEDED}


@pytest.mark.parametrize("before", [State.SENDING, State.IN_DOUBT, State.ABANDONED])
def test_late_answer_is_never_thrown_away(before: State) -> None:
    """Wherever a call may be on its way, a task id that turns up may be recorded."""
    assert may_follow(before, State.ACCEPTED)


@pytest.mark.parametrize("before", [State.PLANNED, State.REFUSED, State.SUCCEEDED, State.FAILED])
def test_nothing_is_accepted_that_is_not_on_its_way(before: State) -> None:
    """A task id without a recorded intent would mean that a call left unrecorded."""
    assert not may_follow(before, State.ACCEPTED)


@pytest.mark.parametrize("before", [State.ACCEPTED, State.SUCCEEDED, State.IN_DOUBT, State.SENDING])
def test_nothing_is_sent_that_may_be_at_the_gateway(before: State) -> None:
    """Sending begins from what is certainly not at the gateway; a doubt must be settled first."""
    assert not may_follow(before, State.SENDING)


def test_nothing_follows_itself() -> None:
    """A state is recorded once; a second record of it is another caller's."""
    assert not [state for state in State if may_follow(state, state)]


def test_accepted_never_becomes_anything_unpaid() -> None:
    """An accepted task is paid for: it succeeds or fails, and is never planned, doubted or refused again."""
    assert TRANSITIONS[State.ACCEPTED] == {State.SUCCEEDED, State.FAILED}


def test_entry_is_a_value() -> None:
    """Entries with the same fields are equal."""
    fields: dict[str, Any] = {"key": "k", "keyed": True, "operation": "o", "fingerprint": "f", "at": 1.0}
    assert Entry(state=State.PLANNED, **fields) == Entry(state=State.PLANNED, **fields)
    assert Entry(state=State.PLANNED, **fields) != Entry(state=State.SENDING, **fields)


def test_fingerprint_tells_each_difference() -> None:
    """Operation, a value, a value's absence, the image, and URL or bytes: each gives another fingerprint."""
    prints = [
        fingerprint("o", VALUES, b"image"),
        fingerprint("other", VALUES, b"image"),
        fingerprint("o", {**VALUES, "count": 3}, b"image"),
        fingerprint("o", {**VALUES, "count": "2"}, b"image"),
        fingerprint("o", {"model": "universal_model_1"}, b"image"),
        fingerprint("o", VALUES, b"imagf"),
        fingerprint("o", VALUES, b""),
        fingerprint("o", VALUES, "image"),
    ]
    assert not [pair for pair in itertools.combinations(prints, 2) if pair[0] == pair[1]]
    assert all(len(text) == 64 for text in prints)


@pytest.mark.parametrize(
    ("image", "known"),
    [
        (b"image", "9f39f09b6768bdc621cbb69834ea0f9db01045d872a77693aec27dd57cded360"),
        ("image", "7ba2083059433102a0b3808b6c38bf2630f4da4b0bf10445fc655b90004f739c"),
    ],
)
def test_fingerprint_is_the_one_that_journals_hold(image: str | bytes, known: str) -> None:
    """A later version that made another one would buy again what a journal says was bought."""
    assert fingerprint("model-alternation", {"model": "universal_model_1", "count": 2}, image) == known


def test_fingerprint_does_not_depend_on_the_order_of_values() -> None:
    """The same values are the same request, however they were written."""
    assert fingerprint("o", dict(reversed(VALUES.items())), b"i") == fingerprint("o", VALUES, b"i")


def test_fingerprint_takes_a_link_that_is_no_unicode() -> None:
    """Half a character in a link is no reason to fail."""
    assert fingerprint("o", VALUES, "http://h/\udcff") != fingerprint("o", VALUES, "http://h/\udcfe")


def test_fingerprint_of_a_request_says_what_is_asked_for() -> None:
    """A background by enum or by text is one request, what is left out is another than what is said."""

    def of(**fields: Any) -> str:
        request = ModelAlternation(image=b"i", model="universal_model_1", **fields)
        return fingerprint("model-alternation", codec.values_of(request), b"i")

    assert of(background="beach") == of(background="BEACH", keep_background=False)
    assert of(count=2) != of()


json_values = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=4)
requests = st.tuples(
    st.text(st.characters(), max_size=3), st.dictionaries(st.text(max_size=3), json_values, max_size=3), st.binary()
)


@given(requests, requests)
def test_fingerprints_are_equal_exactly_for_equal_requests(
    one: tuple[str, dict[str, Any], bytes], other: tuple[str, dict[str, Any], bytes]
) -> None:
    """The same request always gives the same fingerprint, and different ones never do."""
    assert fingerprint(*one) == fingerprint(*one)
    assert (fingerprint(*one) == fingerprint(*other)) == _same(one, other)


def _same(one: tuple[str, dict[str, Any], bytes], other: tuple[str, dict[str, Any], bytes]) -> bool:
    """Compare as JSON does: true is not 1, and order of names does not count."""
    return one[0] == other[0] and one[2] == other[2] and _typed(one[1]) == _typed(other[1])


def _typed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _typed(inner) for name, inner in value.items()}
    return [_typed(inner) for inner in value] if isinstance(value, list) else (type(value), value)
