"""
A task as it is shown to whoever asked for it.

Its journal entry and its folder come in, plain JSON values come out; nothing is read or decided here.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from aidge_async.integrations.asgi._names import task_of
from aidge_async.integrations.asgi._shelf import About
from aidge_async.journal import Entry, State

_ENDS: Final = frozenset({State.FAILED, State.REFUSED, State.ABANDONED, State.IN_DOUBT})
_BILLABLE: Final[Mapping[State, str]] = {
    State.PLANNED: "no",
    State.SENDING: "unknown",
    State.IN_DOUBT: "unknown",
    State.ACCEPTED: "yes",
    State.SUCCEEDED: "yes",
    State.FAILED: "unknown",
    State.REFUSED: "no",
    State.ABANDONED: "unknown",
}


# Codes 1001 and 1002 refuse, and nobody knows whether they are billed: the library's sentence says so in these words.
_BILL_NOT_KNOWN: Final = "whether it is billed is not known"
# The library's sentences write paths so; a folder of this machine is nobody's matter who asks over HTTP.
_PATH: Final = re.compile(r"'((?:/|[A-Za-z]:[/\\]).*)'")
_SEPARATOR: Final = re.compile(r"[/\\]")


def is_done(entry: Entry) -> bool:
    """Return whether nothing more is to be expected of a task; a late answer may still bring one in doubt back."""
    return entry.state in _ENDS or (entry.state is State.SUCCEEDED and entry.saved_at is not None)


def show_task(number: int, entry: Entry, about: About, *, mount: str) -> dict[str, Any]:
    """
    Return a task as JSON values.

    Args:
        number: The journal's number of its first change.
        entry: What is recorded.
        about: What lies beside its pictures.
        mount: The path under which the application is mounted.
    """
    task = task_of(entry.key)
    own = f"{mount}/tasks/{task}"
    return {
        "id": task,
        "state": entry.state.value,
        "name": about.name,
        "request": {} if entry.request is None else json.loads(entry.request),
        "pictures": entry.pictures,
        "images": [{"n": n, "href": f"{own}/images/{n}"} for n in range(1, len(entry.paths) + 1)],
        "original": None if about.photo is None else f"{own}/images/0",
        "saved": entry.saved_at is not None,
        "done": is_done(entry),
        "reason": None if entry.reason is None else _without_folders(entry.reason),
        "billable": _billable(entry),
        "created_at": _date(entry.at if about.created_at is None else about.created_at),
        "changed_at": _date(entry.at if entry.saved_at is None else max(entry.at, entry.saved_at)),
        "seq": number,
        "links": {"self": own, "events": f"{own}/events"},
    }


def _billable(entry: Entry) -> str:
    if entry.state is State.REFUSED and _BILL_NOT_KNOWN in (entry.reason or ""):
        return "unknown"
    return _BILLABLE[entry.state]


def _without_folders(reason: str) -> str:
    return _PATH.sub(lambda found: f"'{_SEPARATOR.split(found[1])[-1]}'", reason)


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
