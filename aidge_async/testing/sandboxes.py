"""
Sandboxes for tests: one in the process, without a socket, and one on a loopback socket; both with the same face.

What they emulate is the sandbox's matter.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self, Unpack

import anyio

from aidge_async import AidgeClient
from aidge_async._options import ClientOptions
from aidge_async.sandbox.app import make_app
from aidge_async.sandbox.server import RunningSandbox, running_sandbox
from aidge_async.sandbox.settings import SandboxSettings
from aidge_async.sandbox.world import World
from aidge_async.testing.clock import EPOCH
from aidge_async.testing.wires import InProcessTransport


class _Sandbox:
    """What both kinds share: the oracle and the faults."""

    def __init__(self, world: World) -> None:
        self.world = world

    def ledger(self) -> list[dict[str, Any]]:
        """Return what was really bought, a line a submit: task_id, fingerprint, count, trial and more."""
        return [dict(line) for line in self.world.ledger()]

    def statistics(self) -> dict[str, Any]:
        """Return calls and codes by API path, arrivals, and for each task how late its end was seen."""
        return dict(self.world.statistics())

    def fault(self, calls: str, kind: str, **fields: Any) -> None:
        """
        Break calls from now on, as `fault("submit", "accept_then_drop", next=1)`.

        Args:
            calls: `submit`, `query`, `object` (picture links), `any`, or an API path.
            kind: What happens; `aidge_async/sandbox/faults.py` has the table.
            fields: When (`probability`, `nth` or `next`, and `seed`) and what the kind takes.

        Raises:
            SandboxError: No such calls, kind or field; nothing is changed.
        """
        self.world.faults.add({"calls": calls, "kind": kind, **fields})

    def clear_faults(self) -> None:
        """Break nothing any more."""
        self.world.faults.clear()


class InProcessSandbox(_Sandbox):
    """
    A sandbox in this process, without a socket; it works in virtual time too.

    Pictures are drawn and saved in worker threads, which virtual time does not move: save in real time.

    Args:
        settings: What it is told to be, such as `SandboxSettings(duration=30, rate_limit=2)`.
    """

    def __init__(self, settings: SandboxSettings | None = None) -> None:
        super().__init__(World(settings, monotonic=anyio.current_time, wall=_wall_clock))
        self._transport = InProcessTransport(make_app(self.world))

    def client(self, **options: Unpack[ClientOptions]) -> AidgeClient:
        """Return a client of it; open it with `async with`. Options are those of `AidgeClient`."""
        options["transport"] = options["download_transport"] = self._transport
        options.setdefault("wall_clock", _wall_clock)
        options.setdefault("base_url", "http://localhost")
        return AidgeClient(self.world.settings.key_name, self.world.settings.key_secret, **options)


class SocketSandbox(_Sandbox):
    """
    A sandbox on a loopback socket, in a thread of its own; get it from `SocketSandbox.run`.

    Args:
        running: The server.
    """

    def __init__(self, running: RunningSandbox) -> None:
        super().__init__(running.world)
        self.url = running.url
        self.key_name = running.key_name
        self.key_secret = running.key_secret

    @classmethod
    @contextmanager
    def run(cls, settings: SandboxSettings | None = None) -> Iterator[Self]:
        """Run one while the block lasts."""
        with running_sandbox(settings) as running:
            yield cls(running)

    def client(self, **options: Unpack[ClientOptions]) -> AidgeClient:
        """Return a client of it; open it with `async with`. Options are those of `AidgeClient`."""
        options.setdefault("base_url", self.url)
        return AidgeClient(self.key_name, self.key_secret, **options)

    def environment(self) -> dict[str, str]:
        """Return the variables with which `AidgeClient.from_env` and the command line find it."""
        return {
            "AIDGE_BASE_URL": self.url,
            "AIDGE_ACCESS_KEY_NAME": self.key_name,
            "AIDGE_ACCESS_KEY_SECRET": self.key_secret,
        }


def _wall_clock() -> float:
    """Return epoch seconds that go as the event loop's time does, virtual or not."""
    return EPOCH + anyio.current_time()
