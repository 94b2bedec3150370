"""
The web integration for R15: a marker secret and signed links, searched for in all that it keeps and says.

The rest of the library is the row's own matter.
"""

import contextlib
import io
import logging
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

import anyio
import anyio.to_thread
import httpx

from aidge_async.integrations import asgi
from aidge_async.sandbox import SandboxSettings
from aidge_async.testing import SocketSandbox
from tests.cli.support import typed
from tests.conftest import draw_photo
from tests.integrations.servers import serving
from tests.integrations.support import ANNA, MODEL, MOUNT, ONE_SUBMIT, Backend, backend_in
from tests.matrix.scoring import Score
from tests.matrix.wire import FREE, LOOPS
from tests.test_secrets import MARKER, find, text_of

PAGE: Final = Path(asgi.__file__).parent / "page"
LINKS: Final = 4
COMMANDS: Final = (("list", "--json"), ("list",), ("export", "--json"), ("export",))
Hits = list[str]


def link(number: int) -> str:
    """Return a link that is signed in all ways that are searched for."""
    return f"https://e.example/{number}.jpg?OSSAccessKeyId=made-up&Expires=1&Signature=AB{number}&sign=CD{number}"


def kept(folder: Path) -> dict[str, Hits]:
    """Return what is found in the spool, and in all other files."""
    found: dict[str, Hits] = {"spool": [], "elsewhere": []}
    for file in (path for path in folder.rglob("*") if path.is_file()):
        where = "spool" if file.parent.name == "journal.db-spool" else "elsewhere"
        hits = find(file.name + text_of(file))
        found[where] += [f"{hit} in {file.name}" for hit in hits]
    return found


async def left_in_spool(folder: Path) -> Hits:
    """Return what stays in the spool; a file goes a moment after its task is seen to have ended."""
    for _ in range(100):
        if not kept(folder)["spool"]:
            break
        await anyio.sleep(0.05)
    return kept(folder)["spool"]


async def said(backend: Backend) -> Hits:
    """Return what is found in the page's files, the API's answers, the streams from the beginning, and problems."""
    shown = [(await backend.get(path)).text for path in _paths([])]
    assert "<html" in shown[0]
    tasks = (await backend.get("/tasks")).json()["tasks"]
    shown += [str((await backend.get(path)).headers.items()) for path in _paths(tasks)]
    shown += [(await backend.get(path)).text for path in _paths(tasks)[-len(tasks) :]]
    shown += [repr(backend.client), repr(backend.news), repr(vars(backend.client))]
    for path in ("/events", *(f"{task['links']['self']}/events" for task in tasks)):
        place = path if path.startswith(MOUNT) else MOUNT + path
        shown += [text async for text in _streamed(backend, place)]
    for wrong in ({"image_url": link(0).replace("https", "ftp")}, {"image_url": f"{link(0)} "}, {"count": 9}):
        fields: dict[str, Any] = {**MODEL, "image_url": link(0), **wrong}
        answer = await backend.http.post(f"{MOUNT}/tasks", json=fields, headers=ANNA)
        assert answer.status_code == 422
        shown.append(answer.text)
    return [hit for text in shown for hit in find(text)]


def _paths(tasks: list[Any]) -> list[str]:
    files = [f"/{file.name}" for file in PAGE.iterdir() if file.suffix in {".js", ".css", ".svg"}]
    return ["/", *files, "/about", "/openapi.json", "/tasks", "/nothing", *(task["links"]["self"] for task in tasks)]


async def _streamed(backend: Backend, path: str) -> AsyncIterator[str]:
    async with backend.listening(path, **{"Last-Event-ID": "0"}) as listener:
        with anyio.move_on_after(0.2):  # what is behind the reader is told at once
            while (event := await listener.next()) is not None:
                yield repr(event)


async def commanded(journal: Path) -> Hits:
    """Return what is found in what the commands say of the journal: lists, NDJSON, reports."""

    def type_all() -> str:
        heard = [typed("journal", *command, "--journal", journal) for command in COMMANDS]
        return "".join(each.out + each.err for each in heard)

    text = await anyio.to_thread.run_sync(type_all)
    assert "planned" in text or "succeeded" in text
    return find(text)


# What the gateway says may repeat the link.
ENDS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("business_code", {"code": "501", "message": f"later: {link(9)}"}),
    ("business_code", {"code": "1000", "message": f"not {link(9)}"}),
    ("accept_then_drop", {}),
)


async def waiting_then_accepted(folder: Path) -> dict[str, Hits | int]:
    """Have signed links wait, restart, and let them be accepted, refused and lost; search at every step."""
    found: dict[str, Hits | int] = {}
    with SocketSandbox.run(SandboxSettings(duration=0, spread=0, key_secret=MARKER)) as sandbox:
        gateway: Any = sandbox  # it makes clients as the one in the process does
        async with backend_in(folder, sandbox=gateway, limits=ONE_SUBMIT) as backend:
            await backend.post(draw_photo(), values={"count": "1", "dimension": "512"})
            for number in range(LINKS):
                assert (await _post(backend, number))["state"] == "planned"
            found |= await _searched("waiting", backend, folder)
        found["stopped: files"] = kept(folder)["elsewhere"]
        found["spooled"] = len([hit for hit in kept(folder)["spool"] if hit.startswith("sign=")])
        async with backend_in(folder, sandbox=gateway, limits=FREE) as backend:
            await _until_done(backend)
            found["accepted: the spool"] = await left_in_spool(folder)
            for kind, fields in ENDS:
                sandbox.fault("submit", kind, next=1, **fields)
                own = (await _post(backend, LINKS))["links"]["self"]
                task = await backend.until(own, lambda task: task["done"])
                if task["state"] != "in_doubt":  # then it may have to be sent once more, by a person's word
                    found[f"{fields['code']}, {task['state']}: the spool"] = await left_in_spool(folder)
            found |= await _searched("ended", backend, folder)
        found["closed: files"] = kept(folder)["elsewhere"]
    return found


async def _post(backend: Backend, number: int) -> Any:
    fields: dict[str, Any] = {**MODEL, "image_url": link(number), "count": 1, "dimension": 512}
    answer = await backend.http.post(f"{MOUNT}/tasks", json=fields, headers=ANNA)
    assert answer.status_code == 202
    return answer.json()


async def _searched(when: str, backend: Backend, folder: Path) -> dict[str, Hits | int]:
    return {
        f"{when}: files": kept(folder)["elsewhere"],
        f"{when}: answers, streams, page": await said(backend),
        f"{when}: commands": await commanded(folder / "journal.db"),
    }


async def _until_done(backend: Backend) -> None:
    with anyio.fail_after(30):
        while not all(task["done"] for task in (await backend.get("/tasks")).json()["tasks"]):  # noqa: ASYNC110  a server has no event
            await anyio.sleep(0.1)


def served(folder: Path) -> dict[str, Hits]:
    """Buy by a signed link from `aidge-async serve`; search what it says and keeps."""
    with SocketSandbox.run(SandboxSettings(duration=0, spread=0, key_secret=MARKER)) as sandbox:
        with (
            serving("--out", folder, sandbox=sandbox) as server,
            httpx.Client(base_url=server.url, trust_env=False) as http,
        ):
            http.post("tasks", json={**MODEL, "image_url": link(0), "count": 1}).raise_for_status()
            for _ in range(200):
                tasks = http.get("tasks").json()["tasks"]
                if tasks[0]["state"] != "planned" and tasks[0]["state"] != "sending":
                    break
                time.sleep(0.05)
            assert tasks[0]["state"] == "accepted"
            shown = [http.get(path.lstrip("/")).text for path in [*_paths([]), tasks[0]["links"]["self"]]]
        log = "".join(server.said)
    files = [hit for hits in kept(folder).values() for hit in hits]
    return {"answers": [hit for text in shown for hit in find(text)], "stderr": find(log), "files": files}


@contextlib.contextmanager
def logged() -> Iterator[io.StringIO]:
    """Collect all logs at DEBUG."""
    log, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(log)
    root.addHandler(handler)
    try:
        yield log
    finally:
        root.removeHandler(handler)


def search_web(score: Score, folder: Path) -> None:
    """State that a signed link lies in the spool alone, until its task is accepted or refused; the secret nowhere."""
    with logged() as log:
        for loop in LOOPS:
            (folder / loop).mkdir(parents=True)
            found = anyio.run(waiting_then_accepted, folder / loop, backend=loop)
            spooled = found.pop("spooled")
            score(f"web: signed links in the spool while they wait, {loop}", spooled, LINKS, spooled == LINKS)
            for where, hits in found.items():
                score(f"web: {where}, {loop}", f"{hits or 0} hits", "0", not hits)
    hits = find(log.getvalue())
    score("web: logs at DEBUG", f"{hits or 0} hits", "0", not hits)
    for where, hits in served(folder / "served").items():
        score(f"aidge-async serve: {where}", f"{hits or 0} hits", "0", not hits)
