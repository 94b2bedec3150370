"""What tests of the web integration share: an application with its client in this process, and a reader of streams."""

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Self

import anyio
import anyio.lowlevel
import attrs
import httpx
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aidge_async import AidgeClient, Limits, Polling
from aidge_async.integrations.asgi import lifespan, tasks_app
from aidge_async.sandbox.settings import SandboxSettings
from aidge_async.testing import InProcessSandbox
from tests.conftest import draw_photo

MOUNT = "/pics"
ANNA, BERT = {"X-Who": "anna"}, {"X-Who": "bert"}
MODEL = {"model": "universal_model_1"}
# Long enough that a test is over before a second submit leaves; the first goes at once.
ONE_SUBMIT = Limits(submit_rate=0.02)


def who(request: Any) -> str | None:
    """Authenticate by a field that says a name; no way to do it outside of tests."""
    return request.headers.get("x-who") or None


@attrs.frozen
class Event:
    """Hold one server-sent event."""

    id: str | None
    kind: str | None
    data: Any


@attrs.define(kw_only=True)
class Backend:
    """Hold an application that runs in this process, and ways to ask it."""

    app: ASGIApp
    http: httpx.AsyncClient
    client: AidgeClient
    news: Any
    sandbox: InProcessSandbox
    folder: Path

    async def post(
        self,
        photo: bytes | None = None,
        *,
        key: str | None = None,
        by: Mapping[str, str] = ANNA,
        values: Mapping[str, str] = MODEL,
    ) -> httpx.Response:
        """Ask for pictures of a photo."""
        headers = {**by, **({} if key is None else {"Idempotency-Key": key})}
        files = {"image": ("look.jpg", draw_photo() if photo is None else photo)}
        return await self.http.post(f"{MOUNT}/tasks", data={**MODEL, **values}, files=files, headers=headers)

    async def get(self, path: str, *, by: Mapping[str, str] = ANNA, **headers: str) -> httpx.Response:
        """Ask for something."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.get(path if path.startswith(MOUNT) else MOUNT + path, headers={**by, **named})

    async def until(self, path: str, holds: Callable[[Any], bool]) -> Any:
        """Look at a task until *holds* is true of it, for a minute at most."""
        with anyio.fail_after(60):
            task = (await self.get(path)).json()
            while not holds(task):
                await anyio.sleep(0.05)
                task = (await self.get(path)).json()
            return task

    @contextlib.asynccontextmanager
    async def listening(self, path: str, **headers: str) -> AsyncIterator["Listener"]:
        """Read a stream inside the block."""
        async with Listener.on(self.app, path, {**ANNA, **headers}) as listener:
            yield listener


class Listener:
    """Read server-sent events of an application in this process; httpx's transport would wait for their end."""

    def __init__(self) -> None:
        self._send, self._receive = anyio.create_memory_object_stream[bytes](10_000)
        self._rest = b""
        self._gone = anyio.Event()
        self.status_code = 0

    @classmethod
    @contextlib.asynccontextmanager
    async def on(cls, app: ASGIApp, path: str, headers: Mapping[str, str]) -> AsyncIterator[Self]:
        """Read *path* inside the block."""
        listener = cls()
        asked = [(b"host", b"localhost"), *((n.lower().encode(), v.encode()) for n, v in headers.items())]
        scope: Scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": asked,
            "client": ("127.0.0.1", 1), "server": ("localhost", 80),
        }  # fmt: skip
        async with anyio.create_task_group() as group:
            group.start_soon(listener._ask, app, scope)
            try:
                yield listener
            finally:
                listener._gone.set()
                listener._send.close()
                listener._receive.close()
                await anyio.lowlevel.checkpoint()
                group.cancel_scope.cancel()

    async def _ask(self, app: ASGIApp, scope: Scope) -> None:
        await app(scope, self._from_client, self._to_client)

    async def _from_client(self) -> Message:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _to_client(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status_code = message["status"]
        elif not self._gone.is_set():
            with contextlib.suppress(anyio.ClosedResourceError):  # it goes while this is on its way
                await self._send.send(message.get("body", b""))
            if not message.get("more_body"):
                self._send.close()

    async def next(self) -> Event | None:
        """Return the next event, comments left out; `None`: the stream has ended. Waits for 30 seconds at most."""
        with anyio.fail_after(30):
            while True:
                while b"\n\n" not in self._rest:
                    try:
                        self._rest += await self._receive.receive()
                    except anyio.EndOfStream:
                        return None
                block, _, self._rest = self._rest.partition(b"\n\n")
                event = _read(block.decode())
                if event is not None:
                    return event


def _read(block: str) -> Event | None:
    found = dict(line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":"))
    if not found:
        return None
    return Event(found.get("id"), found.get("event"), json.loads(found["data"]) if "data" in found else None)


@contextlib.asynccontextmanager
async def backend_in(
    folder: Path,
    *,
    sandbox: InProcessSandbox | None = None,
    limits: Limits | None = None,
    **options: Any,
) -> AsyncIterator[Backend]:
    """Run an application with everything behind it in this process, in *folder*."""
    behind = sandbox or InProcessSandbox(SandboxSettings(duration=0))

    def make_client() -> AidgeClient:
        return behind.client(journal=folder / "journal.db", polling=Polling.every(1), limits=limits or Limits())

    run = lifespan(make_client, drain=0)
    options.setdefault("authenticate", who)
    tasks = tasks_app(folder=folder / "out", **options)
    app = Starlette(routes=[Mount(MOUNT, tasks)])
    async with run(app) as state, httpx.AsyncClient(transport=httpx.ASGITransport(_with(app, state))) as http:
        http.base_url = httpx.URL("http://localhost")
        yield Backend(
            app=_with(app, state),
            http=http,
            client=state["aidge"],
            news=state["aidge_news"],
            sandbox=behind,
            folder=folder,
        )


def _with(app: ASGIApp, state: Mapping[str, Any]) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """Hand the lifespan's state on, as servers do."""

    async def handed(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "state": dict(state)}, receive, send)

    return handed
