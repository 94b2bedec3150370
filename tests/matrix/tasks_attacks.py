"""
The tasks app attacked over a socket, as R16 does: bodies, other people's tasks, foreign pages, paths, links, crowds.

The bodies lie in `tasks_bodies.py`, the process in `tasks_target.py`; the sandbox is the row's own matter.
"""

import contextlib
import itertools
import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from aidge_async.sandbox import SandboxSettings
from aidge_async.testing import SocketSandbox
from tests.conftest import draw_photo
from tests.matrix.scoring import Score
from tests.matrix.tasks_bodies import FORM, JSON, POST, bombs, heavy_bodies, odd_forms, odd_json
from tests.matrix.tasks_target import ANNA, BERT, MAX_OPEN, MAX_WAITING, READ_WITHIN, TasksApp, attacked
from tests.test_secrets import MARKER

STREAMS: Final = 300
OUTSIDE: Final = b"\xff\xd8\xff made up, and not to be served"


def other_people(on: TasksApp) -> None:
    """Another principal's ids, pictures, events and keys are not there; nobody is nobody."""
    task = on.buy(draw_photo(shade=1), key="order-1").value
    own = task["links"]["self"]
    for path in (own, f"{own}/events", f"{own}/images/0", f"{own}/images/1", f"{own}/images/0?download=1"):
        on.refused(f"theirs {path[28:]}", 404, ("GET", path), by=BERT)
        on.refused(f"nobody's {path[28:]}", 401, ("GET", path), by={})
        on.refused("with a number", 404, ("GET", path), headers={"Last-Event-ID": "0"}, by=BERT)
    on.refused("theirs, away", 404, ("DELETE", own), by=BERT)
    theirs = on.buy(draw_photo(shade=2), key="order-1", by=BERT).value
    on.must("a key of theirs is the same task", theirs["id"] == task["id"], False)
    on.must("their list", [each["id"] for each in _tasks(on, BERT)], [theirs["id"]])
    for name in ("", "anna\t", "anna/../bert", "%61nna", "ANNA", "anonymous", "a" * 8000, "*", "web:anna"):
        heard = on.ask("GET", own, by={"X-Who": name})
        on.must(f"as {name[:9]!r}", (heard.status, heard.is_problem), (401 if not name else 404, True), _own(name))
    for key in ("", "x" * 256, "\xff", "a b", "a\tb"):
        on.refused(f"key {key[:5]!r}", 400, POST, b"{}", {**JSON, "Idempotency-Key": key})
    other = on.buy(draw_photo(shade=3), key="order-1")
    on.must("a key for something else", (other.status, other.is_problem), (422, True))
    seen = _listened(on, {"Last-Event-ID": "0"}, BERT)
    on.must("their stream", (theirs["id"] in seen, task["id"] in seen), (True, False))


def _own(name: str) -> object:
    return (200, False) if name.strip() == "anna" else ()  # blanks around a field's value are no part of it


def odd_event_ids(on: TasksApp) -> None:
    """A `Last-Event-ID` that is no number of a journal is refused; one of another journal begins anew."""
    own = _tasks(on, ANNA)[0]["links"]["self"]
    for number in ("x", "-1", "1.5", "0x1", "1,2", "1 2", "+1", "1e3", "9" * 19, "9" * 20_000, "\xb2", "%00", "'--"):
        for path in ("/events", f"{own}/events"):
            on.refused(f"event id {number[:9]!r}", 400, ("GET", path), headers={"Last-Event-ID": number})
    on.must("of another journal", own.rpartition("/")[2] in _listened(on, {"Last-Event-ID": "9" * 18}, ANNA), True)
    for query in ("limit=0", "limit=201", "limit=1e1", "limit=%00", "before=-1", f"before={'9' * 30}", "before=x"):
        on.refused(query[:20], 422, ("GET", f"/tasks?{query}"))


HOSTS: Final = (
    "evil.example", "", "localhost.evil.example", "localhost:80@evil.example", "localhost:80/x?", "localhost:[",
    "[::1]evil.example", "localhost#", "[::1", "169.254.169.254", "localhost.",
)  # fmt: skip
PAGES: Final = (
    {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://localhost"}, {"Origin": "http://[::1"},
    {"Origin": "http://localhost.evil.example"}, {"Origin": "file://"}, {"Origin": ""},
    {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
    {"Origin": "https://evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"},
)  # fmt: skip


def foreign_pages(on: TasksApp) -> None:
    """A page of another origin, or under another name, can neither buy nor forget nor listen; nothing is recorded."""
    tasks = _tasks(on, ANNA)
    own = tasks[0]["links"]["self"]
    for host in HOSTS:
        for asked in (("GET", "/tasks"), ("GET", "/"), ("GET", "/events"), ("DELETE", own)):
            on.refused(f"host {host}", 400, asked, headers={"Host": host})
    kinds = ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=b", "application/json")
    for page, kind in itertools.product(PAGES, kinds):
        on.refused(f"{page}, {kind}", 403, POST, b"model=universal_model_1", {**page, "Content-Type": kind})
    for page in PAGES:
        for asked in (("DELETE", own), ("GET", "/events"), ("GET", f"{own}/events")):
            on.refused(f"{page}, {asked}", 403, asked, headers=page)
    for kind in kinds[:2]:
        on.refused(f"a form as {kind}", 415, POST, b"model=universal_model_1", {"Content-Type": kind})
    for method in ("PUT", "PATCH", "TRACE", "PROPFIND"):
        heard = on.ask(method, own)
        on.must(method, (heard.status, heard.is_problem), (405, True))
    _smuggled(on)
    on.must("recorded by foreign pages", _tasks(on, ANNA) == tasks, True)


def _smuggled(on: TasksApp) -> None:
    """A message that two readers would read as two is refused by the server itself, in its own words."""
    both = {"Content-Length": "5", "Transfer-Encoding": "chunked"}
    for name, fields in (
        ("a second host", {"host": "evil.example"}),
        ("no length", {"Content-Length": "-1"}),
        ("two", both),
    ):
        on.must(name, on.ask(*POST, b"0\r\n\r\n", {**JSON, **fields}).status, 400)


TRICKS: Final = ("..%2f", "%2e%2e/", "%2e%2e%2f", "..%5c", "%252e%252e%252f", "../", "..;/", "%c0%ae%c0%ae/", "//")


def odd_paths(on: TasksApp) -> None:
    """Ids and numbers that are none are not there, and never become a path."""
    own = _tasks(on, ANNA)[0]["links"]["self"]
    task = own.rpartition("/")[2]
    names = ("%00", f"{task}%00", f"%00{task[1:]}", f"{task[:-1]}%2f", "web:anna", "%25", "a" * 5000, ".", "%2e")
    ids = (*names, *(trick * 6 + "etc%2fpasswd" for trick in TRICKS))
    for each in ids:
        for path in (f"/tasks/{each}", f"/tasks/{each}/events", f"/tasks/{each}/images/0"):
            on.refused(f"GET {path[:40]}", 404, ("GET", path))
        on.refused(f"DELETE {each[:40]}", 404, ("DELETE", f"/tasks/{each}"))
    numbers = (
        "-1",
        "01x",
        "100",
        "1%00",
        "%00",
        "1%2f..%2f0",
        "0%2e",
        "%d9%a3",
        "1e0",
        "",
        "photo.jpg",
        "..%2f.secret",
    )
    for number in (*numbers, *(trick * 6 + "etc/passwd" for trick in TRICKS)):
        on.refused(f"picture {number[:30]}", 404, ("GET", f"{own}/images/{number}"))
    for name in ("journal.db", "out/.secret", "about.json", "page/page.js", "page.js%00", "etc/passwd", "__init__.py"):
        for trick in ("", *TRICKS):
            on.refused(f"file {trick}{name}", 404, ("GET", f"/{trick}{name}"))
    # These two go past a mounted application: the one around it has no such path, and says so in its own words.
    for path in (f"http://evil.example{own}", f"{own}%0a/events"):
        on.must(f"GET {path[:30]}", on.ask("GET", path).status, 404)


def links_in_the_folder(on: TasksApp) -> None:
    """What somebody puts into the folder, a link above all, is not served, and spoils nothing else."""
    task = on.buy(draw_photo(shade=4)).value
    own, outside = task["links"]["self"], on.folder / "outside"
    _until(lambda: _tasks(on, ANNA)[0]["saved"])
    on.must("its pictures", [on.ask("GET", f"{own}/images/{n}").status for n in (0, 1)], [200, 200])
    (place,) = (on.folder / "out").glob(f"*/{task['id']}")
    outside.mkdir()
    (outside / "photo.jpg").write_bytes(OUTSIDE)
    for name in [path.name for path in place.glob("*.jp*g")]:
        (place / name).rename(outside / f"kept-{name}")
        for to in (outside / "photo.jpg", Path("/etc/passwd"), Path("/dev/zero"), on.folder / "journal.db", place):
            (place / name).symlink_to(to)
            for number in (0, 1):
                on.must(f"link to {to.name}", _served_from_outside(on, f"{own}/images/{number}"), False)
            (place / name).unlink()
        os.mkfifo(place / name)
    for number in (0, 1):
        on.refused("a pipe", 404, ("GET", f"{own}/images/{number}"))
    told = ('{"photo": "../../../outside/photo.jpg"}', '{"photo": "/etc/passwd"}', '{"photo": 5}', "[]", "[" * 8000)
    for text in told:
        (place / "about.json").write_text(text)
        on.refused(f"about {text[:30]}", 404, ("GET", f"{own}/images/0"))
        on.must("the list", on.ask("GET", "/tasks").status, 200)
    for to in (Path("/dev/zero"), outside / "photo.jpg"):
        (place / "about.json").unlink()
        (place / "about.json").symlink_to(to)
        on.must(f"about is {to.name}", on.ask("GET", own).status, 200)
    place.rename(on.folder / "away")
    (outside / "about.json").write_text('{"photo": "photo.jpg"}')
    place.symlink_to(outside)
    on.refused("a link in place of the folder", 404, ("GET", f"{own}/images/0"))


def _served_from_outside(on: TasksApp, path: str) -> bool:
    heard = on.ask("GET", path)
    return heard.status != 404 and (OUTSIDE in heard.content or b"root:" in heard.content or b"SQLite" in heard.content)


def crowds(on: TasksApp) -> None:
    """Hundreds of streams and slow bodies keep nobody waiting, and leave nothing behind."""
    before = on.open_files()
    with contextlib.ExitStack() as stack:
        people = [ANNA, *({"X-Who": f"made-up-{number}"} for number in range(STREAMS // MAX_OPEN - 1))]
        held = [
            stack.enter_context(contextlib.closing(on.opened("GET", "/events", by=by)))
            for by in people
            for _ in range(MAX_OPEN)
        ]
        on.must("streams that were opened", sum(raw.recv(15) == b"HTTP/1.1 200 OK" for raw in held), STREAMS)
        more = on.ask("GET", "/events")
        on.must("one more of the same person", (more.status, more.is_problem), (429, True))
        on.must(f"a page beside {STREAMS} streams within 2 s", _seconds(on) < 2, True)
        slow = {**FORM, "Content-Length": "4000000"}
        bodies = [
            stack.enter_context(contextlib.closing(on.opened("POST", "/tasks", b"--b\r\nC", slow)))
            for _ in range(MAX_WAITING)
        ]
        on.must("a page beside slow bodies within 2 s", _seconds(on) < 2, True)
        began = time.monotonic()
        late = [on.heard(raw, "POST") for raw in bodies]
        on.must("slow bodies", {(each.status, each.is_problem) for each in late}, {(408, True)})
        on.must(f"slow bodies, {READ_WITHIN:g} s later", time.monotonic() - began < READ_WITHIN + 2, True)
    on.must("files left open", _until(lambda: on.open_files() <= before + 5), True)


def too_many(on: TasksApp) -> None:
    """Of forty at once exactly as many are taken as may wait; a key that is known is answered all the same."""
    on.sandbox.fault("submit", "business_code", code="501")
    photos = [draw_photo(shade=shade) for shade in range(10, 50)]
    with ThreadPoolExecutor(len(photos)) as pool:
        heard = list(pool.map(lambda number: on.buy(photos[number], key=f"many-{number}"), range(len(photos))))
    taken = [number for number, each in enumerate(heard) if each.status == 202]
    on.must("taken of forty", len(taken), *range(1, MAX_WAITING + 1))
    while len(taken) < MAX_WAITING and (more := on.buy(photos[0], key=f"more-{len(taken)}")).status == 202:
        taken.append(more.status)
    on.must("taken one by one", len(taken), MAX_WAITING)
    full = on.buy(photos[0], key="one-more")
    on.must("one more", (full.status, full.is_problem, "retry-after" in full.fields), (429, True, True))
    turned = {(each.status, each.is_problem) for each in heard if each.status != 202}
    on.must("the others", turned, {(429, True)})
    on.must("a known key", on.buy(photos[taken[0]], key=f"many-{taken[0]}").status, 202)
    on.sandbox.clear_faults()
    on.must("room again", _until(lambda: on.buy(photos[0], key="one-more").status == 202), True)


def _seconds(on: TasksApp) -> float:
    began = time.monotonic()
    assert on.ask("GET", "/tasks").status == 200
    return time.monotonic() - began


def _tasks(on: TasksApp, by: dict[str, str]) -> list[Any]:
    return list(on.ask("GET", "/tasks?limit=200", by=by).value["tasks"])


def _listened(on: TasksApp, headers: dict[str, str], by: dict[str, str]) -> str:
    """Return what a stream says within a second."""
    seen = b""
    with contextlib.closing(on.opened("GET", "/events", b"", headers, by=by)) as raw:
        raw.settimeout(1)
        with contextlib.suppress(socket.timeout):
            while piece := raw.recv(65_536):
                seen += piece
    on.clean("a stream", seen)
    return seen.decode()


def _until(holds: Any) -> bool:
    give_up_at = time.monotonic() + 20
    while not (found := bool(holds())) and time.monotonic() < give_up_at:
        time.sleep(0.1)
    return found


ATTACKS: Final = (
    heavy_bodies, odd_forms, odd_json, bombs, other_people, odd_event_ids, foreign_pages, odd_paths,
    links_in_the_folder, crowds, too_many,
)  # fmt: skip


def attack_tasks_app(score: Score, folder: Path) -> None:
    """State what came of each: right status, a problem document, bounded memory, nothing from outside, no secret."""
    settings = SandboxSettings(duration=0, spread=0, key_secret=MARKER)
    with SocketSandbox.run(settings) as sandbox, attacked(folder, sandbox) as on:
        on.buy(draw_photo(shade=0))
        for attack in ATTACKS:
            on.suffer(attack, score)
        works = _until(lambda: on.buy(draw_photo(shade=99)).status == 202)
        score("tasks app: a good photo after all of it", "taken" if works else "refused", "taken", works)
