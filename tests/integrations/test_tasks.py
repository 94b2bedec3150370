"""Tasks over HTTP: recorded before they are answered, one for a key, and named problems for all else."""

import hashlib
from pathlib import Path
from typing import Any, Self

import anyio
import httpx
import pytest

from aidge_async import JournalError, SettingsError
from aidge_async.integrations.asgi import tasks_app
from aidge_async.integrations.asgi._tasks import NOT_CANCELLED
from tests.conftest import draw_photo
from tests.integrations.support import ANNA, MOUNT, ONE_SUBMIT, Backend, backend_in


class OnePiece(httpx.AsyncByteStream):
    """A body that may be left unread without a word; httpx's own is a generator, and trio complains."""

    def __init__(self, content: bytes) -> None:
        self.left = [content]

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if not self.left:
            raise StopAsyncIteration
        return self.left.pop()


class EndlessPhoto(httpx.AsyncByteStream):
    """A form whose file never ends, in pieces of 100,000 bytes."""

    def __init__(self) -> None:
        self.pieces = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        self.pieces += 1
        if self.pieces == 1:
            return b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        return b"x" * 100_000


JSON_LOOK = {"image_url": "https://example.com/look.jpg?x=1", "model": "universal_model_1"}


async def test_upload_is_on_disk_before_it_is_answered(tmp_path: Path, photo: bytes) -> None:
    """When 202 is answered, the row is in the journal, and the photo's bytes are in the spool and on the shelf."""
    async with backend_in(tmp_path, limits=ONE_SUBMIT) as backend:
        await backend.post(draw_photo(shade=1))
        answer = await backend.post(photo, values={"count": "1", "background": "beach"})
        task = answer.json()
        (spooled,) = [file for file in (tmp_path / "journal.db-spool").iterdir() if file.read_bytes() == photo]
        assert spooled.name == hashlib.sha256(photo).hexdigest()
        assert (await backend.get(task["original"])).content == photo
    assert answer.status_code == 202
    assert answer.headers["location"] == task["links"]["self"] == f"{MOUNT}/tasks/{task['id']}"
    assert int(answer.headers["retry-after"]) > 0
    assert task["state"] == "planned"
    assert task["name"] == "look.jpg"
    assert (task["request"]["background"], task["request"]["count"], task["pictures"]) == ("beach", 1, 1)
    assert (task["billable"], task["done"], task["images"]) == ("no", False, [])


@pytest.mark.slow
async def test_task_is_brought_home(backend: Backend, photo: bytes) -> None:
    """A task ends by itself, its pictures can be looked at and downloaded, and it was bought once."""
    task = (await backend.post(photo)).json()
    task = await backend.until(task["links"]["self"], lambda task: task["done"])
    assert (task["state"], task["saved"], task["billable"], len(task["images"])) == ("succeeded", True, "yes", 2)
    shown = await backend.get(task["images"][1]["href"])
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert "private" in shown.headers["cache-control"]
    assert "content-disposition" not in shown.headers
    part = await backend.get(task["images"][0]["href"], Range="bytes=0-1")
    assert (part.status_code, part.content) == (206, b"\xff\xd8")
    saved = await backend.get(task["images"][1]["href"] + "?download=1")
    assert saved.headers["content-disposition"] == 'attachment; filename="look-2.jpg"'
    assert (await backend.get(f"{task['links']['self']}/images/3")).status_code == 404
    assert len(backend.sandbox.ledger()) == 1


async def test_same_idempotency_key_is_one_task(backend: Backend, photo: bytes) -> None:
    """The same key and request, also at the same time, are one task; with another request the key is a problem."""
    answers: list[Any] = []

    async def ask() -> None:
        answers.append(await backend.post(photo, key="order-1"))

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(ask)
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    other = await backend.post(draw_photo(shade=9), key="order-1")
    assert (other.status_code, other.json()["errors"][0]["field"]) == (422, "Idempotency-Key")
    shown = await backend.get(answers[0].json()["original"])
    assert shown.content == photo
    assert len((await backend.get("/tasks")).json()["tasks"]) == 1


async def test_key_is_known_to_the_next_process(tmp_path: Path, photo: bytes) -> None:
    """An idempotency key names the same task after a restart, and its id does not tell the key."""
    async with backend_in(tmp_path) as backend:
        first = (await backend.post(photo, key="order-1")).json()["id"]
    (tmp_path / "out" / ".secret").unlink()  # the journal remembers it too
    async with backend_in(tmp_path, sandbox=backend.sandbox) as backend:
        assert (await backend.post(photo, key="order-1")).json()["id"] == first
    assert len(backend.sandbox.ledger()) <= 1


async def test_odd_idempotency_keys_are_refused(backend: Backend) -> None:
    """A key that is empty, too long or no visible ASCII is a problem, not another key."""
    for key in ("", " ", "x" * 256, "ö"):
        answer = await backend.http.post(
            f"{MOUNT}/tasks", json=JSON_LOOK, headers=[(b"X-Who", b"anna"), (b"Idempotency-Key", key.encode())]
        )
        assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


WRONG = (
    ({"count": "5"}, "count"),
    ({"count": "two"}, "count"),
    ({"dimension": "100"}, "dimension"),
    ({"background": "moon"}, "background"),
    ({"keep_background": "false"}, "background"),
    ({"keep_background": "perhaps"}, "keep_background"),
    ({"model": "nobody"}, "model"),
    ({"model": ""}, "model"),
    ({"gender": "X"}, "gender"),
    ({"folder": "/etc"}, "folder"),
)


async def test_wrong_fields_are_named(backend: Backend) -> None:
    """A field that is wrong or unknown is named in the problem document, and nothing is recorded."""
    for values, field in WRONG:
        answer = await backend.post(values=values)
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
        document = answer.json()
        assert (document["status"], document["title"]) == (422, "Unprocessable Entity")
        assert [error["field"] for error in document["errors"]] == [field]
    assert (await backend.get("/tasks")).json()["tasks"] == []


async def test_what_is_no_photo_is_refused_at_its_field(backend: Backend) -> None:
    """Bytes that are no picture, and text in place of a file, are refused at the field `image`."""
    for content in (b"no picture", b"", draw_photo(100, 100)):
        answer = await backend.post(content)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "image")
    answer = await backend.http.post(
        f"{MOUNT}/tasks", data={"image": "/etc/passwd"}, files={"model": ("a", b"b")}, headers=ANNA
    )
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "image")


async def test_link_is_recorded_unread(tmp_path: Path) -> None:
    """JSON with a URL is a task too; text that is no http(s) URL is refused at the field `image_url`."""
    async with backend_in(tmp_path, limits=ONE_SUBMIT) as backend:
        answer = await backend.http.post(f"{MOUNT}/tasks", json={**JSON_LOOK, "count": 1}, headers=ANNA)
        assert (answer.status_code, answer.json()["name"], answer.json()["original"]) == (202, "look.jpg", None)
        for link in ("file:///etc/passwd", "/etc/passwd", 7, None):
            answer = await backend.http.post(f"{MOUNT}/tasks", json={**JSON_LOOK, "image_url": link}, headers=ANNA)
            assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "image_url")


UNREADABLE: tuple[tuple[bytes, dict[str, str], int], ...] = (
    (b"{", {"Content-Type": "application/json"}, 400),
    (b"[]", {"Content-Type": "application/json"}, 422),
    (b"[" * 20_000, {"Content-Type": "application/json"}, 400),
    (b"x", {"Content-Type": "text/plain"}, 415),
    (b"x", {}, 415),
    (b"x", {"Content-Type": "application/json", "Content-Encoding": "gzip"}, 415),
    (b"x", {"Content-Type": "multipart/form-data"}, 400),
    (b"x", {"Content-Type": "multipart/form-data; boundary=y"}, 400),
    (b" " * 70_000, {"Content-Type": "application/json"}, 413),
)


async def test_bodies_that_cannot_be_read_are_problems(backend: Backend) -> None:
    """A body of another type or form, or one that is too heavy, is answered with a problem document."""
    for content, headers, status_code in UNREADABLE:
        request = backend.http.build_request("POST", f"{MOUNT}/tasks", content=content, headers={**ANNA, **headers})
        request.stream = OnePiece(content)
        answer = await backend.http.send(request)
        assert (answer.status_code, headers, answer.headers["content-type"]) == (
            status_code,
            headers,
            "application/problem+json",
        )


async def test_too_heavy_photos_are_refused_before_they_are_read(backend: Backend) -> None:
    """A photo over 4 MB is 413: at once by its announced length, and while it is read where none is announced."""
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    unannounced = EndlessPhoto()
    request = backend.http.build_request("POST", f"{MOUNT}/tasks", headers={**ANNA, **kind})
    request.stream = unannounced
    answer = await backend.http.send(request)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (413, "image")
    assert 40 < unannounced.pieces < 45
    announced = EndlessPhoto()
    request = backend.http.build_request(
        "POST", f"{MOUNT}/tasks", headers={**ANNA, **kind, "Content-Length": "9999999"}
    )
    request.stream = announced
    assert ((await backend.http.send(request)).status_code, announced.pieces) == (413, 0)
    assert (await backend.post(b"\xff\xd8\xff" + b"x" * (4 * 1024 * 1024))).status_code == 413


async def test_no_more_wait_than_may(tmp_path: Path) -> None:
    """One task more than may wait is 429 with `Retry-After`; a key that is known is answered all the same."""
    async with backend_in(tmp_path, limits=ONE_SUBMIT, max_waiting=2) as backend:
        first = await backend.post(draw_photo(shade=1))
        await backend.until(
            first.json()["links"]["self"], lambda task: task["state"] != "planned" and task["state"] != "sending"
        )
        answers = [await backend.post(draw_photo(shade=shade), key=f"k{shade}") for shade in (2, 3, 4)]
        assert [answer.status_code for answer in answers] == [202, 202, 429]
        assert int(answers[-1].headers["retry-after"]) > 0
        assert (await backend.post(draw_photo(shade=2), key="k2")).status_code == 202


async def test_list_is_paged_newest_first(tmp_path: Path) -> None:
    """Pages follow each other by their cursor without a gap, and what is forgotten leaves none."""
    async with backend_in(tmp_path, limits=ONE_SUBMIT) as backend:
        ids = [(await backend.post(draw_photo(shade=shade))).json()["id"] for shade in range(5)]
        assert (await backend.http.delete(f"{MOUNT}/tasks/{ids[2]}", headers=ANNA)).json()["detail"] == NOT_CANCELLED
        seen: list[str] = []
        path = "/tasks?limit=2"
        while path:
            answer = await backend.get(path)
            seen += [task["id"] for task in answer.json()["tasks"]]
            path = answer.links["next"]["url"] if "next" in answer.links else ""
        assert seen == [ids[4], ids[3], ids[1], ids[0]]
        for query in ("limit=0", "limit=201", "limit=x", "before=0", f"before={'9' * 30}"):
            assert (await backend.get(f"/tasks?{query}")).status_code == 422


async def test_forgotten_task_is_not_shown_until_it_is_asked_for_again(backend: Backend, photo: bytes) -> None:
    """DELETE hides a task everywhere and cancels nothing; its idempotency key brings the same one back."""
    task = (await backend.post(photo, key="a")).json()
    own = task["links"]["self"]
    assert (await backend.http.delete(own, headers=ANNA)).status_code == 200
    for path in (own, f"{own}/events", f"{own}/images/0"):
        assert (await backend.get(path)).status_code == 404
    assert (await backend.http.delete(own, headers=ANNA)).status_code == 404
    assert (await backend.post(photo, key="a")).json()["id"] == task["id"]
    assert (await backend.get(own)).status_code == 200


async def test_unchanged_task_is_not_sent_again(tmp_path: Path) -> None:
    """A task's ETag is answered with 304 as long as it stands as it stood."""
    async with backend_in(tmp_path, limits=ONE_SUBMIT) as backend:
        await backend.post(draw_photo(shade=1))
        own = (await backend.post()).json()["links"]["self"]
        tag = (await backend.get(own)).headers["etag"]
        for given in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            answer = await backend.get(own, If_None_Match=given)
            assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
        assert (await backend.get(own, If_None_Match='"other"')).status_code == 200


async def test_what_cannot_be_recorded_is_not_promised(
    backend: Backend, photo: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the journal fails, the answer is 503 with `Retry-After`, nothing is kept, and the log alone names files."""

    async def plan(*_: Any, **__: Any) -> None:
        raise JournalError("the journal '/srv/shop/journal.db' cannot be used (disk full)")

    monkeypatch.setattr(backend.client, "plan", plan)
    answer = await backend.post(photo)
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert int(answer.headers["retry-after"]) > 0
    assert not (backend.folder / "out").exists()
    assert "srv" not in answer.text
    assert "/srv/shop/journal.db" in caplog.text


async def test_nothing_is_taken_while_leaving(backend: Backend, photo: bytes) -> None:
    """Once the process is about to end, and when its client is drained, asking for a task is 503 with `Retry-After`."""
    await backend.client.drain(0)
    drained = await backend.post(photo)
    backend.news.stop()
    leaving = await backend.post(photo)
    assert [(answer.status_code, answer.headers["retry-after"]) for answer in (drained, leaving)] == [(503, "2")] * 2


async def test_photo_that_cannot_be_kept_costs_no_task(tmp_path: Path, photo: bytes) -> None:
    """A full shelf takes away the photo to look at, not the task."""
    (tmp_path / "out").write_text("in the way")
    async with backend_in(tmp_path, limits=ONE_SUBMIT) as backend:
        answer = await backend.post(photo)
        assert (answer.status_code, answer.json()["original"], answer.json()["name"]) == (202, None, None)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"authenticate": lambda _: "a", "allow_anonymous": True},
        {"allow_anonymous": True, "max_waiting": 0},
        {"allow_anonymous": True, "max_waiting": True},
        {"allow_anonymous": True, "max_open": 0},
        {"allow_anonymous": True, "allowed_hosts": ["http://a"]},
        {"allow_anonymous": True, "allowed_hosts": ["a:80"]},
        {"allow_anonymous": True, "allowed_origins": ["a"]},
        {"allow_anonymous": True, "allowed_origins": ["https://a/b"]},
    ],
)
def test_contradictory_settings_are_refused_at_construction(tmp_path: Path, options: dict[str, Any]) -> None:
    """Without a word about who may come in, and with values of the wrong form, there is no application."""
    with pytest.raises(SettingsError):
        tasks_app(folder=tmp_path, **options)
