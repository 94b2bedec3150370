"""
Tasks: asking for one, looking at one or at all, and looking at one no more.

A task is recorded, its photo in the spool, before it is answered; it is submitted and followed by whichever process has
the journal open.
"""

import hashlib
import json
import re
import time
from http import HTTPStatus
from typing import Any, Final

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response

from aidge_async import NotSentError, RequestError
from aidge_async.integrations.asgi._desk import Desk, desk_of
from aidge_async.integrations.asgi._names import key_of, prefix_of, task_of
from aidge_async.integrations.asgi._problems import ProblemError, wrong_field
from aidge_async.integrations.asgi._reading import Wanted, problem_of, read_sent
from aidge_async.integrations.asgi._shelf import About
from aidge_async.integrations.asgi._shown import show_task
from aidge_async.journal import Entry

_CACHING: Final = "private, no-cache"  # kept, but asked for again each time, by its tag
PAGE_MOST: Final = 200
PAGE_DEFAULT: Final = 50
_LOOK_AGAIN_SECONDS: Final = 2
_IDEMPOTENCY_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_NUMBER: Final = re.compile(r"[0-9]{1,18}")  # what the journal can number
_MOST_HIDDEN_PAGES: Final = 10  # read for one page; then a short page is answered, and its cursor goes on
NOT_CANCELLED: Final = "no longer shown; it is not cancelled: the gateway has no cancel, and it may be billed"


async def submit(request: Request) -> Response:
    """Record what is wanted, and answer 202 when it is on disk."""
    desk, idempotency_key = desk_of(request), _idempotency_key(request)
    desk.refuse_when_leaving()
    with desk.holding("uploads"):
        key = await _taken(request, desk, idempotency_key)
    shown = await desk.shown(key)
    assert shown is not None  # it was recorded just now
    headers = {"Location": shown["links"]["self"], "Retry-After": str(_LOOK_AGAIN_SECONDS)}
    return _json(shown, HTTPStatus.ACCEPTED, headers)


async def _taken(request: Request, desk: Desk, idempotency_key: str | None) -> str:
    """Read and record what is wanted, and return its key."""
    key = key_of(desk.principal, await desk.task_id(idempotency_key))
    known = idempotency_key is not None and await desk.view.find(key) is not None
    with desk.house.entering() as others:
        if not known:
            await desk.make_room(others)
        sent = await read_sent(request)
        try:
            async with desk.house.recording:
                desk.refuse_when_leaving()
                await _record(desk, await sent.wanted(), key=key, by_key=idempotency_key is not None)
        finally:
            with anyio.CancelScope(shield=True):
                await sent.aclose()
    return key


async def _record(desk: Desk, wanted: Wanted, *, key: str, by_key: bool) -> None:
    place, at = desk.house.shelf.place(desk.principal, task_of(key)), time.time()
    try:
        await desk.client.plan(wanted.request, key=key, save_to=place)
    except NotSentError:
        desk.refuse_when_leaving(sure=True)
    except RequestError as exc:
        if by_key and await desk.view.find(key) is not None:
            raise wrong_field(
                "Idempotency-Key", "this key was used for another request; send that one again, or take another key"
            ) from None
        raise problem_of(exc, wanted.image_field) from None
    # After the journal, so that of two requests under one key the one that is bought is the one that is shown.
    await anyio.to_thread.run_sync(lambda: desk.house.shelf.keep(place, photo=wanted.photo, name=wanted.name, at=at))


async def one(request: Request) -> Response:
    """Answer one task."""
    task = await desk_of(request).task(request)
    answer = _json(task, HTTPStatus.OK, {} if task["done"] else {"Retry-After": str(_LOOK_AGAIN_SECONDS)})
    tag = f'"{hashlib.sha256(bytes(answer.body)).hexdigest()[:32]}"'
    answer.headers["ETag"] = tag
    if _matches(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": tag, "Cache-Control": _CACHING})
    return answer


async def listing(request: Request) -> Response:
    """Answer a page of the principal's tasks, the newest first."""
    desk = desk_of(request)
    limit = _number(request, "limit", PAGE_DEFAULT, most=PAGE_MOST)
    before = _number(request, "before", None)
    assert limit is not None
    found, following = await _page(desk, before=before, limit=limit)
    tasks = [show_task(number, entry, about, mount=desk.mount) for number, entry, about in found]
    headers = {}
    if following is not None:
        headers["Link"] = f'<{desk.mount}/tasks?limit={limit}&before={following}>; rel="next"'
    return _json({"tasks": tasks, "next": following}, HTTPStatus.OK, headers)


async def forget(request: Request) -> Response:
    """Show a task no more."""
    desk = desk_of(request)
    _, entry, _ = await desk.found(request)
    place = desk.house.shelf.place(desk.principal, task_of(entry.key))
    await anyio.to_thread.run_sync(desk.house.shelf.hide, place)
    return _json({"id": task_of(entry.key), "detail": NOT_CANCELLED}, HTTPStatus.OK, {})


async def _page(desk: Desk, *, before: int | None, limit: int) -> tuple[list[tuple[int, Entry, About]], int | None]:
    """Return a page of what is shown, and behind which number the next begins; `None`: there is no more."""
    shelf, prefix = desk.house.shelf, prefix_of(desk.principal)
    found: list[tuple[int, Entry, About]] = []
    for _ in range(_MOST_HIDDEN_PAGES):
        rows = await desk.view.entries(prefix, before=before, limit=limit)
        places = [shelf.place(desk.principal, task_of(entry.key)) for _, entry in rows]
        abouts = await anyio.to_thread.run_sync(lambda places=places: [shelf.about(place) for place in places])  # type: ignore[misc]  # bound now
        for (number, entry), about in zip(rows, abouts, strict=True):
            before = number
            if not about.hidden:
                found.append((number, entry, about))
                if len(found) == limit:
                    break
        if len(rows) < limit and len(found) < limit:
            return found, None
        if len(found) == limit:
            break
    return found, before


def _json(value: Any, status_code: int, headers: dict[str, str]) -> Response:  # noqa: ANN401  what JSON can hold
    content = json.dumps(value).encode()
    return Response(content, status_code, headers={"Cache-Control": _CACHING, **headers}, media_type="application/json")


def _idempotency_key(request: Request) -> str | None:
    found = request.headers.getlist("idempotency-key")
    if not found:
        return None
    if len(found) > 1 or not _IDEMPOTENCY_KEY.fullmatch(found[0]):
        raise ProblemError(
            HTTPStatus.BAD_REQUEST, "'Idempotency-Key' must be 1 to 255 visible ASCII characters, once; change it"
        )
    return found[0]


def _number(request: Request, name: str, default: int | None, *, most: int | None = None) -> int | None:
    text = request.query_params.get(name)
    if text is None:
        return default
    number = int(text) if _NUMBER.fullmatch(text) else 0
    if number < 1 or (most is not None and number > most):
        bound = "" if most is None else f" to {most}"
        raise wrong_field(name, f"{name!r} must be a whole number from 1{bound}; change it, or leave it out")
    return number


def _matches(header: str, tag: str) -> bool:
    """Return whether `If-None-Match` names *tag* (RFC 9110 13.1.2, weak comparison)."""
    named = {part.strip().removeprefix("W/") for part in header.split(",")}
    return tag in named or "*" in named
