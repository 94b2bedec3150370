"""
The kinds of faults that are in the answer as HTTP sees it: its status, its type, its bytes.

Each turns one answer into another; nothing is sent here, and no kind knows when it strikes.
"""

import http
import json
from typing import ClassVar, Final

import attrs

from aidge_async._core import gateway
from aidge_async.sandbox.answers import Answer
from aidge_async.sandbox.calls import CallKind
from aidge_async.sandbox.checks import one_of, text, whole
from aidge_async.sandbox.fault_rules import Fault, Refusal, Strike, Unprocessed, check_http_status
from aidge_async.sandbox.objects import refusal_xml

_JSON: Final = "application/json;charset=UTF-8"
_HTML: Final = "text/html; charset=utf-8"
_XML: Final = "application/xml"
_OBJECTS: Final[frozenset[CallKind]] = frozenset({"object"})
_REDIRECTS: Final = (301, 302, 303, 307, 308)  # RFC 9110, 15.4
_MOST_GARBAGE: Final = 16 * 1024 * 1024

_ROBOT_PAGE: Final = (
    b"<!doctype html><html><head><title>Access verification</title></head><body>"
    b"<h1>Please slide to verify that you are not a robot</h1></body></html>"
)


@attrs.frozen(kw_only=True)
class Status(Refusal):
    """Answer with an HTTP *status*, and a *body* of JSON (without the gateway's fields), HTML or XML."""

    kind: ClassVar[str] = "status"
    status: int = attrs.field(validator=check_http_status)
    body: str = attrs.field(default="json", validator=one_of("json", "html", "xml"))

    def spoil(self, answer: Answer, strike: Strike) -> Answer:
        """Replace the whole answer."""
        known = self.status in set(http.HTTPStatus)
        phrase = http.HTTPStatus(self.status).phrase if known else "Unknown"
        content, media_type = self._page(phrase, strike.request_id)
        if self.status in (http.HTTPStatus.NO_CONTENT, http.HTTPStatus.NOT_MODIFIED):
            content = b""  # RFC 9110, 15.3.5 and 15.4.5
        return self.hinted(answer.holding(content, media_type, status_code=self.status), strike)

    def _page(self, phrase: str, request_id: str) -> tuple[bytes, str]:
        if self.body == "json":
            return json.dumps({"status": self.status, "error": phrase, "detail": self.message}).encode(), _JSON
        if self.body == "xml":
            return refusal_xml(phrase, self.message, request_id=request_id), _XML
        page = f"<html><head><title>{self.status} {phrase}</title></head><body>{self.message}</body></html>"
        return page.encode(), _HTML


@attrs.frozen(kw_only=True)
class Redirect(Unprocessed):
    """Answer with a redirection to *location*; the default would come back here and be counted as a call."""

    kind: ClassVar[str] = "redirect"
    status: int = attrs.field(default=302, validator=one_of(*_REDIRECTS))
    location: str = attrs.field(default=f"{gateway.PATH_PREFIX}/redirected", validator=text)

    def spoil(self, answer: Answer, strike: Strike) -> Answer:  # noqa: ARG002
        """Replace the whole answer."""
        moved = answer.holding(b"", _HTML, status_code=self.status)
        return moved.changed((b"location", self.location.encode()))


@attrs.frozen(kw_only=True)
class Html(Unprocessed):
    """Answer 200 with a page that takes the caller for a robot."""

    kind: ClassVar[str] = "html"

    def spoil(self, answer: Answer, strike: Strike) -> Answer:  # noqa: ARG002
        """Replace the whole answer."""
        return answer.holding(_ROBOT_PAGE, _HTML, status_code=200)


@attrs.frozen(kw_only=True)
class ExpiredLink(Unprocessed):
    """Refuse a picture as if the time of its link were over: 403 and XML."""

    kind: ClassVar[str] = "expired_link"
    about: ClassVar[frozenset[CallKind]] = _OBJECTS

    def spoil(self, answer: Answer, strike: Strike) -> Answer:
        """Replace the whole answer."""
        content = refusal_xml("AccessDenied", "Request has expired.", request_id=strike.request_id)
        return answer.holding(content, _XML, status_code=403)


@attrs.frozen(kw_only=True)
class Truncated(Fault):
    """Cut the content after *at* bytes, or in the middle, under a Content-Length that fits."""

    kind: ClassVar[str] = "truncated"
    at: int | None = attrs.field(default=None, validator=whole(0, "bytes"))

    def spoil(self, answer: Answer, strike: Strike) -> Answer:  # noqa: ARG002
        """Cut the content."""
        at = len(answer.content) // 2 if self.at is None else self.at
        return answer.holding(answer.content[:at])


@attrs.frozen(kw_only=True)
class Garbage(Fault):
    """Send *size* random bytes under the answer's own media type."""

    kind: ClassVar[str] = "garbage"
    size: int = attrs.field(default=200, validator=whole(1, "bytes"))

    def spoil(self, answer: Answer, strike: Strike) -> Answer:
        """Replace the content."""
        return answer.holding(strike.chance.randbytes(min(self.size, _MOST_GARBAGE)))


@attrs.frozen(kw_only=True)
class Empty(Fault):
    """Answer 200 without content."""

    kind: ClassVar[str] = "empty"

    def spoil(self, answer: Answer, strike: Strike) -> Answer:  # noqa: ARG002
        """Take the content away."""
        return answer.holding(b"", status_code=200)


@attrs.frozen(kw_only=True)
class BadGzip(Fault):
    """Say that the content is compressed, and send *size* random bytes."""

    kind: ClassVar[str] = "bad_gzip"
    size: int = attrs.field(default=200, validator=whole(1, "bytes"))

    def spoil(self, answer: Answer, strike: Strike) -> Answer:
        """Replace the content and its coding."""
        garbage = answer.holding(strike.chance.randbytes(min(self.size, _MOST_GARBAGE)))
        return garbage.changed((b"content-encoding", b"gzip"))


@attrs.frozen(kw_only=True)
class WrongContentType(Fault):
    """Send the right content under another *content_type*."""

    kind: ClassVar[str] = "wrong_content_type"
    content_type: str = attrs.field(default=_HTML, validator=text)

    def spoil(self, answer: Answer, strike: Strike) -> Answer:  # noqa: ARG002
        """Change what the head says."""
        return answer.changed((b"content-type", self.content_type.encode()))
