"""
The states of a submission and what may follow what, in one literal table.

A journal compares and sets by this table and by nothing else; no other place may know an order of states. A late
answer is never thrown away, so `accepted` may follow `in_doubt` at any time, whoever brings it.
"""

import enum
import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

import attrs


class State(enum.Enum):
    """Where one submission stands."""

    PLANNED = "planned"
    """Wanted, and certainly not at the gateway."""
    SENDING = "sending"
    """The intent is recorded; the call may be on its way."""
    IN_DOUBT = "in_doubt"
    """Sent, and no certain answer."""
    ACCEPTED = "accepted"
    """The gateway named a task id."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"
    """The gateway certainly did not process it."""
    ABANDONED = "abandoned"
    """Given up by a person while in doubt."""


TRANSITIONS: Final[Mapping[State, frozenset[State]]] = {
    State.PLANNED: frozenset({State.SENDING, State.REFUSED}),
    State.SENDING: frozenset({State.PLANNED, State.IN_DOUBT, State.ACCEPTED, State.REFUSED}),
    State.IN_DOUBT: frozenset({State.ACCEPTED, State.PLANNED, State.ABANDONED, State.REFUSED}),
    State.ACCEPTED: frozenset({State.SUCCEEDED, State.FAILED}),
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset({State.PLANNED}),
    State.REFUSED: frozenset({State.PLANNED}),
    State.ABANDONED: frozenset({State.ACCEPTED, State.PLANNED}),
}


def may_follow(before: State, after: State) -> bool:
    """Return whether *after* may be recorded where *before* stands."""
    return after in TRANSITIONS[before]


@attrs.frozen(kw_only=True)
class Entry:
    """
    Hold what is recorded of one submission.

    Args:
        key: Its name in the journal.
        keyed: Whether the caller chose the key; a key of our own is never asked for again.
        operation: Name of the operation.
        fingerprint: Hash of what is asked for; empty where no key was given.
        state: Where it stands.
        at: Epoch seconds of the latest change.
        token: The task's token, once accepted.
        reason: Why it is where it is, in words, for refusals and doubts.
    """

    key: str
    keyed: bool
    operation: str
    fingerprint: str
    state: State
    at: float
    token: str | None = None
    reason: str | None = None


def fingerprint(operation: str, values: Mapping[str, Any], image: str | bytes) -> str:
    """
    Return the hash that tells one request from another: SHA-256 over operation, values and the image's bytes or URL.

    Two files with the same bytes are the same image; a URL is taken by its text, because it is not read.
    """
    digest = hashlib.sha256(_bytes(image)).hexdigest()
    kind = "url" if isinstance(image, str) else "bytes"
    return hashlib.sha256(json.dumps([operation, values, kind, digest], sort_keys=True).encode()).hexdigest()


def _bytes(image: str | bytes) -> bytes:
    return image.encode(errors="surrogatepass") if isinstance(image, str) else image
