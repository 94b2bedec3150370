"""
What processes found out together about their rates, as text for the journal's file, and back.

When it is written and read is `shared_pace.py`'s matter.
"""

import json
import logging
from collections.abc import Callable, Iterable
from typing import Any, Final

import attrs

from aidge_async._core.call import CallKind
from aidge_async._core.pacing import Pace

logger = logging.getLogger("aidge_async.pace")

_VERSION: Final = 1  # of the text; others are left out


@attrs.frozen
class NamedPace:
    """A pace, and what it is called in the file: by its API path, or by none if it is that of all together."""

    path: str
    kind: CallKind
    pace: Pace


def snapshot(paces: Iterable[NamedPace], now: float) -> str | None:
    """Return what was found out about each pace; `None`: just now nothing is certain."""
    found = []
    for named in paces:
        one = named.pace.snapshot(now)
        if one is None:
            return None
        found.append({"path": named.path, "kind": named.kind, **one})
    return json.dumps({"version": _VERSION, "paces": found})


def restore(text: str, at: float, paces_of: Callable[[str, CallKind], Iterable[Pace]]) -> None:
    """
    Go on with what was found out; what is odd in it is left out.

    Args:
        text: From `snapshot`.
        at: When it was made, by this process's clock.
        paces_of: Returns the paces of a name.
    """
    try:
        value = json.loads(text)
        if value["version"] != _VERSION:
            return
        for one in value["paces"]:
            _restore_one(one, at, paces_of)
    except (ValueError, TypeError, KeyError) as exc:
        logger.info("pace.forgotten reason=%r", exc)


def _restore_one(found: dict[str, Any], at: float, paces_of: Callable[[str, CallKind], Iterable[Pace]]) -> None:
    kind: CallKind = "query" if found["kind"] == "query" else "submit"
    if not isinstance(found["path"], str):
        raise TypeError(f"{found['path']!r} is no path")
    for pace in paces_of(found["path"], kind):
        pace.restore(found, at)
