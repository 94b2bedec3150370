"""The control plane: what may be changed, and who may ask."""

import httpx
import pytest

from aidge_async.sandbox.app import make_app
from aidge_async.sandbox.rules import read_submission
from aidge_async.sandbox.world import World
from tests.sandbox.by_hand import Bench, bench

pytestmark = pytest.mark.anyio


async def test_settings_change_at_run_time(plain: Bench) -> None:
    """What is posted is in force for the next call, and the answer says everything that is."""
    answer = await plain.control("settings", {"duration": 0, "quota": 2, "rate_limit": 9})
    assert answer["settings"]["duration"] == 0
    assert (await plain.query(await plain.submitted()))["data"]["taskStatus"] == "finished"
    assert (await plain.submit())["code"] == "NoResource"
    assert (await plain.control("health"))["settings"]["quota"] == 0


async def test_limits_can_be_taken_away(plain: Bench) -> None:
    """`null` is no limit."""
    await plain.control("settings", {"quota": 0})
    await plain.control("settings", {"quota": None})
    assert (await plain.submit())["resCode"] == 200


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b'{"speed":1}', "'speed' cannot be changed at run time; these can: duration, failure_rate, quota"),
        (b'{"seed":1}', "'seed' cannot be changed"),
        (b'{"duration":1,"spread":"wide"}', "'spread' must be a number"),
        (b"[]", "not an object"),
        (b"{", "not JSON"),
    ],
)
async def test_bad_settings_change_nothing(plain: Bench, content: bytes, rule: str) -> None:
    """A refused change names what is wrong and leaves everything as it was."""
    before = plain.world.settings
    response = await plain.http.post("/_sandbox/settings", content=content)
    assert response.status_code == 400
    assert rule in response.json()["error"]
    assert plain.world.settings == before


async def test_heavy_settings_are_refused(plain: Bench) -> None:
    """Settings are a few hundred bytes."""
    assert (await plain.http.post("/_sandbox/settings", content=bytes(70_000))).status_code == 413


async def test_unknown_paths_are_not_found(plain: Bench) -> None:
    """Whatever is not there says so in JSON."""
    response = await plain.http.get("/_sandbox/wishes")
    assert response.status_code == 404
    assert "/_sandbox/wishes" in response.json()["error"]


async def test_methods_are_as_documented(plain: Bench) -> None:
    """Reading is GET and changing is POST."""
    assert (await plain.http.get("/_sandbox/reset")).status_code == 405
    assert (await plain.http.post("/_sandbox/ledger")).status_code == 405


async def test_web_pages_are_not_answered(plain: Bench) -> None:
    """A browser names the page's origin; such a call is refused before it changes anything."""
    response = await plain.http.post("/_sandbox/reset", headers={"origin": "https://example.org"})
    assert response.status_code == 403
    assert "web pages" in response.json()["error"]


async def test_other_machines_are_not_answered() -> None:
    """The control plane answers peers on loopback only, wherever the server is bound."""
    world = World()
    for peer, status_code in ((("192.0.2.7", 9), 403), (("127.0.0.1", 9), 200), (("::1", 9), 200)):
        transport = httpx.ASGITransport(app=make_app(world), client=peer)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            assert (await http.get("/_sandbox/health")).status_code == status_code


@pytest.mark.parametrize(
    ("host", "status_code"),
    [
        ("127.0.0.1:8000", 200),
        ("localhost", 200),
        ("[::1]:8000", 200),
        ("sandbox.internal:80", 200),
        ("rebound.example.org", 403),
        ("127.0.0.1.example.org", 403),
        ("[::1", 403),
        ("", 403),
    ],
)
async def test_foreign_host_names_are_not_answered(host: str, status_code: int) -> None:
    """A name that somebody else resolves to loopback does not open the control plane."""
    app = make_app(World(), control_hosts={"sandbox.internal"})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://x") as http:
        assert (await http.get("/_sandbox/health", headers={"host": host})).status_code == status_code


@pytest.mark.slow
async def test_ten_thousand_tasks_stay_cheap() -> None:
    """The ledger and the statistics of ten thousand tasks are there without a picture in memory."""
    given = bench(duration=0)
    with given.world:
        fields = {
            "requestParams": [
                {"imageUrl": "http://192.0.2.1/a", "imageStyle": "realPhoto", "model": "universal_model_1"}
            ]
        }
        submission = read_submission(fields, shape=None)
        for _ in range(10_000):
            given.world.accept(submission, api="/x", trial=False, content=None, photo=None)
        assert len((await given.control("ledger"))["accepted"]) == 10_000
        assert len((await given.control("statistics"))["tasks"]) == 10_000
        assert repr(given.world.sources) == "<SourceSpool 0 pictures, 0 bytes>"
