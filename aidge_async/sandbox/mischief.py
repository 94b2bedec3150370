"""
Carries out faults: stands at the door of the gateway and of the object store, and counts who comes through it.

An ASGI middleware round both, so that neither knows of faults. Which rule strikes is decided in `faults.py`, what an
answer becomes in the kinds; here is only when things happen, and in which order.
"""

import random
from collections.abc import Callable
from typing import Final, assert_never

import anyio
import anyio.lowlevel
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aidge_async._core import gateway
from aidge_async.sandbox.answers import Answer, Catch, marks
from aidge_async.sandbox.calls import CLOCK_EXTENSION, clock_offset, kind_of_api
from aidge_async.sandbox.fault_rules import Cut, Delivery, Drip, Fault, Never, Strike, Whole
from aidge_async.sandbox.faults import Fate
from aidge_async.sandbox.objects import OBJECTS_PATH
from aidge_async.sandbox.wire import InProcessWire, Wire, wire_of
from aidge_async.sandbox.world import World

_LAST_WORD: Final = (b"connection", b"close")


class Mischief:
    """ASGI middleware that strikes calls with the faults of a world."""

    def __init__(self, app: ASGIApp, world: World) -> None:
        self._app = app
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a call on, or strike it; what is neither for the gateway nor for a picture is none of our business."""
        path: str = scope.get("path", "")
        if path.startswith(gateway.PATH_PREFIX + "/"):
            path = path.removeprefix(gateway.PATH_PREFIX)
            self._world.tally.arrive(path, self._world.monotonic())
        elif not path.startswith(OBJECTS_PATH + "/"):
            await self._app(scope, receive, send)
            return
        kind = kind_of_api(path)
        fate = self._world.faults.decide(kind, path)
        content = _Content(receive, fate.fault, told=lambda: self._world.tally.receive(path, kind))
        if kind == "object":
            await content.read()  # the object store itself never asks for it, and it is to be counted
        elif fate.fault is not None:
            self._world.tally.strike(path, fate.fault.kind)
        call = _Call(self._app, self._world, _dated(scope, fate), content, send)
        await (call.pass_on() if fate.fault is None else call.strike(fate.fault, fate))


def _dated(scope: Scope, fate: Fate) -> Scope:
    if not fate.clock_offset:
        return scope
    return {**scope, "extensions": {**scope.get("extensions", {}), CLOCK_EXTENSION: fate.clock_offset}}


class _Content:
    """An ASGI `receive` that tells when the content has been read to its end, and waits there if a fault wants it."""

    def __init__(self, receive: Receive, fault: Fault | None, *, told: Callable[[], None]) -> None:
        self._receive = receive
        self._unread = fault is not None and not fault.reads
        self._wait = 0.0 if fault is None else fault.wait_before
        self._told = told
        self._whole = False

    async def __call__(self) -> Message:
        """Return the next piece; the last one only after the wait."""
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body", False) and not self._whole:
            self._whole = True
            self._told()
            await self.pause(self._wait)
        return message

    async def read(self) -> bool:
        """Read what is left, if it is to be read at all, and tell whether it came to its end."""
        while not self._whole and not self._unread:
            if (await self())["type"] == "http.disconnect":
                break
        return self._whole

    async def pause(self, seconds: float) -> bool:
        """After the content's end, wait so long or until the caller goes; tell whether it is still there."""
        if seconds <= 0:
            await anyio.lowlevel.checkpoint()
            return True
        with anyio.move_on_after(seconds) as scope:
            while (await self._receive())["type"] != "http.disconnect":
                pass
        return scope.cancelled_caught


class _Call:
    """One call that came through the door."""

    def __init__(self, app: ASGIApp, world: World, scope: Scope, content: _Content, send: Send) -> None:
        self._app = app
        self._world = world
        self._scope = scope
        self._content = content
        self._send = send

    async def pass_on(self) -> None:
        """Let the gateway answer."""
        await self._app(self._scope, self._content, self._send)

    async def strike(self, fault: Fault, fate: Fate) -> None:
        """Let the gateway do the work or not, spoil its answer, and deliver that or not."""
        now = self._world.wall() + clock_offset(self._scope)
        answer = await self._answer(fault, now)
        if answer is None:
            return
        chance = random.Random(fate.seed)  # noqa: S311  bytes that mean nothing, the same again
        strike = Strike(request_id=self._world.next_request_id(), now=now, chance=chance)
        spoiled = fault.spoil(answer, strike)
        await self._content.pause(fault.wait_after)
        await self._deliver(spoiled, fault.delivery())

    async def _answer(self, fault: Fault, now: float) -> Answer | None:
        """Return what there is to spoil; `None` where the caller went before its call was whole."""
        if fault.accepts:
            caught = Catch()
            await self._app(self._scope, self._content, caught)
            return caught.answer()
        if fault.reads and not await self._content.read():
            return None
        return Answer(headers=marks(now))

    async def _deliver(self, answer: Answer, delivery: Delivery) -> None:
        wire = wire_of(self._scope)
        match delivery:
            case Whole():
                await answer.send(self._send)
            case Cut(at=at, how=how):
                wire.write(self._bytes(answer)[:at])
                await (wire.close() if how == "close" else wire.abort())
            case Never(seconds=seconds):
                await self._content.pause(seconds)
                await wire.close()
            case Drip(interval=interval):
                await self._drip(answer, interval, wire)
            case _:
                assert_never(delivery)

    async def _drip(self, answer: Answer, interval: float, wire: Wire) -> None:
        content = self._bytes(answer.changed(_LAST_WORD))
        if isinstance(wire, InProcessWire):  # the answer is whole in the end, and nobody sees its bytes come
            await self._content.pause(interval * len(content))
            await answer.send(self._send)
            return
        for byte in content:
            wire.write(bytes([byte]))
            if not await self._content.pause(interval):
                break
        await wire.close()

    def _bytes(self, answer: Answer) -> bytes:
        return answer.as_bytes(head_only=self._scope["method"] == "HEAD")
