"""
Which addresses a picture may be fetched from, and the one that a checked name stands for.

Nothing is fetched here. Result links are the gateway's words and redirects anybody's, so a name is looked up once,
its address is checked, and that very address is connected to.
"""

import ipaddress
import socket
from typing import Final
from urllib.parse import SplitResult, urlsplit

import anyio
import attrs

from aidge_async._core.pictures import masked_link
from aidge_async.config import is_loopback
from aidge_async.errors import DownloadError

_MALFORMED: Final = "a result link is malformed; resume the token to get a fresh one"
# The vendor's object storage answers plain http; its links are seen under these names.
_PLAIN_HTTP_HOSTS: Final = (".aliyuncs.com", ".alicdn.com", ".aidc-ai.com")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


@attrs.frozen(kw_only=True)
class Target:
    """
    Hold where to connect to for a link.

    Args:
        url: The link with the address in place of the name.
        host: What `Host` must say.
        server_name: The name that TLS must prove.
    """

    url: str = attrs.field(repr=False)
    host: str
    server_name: str


def check_link(url: str, *, loopback_allowed: bool) -> SplitResult:
    """
    Return the parts of a link that may be fetched: https, or http to the vendor's storage or to a sandbox.

    Raises:
        DownloadError: It may not.
    """
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".").lower()
        _ = parts.port
    except ValueError:
        raise DownloadError(_MALFORMED) from None
    if not url.isprintable():  # a control character or half a character: the layers below raise errors of their own
        raise DownloadError(_MALFORMED)
    if not host or parts.scheme not in {"http", "https"} or parts.username is not None:
        raise DownloadError(f"{masked_link(url)!r} is no http(s) link; it is not fetched")
    here = loopback_allowed and is_loopback(host)
    if parts.scheme == "http" and not (here or host.endswith(_PLAIN_HTTP_HOSTS)):
        raise DownloadError(f"{masked_link(url)!r} is plain http outside the vendor's storage; it is not fetched")
    return parts


async def pin(url: str, *, loopback_allowed: bool) -> Target:
    """
    Return the checked address to connect to for *url*.

    Args:
        url: A link.
        loopback_allowed: Whether this machine may be connected to; only where the gateway is here, as a sandbox is.

    Raises:
        DownloadError: The link may not be fetched, its name is not known, or it stands for an address inside.
    """
    parts = check_link(url, loopback_allowed=loopback_allowed)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        raise DownloadError(f"the host of {masked_link(url)!r} is not known ({exc}); check the network") from exc
    # One address is checked and used; IPv4 first, because every storage has it and not every machine reaches IPv6.
    first = min(found, key=lambda entry: entry[0] is not socket.AF_INET, default=None)
    address = str(first[4][0]) if first else ""
    if not _allowed(address, loopback_allowed=loopback_allowed):
        raise DownloadError(
            f"{masked_link(url)!r} leads to {address or 'nowhere'}, inside a network; it is not fetched"
        )
    shown = f"[{address}]" if ":" in address else address
    netloc = f"{shown}:{port}"
    return Target(url=parts._replace(netloc=netloc).geturl(), host=parts.netloc.rpartition("@")[2], server_name=host)


def _allowed(address: str, *, loopback_allowed: bool) -> bool:
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    meant = _embedded(ip) if isinstance(ip, ipaddress.IPv6Address) else ip
    if meant.is_loopback:
        return loopback_allowed
    return bool(meant.is_global and not meant.is_multicast)


def _embedded(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return the IPv4 address that an IPv6 one leads to: mapped, 6to4 (RFC 3056), or NAT64 (RFC 6052)."""
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip
