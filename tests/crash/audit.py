"""Compares what a journal says with what the gateway really sold."""

from collections import Counter
from pathlib import Path
from typing import Any

import attrs

from aidge_async._core import codec, gateway
from aidge_async._core.lifecycle import Entry, State, Transition, fingerprint
from aidge_async._io.sqlite_reader import read_journal
from aidge_async.operations import operation_of
from aidge_async.sandbox.server import RunningSandbox
from aidge_async.sandbox.submission import DOCUMENTED, Submission
from tests.crash.child import wishes


@attrs.frozen(kw_only=True)
class Books:
    """
    Hold both sides of one batch, each by the batch's own keys.

    Args:
        entries: What the journal says.
        history: How it came to that.
        sold: The gateway's tasks, a list a key.
        arrived: Submits whose head reached the gateway.
    """

    entries: dict[str, Entry]
    history: dict[str, list[Transition]]
    sold: dict[str, list[str]]
    arrived: int

    @property
    def in_doubt(self) -> dict[str, Entry]:
        """Return the entries in doubt."""
        return {key: entry for key, entry in self.entries.items() if entry.state is State.IN_DOUBT}


def audited(folder: Path, sandbox: RunningSandbox, items: int) -> Books:
    """Return the books of a batch, after everything was checked that must hold at any time."""
    books = _books(folder, sandbox, items)
    assert [key for key, tasks in books.sold.items() if len(tasks) > 1] == [], "paid twice"
    _check_tasks(books)
    _check_doubts(books)
    return books


def check_complete(books: Books, folder: Path, items: int) -> None:
    """All is bought and saved but for what is in doubt."""
    assert len(books.entries) == items
    done = [entry for entry in books.entries.values() if entry.state is not State.IN_DOUBT]
    assert [entry for entry in done if entry.state is not State.SUCCEEDED or entry.saved_at is None] == []
    saved = {path for entry in done for path in entry.paths}
    assert len(saved) == len(done)
    # A picture in doubt was never fetched, and what was half written when its process died is no picture.
    assert saved == {str(path) for path in (folder / "out").glob("*.*") if path.suffix != ".part"}


def _check_tasks(books: Books) -> None:
    """The gateway's tasks are the journal's, but for those whose answer was lost, and the other way round."""
    for key, tasks in books.sold.items():
        entry = books.entries[key]  # whatever was sold had its intent on disk
        assert [entry.task_id] == tasks or entry.state is State.IN_DOUBT, f"a paid task is lost: {entry}"
    known = {entry.task_id for entry in books.entries.values() if entry.task_id is not None}
    assert known <= {task for tasks in books.sold.values() for task in tasks}


def _check_doubts(books: Books) -> None:
    """What is in doubt was being sent, and nothing arrived whose intent was not on disk."""
    for key, entry in books.in_doubt.items():
        *_, sending, doubt = books.history[key]
        assert (sending.after, doubt.before, doubt.after) == (State.SENDING, State.SENDING, State.IN_DOUBT), entry
    intents = sum(step.after is State.SENDING for steps in books.history.values() for step in steps)
    assert books.arrived <= intents


def _books(folder: Path, sandbox: RunningSandbox, items: int) -> Books:
    names = dict(map(_names, wishes(items)))
    sold: dict[str, list[str]] = {}
    for line in sandbox.world.ledger():
        sold.setdefault(names[str(line["fingerprint"])], []).append(str(line["task_id"]))
    with read_journal(folder / "journal") as journal:
        entries = {entry.key: entry for entry in journal.entries()}
        history = {key: journal.transitions(key) for key in entries}
    assert set(entries) <= set(names.values())
    apis: Any = sandbox.world.statistics()["apis"]
    arrived = Counter({path: api["calls"] for path, api in apis.items()})[gateway.MODEL_ALTERNATION_SUBMIT_PATH]
    return Books(entries=entries, history=history, sold=sold, arrived=arrived)


def _names(wish: Any) -> tuple[str, str]:
    """Return what the gateway and what the journal call a wish."""
    operation = operation_of(wish)
    theirs = Submission(
        dialect=DOCUMENTED,
        image=None,
        photo=None,
        image_url=wish.image,
        model=wish.model,
        gender=None,
        age=None,
        background=None,
        count=wish.count,
        dimension=wish.dimension,
    ).fingerprint(None)
    return theirs, fingerprint(operation.name, codec.values_of(wish), wish.image)
