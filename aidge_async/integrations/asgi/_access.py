"""
Who may come in: the host that is asked for, the page that asks, and the principal that it asks for.

What a principal may see follows from the keys of its tasks, in `_names.py`.
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Collection
from http import HTTPStatus
from typing import Final, TypeAlias
from urllib.parse import SplitResult, urlsplit

import anyio.to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aidge_async.errors import SettingsError
from aidge_async.integrations.asgi._names import ANONYMOUS, digest_of
from aidge_async.integrations.asgi._problems import ProblemError

Authenticate: TypeAlias = Callable[[Request], str | None] | Callable[[Request], Awaitable[str | None]]

LOOPBACK_HOSTS: Final = ("localhost", "127.0.0.1", "[::1]")
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_PORTS: Final = {"http": 80, "https": 443}
# RFC 9110 7.2; strictly, because `localhost:80@evil.example` is read as another host's name by who splits URLs.
_HOST: Final = re.compile(r"(\[[0-9a-f:.]+\]|[^\s:/?#@\[\]\\]+)(?::[0-9]*)?")
# What a browser says of where a call comes from (Fetch Metadata); "none" is a person who typed the address.
_OWN_SITES: Final = frozenset({"same-origin", "none"})

# The page is all that may be shown; pictures of it come from here, and what was just dropped is a blob.
PAGE_POLICY: Final = (
    "default-src 'none'; img-src 'self' blob:; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
_ADDED: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
}


def allowed_host(value: str) -> str:
    """
    Return the name of a host that may be asked for.

    Raises:
        SettingsError: It is more or less than a name.
    """
    host = value.strip().lower() if isinstance(value, str) else ""
    if not host or _host_of(host) != host:
        raise SettingsError(
            f"'allowed_hosts' must hold names of hosts without scheme and port (got {value!r}); "
            "write it as 'shop.example.com'"
        )
    return host


def allowed_origin(value: str) -> str:
    """
    Return an origin that may ask.

    Raises:
        SettingsError: It is more or less than an origin.
    """
    found = _split(value if isinstance(value, str) else "")
    if found is None or value.rstrip("/") != f"{found.scheme}://{found.netloc}":
        raise SettingsError(
            f"'allowed_origins' must hold origins (got {value!r}); write it as 'https://shop.example.com'"
        )
    return value.rstrip("/").lower()


class Hosts:
    """
    ASGI middleware that answers only under known names, so that a foreign name cannot be led here (DNS rebinding), and
    that gives every answer the header fields it must not be without.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or refuse."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def complete(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _ADDED.items():
                    headers.setdefault(name, value)
            await send(message)

        host = _host_of(Headers(scope=scope).get("host", ""))
        if host in self._hosts:
            await self._app(scope, receive, complete)
        else:
            detail = "this host name is not served here; add it to 'allowed_hosts' if it is yours"
            await ProblemError(HTTPStatus.BAD_REQUEST, detail).response()(scope, receive, complete)


class Door:
    """
    ASGI middleware that lets in who may come in, and says under `scope["aidge_principal"]` who it is.

    Args:
        app: What lies behind.
        authenticate: Tells the principal; `None`: everybody is the same one.
        origins: Origins beside our own whose pages may ask.
    """

    def __init__(self, app: ASGIApp, authenticate: Authenticate | None, origins: Collection[str]) -> None:
        self._app = app
        self._authenticate = authenticate
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or refuse."""
        if scope["type"] == "http":
            request = Request(scope, receive)
            try:
                if request.method not in _SAFE or request.url.path.endswith("/events"):
                    check_origin(request, self._origins)
                scope["aidge_principal"] = await self._principal(request)
            except ProblemError as exc:
                await exc.response()(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _principal(self, request: Request) -> str:
        if self._authenticate is None:
            return ANONYMOUS
        found = await _asked(self._authenticate, request)
        if not isinstance(found, str) or not found:
            raise ProblemError(HTTPStatus.UNAUTHORIZED, "who you are is not known here; sign in first")
        return digest_of(found)


def check_origin(request: Request, origins: Collection[str]) -> None:
    """
    Refuse what a foreign page asks.

    Programs send neither `Origin` nor `Sec-Fetch-Site`; every browser sends one of them with what is checked here.

    Raises:
        ProblemError: It comes from a foreign page.
    """
    origin = request.headers.get("origin")
    if origin is None:
        if request.headers.get("sec-fetch-site", "none").lower() in _OWN_SITES:
            return
    elif origin.lower() in origins or _is_own(origin, request):
        return
    raise ProblemError(HTTPStatus.FORBIDDEN, "pages of another origin may not ask this; see 'allowed_origins'")


def _is_own(origin: str, request: Request) -> bool:
    theirs = _split(origin)
    ours = _split(f"{theirs.scheme}://{request.headers.get('host', '')}") if theirs else None
    if theirs is None or ours is None or (request.url.scheme == "https" and theirs.scheme != "https"):
        return False  # https pages may reach us as http, where a proxy ends TLS; never the other way round
    port = _PORTS.get(theirs.scheme)
    return (theirs.hostname, theirs.port or port) == (ours.hostname, ours.port or port)


def _split(origin: str) -> SplitResult | None:
    try:
        parts = urlsplit(origin)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.scheme in _PORTS and parts.hostname else None


def _host_of(header: str) -> str:
    """Return the name in a `Host` field, without its port and in lower case; empty where it is more than these two."""
    found = _HOST.fullmatch(header.lower())
    return found[1] if found else ""


async def _asked(authenticate: Authenticate, request: Request) -> str | None:
    if inspect.iscoroutinefunction(authenticate):
        found: str | Awaitable[str | None] | None = authenticate(request)
    else:
        found = await anyio.to_thread.run_sync(authenticate, request)  # it may ask a database
    return await found if inspect.isawaitable(found) else found
