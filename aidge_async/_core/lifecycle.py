"""
The states of a submission and what may follow what, in one literal table.

A journal compares and sets by this table and by nothing else; no other place may know an order of states. A late
answer is never thrown away, so `accepted` may follow `in_doubt` at any time, whoever brings it.
"""

import enum
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Protocol

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
    State.FAILED: frozenset({State.PLANNED, State.SENDING}),
    State.REFUSED: frozenset({State.PLANNED, State.SENDING}),
    State.ABANDONED: frozenset({State.ACCEPTED, State.PLANNED}),
}

BEGINNINGS: Final = frozenset({State.PLANNED, State.SENDING})
"""What may be recorded first of a key."""

DECISIONS: Final = frozenset({State.PLANNED, State.ABANDONED, State.ACCEPTED})
"""What a person may decide on an entry that nobody is working on."""

MAYBE_BILLED: Final = frozenset(State) - {State.PLANNED, State.REFUSED}
"""Where a task was or may have been accepted; whether a failed one is billed is not documented, and who gives a doubt
up does not undo it."""

BOUGHT_AGAIN: Final = MAYBE_BILLED - {State.SENDING}
"""What may be billed beside what comes after, where it is begun anew; what was being sent and is planned was not."""

# A link may be signed, and it is not ours to keep; the words around it say enough.
_LINK: Final = re.compile(r"(?:https?://|\b(?:sign|signature)=)\S+", re.IGNORECASE)
SOURCE_NEEDED: Final = frozenset({State.PLANNED, State.SENDING, State.IN_DOUBT})
"""In which the image of a planned request is kept: it may have to be sent."""

_ID_CHARACTERS: Final = 8  # of a task id in names, as saved files have it


def may_follow(before: State, after: State) -> bool:
    """Return whether *after* may be recorded where *before* stands."""
    return after in TRANSITIONS[before]


def is_bought_again(before: State, after: State) -> bool:
    """Return whether what stood as *before* may be billed beside what is begun as *after*."""
    return before in BOUGHT_AGAIN and after in BEGINNINGS


def may_decide(before: State, after: State) -> bool:
    """Return whether a person may make *after* of what stands as *before*; what is being sent is its sender's."""
    return before is not State.SENDING and after in DECISIONS and may_follow(before, after)


def without_links(reason: str | None) -> str | None:
    """Return *reason* with its links cut out."""
    return None if reason is None else _LINK.sub("<link>", reason)


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
        reason: Why it is where it is, in words, for refusals and doubts; links are cut out of it.
        task_id: The gateway's id of the task, once accepted.
        pictures: How many are asked for.
        folder: Where they are to be saved; `None`: nobody said.
        paths: Where they were saved.
        saved_at: Epoch seconds at which they were; `None`: not yet.
        request: JSON text of the request's values, without its image, where it was planned; `None`: it was not.
        source: Where the image of a planned request lies, as `Source.text` writes it; `None`: it was not planned.
    """

    key: str
    keyed: bool
    operation: str
    fingerprint: str
    state: State
    at: float
    token: str | None = None
    reason: str | None = attrs.field(default=None, converter=without_links)
    task_id: str | None = None
    pictures: int = 0
    folder: str | None = None
    paths: tuple[str, ...] = ()
    saved_at: float | None = None
    request: str | None = None
    source: str | None = None


@attrs.frozen(kw_only=True)
class Transition:
    """
    Hold one change of an entry.

    Args:
        seq: Its number in the journal; later ones have higher numbers.
        key: Whose.
        before: The state it left; `None`: it is the first.
        after: The state it came to; the one that it left, where its pictures were saved or its plan was made durable.
        at: Epoch seconds.
        token: The task's token at that time.
        reason: Why.
    """

    seq: int
    key: str
    before: State | None
    after: State
    at: float
    token: str | None
    reason: str | None


class Standing(Protocol):
    """What is looked at in an entry before another takes its place."""

    @property
    def state(self) -> State:
        """Return where it stands."""
        ...

    @property
    def token(self) -> str | None:
        """Return its task's token."""
        ...

    @property
    def source(self) -> str | None:
        """Return where its image lies, if somebody is to send it in the background."""
        ...


class Verdict(enum.Enum):
    """What becomes of an entry that is to be recorded."""

    WRITE = "write"
    """It takes the place of what is recorded."""
    KNOWN = "known"
    """The same task is recorded already; nothing is to be done."""
    ASIDE = "aside"
    """A task id for which there is no room under its key; it becomes an entry of its own."""
    TAKEN = "taken"
    """Somebody else was there first."""
    UNBEGUN = "unbegun"
    """Nothing is recorded that it could follow."""


def judge(before: Standing | None, entry: Entry, *, theirs: bool = False, instead_of: str | None = None) -> Verdict:
    """
    Return what becomes of *entry* where *before* is recorded under its key.

    Args:
        before: What is recorded; `None`: nothing.
        entry: What is to be recorded.
        theirs: Whether *before* is another living process's; what that is just sending is its own to answer for.
        instead_of: Token of the one failed task in whose place it may be sent, empty for one without; `None`: of any.
    """
    accepted = entry.state is State.ACCEPTED
    if before is None:
        return Verdict.WRITE if accepted or entry.state in BEGINNINGS else Verdict.UNBEGUN
    if before.state is State.FAILED and entry.state is State.SENDING and instead_of not in {None, before.token or ""}:
        return Verdict.TAKEN  # somebody else has bought it meanwhile, and that failed too
    if before.state is entry.state is State.PLANNED and before.source is None is not entry.source:
        return Verdict.WRITE  # a submit came to nothing, and from now on it is sent in the background
    if may_follow(before.state, entry.state) and not (theirs and before.state is State.SENDING):
        return Verdict.WRITE
    if not accepted:
        return Verdict.TAKEN
    has_task = before.state in {State.ACCEPTED, *TRANSITIONS[State.ACCEPTED]}
    return Verdict.KNOWN if has_task and before.token == entry.token is not None else Verdict.ASIDE


def keys_aside(entry: Entry) -> Iterator[str]:
    """Yield the keys under which a task id may be recorded for which its own key has no room, best first."""
    task_id = entry.task_id or ""
    yield f"{entry.key}~{task_id[:_ID_CHARACTERS]}"
    yield f"{entry.key}~{task_id}"
    number = 1
    while True:
        number += 1
        yield f"{entry.key}~{task_id}~{number}"


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
