"""`demo`: the whole way, and the sheet that a stranger opens."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from aidge_async.cli import demo
from aidge_async.cli.photos import SAMPLES, draw_sample
from aidge_async.sandbox import SandboxSettings
from tests.cli.support import Said, size_of, typed

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the demo of this module saves."""
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def said(folder: Path) -> Iterator[Said]:
    """Run the demo once, with tasks that are done at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "_SETTINGS", SandboxSettings(duration=0, spread=0))
        yield typed("demo", "--json", "--out", folder)


def test_demo_saves_thirteen_pictures_of_six_photographs(said: Said) -> None:
    """Every line names a picture that is there, as large as was asked for."""
    assert said.code == 0
    assert len({line["key"] for line in said.lines}) == 6
    assert len({line["path"] for line in said.lines}) == 13
    for line in said.lines:
        assert size_of(line["path"]) == (line["width_px"], line["height_px"])
    assert {min(line["width_px"], line["height_px"]) for line in said.lines} == {600, 640, 720, 768}


def test_demo_says_that_nothing_was_paid(said: Said, folder: Path) -> None:
    """The terminal and the sheet both say what this was, and where to look."""
    assert "nothing was generated, nothing was paid" in said.err
    assert (folder / "sheet.html").as_uri() in said.err
    assert "Sandbox: nothing was generated, nothing was paid." in (folder / "sheet.html").read_text(encoding="utf-8")


class _Found(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.names: list[str] = []
        self.alternatives: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag would fetch."""
        values = dict(attrs)
        self.names.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "srcset", "action", "data"}]
        if tag == "img":
            self.alternatives.append(values.get("alt"))


@pytest.mark.usefixtures("said")
def test_sheet_holds_everything_itself(folder: Path) -> None:
    """All 19 pictures are inside, nothing is fetched, nothing runs, and every picture has a text."""
    html = (folder / "sheet.html").read_text(encoding="utf-8")
    found = _Found()
    found.feed(html)
    assert len(found.addresses) == 19
    assert all(address.startswith("data:image/") for address in found.addresses)
    assert all(found.alternatives)
    assert {"h1", "h2", "main", "article", "figure", "figcaption"} <= set(found.names)
    assert not {"script", "link", "iframe", "a"} & set(found.names)
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in html
    assert not re.search(r"https?://|url\(|@import", html)


def test_demo_takes_photographs_of_ones_own(look: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `--images` nothing is drawn, and the next sheet does not replace the last."""
    monkeypatch.setattr(demo, "_SETTINGS", SandboxSettings(duration=0, spread=0))
    (tmp_path / "sheet.html").write_text("an earlier one")
    told = typed("demo", "--images", look, "--out", tmp_path)
    *pictures, sheet = told.out.splitlines()
    assert (told.code, len(pictures), sheet) == (0, 2, str(tmp_path / "sheet-2.html"))
    assert not (tmp_path / "photographs").exists()
    assert (tmp_path / "sheet.html").read_text() == "an earlier one"


def test_demo_refuses_what_the_gateway_would(note: Path, tmp_path: Path) -> None:
    """A file of one's own that is no picture is wrong use here too."""
    told = typed("demo", "--images", note, "--out", tmp_path / "out")
    assert (told.code, told.out) == (2, "")
    assert "'note.txt' is no picture" in told.err


@pytest.mark.usefixtures("said")
def test_samples_differ_in_format_and_size(folder: Path) -> None:
    """The six photographs have four formats and six sizes, upright, level and square."""
    kinds, sizes = set(), set()
    for path in (folder / "photographs").iterdir():
        with Image.open(path) as opened:
            kinds.add(opened.format)
            sizes.add(opened.size)
        assert path.stat().st_size < 4_000_000
    assert kinds == {"JPEG", "PNG", "BMP", "WEBP"}
    assert len(sizes) == 6
    assert {(width > height) - (width < height) for width, height in sizes} == {-1, 0, 1}


def test_sample_is_the_same_each_time() -> None:
    """Nothing about a photograph is left to chance."""
    sample = min(SAMPLES, key=lambda one: one.size[0] * one.size[1])
    assert draw_sample(sample).tobytes() == draw_sample(sample).tobytes()
