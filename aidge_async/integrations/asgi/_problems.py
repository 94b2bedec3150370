"""
Whatever is answered that is no success: problem documents by RFC 9457, and one place that writes them.

What is a problem is decided elsewhere.
"""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, TypeAlias

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from aidge_async.errors import JournalError

_log = logging.getLogger("aidge_async.integrations.asgi")

MEDIA_TYPE: Final = "application/problem+json"
_AGAIN_SECONDS: Final = 5  # until a full disk or a locked file may have been seen to; a guess

_Handler: TypeAlias = Callable[[Request, Any], Awaitable[Response]]


class ProblemError(Exception):
    """
    Raise to answer with a problem document.

    Args:
        status_code: The HTTP status.
        detail: One sentence: what is wrong and what to do.
        fields: The fields that are wrong, each with its sentence.
        retry_after: Seconds after which it may be tried again; `None`: that would not help.
        headers: More header fields of the answer.
    """

    def __init__(
        self,
        status_code: int,
        detail: str,
        *,
        fields: Sequence[tuple[str, str]] = (),
        retry_after: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status_code = status_code
        self.detail = detail
        self.fields = tuple(fields)
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["Retry-After"] = str(retry_after)

    def response(self) -> Response:
        """Return the answer."""
        document: dict[str, Any] = {
            "type": "about:blank",  # RFC 9457 4.2.1: the status says what kind it is
            "title": HTTPStatus(self.status_code).phrase,
            "status": self.status_code,
            "detail": self.detail,
        }
        if self.fields:
            document["errors"] = [{"field": field, "detail": detail} for field, detail in self.fields]
        # ASCII only: what is wrong may be half a character.
        content = json.dumps(document).encode()
        return Response(content, self.status_code, headers=self.headers, media_type=MEDIA_TYPE)


def wrong_field(field: str, detail: str) -> ProblemError:
    """Return the problem of one wrong field."""
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail, fields=[(field, detail)])


async def _problem(_: Request, exc: ProblemError) -> Response:
    return exc.response()


async def _http(_: Request, exc: HTTPException) -> Response:
    return ProblemError(exc.status_code, exc.detail, headers=exc.headers).response()


async def _unrecorded(_: Request, exc: JournalError) -> Response:
    # Its sentence names files of this machine, which are nobody's matter who asks over HTTP.
    _log.warning("journal not usable reason=%s", exc)
    detail = "the journal cannot be used, so nothing was bought; try again later (the server's log says more)"
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, retry_after=_AGAIN_SECONDS).response()


async def _gone(_: Request, __: ClientDisconnect) -> Response:
    return Response(status_code=HTTPStatus.BAD_REQUEST)  # nobody reads it


async def _bug(_: Request, __: Exception) -> Response:
    # The server logs the exception; it is not told to whoever asks.
    return ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "this is a bug of the server; its log says more").response()


HANDLERS: Final[Mapping[Any, _Handler]] = {
    ProblemError: _problem,
    HTTPException: _http,
    JournalError: _unrecorded,
    ClientDisconnect: _gone,
    Exception: _bug,
}
