"""Every shape an answer was seen in, both layers, and that no bytes whatever raise anything."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aidge_async._core import gateway
from aidge_async._core.call import Reply
from aidge_async._core.envelope import (
    Accepted,
    Completed,
    Declined,
    Running,
    TaskFailed,
    Unreadable,
    read_query,
    read_submit,
)

ID = "11111111-2222-3333-4444-555555555555"


def reply(body: object, status_code: int = 200, **fields: str) -> Reply:
    """Return an answer with *body* as JSON, or as it is where it is bytes."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status_code=status_code, content=content, fields=fields)


def passed(data: object, **more: object) -> dict[str, object]:
    """Return the body of a success of both layers."""
    return {"code": "0", "resCode": 200, "success": True, "requestId": "r-1", "data": data, **more}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(passed({"result": {"taskId": ID}}), id="the reference page"),
        pytest.param(passed({"taskId": ID}), id="the examples"),
        pytest.param(passed({"task_id": ID}), id="snake case"),
        pytest.param(passed({"result": {"task_id": ID}}), id="snake case inside"),
        pytest.param(passed({"result": json.dumps({"taskId": ID})}), id="result as JSON text"),
        pytest.param(passed({"result": ID}), id="the bare id"),
        pytest.param(passed(json.dumps({"result": {"taskId": ID}})), id="data as JSON text"),
        pytest.param(passed(json.dumps({"result": json.dumps({"taskId": ID})})), id="both as JSON text"),
        pytest.param({"RequestId": "r-1", "Data": {"TaskId": ID}}, id="capitalised"),
        pytest.param(
            {"Code": "200", "RequestId": "r-1", "Data": {"Result": {"TaskId": ID}}}, id="capitalised, code 200"
        ),
        pytest.param({"request_id": "r-1", "data": {"taskId": ID}}, id="no code at all"),
        pytest.param(passed({"taskId": f" {ID}\n"}), id="white space round it"),
        pytest.param(passed({"taskId": ID}, resCode="500", success=False), id="a code that says no beside it"),
        pytest.param(passed({"taskId": ID, "result": {"taskId": "other"}}), id="two of them, the outer wins"),
        pytest.param(
            {"data": {"taskId": ID}, "error_response": {"code": "998"}, "requestId": "r-1"}, id="an error too"
        ),
    ],
)
def test_task_id_is_found_in_every_shape(body: object) -> None:
    """Wherever the id stands, the submit is accepted; losing a paid task is worse than believing one too many."""
    assert read_submit(reply(body)) == Accepted(task_id=ID, request_id="r-1")


@pytest.mark.parametrize("status_code", [200, 201, 302, 400, 401, 429, 500, 503])
def test_task_id_counts_whatever_the_http_status(status_code: int) -> None:
    """JSON is read under any status."""
    assert read_submit(reply(passed({"taskId": ID}), status_code)) == Accepted(task_id=ID, request_id="r-1")


def test_number_as_task_id_is_taken_as_text() -> None:
    """Siblings number their tasks."""
    assert read_submit(reply({"data": {"taskId": 12345678901234567890}})) == Accepted(task_id="12345678901234567890")


@pytest.mark.parametrize(
    "data",
    [
        None, {}, [], "", "text", {"taskId": ""}, {"taskId": "  "}, {"taskId": None}, {"taskId": True}, {"taskId": 1.5},
        {"taskId": [ID]}, {"taskId": {"id": ID}}, {"result": None}, {"result": []}, {"result": [ID]}, {"result": True},
        {"result": "success"}, {"result": "short"}, {"result": "two words 1"}, {"result": "x1" * 65}, {"result": "[1]"},
        [{"taskId": ID}], 5, True,
    ],
)  # fmt: skip
def test_success_without_a_task_id_is_unreadable(data: object) -> None:
    """A 200 that names no task says neither yes nor no."""
    answer = read_submit(reply(passed(data)))
    assert answer == Unreadable(reason="HTTP 200, it names no task id", status_code=200, request_id="r-1")


def test_bare_text_is_no_task_id_where_the_gateway_says_no() -> None:
    """A refusal that repeats a word in the id's place is a refusal."""
    answer = read_submit(reply(passed({"result": ID}, resCode=700, resMessage="bad field")))
    assert answer == Declined(status_code=200, code="700", message="bad field", request_id="r-1")


WORDS = [
    *((word, Running(word=word, request_id="r-1")) for word in ("submitted", "running", "QUEUED", "IN_PROGRESS")),
    ("Running ", Running(word="Running ", request_id="r-1")),
    ("dreaming", Running(word="dreaming", known=False, request_id="r-1")),
    ("x" * 200, Running(word="x" * 64, known=False, request_id="r-1")),
    (7, Running(word="7", known=False, request_id="r-1")),
    *((word, Completed) for word in ("finished", "completed", "COMPLETED", "Finished", " finished\n")),
    *((word, TaskFailed(message="why", request_id="r-1")) for word in ("failed", "FAILED", "Failed ")),
]


@pytest.mark.parametrize("name", ["taskStatus", "task_status", "TaskStatus", "status"])
@pytest.mark.parametrize(("word", "expected"), WORDS)
def test_status_words_are_read_without_case(name: str, word: object, expected: object) -> None:
    """All words of old and newer material; one never seen means running, and says so."""
    answer = read_query(reply(passed({name: word, "taskMessage": "why"})))
    if expected is Completed:
        assert answer == Completed(data={name: word, "taskMessage": "why"}, request_id="r-1")
    else:
        assert answer == expected


def test_every_known_word_has_one_meaning() -> None:
    """No word means two things, and each is written as it is compared."""
    words = [*gateway.RUNNING_WORDS, *gateway.SUCCEEDED_WORDS, *gateway.FAILED_WORDS]
    assert len(words) == len(set(words))
    assert all(word == word.lower() for word in words)


@pytest.mark.parametrize(
    "body", [{"Data": {"TaskStatus": "finished"}}, {"Code": "200", "Data": {"TaskStatus": "finished"}}]
)
def test_capitalised_query_answer_is_read(body: object) -> None:
    """The capitalised envelope says done like the other one."""
    assert read_query(reply(body)) == Completed(data={"TaskStatus": "finished"})


def test_data_as_json_text_is_read_in_a_query() -> None:
    """As in a submit."""
    assert read_query(reply(passed('{"taskStatus":"running"}'))) == Running(word="running", request_id="r-1")


@pytest.mark.parametrize("name", ["taskMessage", "task_message", "TaskMessage"])
def test_failed_task_says_why_under_every_name(name: str) -> None:
    """Names are written as those of the status are, and the task's own words come before the layer's."""
    answer = read_query(reply(passed({"taskStatus": "failed", name: "no person"}, resMessage="m")))
    assert answer == TaskFailed(message="no person", request_id="r-1")


def test_failed_task_says_why_in_either_place() -> None:
    """The task's own message first, else the business layer's."""
    assert read_query(reply(passed({"taskStatus": "failed"}, resMessage="m"))) == TaskFailed(
        message="m", request_id="r-1"
    )


def test_success_false_beside_a_failed_task_and_no_code_is_the_failed_task() -> None:
    """Else a task that failed would be asked after until its deadline."""
    body = {"success": False, "data": {"taskStatus": "FAILED", "taskMessage": "no person"}}
    assert read_query(reply(body)) == TaskFailed(message="no person")


@pytest.mark.parametrize("name", ["success", "Success"])
@pytest.mark.parametrize(
    ("value", "kind"),
    [(True, Unreadable), ("True", Unreadable), (1, Unreadable), (False, Declined), ("False", Declined)],
)
def test_success_is_read_in_every_spelling(name: str, value: object, kind: type[object]) -> None:
    """As truth, as text, or as nothing that says no: only what says no is a refusal, where no task is named."""
    assert isinstance(read_submit(reply({name: value, "data": {"other": 1}})), kind)


@pytest.mark.parametrize(
    ("word", "code", "status"),
    [("failed", "500", 200), ("failed", None, 502), ("failed", None, 300), ("running", None, 200)],
)
def test_failed_word_does_not_outweigh_a_code_or_a_status(word: str, code: str | None, status: int) -> None:
    """A code, or an HTTP failure, is judged first: it may be about this query and not about the task."""
    body = {"success": False, "resCode": code, "data": {"taskStatus": word}}
    assert read_query(reply(body, status)) == Declined(status_code=status, code=code)


def test_query_answer_without_a_status_is_unreadable() -> None:
    """It is neither running nor done."""
    answer = read_query(reply(passed({"taskId": ID})))
    assert answer == Unreadable(reason="HTTP 200, it names no task status", status_code=200, request_id="r-1")


def no(code: str | None, message: str = "", *, kind: str = "", request_id: str | None = None) -> Declined:
    """Return a refusal that came with HTTP 200."""
    return Declined(status_code=200, code=code, message=message, kind=kind, request_id=request_id)


SLOW_DOWN = {"code": "ApiCallLimit", "type": "isv", "message": "slow down", "request_id": "r-1"}
TOLD = no("ApiCallLimit", "slow down", kind="ISV", request_id="r-1")
DECLINED = [
    pytest.param(SLOW_DOWN, TOLD, id="gateway"),
    pytest.param({"error_response": SLOW_DOWN}, TOLD, id="wrapped"),
    pytest.param({"error_response": "text", **SLOW_DOWN}, TOLD, id="a wrapper that is none"),
    pytest.param({**SLOW_DOWN, "resCode": 700, "resMessage": "no"}, TOLD, id="both: the gateway's first"),
    pytest.param({"code": 15, "type": "ISP", "msg": "late"}, no("15", "late", kind="ISP"), id="number, msg"),
    pytest.param(
        {"Code": "NoResource", "Type": "isv", "Message": "m", "RequestId": "r"},
        no("NoResource", "m", kind="ISV", request_id="r"),
        id="capitalised",
    ),
    pytest.param({"code": "0", "resCode": 501, "resMessage": "rate"}, no("501", "rate"), id="business"),
    pytest.param({"code": "0", "resCode": "501", "resMessage": "rate"}, no("501", "rate"), id="business as text"),
    pytest.param({"resCode": " 1000 ", "message": "m"}, no("1000", "m"), id="business with the other message"),
    pytest.param({"ResCode": 700, "ResMessage": "m"}, no("700", "m"), id="business, capitalised"),
    pytest.param({"success": False, "resMessage": "m"}, no(None, "m"), id="success false"),
    pytest.param({"success": "FALSE"}, no(None), id="success false as text"),
    pytest.param({"code": "0", "type": "ISV", "resCode": 801}, no("801"), id="type counts with a gateway code only"),
]


@pytest.mark.parametrize("read", [read_submit, read_query])
@pytest.mark.parametrize(("body", "expected"), DECLINED)
def test_refusals_of_both_layers_are_read(read: Any, body: dict[str, object], expected: Declined) -> None:
    """The gateway's layer decides where both say no; codes come as text and as numbers."""
    assert read(reply(body)) == expected


@pytest.mark.parametrize("read", [read_submit, read_query])
def test_refusal_keeps_the_field_lines(read: Any) -> None:
    """`Retry-After` and `Date` are needed to say how long to wait."""
    assert read(reply({"resCode": 501}, 429, date="d")).fields == {"date": "d"}
    assert read(reply(b"<html>", 429, date="d")).fields == {"date": "d"}


@pytest.mark.parametrize("status_code", [300, 400, 500])
def test_http_failure_with_a_passing_envelope_is_a_refusal_without_a_code(status_code: int) -> None:
    """Only 2xx is a success, whatever the body says."""
    answer = read_query(reply({"code": "0", "data": {"taskStatus": "finished"}}, status_code))
    assert answer == Declined(status_code=status_code, code=None)


PLAIN = [
    b"",
    b"<html>verify you are human</html>",
    b"null",
    b"[]",
    b'"text"',
    b"5",
    b"{}",
    b'{"foo": 1}',
    b"\xff\xfe",
    b'{"message": "m"}',
]


REFUSING = [300, 301, 302, 307, 308, 400, 401, 403, 404, 413, 415, 422, 429]


@pytest.mark.parametrize("status_code", [*REFUSING, 200, 204, 405, 408, 410, 425, 500, 502, 503, 504, 599])
def test_answer_without_an_envelope_is_told_by_its_status(status_code: int) -> None:
    """Some statuses say by themselves that nothing was processed; of the others nothing is known."""
    unknown = Unreadable(reason=f"HTTP {status_code}, it is no JSON object of the gateway's", status_code=status_code)
    expected = Declined(status_code=status_code, code=None) if status_code in REFUSING else unknown
    for body in PLAIN:
        assert read_submit(reply(body, status_code)) == expected
        assert read_query(reply(body, status_code)) == expected


NAMES = st.sampled_from(
    [
        *("code", "Code", "type", "message", "msg", "resCode", "resMessage", "request_id", "success", "error_response"),
        *("data", "Data", "result", "Result", "taskId", "TaskId", "taskStatus", "status", "taskMessage", "taskResult"),
    ]
)
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
    | st.sampled_from(["finished", "failed", "0", "200", "false", ID, "{}", "[", 10**400])
)  # fmt: skip
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5), max_leaves=12
)
bodies = st.binary() | st.dictionaries(NAMES, json_values | json_values.map(json.dumps)).map(
    lambda b: json.dumps(b).encode()
)


@settings(max_examples=60)
@given(bodies, st.integers(100, 599))
@example(b"[" * 10_000, 200)
@example(b'{"data":' * 10_000 + b"1" + b"}" * 10_000, 200)
@example(json.dumps({"data": "[" * 10_000}).encode(), 200)
@example(b'{"code": NaN, "resCode": Infinity, "data": {"taskId": -Infinity}}', 200)
@example(b'{"code": ' + b"9" * 4000 + b', "data": {"taskId": ' + b"9" * 4000 + b"}}", 200)
@example(b'{"resCode": ' + b"9" * 10_000 + b"}", 200)
@example(b'{"code": "0", "code": "NoResource", "data": 1, "data": {"taskId": "twice-1"}}', 200)
@example(b'{"data": {"taskId": "\xff\xfe"}}', 200)
@example(b'{"data": {"taskId": "\\ud800"}}', 200)
@example(b"\xef\xbb\xbf" + b'{"code": "0"}', 200)
@example('{"code": "0"}'.encode("utf-16"), 200)
@example(b'{"data": {"taskStatus": ["finished"]}}', 200)
def test_reading_is_total(body: bytes, status_code: int) -> None:
    """Whatever bytes come under whatever status, a value comes back and nothing is raised."""
    assert isinstance(read_submit(reply(body, status_code)), (Accepted, Declined, Unreadable))
    assert isinstance(read_query(reply(body, status_code)), (Running, Completed, TaskFailed, Declined, Unreadable))


def test_last_of_two_equal_names_counts() -> None:
    """As Python's reader does; a second task id is not the first."""
    assert read_submit(reply(b'{"data": 1, "data": {"taskId": "twice-1"}}')) == Accepted(task_id="twice-1")


@pytest.mark.parametrize(("digits", "read"), [(4300, "7" * 500), (4301, "")])
def test_number_at_the_edge_of_what_python_reads_is_no_error(digits: int, read: str) -> None:
    """Python reads and writes integers of up to 4,300 digits; a longer one makes the answer unreadable."""
    answer = read_submit(reply(b'{"data": {"taskId": ' + b"7" * digits + b"}}"))
    assert (answer.task_id if isinstance(answer, Accepted) else "") == read


def test_foreign_message_is_kept_to_its_first_500_characters() -> None:
    """An HTML page in a message is no message."""
    answer = read_submit(reply({"resCode": 700, "resMessage": "x" * 10_000}))
    assert isinstance(answer, Declined)
    assert answer.message == "x" * 500
