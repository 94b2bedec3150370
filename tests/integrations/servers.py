"""`aidge-async serve` in a process of its own, on loopback, for tests."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import httpx
import uvicorn

from aidge_async.cli.options import JOURNAL_VARIABLE
from aidge_async.config import VARIABLES
from aidge_async.testing import SocketSandbox

PROGRAM = "import sys; from aidge_async.cli import main; sys.exit(main())"


@attrs.define(kw_only=True)
class Server:
    """Hold a server that runs: its address, its process, and what it said on stderr."""

    url: str
    process: "subprocess.Popen[str]"
    said: list[str]

    def end(self, number: signal.Signals = signal.SIGTERM, *, within: float = 60) -> float:
        """Send a signal, wait for the end, and return the seconds it took."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(within)
        return time.monotonic() - began

    def memory(self) -> int:
        """Return the bytes that its processes hold, at most so far (Linux)."""
        peaks = [_peak(pid) for pid in self.workers()]
        return max(peaks)

    def workers(self) -> list[int]:
        """Return the ids of the processes that answer."""
        spawned = [pid for pid in _children(self.process.pid) if "spawn_main" in _command(pid)]
        return spawned or [self.process.pid]


@contextlib.contextmanager
def serving(
    *arguments: object, sandbox: SocketSandbox | None = None, port: int = 0, before: str = ""
) -> Iterator[Server]:
    """
    Run `aidge-async serve` inside the block; it is ready when it is given.

    Args:
        arguments: What is typed behind `serve --port`.
        sandbox: The gateway; `None`: the command runs its own.
        port: Port; 0: a free one.
        before: Lines of Python that its process runs first.
    """
    environment = {
        name: value for name, value in os.environ.items() if name not in {*VARIABLES.values(), JOURNAL_VARIABLE}
    }
    process = subprocess.Popen(
        [sys.executable, "-c", before + PROGRAM, "serve", "--port", str(port), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**environment, **({} if sandbox is None else sandbox.environment())},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    said: list[str] = []
    listener = threading.Thread(target=lambda: said.extend(process.stderr or ()), daemon=True)
    listener.start()
    try:
        url = process.stdout.readline().strip()
        assert url, said
        _wait_until_answered(url, process)
        yield Server(url=url, process=process, said=said)
    finally:
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(40)
        process.kill()
        process.wait()
        listener.join(5)
        process.stdout.close()
        if not listener.is_alive():
            process.stderr.close()


@contextlib.contextmanager
def held_port() -> Iterator[int]:
    """Give a free port for a server that comes back under its address; nobody else is given it inside the block."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # who sets it too may listen there (Linux)
        holder.bind(("127.0.0.1", 0))
        yield int(holder.getsockname()[1])


@contextlib.contextmanager
def http_to(app: Any) -> Iterator[httpx.Client]:
    """Run an application under uvicorn in a thread, and give a client of it."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on", timeout_graceful_shutdown=2))
    thread = threading.Thread(target=lambda: server.run(sockets=[listener]), daemon=True)
    thread.start()
    try:
        give_up_at = time.monotonic() + 60
        while not server.started:
            assert thread.is_alive()
            assert time.monotonic() < give_up_at
            time.sleep(0.02)
        url = f"http://localhost:{listener.getsockname()[1]}"
        with httpx.Client(base_url=url, trust_env=False, timeout=30) as http:
            yield http
    finally:
        server.should_exit = True
        thread.join(40)
        listener.close()


def _wait_until_answered(url: str, process: "subprocess.Popen[str]") -> None:
    give_up_at = time.monotonic() + 90
    while True:
        assert process.poll() is None
        assert time.monotonic() < give_up_at
        with contextlib.suppress(httpx.TransportError):
            httpx.get(url + "about", trust_env=False, timeout=5).raise_for_status()
            return
        time.sleep(0.05)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


def _peak(pid: int) -> int:
    lines: Mapping[str, str] = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) * 1024
