"""
The kinds of faults that are in the gateway's own words: a code, a status word, something that is not there.

Each turns one answer into another; nothing is sent here. An answer that is no success is left as it is by the kinds
that spoil a success.
"""

import json
from typing import Any, ClassVar, Final

import attrs

from aidge_async._core import gateway
from aidge_async.sandbox import replies
from aidge_async.sandbox.answers import Answer
from aidge_async.sandbox.calls import CallKind
from aidge_async.sandbox.checks import one_of, text
from aidge_async.sandbox.fault_rules import MADE, Fault, Refusal, Strike, Unprocessed

_JSON: Final = "application/json;charset=UTF-8"
_CALLS: Final[frozenset[CallKind]] = frozenset({"submit", "query", "other"})
_SUBMITS: Final[frozenset[CallKind]] = frozenset({"submit"})
_QUERIES: Final[frozenset[CallKind]] = frozenset({"query"})


def _code(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


@attrs.frozen(kw_only=True)
class BusinessCode(Refusal):
    """Answer with a *code* (`resCode`) and a *message* (`resMessage`) of the second layer."""

    kind: ClassVar[str] = "business_code"
    about: ClassVar[frozenset[CallKind]] = _CALLS
    code: str = attrs.field(converter=_code, validator=text)

    def spoil(self, answer: Answer, strike: Strike) -> Answer:
        """Replace the content and the status."""
        reply = replies.refused_by_business(self.code, self.message, request_id=strike.request_id)
        return self.hinted(answer.holding(reply.content(), _JSON, status_code=self.status), strike)


@attrs.frozen(kw_only=True)
class GatewayCode(Refusal):
    """Answer with a *code*, a *type* (ISV, ISP or SYSTEM) and a *message* of the first layer."""

    kind: ClassVar[str] = "gateway_code"
    about: ClassVar[frozenset[CallKind]] = _CALLS
    code: str = attrs.field(converter=_code, validator=text)
    type: str = attrs.field(default=replies.CALLERS_FAULT, validator=one_of(*replies.BLAMES))

    def spoil(self, answer: Answer, strike: Strike) -> Answer:
        """Replace the content and the status."""
        reply = replies.refused_by_gateway(self.code, self.message, request_id=strike.request_id, blame=self.type)
        return self.hinted(answer.holding(reply.content(), _JSON, status_code=self.status), strike)


@attrs.frozen(kw_only=True)
class UnknownTask(Unprocessed):
    """Answer a query as if the task were not known (yet)."""

    kind: ClassVar[str] = "unknown_task"
    about: ClassVar[frozenset[CallKind]] = _QUERIES

    def spoil(self, answer: Answer, strike: Strike) -> Answer:
        """Replace the content."""
        reply = replies.refused_by_business(
            gateway.INVALID_INPUT,
            f"invalid input: taskId is not known for this key and trial flag ({MADE})",
            request_id=strike.request_id,
        )
        return answer.holding(reply.content(), _JSON, status_code=200)


@attrs.frozen(kw_only=True)
class NoTaskId(Fault):
    """Accept a submit and answer with a success that names no task."""

    kind: ClassVar[str] = "no_task_id"
    about: ClassVar[frozenset[CallKind]] = _SUBMITS

    def spoil(self, answer: Answer, strike: Strike) -> Answer:  # noqa: ARG002
        """Empty `data`."""
        fields = _success(answer)
        return answer if fields is None else answer.holding(_json({**fields, "data": {}}))


@attrs.frozen(kw_only=True)
class UnknownStatus(Fault):
    """Answer a query with a status *word* that nobody knows, and no picture."""

    kind: ClassVar[str] = "unknown_status"
    about: ClassVar[frozenset[CallKind]] = _QUERIES
    word: str = attrs.field(default="reviewing", validator=text)

    def spoil(self, answer: Answer, strike: Strike) -> Answer:  # noqa: ARG002
        """Change the word."""
        return _told(answer, status=self.word)


@attrs.frozen(kw_only=True)
class FinishedWithoutImages(Fault):
    """Answer a query as if the task were finished, and no picture."""

    kind: ClassVar[str] = "finished_without_images"
    about: ClassVar[frozenset[CallKind]] = _QUERIES

    def spoil(self, answer: Answer, strike: Strike) -> Answer:  # noqa: ARG002
        """Change the word, and take the pictures away."""
        return _told(answer, status="finished")


def _told(answer: Answer, *, status: str) -> Answer:
    fields = _success(answer)
    if fields is None:
        return answer
    return answer.holding(_json({**fields, "data": {**fields["data"], "taskStatus": status, "taskResult": []}}))


def _success(answer: Answer) -> dict[str, Any] | None:
    fields: dict[str, Any] = json.loads(answer.content)
    return fields if fields.get("success") else None


def _json(fields: object) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()
