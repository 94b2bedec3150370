"""The first layer of the sandbox: who may call, signed how, and when."""

import pytest

from tests.sandbox.by_hand import QUERY, SUBMIT, Bench, bench, element, sign_classic, sign_v2, wrapped

pytestmark = pytest.mark.anyio

GOLDEN_TIMESTAMP = 1_700_000_000_000
GOLDEN_TASK = "11111111-2222-3333-4444-555555555555"
GOLDEN_V2 = "B51F634B5A34F9CFD849E2BA6CF2107828EAAEA7B74D422F82A91B6DEE40AC43"
GOLDEN_CLASSIC = "4BE15541949912E8E75150603CC9BC339788B5565BDBBDA984191C261D1E7959"


def signed(given: Bench, **changes: str | None) -> dict[str, str]:
    """Return good query parameters with *changes*; `None` leaves one out."""
    settings = given.world.settings
    good = sign_v2(settings.key_name, settings.key_secret, timestamp=int(given.clock.wall() * 1000))
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


async def test_golden_v2_signature_is_taken() -> None:
    """A query signed with the published vector of version 2 passes the first layer."""
    given = bench(key_name="512345", key_secret="helloworld")
    query = sign_v2("512345", "helloworld", timestamp=GOLDEN_TIMESTAMP)
    assert query["sign"] == GOLDEN_V2
    answer = (await given.http.post(f"/rest{QUERY}", params=query, json={"taskId": GOLDEN_TASK})).json()
    assert (answer["code"], answer["resCode"]) == ("0", 700)


async def test_golden_classic_signature_is_taken() -> None:
    """A form signed with the published vector of the classic signature passes the first layer."""
    given = bench(key_name="512345", key_secret="helloworld")
    form = {"taskId": GOLDEN_TASK}
    query = sign_classic(QUERY, form, "512345", "helloworld", timestamp=GOLDEN_TIMESTAMP)
    assert query["sign"] == GOLDEN_CLASSIC
    answer = (await given.http.post(f"/rest{QUERY}", params=query, data=form)).json()
    assert (answer["code"], answer["resCode"]) == ("0", 700)


async def test_classic_signature_covers_the_content(plain: Bench) -> None:
    """A form that was changed after signing is refused."""
    settings = plain.world.settings
    query = sign_classic(QUERY, {"taskId": "one"}, settings.key_name, settings.key_secret, timestamp=GOLDEN_TIMESTAMP)
    answer = (await plain.http.post(f"/rest{QUERY}", params=query, data={"taskId": "two"})).json()
    assert answer["code"] == "IncompleteSignature"
    assert "classic" in answer["message"]


async def test_classic_signature_skips_empty_fields(plain: Bench) -> None:
    """An empty field is sent and not signed, as the vendor's SDK does."""
    settings = plain.world.settings
    form = {**wrapped(element()), "unset": ""}
    query = sign_classic(SUBMIT, form, settings.key_name, settings.key_secret, timestamp=GOLDEN_TIMESTAMP)
    answer = (await plain.http.post(f"/rest{SUBMIT}", params=query, data=form)).json()
    assert "unset is no field" in answer["resMessage"]


async def test_query_by_get_is_signed_either_way(plain: Bench) -> None:
    """GET carries the task id in the query string under both signatures."""
    task_id = await plain.submitted()
    settings = plain.world.settings
    classic = sign_classic(
        QUERY, {"taskId": task_id}, settings.key_name, settings.key_secret, timestamp=GOLDEN_TIMESTAMP
    )
    for query in (signed(plain), classic):
        answer = (await plain.http.get(f"/rest{QUERY}", params={**query, "taskId": task_id})).json()
        assert answer["data"]["taskId"] == task_id


@pytest.mark.parametrize(
    ("changes", "code", "named"),
    [
        ({"partner_id": None}, "MissingPartner", "partner_id"),
        ({"app_key": None}, "MissingParameter", "app_key"),
        ({"timestamp": None}, "MissingParameter", "timestamp"),
        ({"sign": None}, "MissingParameter", "sign"),
        ({"sign_method": None}, "MissingParameter", "sign_method"),
        ({"sign": "", "app_key": ""}, "MissingParameter", "app_key, sign"),
        ({"app_key": "somebody-else"}, "InvalidAppKey", "somebody-else"),
        ({"sign": "0" * 64}, "IncompleteSignature", "signature v2"),
        ({"sign": "não"}, "IncompleteSignature", "signature v2"),
        ({"sign_method": "md5"}, "IncompleteSignature", "sha256"),
        ({"sign_ver": "v3"}, "IncompleteSignature", "v3"),
        ({"sign_ver": None}, "IncompleteSignature", "classic"),
        ({"timestamp": "yesterday"}, "IllegalTimestamp", "yesterday"),
        ({"timestamp": "9" * 40}, "IllegalTimestamp", "epoch milliseconds"),
        ({"timestamp": "1700000000001"}, "IncompleteSignature", "signature v2"),
    ],
)
async def test_first_layer_names_what_is_wrong(
    plain: Bench, changes: dict[str, str | None], code: str, named: str
) -> None:
    """Every refusal of the first layer comes with HTTP 200, its code, its type, and the thing itself."""
    response = await plain.http.post(f"/rest{SUBMIT}", params=signed(plain, **changes), json=wrapped(element()))
    answer = response.json()
    assert (response.status_code, answer["code"], answer["type"]) == (200, code, "ISV")
    assert named in answer["message"]
    assert answer["request_id"]
    assert plain.world.ledger() == []


async def test_lower_case_signature_is_refused(plain: Bench) -> None:
    """The signature is upper-case hex, to the letter."""
    query = signed(plain)
    query["sign"] = query["sign"].lower()
    answer = (await plain.http.post(f"/rest{QUERY}", params=query, json={"taskId": "x"})).json()
    assert answer["code"] == "IncompleteSignature"


@pytest.mark.parametrize(("offset_s", "code"), [(-7200, "0"), (7200, "0"), (-7201, None), (7201, None)])
async def test_timestamp_may_be_two_hours_off(plain: Bench, offset_s: int, code: str | None) -> None:
    """A clock within 7,200 s passes and one beyond is told by how much it is off."""
    settings = plain.world.settings
    at = int(plain.clock.wall() + offset_s) * 1000
    query = sign_v2(settings.key_name, settings.key_secret, timestamp=at)
    answer = (await plain.http.post(f"/rest{QUERY}", params=query, json={"taskId": "x"})).json()
    assert answer["code"] == (code or "IllegalTimestamp")
    if code is None:
        assert "7201 s" in answer["message"]


async def test_unsigned_zeros_do_not_pass_as_the_same_time(plain: Bench) -> None:
    """The text of the timestamp is signed, not its number."""
    query = signed(plain)
    query["timestamp"] = f"0{query['timestamp']}"
    answer = (await plain.http.post(f"/rest{QUERY}", params=query, json={"taskId": "x"})).json()
    assert answer["code"] == "IncompleteSignature"


async def test_other_apis_are_refused_by_name(plain: Bench) -> None:
    """What the gateway has and the sandbox does not emulate is named, after the signature was judged."""
    answer = (await plain.http.post("/rest/ai/virtual/tryon", params=signed(plain), json={})).json()
    assert answer["code"] == "InvalidApi"
    assert "does not emulate /ai/virtual/tryon" in answer["message"]
    unsigned = (await plain.http.post("/rest/ai/virtual/tryon", json={})).json()
    assert unsigned["code"] == "MissingPartner"


async def test_every_answer_is_dated_and_marked(plain: Bench) -> None:
    """Date, Server and the sandbox's own field stand on answers of the gateway and on all others."""
    for path in ("/", "/nothing/here", f"/rest{QUERY}", "/_sandbox/health", "/_sandbox/objects/x/1.jpg"):
        headers = (await plain.http.get(path)).headers
        assert headers["date"] == "Tue, 14 Nov 2023 22:13:20 GMT"
        assert (headers["server"], headers["x-aidge-sandbox"]) == ("aidge-async-sandbox", "1")


async def test_root_says_that_nothing_is_generated(plain: Bench) -> None:
    """Whoever opens the sandbox in a browser reads what it is."""
    response = await plain.http.get("/")
    assert response.headers["content-type"].startswith("text/plain")
    assert "It generates nothing" in response.text


async def test_unreadable_content_cannot_be_signed(plain: Bench) -> None:
    """Under the classic signature a content that cannot be read does not match any signature."""
    settings = plain.world.settings
    query = sign_classic(QUERY, {}, settings.key_name, settings.key_secret, timestamp=GOLDEN_TIMESTAMP)
    assert (await plain.http.post(f"/rest{QUERY}", params=query)).json()["resCode"] == 700
    query["sign"] = sign_classic(SUBMIT, {}, settings.key_name, settings.key_secret)["sign"]
    assert (await plain.http.post(f"/rest{QUERY}", params=query, content=b"{")).json()["code"] == "IncompleteSignature"
