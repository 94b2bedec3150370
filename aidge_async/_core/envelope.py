"""
Reads an answer of the gateway: two layers of one JSON body, in every shape seen, to one small value.

Reading is total: whatever bytes come, a value comes back and nothing is raised. What follows from it (send again,
refuse, in doubt) is decided in `retry.py` and not here.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import attrs

from aidge_async._core import gateway
from aidge_async._core.call import Reply

# A digit is asked for, so that a word such as "success" in the id's place is not followed as a task.
_BARE_ID: Final = re.compile(r"(?=.*\d)[A-Za-z0-9][A-Za-z0-9._:\-]{5,127}")
# A gateway code that says yes; "200" is the capitalised envelope's.
_PASSED_CODES: Final = frozenset({"", gateway.PASSED, gateway.OK})
_MOST_MESSAGE: Final = 500  # characters of a foreign message kept; an HTML page is no message


@attrs.frozen(kw_only=True)
class Accepted:
    """A submit's answer that names a task."""

    task_id: str
    request_id: str | None = None


@attrs.frozen(kw_only=True)
class Running:
    """A query's answer: not done yet. *known* is false for a status word that this library has never seen."""

    word: str
    known: bool = True
    request_id: str | None = None


@attrs.frozen(kw_only=True)
class Completed:
    """A query's answer: done, with the `data` that holds the pictures."""

    data: Mapping[str, Any] = attrs.field(repr=False)
    request_id: str | None = None


@attrs.frozen(kw_only=True)
class TaskFailed:
    """A query's answer: the task failed."""

    message: str
    request_id: str | None = None


@attrs.frozen(kw_only=True)
class Declined:
    """
    Hold an answer that says no, with all the codes it says it with.

    Args:
        status_code: HTTP status.
        code: The code that says no: the gateway layer's if it has one, else the business layer's; `None` where the
            answer has no codes and only the HTTP status says no.
        kind: The gateway layer's `type` (ISV, ISP, SYSTEM), upper case.
        message: The gateway's own words.
        request_id: The gateway's id of the call.
        fields: Field lines of the reply, by lower-case name.
    """

    status_code: int
    code: str | None
    kind: str = ""
    message: str = ""
    request_id: str | None = None
    fields: Mapping[str, str] = attrs.field(factory=dict, repr=False)


@attrs.frozen(kw_only=True)
class Unreadable:
    """An answer that says neither yes nor no in any shape that is known."""

    reason: str
    status_code: int
    request_id: str | None = None


SubmitAnswer: TypeAlias = Accepted | Declined | Unreadable
QueryAnswer: TypeAlias = Running | Completed | TaskFailed | Declined | Unreadable


@attrs.frozen(kw_only=True)
class _Envelope:
    code: str
    kind: str
    message: str
    res_code: str
    res_message: str
    request_id: str | None
    success: bool | None
    data: Mapping[str, Any]

    @property
    def passed(self) -> bool:
        return self.code in _PASSED_CODES and self.res_code in {"", gateway.OK} and self.success is not False


def read_submit(reply: Reply) -> SubmitAnswer:
    """Read the answer to a submit; a task id counts as acceptance whatever stands beside it."""
    envelope = _open(reply)
    if envelope is None:
        return _without_envelope(reply)
    task_id = _task_id(envelope)
    if task_id:
        return Accepted(task_id=task_id, request_id=envelope.request_id)
    return _declined(reply, envelope) or _unreadable(reply, "it names no task id", envelope.request_id)


def read_query(reply: Reply) -> QueryAnswer:
    """Read the answer to a result query."""
    envelope = _open(reply)
    if envelope is None:
        return _without_envelope(reply)
    word = _text(_first(envelope.data, "taskStatus", "task_status", "TaskStatus", "status"))
    declined = _declined(reply, envelope)
    if declined is not None and not _only_the_task_failed(declined, word):
        return declined
    if not word:
        return _unreadable(reply, "it names no task status", envelope.request_id)
    return _by_word(word, envelope)


def _only_the_task_failed(declined: Declined, word: str) -> bool:
    """Return whether `success: false` beside no code says no more than the status word does: the task failed."""
    http_says_yes = declined.status_code < 300  # noqa: PLR2004  HTTP: 2xx is success (RFC 9110 15.3)
    return http_says_yes and declined.code is None and word.strip().lower() in gateway.FAILED_WORDS


def _by_word(word: str, envelope: _Envelope) -> QueryAnswer:
    folded = word.strip().lower()
    if folded in gateway.SUCCEEDED_WORDS:
        return Completed(data=envelope.data, request_id=envelope.request_id)
    if folded in gateway.FAILED_WORDS:
        message = _text(_first(envelope.data, "taskMessage", "task_message", "TaskMessage")) or envelope.res_message
        return TaskFailed(message=message, request_id=envelope.request_id)
    return Running(word=word[:64], known=folded in gateway.RUNNING_WORDS, request_id=envelope.request_id)


def _without_envelope(reply: Reply) -> Declined | Unreadable:
    if reply.status_code == gateway.TOO_MANY_REQUESTS or reply.status_code in gateway.UNPROCESSED_STATUS_CODES:
        return Declined(status_code=reply.status_code, code=None, fields=reply.fields)
    return _unreadable(reply, "it is no JSON object of the gateway's", None)


def _unreadable(reply: Reply, reason: str, request_id: str | None) -> Unreadable:
    return Unreadable(
        reason=f"HTTP {reply.status_code}, {reason}", status_code=reply.status_code, request_id=request_id
    )


def _declined(reply: Reply, envelope: _Envelope) -> Declined | None:
    if envelope.passed and reply.status_code < 300:  # noqa: PLR2004  HTTP: 2xx is success (RFC 9110 15.3)
        return None
    gateway_says_no = envelope.code not in _PASSED_CODES
    business_says_no = envelope.res_code not in {"", gateway.OK}
    code = envelope.code if gateway_says_no else envelope.res_code if business_says_no else None
    return Declined(
        status_code=reply.status_code,
        code=code,
        kind=envelope.kind.upper() if gateway_says_no else "",
        message=(envelope.message if gateway_says_no else envelope.res_message) or envelope.message,
        request_id=envelope.request_id,
        fields=reply.fields,
    )


def _open(reply: Reply) -> _Envelope | None:
    body = _json_object(reply.content)
    if body is None:
        return None
    wrapped = body.get("error_response")
    if isinstance(wrapped, dict):
        body = {**body, **wrapped}
    data = _first(body, "data", "Data")
    envelope = _Envelope(
        code=_text(_first(body, "code", "Code")).strip(),
        kind=_text(_first(body, "type", "Type")).strip(),
        message=_text(_first(body, "message", "msg", "Message")),
        res_code=_text(_first(body, "resCode", "ResCode")).strip(),
        res_message=_text(_first(body, "resMessage", "ResMessage")),
        request_id=_text(_first(body, "request_id", "requestId", "RequestId")) or None,
        success=_flag(_first(body, "success", "Success")),
        data=_as_object(data) or {},
    )
    recognised = envelope.code or envelope.res_code or envelope.data or envelope.success is not None
    return envelope if recognised else None


def _task_id(envelope: _Envelope) -> str:
    data = envelope.data
    inner = _first(data, "result", "Result")
    for place in (data, _as_object(inner) or {}):
        task_id = _text(_first(place, "taskId", "task_id", "TaskId")).strip()
        if task_id:
            return task_id
    bare = _text(inner).strip()
    return bare if envelope.passed and _BARE_ID.fullmatch(bare) else ""


def _json_object(content: bytes | str) -> dict[str, Any] | None:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _as_object(value: object) -> Mapping[str, Any] | None:
    if isinstance(value, str):
        return _json_object(value)
    return value if isinstance(value, dict) else None


def _first(mapping: Mapping[str, Any], *names: str) -> object:
    return next((mapping[name] for name in names if mapping.get(name) is not None), None)


def _text(value: object) -> str:
    """Return a scalar as text (codes and ids come as numbers too), and nothing for what is no scalar."""
    # An integer can be written out: one of more digits than Python writes is one that Python has not read either.
    return str(value)[:_MOST_MESSAGE] if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def _flag(value: object) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return value if isinstance(value, bool) else None
