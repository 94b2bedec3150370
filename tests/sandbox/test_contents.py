"""Hostile and broken contents: each gets a clean answer, none a traceback."""

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aidge_async.sandbox.contents import UnreadableError, read_fields
from aidge_async.sandbox.rules import InvalidInputError, read_submission
from tests.sandbox.by_hand import QUERY, SUBMIT, Bench, sign_v2

pytestmark = pytest.mark.anyio

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


async def post(given_bench: Bench, path: str, content: Any, **headers: str) -> Any:
    """Return the response to a signed POST of raw *content*."""
    settings_now = given_bench.world.settings
    query = sign_v2(settings_now.key_name, settings_now.key_secret, timestamp=int(given_bench.clock.wall() * 1000))
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return await given_bench.http.post(f"/rest{path}", params=query, content=content, headers=fields)


@pytest.mark.parametrize(
    ("content_type", "content", "reason"),
    [
        (JSON, b"{", "not JSON"),
        (JSON, b"[]", "it is JSON, but not an object"),
        (JSON, b"7", "it is JSON, but not an object"),
        (JSON, b'{"taskId":"a","taskId":"b"}', "'taskId' is there twice"),
        (JSON, b'{"taskId":' + b"[" * 200_000, "it nests too deeply"),
        (JSON, b'{"taskId":' + b'{"a":' * 200_000, "it nests too deeply"),
        (JSON, b'{"taskId":' + b"9" * 5000 + b"}", "a number has 5000 digits"),
        (JSON, b'{"taskId":NaN}', "NaN is not JSON"),
        (JSON, b'{"taskId":-Infinity}', "Infinity is not JSON"),
        (JSON, b'{"taskId":"\xff"}', "not UTF-8: byte 11 is 0xff"),
        (JSON, b"\xef\xbb\xbf{}", "not JSON"),
        ("", b"taskId=x", "not JSON"),
        (FORM, b"taskId=a&taskId=b", "'taskId' is there twice"),
        (FORM, b"taskId=%ff", "not a form"),
        (FORM, b"&".join(b"a%d=1" % number for number in range(70)), "not a form"),
    ],
)
async def test_unreadable_content_is_named(plain: Bench, content_type: str, content: bytes, reason: str) -> None:
    """What cannot be read is an invalid input, and the reason is told."""
    response = await post(plain, QUERY, content, content_type=content_type)
    answer = response.json()
    assert (response.status_code, answer["resCode"]) == (200, 700)
    assert reason in answer["resMessage"]


@pytest.mark.parametrize("path", [QUERY, SUBMIT])
async def test_lone_surrogates_are_refused(plain: Bench, path: str) -> None:
    """Text that is no Unicode is named, escaped, and breaks nothing."""
    answer = (await post(plain, path, b'{"\\udfff":1,"taskId":"\\ud800"}', content_type=JSON)).json()
    assert answer["resCode"] == 700
    assert "half a surrogate pair" in answer["resMessage"]


@pytest.mark.parametrize(
    ("headers", "status_code", "named"),
    [
        ({"content_type": "multipart/form-data; boundary=x"}, 415, "multipart/form-data"),
        ({"content_type": "text/plain"}, 415, "text/plain"),
        ({"content_type": JSON, "content_encoding": "gzip"}, 415, "Content-Encoding"),
    ],
)
async def test_media_types_are_judged_by_http(
    plain: Bench, headers: dict[str, str], status_code: int, named: str
) -> None:
    """Other media types and content codings do not reach the gateway's layers."""
    response = await post(plain, QUERY, b"{}", **headers)
    assert response.status_code == status_code
    assert named in response.json()["message"]


async def test_submit_takes_post_only(plain: Bench) -> None:
    """Nothing is bought by a GET."""
    response = await plain.http.get(f"/rest{SUBMIT}")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert (await plain.http.put(f"/rest{QUERY}")).headers["allow"] == "GET, POST"


async def test_unreadable_query_string_is_a_bad_request(plain: Bench) -> None:
    """A query string that cannot be read has no parameters to judge."""
    response = await plain.http.get(f"/rest{QUERY}?app_key=%ff")
    assert (response.status_code, response.json()["code"]) == (400, "MissingParameter")


@pytest.mark.parametrize("announced", [True, False])
async def test_heavy_content_is_refused(plain: Bench, announced: bool) -> None:
    """More than 8 MiB is refused whether or not the length was announced."""
    content = bytes(8 * 1024 * 1024 + 1)

    async def chunks() -> AsyncIterator[bytes]:
        yield content

    response = await post(plain, SUBMIT, content if announced else chunks(), content_type=JSON)
    assert (response.status_code, response.json()["code"]) == (413, "RequestTooLarge")
    (counts,) = (await plain.control("statistics"))["apis"].values()
    assert (counts["calls"], counts["received"], counts["codes"]) == (1, 1, {"HTTP 413": 1})


async def test_charset_parameter_is_taken(plain: Bench) -> None:
    """A media type may bear parameters and any case."""
    task_id = await plain.submitted()
    response = await post(
        plain, QUERY, json.dumps({"taskId": task_id}).encode(), content_type="Application/JSON; charset=UTF-8"
    )
    assert response.json()["data"]["taskId"] == task_id


@given(content=st.binary(max_size=200), content_type=st.sampled_from([JSON, FORM, "", "; ;"]))
@settings(deadline=None)
def test_any_bytes_end_in_fields_or_one_error(content: bytes, content_type: str) -> None:
    """Reading never fails in another way than the one it declares."""
    with suppress(UnreadableError):
        assert isinstance(read_fields(content_type, content), dict)


@given(value=st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5))
@settings(deadline=None)
def test_any_value_in_any_field_is_judged(value: Any) -> None:
    """Whatever stands in a field, a submit is read or refused in the declared way."""
    for name in ("imageUrl", "imageBase64", "imageStyle", "model", "gender", "age", "maskKeepbg", "bgStyle", "count"):
        fields = {"imageUrl": "http://192.0.2.1/a.jpg", "imageStyle": "realPhoto", "model": "universal_model_1"}
        with suppress(InvalidInputError):
            assert 1 <= read_submission({"requestParams": [{**fields, name: value}]}, shape=None).count <= 4
