"""Results as values, and links without their signatures."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aidge_async._core.pictures import GeneratedImage, GeneratedImages, masked_link

LINK = "http://user:pass@bucket.aliyuncs.com:8080/a/b.png?OSSAccessKeyId=made-up&Signature=made-up#part"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (LINK, "http://bucket.aliyuncs.com:8080/a/b.png"),
        ("https://h/p?sign=made-up", "https://h/p"),
        ("https://[::1", "<a malformed link>"),
        ("https://h:port/", "<a malformed link>"),
        ("", "://"),
        ("https://h/" + "p" * 1000, "https://h/" + "p" * 290),
    ],
)
def test_link_is_shown_without_query_fragment_and_user(url: str, shown: str) -> None:
    """Its query may hold a signature; a malformed link shows nothing of itself."""
    assert masked_link(url) == shown


@given(st.text(st.characters()))
def test_masking_is_total(url: str) -> None:
    """Any text gives a text, without a question mark's rest."""
    assert "?" not in masked_link(url)


def test_repr_of_a_result_shows_no_signature_and_no_token() -> None:
    """What is logged or printed by chance gives no link away."""
    result = GeneratedImages(images=(GeneratedImage(url=LINK),), task_id="t", request_id=None, token="aidge1.made-up")
    assert "made-up" not in repr(result)
    assert "pass" not in repr(result)
    assert "bucket.aliyuncs.com:8080/a/b.png" in repr(result)


def test_result_is_iterated_and_counted() -> None:
    """It behaves like the pictures it holds."""
    images = (GeneratedImage(url="https://h/1"), GeneratedImage(url="https://h/2", width_px=1, height_px=2))
    result = GeneratedImages(images=images, task_id="t", request_id="r", token="aidge1.x", name="one")
    assert (list(result), len(result)) == (list(images), 2)
    assert result.name == "one"
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        result.name = "two"  # type: ignore[misc]  # that is the point
