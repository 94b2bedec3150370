"""
The order in which a call is judged: HTTP, first layer, rate limit, rules, quota, acceptance.

Each judgement stands in a file of its own; here they are only put in a row. With signature v2, which does not cover
the content, the first layer and the limits are asked when the head arrives, before the content is read.
"""

from typing import Final

from starlette.types import Receive, Scope, Send

from aidge_async._core import gateway
from aidge_async.sandbox import replies
from aidge_async.sandbox.admission import SYSTEM_PARAMETERS, is_classic, judge
from aidge_async.sandbox.calls import (
    Call,
    CallerGoneError,
    HttpRefusalError,
    check_http,
    read_call,
    read_content,
)
from aidge_async.sandbox.contents import Fields, UnreadableError, as_text, read_fields
from aidge_async.sandbox.fetching import FetchError, fetch, is_fetchable
from aidge_async.sandbox.gallery import Gallery
from aidge_async.sandbox.photo import Photo, PhotoError, look
from aidge_async.sandbox.replies import Reply
from aidge_async.sandbox.rules import InvalidInputError, read_submission, read_task_id
from aidge_async.sandbox.submission import Submission
from aidge_async.sandbox.world import ExhaustedError, Task, World

NOT_FETCHED: Final = "701"  # what sister APIs answer where an image cannot be fetched [doc]
_UNANSWERED: Final = "(caller gone)"
_MESSAGES: Final = {
    "submitted": "",
    "running": "",
    "finished": "success",
    "failed": "made to fail by the sandbox (failure_rate)",
}


class Front:
    """The gateway's APIs, as an ASGI application for everything under `/rest`."""

    def __init__(self, world: World, gallery: Gallery) -> None:
        self._world = world
        self._gallery = gallery

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Judge and answer one call, and count the answer."""
        path = scope["path"].removeprefix(gateway.PATH_PREFIX)
        tally = self._world.tally
        try:
            reply = await self._answer(scope, receive)
        except CallerGoneError:
            tally.answer(path, _UNANSWERED)
            return
        tally.answer(path, reply.code)
        await send_reply(reply, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Reply:
        try:
            call = read_call(scope)
            return await self._judge(call, receive)
        except HttpRefusalError as refusal:
            return replies.refused_by_http(refusal, request_id=self._world.next_request_id())

    async def _judge(self, call: Call, receive: Receive) -> Reply:
        try:
            check_http(call)
        except HttpRefusalError:
            await read_content(call, receive, keep=False)
            raise
        if is_classic(call.query):
            content = await read_content(call, receive, keep=True)
            return self._refuse(call, content) or await self._perform(call, content)
        refused = self._refuse(call, b"")
        content = await read_content(call, receive, keep=refused is None)
        return refused or await self._perform(call, content)

    def _refuse(self, call: Call, content: bytes) -> Reply | None:
        """Return the refusal of the first layer, or of the rate limit; `None` lets the call pass."""
        refusal = judge(
            call.query,
            path=call.path,
            business=_as_signed(call, content),
            account=self._world.account,
            now_ms=int((self._world.wall() + call.clock_offset) * 1000),
        )
        if refusal:
            request_id = self._world.next_request_id()
            return replies.refused_by_gateway(refusal.code, refusal.message, request_id=request_id)
        exceeded = self._world.exceeded_limit(call.path)
        return self._refused(gateway.RATE_LIMIT, f"rate limit exceed: {exceeded}") if exceeded else None

    def _refused(self, code: str, message: str) -> Reply:
        return replies.refused_by_business(code, message, request_id=self._world.next_request_id())

    async def _perform(self, call: Call, content: bytes) -> Reply:
        try:
            fields = _business_fields(call, content)
            if call.path == gateway.MODEL_ALTERNATION_SUBMIT_PATH:
                return await self._submit(call, fields)
            return self._query(call, fields)
        except UnreadableError as error:
            return self._refused(gateway.INVALID_INPUT, f"invalid input: the content cannot be read: {error}")
        except InvalidInputError as error:
            return self._refused(gateway.INVALID_INPUT, f"invalid input: {error}")
        except FetchError as error:
            return self._refused(NOT_FETCHED, f"invalid input: imageUrl could not be fetched: {error}")

    async def _submit(self, call: Call, fields: Fields) -> Reply:
        submission = read_submission(fields, shape=self._world.settings.submit_shape)
        content, photo = await _source(submission)
        try:
            task = self._world.accept(submission, api=call.path, trial=call.trial, content=content, photo=photo)
        except ExhaustedError as error:
            kind = "trial quota" if call.trial else "quota"
            message = f"calling resources exhausted: {kind}: {error}"
            return replies.refused_by_gateway("NoResource", message, request_id=self._world.next_request_id())
        return replies.accepted(task.task_id, dialect=submission.dialect, request_id=self._world.next_request_id())

    def _query(self, call: Call, fields: Fields) -> Reply:
        task_id = read_task_id(fields)
        task = self._world.query(task_id, trial=call.trial)
        if task is None:
            # What the gateway says of an unknown task is not documented; 700 names a field that is wrong.
            raise InvalidInputError(f"taskId is not known for this key and trial flag (got {task_id[:60]!r})")
        return self._told(task, call)

    def _told(self, task: Task, call: Call) -> Reply:
        status = task.status(self._world.monotonic())
        return replies.queried(
            task.task_id,
            status=status,
            message=_MESSAGES[status],
            pictures=self._gallery.pictures(task, origin=call.origin) if status == "finished" else [],
            request_id=self._world.next_request_id(),
        )


async def _source(submission: Submission) -> tuple[bytes | None, Photo | None]:
    if submission.image_url is None:
        return submission.image, submission.photo
    if not is_fetchable(submission.image_url):
        return None, None
    try:
        content = await fetch(submission.image_url)
        return content, look(content)
    except PhotoError as error:
        raise InvalidInputError(f"{submission.dialect.prefix}imageUrl leads to a picture that {error}") from None


def _business_fields(call: Call, content: bytes) -> Fields:
    in_query = {name: value for name, value in call.query.items() if name not in SYSTEM_PARAMETERS}
    return {**in_query, **read_fields(call.content_type, content)}


def _as_signed(call: Call, content: bytes) -> dict[str, str]:
    if not is_classic(call.query):
        return {}
    try:
        return {name: as_text(value) for name, value in _business_fields(call, content).items()}
    except UnreadableError:
        return {}  # and so the signature cannot match


async def send_reply(reply: Reply, send: Send) -> None:
    """Send *reply* through ASGI."""
    content = reply.content()
    headers = [
        (b"content-type", b"application/json;charset=UTF-8"),
        (b"content-length", str(len(content)).encode()),
    ]
    if reply.allow:
        headers.append((b"allow", reply.allow.encode()))
    await send({"type": "http.response.start", "status": reply.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": content})
