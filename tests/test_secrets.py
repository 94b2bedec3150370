"""The secret and everything signed stay inside: a story with a marker secret, searched wherever it leaves a trace."""

import logging
import pickle
import traceback
from pathlib import Path

import anyio
import httpx
import pytest

from aidge_async import (
    AidgeClient,
    AidgeError,
    CredentialsError,
    Deadlines,
    DownloadError,
    Limits,
    ModelAlternation,
    SettingsError,
    SubmissionInDoubtError,
)
from aidge_async.cli import main
from aidge_async.events import Event
from aidge_async.sandbox import SandboxSettings
from aidge_async.testing import SocketSandbox

MARKER = "made-up-marker-7f3a9c"
SIGNED = (MARKER, "sign=", "Signature=", "&sign", "OSSAccessKeyId")
FREE = Limits(submit_rate=None, query_rate=None)


def traces_of(error: BaseException) -> str:
    """Return all that an error may show: text, repr, pickle, and its traceback with the locals of the library."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    frames = "".join(
        part
        for part in "".join(shown.format()).split('  File "')
        if any(name in part.partition('"')[0] for name in ("aidge_async/", "httpx/", "httpcore/", "h11/", "anyio/"))
        and "/tests/" not in part.partition('"')[0]
        and "aidge_async/sandbox" not in part.partition('"')[0]
    )
    pickled = repr(pickle.dumps(error)) if isinstance(error, AidgeError) else ""
    return f"{error} {error!r} {error.__dict__} {pickled} {frames}"


def find(text: str) -> list[str]:
    """Return what of the secret, or of anything signed, stands in *text*."""
    return [mark for mark in SIGNED if mark in text]


@pytest.mark.slow
async def test_story_leaves_no_trace_of_the_secret(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """Buying, failing, losing answers, downloading: logs at DEBUG, events, errors, tracebacks and files are clean."""
    caplog.set_level(logging.DEBUG)
    seen: list[Event] = []
    errors: list[BaseException] = []
    with SocketSandbox.run(SandboxSettings(duration=0, spread=0, key_secret=MARKER)) as sandbox:
        request = ModelAlternation(image="https://example.com/a.jpg?token=made-up", model="universal_model_1", count=1)
        quick = Deadlines(connect=0.3, submit=0.3, unreachable=0.3)
        async with sandbox.client(limits=FREE, observers=[seen.append], deadlines=quick) as aidge:
            handle = await aidge.submit(request, key="sku-1")
            await handle.status()
            result = await handle
            await aidge.save(result, tmp_path / "out")
            for kind, fields in (
                ("accept_then_drop", {}),
                ("reset_at", {"at": 40}),
                ("bad_gzip", {}),
                ("stall", {"seconds": 1}),
                ("business_code", {"code": "700", "message": "made up"}),
                ("gateway_code", {"code": "NoResource", "message": "made up"}),
            ):
                sandbox.fault("submit", kind, next=1, **fields)
                with pytest.raises(AidgeError) as caught:
                    await aidge.submit(request, deadline=2)
                errors.append(caught.value)
            sandbox.fault("object", "expired_link")
            with pytest.raises(DownloadError) as failed:
                await aidge.save(result, tmp_path / "again")
            errors.append(failed.value)
            with anyio.move_on_after(0.001):
                await aidge.submit(request)
            shown = f"{aidge!r} {vars(aidge)!r} {aidge.settings!r} {handle!r} {handle.token} {result!r} {request!r}"
        async with AidgeClient(sandbox.key_name, MARKER[::-1] + MARKER, base_url=sandbox.url) as stranger:
            with pytest.raises(CredentialsError) as denied:
                await stranger.submit(request)
            errors.append(denied.value)
        async with AidgeClient("made-up", MARKER, base_url="http://127.0.0.1:9", deadlines=quick) as lost:
            with pytest.raises(AidgeError) as refused:
                await lost.submit(request)
            errors.append(refused.value)
    with pytest.raises(SettingsError) as wrong:
        AidgeClient("made-up", MARKER, base_url="http://not-loopback.example")
    errors.append(wrong.value)
    assert len(caplog.records) > 100
    assert {record.name.split(".")[0] for record in caplog.records} >= {"aidge_async", "httpx", "httpcore"}
    assert any(isinstance(error, SubmissionInDoubtError) for error in errors)
    assert find(caplog.text) == []
    assert find(repr(seen)) == []
    assert find(shown) == []
    for error in errors:
        assert find(traces_of(error)) == [], error
    assert find(written_below(tmp_path)) == []


def written_below(folder: Path) -> str:
    """Return the names and contents of all files below *folder*."""
    return "".join(path.name + text_of(path) for path in folder.rglob("*") if path.is_file())


def text_of(path: Path) -> str:
    """Return what a file holds, byte for byte; nothing where it went between being found and being read."""
    try:
        return path.read_bytes().decode("latin-1")
    except FileNotFoundError:
        return ""


async def test_interrupted_call_leaves_no_trace(caplog: pytest.LogCaptureFixture) -> None:
    """A transport that raises with the signed request in its error is named by its class only."""
    caplog.set_level(logging.DEBUG)

    class Careless(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            raise LookupError(f"could not send {request.url}")

    async with AidgeClient("made-up", MARKER, transport=Careless()) as aidge:
        with pytest.raises(SubmissionInDoubtError, match="LookupError") as caught:
            await aidge.submit(ModelAlternation(image="https://example.com/a.jpg", model="universal_model_1"))
    assert find(traces_of(caught.value)) == []
    assert find(caplog.text) == []


@pytest.mark.slow
def test_command_line_leaves_no_trace(
    tmp_path: Path, photo: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`run` with its sheet, `doctor` and wrong use print and write nothing of it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "look.jpg").write_bytes(photo)
    with SocketSandbox.run(SandboxSettings(duration=0, spread=0, key_secret=MARKER)) as sandbox:
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        run = ["run", "look.jpg", "--model", "universal_model_1", "--out", "out", "--sheet", "--json", "--poll", "1"]
        assert main(run) == 0
        assert main(["doctor", "--debug"]) == 0
        sandbox.fault("submit", "accept_then_drop")
        assert main([*run, "--debug"]) == 4
    said = capsys.readouterr()
    assert find(said.out + said.err) == []
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert any(path.suffix == ".html" for path in written)
    assert find(written_below(tmp_path / "out")) == []
