"""
The answers of the gateway, in its two layers, as values.

Shapes only (gateway.md, sections 2, 3 and 5); which answer a call gets is decided in `app.py`. Deliberately not the
client's envelope.
"""

import json
from typing import Final

import attrs

from aidge_async._core import gateway
from aidge_async.sandbox.calls import HttpRefusalError
from aidge_async.sandbox.submission import FLAT, Dialect

CALLERS_FAULT: Final = "ISV"
BLAMES: Final = (CALLERS_FAULT, "ISP", "SYSTEM")


@attrs.frozen(kw_only=True)
class Reply:
    """
    An answer before it is sent.

    Args:
        code: What the statistics count it as: the code of the layer that decided.
        allow: The methods that would have been taken, where HTTP wants them named.
    """

    status_code: int = 200
    code: str
    fields: dict[str, object]
    allow: str | None = None

    def content(self) -> bytes:
        """Return the bytes to send."""
        return json.dumps(self.fields, separators=(",", ":")).encode()


@attrs.frozen(kw_only=True)
class Picture:
    """One result picture as a query names it."""

    url: str
    width_px: int
    height_px: int


def refused_by_gateway(code: str, message: str, *, request_id: str, blame: str = CALLERS_FAULT) -> Reply:
    """Return a refusal of the first layer; it comes with HTTP 200. *blame* is its `type`: whose fault it is."""
    fields: dict[str, object] = {"code": code, "type": blame, "message": message, "request_id": request_id}
    return Reply(code=code, fields=fields)


def refused_by_http(refusal: HttpRefusalError, *, request_id: str) -> Reply:
    """Return a refusal before the first layer, in the first layer's shape."""
    reply = refused_by_gateway(refusal.code, refusal.message, request_id=request_id)
    return attrs.evolve(reply, status_code=refusal.status_code, code=f"HTTP {refusal.status_code}", allow=refusal.allow)


def refused_by_business(code: str, message: str, *, request_id: str) -> Reply:
    """Return a refusal of the second layer: the first one let the call pass."""
    return _passed(code, message, data=None, request_id=request_id)


def accepted(task_id: str, *, dialect: Dialect, request_id: str) -> Reply:
    """Return the answer to a submit, the task id where the dialect has it."""
    data = {"taskId": task_id} if dialect is FLAT else {"result": {"taskId": task_id}}
    return _passed(gateway.OK, "success", data=data, request_id=request_id)


def queried(task_id: str, *, status: str, message: str, pictures: list[Picture], request_id: str) -> Reply:
    """Return the answer to a query."""
    result = [{"url": picture.url, "width": picture.width_px, "height": picture.height_px} for picture in pictures]
    data = {"taskId": task_id, "taskStatus": status, "taskMessage": message, "taskResult": result}
    return _passed(gateway.OK, "success", data=data, request_id=request_id)


def _passed(code: str, message: str, *, data: object, request_id: str) -> Reply:
    fields: dict[str, object] = {
        "code": gateway.PASSED,
        "request_id": request_id,
        "requestId": request_id,
        "success": code == gateway.OK,
        "resCode": int(code) if code.isdecimal() else code,
        "resMessage": message,
        "data": data,
    }
    return Reply(code=code, fields=fields)
