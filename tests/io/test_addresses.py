"""Which addresses a picture may be fetched from."""

import ipaddress
import socket
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aidge_async._io import addresses
from aidge_async._io.addresses import check_link, pin
from aidge_async.errors import DownloadError

BUCKET = "http://bucket.oss-cn-hangzhou.aliyuncs.com/a.png?Signature=made-up"


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Answer for the name service: the addresses by name."""
    known: dict[str, list[str]] = {}

    async def look_up(host: str, port: int, **_: Any) -> list[Any]:
        if host not in known:
            raise socket.gaierror(-2, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in known[host]]

    monkeypatch.setattr(anyio, "getaddrinfo", look_up)
    return known


@pytest.mark.parametrize(
    "url",
    [
        BUCKET, "https://anything.example/a.png", "HTTPS://Anything.Example:8443/a", "http://x.alicdn.com/a",
        "http://x.aidc-ai.com/a", "http://BUCKET.ALIYUNCS.COM/a", "http://bucket.aliyuncs.com./a", "https://h/bild-ä.png",
    ],
)  # fmt: skip
def test_link_that_may_be_fetched(url: str) -> None:
    """https anywhere, plain http to the vendor's storage."""
    assert check_link(url, loopback_allowed=False).geturl() == url.replace("HTTPS", "https")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://bucket.aliyuncs.com/a", "is no http"),
        ("file:///etc/passwd", "is no http"),
        ("/a.png", "is no http"),
        ("", "is no http"),
        ("https:///a", "is no http"),
        ("https://user@h/a", "is no http"),
        ("https://:p@h/a", "is no http"),
        ("https://@h/a", "is no http"),
        ("http://h/a", "is plain http outside the vendor's storage"),
        ("http://aliyuncs.com.evil.com/a", "is plain http outside the vendor's storage"),
        ("http://evilaliyuncs.com/a", "is plain http outside the vendor's storage"),
        ("http://127.0.0.1/a", "is plain http outside the vendor's storage"),
        ("https://[::1/a", "is malformed"),
        ("https://h:port/a", "is malformed"),
        ("https://h:70000/a", "is malformed"),
        ("https://h/\0", "is malformed"),
        ("https://h\n/a", "is malformed"),
        ("https://h/\udcff", "is malformed"),
    ],
)
def test_link_that_may_not_be_fetched(url: str, words: str) -> None:
    """The message shows no query."""
    with pytest.raises(DownloadError, match=words):
        check_link(url, loopback_allowed=False)


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:8080", "[::1]:8080"])
def test_link_to_this_machine_needs_a_sandbox_here(host: str) -> None:
    """Allowed where the gateway itself is on loopback, and only there."""
    assert check_link(f"http://{host}/a", loopback_allowed=True).netloc == host
    with pytest.raises(DownloadError, match="is plain http outside"):
        check_link(f"http://{host}/a", loopback_allowed=False)


@given(st.text(st.characters(), max_size=60) | st.text(max_size=40).map("https://".__add__))
def test_checking_a_link_raises_nothing_foreign(url: str) -> None:
    """Parts, or an error of ours that shows no query."""
    try:
        parts = check_link(url, loopback_allowed=False)
    except DownloadError as exc:
        assert "?" not in str(exc)  # noqa: PT017  either way is right; here what is raised is looked at
    else:
        assert parts.scheme in {"http", "https"}


async def test_name_is_looked_up_once_and_its_address_connected_to(names: dict[str, list[str]]) -> None:
    """`Host` and TLS keep the name."""
    names["bucket.oss-cn-hangzhou.aliyuncs.com"] = ["118.31.219.1"]
    target = await pin(BUCKET, loopback_allowed=False)
    assert target.url == "http://118.31.219.1:80/a.png?Signature=made-up"
    assert (target.host, target.server_name) == ("bucket.oss-cn-hangzhou.aliyuncs.com",) * 2
    assert "made-up" not in repr(target)


async def test_port_and_ipv6_are_kept(names: dict[str, list[str]]) -> None:
    """The port of the link, the address in brackets."""
    names["h.example"] = ["2400:3200::1"]
    target = await pin("https://h.example:8443/a", loopback_allowed=False)
    assert (target.url, target.host) == ("https://[2400:3200::1]:8443/a", "h.example:8443")


INSIDE = [
    "127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0", "255.255.255.255", "224.0.0.1", "239.1.1.1", "192.0.2.1", "198.18.0.1", "240.0.0.1", "::1", "::",
    "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "::ffff:169.254.169.254", "64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "2002:7f00:1::", "2002:a00:1::1",
    "nonsense", "",
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
async def test_address_inside_is_refused(names: dict[str, list[str]], address: str) -> None:
    """Private, link-local, shared, documentation and multicast ones, mapped, tunnelled and translated ones too."""
    names["rebound.example"] = [address]
    with pytest.raises(
        DownloadError, match=r"^'https://rebound\.example/a' leads to .+, inside a network; it is not fetch"
    ):
        await pin("https://rebound.example/a?Signature=made-up", loopback_allowed=False)


@pytest.mark.parametrize("address", ["8.8.8.8", "118.31.219.1", "2400:3200::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"])
async def test_address_outside_is_taken(names: dict[str, list[str]], address: str) -> None:
    """Also where a network without IPv4 translates."""
    names["h.example"] = [address]
    target = await pin("https://h.example/a", loopback_allowed=False)
    shown = target.url.removeprefix("https://").removesuffix(":443/a").strip("[]")
    assert ipaddress.ip_address(shown) == ipaddress.ip_address(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
async def test_sandbox_opens_loopback_and_no_other_address_inside(names: dict[str, list[str]], address: str) -> None:
    """A developer's machine has more to hide than its sandbox."""
    names["here.example"] = [address]
    names["router.example"] = ["192.168.1.1"]
    assert (await pin("https://here.example/a", loopback_allowed=True)).host == "here.example"
    with pytest.raises(DownloadError, match=r"leads to 192\.168\.1\.1, inside"):
        await pin("https://router.example/a", loopback_allowed=True)


async def test_first_address_decides(names: dict[str, list[str]]) -> None:
    """It is the one that is connected to; a public second one does not help."""
    names["mixed.example"] = ["10.0.0.1", "8.8.8.8"]
    with pytest.raises(DownloadError, match=r"leads to 10\.0\.0\.1"):
        await pin("https://mixed.example/a", loopback_allowed=False)


async def test_name_that_stands_for_nothing_is_refused(names: dict[str, list[str]]) -> None:
    """Unknown, or known without an address."""
    names["empty.example"] = []
    with pytest.raises(DownloadError, match="leads to nowhere"):
        await pin("https://empty.example/a", loopback_allowed=False)
    with pytest.raises(
        DownloadError, match=r"^the host of 'https://unknown\.example/a' is not known \(.*\); check the net"
    ):
        await pin("https://unknown.example/a?Signature=made-up", loopback_allowed=False)


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "[::ffff:7f00:1]", "[::]"])
async def test_odd_spellings_of_loopback_are_refused(host: str) -> None:
    """As the system's own resolver reads them, without a name service."""
    with pytest.raises(DownloadError, match=r"inside a network|is not known"):
        await pin(f"https://{host}/a", loopback_allowed=False)


@pytest.mark.parametrize("host", ["x" * 64 + ".example", ".example", "a..example", "xn--\u00fc.example"])
async def test_name_that_cannot_be_asked_for_is_refused(host: str) -> None:
    """The resolver's own errors do not come out."""
    with pytest.raises(DownloadError, match=r"is not known|leads to"):
        await pin(f"https://{host}/a", loopback_allowed=False)


def test_module_names_the_vendors_storage_with_its_dot() -> None:
    """Without the dot, any name that ends alike would be the vendor's."""
    assert all(name.startswith(".") for name in addresses._PLAIN_HTTP_HOSTS)
