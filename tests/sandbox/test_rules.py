"""The rules of the reference page, as the sandbox holds them, in both dialects."""

import base64
import io
import json
from typing import Any

import pytest
from PIL import Image

from tests.sandbox.by_hand import PHOTO, SUBMIT, Bench, bench, element, flat_fields, photo, wrapped

pytestmark = pytest.mark.anyio


def encoded(content: bytes) -> str:
    """Return *content* as raw Base64."""
    return base64.b64encode(content).decode()


def other_format(kind: str) -> str:
    """Return a picture in a format that the gateway does not take."""
    content = io.BytesIO()
    Image.new("RGB", (600, 800)).save(content, kind)
    return encoded(content.getvalue())


BAD_FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"imageBase64": None}, "one of requestParams[0].imageUrl and requestParams[0].imageBase64 is required"),
    ({"imageBase64": ""}, "one of requestParams[0].imageUrl and requestParams[0].imageBase64 is required"),
    ({"imageBase64": f"data:image/jpeg;base64,{encoded(PHOTO)}"}, "without a 'data:' prefix"),
    ({"imageBase64": "no base64!"}, "imageBase64 is not Base64"),
    ({"imageBase64": encoded(PHOTO)[:-1]}, "imageBase64 is not Base64: Incorrect padding"),
    ({"imageBase64": encoded(PHOTO).replace("+", " ", 1)}, "'+' is written %2B"),
    ({"imageBase64": base64.urlsafe_b64encode(PHOTO).decode()}, "URL-safe"),
    ({"imageBase64": 7}, "imageBase64 must be Base64 text (got 7)"),
    ({"imageBase64": other_format("GIF")}, "must be JPEG, PNG, BMP, WEBP by its content (got GIF)"),
    ({"imageBase64": other_format("TIFF")}, "got TIFF"),
    ({"imageBase64": encoded(b"hello")}, "got unknown bytes"),
    ({"imageBase64": encoded(b"\xff\xd8\xff")}, "damaged JPEG"),
    ({"imageBase64": encoded(photo(400, 500))}, "more than 512x512 and less than 3000x3000 pixels (got 400x500)"),
    ({"imageBase64": encoded(photo(3001, 3001))}, "(got 3001x3001)"),
    ({"imageBase64": encoded(photo(500, 3001))}, "(got 500x3001)"),
    ({"imageBase64": encoded(b"\xff\xd8\xff" + bytes(4 * 1024 * 1024 - 2))}, "at most 4 MB (got 4194305 bytes)"),
    ({"imageBase64": "A" * 5_592_412}, "at most 4 MB (got 5592412 characters"),
    (
        {"imageBase64": None, "imageUrl": "look.jpg"},
        "http(s) URL of at most 8192 characters (got 'look.jpg')",
    ),
    ({"imageBase64": None, "imageUrl": "ftp://example.org/look.jpg"}, "absolute http(s) URL"),
    ({"imageBase64": None, "imageUrl": "http://[::1/look.jpg"}, "absolute http(s) URL"),
    ({"imageBase64": None, "imageUrl": "http://192.0.2.1/" + "a" * 8192}, "at most 8192 characters"),
    ({"imageBase64": None, "imageUrl": 5}, "characters (got 5)"),
    ({"imageStyle": None}, "requestParams[0].imageStyle is required: realPhoto"),
    ({"imageStyle": "sketch"}, "imageStyle must be realPhoto (got 'sketch')"),
    ({"model": None}, "model is required: one of universal_model_1"),
    ({"model": "universal_model_5"}, "(got 'universal_model_5')"),
    ({"model": "WHITE"}, "must be one of universal_model_1"),
    ({"model": ["universal_model_1"]}, "(got an array of 1)"),
    ({"gender": "male"}, "gender must be one of MALE, FEMALE (got 'male')"),
    ({"age": "CHILD"}, "age must be one of OLD_AGE, MIDDLE_AGE, YOUTH (got 'CHILD')"),
    ({"maskKeepbg": "no"}, "maskKeepbg must be true or false (got 'no')"),
    ({"maskKeepbg": 0}, "maskKeepbg must be true or false (got 0)"),
    ({"maskKeepbg": False}, "bgStyle is required where maskKeepbg is false"),
    ({"maskKeepbg": False, "bgStyle": "Beach"}, "bgStyle must be one of studio, room, European_street, beach"),
    ({"bgStyle": "moon"}, "(got 'moon')"),
    ({"maskKeepBg": False}, "maskKeepBg is no field of this API; did you mean 'maskKeepbg'?"),
    ({"count": 0}, "count must be a whole number from 1 to 4 (got 0)"),
    ({"count": 5}, "(got 5)"),
    ({"count": "many"}, "(got 'many')"),
    ({"count": 1.5}, "(got 1.5)"),
    ({"count": True}, "(got true)"),
    ({"count": {"a": 1}}, "(got an object)"),
    ({"dimension": 511}, "dimension must be a whole number from 512 to 2048 (got 511)"),
    ({"dimension": 2049}, "(got 2049)"),
    ({"dimension": "1" * 200}, "(got '1111"),
]


@pytest.mark.parametrize(("changes", "rule"), BAD_FIELDS, ids=lambda given: str(given)[:40])
async def test_broken_rule_is_named(plain: Bench, changes: dict[str, Any], rule: str) -> None:
    """A documented submit that breaks a rule gets 700, with field, rule and value, and buys nothing."""
    answer = await plain.submit(element(**changes))
    assert (answer["code"], answer["success"], answer["resCode"], answer["data"]) == ("0", False, 700, None)
    assert rule in answer["resMessage"]
    assert len(answer["resMessage"]) < 600
    assert plain.world.ledger() == []


async def test_all_broken_rules_are_told_at_once(plain: Bench) -> None:
    """Three mistakes need one call, not three."""
    message = (await plain.submit(element(model="x", count=9, age="y")))["resMessage"]
    assert all(name in message for name in ("model", "count", "age"))


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ({}, "requestParams is required"),
        ({"requestParams": ""}, "requestParams is required"),
        ({"requestParams": "[]"}, "exactly one element, one submit an image (got an array of 0)"),
        ({"requestParams": json.dumps([element(), element()])}, "(got an array of 2)"),
        ({"requestParams": json.dumps(element())}, "(got an object)"),
        ({"requestParams": "[1]"}, "requestParams[0] must be an object (got 1)"),
        ({"requestParams": "[{]"}, "requestParams must be a JSON array, but it is not JSON"),
        ({"requestParams": '[{"count":1,"count":2}]'}, "the field 'count' is there twice"),
        ({"requestParams": "[" * 100_000}, "it nests too deeply"),
        ({"requestParams": 3}, "(got 3)"),
        ({**wrapped(element()), "count": 2}, "count is no field of this API"),
    ],
)
async def test_broken_wrapper_is_named(plain: Bench, content: dict[str, Any], rule: str) -> None:
    """`requestParams` is a JSON array of one object, as text or as such, and stands alone."""
    answer = await plain.call(SUBMIT, content)
    assert answer["resCode"] == 700
    assert rule in answer["resMessage"]


async def test_wrapper_may_be_a_real_array(plain: Bench) -> None:
    """An array that is not text is taken as well: the reference page's table says Object[]."""
    assert (await plain.call(SUBMIT, {"requestParams": [element()]}))["resCode"] == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"count": "3", "dimension": "512", "maskKeepbg": "true"},
        {"count": 3.0, "maskKeepbg": "False", "bgStyle": "beach"},
        {"gender": None, "age": "", "bgStyle": "room"},
        {"imageUrl": "http://192.0.2.1/never-fetched.jpg"},
        {"imageBase64": encoded(photo(512, 512))},
        {"imageBase64": encoded(photo(3000, 3000))},
        {"imageBase64": encoded(photo(400, 800))},
        {"imageBase64": encoded(PHOTO + bytes(4 * 1024 * 1024 - len(PHOTO)))},
        {"imageBase64": encoded(photo(kind="PNG"))},
        {"imageBase64": encoded(photo(kind="BMP"))},
        {"imageBase64": encoded(photo(kind="WEBP"))},
    ],
    ids=lambda given: str(given)[:40],
)
async def test_what_may_be_right_is_taken(plain: Bench, changes: dict[str, Any]) -> None:
    """Scalars as text, empty fields, and every edge that is inside in one reading of the page pass."""
    answer = await plain.submit(element(**changes))
    assert (answer["resCode"], answer["success"]) == (200, True), answer["resMessage"]


async def test_base64_wins_over_url(plain: Bench) -> None:
    """Where both are given the URL is not even looked at."""
    both = await plain.submitted(element(imageUrl="not a url"))
    alone = await plain.submitted(element())
    first, second = plain.world.ledger()
    assert both != alone
    assert first["fingerprint"] == second["fingerprint"]


FLAT = {"count": "2", "dimension": "600", "maskKeepBg": "false", "bgStyle": "beach"}
DOCUMENTED = {"count": 2, "dimension": 600, "maskKeepbg": False, "bgStyle": "beach"}


async def test_dialects_mean_the_same() -> None:
    """One wish has one fingerprint in both dialects, and each is answered where it looks for the task id."""
    given = bench(submit_shape=None)
    with given.world:
        documented = await given.call(SUBMIT, wrapped(element(**DOCUMENTED, model="universal_model_4")))
        flat = await given.call(SUBMIT, flat_fields(**FLAT, model="BROWN"))
        first, second = given.world.ledger()
    assert documented["data"]["result"]["taskId"] == first["task_id"]
    assert flat["data"]["taskId"] == second["task_id"]
    assert first["fingerprint"] == second["fingerprint"]


async def test_fingerprint_is_the_documented_hash(plain: Bench) -> None:
    """Anybody can compute the ledger's fingerprint from its description."""
    import hashlib

    await plain.submitted(element(count="3", maskKeepbg=True, bgStyle="beach", gender="MALE"))
    normal = {
        "age": None,
        "bgStyle": None,
        "count": 3,
        "dimension": 768,
        "gender": "MALE",
        "image": f"sha256:{hashlib.sha256(PHOTO).hexdigest()}",
        "imageStyle": "realPhoto",
        "maskKeepbg": True,
        "model": "universal_model_1",
    }
    text = json.dumps(normal, separators=(",", ":"), sort_keys=True)
    assert plain.world.ledger()[0]["fingerprint"] == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"model": "universal_model_1"}, "model must be one of WHITE, BLACK, YELLOW, BROWN"),
        ({"maskKeepbg": "false"}, "maskKeepbg is no field of this API; did you mean 'maskKeepBg'?"),
        ({"maskKeepBg": "false"}, "bgStyle is required where maskKeepBg is false"),
        ({"count": "5"}, "count must be a whole number from 1 to 4 (got '5')"),
    ],
)
async def test_flat_dialect_has_its_own_names(changes: dict[str, Any], rule: str) -> None:
    """The flat dialect is judged by its own words."""
    answer = await bench(submit_shape="flat").call(SUBMIT, flat_fields(**changes))
    assert answer["resCode"] == 700
    assert rule in answer["resMessage"]


async def test_wrong_dialect_is_refused_by_what_is_missing() -> None:
    """An account takes one dialect; the other one lacks its fields."""
    documented = await bench().call(SUBMIT, flat_fields())
    flat = await bench(submit_shape="flat").call(SUBMIT, wrapped(element()))
    assert "requestParams is required" in documented["resMessage"]
    assert "model is required" in flat["resMessage"]
    assert "requestParams is no field" in flat["resMessage"]


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ({}, "taskId is required"),
        ({"taskId": ""}, "taskId is required"),
        ({"taskId": 12}, "taskId must be text (got 12)"),
        ({"task_id": "x", "taskId": "y"}, "task_id is no field of this API; did you mean 'taskId'?"),
        ({"taskId": "nobody's"}, 'taskId is not known for this key and trial flag (got "nobody\'s")'),
    ],
)
async def test_bad_query_is_named(plain: Bench, content: dict[str, Any], rule: str) -> None:
    """A query needs one known task id and nothing else."""
    answer = await plain.call("/ai/virtual/model/generation/query", content)
    assert answer["resCode"] == 700
    assert rule in answer["resMessage"]
