"""Values from the wire: strict about text, tolerant of numbers written as text, and each fault with its path."""

import re

import attrs
import pytest

from aidge_async._core import reading
from aidge_async._core.reading import UnreadableValueError


@pytest.mark.parametrize(("value", "expected"), [(7, 7), ("7", 7), ("000000007", 7)])
def test_whole_number_may_come_as_text(value: object, expected: int) -> None:
    """As this gateway family writes them."""
    assert reading.read_value(value, int, "$") == expected


@pytest.mark.parametrize("value", [True, 7.0, "7.0", "-7", "", "\u0667", "1234567890", None, [7]])
def test_whole_number_is_nothing_else(value: object) -> None:
    """Neither truth values nor fractions nor other digits."""
    with pytest.raises(UnreadableValueError, match=r"expected a whole number, got .* @ \$"):
        reading.read_value(value, int, "$")


@attrs.frozen
class Picture:
    """As an operation may have it read."""

    url: str
    width: int


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        ({"url": "u"}, Picture, "required field missing @ $.width"),
        ({"url": "u", "width": "x" * 41}, Picture, f"expected a whole number, got '{'x' * 40}' @ $.width"),
        ([1, "t", 2, 3, 4], list[str], "; ".join(f"expected text, got int @ $[{place}]" for place in (0, 2, 3))),
    ],
)
def test_faults_of_a_value_are_named_in_few_words(value: object, kind: type[object], message: str) -> None:
    """Each with its path, three at most, and no more than the beginning of a long value."""
    with pytest.raises(UnreadableValueError, match=f"^{re.escape(message)}$"):
        reading.read_value(value, kind, "$")


def test_json_text_that_is_none_stays_as_it_is() -> None:
    """Links are no JSON, and a bottomless text is left alone."""
    assert reading.read_json_text("http://x") == "http://x"
    assert reading.read_json_text("[" * 100_000) == "[" * 100_000
    assert reading.read_json_text(5) == 5
