"""README's backends run as they stand there: FastAPI, Starlette and Litestar."""

import importlib.util
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from aidge_async.sandbox.settings import SandboxSettings
from aidge_async.testing import SocketSandbox
from tests.conftest import draw_photo
from tests.integrations.servers import http_to
from tests.test_readme import blocks

USER = {"X-User": "anna"}


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Set the environment to a sandbox whose tasks end at once, and work in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    with SocketSandbox.run(SandboxSettings(duration=0)) as sandbox:
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        yield sandbox


def block(word: str) -> str:
    """Return README's block of Python in which *word* makes an application."""
    return next(found for found in blocks() if f"app = {word}" in found)


def backend(word: str) -> Any:
    """Return the application of README's block of Python with *word* in it, as a module of its own."""
    name = f"readme_{word.strip('(').lower()}"
    place = Path(f"{name}.py")
    place.write_text(block(word), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, place)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.app


def post(http: Any, photo: bytes, **headers: str) -> Any:
    """Ask the mounted application for pictures, and return the task."""
    answer = http.post(
        "/pictures/tasks",
        files={"image": ("look.jpg", photo)},
        data={"model": "universal_model_1"},
        headers={**USER, **headers},
    )
    assert answer.status_code == 202, answer.text
    return answer.json()


def until_done(http: Any, path: str) -> Any:
    """Look at a task until it is done, for a minute at most."""
    give_up_at = time.monotonic() + 60
    while not (task := http.get(path, headers=USER).json())["done"]:
        assert time.monotonic() < give_up_at
        time.sleep(0.1)
    return task


@pytest.mark.slow
def test_fastapi_backend_submits_and_resumes(photo: bytes, account: SocketSandbox) -> None:
    """The FastAPI example buys once under a key, finds the task in another request, and waits for one in a third."""
    with http_to(backend("FastAPI(")) as http:
        first = http.post("/looks/sku-1", files={"photo": photo}).json()["token"]
        assert http.post("/looks/sku-1", files={"photo": photo}).json()["token"] == first
        assert http.post("/looks/sku-2", files={"photo": b"no picture"}).status_code == 422
        look = http.get(f"/looks/{first}").json()
        assert (look["state"], look["url"][:4]) == ("succeeded", "http")
        assert http.get("/pictures/tasks").status_code == 401
        task = post(http, draw_photo(shade=3))
        assert task["links"]["self"] == f"/pictures/tasks/{task['id']}"
        assert until_done(http, task["links"]["self"])["state"] == "succeeded"
        assert len(account.ledger()) == 2


@pytest.mark.slow
def test_starlette_backend_brings_pictures(photo: bytes) -> None:
    """The Starlette example takes a photo and brings its pictures."""
    with http_to(backend("Starlette(")) as http:
        task = until_done(http, post(http, photo)["links"]["self"])
        assert http.get(task["images"][0]["href"], headers=USER).content[:2] == b"\xff\xd8"
        assert (
            "<html" in http.get("/pictures", headers=USER, follow_redirects=True).text
        )  # by way of a redirect to /pictures/


@pytest.mark.slow
def test_litestar_backend_brings_pictures(photo: bytes) -> None:
    """The Litestar example takes a photo and brings its pictures, though Litestar mounts in its own way."""
    with http_to(backend("Litestar(")) as http:
        task = post(http, photo)
        assert task["links"]["self"] == f"/pictures/tasks/{task['id']}"
        task = until_done(http, task["links"]["self"])
        assert http.get(task["images"][0]["href"]).content[:2] == b"\xff\xd8"
        assert http.get("/pictures/tasks?limit=1").json()["next"] is not None
        redirected = http.get("/pictures")
        assert (redirected.status_code, redirected.headers["location"]) == (307, "/pictures/")
        assert "<html" in http.get("/pictures/").text
