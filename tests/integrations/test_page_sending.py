"""Photos on their way out of a real browser: nothing is bought twice, and whatever is wrong is said where it is."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.conftest import draw_photo
from tests.integrations.browsing import (
    PATIENCE_MS,
    ScriptedServer,
    choose,
    lost,
    opened_browser,
    opened_page,
    photos,
    problem,
    sent,
    unanswered,
)

pytestmark = pytest.mark.slow
expect.set_options(timeout=PATIENCE_MS)
REFUSED = "Failed to load resource"  # what the browser says of every answer that is an error


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start one browser for all tests of this file."""
    with opened_browser() as found:
        yield found


def test_a_lost_answer_is_asked_for_again_under_the_same_key(browser: Browser, tmp_path: Path) -> None:
    """A photo whose answer is lost goes out again under the key it had, and another photo has another."""
    server = ScriptedServer(answers=[lost, lost])
    with opened_page(browser, expected=(REFUSED,)) as page:
        server.opened_by(page)
        choose(page, *photos(tmp_path, "look.jpg"))
        page.locator("#send").click()
        expect(page.locator(".draft")).to_contain_text("never bought twice")
        sent(page)
        choose(page, *photos(tmp_path, "coat.jpg"))
        page.locator("#send").click()
        sent(page, 2)
        assert page.evaluate("JSON.parse(sessionStorage.getItem(sessionStorage.key(0)))") == []
    first, *again, other = server.keys
    assert again == [first, first]
    assert other != first
    assert len(first) >= 22


@pytest.mark.parametrize("ending", ["chosen again", "forgotten"])
def test_a_key_outlives_a_reload(browser: Browser, tmp_path: Path, ending: str) -> None:
    """A page that was left before an answer sends the same photo under the same key, unless told to forget."""
    server = ScriptedServer(answers=[unanswered])
    with opened_page(browser) as page:
        page.on("dialog", lambda dialog: dialog.accept())  # "leave this page?"
        server.opened_by(page)
        (look,) = photos(tmp_path, "look.jpg")
        choose(page, look)
        page.locator("#send").click()
        expect(page.locator(".draft")).to_contain_text("Being sent")
        page.wait_for_timeout(200)
        page.reload()
        expect(page.locator("#unanswered")).to_contain_text("1 photo had no answer yet")
        if ending == "forgotten":
            page.locator("#forget").click()
            expect(page.locator("#unanswered")).to_be_hidden()
        choose(page, look)
        page.locator("#send").click()
        sent(page)
    assert len(server.keys) == 2
    assert len(set(server.keys)) == (1 if ending == "chosen again" else 2)


def test_the_same_photo_twice_at_once_is_two_wishes(browser: Browser, tmp_path: Path) -> None:
    """Who drops one photo twice on purpose gets it twice: each has a key of its own."""
    server = ScriptedServer()
    with opened_page(browser) as page:
        server.opened_by(page)
        (look,) = photos(tmp_path, "look.jpg")
        choose(page, look)
        choose(page, look)
        page.locator("#send").click()
        sent(page, 2)
    assert len(set(server.keys)) == 2


@pytest.mark.parametrize("status", [429, 503])
def test_it_waits_as_long_as_the_server_asks(browser: Browser, tmp_path: Path, status: int) -> None:
    """A server that is full is asked again after its Retry-After, which is shown, under the same key."""
    server = ScriptedServer(answers=[problem(status, "too many are waiting", retry_after=900)])
    with opened_page(browser, expected=(REFUSED,)) as page:
        page.clock.install()
        server.opened_by(page)
        choose(page, *photos(tmp_path, "look.jpg"))
        page.locator("#send").click()
        expect(page.locator("#hold")).to_contain_text("asked to wait")
        page.clock.fast_forward(600_000)
        expect(page.locator("#hold")).to_contain_text("asked to wait")
        assert len(server.keys) == 1
        page.clock.fast_forward(310_000)
        sent(page)
        expect(page.locator("#hold")).to_be_hidden()
    assert server.keys[0] == server.keys[1]


def test_no_more_than_three_are_on_their_way(browser: Browser, tmp_path: Path) -> None:
    """Photos go out three at a time, so that the event stream and the pictures have connections left."""
    server = ScriptedServer(answers=[unanswered] * 3)
    with opened_page(browser) as page:
        server.opened_by(page)
        choose(page, *photos(tmp_path, *(f"look-{number}.jpg" for number in range(7))))
        page.locator("#send").click()
        expect(page.get_by_text("Waits for its turn")).to_have_count(4)
        page.wait_for_timeout(300)
    assert len(server.keys) == 3


def test_what_is_wrong_is_said_where_it_is_wrong(browser: Browser, tmp_path: Path) -> None:
    """A problem of a field stands at that field, one of the photo at the photo; the rest is sent."""
    server = ScriptedServer(
        answers=[
            problem(422, "one field is wrong", ("image", "'a.jpg' has 100x100 px; choose a larger photo")),
            problem(422, "one field is wrong", ("model", "'model' must be another one")),
        ]
    )
    with opened_page(browser, expected=(REFUSED,)) as page:
        server.opened_by(page)
        choose(page, *photos(tmp_path, "a.jpg", "b.jpg", "c.jpg"))
        page.locator("#send").click()
        expect(page.locator(".draft.bad")).to_have_count(2)
        expect(page.locator(".draft").first).to_contain_text("100x100 px")
        expect(page.locator(".draft").last).to_contain_text("See the field")
        expect(page.locator("#model-wrong")).to_have_text("'model' must be another one")
        expect(page.locator("#model")).to_have_attribute("aria-invalid", "true")
        expect(page.locator("#send")).to_have_text("Make 2 pictures")  # of the one that only had a wrong wish
        page.locator("#send").click()
        expect(page.locator(".card")).to_have_count(2)
        expect(page.locator("#model-wrong")).to_be_hidden()
    assert len(set(server.keys)) == 4


def test_a_server_that_stumbles_is_not_asked_for_ever(browser: Browser, tmp_path: Path) -> None:
    """After five errors of the server's own the photo is given back, and its key is kept for the next press."""
    server = ScriptedServer(answers=[problem(500, "something broke here")] * 5)
    with opened_page(browser, expected=(REFUSED,)) as page:
        page.clock.install()  # the pauses between take 15 seconds together
        server.opened_by(page)
        choose(page, *photos(tmp_path, "look.jpg"))
        page.locator("#send").click()
        while len(server.keys) < 5:
            page.clock.run_for(1000)
        expect(page.locator(".draft.bad")).to_contain_text("something broke here")
        page.locator("#send").click()
        sent(page)
    assert len(server.keys) == 6
    assert len(set(server.keys)) == 1


def test_what_the_gateway_would_refuse_is_never_sent(browser: Browser, tmp_path: Path) -> None:
    """Files of another kind or over the limit are named at once, whatever they are called, and stay here."""
    note, heavy = tmp_path / "note.jpg", tmp_path / "heavy.jpg"
    note.write_text("no picture at all, only its name says so")
    heavy.write_bytes(b"\xff\xd8\xff" + bytes(4 * 1024 * 1024))
    server = ScriptedServer()
    with opened_page(browser) as page:
        server.opened_by(page)
        choose(page, note, heavy)
        expect(page.locator(".draft").first).to_contain_text("Not a picture that is taken (BMP, JPEG, PNG, WEBP)")
        expect(page.locator(".draft").last).to_contain_text("Too heavy: 4.1 MB, at most 4 MB")
        page.locator("#send").click()
        expect(page.locator("#image-wrong")).to_have_text("Choose at least one photo first.")
        for kind in ("PNG", "WEBP", "BMP"):
            (tmp_path / kind).write_bytes(draw_photo(60, 80, kind))
            choose(page, tmp_path / kind)
        expect(page.locator(".draft.bad")).to_have_count(2)
    assert server.keys == []


def test_a_picture_can_be_pasted(browser: Browser) -> None:
    """What is in the clipboard goes into the tray."""
    server = ScriptedServer()
    with opened_page(browser) as page:
        server.opened_by(page)
        page.evaluate(
            """(bytes) => { const clipboardData = new DataTransfer();
              clipboardData.items.add(new File([new Uint8Array(bytes)], "pasted.jpg", { type: "image/jpeg" }));
              document.dispatchEvent(new ClipboardEvent("paste", { clipboardData, cancelable: true })); }""",
            list(server.picture),
        )
        expect(page.locator(".draft")).to_contain_text("pasted.jpg")


def test_it_says_what_is_bought(browser: Browser, tmp_path: Path) -> None:
    """On the sandbox a banner says that nothing is bought; elsewhere the button says how much is."""
    for sandbox in (True, False):
        server = ScriptedServer(sandbox=sandbox)
        with opened_page(browser) as page:
            server.opened_by(page)
            choose(page, *photos(tmp_path, "a.jpg", "b.jpg", "c.jpg"))
            page.locator("#count").select_option("4")
            expect(page.locator("#sandbox")).to_be_visible(visible=sandbox)
            expect(page.locator("#send")).to_have_text("Make 12 pictures" if sandbox else "Buy 12 pictures")
            cost = "Nothing is bought." if sandbox else "Pressing the button buys 12 pictures."
            expect(page.locator("#price")).to_have_text(f"3 photos, 4 pictures of each. {cost}")
