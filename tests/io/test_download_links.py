"""Links, redirects and names of downloads: nothing is fetched from inside, nothing written outside the folder."""

from pathlib import Path

import httpx
import pytest
import respx
from hypothesis import given
from hypothesis import strategies as st

from aidge_async._io.download import safe_name
from aidge_async.errors import DownloadError
from tests.io.loopback import answer
from tests.io.storage import PICTURE, Storage, downloader, files, result, save


def redirect(to: str) -> bytes:
    """Return an answer that sends elsewhere."""
    return b"HTTP/1.1 302 Found\r\nlocation: %s\r\ncontent-length: 0\r\n\r\n" % to.encode("latin-1")


@pytest.mark.parametrize("to", ["/a.png", "a.png?Signature=made-up-2", "//{host}/a.png", "http://{host}/a.png"])
async def test_redirect_is_followed(storage: Storage, tmp_path: Path, to: str) -> None:
    """Relative and absolute ones."""
    assert storage.server is not None
    storage.answers["/from"] = redirect(to.format(host=f"127.0.0.1:{storage.server.port}"))
    assert await save(tmp_path, result(storage.link("/from"))) == ["look-01234567-1.png"]


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("https://10.0.0.1/a", r"leads to 10\.0\.0\.1, inside a network"),
        ("https://192.168.1.1:8080/a", "inside a network"),
        ("https://169.254.169.254/latest/meta-data/", "inside a network"),
        ("https://[::ffff:10.0.0.1]/a", "inside a network"),
        ("https://[fe80::1]/a", "inside a network"),
        ("https://[64:ff9b::a00:1]/a", "inside a network"),
        ("http://example.com/a", "is plain http outside the vendor's storage"),
        ("file:///etc/passwd", "is no http"),
        ("ftp://127.0.0.1/a", "is no http"),
        ("https://user:pass@127.0.0.1/a", "is no http"),
        ("http://[::1", "was not fetched"),
        ("//[1/1", "was not fetched"),
        ("//]x", "was not fetched"),
        ("//h.example/[/@//]", "plain http outside"),
        ("https://h:port/a", "was not fetched"),
        ("https://h:99999/", "was not fetched|is malformed"),
        ("https://h/\x7f", "was not fetched|is malformed"),
        ("http://a\\b.example/", "was not fetched|plain http"),
    ],
)
async def test_redirect_inside_or_elsewhere_is_refused(storage: Storage, tmp_path: Path, to: str, words: str) -> None:
    """Each step is checked as the first one was."""
    storage.answers["/from"] = redirect(to)
    with pytest.raises(DownloadError, match=words):
        await save(tmp_path, result(storage.link("/from")))
    assert files(tmp_path) == {}


@pytest.mark.parametrize(("hops", "saved"), [(5, True), (6, False)])
async def test_redirects_end(storage: Storage, tmp_path: Path, hops: int, saved: bool) -> None:
    """Five are followed; a loop is more."""
    for number in range(hops):
        storage.answers[f"/{number}"] = redirect(f"/{number + 1}")
    storage.answers[f"/{hops}"] = answer(content=PICTURE)
    if saved:
        assert await save(tmp_path, result(storage.link("/0")))
        return
    with pytest.raises(DownloadError, match=r"redirects more than 5 times; it is not fetched$"):
        await save(tmp_path, result(storage.link("/0")))
    assert len(storage.asked) == 6


async def test_link_to_this_machine_is_refused_without_a_sandbox(storage: Storage, tmp_path: Path) -> None:
    """Nothing is connected to."""
    with pytest.raises(DownloadError, match="is plain http outside the vendor's storage"):
        await save(tmp_path, result(storage.link("/a.png")), loopback_allowed=False)
    assert not storage.asked


@pytest.mark.parametrize(
    "link", ["", "nonsense", "http://[::1", "http://h/\0", "https://h/\udcff", "https://h/" + "x" * 70_000]
)
async def test_malformed_link_is_an_error_of_ours(tmp_path: Path, respx_mock: respx.MockRouter, link: str) -> None:
    """Whatever the gateway writes there; a link of 70,000 letters too."""
    with pytest.raises(DownloadError):
        await save(tmp_path, result(link), proxy="http://127.0.0.1:9")
    assert not respx_mock.calls


async def test_proxy_fetches_by_name_and_links_are_checked_by_text(
    tmp_path: Path, respx_mock: respx.MockRouter
) -> None:
    """It looks names up itself; loopback is never meant then."""
    respx_mock.get("https://storage.example/a.png").respond(200, content=PICTURE)
    names = await save(tmp_path, result("https://storage.example/a.png"), proxy="http://127.0.0.1:9")
    assert names == ["look-01234567-1.png"]
    with pytest.raises(DownloadError, match="is plain http outside"):
        await save(tmp_path, result("http://127.0.0.1:1/a.png"), proxy="http://127.0.0.1:9")


NAMES = [
    ("sku-4711/front", "sku-4711_front"), ("../../etc/passwd", "etc_passwd"), ("..", ""), (".", ""), ("", ""),
    ("/", ""),
    ("a\0b", "a_b"), ("a\nb", "a_b"), ("C:\\x", "C_x"), (".hidden", "hidden"), ("~root", "root"), ("name.", "name"),
    ("con", "_con"), ("CON.txt", "_CON.txt"), ("lpt1", "_lpt1"), ("com9.jpg", "_com9.jpg"), ("console", "console"),
    ("-rf", "rf"), ("--out=/etc", "out_etc"), ("COM\xb9", "_COM\xb9"), ("lpt\xb3.x", "_lpt\xb3.x"),
    ("连衣裙", "连衣裙"), ("👗", ""), ("a👗b", "a_b"), ("Größe 42", "Größe_42"), ("x" * 300, "x" * 100),
    ("连" * 300, "连" * 33), ('a:b*c?d"e<f>g|h', "a_b_c_d_e_f_g_h"), ("\udcff", ""), ("$(rm)", "rm"), ("a  b", "a_b"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "name"), NAMES)
async def test_names_stay_inside_the_folder(storage: Storage, tmp_path: Path, text: str, name: str) -> None:
    """Separators, dots, NUL, length, reserved names, emoji: in the folder, under a name that all platforms take."""
    assert safe_name(text) == name
    (saved,) = await save(tmp_path, result(storage.link("/a.png"), name=text, task_id="../" + text))
    assert list(files(tmp_path)) == [saved]
    assert saved.startswith(f"{name or 'aidge'}-")
    assert saved.endswith("-1.png")


@given(st.text(st.characters(), max_size=400))
def test_safe_name_is_safe_for_any_text(text: str) -> None:
    """No separator, no leading dot, no control character, at most 101 bytes."""
    name = safe_name(text)
    assert len(name.encode()) <= 101
    assert not name.startswith(".")
    assert name.isprintable()
    assert not set(name) & set('/\\:*?"<>|\0')
    assert name == Path(name).name


async def test_transport_that_made_its_answer_whole_is_read(tmp_path: Path) -> None:
    """As httpx's own for tests does: the content is there before anybody reads it."""
    made = httpx.MockTransport(lambda _: httpx.Response(200, content=PICTURE))
    assert await save(tmp_path, result("https://storage.example/a"), transport=made) == ["look-01234567-1.png"]


async def test_transport_whose_answer_is_gone_is_a_link_that_failed(tmp_path: Path) -> None:
    """Whatever httpx says of a stream that cannot be read."""

    async def closed(_: httpx.Request) -> httpx.Response:
        answer = httpx.Response(200, stream=httpx.ByteStream(PICTURE))
        await answer.aclose()
        return answer

    with pytest.raises(DownloadError, match=r"was not fetched \(StreamClosed"):
        await save(tmp_path, result("https://storage.example/a"), transport=httpx.MockTransport(closed))


async def test_downloader_that_fetched_nothing_closes(respx_mock: respx.MockRouter) -> None:
    """Its connections are made with the first picture."""
    async with downloader() as opened:
        assert opened._fetcher._client is None
    assert not respx_mock.calls
