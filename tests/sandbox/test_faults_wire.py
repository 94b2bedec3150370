"""Faults below HTTP, as a raw socket sees them, and what the ledger says."""

import socket
import ssl
import threading
import time
from pathlib import Path

import pytest
import trustme

from aidge_async.sandbox.server import running_sandbox
from tests.sandbox.by_hand import QUERY, SUBMIT, element, wrapped
from tests.sandbox.faulty import PICTURE, Scene, peer_of
from tests.sandbox.raw_peer import Peer, read_to_the_end


@pytest.mark.parametrize(
    ("fault", "length", "ended", "accepted"),
    [
        ("drop_before_reading", 0, "RST", 0),
        ("accept_then_drop", 0, "RST", 1),
        ("accept_then_drop,how=close", 0, "FIN", 1),
        ("reset_at", 0, "RST", 1),
        ("reset_at,at=7", 7, "RST", 1),
        ("reset_at,at=250", 250, "RST", 1),
        ("close_at", 0, "FIN", 1),
        ("close_at,at=7", 7, "FIN", 1),
        ("close_at,at=250", 250, "FIN", 1),
        ("stall,seconds=0.02", 0, "FIN", 1),
    ],
)
def test_connection_ends_where_it_is_told(scene: Scene, fault: str, length: int, ended: str, accepted: int) -> None:
    """The peer sees exactly so many bytes, then FIN or RST, and the ledger knows whether the work was done."""
    scene.fault(f"submit:{fault}")
    seen = scene.peer.submit()
    assert (len(seen.content), seen.ended) == (length, ended)
    assert seen.content == b"HTTP/1.1 200 OK\r\n"[:length] or length > 17
    assert (scene.accepted, scene.received["submit"]) == (accepted, accepted)
    assert scene.struck() == 1


def test_other_calls_are_left_alone(scene: Scene) -> None:
    """A rule about submits does not strike queries, pictures or the control plane."""
    scene.fault("submit:reset_at")
    assert scene.peer.query().content.startswith(b"HTTP/1.1 200 OK\r\n")
    assert scene.peer.get(f"{scene.peer.url}/_sandbox/objects/x").content.startswith(b"HTTP/1.1 403 ")
    assert scene.peer.get(f"{scene.peer.url}/_sandbox/health").ended == "FIN"
    assert scene.struck() == 0


def test_dropped_call_was_not_read(scene: Scene) -> None:
    """A heavy call that is dropped before reading is reset in its middle and is not counted as received."""
    scene.fault("any:drop_before_reading")
    with scene.peer.connect() as connection:
        connection.sendall(scene.peer.head("POST", scene.peer.target(SUBMIT), 4_000_000))
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            _pour(connection)
    assert (scene.accepted, scene.received["submit"]) == (0, 0)
    counts = scene.running.world.statistics()["apis"]
    assert counts[SUBMIT]["calls"] == 1  # type: ignore[index]


def test_wrong_length_ends_too_early(scene: Scene) -> None:
    """The head announces more than comes, and the connection is closed."""
    scene.fault("submit:wrong_length,missing=33")
    seen = scene.peer.submit()
    head, _, content = seen.content.partition(b"\r\n\r\n")
    assert f"content-length: {len(content) + 33}".encode() in head
    assert (seen.ended, scene.accepted) == ("FIN", 1)


def test_drip_comes_byte_by_byte(scene: Scene) -> None:
    """Bytes come one by one from the first of the head on, and a caller may leave in the middle."""
    scene.fault("query:drip,interval=0.01")
    with scene.peer.sent(QUERY, {"taskId": "x"}) as connection:
        pieces = [connection.recv(100) for _ in range(6)]
    assert b"HTTP/1.1 200 OK\r\n".startswith(b"".join(pieces))


def test_dripped_bytes_make_a_good_answer(scene: Scene) -> None:
    """What has dripped is the whole answer, and then the connection is closed."""
    scene.fault("query:drip,interval=0")
    seen = scene.peer.query()
    head, _, content = seen.content.partition(b"\r\n\r\n")
    assert f"content-length: {len(content)}".encode() in head
    assert b"connection: close" in head
    assert (seen.ended, content[:1], content[-1:]) == ("FIN", b"{", b"}")


@pytest.mark.parametrize("options", ["", ",before=true"])
def test_delayed_answer_is_a_good_one(scene: Scene, options: str) -> None:
    """A late answer comes late, and whole."""
    scene.fault(f"submit:delay,seconds=0.02{options}")
    started = time.monotonic()
    seen = scene.peer.submit()
    assert time.monotonic() - started >= 0.02
    assert (scene.accepted, seen.content[-1:]) == (1, b"}")


@pytest.mark.parametrize(("options", "meanwhile"), [("", 1), (",before=true", 0)])
def test_delay_is_after_or_before_the_work(scene: Scene, options: str, meanwhile: int) -> None:
    """Whether a submit is accepted while it is delayed is a choice; that its caller leaves does not undo it."""
    scene.fault(f"submit:delay,seconds=300{options}")
    with scene.peer.sent(SUBMIT, wrapped(element())) as connection:
        _until(lambda: scene.received["submit"] == 1)
        _until(lambda: scene.accepted >= meanwhile)
        connection.setblocking(False)
        with pytest.raises(BlockingIOError):
            connection.recv(1)
        assert scene.accepted == meanwhile
    _until(lambda: scene.accepted == 1)


@pytest.mark.parametrize("fault", ["stall", "delay,seconds=300", "delay,seconds=300,before=true", "drip,interval=300"])
def test_stop_is_quick_while_a_fault_waits(caplog: pytest.LogCaptureFixture, fault: str) -> None:
    """A call that hangs for five minutes does not hold the server's end up, and nothing is logged."""
    with running_sandbox(faults=[f"submit:{fault}"]) as running:
        peer = peer_of(running)
        connection = peer.sent(SUBMIT, wrapped(element()))
        _until(lambda: running.world.faults.list()[0].struck == 1)
        started = time.monotonic()
    assert time.monotonic() - started < 3  # 0.1 s on an idle machine
    connection.close()
    assert [record.getMessage() for record in caplog.records] == []


@pytest.mark.parametrize("fault", ["accept_then_drop", "html", "delay,seconds=0,before=true"])
def test_cut_call_is_not_accepted_whatever_strikes(scene: Scene, fault: str) -> None:
    """A submit whose content never arrives whole is neither received nor accepted under any fault."""
    scene.fault(f"submit:{fault}")
    connection = scene.peer.connect()
    connection.sendall(scene.peer.head("POST", scene.peer.target(SUBMIT), 1000) + b"{")
    connection.shutdown(socket.SHUT_WR)
    assert read_to_the_end(connection).content == b""
    assert (scene.accepted, scene.received["submit"]) == (0, 0)


def test_pictures_break_off(scene: Scene) -> None:
    """A picture can break off in its middle, by RST and by FIN, and HEAD has no content to break."""
    url = scene.link()
    whole = scene.peer.get(url).content
    head = len(whole) - len(PICTURE)
    for kind, ended in (("reset_at", "RST"), ("close_at", "FIN")):
        scene.fault(f"object:{kind},at={head + 1000}")
        seen = scene.peer.get(url)
        assert (len(seen.content), seen.ended) == (head + 1000, ended)
        seen = scene.peer.get(url, method="HEAD")
        assert (seen.content[-4:], seen.ended) == (b"\r\n\r\n", ended)
    scene.fault("object:drop_before_reading")
    assert scene.peer.get(url).content == b""


def test_heavy_pictures_reach_their_byte(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a megabyte is sent before the connection ends, though no buffer holds it; RST may cost the last of it."""
    monkeypatch.setattr("aidge_async.sandbox.gallery.draw", lambda *_: (bytes(1_000_000),))
    url = scene.link()
    scene.fault("object:close_at,at=500000")
    assert len(scene.peer.get(url).content) == 500_000
    scene.fault("object:reset_at,at=500000")
    seen = scene.peer.get(url)
    assert (0 < len(seen.content) <= 500_000, seen.ended) == (True, "RST")


@pytest.mark.parametrize(
    ("fault", "length"), [("accept_then_drop", 0), ("accept_then_drop,how=close", 0), ("reset_at,at=7", 7)]
)
def test_faults_work_under_tls(caplog: pytest.LogCaptureFixture, tmp_path: Path, fault: str, length: int) -> None:
    """The connection under TLS ends where it is told; the byte is one of the answer, not of the cipher text."""
    authority = trustme.CA()
    certificate = tmp_path / "loopback.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    with running_sandbox(certfile=str(certificate), faults=[f"submit:{fault}"]) as running:
        peer = Peer(url=running.url, key_name=running.key_name, key_secret=running.key_secret, trust=trust)
        assert len(peer.submit().content) == length
        assert len(running.world.ledger()) == 1
    assert [record.getMessage() for record in caplog.records] == []


def test_many_drops_at_once_leave_an_exact_ledger(scene: Scene) -> None:
    """Fifty submits at once, two in five dropped: none is lost, none is doubled, and the rule knows how many."""
    scene.fault("submit:accept_then_drop,probability=0.4,seed=3")
    seen: list[bytes] = []

    def one(number: int) -> None:
        seen.append(scene.peer.submit(dimension=512 + number).content)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    fingerprints = [line["fingerprint"] for line in scene.running.world.ledger()]
    assert (len(fingerprints), len(set(fingerprints))) == (50, 50)
    assert scene.struck() == sum(content == b"" for content in seen)
    assert 10 <= scene.struck() <= 30


def _pour(connection: socket.socket) -> None:
    connection.sendall(bytes(4_000_000))
    connection.recv(1)  # where all of it went into buffers, the reset shows here


def _until(holds: object) -> None:
    assert callable(holds)
    deadline = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.001)
