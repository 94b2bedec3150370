"""The sandbox on a socket: started, stopped, and beside a client's own event loop."""

import json
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import trustme

from aidge_async.sandbox import gallery, server
from aidge_async.sandbox.checks import SandboxError
from aidge_async.sandbox.server import running_sandbox, serve
from aidge_async.sandbox.settings import SandboxSettings
from aidge_async.sandbox.wire import WIRE_EXTENSION
from tests.sandbox.by_hand import PHOTO, QUERY, SUBMIT, element, sign_v2, wrapped

COMMAND = """
import json
from aidge_async.sandbox.server import serve
serve(announce=lambda ready: print(json.dumps(ready), flush=True))
"""


def test_picture_goes_the_whole_way() -> None:
    """Submit, query and download work over a real socket."""
    with running_sandbox(SandboxSettings(duration=0)) as sandbox, httpx.Client(base_url=sandbox.url) as http:
        signed = sign_v2(sandbox.key_name, sandbox.key_secret)
        task = http.post(f"/rest{SUBMIT}", params=signed, json=wrapped(element(count=1, dimension=512))).json()
        task_id = task["data"]["result"]["taskId"]
        answer = http.post(f"/rest{QUERY}", params=signed, json={"taskId": task_id}).json()
        (result,) = answer["data"]["taskResult"]
        assert result["url"].startswith(f"{sandbox.url}/_sandbox/objects/{task_id}/1.jpg?")
        assert http.get(result["url"]).status_code == 200
        assert http.get("/_sandbox/ledger").json()["accepted"][0]["task_id"] == task_id


def test_stop_is_quick_and_leaves_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """With idle and half-open connections the sandbox is gone at once, thread and port too; it waits for nobody."""
    threads, ended = set(threading.enumerate()), list[tuple[float, bytes]]()
    with ExitStack() as stack, running_sandbox() as sandbox, httpx.Client(base_url=sandbox.url) as http:
        http.get("/")
        half_sent = stack.enter_context(socket.create_connection(("127.0.0.1", int(sandbox.url.rpartition(":")[2]))))
        half_sent.sendall(b"POST /rest/x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
        deadline = time.monotonic() + 5
        while "/x" not in http.get("/_sandbox/statistics").json()["apis"]:
            assert time.monotonic() < deadline
        started = time.monotonic()
        stack.callback(lambda: ended.append((time.monotonic() - started, half_sent.recv(1))))
    assert [(took < 3, left) for took, left in ended] == [(True, b"")]  # 0.1 s on an idle machine
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []
    assert set(threading.enumerate()) <= threads  # an idle worker thread of an earlier test may have ended meanwhile
    with pytest.raises(httpx.ConnectError, match="refused"):
        httpx.get(sandbox.url)


def test_stop_does_not_wait_for_a_drawing(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A picture that is still being drawn does not hold up the end, and nothing is logged about it."""
    begun, go_on = threading.Event(), threading.Event()

    def draw(*_: object) -> tuple[bytes, ...]:
        begun.set()
        go_on.wait()
        return (b"",)

    monkeypatch.setattr(gallery, "draw", draw)
    with running_sandbox(SandboxSettings(duration=0)) as sandbox, httpx.Client(base_url=sandbox.url) as http:
        signed = sign_v2(sandbox.key_name, sandbox.key_secret)
        task = http.post(f"/rest{SUBMIT}", params=signed, json=wrapped(element(count=1))).json()
        asked = {**signed, "taskId": task["data"]["result"]["taskId"]}
        link = urlsplit(http.get(f"/rest{QUERY}", params=asked).json()["data"]["taskResult"][0]["url"])
        waiting = socket.create_connection((link.hostname or "", link.port or 0))
        waiting.sendall(f"GET {link.path}?{link.query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert begun.wait(5)
        started = time.monotonic()
    assert time.monotonic() - started < 3  # 0.1 s on an idle machine; a drawing takes until it is let go
    go_on.set()
    waiting.close()
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []


def test_error_in_the_block_stops_the_sandbox() -> None:
    """Whatever ends the block ends the server, and is not hidden."""
    with pytest.raises(RuntimeError, match="from the block"), running_sandbox() as sandbox:
        raise RuntimeError("from the block")
    with pytest.raises(httpx.ConnectError, match="refused"):
        httpx.get(sandbox.url)


def test_two_sandboxes_live_side_by_side() -> None:
    """Each has a port and a world of its own."""
    with running_sandbox() as one, running_sandbox(SandboxSettings(key_name="another")) as other:
        assert one.url != other.url
        assert httpx.get(f"{other.url}/_sandbox/health").json()["status"] == "ok"
        assert (one.key_name, other.key_name) == ("sandbox-512345", "another")
        assert "made-up" not in repr(one)


def test_https_links_are_https(tmp_path: Path) -> None:
    """With a certificate the sandbox speaks TLS, and its links do."""
    authority = trustme.CA()
    certificate = tmp_path / "loopback.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    settings = SandboxSettings(duration=0)
    with running_sandbox(settings, certfile=str(certificate)) as sandbox, httpx.Client(verify=trust) as http:
        assert sandbox.url.startswith("https://127.0.0.1:")
        signed = sign_v2(sandbox.key_name, sandbox.key_secret)
        task = http.post(f"{sandbox.url}/rest{SUBMIT}", params=signed, json=wrapped(element(dimension=512))).json()
        asked = {**signed, "taskId": task["data"]["result"]["taskId"]}
        answer = http.get(f"{sandbox.url}/rest{QUERY}", params=asked).json()
        assert http.get(answer["data"]["taskResult"][0]["url"]).headers["content-type"] == "image/jpeg"


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"host": "no.such.host.invalid"}, "cannot listen on 'no.such.host.invalid'"),
        ({"port": 99_999}, "'port' must be from 0 to 65535 \\(got 99999\\)"),
        ({"host": "192.0.2.1"}, "cannot listen on 192.0.2.1 port 0"),
        ({"certfile": "/no/such/file.pem"}, "the certificate '/no/such/file.pem' cannot be used"),
        ({"keyfile": "key.pem"}, "'keyfile' needs a 'certfile' beside it"),
    ],
)
def test_what_cannot_be_bound_is_one_sentence(options: dict[str, object], rule: str) -> None:
    """A bad address, port or certificate is our own error, raised before the block is entered."""
    with pytest.raises(SandboxError, match=rule), running_sandbox(**options):  # type: ignore[arg-type]  # a table
        pass


def test_port_in_use_is_named() -> None:
    """A second sandbox on the same port says which."""
    with running_sandbox() as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
        with pytest.raises(SandboxError, match=f"cannot listen on 127.0.0.1 port {port}"), running_sandbox(port=port):
            pass


@pytest.mark.parametrize(("host", "url"), [("0.0.0.0", "http://127.0.0.1:"), ("localhost", "http://localhost:")])
def test_url_is_one_that_can_be_reached(host: str, url: str) -> None:
    """Bound to every address or to a name, the sandbox tells a URL that leads to it."""
    with running_sandbox(host=host) as sandbox:
        assert sandbox.url.startswith(url)
        assert httpx.get(f"{sandbox.url}/_sandbox/health").status_code == 200


def _has_ipv6_loopback() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.skipif(not _has_ipv6_loopback(), reason="this machine has no IPv6 loopback to bind")
def test_ipv6_addresses_stand_in_brackets() -> None:
    """An IPv6 address is told as a URL writes it."""
    with running_sandbox(host="::1") as sandbox:
        assert sandbox.url.startswith("http://[::1]:")
        assert httpx.get(f"{sandbox.url}/_sandbox/health").status_code == 200


def test_error_at_the_start_comes_to_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that cannot start does not leave its caller waiting."""

    async def fail(*_: object, **__: object) -> None:
        raise OSError("no more files")

    monkeypatch.setattr(server, "_serve", fail)
    with pytest.raises(OSError, match="no more files"), running_sandbox():
        pass


def test_serving_in_this_process_ends_on_a_signal() -> None:
    """`serve` announces itself once, stops on SIGTERM and gives the former handler back."""
    former = signal.getsignal(signal.SIGTERM)
    announced: list[dict[str, str]] = []

    def announce(ready: dict[str, str]) -> None:
        announced.append(ready)
        signal.raise_signal(signal.SIGTERM)

    serve(SandboxSettings(key_name="named-here"), announce=announce)
    assert [ready["key_name"] for ready in announced] == ["named-here"]
    assert signal.getsignal(signal.SIGTERM) is former


def test_small_answers_do_not_wait_for_acknowledgements() -> None:
    """A query on a kept connection may take far less than the 40 ms of a delayed acknowledgement."""
    with running_sandbox() as sandbox, httpx.Client(base_url=sandbox.url) as http:
        signed = sign_v2(sandbox.key_name, sandbox.key_secret)
        took = []
        for _ in range(20):
            started = time.monotonic()
            http.post(f"/rest{QUERY}", params=signed, json={"taskId": "x"})
            took.append(time.monotonic() - started)
        assert min(took[1:]) < 0.03


def test_transport_is_in_the_scope(monkeypatch: pytest.MonkeyPatch) -> None:
    """The application can reach the connection below HTTP, where faults are made."""
    seen = []

    async def app(scope: dict[str, object], _: object, send: object) -> None:
        seen.append(scope["extensions"])
        await send({"type": "http.response.start", "status": 204, "headers": []})  # type: ignore[operator]
        await send({"type": "http.response.body", "body": b""})  # type: ignore[operator]

    monkeypatch.setattr("aidge_async.sandbox.server.make_app", lambda *_, **__: app)
    with running_sandbox() as sandbox:
        httpx.get(sandbox.url)
    assert hasattr(seen[0][WIRE_EXTENSION], "abort")  # type: ignore[index]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.slow
def test_command_ends_cleanly_on_a_signal(number: signal.Signals) -> None:
    """A process that serves prints one JSON line, serves, and ends with status 0 and a clean stderr."""
    command = [sys.executable, "-W", "error", "-c", COMMAND]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        ready = json.loads(process.stdout.readline())
        assert set(ready) == {"url", "key_name", "key_secret"}
        assert httpx.get(f"{ready['url']}/_sandbox/health").json()["sandbox"] is True
        process.send_signal(number)
        assert process.wait(timeout=10) == 0
        assert process.stdout.read() == ""
        assert process.stderr.read() == ""


def test_cut_connection_buys_nothing() -> None:
    """A submit whose content never arrives whole is not in the ledger."""
    with running_sandbox() as sandbox:
        host, _, port = sandbox.url.removeprefix("http://").partition(":")
        signed = httpx.QueryParams(sign_v2(sandbox.key_name, sandbox.key_secret))
        with socket.create_connection((host, int(port))) as raw:
            head = f"POST /rest{SUBMIT}?{signed} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(PHOTO)}\r\n\r\n"
            raw.sendall(head.encode() + b"{")
        deadline = time.monotonic() + 5
        while True:
            counts = httpx.get(f"{sandbox.url}/_sandbox/statistics").json()["apis"].get(SUBMIT, {})
            if counts.get("codes"):
                break
            assert time.monotonic() < deadline
        assert counts["codes"] == {"(caller gone)": 1}
        assert httpx.get(f"{sandbox.url}/_sandbox/ledger").json() == {"accepted": []}
