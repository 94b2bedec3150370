"""Bodies to the byte in both dialects, exact lengths, and results read back under all names."""

import base64
import json
import pickle
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aidge_async._core import codec
from aidge_async._core.call import CHUNK_BYTES, Call, Content, Phase, Reply, TransportError
from aidge_async._core.operation import Operation, TaskFacts, WireFormat
from aidge_async._core.pictures import GeneratedImage, GeneratedImages
from aidge_async._core.reading import UnreadableValueError
from aidge_async.errors import RequestError
from aidge_async.operations.model_alternation import MODEL_ALTERNATION, Age, Background, Gender, ModelAlternation

URL = 'https://shop.example/look.jpg?a=1&b="2"'
FULL: dict[str, Any] = {
    "gender": Gender.FEMALE,
    "age": Age.YOUTH,
    "background": Background.EUROPEAN_STREET,
    "count": 3,
    "dimension": 1024,
}
FACTS = TaskFacts(task_id="t-1", request_id="r-1", token="aidge1.x", name="look")


def sent(call: Call) -> bytes:
    """Return the content of a call as it goes over the wire."""
    assert call.content is not None
    content = b"".join(call.content.chunks())
    assert len(content) == call.content.size_bytes
    return content


def submit(wire_format: WireFormat, image: str | bytes, **fields: Any) -> Call:
    """Return the call that submits these fields."""
    models = {WireFormat.DOCUMENTED: "universal_model_2", WireFormat.FLAT: "WHITE"}
    request = ModelAlternation(**{"image": image, "model": models[wire_format], **fields})
    return codec.write_submit(MODEL_ALTERNATION, request, wire_format=wire_format, image=image, trial=False)


BODIES = [
    (
        WireFormat.DOCUMENTED, URL, {},
        (rb'{"requestParams":"[{\"imageUrl\":\"https://shop.example/look.jpg?a=1&b=\\\"2\\\"\",'
        rb'\"imageStyle\":\"realPhoto\",\"model\":\"universal_model_2\"}]"}'),
    ),
    (
        WireFormat.DOCUMENTED, b"\xff\xfe\xfd\xfc", {},
        rb'{"requestParams":"[{\"imageBase64\":\"//79/A==\",\"imageStyle\":\"realPhoto\",\"model\":\"universal_model_2\"}]"}',
    ),
    (
        WireFormat.DOCUMENTED, b"abc", FULL,
        (rb'{"requestParams":"[{\"imageBase64\":\"YWJj\",\"imageStyle\":\"realPhoto\",\"model\":\"universal_model_2\",'
        rb'\"gender\":\"FEMALE\",\"age\":\"YOUTH\",\"maskKeepbg\":false,\"bgStyle\":\"European_street\",'
        rb'\"count\":3,\"dimension\":1024}]"}'),
    ),
    (
        WireFormat.DOCUMENTED, b"", {"keep_background": True},
        (rb'{"requestParams":"[{\"imageBase64\":\"\",\"imageStyle\":\"realPhoto\",\"model\":\"universal_model_2\",'
        rb'\"maskKeepbg\":true}]"}'),
    ),
    (
        WireFormat.FLAT, URL, {},
        rb'{"imageUrl":"https://shop.example/look.jpg?a=1&b=\"2\"","imageStyle":"realPhoto","model":"WHITE"}',
    ),
    (
        WireFormat.FLAT, b"abc", FULL,
        (b'{"imageBase64":"YWJj","imageStyle":"realPhoto","model":"WHITE","gender":"FEMALE","age":"YOUTH",'
        b'"maskKeepBg":"false","bgStyle":"European_street","count":"3","dimension":"1024"}'),
    ),
    (
        WireFormat.FLAT, b"abcd", {"keep_background": True},
        b'{"imageBase64":"YWJjZA==","imageStyle":"realPhoto","model":"WHITE","maskKeepBg":"true"}',
    ),
]  # fmt: skip


@pytest.mark.parametrize(("wire_format", "image", "fields", "expected"), BODIES)
def test_body_is_written_to_the_byte(
    wire_format: WireFormat, image: str | bytes, fields: dict[str, Any], expected: bytes
) -> None:
    """Every parameter, in the page's order; what is left out stays out; arrays as JSON text, flat scalars as text."""
    call = submit(wire_format, image, **fields)
    assert sent(call) == expected
    assert (call.kind, call.method, call.path) == ("submit", "POST", "/ai/virtual/model/generation/batch")
    assert (call.query, call.trial) == ({}, False)


@pytest.mark.parametrize(
    ("wire_format", "model", "known"),
    [
        (WireFormat.DOCUMENTED, "WHITE", "universal_model_1, universal_model_2, universal_model_3, universal_model_4"),
        (WireFormat.DOCUMENTED, "universal_model_5", "universal_model_1"),
        (WireFormat.DOCUMENTED, " universal_model_1", "universal_model_1"),
        (WireFormat.FLAT, "universal_model_1", "WHITE, BLACK, YELLOW, BROWN"),
        (WireFormat.FLAT, "white", "WHITE"),
    ],
)
def test_model_of_another_dialect_is_refused_before_anything_is_sent(
    wire_format: WireFormat, model: str, known: str
) -> None:
    """Each dialect knows its own four; the message names them, what it got and what to do."""
    words = (
        rf"^'model' must be one of {known}.* in the {wire_format.value} wire format \(got '{model}'\); choose one, or"
    )
    with pytest.raises(RequestError, match=words):
        submit(wire_format, URL, model=model)


@pytest.mark.parametrize(
    "size",
    [0, 1, 2, 3, 4, *(base + step for base in (CHUNK_BYTES, 2 * CHUNK_BYTES) for step in range(-3, 4)), 1_000_003],
)
@pytest.mark.parametrize("wire_format", list(WireFormat))
def test_length_is_exact_round_every_edge_of_a_chunk(wire_format: WireFormat, size: int) -> None:
    """The length that is announced is what is sent, and the chunks join to the Base64 of the whole."""
    image = (bytes(number * 7 % 256 for number in range(256)) * (size // 256 + 1))[:size]
    content = sent(submit(wire_format, image))
    body = json.loads(content)
    fields = json.loads(body["requestParams"])[0] if wire_format is WireFormat.DOCUMENTED else body
    assert fields["imageBase64"] == base64.b64encode(image).decode()


def test_image_is_never_encoded_as_one_text() -> None:
    """No chunk is larger than 64 KiB, whatever the image's size."""
    call = submit(WireFormat.DOCUMENTED, bytes(4_000_000))
    assert call.content is not None
    assert max(len(chunk) for chunk in call.content.chunks()) == 64 * 1024


def test_trial_is_carried_by_submit_and_query() -> None:
    """The quota a task draws on must be named in both."""
    request = ModelAlternation(image=URL, model="universal_model_1")
    options: dict[str, Any] = {"wire_format": WireFormat.DOCUMENTED, "image": URL}
    assert codec.write_submit(MODEL_ALTERNATION, request, trial=True, **options).trial
    assert codec.write_query(MODEL_ALTERNATION, "t", trial=True).trial


def test_query_is_a_post_of_the_task_id() -> None:
    """As the query page has it."""
    call = codec.write_query(MODEL_ALTERNATION, 't"1', trial=False)
    assert sent(call) == rb'{"taskId":"t\"1"}'
    assert (call.kind, call.method, call.path) == ("query", "POST", "/ai/virtual/model/generation/query")


def test_query_of_an_api_that_wants_get_goes_into_the_query_string() -> None:
    """One API's results are fetched that way; its name of the id is its own."""
    operation: Operation[GeneratedImages] = attrs.evolve(
        MODEL_ALTERNATION, query_method="GET", query_id_field="task_id", query_path="/other"
    )
    call = codec.write_query(operation, "t-1", trial=False)
    assert (call.kind, call.method, call.path, call.query) == ("query", "GET", "/other", {"task_id": "t-1"})
    assert codec.write_query(operation, "t-1", trial=True).trial
    assert call.content is None


choices = {
    "image": st.binary(max_size=30) | st.just(URL),
    "model": st.sampled_from(["universal_model_1", "universal_model_4"]),
    "gender": st.none() | st.sampled_from(Gender),
    "age": st.none() | st.sampled_from(Age),
    "background": st.none() | st.sampled_from(Background),
    "count": st.none() | st.integers(1, 4),
    "dimension": st.none() | st.integers(512, 2048),
}


@given(st.fixed_dictionaries(choices))
def test_what_is_written_is_what_was_asked_for(fields: dict[str, Any]) -> None:
    """Read back by plain JSON, the body holds each value once under its name, and nothing that was left out."""
    (row,) = json.loads(json.loads(sent(submit(WireFormat.DOCUMENTED, **fields)))["requestParams"])
    image = row.pop("imageUrl", None) or base64.b64decode(row.pop("imageBase64"))
    names = {"model": "model", "gender": "gender", "age": "age", "background": "bgStyle", "count": "count"}
    expected = {
        wire: getattr(fields[name], "value", fields[name])
        for name, wire in [*names.items(), ("dimension", "dimension")]
        if fields[name] is not None
    }
    if fields["background"] is not None:
        expected["maskKeepbg"] = False
    assert image == fields["image"]
    assert row == {"imageStyle": "realPhoto", **expected}


def read(data: dict[str, Any]) -> GeneratedImages | None:
    """Read the `data` of a succeeded query."""
    return MODEL_ALTERNATION.read_result(data, FACTS)


A, B = "http://bucket.aliyuncs.com/a.png?Signature=made-up", "http://bucket.aliyuncs.com/b.png"
ONE = (GeneratedImage(url=A, width_px=768, height_px=1024),)
TWO = (GeneratedImage(url=A), GeneratedImage(url=B))


@pytest.mark.parametrize(
    ("rows", "images"),
    [
        ([{"url": A, "width": 768, "height": 1024}], ONE),
        ([{"imageUrl": A, "width": "768", "height": "1024"}], ONE),
        ([{"imageUrlList": A, "width": 768, "height": 1024}], ONE),
        ([{"imageUrlList": [A], "width": 768, "height": 1024}], ONE),
        ([{"imageUrlList": json.dumps([A]), "width": 768, "height": 1024}], ONE),
        ([{"url": json.dumps(A), "width": 768, "height": 1024}], ONE),
        ([{"url": "", "imageUrl": None, "imageUrlList": [A], "width": 768, "height": 1024}], ONE),
        ({"url": A, "width": 768, "height": 1024}, ONE),
        (json.dumps([{"url": A, "width": 768, "height": 1024}]), ONE),
        ([A, B], TWO),
        ([{"url": A}, {"imageUrl": B}], TWO),
        ([{"imageUrlList": [A, B]}], TWO),
        ([{"imageUrlList": [A, "", None, B]}], TWO),
        ([{"url": A}, {"url": None}, {"url": ""}, {"imageUrlList": []}, {"imageUrlList": "[]"}, {"url": B}], TWO),
        ([{"url": A, "width": ""}, {"url": B, "width": "wide", "height": [1]}], TWO),
        ([{"url": A, "width": True}, {"url": B, "height": "9" * 12}], TWO),
    ],
)
@pytest.mark.parametrize("name", ["taskResult", "task_result", "TaskResult"])
def test_result_is_read_under_all_names(name: str, rows: object, images: tuple[GeneratedImage, ...]) -> None:
    """Link names of table, sample and SDK; an empty link is a picture less, an odd side costs no picture."""
    expected = GeneratedImages(images=images, task_id="t-1", request_id="r-1", token="aidge1.x", name="look")
    assert read({name: rows}) == expected


@pytest.mark.parametrize("rows", [None, [], "", "[]", {}, [{"url": ""}], [{"imageUrlList": None}]])
def test_result_without_a_picture_is_none(rows: object) -> None:
    """Finished without a picture is a failure, which the poller says."""
    assert read({"taskResult": rows}) is None
    assert read({}) is None


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("no JSON", r"expected a list, got str @ \$\.data\.taskResult"),
        (5, r"expected a list, got int @ \$\.data\.taskResult"),
        ([{"url": A}, 5], r"expected an object, got int @ \$\.data\.taskResult\[1\]"),
        ([None], r"expected an object, got NoneType @ \$\.data\.taskResult\[0\]"),
        ([{"url": A}, {"picture": B}], r"expected one of url, imageUrl, imageUrlList @ \$\.data\.taskResult\[1\]"),
        ([{"url": 5}], r"expected text, got int @ \$\.data\.taskResult\[0\]\.url"),
        ([{"imageUrl": [[A]]}], r"expected text, got list @ \$\.data\.taskResult\[0\]\.url"),
        ([{"imageUrl": {"href": A}}], r"expected text, got dict @ \$\.data\.taskResult\[0\]\.url"),
    ],
)
def test_malformed_result_names_its_path(rows: object, words: str) -> None:
    """So that a report says where the gateway's answer differs."""
    with pytest.raises(UnreadableValueError, match=words):
        read({"taskResult": rows})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["url", "imageUrlList", "width"]), inner)
    ),
    max_leaves=8,
)


@given(json_values | json_values.map(json.dumps))
def test_reading_a_result_raises_nothing_foreign(rows: Any) -> None:
    """Pictures, none, or an error that names a path."""
    try:
        found = read({"taskResult": rows})
    except UnreadableValueError as exc:
        assert "@ $.data.taskResult" in str(exc)  # noqa: PT017  either way is right; here what is raised is looked at
    else:
        assert found is None or all(isinstance(image.url, str) and image.url for image in found)


def test_request_survives_its_way_through_a_row() -> None:
    """Planned by one process and sent by another, it asks for the same, with the image that lies elsewhere."""
    request = ModelAlternation(image=b"looks", model="universal_model_1", **FULL)
    text = codec.text_of(request)
    assert "looks" not in text
    assert codec.request_of(MODEL_ALTERNATION, text, b"looks") == request
    assert codec.request_of(MODEL_ALTERNATION, text, URL) == attrs.evolve(request, image=URL)


def test_row_has_a_request_as_it_always_was() -> None:
    """Names in the order of the alphabet; plans of an earlier version are still to be read."""
    request = ModelAlternation(image=URL, model="universal_model_1", count=2)
    assert codec.text_of(request) == '{"count": 2, "image_style": "realPhoto", "model": "universal_model_1"}'


def test_row_whose_value_breaks_a_rule_by_now_is_refused() -> None:
    """A later version may know the gateway better."""
    with pytest.raises(RequestError, match="'count'"):
        codec.request_of(MODEL_ALTERNATION, '{"count": 99, "model": "universal_model_1"}', URL)


def test_values_show_no_bytes() -> None:
    """Bytes stand in no repr: neither of a call, its content, nor a reply."""
    call = submit(WireFormat.FLAT, b"abc")
    assert repr(call.content) == "Content()"
    assert "YWJj" not in repr(call)
    assert repr(Reply(status_code=200, content=b"abc")) == "Reply(status_code=200, fields={}, content=<3 bytes>)"


def test_content_without_an_image_is_its_head() -> None:
    """A query has no image."""
    content = Content(b"head")
    assert (list(content.chunks()), content.size_bytes) == ([b"head"], 4)


def test_fault_says_its_phase_and_reason() -> None:
    """In words, for a message that ends up before a person."""
    assert str(TransportError(Phase.SENT, "ReadError")) == "sent, no answer: ReadError"
    assert str(TransportError(Phase.NOT_SENT, "ConnectError: refused")) == "not sent: ConnectError: refused"


def test_fault_has_what_it_says_among_its_arguments() -> None:
    """What shows an exception by its arguments, or copies it by them, shows and copies all of it."""
    fault = TransportError(Phase.SENT, "ReadError")
    assert repr(fault) == "TransportError(<Phase.SENT: 'sent, no answer'>, 'ReadError')"
    assert str(pickle.loads(pickle.dumps(fault))) == str(fault)
