"""What tests of the page use: a browser, somebody who watches it for complaints, and a server that follows a script."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import attrs
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Route, expect, sync_playwright

from tests.conftest import draw_photo

DESK: Final = {"width": 1280, "height": 900}
PHONE: Final = {"width": 360, "height": 740}
PATIENCE_MS: Final = 20_000  # for what should be there at once; the machine may be busy
POLICY: Final = (
    "default-src 'none'; img-src 'self' blob:; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
_FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_MEDIA_TYPES: Final = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_PAGE: Final = files("aidge_async.integrations.asgi") / "page"
_SCRIPTED: Final = "http://shop.test"
_MOUNT: Final = "/back/office/"


@contextmanager
def opened_browser() -> Iterator[Browser]:
    """Start Debian's chromium; skip where there is none, and fail where AIDGE_BROWSER says that there must be one."""
    found = shutil.which("chromium")
    if found is None:
        reason = "there is no browser here: apt-get install chromium"
        if os.environ.get("AIDGE_BROWSER") == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened_page(browser: Browser, *, expected: tuple[str, ...] = (), **context: Any) -> Iterator[Page]:
    """
    Open an empty page, and fail at the end where the browser complained.

    Args:
        browser: Where.
        expected: Words of complaints that the test is about; a refused or lost request is one.
        context: How the browser is set up: `viewport`, `color_scheme` and the like.
    """
    complaints: list[str] = []
    made: BrowserContext = browser.new_context(**{"viewport": DESK, "accept_downloads": True, **context})
    made.set_default_timeout(PATIENCE_MS)
    page = made.new_page()
    page.on("console", lambda message: _listen(message, complaints, expected))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        yield page
    finally:
        made.close()
    if complaints:
        pytest.fail(f"the browser complained: {complaints}")


def _listen(message: ConsoleMessage, complaints: list[str], expected: tuple[str, ...]) -> None:
    if message.type in {"error", "warning"} and not any(words in message.text for words in expected):
        complaints.append(message.text)


Answer = Callable[[Route], None]


def lost(route: Route) -> None:
    """Lose the connection before an answer."""
    route.abort("connectionreset")


def unanswered(_: Route) -> None:
    """Keep somebody waiting."""


def problem(status: int, detail: str, *fields: tuple[str, str], retry_after: int | None = None) -> Answer:
    """Return an answer that is a problem (RFC 9457)."""
    errors = [{"field": field, "detail": words} for field, words in fields]
    content = {"type": "about:blank", "title": "No", "status": status, "detail": detail, "errors": errors}
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return lambda route: route.fulfill(
        status=status, body=json.dumps(content), content_type="application/problem+json", headers=headers
    )


def task(number: int = 1, **values: Any) -> dict[str, Any]:
    """Return a task as the API shows it; the higher its number, the younger it is."""
    made = {
        "id": f"task-{number}",
        "state": "succeeded",
        "name": f"look-{number}.jpg",
        "request": {"model": "universal_model_2", "background": "beach", "count": 2, "dimension": 768},
        "pictures": 2,
        "saved": True,
        "done": True,
        "reason": None,
        "billable": "yes",
        "created_at": f"2026-11-22T10:{number // 60 % 60:02}:{number % 60:02}.000Z",
        "changed_at": "2026-11-22T12:00:00.000Z",
        "seq": number,
        **values,
    }
    own = f"{_MOUNT}tasks/{made['id']}"
    saved = range(1, made["pictures"] + 1) if made["saved"] else ()
    made["links"] = {"self": own, "events": f"{own}/events"}
    made.setdefault("images", [{"n": n, "href": f"{own}/images/{n}"} for n in saved])
    made.setdefault("original", f"{own}/images/0")
    return made


@attrs.define(slots=False)  # playwright keeps its wrapper of a method on the instance
class ScriptedServer:
    """
    Answer the page's questions from a script, under a host that does not exist and deep in its paths.

    Args:
        tasks: What there is, the newest first.
        answers: What is said to submits, one after another; then each is accepted.
        sandbox: Whether it says that it is one.
        keys: The idempotency keys of the submits, as they came.
        asked: Every method and path that was asked for.
        news: Tasks that the event stream is still to tell of.
        listing: What is said to who asks for the list; `None`: the list.
    """

    tasks: list[dict[str, Any]] = attrs.Factory(list)
    answers: list[Answer] = attrs.Factory(list)
    sandbox: bool = True
    keys: list[str] = attrs.Factory(list)
    asked: list[str] = attrs.Factory(list)
    news: list[dict[str, Any]] = attrs.Factory(list)
    listing: Answer | None = None
    url: str = f"{_SCRIPTED}{_MOUNT}"
    picture: bytes = attrs.field(factory=draw_photo, repr=False)

    def opened_by(self, page: Page) -> Page:
        """Open the page from this server, and return it when its form is filled."""
        page.route(f"{_SCRIPTED}/**", self._answer)
        page.goto(self.url)
        page.locator("#model option").first.wait_for(state="attached")
        return page

    def _answer(self, route: Route) -> None:
        address = urlsplit(route.request.url)
        path = address.path.removeprefix(_MOUNT)
        self.asked.append(f"{route.request.method} {path}")
        match path.split("/"):
            case ["about"]:
                route.fulfill(json=self._about())
            case ["events"]:
                told = "".join(f"event: task\ndata: {json.dumps(news)}\n\n" for news in self.news)
                self.news.clear()
                route.fulfill(body=f"retry: 300\n\n{told}", content_type="text/event-stream")
            case ["tasks"]:
                self._answer_tasks(route, parse_qs(address.query))
            case ["tasks", gone] if route.request.method == "DELETE":
                self.tasks = [known for known in self.tasks if known["id"] != gone]
                route.fulfill(json={"id": gone, "detail": "no longer shown; it is not cancelled"})
            case ["tasks", _, "images", _]:
                route.fulfill(body=self.picture, content_type="image/jpeg")
            case _:
                name = path or "index.html"
                media_type = _MEDIA_TYPES[Path(name).suffix]
                headers = {"Content-Security-Policy": POLICY}
                route.fulfill(body=(_PAGE / name).read_bytes(), content_type=media_type, headers=headers)

    def _answer_tasks(self, route: Route, query: dict[str, list[str]]) -> None:
        if route.request.method == "POST":
            self.keys.append(route.request.headers["idempotency-key"])
            return self.answers.pop(0)(route) if self.answers else self._accept(route)
        if self.listing is not None:
            return self.listing(route)
        limit, before = int(query["limit"][0]), int(query.get("before", ["0"])[0])
        rows = self.tasks[before : before + limit]
        more = before + limit < len(self.tasks)
        return route.fulfill(json={"tasks": rows, "next": before + limit if more else None})

    def _accept(self, route: Route) -> None:
        made = task(5000 + len(self.tasks), state="planned", saved=False, done=False, billable="no")
        self.tasks.insert(0, made)
        route.fulfill(status=202, json=made)

    def _about(self) -> dict[str, Any]:
        return {
            "sandbox": self.sandbox,
            "max_waiting": 100,
            "image": {
                "most_bytes": 4 * 1024 * 1024,
                "types": ["image/bmp", "image/jpeg", "image/png", "image/webp"],
            },
            "choices": {
                "model": [f"universal_model_{number}" for number in range(1, 5)],
                "background": ["studio", "room", "European_street", "beach"],
                "gender": ["MALE", "FEMALE"],
                "age": ["OLD_AGE", "MIDDLE_AGE", "YOUTH"],
                "count": [1, 4],
                "dimension": [512, 2048],
            },
            "defaults": {"model": "universal_model_1", "count": 2, "dimension": 768},
        }


def photos(folder: Path, *names: str) -> list[Path]:
    """Write a photo under each of *names*, no two alike, and return their paths."""
    paths = [folder / name for name in names]
    for shade, path in enumerate(paths):
        path.write_bytes(draw_photo(shade=40 * shade))
    return paths


def choose(page: Page, *paths: Path) -> None:
    """Choose photos by the button, and wait until they are in the tray."""
    before = page.locator(".draft").count()
    page.locator("#files").set_input_files(paths)
    expect(page.locator(".draft")).to_have_count(before + len(paths))


def sent(page: Page, count: int = 1) -> None:
    """Wait until *count* tasks are shown and the tray is empty."""
    expect(page.locator(".card")).to_have_count(count)
    expect(page.locator(".draft")).to_have_count(0)
