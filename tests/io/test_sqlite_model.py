"""A random story of buying, crashing, late answers and decisions, told to the journal and to a plain dict."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from aidge_async._core.lifecycle import BOUGHT_AGAIN, MAYBE_BILLED, TRANSITIONS, Entry, State
from aidge_async._io.sqlite_journal import SqliteJournal
from aidge_async._io.sqlite_reader import read_journal
from aidge_async.errors import JournalError
from tests.io.journals import entry, followed_by, sqlite_journal

KEYS = st.sampled_from(["a", "b"])
WHO = st.sampled_from([0, 1])
STATES = st.sampled_from(State)


class Row:
    """What the model knows of a key."""

    def __init__(self) -> None:
        self.state: State | None = None
        self.owner = -1
        self.token: str | None = None
        self.earlier = 0  # purchases that may be billed beside the latest


class Story(RuleBasedStateMachine):
    """Two processes on one file, either of which may die; the model says what must be found."""

    def __init__(self) -> None:
        super().__init__()
        self._portal_context = start_blocking_portal("asyncio")
        self.portal: BlockingPortal = self._portal_context.__enter__()
        self.folder = Path(tempfile.mkdtemp())
        self.journals = [self._opened(), self._opened()]
        self.rows: dict[str, Row] = {}
        self.tokens = 0
        self.changes = 0

    def _opened(self) -> SqliteJournal:
        journal = sqlite_journal(self.folder / "journal")
        self.portal.call(journal.open)
        return journal

    def teardown(self) -> None:
        """End both."""
        for journal in self.journals:
            self.portal.call(journal.aclose)
        self._portal_context.__exit__(None, None, None)
        shutil.rmtree(self.folder)

    def _did(self, who: int, name: str, *arguments: Any) -> bool:
        try:
            self.portal.call(getattr(self.journals[who], name), *arguments)
        except JournalError:
            return False
        return True

    def _set(self, row: Row, state: State, who: int, token: str | None) -> None:
        row.earlier += row.state in BOUGHT_AGAIN and state in {State.PLANNED, State.SENDING}
        row.state, row.owner, row.token = state, who, token
        self.changes += 1

    @rule(key=KEYS, who=WHO, state=STATES.filter(lambda state: state is not State.ACCEPTED))
    def record(self, key: str, who: int, state: State) -> None:
        """Record a step: it holds exactly where the table and the owner allow it."""
        row = self.rows.get(key, Row())
        if row.state is None:
            legal = state in {State.PLANNED, State.SENDING}
        else:
            legal = state in TRANSITIONS[row.state] and not (row.state is State.SENDING and row.owner != who)
        token = row.token if state in {State.SUCCEEDED, State.FAILED} else None
        assert self._did(who, "record", entry(state, key=key, token=token, task_id=None)) == legal
        if legal:
            self.rows[key] = row
            self._set(row, state, who, token)

    @rule(key=KEYS, who=WHO)
    def answer(self, key: str, who: int) -> None:
        """Record a task id, early or late: it is never lost."""
        self.tokens += 1
        token, task_id = f"aidge1.{self.tokens}", f"{self.tokens:08}"
        assert self._did(who, "record", entry(State.ACCEPTED, key=key, token=token, task_id=task_id))
        row = self.rows.setdefault(key, Row())
        theirs = row.state is State.SENDING and row.owner != who
        if row.state is not None and (State.ACCEPTED not in TRANSITIONS[row.state] or theirs):
            row = self.rows[f"{key}~{task_id}"] = Row()
        self._set(row, State.ACCEPTED, who, token)

    @rule(number=st.integers(1, 5), who=WHO, state=st.sampled_from([State.SUCCEEDED, State.FAILED]))
    def settle(self, number: int, who: int, state: State) -> None:
        """Settle a task by its token."""
        token = f"aidge1.{number}"
        assert self._did(who, "settle", token, state)
        for row in self.rows.values():
            if row.token == token and row.state is State.ACCEPTED:
                self._set(row, state, who, token)

    @rule(key=KEYS, who=WHO, state=STATES)
    def decide(self, key: str, who: int, state: State) -> None:
        """Let a person decide."""
        row = self.rows.get(key, Row())
        wanted = {State.PLANNED, State.ABANDONED}
        legal = row.state not in {None, State.SENDING} and state in wanted and state in TRANSITIONS[row.state or state]
        if state is not State.ACCEPTED:
            assert self._did(who, "resolve", key, state) == legal
        if legal:
            self._set(row, state, who, None)

    @precondition(lambda self: self.rows)
    @rule(who=WHO)
    def crash(self, who: int) -> None:
        """End one; the other adopts what it left, and a new one takes its place."""
        self.portal.call(self.journals[who].aclose)
        left = {key: row for key, row in self.rows.items() if row.owner == who}
        doubt = {key for key, row in left.items() if row.state is State.SENDING}
        tasks = {key for key, row in left.items() if row.state is State.ACCEPTED}
        adopted: list[Entry] = self.portal.call(self.journals[1 - who].adopt)
        assert {found.key for found in adopted if found.state is State.IN_DOUBT} == doubt
        assert {found.key for found in adopted if found.state is State.ACCEPTED} == tasks
        for key in doubt:
            self._set(self.rows[key], State.IN_DOUBT, 1 - who, None)
        for key in tasks:
            self.rows[key].owner = 1 - who
        self.journals[who] = self._opened()

    @invariant()
    def journal_is_the_model(self) -> None:
        """State, task, owner and count are those of the dict, and each change has a number of its own."""
        found = self.portal.call(self.journals[0].list)
        wanted = {key: (row.state, row.token) for key, row in self.rows.items()}
        assert {one.key: (one.state, one.token) for one in found} == wanted
        billed = [row.earlier + (row.state in MAYBE_BILLED) for row in self.rows.values()]
        assert self.portal.call(self.journals[1].spent) == 2 * sum(billed)
        for who, journal in enumerate(self.journals):
            mine = {key for key, row in self.rows.items() if row.owner == who and row.state is State.ACCEPTED}
            assert {one.key for one in self.portal.call(followed_by, journal)} == mine
        with read_journal(self.folder / "journal") as reader:
            histories = {key: reader.transitions(key) for key in self.rows}
        assert sorted(step.seq for steps in histories.values() for step in steps) == list(range(1, self.changes + 1))
        for key, steps in histories.items():
            assert steps[-1].after is self.rows[key].state
            assert [step.before for step in steps[1:]] == [step.after for step in steps[:-1]]
            pairs = [(step.before, step.after) for step in steps[1:]]
            assert all(after in TRANSITIONS[before] for before, after in pairs if before is not None)


Story.TestCase.settings = settings(
    max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestStory = Story.TestCase
