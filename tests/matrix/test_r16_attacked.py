"""R16: the sandbox and the tasks app attacked: bodies, signatures, replayed links, bombs, people, path tricks."""

import base64
import contextlib
import gzip
import http
import http.client
import json
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import attrs

from tests.core.test_image import picture
from tests.matrix.attacked import Attacked
from tests.matrix.scoring import Score
from tests.matrix.tasks_attacks import attack_tasks_app
from tests.sandbox.by_hand import QUERY, SUBMIT, element, quoted, sign_classic, sign_v2, wrapped
from tests.sandbox.raw_peer import Peer, ask, query, submit

COMMAND: Final = """
import json
from aidge_async.sandbox.server import serve
from aidge_async.sandbox.settings import SandboxSettings
serve(SandboxSettings(duration=0, spread=0), announce=lambda ready: print(json.dumps(ready), flush=True))
"""
JSON: Final = {"Content-Type": "application/json"}


@attrs.define(kw_only=True)
class Target(Attacked):
    """A sandbox in a process of its own."""

    peer: Peer

    def told(self, name: str) -> Any:
        """Return what the control plane says."""
        return ask(self.peer, "GET", f"/_sandbox/{name}").json()


@contextlib.contextmanager
def target() -> Iterator[Target]:
    """Run a sandbox as its command does, and end it."""
    command = [sys.executable, "-c", COMMAND]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            yield Target(name="sandbox", process=process, peer=Peer(**ready))
        finally:
            process.terminate()
        assert process.stderr is not None
        said = process.stderr.read()
    assert "Traceback" not in said, said[-2000:]


def pushed(peer: Peer, path: str, pieces: int, *, chunked: bool, signed: bool = True) -> object:
    """Send so many megabytes; return the status, or what happened to the connection."""
    connection = http.client.HTTPConnection(urlsplit(peer.url).netloc, timeout=60)
    piece = b"x" * 1024 * 1024
    headers = dict(JSON) if chunked else {**JSON, "Content-Length": str(pieces * len(piece))}
    target = peer.target(path) if signed else f"/rest{path}"
    try:
        connection.request("POST", target, (piece for _ in range(pieces)), headers, encode_chunked=chunked)
        return connection.getresponse().status
    except OSError:
        return "hung up"
    finally:
        connection.close()


def huge_bodies(on: Target) -> None:
    """Whatever weighs too much is not kept; the caller reads why, or is hung up on."""
    for path in (SUBMIT, QUERY):
        for chunked in (False, True):
            on.must(f"30 MB, chunked {chunked}", pushed(on.peer, path, 30, chunked=chunked), 413)
            on.must(f"300 MB, chunked {chunked}", pushed(on.peer, path, 300, chunked=chunked), 413, "hung up")
    on.must("300 MB, unsigned", pushed(on.peer, SUBMIT, 300, chunked=True, signed=False), 413, "hung up")
    settings = ask(on.peer, "POST", "/_sandbox/settings", "x" * 10_000_000)
    on.must("10 MB of settings", settings.status, 413)
    on.must("a query of 60 KB", _answers(on, f"/rest{QUERY}?" + "a" * 60_000), "MissingPartner", 400, "hung up")
    on.must("200,000 levels", _code(on, '{"requestParams":' + "[" * 200_000), 700)
    text = json.dumps({"requestParams": "[" * 100_000})
    on.must("100,000 levels inside", _code(on, text), 700)
    on.must("a megabyte of numbers", _code(on, '{"count":' + "9" * 1_000_000 + "}"), 700)


def bad_signatures(on: Target) -> None:
    """Nothing that is not signed by the account is let in, and nothing is bought."""
    good = sign_v2(on.peer.key_name, on.peer.key_secret)
    old = sign_v2(on.peer.key_name, on.peer.key_secret, timestamp=int(time.time() * 1000) - 3 * 3600 * 1000)
    classic = sign_classic(SUBMIT, {"requestParams": "[]"}, on.peer.key_name, on.peer.key_secret)
    unsigned = "IncompleteSignature"
    table: list[tuple[str, dict[str, str], str]] = [
        ("none", {}, "MissingPartner"),
        ("empty", {**good, "sign": ""}, "MissingParameter"),
        ("lower case", {**good, "sign": good["sign"].lower()}, unsigned),
        ("another time", {**good, "timestamp": str(int(good["timestamp"]) + 1)}, unsigned),
        ("a leading zero", {**good, "timestamp": "0" + good["timestamp"]}, unsigned),
        ("another secret", sign_v2(on.peer.key_name, "made-up-other"), unsigned),
        ("another key", {**good, "app_key": "other"}, "InvalidAppKey"),
        ("MD5", {**good, "sign_method": "md5"}, unsigned),
        ("version 3", {**good, "sign_ver": "v3"}, unsigned),
        ("version taken away", {**good, "sign_ver": ""}, unsigned),
        ("classic, of another content", classic, unsigned),
        ("no ASCII", {**good, "sign": "\xff" * 64}, unsigned),
        ("100,000 letters", {**good, "sign": "A" * 60_000}, unsigned),
        ("no time", {**good, "timestamp": "now"}, "IllegalTimestamp"),
        ("three hours old", old, "IllegalTimestamp"),
    ]
    content = json.dumps(wrapped(element()))
    for name, parameters, code in table:
        on.must(f"signature: {name}", _answers(on, f"/rest{SUBMIT}?{quoted(parameters)}", content), code)
    on.must("bought unsigned", len(on.told("ledger")["accepted"]), 0)


def replayed_links(on: Target) -> None:
    """A link leads to its own picture for its own time."""
    ids = [submit(on.peer, count=1, dimension=512).json()["data"]["result"]["taskId"] for _ in range(2)]
    links = [urlsplit(query(on.peer, each).json()["data"]["taskResult"][0]["url"]) for each in ids]
    one, other = links
    table = {
        "the other's signature": f"{one.path}?{other.query}",
        "another number": f"{one.path.replace('/1.jpg', '/2.jpg')}?{one.query}",
        "another format": f"{one.path.replace('.jpg', '.png')}?{one.query}",
        "a later end": f"{one.path}?{one.query.replace('Expires=', 'Expires=9')}",
        "no end": f"{one.path}?{one.query.replace('Expires=', 'Expires=x')}",
        "no signature": one.path,
        "half a signature": f"{one.path}?{one.query[:-9]}",
        "a longer path": f"{one.path}/../../1.jpg?{one.query}",
    }
    on.must("a good link", ask(on.peer, "GET", f"{one.path}?{one.query}").status, 200)
    for name, link in table.items():
        on.must(f"link with {name}", ask(on.peer, "GET", link).status, 403)


def bombs(on: Target) -> None:
    """What is small on the wire and large in memory is refused by its head, or drawn within bounds."""
    packed = gzip.compress(b" " * 200_000_000, 1)
    headers = {**JSON, "Content-Encoding": "gzip"}
    on.must("gzip", _answers(on, on.peer.target(SUBMIT), packed.decode("latin-1"), headers), 415)
    chunk = zlib.compress(bytes(200_000_000), 9)
    for name, kind, inside in (("text", b"zTXt", b"a\0\0" + chunk), ("colours", b"iCCP", b"a\0\0" + chunk)):
        content = _with_chunk(picture("PNG"), kind, inside)
        on.must(f"PNG with 200 MB of {name}", submit(on.peer, imageBase64=_text(content)).json()["resCode"], 200, 700)
    for side in (60_000, 2**31 - 1):
        content = _with_size(picture("PNG"), side)
        on.must(f"PNG of {side} px", submit(on.peer, imageBase64=_text(content)).json()["resCode"], 700)
    large = submit(on.peer, imageBase64=_text(picture("PNG", 2999, 2999, mode="1")), count=1, dimension=512).json()
    task = query(on.peer, large["data"]["result"]["taskId"]).json()["data"]["taskResult"][0]["url"]
    parts = urlsplit(task)
    on.must("2999 px in a few hundred bytes", ask(on.peer, "GET", f"{parts.path}?{parts.query}").status, 200)


def path_tricks(on: Target) -> None:
    """No file of the machine is served, and no address but loopback is called."""
    names = ("etc/passwd", "proc/self/environ", "proc/self/cmdline")
    for name in names:
        for trick in ("../" * 8, "%2e%2e/" * 8, "..%2f" * 8, "%252e%252e/" * 8, "..\\" * 8, "/", "//", "%00/", "./"):
            for base in ("/", "/_sandbox/objects/", "/_sandbox/", "/rest/", "/_sandbox/objects/x/"):
                seen = on.peer.get(f"{on.peer.url}{base}{trick}{name}").content
                served = any(mark in seen for mark in (b"root:", b"PATH=", b"import json"))
                on.must(f"{base}{trick}{name} served", served, False)
    for url in ("file:///etc/passwd", "http://169.254.169.254/x", "gopher://127.0.0.1/", "http://[::ffff:10.0.0.1]/"):
        code = submit(on.peer, imageBase64=None, imageUrl=url, count=1, dimension=512).json()["resCode"]
        on.must(f"imageUrl {url}", code, 200, 700, 701)
    for name in ("ledger", "statistics", "health", "faults"):
        on.must(f"a page asks for {name}", _control(on, name, Origin="http://x"), 403)
        on.must(f"a name leads to {name}", _control(on, name, Host="evil.example"), 403)


def _answers(on: Target, target: str, content: str = "{}", headers: dict[str, str] | None = None) -> object:
    """Return the first layer's code where there is one, else the status; or that there was no answer."""
    try:
        answer = ask(on.peer, "POST", target, content, headers or JSON)
    except (OSError, http.client.HTTPException):
        return "hung up"
    return answer.json().get("code") if answer.status == http.HTTPStatus.OK else answer.status


def _control(on: Target, name: str, **headers: str) -> int:
    return ask(on.peer, "GET", f"/_sandbox/{name}", None, headers).status


def _code(on: Target, content: str) -> object:
    return ask(on.peer, "POST", on.peer.target(SUBMIT), content, JSON).json().get("resCode")


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _with_chunk(content: bytes, kind: bytes, inside: bytes) -> bytes:
    chunk = len(inside).to_bytes(4, "big") + kind + inside + zlib.crc32(kind + inside).to_bytes(4, "big")
    return content[:33] + chunk + content[33:]


def _with_size(content: bytes, side: int) -> bytes:
    head = b"IHDR" + side.to_bytes(4, "big") * 2 + content[24:29]
    return content[:12] + head + zlib.crc32(head).to_bytes(4, "big") + content[33:]


ATTACKS: Final = (huge_bodies, bad_signatures, replayed_links, bombs, path_tricks)


def test_R16_attacked(score: Score, tmp_path: Path) -> None:
    """Refused with the right error, memory bounded, nothing served from outside; and it works on afterwards."""
    with target() as on:
        submit(on.peer)
        ask(on.peer, "POST", "/_sandbox/reset")
        for attack in ATTACKS:
            on.suffer(attack, score)
        works = submit(on.peer).json()["resCode"] == 200
        score("a good submit after all of it", "accepted" if works else "refused", "accepted", works)
    attack_tasks_app(score, tmp_path)
