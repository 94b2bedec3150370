"""What every code and fault means for a submit and for a query, and how long to wait."""

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import attrs
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aidge_async import errors
from aidge_async._core import gateway, retry
from aidge_async._core.call import CallKind, Phase, TransportError
from aidge_async._core.envelope import Declined, TaskFailed, Unreadable
from aidge_async._core.retry import Ruling, backoff, judge, retry_hint

NOW = 1_700_000_000.0


class Row(NamedTuple):
    """What is expected of one code, for a submit and for a query: error, billable, resend_safe, again, wait."""

    codes: Sequence[str | None]
    submit: tuple[type[errors.AidgeError], errors.Billable, bool, bool, float | None]
    query: tuple[type[errors.AidgeError], errors.Billable, bool, bool, float | None]
    sightings: int | None = None
    status_code: int = 200
    kind: str = ""
    holds: bool = False


DOUBT: Any = (errors.SubmissionInDoubtError, "unknown", False, False, None)
ASK_AGAIN: Any = (errors.ReplyError, "yes", False, True, None)
FAILED: Any = (errors.TaskFailedError, "unknown", False, False, None)
FAILED_IF_SEEN_AGAIN: Any = (errors.TaskFailedError, "unknown", False, True, None)


def refused(error: type[errors.AidgeError], billable: errors.Billable = "no") -> Any:
    """Return a refusal of a submit that is final."""
    return (error, billable, billable == "no", False, None)


def stopped(error: type[errors.AidgeError]) -> Any:
    """Return a refusal of a query that is final: the task itself is paid."""
    return (error, "yes", False, False, None)


def again(error: type[errors.AidgeError], wait: float | None) -> Any:
    """Return a refusal of a submit that is sent again."""
    return (error, "no", True, True, wait)


def ask_again(error: type[errors.AidgeError], wait: float | None) -> Any:
    """Return a refusal of a query that is asked again."""
    return (error, "yes", False, True, wait)


CREDENTIALS = ["IncompleteSignature", "InvalidAppKey", "IllegalAccessToken", "MissingPartner", "AppWhiteIpLimit"]
ACCOUNT = ["UserStatusInvalid", "ServiceNotOpened", "ServiceStatusInvalid"]
AMBIGUOUS = ["ServiceTimeout", "15", "998", "SystemError", "DownstreamUnavailable"]
E = errors
TABLE = [
    # Business codes.
    Row(["500"], DOUBT, ASK_AGAIN),
    Row(["501"], again(E.RateLimitError, 1.0), ask_again(E.RateLimitError, 1.0), holds=True),
    Row(["700", "701", "703", "704", "705", "707"], refused(E.InvalidInputError), stopped(E.InvalidInputError)),
    Row(["801"], DOUBT, FAILED_IF_SEEN_AGAIN, sightings=3),
    Row(["1000"], refused(E.ContentError), FAILED, sightings=1),
    Row(["1001"], refused(E.ContentError, "unknown"), FAILED_IF_SEEN_AGAIN, sightings=4),
    Row(["1002"], refused(E.ContentError, "unknown"), FAILED, sightings=1),
    Row(["900", "1003", "99999"], DOUBT, ASK_AGAIN),
    # Gateway codes.
    Row([*CREDENTIALS, *ACCOUNT], refused(E.CredentialsError), stopped(E.CredentialsError)),
    Row(["InvalidApi", "MissingParameter"], refused(E.RefusedError), stopped(E.RefusedError)),
    Row(["NoResource", "FreeQuotaExhausted"], refused(E.QuotaError), stopped(E.QuotaError)),
    Row(["IllegalTimestamp"], again(E.ClockError, 0.0), ask_again(E.ClockError, 0.0)),
    Row(["ApiCallLimit"], again(E.RateLimitError, 1.0), ask_again(E.RateLimitError, 1.0), holds=True),
    Row(["AppCallLimit"], again(E.RateLimitError, 60.0), ask_again(E.RateLimitError, 60.0), holds=True),
    Row(AMBIGUOUS, DOUBT, ASK_AGAIN),
    Row(["NeverSeen"], DOUBT, ASK_AGAIN, kind="ISV"),
    Row(["NeverSeen"], DOUBT, ASK_AGAIN, kind="ISP"),
    Row(["NeverSeen"], DOUBT, ASK_AGAIN, kind="SYSTEM"),
    # A known code decides under any HTTP status; an unknown one with HTTP 429 is a rate limit.
    Row(["NoResource"], refused(E.QuotaError), stopped(E.QuotaError), status_code=500),
    Row(["500"], DOUBT, ASK_AGAIN, status_code=400),
    Row(["NeverSeen"], DOUBT, ASK_AGAIN, status_code=400),
    Row(
        ["NeverSeen", None], again(E.RateLimitError, 1.0), ask_again(E.RateLimitError, 1.0), status_code=429, holds=True
    ),
    # HTTP statuses without a code.
    *(
        Row([None], refused(E.RefusedError), ask_again(E.RefusedError, None), status_code=status)
        for status in (301, 302, 307, 400, 401, 403, 404, 413, 415, 422)
    ),
    *(Row([None], DOUBT, ASK_AGAIN, status_code=status) for status in (200, 405, 408, 500, 502, 503, 504)),
]
CASES = [
    pytest.param(row, code, kind, id=f"{kind} {code} {row.kind}{row.status_code}")
    for row in TABLE
    for code in row.codes
    for kind in ("submit", "query")
]


def said(ruling: Ruling) -> tuple[type[errors.AidgeError], errors.Billable, bool, bool, float | None]:
    """Return of a ruling what the table states."""
    error = ruling.error
    return (type(error), error.billable, error.resend_safe, ruling.again, ruling.wait)


@pytest.mark.parametrize(("row", "code", "kind"), CASES)
def test_every_code_means_what_its_row_says(row: Row, code: str | None, kind: CallKind) -> None:
    """Whether it is sent again, what it raises, whether it is billed, and how long to wait."""
    answer = Declined(status_code=row.status_code, code=code, kind=row.kind, message="m", request_id="r-1")
    ruling = judge(kind, answer, now=NOW)
    assert said(ruling) == (row.submit if kind == "submit" else row.query)
    assert ruling.sightings == (row.sightings if kind == "query" else None)
    assert ruling.holds_path is row.holds
    assert ruling.corrects_clock is (code == "IllegalTimestamp")
    shown = (ruling.error.code, ruling.error.status_code, ruling.error.message, ruling.error.request_id)
    assert shown == (code, row.status_code, "m", "r-1")


def test_table_holds_every_code_that_is_known() -> None:
    """A code added to the code without a row here is a code whose meaning nobody looked at."""
    assert {code for row in TABLE for code in row.codes} >= set(retry._ROWS)
    assert {row.status_code for row in TABLE if None in row.codes} >= {400, 401, 403, 404, 413, 415, 422, 429, 302}


@pytest.mark.parametrize("code", [*sorted(retry._ROWS), "NeverSeen"])
def test_submit_is_sent_again_only_where_nothing_was_processed(code: str) -> None:
    """What is sent again may be paid twice unless resending is safe and nothing is billed."""
    ruling = judge("submit", Declined(status_code=200, code=code), now=NOW)
    assert not ruling.again or (ruling.error.resend_safe and ruling.error.billable == "no")


@pytest.mark.parametrize("code", ["501", "700", "1000", "1002", "NoResource", "InvalidAppKey", "302"])
def test_refusal_says_what_happened_in_the_gateways_words_and_what_to_do(code: str) -> None:
    """The code, the message word for word, and after a semicolon the next step."""
    ruling = judge("submit", Declined(status_code=200, code=code, message="it's «this»"), now=NOW)
    assert f'code {code}, "it\'s «this»"' in str(ruling.error)
    assert len(str(ruling.error).rpartition(";")[2]) > 15


@pytest.mark.parametrize("code", ["700", "701"])
@pytest.mark.parametrize(
    ("kind", "age", "again", "wait"),
    [("query", 0.0, True, 1.0), ("query", 9.9, True, 1.0), ("query", 10.0, False, None), ("submit", 0.0, False, None)],
)
def test_task_that_is_not_known_yet_is_asked_after_again(
    code: str, kind: CallKind, age: float, again: bool, wait: float | None
) -> None:
    """For ten seconds after its submit, invalid input may mean an id that has not got round yet; then it is final."""
    ruling = judge(kind, Declined(status_code=200, code=code), now=NOW, task_age=age)
    assert (type(ruling.error), ruling.again, ruling.wait) == (errors.InvalidInputError, again, wait)
    assert not judge(kind, Declined(status_code=200, code="NoResource"), now=NOW, task_age=age).again


def test_refusal_without_a_code_names_the_http_status() -> None:
    """There is nothing else to name."""
    assert "the gateway refused the submit: HTTP 404; check base_url" in str(
        judge("submit", Declined(status_code=404, code=None), now=NOW).error
    )


@pytest.mark.parametrize(
    ("kind", "phase", "expected"),
    [
        ("submit", Phase.NOT_SENT, (errors.NotSentError, "no", True, True, None)),
        ("submit", Phase.SENT, DOUBT),
        ("query", Phase.NOT_SENT, ASK_AGAIN),
        ("query", Phase.SENT, ASK_AGAIN),
    ],
)
def test_fault_means_what_its_phase_says(kind: CallKind, phase: Phase, expected: Any) -> None:
    """Nothing sent: again. Sent without an answer: a submit is in doubt, a query is asked again."""
    ruling = judge(kind, TransportError(phase, "ReadError"), now=NOW)
    assert said(ruling) == expected
    assert "ReadError" in str(ruling.error)


@pytest.mark.parametrize(("kind", "expected"), [("submit", DOUBT), ("query", ASK_AGAIN)])
def test_unreadable_answer_is_a_doubt_or_asked_again(kind: CallKind, expected: Any) -> None:
    """An answer that says neither yes nor no to a purchase is a doubt."""
    ruling = judge(kind, Unreadable(reason="HTTP 200, odd", status_code=200, request_id="r-1"), now=NOW)
    assert said(ruling) == expected
    assert (ruling.error.status_code, ruling.error.request_id) == (200, "r-1")


@pytest.mark.parametrize(("message", "shown"), [("no person", "(no person)"), ("", "(no reason given)")])
def test_failed_task_is_final(message: str, shown: str) -> None:
    """The gateway said so; its words are in the error."""
    ruling = judge("query", TaskFailed(message=message, request_id="r-1"), now=NOW)
    assert said(ruling) == FAILED
    assert shown in str(ruling.error)
    assert ruling.error.message == (message or None)


DATE = "Tue, 14 Nov 2023 22:13:20 GMT"  # is NOW
LATER = "Tue, 14 Nov 2023 22:15:20 GMT"
HINTS: list[tuple[dict[str, str], str, float | None]] = [
    ({}, "", None),
    ({"retry-after": "7"}, "", 7.0),
    ({"retry-after": " 7 "}, "", 7.0),
    ({"retry-after": "0"}, "", 0.0),
    ({"retry-after": "7"}, "this ban will last 90 seconds", 7.0),
    ({"retry-after": "-7"}, "", None),
    ({"retry-after": "soon"}, "", None),
    ({"retry-after": "\u0667"}, "", None),
    ({"retry-after": LATER}, "", 120.0),
    ({"retry-after": "Tuesday, 14-Nov-23 22:15:20 GMT"}, "", 120.0),
    ({"retry-after": "Wed, 15 Nov 2023 06:15:20 +0800"}, "", 120.0),
    ({"retry-after": "Tue Nov 14 22:15:20 2023"}, "", 120.0),
    ({"retry-after": DATE}, "", 0.0),
    ({"retry-after": "Tue, 14 Nov 2023 20:00:00 GMT"}, "", 0.0),
    ({"retry-after": LATER, "date": "Tue, 14 Nov 2023 22:15:00 GMT"}, "", 20.0),
    ({"retry-after": LATER, "date": "today"}, "", 120.0),
    ({"retry-after": "Tue, 99 Nov 2023 22:15:20 GMT"}, "this ban will last 3 seconds", 3.0),
    ({}, "Api access frequency exceeds the limit. this ban will last 1 seconds", 1.0),
    ({}, "This Ban Will Last 2.5 s", 2.5),
    ({}, "it will last long", None),
]


@pytest.mark.parametrize(("fields", "message", "expected"), HINTS)
def test_retry_hint_is_read_in_every_form(fields: dict[str, str], message: str, expected: float | None) -> None:
    """Seconds, the three forms of a date against the answer's own, and the gateway's words."""
    answer = Declined(status_code=429, code=None, message=message, fields=fields)
    assert retry_hint(answer, NOW) == expected


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this platform cannot move its zone")
def test_date_without_a_zone_is_utc_wherever_this_machine_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest of the three forms names none; a clock set by it must not be hours off in Shanghai."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Shanghai")
        time.tzset()
        read = retry.epoch_of("Tue Nov 14 22:13:20 2023")
    time.tzset()
    assert read == NOW


@given(st.text(max_size=40) | st.from_regex(r"\d{1,2} \w{3} \d{1,6} \d\d:\d\d:\d\d [-+]?\w{0,5}"), st.text(max_size=40))
def test_reading_a_retry_hint_is_total(text: str, date: str) -> None:
    """Any field lines give seconds from 0, or nothing."""
    hint = retry_hint(Declined(status_code=429, code=None, fields={"retry-after": text, "date": date}), NOW)
    assert hint is None or hint >= 0


@pytest.mark.parametrize("kind", ["submit", "query"])
@pytest.mark.parametrize(("seconds", "waits"), [(3600, True), (3601, False), (10**12, False)])
def test_absurd_wait_is_reported_and_not_waited_for(kind: CallKind, seconds: int, waits: bool) -> None:
    """More than an hour is no wait; all calls of the path are held all the same."""
    answer = Declined(status_code=429, code="501", fields={"retry-after": str(seconds)})
    ruling = judge(kind, answer, now=NOW)
    assert (ruling.again, ruling.holds_path) == (waits, True)
    assert ruling.error.retry_after == ruling.wait
    assert ("which is not waited for" in str(ruling.error)) is not waits


def test_hint_on_a_final_refusal_changes_nothing_but_is_told() -> None:
    """A refused picture stays refused, however long one waits."""
    ruling = judge("submit", Declined(status_code=200, code="1000", fields={"retry-after": "5"}), now=NOW)
    assert (ruling.again, ruling.error.retry_after) == (False, 5.0)


@given(st.integers(0, 10**6), st.floats(0, 1))
def test_backoff_follows_its_formula_within_its_bounds(attempt: int, jitter: float) -> None:
    """At most 0.5, 1, 2 ... 30 s, of which the jitter takes up to a half."""
    most = min(30.0, 0.5 * 2 ** min(attempt, 60))
    assert backoff(attempt, jitter) == pytest.approx(most * (1 - jitter / 2))
    assert most / 2 <= backoff(attempt, jitter) <= most


def test_backoff_has_the_waits_that_its_docstring_names() -> None:
    """With no jitter: 0.5, 1, 2, 4, 8, 16, 30, 30."""
    assert [backoff(attempt, 0.0) for attempt in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_ruling_is_a_value() -> None:
    """Nobody alters a decision that was made."""
    ruling = judge("submit", Unreadable(reason="odd", status_code=200), now=NOW)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        ruling.again = True  # type: ignore[misc]  # that is the point


def test_unprocessed_statuses_are_those_of_the_facts() -> None:
    """Redirects and the client errors that a proxy or router answers by itself; no 408 and no 5xx."""
    assert {408, 405, 425, 429, *range(500, 600)}.isdisjoint(gateway.UNPROCESSED_STATUS_CODES)
    assert not [status for status in gateway.UNPROCESSED_STATUS_CODES if httpx.codes.is_success(status)]


@pytest.mark.parametrize("kind", ["submit", "query"])
def test_date_to_wait_for_is_measured_by_our_clock_where_the_answer_has_none(kind: CallKind) -> None:
    """A `Retry-After` with a date, and no `Date` beside it."""
    fields = {"retry-after": "Tue, 14 Nov 2023 22:13:30 GMT"}
    ruling = judge(kind, Declined(status_code=429, code=None, fields=fields), now=1_700_000_000.0)
    assert (ruling.wait, ruling.error.retry_after) == (10.0, 10.0)


def test_what_was_seen_stands_in_the_error() -> None:
    """Why an answer cannot be read, and what a failed task's gateway says, with its request."""
    unreadable = Unreadable(reason="it is no JSON", status_code=200, request_id="r-1")
    for kind in ("submit", "query"):
        error = judge(kind, unreadable, now=NOW).error
        assert "(it is no JSON)" in str(error)
    failed = judge("query", TaskFailed(message="no person", request_id="r-1"), now=NOW).error
    assert (failed.message, failed.request_id) == ("no person", "r-1")
    verdict = judge("query", Declined(status_code=200, code="1002", message="risk"), now=NOW).error
    assert "code 1002, 'risk'" in str(verdict)
