"""
How the journal's entries are written: as a line, as a page, and as JSON.

Nothing is read or decided here.
"""

import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from aidge_async._core.lifecycle import Entry, State, Transition
from aidge_async.cli.output import one_line


def word(state: State) -> str:
    """Return a state as people read it."""
    return state.value.replace("_", " ")


def as_line(entry: Entry) -> str:
    """Return an entry as one line; what may be long comes last."""
    why = f"  ({one_line(entry.reason)})" if entry.reason else ""
    return f"{word(entry.state):<9}  {_moment(entry.at)}  {entry.pictures}  {one_line(entry.key)}{why}"


def as_text(entry: Entry, history: Sequence[Transition]) -> Iterator[str]:
    """Yield the lines of a page on an entry."""
    saved = None if entry.saved_at is None else _moment(entry.saved_at)
    facts: dict[str, object] = {
        "key": entry.key,
        "state": word(entry.state),
        "since": _moment(entry.at),
        "why": entry.reason,
        "operation": entry.operation,
        "pictures": entry.pictures,
        "fingerprint": entry.fingerprint,
        "task id": entry.task_id,
        "token": entry.token,
        "folder": entry.folder,
        "saved": saved,
    }
    for name, value in [*facts.items(), *(("", path) for path in entry.paths)]:
        if value not in (None, ""):
            yield f"{name:<12} {one_line(str(value))}"
    for change in history:
        yield f"{'history' if change is history[0] else '':<12} {_moment(change.at)}  {_step(change)}"


def _step(change: Transition) -> str:
    if change.before is change.after:
        return one_line(change.reason or "noted")
    before = "" if change.before is None else f"{word(change.before)} -> "
    why = f"  ({one_line(change.reason)})" if change.reason else ""
    return f"{before}{word(change.after)}{why}"


def as_json(entry: Entry, history: Sequence[Transition] | None = None) -> str:
    """
    Return an entry as one line of JSON, with its *history* where it is given.

    The keys stay what they are; new ones may come. Times are epoch seconds.
    """
    values = _plain(entry)
    if history is not None:
        values["transitions"] = [
            {name: value for name, value in _plain(change).items() if name != "key"} for change in history
        ]
    return json.dumps(values)


def _plain(value: Entry | Transition) -> dict[str, Any]:
    return {
        name: field.value if isinstance(field, State) else field
        for name, field in attrs.asdict(value, recurse=False).items()
    }


def _moment(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(at))
