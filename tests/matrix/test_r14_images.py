"""R14: pictures of every odd kind: refused, sent with a warning event, or sent, and so it happens at the receiver."""

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import anyio
import attrs
from PIL import Image

from aidge_async import Limits, ModelAlternation, RequestError
from aidge_async._core import gateway
from aidge_async.events import Event, ImageWarned
from aidge_async.sandbox import SandboxSettings
from aidge_async.testing import SocketSandbox
from tests.core.test_image import picture, weighing
from tests.matrix.scoring import Score
from tests.matrix.wire import LOOPS
from tests.support import events_of

REFUSED, WARNED, SENT = "refused", "sent with a warning", "sent"
MEGABYTES, MEBIBYTES = 4_000_000, 4 * 1024 * 1024
_TURNED: Final = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"


@attrs.frozen
class Odd:
    """One odd picture: what it is, what must become of it, and how it is made: as bytes, or at a path."""

    name: str
    outcome: str
    make: Callable[[], bytes] | Callable[[Path], object]
    is_file: bool = False


def _moving(kind: str, **options: Any) -> bytes:
    frames = [Image.new("RGB", (600, 700), (shade, 0, 0)) for shade in (0, 99, 200)]
    buffer = io.BytesIO()
    frames[0].save(buffer, kind, save_all=True, append_images=frames[1:], **options)
    return buffer.getvalue()


def _lying_png(width: int, height: int) -> bytes:
    """Return a PNG of 600x700 whose header, with the right checksum, says otherwise."""
    content = bytearray(picture("PNG"))
    content[16:24] = struct.pack(">II", width, height)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    return bytes(content)


def _lying_jpeg(width: int, height: int) -> bytes:
    content = bytearray(picture("JPEG"))
    at = content.index(b"\xff\xc0") + 5
    content[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(content)


def _square(side: int) -> Callable[[], bytes]:
    return lambda: picture("PNG", side, side, mode="1")


def _weighs(size_bytes: int) -> Callable[[], bytes]:
    return lambda: weighing(size_bytes)


TABLE: Final = (
    Odd("a good one", SENT, lambda: picture("JPEG")),
    Odd("truncated, half of a JPEG", WARNED, lambda: picture("JPEG")[: len(picture("JPEG")) // 2]),
    Odd("truncated, half of a PNG", WARNED, lambda: picture("PNG")[: len(picture("PNG")) // 2]),
    Odd("truncated in its header", REFUSED, lambda: picture("JPEG")[:20]),
    Odd("a PNG that lies: larger than it is", SENT, lambda: _lying_png(2000, 2500)),
    Odd("a PNG that lies: far too large", REFUSED, lambda: _lying_png(60_000, 60_000)),
    Odd("a PNG that lies: nothing", REFUSED, lambda: _lying_png(0, 0)),
    Odd("a JPEG that lies: larger than it is", SENT, lambda: _lying_jpeg(2000, 2500)),
    Odd("a JPEG that lies: far too small", REFUSED, lambda: _lying_jpeg(3, 3)),
    Odd("1 px x 30,000", REFUSED, lambda: picture("PNG", 1, 30_000)),
    Odd("30,000 px x 1", REFUSED, lambda: picture("PNG", 30_000, 1)),
    Odd("animated GIF", REFUSED, lambda: _moving("GIF")),
    Odd("animated PNG", SENT, lambda: _moving("PNG")),
    Odd("animated WEBP", SENT, lambda: _moving("WEBP", lossless=True)),
    Odd("CMYK", SENT, lambda: picture("JPEG", mode="CMYK")),
    Odd("16 bit", SENT, lambda: picture("PNG", mode="I;16")),
    Odd("grey", SENT, lambda: picture("JPEG", mode="L")),
    Odd("a palette", SENT, lambda: picture("PNG", mode="P")),
    Odd("transparent", SENT, lambda: picture("PNG", mode="RGBA")),
    Odd("EXIF-rotated", SENT, lambda: picture("JPEG", 700, 900, exif=_TURNED)),
    Odd("TIFF named .jpg", REFUSED, lambda: picture("TIFF")),
    Odd("HTML named .jpg", REFUSED, lambda: b"<!doctype html><p>not found"),
    Odd("zero bytes", REFUSED, lambda: b""),
    Odd("a folder", REFUSED, Path.mkdir, is_file=True),
    Odd("a pipe", REFUSED, os.mkfifo, is_file=True),
    Odd("a device", REFUSED, lambda path: path.symlink_to(os.devnull), is_file=True),
    Odd("nothing there", REFUSED, Path.exists, is_file=True),
    *(
        Odd(f"{size:,} bytes", outcome, _weighs(size))
        for size, outcome in (
            (MEGABYTES - 1, SENT),
            (MEGABYTES, SENT),
            (MEGABYTES + 1, WARNED),
            (MEBIBYTES - 1, WARNED),
            (MEBIBYTES, WARNED),
            (MEBIBYTES + 1, REFUSED),
        )
    ),
    *(
        Odd(f"{side} px square", outcome, _square(side))
        for side, outcome in (
            (511, REFUSED),
            (512, WARNED),
            (513, SENT),
            (2999, SENT),
            (3000, WARNED),
            (3001, REFUSED),
        )
    ),
)


async def became(sandbox: SocketSandbox, image: Path | bytes) -> str:
    """Submit a picture; return what became of it, as the client tells and the receiver confirms."""
    seen: list[Event] = []
    before = _received(sandbox)
    options: Any = {"limits": Limits(submit_rate=None, query_rate=None), "observers": [seen.append]}
    async with sandbox.client(**options) as aidge:
        request = ModelAlternation(image=image, model="universal_model_1")
        try:
            with anyio.fail_after(20):
                task_id = (await aidge.submit(request)).task_id
        except RequestError:
            return REFUSED if _received(sandbox) == before else "refused after it was sent"
        except BaseException as exc:  # noqa: BLE001  the row is about exactly these
            return f"{type(exc).__name__}: {exc}"
    arrived = _received(sandbox) == before + 1 and sandbox.ledger()[-1]["task_id"] == task_id
    if not arrived:
        return "sent, and not received once"
    return WARNED if events_of(seen, ImageWarned) else SENT


def _received(sandbox: SocketSandbox) -> int:
    apis: dict[str, Any] = sandbox.statistics()["apis"]
    return int(apis.get(gateway.MODEL_ALTERNATION_SUBMIT_PATH, {"received": 0})["received"])


def test_R14_images(score: Score, tmp_path: Path) -> None:
    """Each picture, from a file and as bytes, comes to what the table lists."""
    for loop in LOOPS:
        with SocketSandbox.run(SandboxSettings(duration=3600)) as sandbox:
            wrong = [
                f"{odd.name} as {type(image).__name__}: {came} instead of {odd.outcome}"
                for number, odd in enumerate(TABLE)
                for image in _images(odd, tmp_path / f"{loop}-{number}.jpg")
                if (came := anyio.run(became, sandbox, image, backend=loop)) != odd.outcome
            ]
        counts = ", ".join(f"{sum(odd.outcome == kind for odd in TABLE)} {kind}" for kind in (REFUSED, WARNED, SENT))
        score(f"{len(TABLE)} pictures, as files and bytes, {loop}", wrong or counts, "each as listed", not wrong)


def _images(odd: Odd, path: Path) -> list[Path | bytes]:
    make: Any = odd.make
    if odd.is_file:
        make(path)
        return [path]
    content: bytes = make()
    path.write_bytes(content)
    return [path, content]
