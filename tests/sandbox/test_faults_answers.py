"""Faults in the answer, as `http.client` reads it over a socket, and what the ledger says."""

import gzip
import http.client
import json
import re
import time
from email.utils import parsedate_to_datetime
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.sandbox.by_hand import QUERY, SUBMIT, bench, element, flat_fields, wrapped
from tests.sandbox.faulty import PICTURE, Scene
from tests.sandbox.raw_peer import Exchange, ask, call, query, submit


def picture(scene: Scene, url: str) -> Exchange:
    """Return the answer to a GET of *url*."""
    return ask(scene.peer, "GET", url.removeprefix(scene.peer.url))


@pytest.mark.parametrize(
    ("fault", "status", "content_type", "words"),
    [
        ("status,status=502", 502, "application/json", '{"status": 502, "error": "Bad Gateway"'),
        ("status,status=503,body=html,message=soon", 503, "text/html", "<title>503 Service Unavailable</title>"),
        ("status,status=403,body=xml", 403, "application/xml", "<Code>Forbidden</Code>"),
        ("status,status=599", 599, "application/json", '"error": "Unknown"'),
        ("status,status=204", 204, "application/json", ""),
        ("business_code,code=501,message=slow down", 200, "application/json", '"resCode":501,"resMessage":"slow down"'),
        ("business_code,code=odd", 200, "application/json", '"success":false,"resCode":"odd"'),
        ("business_code,code=500,status=500", 500, "application/json", '"resCode":500'),
        ("gateway_code,code=ApiCallLimit", 200, "application/json", '"code":"ApiCallLimit","type":"ISV"'),
        ("gateway_code,code=15,type=ISP,status=504", 504, "application/json", '"code":"15","type":"ISP"'),
        ("redirect", 302, "text/html", ""),
        ("redirect,status=307,location=https://example.com/x", 307, "text/html", ""),
        ("html", 200, "text/html", "not a robot"),
    ],
)
def test_answer_without_the_work_or_after_it(
    scene: Scene, fault: str, status: int, content_type: str, words: str
) -> None:
    """These kinds refuse a submit that they read whole, unless they are told to let it be accepted first."""
    for accepted, options in enumerate(("", ",accept=true")):
        scene.fault(f"submit:{fault}{options}")
        answer = submit(scene.peer)
        assert answer.status == status
        assert answer.headers["content-type"].startswith(content_type)
        assert words in answer.content.decode()
        assert (scene.accepted, scene.received["submit"]) == (accepted, accepted + 1)
        assert answer.headers["x-aidge-sandbox"] == "1"
        assert "date" in answer.headers


def test_redirection_names_a_place(scene: Scene) -> None:
    """The default leads back to the sandbox, where whoever follows it is counted."""
    scene.fault("submit:redirect")
    assert submit(scene.peer).headers["location"] == "/rest/redirected"
    scene.fault("submit:redirect,location=https://example.com/x")
    assert submit(scene.peer).headers["location"] == "https://example.com/x"


@pytest.mark.parametrize("kind", ["status,status=429", "business_code,code=501", "gateway_code,code=AppCallLimit"])
def test_refusals_may_say_when_to_come_again(scene: Scene, kind: str) -> None:
    """Retry-After is sent in seconds, as a date by the gateway's clock, or as any text."""
    scene.fault(f"submit:{kind}")
    assert "retry-after" not in submit(scene.peer).headers
    for sent, field in (("7", "7"), ("1.0", "1"), ("0.5", "0.5"), ("10000000000", "10000000000"), ("soon", "soon")):
        scene.fault(f"submit:{kind},retry_after={sent}")
        assert submit(scene.peer).headers["retry-after"] == field
    scene.fault(f"submit:{kind},retry_after=120,retry_after_date=true", "submit:clock,offset=3600")
    at = parsedate_to_datetime(submit(scene.peer).headers["retry-after"]).timestamp()
    assert 3718 <= at - time.time() <= 3721
    assert scene.accepted == 0


def test_bans_are_told_in_the_message(scene: Scene) -> None:
    """A message is sent word for word."""
    scene.fault('{"kind": "gateway_code", "code": "ApiCallLimit", "message": "Busy, this ban will last 3 seconds"}')
    answer = query(scene.peer, "x").json()
    assert answer["message"] == "Busy, this ban will last 3 seconds"
    assert re.fullmatch("[0-9a-f]{32}", answer["request_id"])


@pytest.mark.parametrize(("options", "left"), [("", None), (",at=0", 0), (",at=40", 40)])
def test_truncated_answers_are_of_the_length_they_say(scene: Scene, options: str, left: int | None) -> None:
    """The content is cut, its Content-Length is that of what is left, and the submit is accepted."""
    whole = len(submit(scene.peer).content)
    scene.fault(f"submit:truncated{options}")
    answer = submit(scene.peer)
    assert len(answer.content) == int(answer.headers["content-length"])
    assert len(answer.content) == (whole // 2 if left is None else left)
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.content)
    assert scene.accepted == 2


def test_garbage_is_the_same_again(scene: Scene) -> None:
    """Random bytes come under the right type; the same rule sends the same, and another seed others."""
    seen = []
    for seed in (1, 1, 2):
        scene.fault(f"submit:garbage,size=50,seed={seed}")
        answer = submit(scene.peer)
        assert answer.headers["content-type"].startswith("application/json")
        seen.append(answer.content)
    assert [len(content) for content in seen] == [50, 50, 50]
    assert seen[0] == seen[1] != seen[2]
    assert submit(scene.peer).content != seen[2]
    assert scene.accepted == 4


def test_empty_answers_are_empty(scene: Scene) -> None:
    """200, Content-Length 0, and the submit is accepted."""
    scene.fault("submit:empty")
    answer = submit(scene.peer)
    assert (answer.status, answer.content, answer.headers["content-length"]) == (200, b"", "0")
    assert scene.accepted == 1


def test_bad_gzip_cannot_be_inflated(scene: Scene) -> None:
    """The head says gzip, the content is none, and the submit is accepted."""
    scene.fault("submit:bad_gzip")
    answer = submit(scene.peer)
    assert answer.headers["content-encoding"] == "gzip"
    with pytest.raises(gzip.BadGzipFile):
        gzip.decompress(answer.content)
    assert scene.accepted == 1


def test_wrong_content_type_holds_the_right_content(scene: Scene) -> None:
    """Only the Content-Type lies."""
    scene.fault("submit:wrong_content_type")
    answer = submit(scene.peer)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.json()["data"]["result"]["taskId"] == scene.running.world.ledger()[0]["task_id"]


@pytest.mark.parametrize("shape", ["documented", "flat"])
@pytest.mark.anyio
async def test_success_may_name_no_task(shape: str) -> None:
    """A submit is accepted, and the answer is a success without a task id, in both dialects."""
    given = bench(submit_shape=shape)
    given.world.faults.add("submit:no_task_id")
    with given.world:
        answer = await given.call(SUBMIT, wrapped(element()) if shape == "documented" else flat_fields())
    assert (answer["success"], answer["resCode"], answer["data"]) == (True, 200, {})
    assert len(given.world.ledger()) == 1


def test_refused_submits_keep_their_refusal(scene: Scene) -> None:
    """A kind that spoils a success leaves any other answer as it is."""
    scene.fault("submit:no_task_id", "query:unknown_status")
    assert submit(scene.peer, model="nobody").json()["resCode"] == 700
    assert query(scene.peer, "nothing").json()["resCode"] == 700
    assert scene.accepted == 0


@pytest.mark.parametrize(
    ("fault", "word"),
    [("unknown_status", "reviewing"), ("unknown_status,word=Ärmel", "Ärmel"), ("finished_without_images", "finished")],
)
def test_queries_may_tell_strange_things(scene: Scene, fault: str, word: str) -> None:
    """A finished task is told with a word that nobody knows, or without its pictures, and then rightly again."""
    task_id = submit(scene.peer).json()["data"]["result"]["taskId"]
    scene.fault(f"query:{fault},next=1")
    data = query(scene.peer, task_id).json()["data"]
    assert (data["taskId"], data["taskStatus"], data["taskResult"]) == (task_id, word, [])
    assert len(query(scene.peer, task_id).json()["data"]["taskResult"]) == 2


def test_known_task_may_be_unknown_at_first(scene: Scene) -> None:
    """The first queries are answered as if the task were not there, and do not count as having seen it."""
    task_id = submit(scene.peer).json()["data"]["result"]["taskId"]
    really = query(scene.peer, "nothing").json()
    scene.fault("any:unknown_task,next=2")
    for _ in range(2):
        answer = query(scene.peer, task_id).json()
        assert {name: answer[name] for name in ("code", "success", "resCode", "data")} == {
            name: really[name] for name in ("code", "success", "resCode", "data")
        }
        assert "taskId is not known" in answer["resMessage"]
    assert query(scene.peer, task_id).json()["data"]["taskStatus"] == "finished"
    tasks: Any = scene.running.world.statistics()["tasks"]
    assert tasks[task_id]["queries"] == 1


@pytest.mark.parametrize("offset", [10_800.0, -10_800.0])
def test_clock_moves_check_and_date_together(scene: Scene, offset: float) -> None:
    """With a clock three hours off a good timestamp is rejected, and one that follows the Date field is taken."""
    scene.fault(f"any:clock,offset={offset:g}")
    refused = submit(scene.peer)
    assert (refused.json()["code"], scene.accepted) == ("IllegalTimestamp", 0)
    told = parsedate_to_datetime(refused.headers["date"]).timestamp() - time.time()
    assert abs(told - offset) < 3
    assert call(scene.peer, SUBMIT, wrapped(element()), offset=told).json()["resCode"] == 200
    assert scene.accepted == 1
    at: Any = scene.running.world.ledger()[0]["at"]
    assert abs(at - time.time()) < 5  # the ledger keeps the true time
    health = ask(scene.peer, "GET", "/_sandbox/health")
    assert abs(parsedate_to_datetime(health.headers["date"]).timestamp() - time.time()) < 3


def test_clock_leaves_the_call_to_other_faults(scene: Scene) -> None:
    """A clock that is off and another fault strike the same call, and the fault's own answer has that date too."""
    scene.fault("any:clock,offset=900", "any:clock,offset=100", "submit:status,status=500")
    answer = submit(scene.peer)
    assert answer.status == 500
    assert 997 < parsedate_to_datetime(answer.headers["date"]).timestamp() - time.time() < 1003
    assert [rule.struck for rule in scene.running.world.faults.list()] == [1, 1, 1]


def test_pictures_are_refused_as_the_store_does(scene: Scene) -> None:
    """An expired link is 403 and XML."""
    url = scene.link()
    scene.fault("object:expired_link,next=1")
    answer = picture(scene, url)
    assert (answer.status, answer.headers["content-type"]) == (403, "application/xml")
    assert ET.fromstring(answer.content.decode()).findtext("Message") == "Request has expired."
    assert picture(scene, url).content == PICTURE
    assert scene.received["object"] == 2


@pytest.mark.parametrize(
    ("fault", "status", "content_type", "length"),
    [
        ("html", 200, "text/html; charset=utf-8", None),
        ("wrong_content_type,content_type=text/plain", 200, "text/plain", len(PICTURE)),
        ("truncated", 200, "image/jpeg", len(PICTURE) // 2),
        ("garbage,size=9", 200, "image/jpeg", 9),
        ("empty", 200, "image/jpeg", 0),
        ("status,status=503,body=xml", 503, "application/xml", None),
        ("status,status=304", 304, "application/json;charset=UTF-8", 0),
        ("redirect", 302, "text/html; charset=utf-8", 0),
        ("delay,seconds=0.01,before=true", 200, "image/jpeg", len(PICTURE)),
    ],
)
def test_pictures_can_be_spoiled(scene: Scene, fault: str, status: int, content_type: str, length: int | None) -> None:
    """A link may lead to another type, to less, to nothing, or to a refusal."""
    url = scene.link()
    scene.fault(f"object:{fault}")
    answer = picture(scene, url)
    assert (answer.status, answer.headers["content-type"]) == (status, content_type)
    assert length is None or len(answer.content) == length
    assert scene.struck() == 1


def test_connection_outlives_a_fault_in_the_answer(scene: Scene) -> None:
    """After a spoiled answer the next call on the same connection is answered as always, and all are counted."""
    scene.fault("query:truncated,next=1", "query:status,status=502,next=1")
    connection = http.client.HTTPConnection(scene.peer.url.removeprefix("http://"), timeout=5)
    connection.connect()
    kept, statuses = connection.sock, []
    for _ in range(3):
        connection.request("POST", scene.peer.target(QUERY), '{"taskId": "x"}')
        response = connection.getresponse()
        response.read()
        statuses.append(response.status)
        assert connection.sock is kept
    connection.close()
    assert statuses == [200, 502, 200]
    counts: Any = scene.running.world.statistics()["apis"]
    assert counts[QUERY] == {
        "calls": 3,
        "received": 3,
        "codes": {"700": 2},  # what the gateway decided; it never saw the second
        "faults": {"truncated": 1, "status": 1},
        "most_in_a_second": 3,
    }
