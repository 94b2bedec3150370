"""What was sent or put there in bad faith: codecs, host names, links, and files beside the pictures."""

import os
from pathlib import Path

import httpx

from tests.conftest import draw_photo
from tests.integrations.support import ANNA, MODEL, MOUNT, ONE_SUBMIT, Backend, backend_in


async def test_forms_are_utf_8(backend: Backend) -> None:
    """A form that names another codec is refused; Python has some that raise, and some that take their time."""
    for charset in ("undefined", "punycode", "utf-16", "latin-1", '"a\\\\b"'):
        kind = {"Content-Type": f"multipart/form-data; boundary=b; charset={charset}"}
        answer = await backend.http.post(f"{MOUNT}/tasks", content=b"--b--\r\n", headers={**ANNA, **kind})
        assert (answer.status_code, answer.headers["content-type"]) == (415, "application/problem+json")
    request = httpx.Request("POST", "http://x", data=MODEL, files={"image": ("a.jpg", draw_photo())})
    kind = {"Content-Type": request.headers["content-type"] + "; charset=UTF-8"}
    answer = await backend.http.post(f"{MOUNT}/tasks", content=request.read(), headers={**ANNA, **kind})
    assert answer.status_code == 202


ODD_HOSTS = (
    "localhost:80@evil.example", "localhost:80/x?", "localhost:[", "localhost:x", "[::1]evil.example", "localhost#",
    "localhost\\.evil.example", "user@localhost", "[::1", "localhost:80:80",
)  # fmt: skip


async def test_hosts_are_a_name_and_a_port(backend: Backend) -> None:
    """A `Host` field that is more than a name and a port is refused, whatever name it begins with."""
    for host in ODD_HOSTS:
        answer = await backend.get("/tasks", Host=host)
        assert (answer.status_code, host, answer.headers["content-type"]) == (400, host, "application/problem+json")


async def test_links_are_not_repeated(backend: Backend) -> None:
    """A link that is refused may be signed, so the problem document does not repeat it."""
    for link in ("ftp://e.example/?sign=AB", "https:///?sign=AB", "https://e.example/ ?sign=AB"):
        answer = await backend.http.post(f"{MOUNT}/tasks", json={**MODEL, "image_url": link}, headers=ANNA)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "image_url")
        assert "sign=" not in answer.text


async def test_too_long_json_is_not_called_a_photo(backend: Backend) -> None:
    """JSON that is too heavy is told its own limit."""
    answer = await backend.http.post(f"{MOUNT}/tasks", json={"image_url": "x" * 70_000}, headers=ANNA)
    assert (answer.status_code, "65,536 bytes" in answer.json()["detail"]) == (413, True)


ALTERED = (
    "[]", "5", '{"photo": 5}', '{"photo": ["photo.jpg"]}', '{"photo": "../photo.jpg"}', '{"photo": "a\\u0000.jpg"}',
    '{"name": ["x"], "photo": "photo.jpg"}', '{"name": "\\ud800.jpg", "photo": "photo.jpg"}', '{"created_at": "x"}',
    '{"created_at": 1e300}', '{"created_at": NaN}', '{"created_at": -1}', "[" * 8000, " " * 10_000, "{", "\x00",
)  # fmt: skip


async def test_altered_files_spoil_no_list(tmp_path: Path) -> None:
    """What lies beside the pictures and is not as we wrote it counts for nothing; the tasks are shown all the same."""
    async with backend_in(tmp_path, limits=ONE_SUBMIT) as backend:
        task = (await backend.post()).json()
        (about,) = (tmp_path / "out").glob(f"*/{task['id']}/about.json")
        for text in ALTERED:
            about.write_text(text)
            shown = (await backend.get("/tasks")).json()["tasks"]
            assert [(each["id"], each["name"], each["original"]) for each in shown] == [(task["id"], None, None)]
            assert (await backend.get(f"{task['links']['self']}/images/0?download=1")).status_code == 404
        about.unlink()
        os.mkfifo(about)
        assert (await backend.get("/tasks")).json()["tasks"][0]["name"] is None


async def test_links_lead_nowhere(tmp_path: Path) -> None:
    """Nothing is served through a link in a task's folder or in its place; the whole folder may lie elsewhere."""
    elsewhere = tmp_path / "other disk"
    elsewhere.mkdir()
    (tmp_path / "out").symlink_to(elsewhere)
    outside = tmp_path / "outside"
    outside.mkdir()
    async with backend_in(tmp_path, limits=ONE_SUBMIT) as backend:
        task = (await backend.post(draw_photo(shade=1))).json()
        (place,) = elsewhere.glob(f"*/{task['id']}")
        assert (await backend.get(task["original"])).status_code == 200
        (place / "photo.jpg").rename(outside / "photo.jpg")
        (place / "photo.jpg").symlink_to(outside / "photo.jpg")
        assert (await backend.get(task["original"])).status_code == 404
        (place / "about.json").rename(outside / "about.json")
        (place / "about.json").symlink_to(outside / "about.json")
        assert (await backend.get(task["links"]["self"])).json()["name"] is None
        place.rename(tmp_path / "away")
        place.symlink_to(outside)
        assert (await backend.get(f"{task['links']['self']}/images/0")).status_code == 404
