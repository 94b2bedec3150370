"""What a submit asks of the kernel, in which order: the disk before the wire, and the disk again before the caller."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aidge_async.sandbox.server import running_sandbox
from aidge_async.sandbox.settings import SandboxSettings
from tests.crash.children import ROOT

_CALLS = "connect,sendto,sendmsg,write,writev,recvfrom,recvmsg,read,pwrite64,fsync,fdatasync"
_KINDS = {
    "before": r'write\(1\S*, "before',
    "after": r'write\(1\S*, "after',
    "sent": r"(sendto|sendmsg|write|writev)\(\d+<TCP",
    "answered": r'(recvfrom|recvmsg|read)\(\d+<TCP.*"HTTP',
    "written": r"pwrite64\(\d+<[^>]*/journal-wal>",
    "synced": r"(fsync|fdatasync)\(\d+<[^>]*/journal-wal>",
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed"),
]


def traced(folder: Path, loop: str) -> list[str]:
    """Return what a submit did, in order: the syncs by their ends, all else by their beginnings."""
    trace = folder / "trace"
    with running_sandbox(SandboxSettings(duration=0)) as sandbox:
        child = [sys.executable, "-m", "tests.crash.one_submit", json.dumps(sandbox.announcement()), str(folder), loop]
        strace = ["strace", "-f", "-yy", "-s", "16", "-e", f"trace={_CALLS}", "-o", str(trace)]
        done = subprocess.run([*strace, *child], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    if "before" not in done.stdout and "ptrace" in done.stderr:
        pytest.skip("this machine does not let strace trace")
    assert done.stdout == "before\nafter\n", done.stderr
    return [kind for kind in map(_kind, _calls(trace)) if kind]


def _calls(trace: Path) -> Iterator[str]:
    """Yield each call once; what another thread interrupted comes at its end, where it waits for disk or peer."""
    begun: dict[str, str] = {}
    for line in trace.read_text(errors="replace").splitlines():
        pid, _, call = line.partition(" ")
        call = call.strip()
        waits = call.startswith(("fsync", "fdatasync", "recv", "read"))
        if call.endswith("<unfinished ...>"):
            begun[pid] = call
            if not waits:
                yield call
        elif not call.startswith("<... "):
            yield call
        elif begun[pid].startswith(("fsync", "fdatasync", "recv", "read")):
            # What was received is told at the end, to which file it belongs at the beginning.
            yield begun[pid].removesuffix("<unfinished ...>") + call.partition("resumed>")[2]


def _kind(call: str) -> str | None:
    return next((kind for kind, pattern in _KINDS.items() if re.match(pattern, call)), None)


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_disk_comes_before_wire_and_caller(loop: str, tmp_path: Path) -> None:
    """The intent is synced before the first byte leaves, and the task id before the caller sees it."""
    kinds = traced(tmp_path, loop)
    kinds = kinds[kinds.index("before") : kinds.index("after") + 1]
    sent, answered = kinds.index("sent"), kinds.index("answered")
    assert sent < answered
    for part in (kinds[:sent], kinds[answered:]):
        assert "written" in part
        assert "synced" in part[part.index("written") :]  # others who pace themselves in the same file write too
