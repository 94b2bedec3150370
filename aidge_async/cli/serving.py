"""
The processes of `aidge-async serve`: workers that share a socket and a journal, and a sandbox of its own behind them.

Workers are made by uvicorn from `make`, which reads what they are to be from the environment; the secret goes no other
way either. asyncio and uvicorn are at home here alone.
"""

import json
import multiprocessing
import multiprocessing.connection
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final, Literal

import attrs
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from uvicorn.supervisors import Multiprocess

from aidge_async import AidgeClient, Limits
from aidge_async.cli.exits import UsageError
from aidge_async.cli.sandbox_beside import running_beside
from aidge_async.config import VARIABLES
from aidge_async.integrations.asgi import lifespan, tasks_app
from aidge_async.integrations.asgi._access import LOOPBACK_HOSTS

_VARIABLE: Final = "AIDGE_SERVE"  # what `Serving` says, as JSON; for our own workers only
_BACKLOG: Final = 2048
_KEEP_ALIVE: Final = 75  # seconds, as nginx does by default
# Seconds for answers that are under way; streams have said goodbye by then, and who does not read is cut off.
_ANSWERED_WITHIN: Final = 3
_STARTED_ANEW: Final = (signal.SIGINT, signal.SIGTERM)


@attrs.frozen(kw_only=True)
class Serving:
    """
    Say what is served; `aidge-async serve` explains each.

    Args:
        folder: Where the pictures go.
        journal: The journal's file.
        budget: Pictures that may be billed in all.
        max_waiting: Tasks that may wait.
        allowed_hosts: Names beside those of this machine.
        drain: Seconds for what is in flight at the end.
        submit_rate: Submits a second.
        query_rate: Queries a second.
        workers: Processes.
    """

    folder: str
    journal: str
    budget: int | None
    max_waiting: int
    allowed_hosts: tuple[str, ...]
    drain: float
    submit_rate: float | Literal["learn"] | None
    query_rate: float | Literal["learn"] | None
    workers: int

    def client(self) -> AidgeClient:
        """Return a client, not yet open."""
        limits = Limits(submit_rate=self.submit_rate, query_rate=self.query_rate)
        return AidgeClient.from_env(journal=self.journal, budget=self.budget, limits=limits)

    def app(self) -> Starlette:
        """
        Return the application.

        Raises:
            SettingsError: A value is of the wrong form.
        """
        tasks = tasks_app(
            folder=self.folder,
            allow_anonymous=True,  # `serve` listens on loopback, or was told so in these words
            max_waiting=self.max_waiting,
            allowed_hosts=(*LOOPBACK_HOSTS, *self.allowed_hosts),
        )
        return Starlette(routes=[Mount("/", tasks)], lifespan=lifespan(self.client, drain=self.drain))


def make() -> Starlette:
    """Return the application of a worker; uvicorn calls it in each."""
    serving = Serving(**json.loads(os.environ[_VARIABLE]))
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), name="aidge-parent", daemon=True).start()
    return serving.app()


def run(
    serving: Serving, *, host: str, port: int, with_sandbox: bool, announce: Callable[[str, str | None], None]
) -> bool:
    """
    Serve until SIGTERM or SIGINT, and return whether it could be started.

    Args:
        serving: What is served.
        host: Address to listen on.
        port: Port; 0 takes a free one.
        with_sandbox: Whether the gateway is a sandbox of our own.
        announce: Is told the page's address and the sandbox's.

    Raises:
        UsageError: The address cannot be listened on, or the sandbox does not start.
        SettingsError: A value is of the wrong form.
    """
    serving.app()  # or each worker would say what is wrong with it
    with ExitStack() as stack:
        listener = stack.enter_context(_listener(host, port))
        sandbox_url = None
        if with_sandbox:
            facts = stack.enter_context(running_beside())
            sandbox_url = facts["url"]
            names = {"base_url": "url", "key_name": "key_name", "key_secret": "key_secret"}
            os.environ.update({VARIABLES[name]: facts[fact] for name, fact in names.items()})
        os.environ[_VARIABLE] = json.dumps(attrs.asdict(serving))
        stack.enter_context(_signals_kept())
        announce(_url(host, listener.getsockname()[1]), sandbox_url)
        return _supervise(_config(serving), listener)


def _config(serving: Serving) -> uvicorn.Config:
    return uvicorn.Config(
        "aidge_async.cli.serving:make",
        factory=True,
        workers=serving.workers,
        lifespan="on",
        ws="none",
        log_config=None,  # what it logs as a warning or worse goes to stderr
        access_log=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_ANSWERED_WITHIN,
    )


def _supervise(config: uvicorn.Config, listener: socket.socket) -> bool:
    if config.workers == 1:
        server = uvicorn.Server(config)
        server.run(sockets=[listener])
        return server.started
    supervisor = Multiprocess(config, sockets=[listener])
    supervisor.run()
    return any(process.exitcode in {0, -signal.SIGTERM} for process in supervisor.processes)


@contextmanager
def _signals_kept() -> Iterator[None]:
    """uvicorn sends itself the signal once more after it has ended by it; that must not be a death by signal."""
    former = {number: signal.signal(number, lambda *_: None) for number in _STARTED_ANEW}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _end_with(sentinel: int) -> None:
    """End this worker when its parent is gone: an orphan would hold the socket, and nobody would start it anew."""
    multiprocessing.connection.wait([sentinel])
    os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def _listener(host: str, port: int) -> Iterator[socket.socket]:
    try:
        # With its protocol number: asyncio sets TCP_NODELAY by that, and answers would wait 40 ms without.
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as exc:
        raise UsageError(f"cannot listen on --host {host} ({exc}); name an address of this machine") from None
    with listener:
        try:
            if os.name == "posix":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(_BACKLOG)
        except OSError as exc:
            raise UsageError(
                f"cannot listen on {host} port {port} ({exc.strerror or exc}); end what listens there, or name another "
                "--port"
            ) from None
        yield listener


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
