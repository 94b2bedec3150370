"""
What `aidge-async doctor` looks at, each check a function that returns findings.

Nothing is bought here but by `dialect`, and nothing is printed. No finding may hold the secret or a signed link.
"""

import importlib.metadata
import platform
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

import anyio
import attrs
import httpx

from aidge_async import (
    AidgeClient,
    AidgeError,
    CredentialsError,
    InvalidInputError,
    ModelAlternation,
    QuotaError,
    RefusedError,
    SubmissionInDoubtError,
)
from aidge_async._core.token import Token
from aidge_async._io.connections import environment_proxy
from aidge_async.cli.exits import Exit
from aidge_async.config import VARIABLES, Settings
from aidge_async.events import Event, PollFaulted

Mark: TypeAlias = Literal["ok", "note", "bad"]

NO_SUCH_TASK: Final = "aidge-async-doctor-no-such-task"
_WITHIN: Final = 10.0  # seconds for the look-up and for the connection
_CLOCK_NOTE: Final = 60.0  # seconds off that are worth a word; siblings of the gateway refuse at two hours
_PACKAGES: Final = ("aidge-async", "httpx", "httpcore", "anyio", "attrs", "cattrs")


@attrs.frozen
class Finding:
    """
    Hold what one check found.

    Args:
        name: What was looked at.
        mark: Whether it is as it should be.
        text: What was found, and if it is not as it should be, what to do.
        code: What it means for the exit code.
    """

    name: str
    mark: Mark
    text: str
    code: Exit = Exit.GOOD


def installed() -> Finding:
    """Return the versions that a bug report needs."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES)
    return Finding("versions", "ok", f"{versions}, Python {platform.python_version()}, {platform.system()}")


def in_force(settings: Settings) -> list[Finding]:
    """Return each setting and where it comes from; the secret is masked."""
    values: Mapping[str, str] = {
        "key_name": settings.key_name,
        "key_secret": "set, not shown",
        "region": settings.region.value,
        "trial": str(settings.trial).lower(),
        "base_url": settings.base_url or f"that of the region: {settings.origin}",
        "wire_format": settings.wire_format.value,
    }
    return [Finding(name, "ok", f"{values[name]} (from {settings.sources.get(name, 'default')})") for name in VARIABLES]


async def network(settings: Settings) -> AsyncIterator[Finding]:
    """Look up the name, connect, and compare clocks; stop where the next check could not work."""
    parts = urlsplit(settings.origin)
    proxy = None if settings.on_loopback else environment_proxy(settings.origin)
    yield Finding("proxy", "ok", f"{urlsplit(proxy).hostname} (from the environment)" if proxy else "none")
    if proxy is None:
        looked_up = await _name(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
        yield looked_up
        if looked_up.mark == "bad":
            return
    async for finding in _connection(settings, proxy):
        yield finding


async def _name(host: str, port: int) -> Finding:
    try:
        with anyio.fail_after(_WITHIN):
            found = await anyio.getaddrinfo(host, port)
    except (OSError, UnicodeError) as exc:  # a time-out is an OSError too
        told = str(exc) or f"no answer within {_WITHIN:g} s"
        return Finding("name", "bad", f"{host} is not found ({told}); check the network and base_url", Exit.INCOMPLETE)
    addresses = sorted({str(entry[4][0]) for entry in found})
    return Finding("name", "ok", f"{host} is {', '.join(addresses[:3])}")


async def _connection(settings: Settings, proxy: str | None) -> AsyncIterator[Finding]:
    async with httpx.AsyncClient(proxy=proxy, trust_env=False, timeout=_WITHIN) as http:
        began = time.perf_counter()
        try:
            async with http.stream("GET", settings.origin + "/") as answer:
                took = (time.perf_counter() - began) * 1000
                yield Finding("connection", "ok", f"HTTP {answer.status_code} in {took:.0f} ms, {_tls(answer)}")
                yield _clock(answer.headers.get("date", ""))
        except httpx.HTTPError as exc:
            told = f"{type(exc).__name__}: {exc}".rstrip(": ")
            text = f"{settings.origin} does not answer ({told}); check network, proxy, certificate and base_url"
            yield Finding("connection", "bad", text, Exit.INCOMPLETE)


def _tls(answer: httpx.Response) -> str:
    stream = answer.extensions.get("network_stream")
    secured = stream.get_extra_info("ssl_object") if stream is not None else None
    return f"{secured.version()}" if isinstance(secured, ssl.SSLObject) else "no TLS"


def _clock(date: str) -> Finding:
    try:
        offset = parsedate_to_datetime(date).timestamp() - time.time()
    except (TypeError, ValueError):
        return Finding("clock", "note", "the answer has no date to compare with")
    text = f"this machine is {abs(offset):.0f} s {'behind' if offset > 0 else 'ahead of'} the gateway"
    if abs(offset) <= _CLOCK_NOTE:
        return Finding("clock", "ok", text)
    return Finding("clock", "note", f"{text}; a rejected timestamp is corrected by itself, but set the clock")


def client_of(settings: Settings, heard: list[Event]) -> AidgeClient:
    """Return the client that asks, with *heard* as its observer."""
    return AidgeClient(
        settings.key_name,
        settings.key_secret,
        region=settings.region,
        trial=settings.trial,
        base_url=settings.base_url,
        wire_format=settings.wire_format,
        observers=[heard.append],
    )


async def signature(settings: Settings) -> Finding:
    """Ask after a task that does not exist, which costs nothing: whatever is said of it, the signature was accepted."""
    heard: list[Event] = []
    token = Token(
        region=settings.region_name,
        operation="model-alternation",
        task_id=NO_SUCH_TASK,
        trial=settings.trial,
        submitted_at=0.0,
        count=1,
        account=settings.account,
    )
    async with client_of(settings, heard) as aidge:
        try:
            await aidge.resume(token.text()).status()
        except AidgeError as exc:
            return _judged(exc)
    faults = [event.reason for event in heard if isinstance(event, PollFaulted)]
    if faults:
        return Finding("signature", "note", f"not proven: {faults[0]}", Exit.INCOMPLETE)
    return Finding("signature", "ok", "accepted: the gateway answers")


def _judged(error: AidgeError) -> Finding:
    said = f"code {error.code}" if error.code else str(error)
    if isinstance(error, QuotaError):
        return Finding("signature", "note", f"accepted, but nothing is left to draw on ({said})", Exit.REFUSED)
    if isinstance(error, CredentialsError):
        return Finding("signature", "bad", str(error), Exit.REFUSED)
    if isinstance(error, RefusedError) and not isinstance(error, InvalidInputError):
        return Finding("signature", "bad", str(error), Exit.INCOMPLETE)
    return Finding("signature", "ok", f"accepted: the gateway answers that it knows no such task ({said})")


async def dialect(settings: Settings, photo: bytes, model: str) -> Finding:
    """Submit once in the dialect that is set, and say whether the account takes it. This may be billed."""
    request = ModelAlternation(image=photo, model=model, count=1)
    async with client_of(settings, []) as aidge:
        try:
            handle = await aidge.submit(request, deadline=60)
        except InvalidInputError as exc:
            other = "flat" if settings.wire_format.value == "documented" else "documented"
            text = f"{settings.wire_format.value} is refused ({exc.message}); if no picture is at fault, set {other!r}"
            return Finding("dialect", "bad", text, Exit.INCOMPLETE)
        except SubmissionInDoubtError as exc:
            return Finding("dialect", "bad", str(exc), Exit.IN_DOUBT)
        except AidgeError as exc:
            return Finding("dialect", "bad", str(exc), _judged(exc).code or Exit.INCOMPLETE)
    return Finding(
        "dialect", "ok", f"{settings.wire_format.value} is taken; go on with: aidge-async task {handle.token}"
    )
