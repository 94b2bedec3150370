"""R1: a gateway that cannot be reached: nothing is bought twice, nothing is lost, and all complete once it heals."""

import functools
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import anyio
import attrs
import pytest
import trustme

from aidge_async import Deadlines, Polling, Succeeded
from aidge_async._options import ClientOptions
from aidge_async.events import Event, SubmitPostponed
from aidge_async.sandbox.server import RunningSandbox, running_sandbox
from aidge_async.sandbox.settings import SandboxSettings
from tests.chaos import ChaosProxy, Trouble, chaos_proxy
from tests.matrix.scoring import Score
from tests.matrix.wire import LOOPS, client_behind, looks
from tests.support import events_of

SEED: Final = 71
AILING: Final = 1.2  # seconds; with waits of 0.25 to 0.5 and 0.5 to 1 s some two attempts fail
DEADLINE: Final = 30.0
_LEAST, _MOST = 0.25, 0.5  # seconds of the first wait; each further one is twice as long


@attrs.frozen
class Ground:
    """Where a fault is made: the proxy, the sandbox behind it, and what the client is told of the way."""

    proxy: ChaosProxy
    sandbox: RunningSandbox
    options: ClientOptions
    monkeypatch: pytest.MonkeyPatch


Heal = Callable[[], None]


def no_name(ground: Ground) -> Heal:
    """Let the gateway's name not be found."""
    found = socket.getaddrinfo
    ailing = [True]

    def lost(host: Any, *rest: Any, **named: Any) -> Any:
        if ailing and host in {"localhost", b"localhost"}:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return found(host, *rest, **named)

    ground.options["base_url"] = ground.proxy.url.replace("127.0.0.1", "localhost")
    ground.monkeypatch.setattr(socket, "getaddrinfo", lost)
    return ailing.clear


def refused(ground: Ground) -> Heal:
    """Let nobody listen."""
    ground.proxy.door("refuse")
    return lambda: ground.proxy.door("open")


def black_hole(ground: Ground) -> Heal:
    """Drop what knocks."""
    ground.proxy.door("black_hole")
    return lambda: ground.proxy.door("open")


def broken_handshake(ground: Ground) -> Heal:
    """Corrupt the server's part of the TLS handshake."""
    ground.proxy.trouble(Trouble(kind="corrupt", at=1, size=64))
    return ground.proxy.trouble


def proxy_refuses(ground: Ground) -> Heal:
    """Let the HTTP proxy on the way say 403 to CONNECT."""
    ground.options["proxy"] = f"http://127.0.0.1:{ground.proxy.port}"
    ground.options["base_url"] = ground.sandbox.url
    ground.proxy.refuses_tunnels = True
    return lambda: setattr(ground.proxy, "refuses_tunnels", False)


FAULTS: Final[dict[str, Callable[[Ground], Heal]]] = {
    "name not found": no_name,
    "refused": refused,
    "black hole": black_hole,
    "TLS broken": broken_handshake,
    "proxy says 403": proxy_refuses,
}


@attrs.frozen
class Seen:
    """What came of one fault on one loop."""

    completed: int
    sold: list[str]
    waits: list[tuple[int, float]]

    def is_right(self, items: int) -> bool:
        """Return whether each item was sold once, and all were sent again after waits that grow and are not equal."""
        grown = all(_LEAST * 2 ** (n - 1) <= wait <= _MOST * 2 ** (n - 1) for n, wait in self.waits)
        jittered = len({wait for _, wait in self.waits}) == len(self.waits)
        once = len(set(self.sold)) == len(self.sold) == items == self.completed
        return once and grown and jittered and len(self.waits) >= items


async def bought_while_ailing(ground: Ground, heal: Heal, items: int) -> Seen:
    """Buy so many at once while the fault is there; it heals by and by."""
    seen: list[Event] = []
    completed: list[str] = []
    ground.options["observers"] = [seen.append]
    client = client_behind(ground.proxy, ground.sandbox, **ground.options)
    async with client as aidge, anyio.create_task_group() as group:

        async def buy() -> None:
            async with aidge.batch(looks(items), brake=None, deadline=DEADLINE) as outcomes:
                completed.extend([outcome.key async for outcome in outcomes if isinstance(outcome, Succeeded)])

        group.start_soon(buy)
        await anyio.sleep(AILING)
        heal()
    sold = [str(line["fingerprint"]) for line in ground.sandbox.world.ledger()]
    waits = [(event.attempt, event.wait) for event in events_of(seen, SubmitPostponed)]
    return Seen(len(completed), sold, waits)


def test_R01_unreachable_gateway(score: Score, full: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was certainly not sent is sent again with jittered backoff, bought once, and completes after healing."""
    items = 40 if full else 12
    authority = trustme.CA()
    authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    for name, fault in FAULTS.items():
        certfile = str(tmp_path / "server.pem") if fault in {broken_handshake, proxy_refuses} else None
        for loop in LOOPS:
            settings = SandboxSettings(duration=0.001)
            with running_sandbox(settings, certfile=certfile) as sandbox, chaos_proxy(sandbox.url, seed=SEED) as proxy:
                options = ClientOptions(
                    deadlines=Deadlines(connect=0.3, unreachable=None), polling=Polling.every(1), ssl_context=trusting
                )
                with monkeypatch.context() as patched:
                    ground = Ground(proxy, sandbox, options, patched)
                    heal = fault(ground)
                    seen = anyio.run(functools.partial(bought_while_ailing, ground, heal, items), backend=loop)
            score(
                f"{name} for {AILING:g} s under {items} submits, then healed; {loop}, seed {SEED}",
                f"{seen.completed} complete, {len(set(seen.sold))} sold once, {len(seen.waits)} sent again",
                f"{items} complete, sold once; waits jittered, growing",
                seen.is_right(items),
            )
