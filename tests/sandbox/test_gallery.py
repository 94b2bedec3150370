"""Result links and the object store behind them."""

import base64
import io
from urllib.parse import parse_qsl, urlencode, urlsplit
from xml.etree import ElementTree as ET

import anyio
import pytest
from PIL import Image

from aidge_async.sandbox import gallery
from aidge_async.sandbox.commission import Commission
from tests.sandbox.by_hand import Bench, bench, element, photo

pytestmark = pytest.mark.anyio


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[Commission]:
    """Draw grey noise instead of pictures, for tests of links alone; tell what was drawn."""
    drawn: list[Commission] = []

    def draw(ordered: Commission, _: bytes | None) -> tuple[bytes, ...]:
        drawn.append(ordered)
        return tuple(bytes([number]) * 3000 for number in range(ordered.count))

    monkeypatch.setattr(gallery, "draw", draw)
    return drawn


async def finished(given: Bench, **changes: object) -> list[dict[str, object]]:
    """Return the results of a task that is done."""
    task_id = await given.submitted(element(**{"count": 1, "dimension": 512, **changes}))
    given.clock.advance(1)
    return list((await given.query(task_id))["data"]["taskResult"])


async def link(given: Bench) -> str:
    """Return the link to one drawn picture."""
    return str((await finished(given))[0]["url"])


def altered(url: str, **changes: str | None) -> str:
    """Return *url* with parts of its query changed; `None` leaves one out."""
    query = {**dict(parse_qsl(urlsplit(url).query)), **changes}
    return urlsplit(url)._replace(query=urlencode({n: v for n, v in query.items() if v is not None})).geturl()


async def test_links_lead_to_pictures_of_the_told_size(plain: Bench) -> None:
    """Every link gives a JPEG whose size is that of the answer, on the origin by which the caller came."""
    results = await finished(plain, count=2)
    assert len(results) == 2
    for result in results:
        assert str(result["url"]).startswith("http://sandbox.test/_sandbox/objects/")
        response = await plain.http.get(str(result["url"]))
        assert response.headers["content-type"] == "image/jpeg"
        assert Image.open(io.BytesIO(response.content)).size == (result["width"], result["height"]) == (512, 683)


async def test_transparent_sources_give_png(plain: Bench) -> None:
    """A source with an alpha channel gives PNG, and the link says so."""
    content = io.BytesIO()
    Image.new("RGBA", (600, 600), (200, 30, 30, 128)).save(content, "PNG")
    (result,) = await finished(plain, imageBase64=base64.b64encode(content.getvalue()).decode())
    assert ".png?" in str(result["url"])
    response = await plain.http.get(str(result["url"]))
    assert response.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(response.content)).mode == "RGBA"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Signature": "AAAA"}, "SignatureDoesNotMatch"),
        ({"Signature": "é"}, "SignatureDoesNotMatch"),
        ({"Expires": "1799999999"}, "SignatureDoesNotMatch"),
        ({"Expires": "soon"}, "AccessDenied"),
        ({"Signature": None}, "AccessDenied"),
        ({"OSSAccessKeyId": "LTAI-somebody-else"}, "InvalidAccessKeyId"),
    ],
)
@pytest.mark.usefixtures("quick")
async def test_altered_links_are_refused_in_xml(plain: Bench, changes: dict[str, str | None], code: str) -> None:
    """A link is valid as it was given, and the store's refusal is XML."""
    response = await plain.http.get(altered(await link(plain), **changes))
    assert (response.status_code, response.headers["content-type"]) == (403, "application/xml")
    root = ET.fromstring(response.text)
    assert (root.tag, root.findtext("Code")) == ("Error", code)


@pytest.mark.usefixtures("quick")
async def test_links_expire(plain: Bench) -> None:
    """A link is valid for its lifetime; a new query gives a new one."""
    url = await link(plain)
    plain.clock.advance(3600)
    assert (await plain.http.get(url)).status_code == 200
    plain.clock.advance(1)
    response = await plain.http.get(url)
    assert (response.status_code, "Request has expired." in response.text) == (403, True)


@pytest.mark.usefixtures("quick")
async def test_one_links_signature_opens_no_other(plain: Bench) -> None:
    """The signature covers the name of the object."""
    first, second = (str(result["url"]) for result in await finished(plain, count=2))
    exchanged = urlsplit(first)._replace(query=urlsplit(second).query).geturl()
    assert (await plain.http.get(exchanged)).status_code == 403


@pytest.mark.usefixtures("quick")
async def test_forgotten_tasks_have_no_pictures(plain: Bench) -> None:
    """After a reset a link is still signed, and leads nowhere."""
    url = await link(plain)
    await plain.control("reset", {})
    response = await plain.http.get(url)
    assert (response.status_code, "NoSuchKey" in response.text) == (404, True)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("bytes=0-9", (0, 10)),
        ("bytes=100-", (100, None)),
        ("bytes=-7", (-7, None)),
        ("bytes=5-99999999", (5, None)),
        ("bytes=-99999999", (0, None)),
    ],
)
@pytest.mark.usefixtures("quick")
async def test_ranges_give_that_part(plain: Bench, asked: str, expected: tuple[int, int | None]) -> None:
    """A byte range gives 206, exactly those bytes, and where they lie."""
    url = await link(plain)
    whole = (await plain.http.get(url)).content
    part = await plain.http.get(url, headers={"range": asked})
    assert part.status_code == 206
    assert part.content == whole[slice(*expected)]
    assert int(part.headers["content-length"]) == len(part.content)
    first = len(whole) - len(part.content) if expected[1] is None else expected[0]
    assert part.headers["content-range"] == f"bytes {first}-{first + len(part.content) - 1}/{len(whole)}"


@pytest.mark.parametrize("asked", ["bytes=0-1,4-5", "bytes=9-1", "bytes=-", "lines=1-2", "bytes=a-b"])
@pytest.mark.usefixtures("quick")
async def test_ranges_that_are_not_understood_are_ignored(plain: Bench, asked: str) -> None:
    """Several ranges and nonsense give the whole."""
    assert (await plain.http.get(await link(plain), headers={"range": asked})).status_code == 200


@pytest.mark.usefixtures("quick")
async def test_range_behind_the_end_is_not_satisfiable(plain: Bench) -> None:
    """A range outside is answered with 416 and the size."""
    url = await link(plain)
    size = len((await plain.http.get(url)).content)
    for asked in (f"bytes={size}-", "bytes=-0"):
        response = await plain.http.get(url, headers={"range": asked})
        assert (response.status_code, response.headers["content-range"]) == (416, f"bytes */{size}")


@pytest.mark.usefixtures("quick")
async def test_etag_guards_ranges_and_copies(plain: Bench) -> None:
    """A stale If-Range gives the whole, a matching If-None-Match nothing."""
    url = await link(plain)
    etag = (await plain.http.get(url)).headers["etag"]
    assert (await plain.http.get(url, headers={"range": "bytes=0-0", "if-range": etag})).status_code == 206
    assert (await plain.http.get(url, headers={"range": "bytes=0-0", "if-range": '"old"'})).status_code == 200
    assert (await plain.http.get(url, headers={"if-none-match": etag})).status_code == 304


@pytest.mark.usefixtures("quick")
async def test_head_tells_the_size_alone(plain: Bench) -> None:
    """HEAD gives the fields of GET and no content."""
    url = await link(plain)
    head, whole = await plain.http.head(url), await plain.http.get(url)
    assert head.content == b""
    assert head.headers["content-length"] == str(len(whole.content))
    assert head.headers["etag"] == whole.headers["etag"]


@pytest.mark.usefixtures("quick")
async def test_a_task_has_as_many_pictures_as_it_counts(plain: Bench) -> None:
    """A rightly signed link to a picture beyond the count, or of another format, leads nowhere."""
    name = urlsplit(await link(plain)).path.removeprefix("/_sandbox/objects/")
    links = gallery.Gallery(plain.world)._links()
    for other in (name.replace("/1.", "/2."), name.replace(".jpg", ".png"), name.partition("/")[0]):
        path = links.path(other, now=plain.clock.wall())
        assert (await plain.http.get(path)).status_code == 404


async def test_nothing_is_drawn_before_it_is_looked_at(plain: Bench, quick: list[Commission]) -> None:
    """Submit and query draw nothing; a task is drawn once, however often its pictures are fetched."""
    results = await finished(plain, count=2)
    assert quick == []
    for result in results * 2:
        await plain.http.get(str(result["url"]))
    assert len(quick) == 1


async def test_simultaneous_downloads_draw_once(plain: Bench, quick: list[Commission]) -> None:
    """Who comes while a picture is being drawn waits for that drawing."""
    urls = [str(result["url"]) for result in await finished(plain, count=4)]
    async with anyio.create_task_group() as tasks:
        for url in urls * 3:
            tasks.start_soon(plain.http.get, url)
    assert len(quick) == 1


async def test_foreign_host_fields_do_not_get_into_links(plain: Bench) -> None:
    """A Host field that is none does not become part of a link."""
    task_id = await plain.submitted(element(count=1))
    plain.clock.advance(1)
    answer = await plain.query(task_id, headers={"host": 'x"><script>'})
    assert answer["data"]["taskResult"][0]["url"].startswith("http://sandbox.test/_sandbox/objects/")


async def test_source_that_had_to_give_way_becomes_a_stand_in(plain: Bench) -> None:
    """A picture is drawn in the told size even when its source is no longer there."""
    (result,) = await finished(plain)
    plain.world.sources.close()
    response = await plain.http.get(str(result["url"]))
    assert Image.open(io.BytesIO(response.content)).size == (512, 683)


@pytest.mark.slow
async def test_wide_and_turned_photographs_keep_their_aspect() -> None:
    """The short side is the dimension, upright, whatever the file's orientation."""
    given = bench()
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = base64.b64encode(photo(900, 600, exif=exif)).decode()
    wide = base64.b64encode(photo(900, 600)).decode()
    with given.world:
        for content, size in ((turned, (512, 768)), (wide, (768, 512))):
            (result,) = await finished(given, imageBase64=content)
            response = await given.http.get(str(result["url"]))
            assert (result["width"], result["height"]) == size
            assert Image.open(io.BytesIO(response.content)).size == size
