"""The page in a real browser, against a server that follows a script: every state, 200 tasks, desk and phone."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.integrations.browsing import (
    PATIENCE_MS,
    PHONE,
    ScriptedServer,
    choose,
    opened_browser,
    opened_page,
    photos,
    problem,
    sent,
    task,
)
from tests.integrations.looking import CONTRASTS, CUT_OFF, NAMELESS, SMALL, TOUCHED

pytestmark = pytest.mark.slow
expect.set_options(timeout=PATIENCE_MS)
REFUSED = "Failed to load resource"  # what the browser says of every answer that is an error
LONG_NAME = "aphotowithanamethatnobodyhaseverthoughtofbreaking" * 4 + ".jpg"
TROUBLES = {
    "in_doubt": ("unknown", "ReadError: the connection was lost"),
    "failed": ("unknown", "the model failed (801)"),
    "refused": ("no", "sensitive content (1000)"),
    "abandoned": ("unknown", "given up by a person"),
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start one browser for all tests of this file."""
    with opened_browser() as found:
        yield found


def test_names_and_reasons_are_text(browser: Browser) -> None:
    """What comes from outside is shown as it is written, and never becomes part of the page."""
    evil = "<img src=x onerror=\"document.title='had'\"><script>document.title='had'</script>"
    server = ScriptedServer(tasks=[task(name=evil, reason=evil, state="failed", saved=False)])
    with opened_page(browser) as page:
        server.opened_by(page)
        expect(page.locator(".card h3")).to_have_text(evil)
        expect(page.locator(".card .reason")).to_have_text(evil)
        assert page.title() == "The same clothes, another model"
        assert page.locator(".facts img, main script").count() == 0


def test_every_bad_end_is_explained(browser: Browser) -> None:
    """In doubt, failed, refused and given up each say why, what it means, and whether it is billed."""
    tasks = [
        task(number, state=state, saved=False, billable=billable, reason=reason)
        for number, (state, (billable, reason)) in enumerate(TROUBLES.items())
    ]
    server = ScriptedServer(tasks=tasks[::-1], sandbox=False)
    with opened_page(browser) as page:
        server.opened_by(page)
        page.get_by_role("radio", name="To look at").check()
        for number, (billable, reason) in enumerate(TROUBLES.values()):
            card = page.locator(f'[data-id="task-{number}"]')
            expect(card.locator(".reason")).to_have_text(reason)
            expect(card.locator(".meaning")).not_to_be_empty()
            expect(card.locator('[data-slot="bill"]')).to_contain_text(
                "Not billed" if billable == "no" else "Not known"
            )
        doubt = page.locator('[data-id="task-0"] .meaning')
        for words in ("may have been bought", "not sent again", "console for a task of this time"):
            expect(doubt).to_contain_text(words)
        page.get_by_role("radio", name="Under way").check()
        expect(page.locator(".card:visible")).to_have_count(0)


def test_news_touch_the_one_card_that_changed(browser: Browser) -> None:
    """Of 200 tasks on show, an event redraws its own; a list that is read again redraws none."""
    running = task(150, state="accepted", saved=False, done=False)
    server = ScriptedServer(tasks=[running if number == 150 else task(number) for number in range(200, 0, -1)])
    with opened_page(browser) as page:
        server.opened_by(page)
        expect(page.locator(".card")).to_have_count(200)
        page.wait_for_timeout(500)
        pictures = [path for path in server.asked if "/images/" in path]
        assert len(pictures) < 60  # of 600: only what is near is fetched
        page.evaluate(TOUCHED)
        reads = server.asked.count("GET tasks")
        server.tasks[50] = task(150)
        server.news.append(task(150))
        expect(page.locator('[data-id="task-150"] [data-slot="state"]')).to_have_text("Ready")
        while server.asked.count("GET tasks") < reads + 8:  # the list is read twice more
            page.wait_for_timeout(50)
        assert page.evaluate("[...touched]") == ["task-150"]
        expect(page.locator('[data-count="ready"]')).to_have_text("200")
        expect(page.locator("#news")).to_have_text("look-150.jpg: Ready.")


def test_older_ones_come_on_demand(browser: Browser) -> None:
    """After 200 tasks a button brings the older ones, in their places."""
    server = ScriptedServer(tasks=[task(number) for number in range(230, 0, -1)])
    with opened_page(browser) as page:
        server.opened_by(page)
        expect(page.locator(".card")).to_have_count(200)
        page.locator("#older").click()
        expect(page.locator(".card")).to_have_count(230)
        expect(page.locator("#older")).to_be_hidden()
        assert page.evaluate("[...document.querySelectorAll('.card')].map((card) => card.dataset.id)") == [
            f"task-{number}" for number in range(230, 0, -1)
        ]


def test_an_answer_that_was_overtaken_changes_nothing(browser: Browser) -> None:
    """A list that was asked for before an event, and arrives after it, does not take the event back."""
    server = ScriptedServer(tasks=[task(state="accepted", saved=False, done=False)])
    with opened_page(browser) as page:
        server.opened_by(page)
        expect(page.locator('[data-slot="state"]')).to_have_text("Being made")
        state = page.evaluate(
            """async (now) => {
                const { show, turn } = await import(new URL("cards.js", document.baseURI).href);
                const asked = turn();
                show(now);
                show({ ...now, state: "planned", saved: false, images: [] }, asked);
                return document.querySelector('[data-slot="state"]').textContent;
            }""",
            task(),
        )
        assert state == "Ready"


def test_what_is_taken_off_is_gone_and_not_cancelled(browser: Browser) -> None:
    """Taking a running task off the list says first that this cancels nothing; the next card has the focus."""
    server = ScriptedServer(tasks=[task(2, state="accepted", saved=False, done=False), task(1)])
    with opened_page(browser) as page:
        server.opened_by(page)
        page.get_by_role("button", name="Take off: look-2.jpg").click()
        expect(page.locator("#ask")).to_contain_text("not cancelled")
        page.get_by_role("button", name="Take it off").click()
        expect(page.locator(".card")).to_have_count(1)
        expect(page.locator('[data-id="task-1"]')).to_be_focused()
        shown = page.evaluate(
            """async (late) => {
                const { show } = await import(new URL("cards.js", document.baseURI).href);
                show(late);
                return document.querySelectorAll(".card").length;
            }""",
            task(2),
        )
        assert shown == 1  # an event that was on its way brings nothing back
        server.tasks.clear()  # somebody took the other one off on another machine
        expect(page.locator(".card")).to_have_count(0)
        expect(page.locator("#empty")).to_be_visible()
    assert "DELETE tasks/task-2" in server.asked


def test_who_is_not_known_any_more_is_told(browser: Browser) -> None:
    """A list that is refused shows the server's words, and comes back with the list."""
    server = ScriptedServer(listing=problem(401, "sign in first"))
    with opened_page(browser, expected=(REFUSED,)) as page:
        server.opened_by(page)
        expect(page.locator("#trouble")).to_contain_text("sign in first")
        server.listing = None
        expect(page.locator("#trouble")).to_be_hidden()


def test_all_pictures_come_in_one_archive(browser: Browser, tmp_path: Path) -> None:
    """The archive that the page makes is whole, and every picture has a name of its own that stays in its folder."""
    tasks = [
        task(3, name="été.jpg"),
        task(2, name="../../look.jpg"),
        task(1, name="../../look.jpg"),
        task(0, name=None),
    ]
    server = ScriptedServer(tasks=tasks)
    with opened_page(browser) as page:
        server.opened_by(page)
        expect(page.locator("#all")).to_have_text("Download all 8")
        with page.expect_download() as download:
            page.locator("#all").click()
        assert download.value.suggested_filename == "pictures.zip"
        download.value.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert all(archive.read(name) == server.picture for name in names)
    assert names[:2] == ["été-1.jpg", "été-2.jpg"]
    assert len(set(names)) == 8
    assert not any("/" in name or name.startswith(".") for name in names)


def test_one_picture_is_saved_as_it_is(browser: Browser) -> None:
    """A task of one picture is downloaded from its own address, without an archive around it."""
    with opened_page(browser) as page:
        ScriptedServer(tasks=[task(pictures=1)]).opened_by(page)
        with page.expect_download() as download:
            page.get_by_role("button", name="Download: look-1.jpg").click()
        assert download.value.url.endswith("/tasks/task-1/images/1?download=1")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_light_and_dark(browser: Browser, tmp_path: Path, scheme: str) -> None:
    """Every text has a contrast of 4.5 to 1 at least, in both schemes, and the schemes differ."""
    tasks = [
        task(number, state=state, saved=False, reason=reason)
        for number, (state, (_, reason)) in enumerate(TROUBLES.items())
    ]
    tasks += [task(10), task(11, state="accepted", saved=False)]
    with opened_page(browser, color_scheme=scheme) as page:
        ScriptedServer(tasks=tasks[::-1]).opened_by(page)
        (tmp_path / "note.txt").write_text("no picture")
        choose(page, *photos(tmp_path, "look.jpg"), tmp_path / "note.txt")
        page.wait_for_timeout(200)
        contrasts = page.evaluate(CONTRASTS)
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.screenshot(path=tmp_path / f"{scheme}.png", full_page=True)
    assert len(contrasts) > 40
    assert {text: ratio for text, ratio in contrasts.items() if ratio < 4.5} == {}
    assert (sum(int(part) for part in paper[4:-1].split(",")) > 600) is (scheme == "light")


def test_a_phone_shows_all_of_it(browser: Browser, tmp_path: Path) -> None:
    """At 360 pixels nothing sticks out sideways, whatever a photo is called, and a finger hits every button."""
    tasks = [
        task(number, state=state, saved=False, reason="x" * 300, name=LONG_NAME)
        for number, state in enumerate(TROUBLES)
    ]
    tasks.append(task(9, name=LONG_NAME))
    with opened_page(browser, viewport=PHONE, has_touch=True, is_mobile=True) as page:
        ScriptedServer(tasks=tasks[::-1]).opened_by(page)
        choose(page, *photos(tmp_path, LONG_NAME[-120:]))
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        assert page.evaluate(CUT_OFF) == []
        page.get_by_role("button", name="Compare: ").click()
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        box = page.locator("#compare").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360
        for name in ("Close", "Download this picture"):
            shown = page.get_by_role("button", name=name).or_(page.get_by_role("link", name=name))
            expect(shown).to_be_in_viewport(ratio=1)
            assert shown.evaluate("(element) => element.offsetHeight") < 60  # in one line
        page.screenshot(path=tmp_path / "phone.png")
        page.keyboard.press("Escape")
        assert page.evaluate(SMALL) == []


def test_everything_has_a_name(browser: Browser, tmp_path: Path) -> None:
    """A screen reader has something to say of every control and picture, also while comparing."""
    with opened_page(browser) as page:
        ScriptedServer(tasks=[task(2), task(1, state="accepted", saved=False)]).opened_by(page)
        choose(page, *photos(tmp_path, "look.jpg"))
        assert page.evaluate(NAMELESS) == []
        page.get_by_role("button", name="Compare: look-2.jpg").click()
        assert page.evaluate(NAMELESS) == []
        expect(page.get_by_role("slider")).to_have_accessible_name("How much of the photo before is shown")


def test_the_keyboard_is_enough(browser: Browser, tmp_path: Path) -> None:
    """Choosing wishes, sending, filtering, comparing and closing work without a mouse, and the focus is never lost."""
    server = ScriptedServer(tasks=[task(1)])
    with opened_page(browser) as page:
        server.opened_by(page)
        choose(page, *photos(tmp_path, "look.jpg"))
        press = page.keyboard.press
        page.locator("#files").focus()
        for expected in ("Remove look.jpg", "Model", "Background", "Pictures of each", "Size, short side"):
            press("Tab")
            name = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.labels?.[0].textContent"
            assert page.evaluate(name) == expected
            if expected == "Background":
                press("ArrowDown")
        press("Enter")  # in a list of choices opens it
        press("Escape")
        press("Tab")
        press("Tab")
        press("Tab")
        expect(page.locator("#send")).to_be_focused()
        ring = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert ring == "solid"
        press("Enter")
        sent(page, 2)
        expect(page.locator("#send")).to_be_focused()
        press("Tab")
        press("ArrowRight")
        press("ArrowRight")
        expect(page.locator(".card:visible")).to_have_count(1)  # what is ready
        press("Tab")
        expect(page.locator("#all")).to_be_focused()
        page.get_by_role("button", name="Compare: look-1.jpg").focus()
        press("Enter")
        expect(page.get_by_role("slider")).to_be_focused()
        press("Escape")
        expect(page.locator("#compare")).to_be_hidden()
        expect(page.get_by_role("button", name="Compare: look-1.jpg")).to_be_focused()


@pytest.mark.parametrize("way", ["arrows", "mouse", "finger"])
def test_the_line_moves(browser: Browser, tmp_path: Path, way: str) -> None:
    """Arrows, a mouse and a finger move the line between before and after, and the picture changes."""
    server = ScriptedServer(tasks=[task()])
    with opened_page(browser, has_touch=True) as page:
        server.opened_by(page)
        page.get_by_role("button", name="Compare: look-1.jpg").click()
        slider, before = page.get_by_role("slider"), page.locator("#before")
        page.wait_for_timeout(200)
        first = before.evaluate("(element) => getComputedStyle(element).clipPath")
        box = slider.bounding_box()
        assert box is not None
        at = (box["x"] + box["width"] * 0.8, box["y"] + box["height"] * 0.5)
        if way == "arrows":
            for _ in range(30):
                page.keyboard.press("ArrowRight")
        elif way == "mouse":
            page.mouse.move(box["x"] + box["width"] / 2, at[1])
            page.mouse.down()
            page.mouse.move(*at, steps=5)
            page.mouse.up()
        else:
            page.touchscreen.tap(*at)
        assert abs(int(slider.input_value()) - 80) <= 3
        assert before.evaluate("(element) => getComputedStyle(element).clipPath") != first
        expect(slider).to_have_attribute(
            "aria-valuetext", f"{slider.input_value()} % before, {100 - int(slider.input_value())} % after"
        )
        page.screenshot(path=tmp_path / "compared.png")
        page.get_by_role("button", name="Picture 2", exact=True).click()
        expect(page.locator("#after")).to_have_attribute("src", "tasks/task-1/images/2")
        expect(page.get_by_role("button", name="Picture 2", exact=True)).to_be_focused()
