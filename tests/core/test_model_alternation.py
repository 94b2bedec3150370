"""Every rule of a model alternation that needs no look at the picture, and the registry it stands in."""

import enum
from pathlib import Path
from typing import Any

import attrs
import pytest

from aidge_async._core import gateway
from aidge_async._core.operation import TaskRequest, WireFormat
from aidge_async.errors import RequestError
from aidge_async.operations import OPERATIONS, operation_named, operation_of
from aidge_async.operations.model_alternation import (
    MODEL_ALTERNATION,
    Age,
    Background,
    Gender,
    ImageStyle,
    ModelAlternation,
)

URL = "https://shop.example/look.jpg"


def ask(**fields: Any) -> ModelAlternation:
    """Return a request with these fields over two plain ones."""
    return ModelAlternation(**{"image": URL, "model": "universal_model_1", **fields})


def test_plain_request_leaves_everything_to_the_gateway() -> None:
    """Only the style is filled in, because the page requires it."""
    request = ask()
    assert request.image_style is ImageStyle.REAL_PHOTO
    left_out = (request.gender, request.age, request.keep_background, request.background, request.count)
    assert left_out == (None,) * 5
    assert request.dimension is None


@pytest.mark.parametrize(
    ("kind", "field", "words"),
    [
        (ImageStyle, "image_style", gateway.IMAGE_STYLES),
        (Gender, "gender", gateway.GENDERS),
        (Age, "age", gateway.AGES),
        (Background, "background", gateway.BACKGROUNDS),
    ],
)
def test_choice_is_taken_as_enum_or_as_its_text(kind: type[enum.Enum], field: str, words: tuple[str, ...]) -> None:
    """In any case of letters; the enum holds exactly the page's words."""
    assert tuple(member.value for member in kind) == words
    for member in kind:
        for given in (member, member.value, member.value.lower(), member.value.upper()):
            assert getattr(ask(**{field: given}), field) is member


@pytest.mark.parametrize(
    ("field", "known"),
    [
        ("image_style", "realPhoto"),
        ("gender", "MALE, FEMALE"),
        ("age", "OLD_AGE, MIDDLE_AGE, YOUTH"),
        ("background", "studio, room, European_street, beach"),
    ],
)
@pytest.mark.parametrize("value", ["moon", "", 5, True, b"beach", ["beach"]])
def test_other_choice_is_refused_with_all_that_there_are(field: str, known: str, value: object) -> None:
    """The message names field, values, what it got, and what to do."""
    with pytest.raises(
        RequestError, match=rf"^'{field}' must be one of {known} \(got .+\); choose one, or leave it out$"
    ):
        ask(**{field: value})


@pytest.mark.parametrize("image", [Path("look.jpg"), b"", b"bytes", URL, "http://h", "HTTPS://H/p", "http://[::1]/x"])
def test_image_may_be_a_path_bytes_or_a_link(image: object) -> None:
    """Nothing is opened or fetched here."""
    assert ask(image=image).image == image


@pytest.mark.parametrize(
    "text",
    [
        "look.jpg", "/etc/passwd", "file:///etc/passwd", "ftp://h/x", "//h/x", "http://", "http:///x", "https:h/x", "",
        "data:image/png;base64,AA==", "http://h/a b", "http://h/\n", " http://h", "http://[::1", "C:\\a.jpg",
    ],
)  # fmt: skip
def test_text_that_is_no_link_never_opens_a_file(text: str) -> None:
    """A string from a web form is a link or an error; the message says how to pass a file."""
    with pytest.raises(
        RequestError, match=r"^'image' as text must be an absolute http\(s\) URL \(got '.*'\); use Path"
    ):
        ask(image=text)


def test_long_text_is_shown_cut() -> None:
    """A megabyte pasted into the field is no message."""
    with pytest.raises(RequestError) as caught:
        ask(image="x" * 10_000)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("image", [None, 5, bytearray(b"x"), memoryview(b"x"), [b"x"], object()])
def test_image_of_another_kind_is_refused(image: object) -> None:
    """The message names the kinds there are, and the way for an upload."""
    words = r"^'image' must be a Path, bytes or an http\(s\) URL \(got \w+\); use read_image\(stream\) for an upload$"
    with pytest.raises(RequestError, match=words):
        ask(image=image)


@pytest.mark.parametrize("model", [None, "", "  ", 1, b"universal_model_1"])
def test_model_must_be_text(model: object) -> None:
    """Which texts are known is a dialect's matter, checked when the call is built."""
    with pytest.raises(
        RequestError, match=r"^'model' must be text \(got .+\); the documented wire format knows universal"
    ):
        ask(model=model)


@pytest.mark.parametrize(("field", "least", "most"), [("count", 1, 4), ("dimension", 512, 2048)])
def test_number_is_whole_and_within_its_range(field: str, least: int, most: int) -> None:
    """Both ends belong to it; truth values, fractions and texts do not."""
    assert [getattr(ask(**{field: value}), field) for value in (least, most, None)] == [least, most, None]
    for value in (least - 1, most + 1, 0, -1, True, float(least), str(least), 10**400 // 7):
        with pytest.raises(
            RequestError, match=rf"^'{field}' must be a whole number of \w+ from {least} to {most} \(got "
        ):
            ask(**{field: value})


def test_background_implies_that_the_old_one_is_not_kept() -> None:
    """Saying it or not gives the same request."""
    assert ask(background="beach").keep_background is False
    assert ask(background="beach") == ask(background=Background.BEACH, keep_background=False)
    assert ask(keep_background=True).keep_background is True


def test_keeping_and_replacing_the_background_contradict_each_other() -> None:
    """The message says which two, and what to do."""
    words = r"^'keep_background' must not be True where 'background' is given \(got 'beach'\); leave one of them out$"
    with pytest.raises(RequestError, match=words):
        ask(background="beach", keep_background=True)


def test_replacing_the_background_needs_one() -> None:
    """The page requires `bgStyle` then; the message names the choices."""
    words = (
        r"^'background' must be given where 'keep_background' is False \(got None\); choose one of studio, room, Eur"
    )
    with pytest.raises(RequestError, match=words):
        ask(keep_background=False)


@pytest.mark.parametrize("value", ["true", 1, 0, []])
def test_keep_background_is_a_truth_value(value: object) -> None:
    """The text "false" would be true."""
    with pytest.raises(RequestError, match=r"^'keep_background' must be True, False or None \(got .+\); change it$"):
        ask(keep_background=value)


def test_every_refusal_is_also_a_value_error() -> None:
    """Who catches ValueError round a form's values catches these."""
    with pytest.raises(ValueError, match="'count'"):
        ask(count=5)


@pytest.mark.parametrize(
    ("image", "shown"),
    [
        (b"made-up bytes", "<13 bytes>"),
        ("https://u:made-up@h/look.jpg?Signature=made-up", "'https://h/look.jpg'"),
        (Path("look.jpg"), repr(Path("look.jpg"))),
    ],
)
def test_repr_shows_neither_bytes_nor_a_signature(image: object, shown: str) -> None:
    """Requests are logged."""
    assert f"ModelAlternation(image={shown}, model='universal_model_1'" in repr(ask(image=image))
    assert "made-up" not in repr(ask(image=image))


def test_request_is_a_frozen_value() -> None:
    """Checked once, it stays what it is, and serves as a key."""
    request = ask(count=2)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        request.count = 9  # type: ignore[misc]  # that is the point
    assert request == ask(count=2)
    assert request != ask(count=3)
    assert len({request, ask(count=2), ask()}) == 2


def test_positional_arguments_are_refused() -> None:
    """Nine fields in a row would be mixed up."""
    with pytest.raises(TypeError, match="positional"):
        ModelAlternation(URL, "universal_model_1")  # type: ignore[call-arg]  # that is the point


def test_operation_belongs_to_its_request() -> None:
    """By type, also of a subclass; by the name that tokens hold."""

    class Special(ModelAlternation):
        """A user's own."""

    assert operation_of(ask()) is MODEL_ALTERNATION
    assert operation_of(Special(image=URL, model="universal_model_1")) is MODEL_ALTERNATION
    assert operation_named("model-alternation") is MODEL_ALTERNATION


def test_unknown_request_and_unknown_name_are_refused() -> None:
    """The messages say what there is, and that another version may know more."""

    class Other(TaskRequest[str]):
        """Belongs to no operation."""

    with pytest.raises(
        RequestError, match=r"^'request' must be one of ModelAlternation \(got Other\); build one of these$"
    ):
        operation_of(Other())
    with pytest.raises(
        RequestError, match=r"^'token' names the operation 'try-on', which this version does not know; use"
    ):
        operation_named("try-on")


def test_names_of_operations_are_unique() -> None:
    """A token names one."""
    names = [operation.name for operation in OPERATIONS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("count", "pictures"), [(None, 2), (1, 1), (4, 4)])
def test_operation_counts_the_pictures_that_are_paid(count: int | None, pictures: int) -> None:
    """Two where nothing is said, which is the gateway's default."""
    assert MODEL_ALTERNATION.picture_count(ask(count=count)) == pictures


def test_operation_writes_every_field_in_every_dialect() -> None:
    """A field without a wire name would be paid for and left out."""
    fields = {field.name for field in attrs.fields(ModelAlternation)} - {"image"}
    assert set(MODEL_ALTERNATION.dialects) == set(WireFormat)
    assert all(set(dialect.names) == fields for dialect in MODEL_ALTERNATION.dialects.values())
    assert MODEL_ALTERNATION.image_of(ask()) == URL
