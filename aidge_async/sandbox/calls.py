"""
One HTTP message to the gateway as a value, and the rules that stand before the gateway's own: method, type, weight.

Nothing of what a call means is known here; its content is read in pieces and bounded.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal

import attrs
from starlette.datastructures import Headers
from starlette.types import Receive, Scope

from aidge_async._core import gateway
from aidge_async.sandbox.contents import FORM_TYPE, JSON_TYPE, UnreadableError, media_type, read_form
from aidge_async.sandbox.objects import OBJECTS_PATH

# The heaviest call that makes sense, 4 MiB as Base64 as a form with its '+' and '/' escaped, is just under 6 MiB.
CONTENT_MOST_BYTES: Final = 8 * 1024 * 1024
# Past the bound a content is read on and thrown away, so that the caller reads the 413 and not a reset connection.
_DRAINED_MOST_BYTES: Final = 32 * 1024 * 1024

# The key in `scope["extensions"]` of the seconds by which a fault has set the gateway's clock off.
CLOCK_EXTENSION: Final = "aidge_async.sandbox.clock"

CallKind = Literal["submit", "query", "object", "other"]
CALL_KINDS: Final[tuple[CallKind, ...]] = ("submit", "query", "object", "other")
_KINDS_OF_APIS: Final[Mapping[str, CallKind]] = {
    gateway.MODEL_ALTERNATION_SUBMIT_PATH: "submit",
    gateway.MODEL_ALTERNATION_QUERY_PATH: "query",
}

_HOST: Final = re.compile(r"(?P<name>[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


class HttpRefusalError(Exception):
    """Raised when a call does not reach the gateway's layers; *status_code* is what HTTP calls that."""

    def __init__(self, status_code: int, code: str, message: str, *, allow: str | None = None) -> None:
        super().__init__(message)
        self.allow = allow
        self.status_code = status_code
        self.code = code
        self.message = message


class CallerGoneError(Exception):
    """Raised when the caller hung up before the call was whole. Nobody waits for an answer."""


@attrs.frozen(kw_only=True)
class Call:
    """
    What is known of a call when its head has arrived.

    Args:
        path: API path without `/rest`.
        query: The query string's fields.
        origin: Scheme, host and port by which the caller reached us.
        clock_offset: Seconds by which a fault has set the gateway's clock off for this call.
        content_length: As announced; `None` where it is not.
    """

    method: str
    path: str
    query: Mapping[str, str] = attrs.field(repr=False)
    content_type: str
    content_encoding: str
    content_length: int | None
    trial: bool
    origin: str
    clock_offset: float


def kind_of_api(path: str) -> CallKind:
    """Return what kind of call goes to an API *path*, without `/rest`; every picture's path is an `object`."""
    return "object" if path.startswith(OBJECTS_PATH + "/") else _KINDS_OF_APIS.get(path, "other")


def clock_offset(scope: Scope) -> float:
    """Return the seconds by which a fault has set the gateway's clock off for this call."""
    return float(scope.get("extensions", {}).get(CLOCK_EXTENSION, 0.0))


def host_name(field: str) -> str | None:
    """Return the name in a Host field, without port, or `None` where it is not a host at all."""
    match = _HOST.fullmatch(field)
    return match["name"] if match else None


def _origin(scope: Scope, headers: Headers) -> str:
    host = headers.get("host", "")
    if host_name(host) is None:
        name, port = scope.get("server") or ("127.0.0.1", None)
        host = name if port is None else f"{name}:{port}"
    return f"{scope['scheme']}://{host}"


def _query(scope: Scope) -> dict[str, str]:
    try:
        fields = read_form(scope["query_string"].decode("latin-1"))
    except UnreadableError as error:
        raise HttpRefusalError(400, "MissingParameter", f"the query string cannot be read: {error}") from None
    return {name: str(value) for name, value in fields.items()}


def read_call(scope: Scope) -> Call:
    """
    Return the call whose head *scope* is.

    Raises:
        HttpRefusalError: Its query string cannot be read.
    """
    headers = Headers(scope=scope)
    length = headers.get("content-length", "")
    return Call(
        method=scope["method"],
        path=scope["path"].removeprefix(gateway.PATH_PREFIX),
        query=_query(scope),
        content_type=headers.get("content-type", ""),
        content_encoding=headers.get("content-encoding", "identity"),
        content_length=int(length) if length.isdecimal() else None,
        trial=headers.get(gateway.TRIAL_HEADER, "").strip().lower() == "true",
        origin=_origin(scope, headers),
        clock_offset=clock_offset(scope),
    )


def check_http(call: Call) -> None:
    """
    Return if HTTP's own rules let the call pass.

    Raises:
        HttpRefusalError: The method, the media type or the content coding is none that the gateway takes.
    """
    methods = ("POST",) if call.path == gateway.MODEL_ALTERNATION_SUBMIT_PATH else ("GET", "POST")
    if call.method not in methods:
        message = f"{call.path[:200]} takes {' and '.join(methods)} (got {call.method[:20]})"
        raise HttpRefusalError(405, "MethodNotAllowed", message, allow=", ".join(methods))
    if call.content_encoding.lower() != "identity":
        message = f"contents come without Content-Encoding (got {call.content_encoding[:60]!r})"
        raise HttpRefusalError(415, "UnsupportedMediaType", message)
    kind = media_type(call.content_type)
    if call.method == "POST" and kind not in (JSON_TYPE, FORM_TYPE, ""):
        raise HttpRefusalError(415, "UnsupportedMediaType", f"{JSON_TYPE} or {FORM_TYPE} (got {kind[:60]!r})")


async def read_content(call: Call, receive: Receive, *, keep: bool) -> bytes:
    """
    Return the call's content, read to its end; empty where it is not to be kept.

    Raises:
        HttpRefusalError: It weighs more than 8 MiB.
        CallerGoneError: The caller hung up before the end.
    """
    keep = keep and (call.content_length or 0) <= CONTENT_MOST_BYTES
    chunks: list[bytes] = []
    size_bytes, more = 0, True
    while more and size_bytes <= _DRAINED_MOST_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise CallerGoneError
        chunk = message.get("body", b"")
        size_bytes += len(chunk)
        more = message.get("more_body", False)
        if keep and size_bytes <= CONTENT_MOST_BYTES:
            chunks.append(chunk)
    if size_bytes > CONTENT_MOST_BYTES:
        message_text = f"a content weighs at most {CONTENT_MOST_BYTES} bytes (got {size_bytes} or more)"
        raise HttpRefusalError(413, "RequestTooLarge", message_text)
    return b"".join(chunks)
