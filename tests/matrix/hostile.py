"""
Answers of the gateway that are wrong on purpose, each with what must follow, and a server that gives them.

Who is to get which is told by the caller itself, in the picture's URL or the task id: `case-7` gets the seventh.
"""

import copy
import functools
import gzip
import json
import re
import socket
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs

from tests.io.loopback import Behaviour, answer, read_request
from tests.support import accepted, finished

MANY: Final = 10 * 1024 * 1024  # bytes, of the row
DEEP: Final = 10_000  # levels, of the row
_CAP: Final = 1024 * 1024  # bytes that are read of an answer
_CASE: Final = re.compile(rb"case-(\d+)")
_WRONG: Final[tuple[Any, ...]] = (None, True, 7, 1.5, "x", "", [], {}, [[]], [{}], {"a": 1}, "[", 10**30, "\ud800")

IN_DOUBT, ACCEPTED = "in doubt", "accepted"
UNREADABLE, MALFORMED, SUCCEEDED = "unreadable", "names its path", "succeeded"


@attrs.frozen
class Hostile:
    """
    One answer, to a submit and to a query.

    Args:
        name: What is wrong with it.
        to_submit: Makes the whole answer to a submit.
        to_query: Makes the whole answer to a query.
        submit: What the submit must come to; `None`: any end but a foreign error.
        query: The same of the query.
    """

    name: str
    to_submit: Callable[[], bytes]
    to_query: Callable[[], bytes]
    submit: str | None = IN_DOUBT
    query: str | None = UNREADABLE


def _both(name: str, make: Callable[[dict[str, Any]], bytes], submit: str, query: str, *lines: bytes) -> Hostile:
    """Return a case that spoils a good answer of either kind."""
    fields = lines or (b"content-type: application/json",)
    return Hostile(
        name,
        functools.cache(lambda: answer(*fields, content=make(accepted("task-1")))),
        functools.cache(lambda: answer(*fields, content=make(finished("task-1")))),
        submit,
        query,
    )


def _json(body: object) -> bytes:
    return json.dumps(body).encode()


def _deep(body: dict[str, Any]) -> bytes:
    return b'{"data":' * DEEP + _json(body) + b"}" * DEEP


def _padded(body: dict[str, Any]) -> bytes:
    return _json({"padding": "x" * MANY, **body})


def _twice(body: dict[str, Any]) -> bytes:
    """Return a body with every name twice, the first with nonsense."""
    return b'{"code":"NoResource","data":5,"resCode":500,' + _json(body)[1:]


def _crowded(body: dict[str, Any]) -> bytes:
    """Return the body that costs most memory of those that are read at all: empty objects to the cap."""
    return _json(body)[:-1] + b',"x":[' + b"{}," * ((_CAP - 2000) // 3) + b"0]}"


def _not_a_number(body: dict[str, Any]) -> bytes:
    return _json({**body, "success": float("nan"), "cost": float("-inf")})


def _bomb(_: dict[str, Any]) -> bytes:
    return gzip.compress(b" " * (MANY * 20), 1)


def _deflated_bomb(_: dict[str, Any]) -> bytes:
    return zlib.compress(b"[" * (MANY * 20), 1)


PLAIN: Final = (
    _both("10 MB of JSON", _padded, IN_DOUBT, UNREADABLE),
    _both("1 MB of empty objects", _crowded, ACCEPTED, SUCCEEDED),
    _both("nested 10,000 deep", _deep, IN_DOUBT, UNREADABLE),
    _both("a list nested 500,000 deep", lambda _: b"[" * 500_000, IN_DOUBT, UNREADABLE),
    _both("gzip bomb of 200 MB", _bomb, IN_DOUBT, UNREADABLE, b"content-encoding: gzip"),
    _both("deflate bomb of 200 MB", _deflated_bomb, IN_DOUBT, UNREADABLE, b"content-encoding: deflate"),
    _both("NaN and infinities", _not_a_number, ACCEPTED, SUCCEEDED),
    _both("every name twice", _twice, ACCEPTED, SUCCEEDED),
    _both("invalid UTF-8", lambda body: _json(body).replace(b"task-1", b"\xff\xfe"), IN_DOUBT, UNREADABLE),
    _both("UTF-16", lambda body: json.dumps(body).encode("utf-16"), ACCEPTED, SUCCEEDED),
    _both("a byte order mark", lambda body: b"\xef\xbb\xbf" + _json(body), ACCEPTED, SUCCEEDED),
    _both("half characters", lambda body: _json(body).replace(b"task-1", b"\\ud800"), ACCEPTED, SUCCEEDED),
    _both("called text/html", _json, ACCEPTED, SUCCEEDED, b"content-type: text/html"),
    _both("called image/png, twice", _json, ACCEPTED, SUCCEEDED, b"content-type: image/png", b"content-type: x"),
    _both("a number of 10,000 digits", lambda _: b'{"data":{"taskId":' + b"9" * 10_000 + b"}}", IN_DOUBT, UNREADABLE),
    _both("300 field lines", _json, ACCEPTED, SUCCEEDED, *[b"x-%d: made up" % number for number in range(300)]),
    _both("a field line of 200 KB", _json, IN_DOUBT, UNREADABLE, b"x: " + b"y" * 200_000),
)


def _places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every value inside."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, below in inner:
        yield (*path, name)
        yield from _places(below, (*path, name))


def _with(body: dict[str, Any], path: tuple[Any, ...], wrong: object) -> bytes:
    changed: Any = copy.deepcopy(body)
    place = changed
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = wrong
    return _json(changed)


def _mistyped(body: dict[str, Any]) -> list[tuple[str, bytes]]:
    """Return *body* with each wrong value in each of its places."""
    return [(f"{path} = {wrong!r}", _with(body, path, wrong)) for path in _places(body) for wrong in _WRONG]


def mistyped() -> list[Hostile]:
    """Return a case for every wrong type in every place of either answer."""
    submits, queries = _mistyped(accepted("task-1")), _mistyped(finished("task-1"))
    longest = max(len(submits), len(queries))
    return [
        _pair(submits[number % len(submits)], queries[number % len(queries)], submit=None, query=None)
        for number in range(longest)
    ]


def _pair(submit_body: tuple[str, bytes], query_body: tuple[str, bytes], **must: Any) -> Hostile:
    return Hostile(
        f"{submit_body[0]}; {query_body[0]}",
        lambda: answer(content=submit_body[1]),
        lambda: answer(content=query_body[1]),
        **must,
    )


def serve(cases: list[Hostile]) -> Behaviour:
    """Return a server's behaviour: what asks for case n is given answer n, and what asks for none a good one."""

    def behave(connection: socket.socket) -> None:
        while request := read_request(connection):
            found = _CASE.search(request.partition(b"\r\n\r\n")[2])
            is_submit = b"/generation/batch" in request.split(b"\r\n", 1)[0]
            if found:
                case = cases[int(found[1])]
                connection.sendall(case.to_submit() if is_submit else case.to_query())
            else:
                connection.sendall(answer(content=_json(accepted("task-1") if is_submit else finished("task-1"))))

    return behave
