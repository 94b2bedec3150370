"""
The pictures of a task, and the photo that was sent for it.

Only files that lie in the task's own folder and end as pictures do are given away.
"""

from http import HTTPStatus
from pathlib import Path
from typing import Final

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from aidge_async.integrations.asgi._desk import desk_of
from aidge_async.integrations.asgi._names import task_of
from aidge_async.integrations.asgi._problems import ProblemError
from aidge_async.integrations.asgi._shelf import MEDIA_TYPES

_MOST_DIGITS: Final = 2
# What lies under a number never changes, but it is the principal's alone.
_CACHING: Final = "private, max-age=86400, immutable"


async def picture(request: Request) -> Response:
    """Answer the n-th picture; 0 is the photo that was sent."""
    desk = desk_of(request)
    _, entry, about = await desk.found(request)
    number = _number(request.path_params["n"])
    place = desk.house.shelf.place(desk.principal, task_of(entry.key))
    if number == 0:
        path, title = about.photo, about.name or "photo"
    else:
        path = Path(entry.paths[number - 1]) if number <= len(entry.paths) else None
        title = f"{Path(about.name or 'picture').stem}-{number}"
    if path is None or not await anyio.to_thread.run_sync(_may_be_given, path, place):
        raise ProblemError(HTTPStatus.NOT_FOUND, "this task has no such picture, or it lies there no more")
    wants_file = request.query_params.get("download") == "1"
    return FileResponse(
        path,
        media_type=MEDIA_TYPES[path.suffix.lower()],
        filename=f"{Path(title).stem}{path.suffix.lower()}" if wants_file else None,
        headers={"Cache-Control": _CACHING},
    )


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
        raise ProblemError(HTTPStatus.NOT_FOUND, "pictures are numbered from 1; 0 is the photo that was sent")
    return int(text)


def _may_be_given(path: Path, place: Path) -> bool:
    # Links may lead to where all folders lie, as to another disk; from there on all must be where it seems to be.
    real = place.parents[1].resolve() / place.parent.name / place.name
    found = path.resolve()
    return found.is_relative_to(real) and found.suffix.lower() in MEDIA_TYPES and found.is_file()
