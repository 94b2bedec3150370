"""
Fetches an `imageUrl`, from this machine's loopback only.

Any other address is never contacted: the sandbox must not become a way to reach a network. What is fetched is judged
in `photo.py`.
"""

import ipaddress
from typing import Final
from urllib.parse import urlsplit

import anyio
import httpx

from aidge_async._core import gateway
from aidge_async.sandbox.photo import check_weight

_PATIENCE: Final = 5.0  # seconds for the whole fetch; a loopback server answers in milliseconds


class FetchError(Exception):
    """Raised when a loopback URL did not give a picture; the message says why."""


def is_loopback(host: str | None) -> bool:
    """Tell whether *host* is written as a loopback address; no name but `localhost` is, and none is looked up."""
    if host is None:
        return False
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_fetchable(url: str) -> bool:
    """Tell whether the sandbox fetches *url* itself; for any other it draws a stand-in."""
    return is_loopback(urlsplit(url).hostname)


async def fetch(url: str) -> bytes:
    """
    Return what a loopback *url* gives; redirects are not followed.

    Raises:
        FetchError: Nothing, or something other than HTTP 200, came within five seconds.
        PhotoError: It weighs more than the gateway takes; no more than that was kept.
    """
    # Certificates on loopback are self-signed, and nothing secret is sent there.
    transport = httpx.AsyncHTTPTransport(verify=False)
    try:
        with anyio.fail_after(_PATIENCE):
            async with httpx.AsyncClient(transport=transport, timeout=_PATIENCE, trust_env=False) as client:
                return await _read(client, url)
    except TimeoutError:
        raise FetchError(f"no answer within {_PATIENCE:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise FetchError(type(error).__name__) from None


async def _read(client: httpx.AsyncClient, url: str) -> bytes:
    content, size_bytes = bytearray(), 0
    async with client.stream("GET", url, headers={"accept-encoding": "identity"}) as response:
        if response.status_code != httpx.codes.OK:
            raise FetchError(f"HTTP {response.status_code}")
        async for chunk in response.aiter_raw():  # to its end: trio complains of generators that are left standing
            size_bytes += len(chunk)
            if size_bytes <= gateway.IMAGE_MOST_BYTES_LENIENT:
                content += chunk
    check_weight(size_bytes)
    return bytes(content)
