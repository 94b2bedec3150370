"""
The sandbox in a process of its own, so that a client's figures are not the server's.

On a machine of few cores it still takes its share: `cpu_seconds` says how much, and a report whose server was busy all
the time must say so. As a script it is that process.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import attrs

from aidge_async.sandbox import SandboxSettings

Wish = str | dict[str, object]
"""A fault, as `aidge_async/sandbox/faults.py` has them."""

_ROOT: Final = Path(__file__).parent.parent
_PATIENCE: Final = 30.0  # seconds until it must be ready, answer a question or have ended
_DIRECTLY: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@attrs.frozen(kw_only=True)
class GatewayProcess:
    """
    A sandbox in another process.

    Args:
        url: Base URL, without a trailing slash.
        key_name: The made-up key that it knows.
        key_secret: Its made-up secret.
        pid: The process.
    """

    url: str
    key_name: str
    key_secret: str = attrs.field(repr=False)
    pid: int

    def ledger(self) -> list[dict[str, Any]]:
        """Return what was really bought, a line a submit."""
        accepted: list[dict[str, Any]] = self._ask("ledger")["accepted"]
        return accepted

    def statistics(self) -> dict[str, Any]:
        """Return calls and codes by API path, arrivals, and for each task how late its end was seen."""
        return self._ask("statistics")

    def change_settings(self, **changes: object) -> None:
        """Change durations, limits or quotas from now on."""
        self._ask("settings", changes)

    def reset(self) -> None:
        """Forget tasks and counts, and go back to the settings of the start."""
        self._ask("reset", {})

    def cpu_seconds(self) -> float:
        """Return what the process has used so far, user and system; NaN where there is no /proc."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            return float("nan")
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _ask(self, what: str, content: dict[str, object] | None = None) -> dict[str, Any]:
        sent = None if content is None else json.dumps(content).encode()
        call = urllib.request.Request(f"{self.url}/_sandbox/{what}", sent, {"content-type": "application/json"})
        with _DIRECTLY.open(call, timeout=_PATIENCE) as reply:
            answer: dict[str, Any] = json.load(reply)
        return answer


@contextlib.contextmanager
def gateway_process(
    settings: SandboxSettings | None = None, *, faults: Iterable[Wish] = ()
) -> Iterator[GatewayProcess]:
    """
    Run a sandbox in another process while the block lasts.

    It ends with the block, whatever happens in it, and by itself should this process die.

    Args:
        settings: What it is told to be; the defaults where left out.
        faults: The rules of faults at the start.
    """
    told = json.dumps({"settings": attrs.asdict(settings or SandboxSettings()), "faults": list(faults)})
    command = [sys.executable, "-m", "benchmarks.gateway", told]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_ROOT)
    try:
        assert process.stdout is not None, "a pipe was asked for"
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("the sandbox's process ended before it was ready; what it said is above")
        yield GatewayProcess(**json.loads(line), pid=process.pid)
    finally:
        _stop(process)


def _stop(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.communicate(timeout=_PATIENCE)  # closes the pipes as well
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def _serve(told: str) -> None:
    """Be the process: serve until told to stop, or until the parent has gone and its pipe has closed."""
    from aidge_async.sandbox.server import serve

    def watch() -> None:
        os.read(0, 1)  # not sys.stdin, whose lock a daemon thread would hold when Python ends
        os.kill(os.getpid(), signal.SIGTERM)

    facts = json.loads(told)
    threading.Thread(target=watch, daemon=True).start()  # a daemon: nobody waits at exit for what it reads
    settings = SandboxSettings(**facts["settings"])
    serve(settings, faults=facts["faults"], announce=lambda found: print(json.dumps(found), flush=True))


if __name__ == "__main__":
    _serve(sys.argv[1])
