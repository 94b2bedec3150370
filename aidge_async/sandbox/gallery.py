"""
Draws a task's pictures at their first download, in a worker thread, and serves them as an object store would.

How a picture looks is the business of `studio.py`; that a batch of ten thousand tasks costs nothing until somebody
looks is the business of this file.
"""

import hashlib
from typing import Final

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response

from aidge_async.sandbox.objects import LinkError, Links, refusal_xml, requested_range
from aidge_async.sandbox.replies import Picture
from aidge_async.sandbox.spool import DrawnCache
from aidge_async.sandbox.studio import draw
from aidge_async.sandbox.world import Task, World

# Two at a time: drawing holds the processor, and the gateway beside it must still answer.
_DRAWN_AT_ONCE: Final = 2


class Gallery:
    """The object store beside the gateway."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._drawn = DrawnCache()
        self._drawing: dict[str, anyio.Event] = {}
        # Made by the loop that draws: who makes the application may run on another one.
        self._limiter: anyio.CapacityLimiter | None = None

    def pictures(self, task: Task, *, origin: str) -> list[Picture]:
        """Return links to the pictures of a finished task; nothing is drawn for that."""
        ordered, links, now = task.commission, self._links(), self._world.wall()
        return [
            Picture(
                url=origin + links.path(f"{task.task_id}/{number}.{ordered.extension}", now=now),
                width_px=ordered.width_px,
                height_px=ordered.height_px,
            )
            for number in range(1, ordered.count + 1)
        ]

    async def serve(self, request: Request) -> Response:
        """Answer GET and HEAD for one object."""
        name = request.path_params["name"]
        try:
            self._links().check(name, request.query_params, now=self._world.wall())
        except LinkError as error:
            return self._refusal(403, error.code, error.message)
        content, media_type = await self._find(name)
        if content is None:
            return self._refusal(404, "NoSuchKey", "The specified key does not exist.")
        return _answer(request, content, media_type)

    def _links(self) -> Links:
        settings = self._world.settings
        secret = hashlib.sha256(f"object store/{settings.seed}/{settings.key_secret}".encode()).digest()
        return Links(secret=secret, lifetime=settings.link_lifetime)

    def _refusal(self, status_code: int, code: str, message: str) -> Response:
        content = refusal_xml(code, message, request_id=self._world.next_request_id())
        return Response(content, status_code, media_type="application/xml")

    async def _find(self, name: str) -> tuple[bytes | None, str]:
        task_id, _, file_name = name.partition("/")
        task = self._world.finished_task(task_id)
        if task is None:
            return None, ""
        ordered = task.commission
        names = [f"{number}.{ordered.extension}" for number in range(1, ordered.count + 1)]
        if file_name not in names:
            return None, ""
        return (await self._draw(task))[names.index(file_name)], ordered.media_type

    async def _draw(self, task: Task) -> tuple[bytes, ...]:
        while (drawn := self._drawn.get(task.task_id)) is None:
            if task.task_id in self._drawing:
                await self._drawing[task.task_id].wait()
                continue
            done = self._drawing[task.task_id] = anyio.Event()
            try:
                self._limiter = self._limiter or anyio.CapacityLimiter(_DRAWN_AT_ONCE)
                async with self._limiter:
                    pictures = await anyio.to_thread.run_sync(self._draw_now, task, abandon_on_cancel=True)
                self._drawn.put(task.task_id, pictures)
            finally:
                del self._drawing[task.task_id]
                done.set()
        return drawn

    def _draw_now(self, task: Task) -> tuple[bytes, ...]:
        source = self._world.sources.get(task.commission.source) if task.commission.source else None
        return draw(task.commission, source)


def _answer(request: Request, content: bytes, media_type: str) -> Response:
    etag = f'"{hashlib.sha256(content).hexdigest()[:32].upper()}"'
    headers = {"accept-ranges": "bytes", "etag": etag}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    asked = request.headers.get("range")
    if request.headers.get("if-range", etag) != etag:
        asked = None
    try:
        part = requested_range(asked, size=len(content))
    except ValueError:
        return Response(status_code=416, headers={**headers, "content-range": f"bytes */{len(content)}"})
    if part is None:
        return Response(content, headers=headers, media_type=media_type)
    first, last = part
    headers["content-range"] = f"bytes {first}-{last}/{len(content)}"
    return Response(content[first : last + 1], 206, headers=headers, media_type=media_type)
