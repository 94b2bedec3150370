"""R15: a marker secret and anything signed, searched for wherever a story leaves a trace."""

import copy
import io
import logging
import pickle
import traceback
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, Final

import anyio
import pytest

from aidge_async import AidgeError, Limits, ModelAlternation, Polling
from aidge_async.events import Event
from aidge_async.sandbox import SandboxSettings
from aidge_async.testing import SocketSandbox
from tests import test_secrets
from tests.cli.support import typed
from tests.matrix.scoring import Score
from tests.matrix.web_secrets import search_web
from tests.matrix.wire import LOOPS
from tests.test_secrets import MARKER, find, traces_of, written_below

Hits = list[str]
FLAGS: Final = ("--model", "universal_model_1", "--poll", "1", "--dimension", "512", "--count", "1", "--debug")
FAULTS: Final = ("accept_then_drop", "garbage", "no_task_id", "status", "business_code", "gateway_code")


def told_of(story: Callable[[], object]) -> Hits:
    """Run a story of the ordinary tests; return what it found, if it found anything."""
    try:
        story()
    except AssertionError as exc:
        return [str(exc)[:300]]
    return []


def pickled(value: object) -> str:
    """Return what a pickle and a copy of *value* show; what refuses to be pickled shows what it says."""
    try:
        return repr(pickle.dumps(value)) + repr(copy.deepcopy(value))
    except Exception as exc:  # noqa: BLE001  whatever it says is searched as well
        return "".join(traceback.format_exception(exc)) + repr(exc)


async def durable(folder: Path, log: io.StringIO) -> Hits:
    """Buy with a journal and faults, fail to save, go on in a second client; search all that is left of it."""
    shown, journal = [], folder / "journal.db"
    seen: list[Event] = []
    options: Any = {"limits": Limits(submit_rate=None, query_rate=None), "polling": Polling.every(1)}
    settings = SandboxSettings(duration=0, spread=0, key_secret=MARKER)
    with SocketSandbox.run(settings) as sandbox:
        for turn in range(2):
            async with sandbox.client(journal=journal, observers=[seen.append], **options) as aidge:
                for number, kind in enumerate(FAULTS):
                    fields = {"status": 502} if kind == "status" else {"code": "801"} if "code" in kind else {}
                    sandbox.fault("submit", kind, next=1, **fields)
                    request = ModelAlternation(
                        image=f"https://e.example/{number}.jpg?Signature=x", model="universal_model_1"
                    )
                    try:
                        await aidge.submit(request, key=f"sku-{turn}-{number}")
                    except AidgeError as exc:
                        shown.append(traces_of(exc))
                    sandbox.clear_faults()
                result = await aidge.run(request, key="good")
                sandbox.fault("object", "expired_link")
                try:
                    await aidge.save(result, folder / "out")
                except AidgeError as exc:
                    shown.append(traces_of(exc))
                sandbox.clear_faults()
                await aidge.save(result, folder / "out")
                shown += [pickled(aidge.settings), pickled(aidge.settings.key_secret), pickled(request), pickled(seen)]
                shown += [repr(vars(aidge)), repr(vars(aidge._open())), pickled(aidge), f"{aidge.statistics()!r}"]
            shown.append(written_below(folder))
    # A request as it is, and a result, hold the links that they are about: only the secret may not be in them.
    hits = [hit for text in shown for hit in find(text.replace("?Signature=x", ""))]
    return hits + find(log.getvalue()) + find(repr(seen))


def typed_at(folder: Path, sandbox: SocketSandbox, photo: bytes) -> Hits:
    """Type every command that writes; search stdout, stderr, and every file: report, NDJSON, sheet, journal."""
    (folder / "look.jpg").write_bytes(photo)
    (folder / "list.csv").write_text("key,image\na,look.jpg\nb,look.jpg\nc,https://e.example/c.jpg\n")
    journal, out = folder / "journal.db", folder / "out"
    said = []
    for kind in (None, "accept_then_drop", "expired_link"):
        sandbox.clear_faults()
        if kind is not None:
            sandbox.fault("object" if kind == "expired_link" else "submit", kind, next=3)
        for command in (
            ("batch", folder / "list.csv", "--out", out / str(kind), "--journal", journal, *FLAGS),
            ("batch", folder / "list.csv", "--out", out / f"{kind}-2", "--json", *FLAGS),
            ("run", folder / "look.jpg", "--out", out / f"{kind}-3", "--sheet", "--json", *FLAGS),
            ("journal", "list", "--journal", journal, "--json"),
            ("journal", "show", "a", "--journal", journal),
            ("journal", "export", "--json", "--journal", journal),
            ("doctor", "--debug"),
        ):
            heard = typed(*command)
            said.append(heard.out + heard.err)
    assert any(path.suffix == ".html" for path in out.rglob("*"))
    return find("".join(said)) + find(written_below(folder))


def test_R15_secrets(
    *,
    score: Score,
    tmp_path: Path,
    photo: bytes,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nowhere: logs at DEBUG, reprs, tracebacks with locals, pickles, journal, spool, reports, pages, streams."""
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    logging.getLogger().addHandler(handler)
    caplog.set_level(logging.DEBUG)
    stories: dict[str, Callable[[Path], Coroutine[Any, Any, Any]]] = {
        "buying, failing, saving": lambda folder: test_secrets.test_story_leaves_no_trace_of_the_secret(caplog, folder),
        "a transport that shows its request": lambda _: test_secrets.test_interrupted_call_leaves_no_trace(caplog),
    }
    for loop in LOOPS:
        for name, story in stories.items():
            caplog.clear()
            folder = tmp_path / f"{loop}-{name.split()[0]}"
            folder.mkdir()
            hits = told_of(partial(anyio.run, story, folder, backend=loop))
            score(f"{name}: logs, reprs, tracebacks, files, {loop}", f"{hits or 0} hits", "0", not hits)
        folder = tmp_path / f"{loop}-journal"
        folder.mkdir()
        hits = anyio.run(durable, folder, log, backend=loop)
        score(f"journal, pickles, {len(FAULTS)} faults, two clients, {loop}", f"{hits or 0} hits", "0", not hits)
    logging.getLogger().removeHandler(handler)
    folder = tmp_path / "typed"
    folder.mkdir()
    with SocketSandbox.run(SandboxSettings(duration=0, spread=0, key_secret=MARKER)) as sandbox:
        for variable, value in sandbox.environment().items():
            monkeypatch.setenv(variable, value)
        hits = typed_at(folder, sandbox, photo)
    score("21 commands: reports, NDJSON, sheets, journal", f"{hits or 0} hits", "0", not hits)
    (tmp_path / "run").mkdir()
    hits = told_of(lambda: test_secrets.test_command_line_leaves_no_trace(tmp_path / "run", photo, monkeypatch, capsys))
    score("run, doctor and wrong use", f"{hits or 0} hits", "0", not hits)
    search_web(score, tmp_path / "web")
    found = [text for text in (MARKER, "x?sign=AB", "a&Signature=1") if not find(text)]
    score("the search itself, on three marks", f"{3 - len(found)} found", "3", not found)
