"""The page in a real browser, served by `aidge-async serve` over a socket, through the server's sudden death."""

import base64
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from aidge_async.sandbox.settings import SandboxSettings
from aidge_async.testing import SocketSandbox
from tests.integrations.browsing import PATIENCE_MS, opened_browser, opened_page, photos
from tests.integrations.servers import held_port, serving

pytestmark = pytest.mark.slow
expect.set_options(timeout=PATIENCE_MS)
GONE = ("Failed to load resource",)  # whatever a server that dies or stops answers, if it answers
QUICK = ("--submit-rate", "50", "--query-rate", "50", "--drain", "1")
LONG_MS = 300_000  # for pictures to be made; the machine may be busy


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start one browser for all tests of this file."""
    with opened_browser() as found:
        yield found


@pytest.fixture
def port() -> Iterator[int]:
    """Hold a port for a server that comes back under its address."""
    with held_port() as port:
        yield port


def drop(page: Page, paths: list[Path]) -> None:
    """Drop files on the page, as a mouse does."""
    files = [{"name": path.name, "content": base64.b64encode(path.read_bytes()).decode()} for path in paths]
    transfer = page.evaluate_handle(
        """(files) => {
            const transfer = new DataTransfer();
            for (const { name, content } of files) {
                const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
                transfer.items.add(new File([bytes], name, { type: "image/jpeg" }));
            }
            return transfer;
        }""",
        files,
    )
    page.locator("#drop").dispatch_event("drop", {"dataTransfer": transfer})
    expect(page.locator(".draft")).to_have_count(len(paths))


def is_picture(content: bytes) -> bool:
    """Return whether a picture can be decoded whole."""
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        return min(image.size) >= 512


def test_three_photos_outlive_the_server(browser: Browser, tmp_path: Path, port: int) -> None:
    """Three dropped photos are watched to their end without a reload, though the server is killed in between."""
    out, names = tmp_path / "out", ("coat.jpg", "dress.jpg", "shirt.jpg")
    with (
        SocketSandbox.run(SandboxSettings(duration=15, spread=0.1)) as sandbox,
        opened_page(browser, expected=GONE) as page,
    ):
        with serving("--out", out, *QUICK, sandbox=sandbox, port=port) as server:
            page.goto(server.url)
            expect(page.locator("#link")).to_have_text("Live")
            expect(page.locator("#sandbox")).to_be_visible()
            page.evaluate("window.loaded = 'once'")
            drop(page, photos(tmp_path, *names))
            page.locator("#background").select_option("beach")
            page.get_by_role("button", name="Make 6 pictures").click()
            expect(page.get_by_text("Being made")).to_have_count(3)
            server.process.kill()
            server.process.wait(10)
            expect(page.locator("#link")).to_have_text("Connecting again…")
        with serving("--out", out, *QUICK, sandbox=sandbox, port=port):
            expect(page.locator("#link")).to_have_text("Live")
            expect(page.locator('.card[data-group="ready"]')).to_have_count(3, timeout=LONG_MS)
            assert page.evaluate("window.loaded") == "once"
            assert sorted(page.locator(".card h3").all_inner_texts()) == sorted(names)
            assert len(sandbox.world.ledger()) == 3
            page.screenshot(path=tmp_path / "ready.png", full_page=True)
            compare(page, tmp_path)
            download(page, tmp_path)


def compare(page: Page, tmp_path: Path) -> None:
    """Move the line by the keyboard, and see another picture."""
    page.get_by_role("button", name="Compare: coat.jpg").click()
    stage = page.locator("#stage")
    expect(page.locator("#after")).to_have_js_property("complete", value=True)
    expect(page.locator("#before")).to_have_js_property("complete", value=True)
    assert page.locator("#before").evaluate("(image) => image.naturalWidth") == 600
    assert page.locator("#after").evaluate("(image) => image.naturalWidth") == 768
    middle = stage.screenshot(path=tmp_path / "middle.png")
    for _ in range(25):
        page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("slider")).to_have_value("25")
    assert stage.screenshot(path=tmp_path / "left.png") != middle
    page.keyboard.press("End")
    whole = stage.screenshot(path=tmp_path / "before.png")
    page.keyboard.press("Home")
    assert stage.screenshot(path=tmp_path / "after.png") != whole


def download(page: Page, tmp_path: Path) -> None:
    """Save the compared picture, and then all of them."""
    with page.expect_download() as one:
        page.get_by_role("link", name="Download this picture").click()
    one.value.save_as(tmp_path / "one.jpg")
    assert one.value.suggested_filename.startswith("coat-1.")
    assert is_picture((tmp_path / "one.jpg").read_bytes())
    page.keyboard.press("Escape")
    with page.expect_download() as everything:
        page.get_by_role("button", name="Download all 6").click()
    everything.value.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 6
        assert all(is_picture(archive.read(name)) for name in archive.namelist())


def test_a_server_that_dies_under_uploads_buys_nothing_twice(browser: Browser, tmp_path: Path, port: int) -> None:
    """Twelve photos are sent while the server dies: it comes back, and each is one task, bought once at most."""
    out = tmp_path / "out"
    paths = photos(tmp_path, *(f"look-{number}.jpg" for number in range(12)))
    with (
        SocketSandbox.run(SandboxSettings(duration=0.5)) as sandbox,
        opened_page(browser, expected=GONE) as page,
    ):
        with serving("--out", out, *QUICK, sandbox=sandbox, port=port) as server:
            page.goto(server.url)
            drop(page, paths)
            page.locator("#send").click()
            page.locator(".card").nth(1).wait_for()
            server.process.kill()
            server.process.wait(10)
            expect(page.get_by_text("never bought twice").first).to_be_visible()
        with serving("--out", out, *QUICK, sandbox=sandbox, port=port):
            expect(page.locator(".draft")).to_have_count(0, timeout=LONG_MS)
            expect(page.locator(".card")).to_have_count(12)
            expect(page.locator('.card[data-group="busy"]')).to_have_count(0, timeout=LONG_MS)
            assert len(set(page.locator(".card h3").all_inner_texts())) == 12
            assert len(sandbox.world.ledger()) <= 12
            in_doubt = page.locator(".card").filter(has_text="In doubt").count()
            assert page.locator('.card[data-group="ready"]').count() == 12 - in_doubt
            assert in_doubt <= 3  # what was being sent at that moment


def test_a_photo_that_is_refused_says_why(browser: Browser, tmp_path: Path, port: int) -> None:
    """A photo that is too small is refused by the server before anything is bought, and its words are shown."""
    small = tmp_path / "small.jpg"
    Image.new("RGB", (200, 200)).save(small)
    with (
        SocketSandbox.run(SandboxSettings(duration=0)) as sandbox,
        serving("--out", tmp_path / "out", *QUICK, sandbox=sandbox, port=port) as server,
        opened_page(browser, expected=("422",)) as page,
    ):
        page.goto(server.url)
        drop(page, [small])
        page.locator("#send").click()
        expect(page.locator(".draft.bad")).to_contain_text("200x200 px")
        assert sandbox.world.ledger() == []
