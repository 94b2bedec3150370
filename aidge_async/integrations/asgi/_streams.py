"""
Server-sent events: what happens to one task, or to all of a principal's.

Ids are the numbers of the journal's changes, so a reader that comes back, to this process or the next, goes on behind
what it has seen. Data is the task as it stands when it is shown; what was overtaken in between is left out.
"""

import json
import re
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any, Final

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from aidge_async.integrations.asgi._desk import Desk, desk_of
from aidge_async.integrations.asgi._names import key_of, prefix_of
from aidge_async.integrations.asgi._news import Reader
from aidge_async.integrations.asgi._problems import ProblemError

_LINE_END: Final = "\n"
_PING_SECONDS: Final = 15
_RETRY_MS: Final = 1000  # until a browser comes back
_SEND_WITHIN: Final = 30.0  # seconds for a chunk; a reader that takes longer has gone without a word
_FAREWELL_SECONDS: Final = 2.0
_NUMBER: Final = re.compile(r"[0-9]{1,18}")  # what the journal can number


async def all_events(request: Request) -> Response:
    """Stream what happens to all tasks of the principal."""
    desk = desk_of(request)
    return _Stream(desk, _all(desk, _last_id(request)))


async def task_events(request: Request) -> Response:
    """Stream what happens to one task, to its end."""
    desk, after = desk_of(request), _last_id(request)
    task = await desk.task(request)
    key = key_of(desk.principal, task["id"])
    if task["done"] and after is not None and not await desk.news.changed_since(key, after):
        return Response(status_code=HTTPStatus.NO_CONTENT)  # tells a browser not to come back
    return _Stream(desk, _one(desk, task, after))


async def _all(desk: Desk, after: int | None) -> AsyncIterator[ServerSentEvent]:
    async with desk.news.reader(prefix_of(desk.principal), after=after) as reader:
        # An id at once, so that whoever is cut off before the first event misses nothing either.
        yield ServerSentEvent(id=str(reader.shown), retry=_RETRY_MS, sep=_LINE_END)
        while (change := await desk.news.next(reader)) is not None:
            task = await desk.shown(change[1])
            if task is not None:
                yield _event(change[0], task)
        yield _farewell(reader)


async def _one(desk: Desk, task: dict[str, Any], after: int | None) -> AsyncIterator[ServerSentEvent]:
    key = key_of(desk.principal, task["id"])
    async with desk.news.reader(key, after=after) as reader:
        now: dict[str, Any] | None
        if after is None:
            now = await desk.shown(key) or task  # as of after the reader began
            yield _event(reader.shown, now)
            if now["done"]:
                return
        while (change := await desk.news.next(reader)) is not None:
            now = await desk.shown(key)
            if now is None:  # it is shown no more
                return
            yield _event(change[0], now)
            if now["done"]:
                return
        yield _farewell(reader)


class _Stream(EventSourceResponse):
    """An answer that counts among its principal's streams for as long as it is sent."""

    def __init__(self, desk: Desk, events: AsyncIterator[ServerSentEvent]) -> None:
        super().__init__(
            events,
            ping=_PING_SECONDS,
            ping_message_factory=lambda: ServerSentEvent(comment="still here", sep=_LINE_END),
            sep=_LINE_END,
            send_timeout=_SEND_WITHIN,
            shutdown_grace_period=_FAREWELL_SECONDS,
            headers={"Cache-Control": "no-store"},
        )
        self._desk = desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, or refuse it while nothing was sent."""
        with self._desk.holding("event streams"):
            await super().__call__(scope, receive, send)


def _event(number: int, task: dict[str, Any]) -> ServerSentEvent:
    return ServerSentEvent(json.dumps(task), event="task", id=str(number), sep=_LINE_END)


def _farewell(reader: Reader) -> ServerSentEvent:
    return ServerSentEvent("{}", event="bye", id=str(reader.shown), retry=_RETRY_MS, sep=_LINE_END)


def _last_id(request: Request) -> int | None:
    """Return the number behind which to go on; `None`: none was sent."""
    text = request.headers.get("last-event-id", "").strip()
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        raise ProblemError(
            HTTPStatus.BAD_REQUEST, "'Last-Event-ID' must be an id that was sent by this stream; leave it out to begin"
        )
    return int(text)
