"""Where the image of a planned request lies, as a row keeps it."""

import hashlib

import pytest

from aidge_async._core.source import Source

SHA256 = "6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d"


def test_source_is_known_by_the_hash_of_its_bytes() -> None:
    """The same bytes are found again, in a file or in the spool."""
    assert Source.of(b"image") == Source(sha256=SHA256)
    assert Source.of(b"image", "/looks/a.jpg") == Source(sha256=SHA256, path="/looks/a.jpg")


def test_link_is_known_by_the_hash_of_its_text() -> None:
    """It lies in the spool, because it may be signed; half a character in it is no reason to fail."""
    assert Source.of("image") == Source(sha256=SHA256, is_link=True)
    assert Source.of("http://h/\udcff").sha256 == hashlib.sha256(b"http://h/\xed\xb3\xbf").hexdigest()


@pytest.mark.parametrize("source", [Source.of(b"image"), Source.of(b"image", "/looks/ä.jpg"), Source.of("http://h/a")])
def test_source_survives_its_way_through_a_row(source: Source) -> None:
    """It is read back as it was written, by another process."""
    assert Source.read(source.text()) == source


def test_row_has_the_source_as_it_always_was() -> None:
    """Plans of an earlier version are still to be sent."""
    assert Source.of(b"image").text() == f'{{"is_link": false, "path": null, "sha256": "{SHA256}"}}'


@pytest.mark.parametrize(("path", "spooled"), [(None, True), ("/looks/a.jpg", False)])
def test_what_has_no_file_of_its_own_lies_in_the_spool(path: str | None, spooled: bool) -> None:
    """There it is kept until its task is accepted."""
    assert Source.of(b"image", path).is_spooled is spooled
