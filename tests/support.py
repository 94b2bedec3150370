"""Doubles and helpers that several tests use."""

import json
from collections.abc import Mapping
from typing import Any, Unpack

import anyio
import anyio.lowlevel
import attrs
import httpx

from aidge_async import AidgeClient, ModelAlternation
from aidge_async._core import gateway
from aidge_async._options import ClientOptions
from aidge_async.events import Event
from aidge_async.sandbox.app import make_app
from aidge_async.sandbox.server import RunningSandbox
from aidge_async.sandbox.settings import SandboxSettings
from aidge_async.sandbox.world import World
from aidge_async.testing.clock import EPOCH

KEY_NAME = "made-up-512345"
KEY_SECRET = "made-up-secret-hello"
URL_REQUEST = ModelAlternation(image="https://example.com/look.jpg", model="universal_model_1")


def virtual_wall_clock() -> float:
    """Return epoch seconds in virtual time."""
    return EPOCH + anyio.current_time()


def client_of(sandbox: RunningSandbox, **options: Unpack[ClientOptions]) -> AidgeClient:
    """Return a client of a sandbox on a socket."""
    options.setdefault("base_url", sandbox.url)
    return AidgeClient(sandbox.key_name, sandbox.key_secret, **options)


def virtual_sandbox(
    settings: SandboxSettings | None = None, **options: Unpack[ClientOptions]
) -> tuple[World, AidgeClient]:
    """Return a sandbox in this process, without a socket, and a client of it, both in virtual time."""
    world = World(settings, monotonic=anyio.current_time, wall=virtual_wall_clock)
    return world, client_in(world, **options)


def client_in(world: World, key_secret: str | None = None, **options: Unpack[ClientOptions]) -> AidgeClient:
    """Return one more client of a sandbox in this process."""
    options["transport"] = httpx.ASGITransport(app=make_app(world))
    options.setdefault("download_transport", options["transport"])
    options.setdefault("wall_clock", virtual_wall_clock)
    options.setdefault("base_url", "http://localhost")
    return AidgeClient(world.settings.key_name, key_secret or world.settings.key_secret, **options)


def queries_of(world: World, task_id: str) -> int:
    """Return how often a task was asked after, as the sandbox counts."""
    tasks: Any = world.statistics()["tasks"]
    return int(tasks[task_id]["queries"])


Answer = Mapping[str, Any] | httpx.Response | Exception | float


@attrs.define
class ScriptedGateway(httpx.AsyncBaseTransport):
    """
    Answer each call with the next line of a script, and remember what was called.

    A mapping is answered as JSON, an exception is raised, a number is slept before the next line; the last line is
    repeated for ever.
    """

    submits: list[Answer] = attrs.field(factory=lambda: [accepted("task-1")])
    queries: list[Answer] = attrs.field(factory=lambda: [finished("task-1")])
    calls: list[httpx.Request] = attrs.field(factory=list)
    posted: list[bytes] = attrs.field(factory=list)
    query_times: list[float] = attrs.field(factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer *request* by its path."""
        await anyio.lowlevel.checkpoint()
        content = await request.aread()
        self.calls.append(request)
        is_submit = request.url.path.endswith(gateway.MODEL_ALTERNATION_SUBMIT_PATH)
        if is_submit:
            self.posted.append(content)
        else:
            self.query_times.append(anyio.current_time())
        return await self._answer(self.submits if is_submit else self.queries)

    async def _answer(self, script: list[Answer]) -> httpx.Response:
        answer = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(answer, float):
            await anyio.sleep(answer)
            return await self._answer(script)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx.Response):
            return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)
        return httpx.Response(200, json=dict(answer))

    def client(self, **options: Unpack[ClientOptions]) -> AidgeClient:
        """Return a client that calls this gateway in virtual time."""
        options["transport"] = self
        options.setdefault("wall_clock", virtual_wall_clock)
        return AidgeClient(KEY_NAME, KEY_SECRET, **options)


def accepted(task_id: str) -> dict[str, Any]:
    """Return the documented answer to an accepted submit."""
    return business("200", "success", {"result": {"taskId": task_id}})


def running(task_id: str, word: str = "running") -> dict[str, Any]:
    """Return the documented answer to a query whose task is not done."""
    return business("200", "success", {"taskId": task_id, "taskStatus": word})


def finished(task_id: str, links: int = 1) -> dict[str, Any]:
    """Return the documented answer to a query whose task is done."""
    rows = [
        {"url": f"http://oss.example.com/{task_id}/{n}.jpg?Signature=made-up", "width": 768, "height": 1024}
        for n in range(links)
    ]
    return business("200", "success", {"taskId": task_id, "taskStatus": "finished", "taskResult": rows})


def failed(task_id: str, message: str = "no person found") -> dict[str, Any]:
    """Return the documented answer to a query whose task failed."""
    return business("200", "success", {"taskId": task_id, "taskStatus": "failed", "taskMessage": message})


def business(code: str, message: str, data: object = None) -> dict[str, Any]:
    """Return an answer of the business layer."""
    return {
        "code": "0",
        "requestId": "request-1",
        "success": code == gateway.OK,
        "resCode": code,
        "resMessage": message,
        "data": data,
    }


def refused(code: str, kind: str = "ISV", message: str = "refused") -> dict[str, Any]:
    """Return an answer of the gateway layer that says no."""
    return {"code": code, "type": kind, "message": message, "request_id": "request-2"}


def events_of(seen: list[Event], kind: type[Any]) -> list[Any]:
    """Return the events of one kind, in order."""
    return [event for event in seen if isinstance(event, kind)]


async def read_json(url: str) -> Any:
    """Return what a sandbox's control plane says at *url*."""
    async with httpx.AsyncClient(trust_env=False) as http:
        return json.loads((await http.get(url)).text)
