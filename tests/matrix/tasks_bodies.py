"""
Bodies for the tasks app that weigh too much, cannot be read, or are large in memory only, as R16 sends them.

Who asks for what is the row's matter.
"""

import gzip
import itertools
import json
import zlib
from collections.abc import Iterator
from typing import Final

from tests.core.test_image import picture
from tests.matrix.tasks_target import ANNA, TasksApp

GIGABYTE: Final = 1_000_000_000
FORM: Final = {"Content-Type": "multipart/form-data; boundary=b"}
JSON: Final = {"Content-Type": "application/json"}
POST: Final = ("POST", "/tasks")
LOOK: Final = {"model": "universal_model_1", "image_url": "https://e.example/look.jpg"}


def part(disposition: bytes, content: bytes = b"x") -> bytes:
    """Return one part of a form."""
    return b"--b\r\nContent-Disposition: form-data; " + disposition + b"\r\n\r\n" + content + b"\r\n"


def chunks(first: bytes) -> Iterator[bytes]:
    """Yield a chunked body without end, 64 KB a piece."""
    for piece in itertools.chain([first], itertools.repeat(b"x" * 65_536)):
        yield b"%x\r\n%s\r\n" % (len(piece), piece)


def heavy_bodies(on: TasksApp) -> None:
    """A body that is too heavy is refused at its head, or at its limit where it tells no length."""
    begun = part(b'name="image"; filename="a"')[:-2]
    for kind, first in ((FORM, begun), (JSON, b'{"model": "')):
        for by, status in ((ANNA, 413), ({}, 401)):
            announced = on.poured("/tasks", {**kind, "Content-Length": str(GIGABYTE)}, iter([first]), by)
            on.must("1 GB announced", (announced.status, announced.is_problem), (status, True))
        endless = on.poured("/tasks", {**kind, "Transfer-Encoding": "chunked"}, _bounded(chunks(first)), ANNA)
        on.must("endless, chunked", (endless.status, endless.is_problem), (413, True))
    evil = {**FORM, "Content-Length": str(GIGABYTE), "Origin": "https://evil.example"}
    on.must("1 GB from a foreign page", on.poured("/tasks", evil, iter([begun]), ANNA).status, 403)
    packed = gzip.compress(b" " * 100_000_000, 1)
    on.refused("gzip of 100 MB", 415, POST, packed, {**JSON, "Content-Encoding": "gzip"})


def _bounded(pieces: Iterator[bytes]) -> Iterator[bytes]:
    return itertools.islice(pieces, GIGABYTE // 65_536)


def odd_forms(on: TasksApp) -> None:
    """A form of ten thousand parts, of header lines alone, or in an odd codec is refused before it costs anything."""
    image = part(b'name="image"; filename="a"')
    table = {
        "10,000 fields": (part(b'name="a"') * 10_000, 400),
        "10,000 files": (image * 10_000, 400),
        "nine fields": (part(b'name="a"') * 9, 400),
        "a field of 100 KB": (part(b'name="model"', b"x" * 100_000), 400),
        "a field twice": (image + part(b'name="model"') * 2, 422),
        "a field of no name": (image + part(b"x=y"), 400),
        "a name of 300 KB": (part(b'name="' + b"a" * 300_000 + b'"'), 400),
        "100,000 header lines": (b"--b\r\n" + b"a: b\r\n" * 100_000 + b"\r\nx\r\n", 400),
        "100,000 parameters": (part(b'name="image"; ' + b'a="b"; ' * 100_000), 400),
        "line ends alone": (b"\r\n" * 1_000_000, 422),
        "a file in place of text": (image + part(b'name="model"; filename="m"'), 400),
        "text in place of a file": (part(b'name="image"', b"/etc/passwd"), 422),
        "cut off": (image[:-4], 400),
    }
    for name, (content, status) in table.items():
        on.refused(name, status, POST, content + b"--b--\r\n", FORM)
    for kind in ("multipart/form-data", "multipart/form-data; boundary=" + "b" * 5000, "multipart/mixed; boundary=b"):
        on.refused(kind[:40], 415 if "mixed" in kind else 400, POST, image, {"Content-Type": kind})
    for charset in ("undefined", "punycode", "idna", "utf-16", "x" * 5000):
        on.refused(
            f"codec {charset[:9]}", 415, POST, image, {"Content-Type": f"{FORM['Content-Type']}; charset={charset}"}
        )


def odd_json(on: TasksApp) -> None:
    """JSON that is too deep, no JSON, or of wrong types is refused, and a value is named by its field."""
    for depth in (900, 10_000, 30_000):
        for opening, closing in (("[", "]"), ('{"a":', "}")):
            text = opening * depth + ("1" if closing == "}" else "") + closing * depth
            content = json.dumps(LOOK)[:-1].encode() + b', "count": ' + text.encode() + b"}"
            heard, right = on.ask(*POST, content, JSON), (413,) if len(content) > 65_536 else (400, 422)
            on.must(f"{depth} levels of {opening}", (heard.status, heard.is_problem), *((each, True) for each in right))
    for value in ("NaN", "-Infinity", "1e400", "true", "[]", "{}", '"2"', "1.0", "9" * 4000):
        for field in ("count", "dimension"):
            heard = on.ask(*POST, f'{json.dumps(LOOK)[:-1]}, "{field}": {value}}}'.encode(), JSON)
            named = heard.is_problem and heard.value["errors"][0]["field"]
            on.must(f"{field} {value[:9]}", (heard.status, named), (422, field))
    for content in (
        b"",
        b"{",
        b"\xff",
        b'{"a": "\xff"}',
        b"9" * 5000,
        b"[" * 60_000,
        b'{"count":' + b"9" * 5000 + b"}",
    ):
        on.refused(f"no JSON {content[:9]!r}", 400, POST, content, JSON)
    for content in (b"[]", b"null", b'"x"', b"NaN", b'{"folder": "/etc"}', b'{"image_url": 5}', b'{"image_url": null}'):
        on.refused(f"wrong JSON {content[:20]!r}", 422, POST, content, JSON)
    links = ("file:///etc/passwd", "/etc/passwd", "ftp://e.example/?sign=AB&Signature=x", "https:///?sign=AB")
    for link in links:
        on.refused(f"link {link[:9]}", 422, POST, json.dumps({**LOOK, "image_url": link}).encode(), JSON)


def bombs(on: TasksApp) -> None:
    """A picture that is large in memory is judged by its head."""
    packed = zlib.compress(bytes(200_000_000), 9)
    for kind in (b"zTXt", b"iCCP"):
        on.must(f"200 MB of {kind!r}", on.buy(_with_chunk(picture("PNG"), kind, b"a\0\0" + packed)).status, 202)
    for side in (30_000, 60_000, 2**31 - 1):
        content = _with_size(picture("PNG"), side)
        heard = on.buy(content)
        on.must(f"{side} px", (heard.status, heard.is_problem), (422, True))
    for content in (
        b"",
        b"\0" * 1000,
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a" + bytes(20),
        b"<svg onload='x'/>",
        b"BM" + bytes(9),
    ):
        heard = on.buy(content)
        on.must(f"no picture {content[:9]!r}", (heard.status, heard.is_problem), (422, True))


def _with_chunk(content: bytes, kind: bytes, inside: bytes) -> bytes:
    chunk = len(inside).to_bytes(4, "big") + kind + inside + zlib.crc32(kind + inside).to_bytes(4, "big")
    return content[:33] + chunk + content[33:]


def _with_size(content: bytes, side: int) -> bytes:
    head = b"IHDR" + side.to_bytes(4, "big") * 2 + content[24:29]
    return content[:12] + head + zlib.crc32(head).to_bytes(4, "big") + content[33:]
