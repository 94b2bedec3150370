"""
The tasks app in a process of its own, on a loopback socket, with two principals; and a caller that keeps all it hears.

`python -m tests.matrix.tasks_target FOLDER` serves; the gateway is named by the environment. Attacks lie in the row.
"""

import contextlib
import http.client
import json
import os
import resource
import select
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs
import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount

from aidge_async import AidgeClient, Limits, Polling
from aidge_async.integrations.asgi import _reading, lifespan, tasks_app
from aidge_async.testing import SocketSandbox
from tests.matrix.attacked import Attacked
from tests.test_secrets import find

MAX_WAITING: Final = 12
MAX_OPEN: Final = 50
READ_WITHIN: Final = 3.0  # seconds, instead of 60: a row must not wait a minute
_PATIENCE: Final = 10.0
_ADDRESSES: Final = 4 * 1024**3  # bytes; threads reserve much that they never touch
_ROOT: Final = Path(__file__).parents[2]
_MEDIA_TYPE: Final = "application/problem+json"
ANNA: Final = {"X-Who": "anna"}
BERT: Final = {"X-Who": "bert"}


@attrs.frozen
class Heard:
    """Hold an answer."""

    status: int
    kind: str
    content: bytes
    fields: Mapping[str, str]

    @property
    def value(self) -> Any:
        """Return the JSON value."""
        return json.loads(self.content)

    @property
    def is_problem(self) -> bool:
        """Return whether it is a problem document of its own status."""
        return self.kind == _MEDIA_TYPE and bool(self.value["status"] == self.status)


@attrs.define(kw_only=True)
class TasksApp(Attacked):
    """The tasks app as it is attacked."""

    port: int
    folder: Path
    sandbox: SocketSandbox

    def ask(
        self,
        method: str,
        path: str,
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        by: Mapping[str, str] = ANNA,
    ) -> Heard:
        """Send a message as it is given, and return the answer; a secret in it is wrong."""
        with contextlib.closing(self.opened(method, path, content, headers, by=by)) as raw:
            return self.heard(raw, method)

    def opened(
        self,
        method: str,
        path: str,
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        by: Mapping[str, str] = ANNA,
    ) -> socket.socket:
        """Return a connection on which a message was sent."""
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=_PATIENCE)
        fields = {"Host": f"localhost:{self.port}", **by, **(headers or {})}
        if "Transfer-Encoding" not in fields:
            fields.setdefault("Content-Length", str(len(content)))
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
        raw.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + content)
        return raw

    def heard(self, raw: socket.socket, method: str = "GET") -> Heard:
        """Return the answer on a connection."""
        reply = http.client.HTTPResponse(raw, method=method)
        reply.begin()
        heard = Heard(reply.status, reply.headers.get("content-type", ""), reply.read(), dict(reply.headers.items()))
        self.clean(f"an answer with {heard.status}", heard.content + str(heard.fields).encode())
        return heard

    def clean(self, name: str, content: bytes) -> None:
        """Note it where something secret is in *content*."""
        hits = find(content.decode("latin-1"))
        if hits:
            self.wrong.append(f"{name} shows {hits}: {content[:200]!r}")

    def refused(
        self,
        name: str,
        status: int,
        asked: tuple[str, str],
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        by: Mapping[str, str] = ANNA,
    ) -> None:
        """Hold that a message is refused with *status* and a problem document."""
        heard = self.ask(*asked, content, headers, by=by)
        self.must(name, (heard.status, heard.is_problem), (status, True))

    def poured(self, path: str, headers: Mapping[str, str], pieces: Iterator[bytes], by: Mapping[str, str]) -> Heard:
        """Send pieces until there is an answer, as one who does not listen before it must."""
        with contextlib.closing(self.opened("POST", path, b"", headers, by=by)) as raw:
            for piece in pieces:
                if select.select([raw], [], [], 0)[0]:
                    break
                try:
                    raw.sendall(piece)
                except OSError:  # it has hung up; what it said before can be read
                    break
            return self.heard(raw, "POST")

    def buy(
        self, photo: bytes, *, key: str | None = None, by: Mapping[str, str] = ANNA, kind: str = "image/jpeg"
    ) -> Heard:
        """Ask for a picture of a photo."""
        values = {"model": "universal_model_1", "count": "1", "dimension": "512"}
        form = httpx.Request("POST", "http://x", data=values, files={"image": ("look", photo, kind)})
        headers = {"Content-Type": form.headers["content-type"], **({} if key is None else {"Idempotency-Key": key})}
        return self.ask("POST", "/tasks", form.read(), headers, by=by)


@contextlib.contextmanager
def attacked(folder: Path, sandbox: SocketSandbox) -> Iterator[TasksApp]:
    """Run the application inside the block; what it says must hold no traceback and no secret."""
    command = [sys.executable, "-m", __name__, str(folder)]
    environment = {**os.environ, **sandbox.environment()}
    with (
        (folder / "stderr").open("w") as said_to,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=said_to, text=True, cwd=_ROOT, env=environment
        ) as process,
    ):
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            yield TasksApp(name="tasks app", process=process, port=port, folder=folder, sandbox=sandbox)
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE)
            process.kill()  # a thread that reads a pipe for good would hold it, and us
    said = (folder / "stderr").read_text()
    assert "Traceback" not in said, said[-2000:]
    assert find(said) == []


def _who(request: Request) -> str | None:
    return request.headers.get("x-who")


def main(folder: Path) -> None:
    """Serve until SIGTERM; the port is printed once it can be asked."""
    resource.setrlimit(
        resource.RLIMIT_AS, (_ADDRESSES, _ADDRESSES)
    )  # whoever reads /dev/zero fails here, not the machine
    _reading._READ_WITHIN = READ_WITHIN  # type: ignore[misc]  # a minute is too long for a row
    limits = Limits(submit_rate=None, query_rate=None)

    def client() -> AidgeClient:
        return AidgeClient.from_env(journal=folder / "journal.db", polling=Polling.every(1), limits=limits)

    tasks = tasks_app(folder=folder / "out", authenticate=_who, max_waiting=MAX_WAITING, max_open=MAX_OPEN)
    app = Starlette(routes=[Mount("/", tasks)], lifespan=lifespan(client, drain=0))
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        print(listener.getsockname()[1], flush=True)  # noqa: T201  who started it reads it
        config = uvicorn.Config(app, log_level="warning", lifespan="on", ws="none", timeout_graceful_shutdown=2)
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
