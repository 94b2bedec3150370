"""What streams are told: everything, in the order of the journal, however slow they are and often they leave."""

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aidge_async.integrations.asgi import _news
from aidge_async.integrations.asgi._news import Reader
from aidge_async.journal import State, Transition

MINE, THEIRS = "web:a:", "web:b:"


def change(seq: int, key: str) -> Transition:
    """Return a change; what became of the key is not looked at."""
    return Transition(seq=seq, key=key, before=None, after=State.PLANNED, at=0.0, token=None, reason=None)


# What happens: a change of one of five tasks, everybody being told, a reader that looks, one that comes back.
STEPS = st.lists(
    st.one_of(
        st.sampled_from([f"{MINE}{n}" for n in range(4)] + [f"{THEIRS}0"]),
        st.sampled_from(["tell", "look", "read journal", "come back"]),
    ),
    max_size=60,
)


class Stream:
    """A reader, and what it has shown."""

    def __init__(self) -> None:
        self.reader = Reader(MINE, 0, behind=True)
        self.shown: list[tuple[int, str]] = []
        self.page: list[Transition] | None = None  # what the journal answered, on its way

    def look(self) -> None:
        """Show the next change, unless it waits for the journal."""
        found = None if self.page is not None else self.reader.next()
        if found is not None:
            self.shown.append(found)

    def read(self, journal: Sequence[Transition], told: int, page: int) -> None:
        """Ask the journal, as `News.next` does, or take its answer: much may happen in between."""
        if self.page is not None:
            self.reader.catch_up(self.page, told=told)
            self.page = None
        elif self.reader.behind and not self.reader._pending:
            self.page = [found for found in journal if found.seq > self.reader.shown][:page]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine may be busy
@given(steps=STEPS, page=st.integers(1, 4), most=st.integers(1, 3))
def test_nothing_is_lost_and_numbers_ascend(steps: list[str], page: int, most: int) -> None:
    """Whatever the order of changes, tellings, looks and reconnects, the last change of every task is shown."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_news, "_PAGE", page)
        patch.setattr(_news, "_MOST_PENDING", most)
        journal: list[Transition] = []
        told, stream = 0, Stream()
        for step in [*steps, "tell"]:
            if ":" in step:
                journal.append(change(len(journal) + 1, step))
            elif step == "tell":
                stream.reader.hear(journal[told:])
                told = len(journal)
            elif step == "look":
                stream.look()
            elif step == "read journal":
                stream.read(journal, told, page)
            else:
                stream.reader = Reader(MINE, stream.shown[-1][0] if stream.shown else 0, behind=True)
                stream.page = None
        for _ in range(4 * len(journal) + 4):
            stream.look()
            stream.read(journal, told, page)
        numbers = [number for number, _ in stream.shown]
        assert numbers == sorted(set(numbers))
        latest = {found.key: found.seq for found in journal if found.key.startswith(MINE)}
        assert {key: number for number, key in stream.shown} == latest
        assert not stream.reader.behind
