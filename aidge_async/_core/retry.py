"""
Decides what an answer, or its absence, means for a call: send again, refused, failed, or in doubt.

Nobody else decides that. Nothing is awaited, slept or counted here; the clock reading and the random number come in
as arguments. The rows follow the tables of codes and faults in `gateway.py`: a submit is sent again only where it
was certainly not processed, a query is safe and asked again through every fault that may pass.
"""

import email.utils
import enum
import math
import re
from collections.abc import Mapping
from datetime import UTC
from typing import Any, Final, TypeAlias, assert_never

import attrs

from aidge_async import errors
from aidge_async._core import gateway
from aidge_async._core.call import CallKind, Phase, TransportError
from aidge_async._core.envelope import Declined, TaskFailed, Unreadable

NoSuccess: TypeAlias = Declined | Unreadable | TaskFailed | TransportError

_BAN: Final = re.compile(r"last\s+(\d{1,9}(?:\.\d{1,3})?)\s*s", re.IGNORECASE)
_BACKOFF_FIRST: Final = 0.5  # seconds; stamina 0.1, botocore 1.0: a gateway is far away, a merchant patient
_BACKOFF_MOST: Final = 30.0  # seconds; a longer pause finds a healed network too late
_RATE_WAIT: Final = 1.0  # seconds; the documented limits are a second's
_YOUNG: Final = 10.0  # seconds after its submit for which a task may be unknown
LONGEST_HINT: Final = 3600.0  # seconds; who asks for more is not waited for but reported


class _On(enum.Enum):
    """What a code means for one kind of call."""

    AGAIN = "certainly not processed (or only asked): again"
    REFUSED = "certainly not processed: final"
    IN_DOUBT = "perhaps processed"
    FAILED = "the task is over"


@attrs.frozen
class _Row:
    """
    Hold what one code means.

    Args:
        error: What a submit raises, and a query where it is refused.
        submit: What it means for a submit.
        query: What it means for a result query.
        next_step: What the caller can do.
        billable: Whether a submit refused with it may be billed.
        sightings: How often a query must see it before the task is believed to have failed.
        wait: Seconds to wait where the answer names none; `None`: back off.
        holds_path: Whether all calls to the path wait.
    """

    error: type[errors.AidgeError]
    submit: _On
    query: _On
    next_step: str = "read its message"
    billable: errors.Billable = "no"
    sightings: int = 1
    wait: float | None = None
    holds_path: bool = False


_DOUBT: Final = _Row(errors.SubmissionInDoubtError, _On.IN_DOUBT, _On.AGAIN)
_REFUSED: Final = _Row(errors.RefusedError, _On.REFUSED, _On.REFUSED, "compare the call with the reference page")
_UNPROCESSED: Final = _Row(errors.RefusedError, _On.REFUSED, _On.AGAIN, "check base_url and what stands in between")
_RATE: Final = _Row(
    errors.RateLimitError,
    _On.AGAIN,
    _On.AGAIN,
    f"lower Limits, or ask {gateway.SUPPORT_ADDRESS} for more",
    wait=_RATE_WAIT,
    holds_path=True,
)
_INPUT: Final = _Row(
    errors.InvalidInputError,
    _On.REFUSED,
    _On.REFUSED,
    "correct the named fields; if all of them are right, see if 'aidge-async doctor' finds the other wire format",
)
# How an unknown task is answered is not documented; invalid input is what a gateway with one list of codes would say.
_NOT_YET_KNOWN: Final = attrs.evolve(_INPUT, query=_On.AGAIN, wait=1.0)
_CREDENTIALS: Final = _Row(
    errors.CredentialsError, _On.REFUSED, _On.REFUSED, "compare key name, secret and region with the vendor's console"
)
_QUOTA: Final = _Row(
    errors.QuotaError, _On.REFUSED, _On.REFUSED, "buy a package, or use trial=True for the trial quota"
)

# The tables of the vendor's pages and of the sibling gateways, a row a code; see gateway.py for the sources.
_ROWS: Final[Mapping[str, _Row]] = {
    gateway.SYSTEM_ERROR: _DOUBT,
    gateway.RATE_LIMIT: _RATE,
    gateway.INVALID_INPUT: _INPUT,
    **dict.fromkeys(gateway.SISTER_INVALID_INPUT, _INPUT),
    gateway.MODEL_FAILED: attrs.evolve(_DOUBT, query=_On.FAILED, sightings=3),
    gateway.SENSITIVE_CONTENT: _Row(errors.ContentError, _On.REFUSED, _On.FAILED, "try another picture"),
    gateway.CONTENT_CONTROL_FAILED: _Row(
        errors.ContentError,
        _On.REFUSED,
        _On.FAILED,
        f"try another picture, then ask {gateway.SUPPORT_ADDRESS}; whether it is billed is not known",
        billable="unknown",
        sightings=4,
    ),
    gateway.RISK_FILTER_FAILED: _Row(
        errors.ContentError,
        _On.REFUSED,
        _On.FAILED,
        f"ask {gateway.SUPPORT_ADDRESS}; whether it is billed is not known",
        billable="unknown",
    ),
    **dict.fromkeys(gateway.CREDENTIAL_CODES, _CREDENTIALS),
    **dict.fromkeys(
        gateway.ACCOUNT_CODES, attrs.evolve(_CREDENTIALS, next_step="see the account's state in the vendor's console")
    ),
    **dict.fromkeys(gateway.MALFORMED_CALL_CODES, _REFUSED),
    **dict.fromkeys(gateway.QUOTA_CODES, _QUOTA),
    **dict.fromkeys(
        gateway.CLOCK_CODES, _Row(errors.ClockError, _On.AGAIN, _On.AGAIN, "set this machine's clock", wait=0.0)
    ),
    **dict.fromkeys(gateway.CALL_LIMIT_CODES, _RATE),
    "AppCallLimit": attrs.evolve(_RATE, wait=gateway.APP_CALL_LIMIT_WAIT),
    **dict.fromkeys(gateway.AMBIGUOUS_CODES, _DOUBT),
}


@attrs.frozen(kw_only=True)
class Ruling:
    """
    Say what follows for a call that did not succeed.

    Args:
        error: What to raise if the call is not made again.
        again: Whether it may be sent again.
        wait: Seconds the gateway asked for; `None`: back off.
        holds_path: Whether all calls to this path must wait as well.
        corrects_clock: Whether the clock must be corrected before it is sent again, which is done once.
        sightings: How often the same verdict must be seen before it is believed; `None`: it is never final by itself.
    """

    error: errors.AidgeError
    again: bool
    wait: float | None = None
    holds_path: bool = False
    corrects_clock: bool = False
    sightings: int | None = None


def backoff(attempt: int, jitter: float) -> float:
    """
    Return the seconds before the next attempt: `min(30, 0.5 * 2**attempt)`, of which up to a half is taken off.

    Args:
        attempt: How many attempts failed before, from 0.
        jitter: A random number from 0 to 1. With the defaults the waits are at most 0.5, 1, 2, 4, 8, 16, 30, 30 …
    """
    most = min(_BACKOFF_MOST, _BACKOFF_FIRST * 2 ** min(attempt, 16))
    return float(most * (1 - jitter / 2))


def judge(kind: CallKind, outcome: NoSuccess, *, now: float, task_age: float = math.inf) -> Ruling:
    """
    Return what follows from an answer that is no success, or from no answer.

    Args:
        kind: Whether the call costs money (`"submit"`) or asks (`"query"`).
        outcome: What came instead of a success.
        now: Epoch seconds, to read a `Retry-After` that is a date.
        task_age: Seconds since the submit of the task that a query asks after. A task that is not known so soon is
            waited for: the gateway's parts may hear of it one after the other.
    """
    match outcome:
        case TransportError():
            return _no_answer(kind, outcome)
        case Unreadable():
            return _unreadable(kind, outcome)
        case TaskFailed():
            return _failed(outcome.message, message=outcome.message or None, request_id=outcome.request_id)
        case Declined():
            young = kind == "query" and task_age < _YOUNG
            return _declined(kind, outcome, now, young=young)
        case _:
            assert_never(outcome)


def _no_answer(kind: CallKind, fault: TransportError) -> Ruling:
    if kind == "query":
        error = errors.ReplyError(f"a query got no answer ({fault.reason}); the task goes on: resume its token")
        return Ruling(error=error, again=True)
    if fault.phase is Phase.NOT_SENT:
        summary = f"nothing was sent: {fault.reason}; check network, proxy and base_url, then submit again"
        return Ruling(error=errors.NotSentError(summary), again=True)
    return Ruling(error=_in_doubt(fault.reason), again=False)


def _unreadable(kind: CallKind, answer: Unreadable) -> Ruling:
    if kind == "query":
        summary = f"an answer about the task cannot be read ({answer.reason}); resume its token later"
        error = errors.ReplyError(summary, status_code=answer.status_code, request_id=answer.request_id)
        return Ruling(error=error, again=True)
    return Ruling(
        error=_in_doubt(answer.reason, status_code=answer.status_code, request_id=answer.request_id), again=False
    )


def _failed(reason: str, **values: Any) -> Ruling:
    summary = f"the task failed at the gateway ({reason or 'no reason given'}); whether it is billed is not documented"
    return Ruling(error=errors.TaskFailedError(summary, **values), again=False)


def _in_doubt(reason: str, **values: Any) -> errors.SubmissionInDoubtError:
    return errors.SubmissionInDoubtError(
        f"the submission was sent, but no certain answer came ({reason}); it may have been accepted and billed: "
        "look into the vendor's console before you submit it again",
        **values,
    )


def _declined(kind: CallKind, answer: Declined, now: float, *, young: bool) -> Ruling:
    row = _row(answer)
    if young and row is _INPUT:
        row = _NOT_YET_KNOWN
    on = row.submit if kind == "submit" else row.query
    match on:
        case _On.IN_DOUBT:
            return Ruling(error=_in_doubt(_said(answer), **_values(answer)), again=False)
        case _On.FAILED:
            ruling = _failed(_said(answer), **_values(answer))
            return attrs.evolve(ruling, again=row.sightings > 1, sightings=row.sightings)
        case _On.REFUSED | _On.AGAIN:
            return _refused(kind, answer, row, now)
        case _:
            assert_never(on)


def _refused(kind: CallKind, answer: Declined, row: _Row, now: float) -> Ruling:
    hint = retry_hint(answer, now)
    wait = row.wait if hint is None else hint
    absurd = wait is not None and wait > LONGEST_HINT
    accepted = kind == "query"
    error = errors.ReplyError if row.error is errors.SubmissionInDoubtError else row.error
    return Ruling(
        error=error(
            f"the gateway refused the {kind}: {_said(answer)}; "
            + (f"it asks for a wait of {wait:.0f} s, which is not waited for" if absurd else row.next_step),
            retry_after=hint,
            billable="yes" if accepted else row.billable,
            resend_safe=not accepted and row.billable == "no",
            **_values(answer),
        ),
        again=not absurd and (row.query if accepted else row.submit) is _On.AGAIN,
        wait=wait,
        holds_path=row.holds_path,
        corrects_clock=row.error is errors.ClockError,
    )


def _values(answer: Declined) -> dict[str, Any]:
    return {
        "code": answer.code,
        "status_code": answer.status_code,
        "message": answer.message or None,
        "request_id": answer.request_id,
    }


def _row(answer: Declined) -> _Row:
    """Find the row by code; where the code is none that is known, by HTTP status, and doubt what neither tells."""
    if answer.code is not None and answer.code in _ROWS:
        return _ROWS[answer.code]
    if answer.status_code == gateway.TOO_MANY_REQUESTS:
        return _RATE
    if answer.code is None and answer.status_code in gateway.UNPROCESSED_STATUS_CODES:
        return _UNPROCESSED
    return _DOUBT


def _said(answer: Declined) -> str:
    code = f"code {answer.code}" if answer.code else f"HTTP {answer.status_code}"
    return f"{code}, {answer.message!r}" if answer.message else code


def retry_hint(answer: Declined, now: float) -> float | None:
    """
    Return the seconds an answer asks us to wait, or `None`.

    `Retry-After` comes as seconds or as a date (RFC 9110 10.2.3); a date is measured against the answer's own `Date`
    where it has one, because our clock may be off. The gateway also writes "this ban will last N seconds".
    """
    text = answer.fields.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    until = epoch_of(text)
    if until is not None:
        told = epoch_of(answer.fields.get("date", ""))
        return max(0.0, until - (now if told is None else told))
    ban = _BAN.search(answer.message)
    return float(ban.group(1)) if ban else None


def epoch_of(http_date: str) -> float | None:
    """Return the epoch second of an HTTP-date, `None` where it is none; one without a zone is UTC (RFC 9110 5.6.7)."""
    try:
        moment = email.utils.parsedate_to_datetime(http_date)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
