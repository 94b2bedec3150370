"""Rules of faults: which calls, when, how they are written, and what the control plane says of them."""

import json
from typing import Any

import pytest

from aidge_async.sandbox import faults as documented
from aidge_async.sandbox.checks import SandboxError
from aidge_async.sandbox.fault_reading import KINDS, read_wishes
from aidge_async.sandbox.fault_wires import AcceptThenDrop, ResetAt
from aidge_async.sandbox.faults import Faults
from aidge_async.sandbox.world import World
from tests.sandbox.by_hand import QUERY, SUBMIT, Bench, bench

REQUIRED: dict[str, dict[str, object]] = {
    "delay": {"seconds": 1},
    "clock": {"offset": 60},
    "status": {"status": 500},
    "business_code": {"code": 500},
    "gateway_code": {"code": "SystemError"},
}


def struck(faults: Faults, calls: int, kind: Any = "submit") -> list[int]:
    """Return which of so many calls are struck, the first being 1."""
    return [number for number in range(1, calls + 1) if faults.decide(kind, SUBMIT).fault is not None]


def test_rule_without_condition_always_strikes() -> None:
    """No condition is every call."""
    assert struck(Faults(["submit:empty"]), 3) == [1, 2, 3]


def test_nth_counts_matching_calls_only() -> None:
    """Calls of another kind are not counted."""
    faults = Faults(["submit:empty,nth=2"])
    assert struck(faults, 1) == []
    assert struck(faults, 5, "query") == []
    assert struck(faults, 3) == [1]
    assert [(rule.looked_at, rule.struck) for rule in faults.list()] == [(4, 1)]


def test_next_strikes_so_many_and_no_more() -> None:
    """The next three calls are struck."""
    assert struck(Faults(["any:empty,next=3"]), 6) == [1, 2, 3]


def test_chance_is_decided_by_the_seed() -> None:
    """The same rule strikes the same calls again, another seed others, and about as many as told."""

    def of_seed(seed: int) -> list[int]:
        return struck(Faults([f"submit:empty,probability=0.2,seed={seed}"]), 500)

    assert of_seed(7) == of_seed(7)
    assert of_seed(7) != of_seed(8)
    assert 75 <= len(of_seed(7)) <= 125


def test_chance_of_a_rule_does_not_hang_on_the_others() -> None:
    """Ten rules of one seed strike different calls, and each the same as it would behind another that is spent."""
    alone = struck(Faults(["submit:empty,probability=0.1"]), 200)
    beside = Faults(["query:empty", "submit:empty,probability=0.1"])
    assert struck(beside, 200) == alone
    ten = Faults(["submit:reset_at,probability=0.03"] * 10)
    assert 30 <= len(struck(ten, 200)) <= 75
    assert sum(rule.struck > 0 for rule in ten.list()) >= 8


@pytest.mark.parametrize(("share", "expected"), [(0, 0), (1, 50)])
def test_certain_chances_are_certain(share: int, expected: int) -> None:
    """Probability 0 never strikes and 1 always does."""
    assert len(struck(Faults([f"submit:empty,probability={share}"]), 50)) == expected


def test_first_rule_that_wants_strikes() -> None:
    """All rules look at a call, the first that wants it gets it, and a rule passed over keeps what is to come."""
    faults = Faults(["submit:empty,nth=2", "submit:html,next=2", "submit:redirect"])
    kinds = [faults.decide("submit", SUBMIT).fault for _ in range(4)]
    assert [fault.kind for fault in kinds if fault is not None] == ["html", "empty", "html", "redirect"]
    assert [(rule.looked_at, rule.struck) for rule in faults.list()] == [(4, 1), (4, 2), (4, 1)]


@pytest.mark.parametrize(
    ("calls", "about"),
    [
        ("any", {"submit", "query", "object", "other"}),
        ("submit", {"submit"}),
        ("query", {"query"}),
        ("object", {"object"}),
        (SUBMIT, {"submit"}),
        (QUERY, {"query"}),
        (f"/rest{QUERY}", {"query"}),
        ("/ai/other", {"other"}),
    ],
)
def test_rules_name_kinds_of_calls_or_paths(calls: str, about: set[str]) -> None:
    """A rule is about one kind of call, one path, or all."""
    came: list[tuple[Any, str]] = [
        ("submit", SUBMIT),
        ("query", QUERY),
        ("object", "/_sandbox/objects/a/1.jpg"),
        ("other", "/ai/other"),
    ]
    faults = Faults([f"{calls}:empty"])
    assert {kind for kind, path in came if faults.decide(kind, path).fault} == about


def test_every_kind_is_documented_and_read() -> None:
    """The table in the module names every kind, and each can be read back from what the control plane shows."""
    for kind in KINDS:
        assert f"`{kind}`" in str(documented.__doc__)
        (rule,) = read_wishes([{"kind": kind, **REQUIRED.get(kind, {})}])
        assert read_wishes([json.loads(json.dumps(rule.as_json()))]) == (rule,)
        assert rule.__doc__


@pytest.mark.parametrize(
    ("wish", "rule"),
    [
        ({}, "'kind' must be one of drop_before_reading, accept_then_drop"),
        ({"kind": 3}, "(got 3)"),
        ({"kind": "emty"}, "(got 'emty'); did you mean 'empty'?"),
        ({"kind": "empty", "chance": 1}, "'chance' is no field of the kind empty; it takes calls, probability, nth"),
        ({"kind": "delay"}, "'seconds' is required for the kind delay"),
        ({"kind": "delay", "seconds": "1"}, "'seconds' must be a number of seconds from 0 to 86400 (got '1')"),
        ({"kind": "delay", "seconds": 1, "before": 1}, "'before' must be true or false (got 1)"),
        ({"kind": "empty", "calls": "post"}, "'calls' must be submit, query, object, any, or the API path of one"),
        ({"kind": "empty", "calls": ["submit"]}, "'calls' must be"),
        (
            {"kind": "no_task_id", "calls": "query"},
            "'calls' must be submit, any, or the API path of one for no_task_id",
        ),
        ({"kind": "expired_link", "calls": SUBMIT}, "'calls' must be object, any"),
        ({"kind": "empty", "probability": 1.5}, "'probability' must be a number of calls in one from 0 to 1 (got 1.5)"),
        ({"kind": "empty", "nth": 0}, "'nth' must be a whole number of calls, at least 1, or left out (got 0)"),
        ({"kind": "empty", "next": True}, "'next' must be"),
        ({"kind": "empty", "nth": 1, "next": 1}, "'next' must be left out where 'nth' is given (got both)"),
        ({"kind": "empty", "seed": "x"}, "'seed' must be a whole number (got 'x')"),
        ({"kind": "status", "status": 99}, "'status' must be an HTTP status from 200 to 599 (got 99)"),
        ({"kind": "status", "status": 500, "body": "pdf"}, "'body' must be one of json, html, xml (got 'pdf')"),
        ({"kind": "status", "status": 500, "retry_after": 1e99}, "'retry_after' must be a number of seconds from"),
        ({"kind": "status", "status": 500, "retry_after": "\n"}, "'retry_after' must be a number of seconds, or the"),
        (
            {"kind": "status", "status": 500, "retry_after_date": True},
            "'retry_after' must be a number of seconds where",
        ),
        ({"kind": "redirect", "status": 200}, "'status' must be one of 301, 302, 303, 307, 308 (got 200)"),
        ({"kind": "accept_then_drop", "how": "bang"}, "'how' must be one of reset, close (got 'bang')"),
        ({"kind": "reset_at", "at": -1}, "'at' must be a whole number of bytes"),
        ({"kind": "business_code", "code": True}, "'code' must be printable text"),
        ({"kind": "gateway_code", "code": "x", "type": "ISX"}, "'type' must be one of ISV, ISP, SYSTEM (got 'ISX')"),
        ("submit", "'kind' must be one of"),
        ("submit:delay,seconds", "a rule is written as calls:kind,field=value,... with each field once"),
        ("submit:delay,seconds=1,seconds=2", "(got 'seconds=2')"),
        ("{", "a rule that begins with '{' must be one JSON object, but it is not JSON"),
        (3, "a rule must be an object with a 'kind' (got 3)"),
    ],
)
def test_bad_rules_are_one_sentence(wish: Any, rule: str) -> None:
    """A rule that cannot be is refused with its field, the field's rule and what was given."""
    with pytest.raises(SandboxError) as caught:
        Faults([wish])
    assert rule in str(caught.value)
    assert "\n" not in str(caught.value)


def test_lines_are_read_as_values() -> None:
    """A line's values are JSON where they can be, text where they cannot, and a whole line may be JSON."""
    line = "submit:reset_at,at=5,nth=2"
    assert read_wishes([line, f"{SUBMIT}:reset_at,at=5"]) == (
        ResetAt(calls="submit", at=5, nth=2),
        ResetAt(calls=SUBMIT, at=5),
    )
    assert read_wishes(['{"kind": "accept_then_drop", "how": "close", "nth": null}']) == (AcceptThenDrop(how="close"),)
    (rule,) = read_wishes(["gateway_code,code=15,retry_after=5"])
    assert (rule.as_json()["code"], rule.as_json()["retry_after"], rule.calls) == ("15", 5, "any")


@pytest.mark.anyio
async def test_control_plane_adds_shows_and_clears(plain: Bench) -> None:
    """POST adds one rule or a list, GET shows them with their counts, DELETE takes them all away."""
    one = await plain.control("faults", {"kind": "status", "status": 502, "calls": "query", "next": 1})
    assert [rule["rule"]["kind"] for rule in one["faults"]] == ["status"]
    await plain.control("faults", [{"kind": "unknown_task", "nth": 3}, {"kind": "empty", "calls": "object"}])
    assert (await plain.http.post(f"/rest{QUERY}")).status_code == 502
    await plain.query("x")
    shown = (await plain.control("faults"))["faults"]
    assert [(rule["looked_at"], rule["struck"]) for rule in shown] == [(2, 1), (2, 0), (0, 0)]
    assert shown[0]["rule"]["next"] == 1
    cleared = await plain.http.delete("/_sandbox/faults")
    assert cleared.json() == (await plain.control("faults")) == {"faults": []}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("content", "status_code", "rule"),
    [
        (b'[{"kind":"empty"},{"kind":"delay"}]', 422, "rule 2: 'seconds' is required for the kind delay"),
        (b'{"kind":"empty","nth":"first"}', 422, "'nth' must be a whole number"),
        (b"[1]", 400, "faults come as a JSON object or a list of them, but it is JSON, but neither"),
        (b"{", 400, "not JSON"),
        (b"\xff", 400, "not UTF-8"),
        (b" " * 70_000, 413, "at most 65536 bytes"),
    ],
)
async def test_bad_rules_install_nothing(plain: Bench, content: bytes, status_code: int, rule: str) -> None:
    """One bad rule refuses the whole list, and those in force stay as they are."""
    plain.world.faults.add("query:html")
    response = await plain.http.post("/_sandbox/faults", content=content)
    assert (response.status_code, rule in response.json()["error"]) == (status_code, True)
    assert [rule.fault.kind for rule in plain.world.faults.list()] == ["html"]


@pytest.mark.anyio
async def test_faults_have_three_methods(plain: Bench) -> None:
    """Any other method is told which there are."""
    response = await plain.http.put("/_sandbox/faults")
    assert response.status_code == 405
    assert {"GET", "POST", "DELETE"} <= set(response.headers["allow"].split(", "))


def test_world_takes_values_mappings_and_lines() -> None:
    """Without HTTP, rules come in any of the three forms; one that cannot be adds none."""
    with World(faults=["query:html"]) as world:
        world.faults.add(AcceptThenDrop(calls="submit"), {"kind": "empty", "nth": 1})
        with pytest.raises(SandboxError, match="rule 2: 'kind' must be"):
            world.faults.add("query:empty", "query:bang")
        assert repr(world.faults) == "<Faults html 0/0, accept_then_drop 0/0, empty 0/0>"
        world.faults.clear()
        assert world.faults.list() == ()


@pytest.mark.anyio
async def test_reset_goes_back_to_the_faults_of_the_start() -> None:
    """A reset takes away what was added, and begins the counts of what was there from the start."""
    given = bench()
    with World(faults=["query:status,status=500,next=1"]) as world:
        world.faults.add("submit:empty")
        assert struck(world.faults, 1, "query") == [1]
        world.reset()
        assert struck(world.faults, 2, "query") == [1]
        assert len(world.faults.list()) == 1
    given.world.faults.add("submit:empty")
    with given.world:
        await given.control("reset", {})
    assert given.world.faults.list() == ()
