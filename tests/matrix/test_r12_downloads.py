"""R12: downloads from links that lead elsewhere, answers that are wrong or torn, and disks that are full."""

import itertools
import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import anyio
import pytest

from aidge_async import DownloadError, Limits, Polling
from aidge_async._core.pictures import GeneratedImages
from aidge_async._io.fetch import MOST_PICTURE_BYTES
from aidge_async.sandbox import SandboxSettings
from aidge_async.testing import SocketSandbox
from tests.io.loopback import answer, raw_server
from tests.io.storage import OTHER, PICTURE, Storage, downloader, files, result
from tests.io.test_addresses import INSIDE
from tests.io.test_download_links import redirect
from tests.matrix.links import ANSWERS, REDIRECTS, Bad, names_inside, pour, room, stood_in_for
from tests.matrix.scoring import Score
from tests.matrix.wire import LOOPS
from tests.support import URL_REQUEST

STORAGE: Final = "118.31.219.1"  # an address outside, never connected to


async def saved(
    folder: Path, wanted: GeneratedImages, fresh: Callable[[], GeneratedImages], *, sandbox: bool = True
) -> tuple[str, int]:
    """Save; return what came of it, or the error, and how often a fresh link was asked for."""
    asked = 0

    async def refresh() -> GeneratedImages:
        nonlocal asked
        asked += 1
        return fresh()

    async with downloader(loopback_allowed=sandbox) as opened:
        try:
            paths = await opened.save(wanted, folder, refresh)
        except DownloadError as exc:
            return f"refused: {exc}", asked
        except BaseException as exc:  # noqa: BLE001  the row is about exactly these
            return f"foreign: {type(exc).__name__}: {exc}", asked
    return ", ".join(path.name for path in paths), asked


def tried(bad: Bad, folder: Path, loop: str) -> str:
    """Let a link answer so for ever, then once only; return what is wrong with what came of it, or nothing."""
    storage = Storage()
    storage.answers = {"/a.png": bad.given, "/good.png": answer(content=PICTURE)}
    with raw_server(storage) as storage.server:
        wanted = result(storage.link("/a.png"))
        refused, asked = anyio.run(saved, folder, wanted, partial(_same, wanted), backend=loop)
        left = files(folder)
        mended, again = anyio.run(saved, folder, wanted, lambda: result(storage.link("/good.png")), backend=loop)
    if not refused.startswith("refused: ") or not re.search(bad.says, refused):
        return f"{bad.name}: {refused}"
    if left or (asked, again) != (bad.asks, bad.asks):
        return f"{bad.name}: {left or f'{asked} and {again} fresh links'}"
    whole = mended == "look-01234567-1.png" and files(folder) == {mended: PICTURE}
    return "" if whole else f"{bad.name}: {mended} after a fresh link"


def test_R12_downloads(score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused, capped, asked for a fresh link once, begun again; no half file, nothing overwritten."""
    with names_inside(monkeypatch, ["10.0.0.1"]):
        wrong = [
            said
            for loop, (number, bad) in itertools.product(LOOPS, enumerate([*REDIRECTS, *ANSWERS]))
            if (said := tried(bad, _made(tmp_path / loop / str(number)), loop))
        ]
    score(
        f"{len(REDIRECTS) + len(ANSWERS)} bad redirects and answers, for ever and once",
        wrong or 0,
        "0 wrong",
        not wrong,
    )
    for loop in LOOPS:
        _home(score, tmp_path / f"home-{loop}", loop, monkeypatch)
        _inside(score, tmp_path / f"inside-{loop}", loop, monkeypatch)
        _endless(score, _made(tmp_path / f"endless-{loop}"), loop)
        _full(score, _made(tmp_path / f"full-{loop}"), loop)
        _in_the_way(score, _made(tmp_path / f"taken-{loop}"), loop)
        anyio.run(_public, score, tmp_path / f"public-{loop}", loop, backend=loop)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _inside(score: Score, folder: Path, loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every address inside, by the name of a link, where no sandbox is: loopback is inside too."""
    came: list[str] = []
    with names_inside(monkeypatch, INSIDE):
        for number in range(len(INSIDE)):
            wanted = result(f"https://h{number}.example/a")
            story = partial(saved, _made(folder / str(number)), wanted, partial(_same, wanted), sandbox=False)
            came.append(anyio.run(story, backend=loop)[0])
    refused = [said for said in came if said.startswith("refused") and "inside a network; it is not fetched" in said]
    score(f"names for {len(INSIDE)} addresses inside, {loop}", f"{len(refused)} refused", "all", refused == came)


def _same(wanted: GeneratedImages) -> GeneratedImages:
    return wanted


def _home(score: Score, folder: Path, loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A redirect from the vendor's storage to this machine: nobody is connected to."""
    storage, home = Storage(), Storage()
    with raw_server(storage) as storage.server, raw_server(home) as home.server:
        targets = [f"http://127.0.0.1:{home.server.port}/", f"https://localhost:{home.server.port}/", "http://[::1]/"]
        for number, target in enumerate(targets):
            storage.answers[f"/{number}"] = redirect(target)
        with (
            names_inside(monkeypatch, ["118.31.219.1"]),
            stood_in_for("118.31.219.1", storage.server.port, monkeypatch),
        ):
            came = []
            for number in range(len(targets)):
                wanted = result(f"http://bucket.aliyuncs.com/{number}")
                story = partial(saved, _made(folder / str(number)), wanted, partial(_same, wanted), sandbox=False)
                came.append(anyio.run(story, backend=loop)[0])
        held = len(storage.asked) == 2 * len(targets) and not home.server.connections
    refused = [said for said in came if said.startswith("refused") and said.endswith("it is not fetched")]
    tried = f"{len(targets)} redirects from the storage to loopback, {loop}"
    score(tried, f"{len(refused)} refused, {home.server.connections} connections", "3, 0", held and refused == came)


def _endless(score: Score, folder: Path, loop: str) -> None:
    """5 GB are not read on; neither is their memory held."""
    sent: list[int] = []
    with raw_server(pour(sent)) as server:
        wanted = result(f"{server.url}/a.png")
        said, asked = anyio.run(saved, folder, wanted, partial(_same, wanted), backend=loop)
    most = max(sent)
    capped = said.endswith("is over 67,108,864 bytes; it is not read on") and asked == 1 and not files(folder)
    bar = f"{MOST_PICTURE_BYTES / 1e6:.0f} MB and 8 MB of buffers"
    held = capped and most <= MOST_PICTURE_BYTES + 8_000_000
    score(f"5 GB announced and sent, {loop}", f"{most / 1e6:.0f} MB taken" if capped else said, bar, held)


def _full(score: Score, folder: Path, loop: str) -> None:
    """The kernel refuses to write on; then there is room, and saving again succeeds."""
    storage = Storage()
    storage.answers["/a.png"] = answer(content=PICTURE + bytes(3_000_000))
    with raw_server(storage) as storage.server:
        wanted = result(storage.link("/a.png"))
        came = []
        for size_bytes in (1, 4096, 100_000, 1_500_000, 2_999_999):
            with room(size_bytes):
                came.append(anyio.run(saved, folder, wanted, partial(_same, wanted), backend=loop))
        left = files(folder)
        mended, _ = anyio.run(saved, folder, wanted, partial(_same, wanted), backend=loop)
    wrong = [said for said, asked in came if "make room and save the result again" not in said or asked]
    good = not wrong and not left and list(files(folder)) == [mended]
    score(f"disk full at 5 sizes, {loop}", wrong or left or "refused, nothing left, saved later", "so", good)


def _in_the_way(score: Score, folder: Path, loop: str) -> None:
    """Files, folders and links of others under the name stay as they are."""
    storage = Storage()
    storage.answers["/a.png"] = answer(content=PICTURE)
    (folder / "file-01234567-1.png").write_bytes(OTHER)
    (folder / "folder-01234567-1.png").mkdir()
    (folder / "nowhere-01234567-1.png").symlink_to(folder / "nobody")
    (folder / "link-01234567-1.png").symlink_to(folder / "file-01234567-1.png")
    with raw_server(storage) as storage.server:
        for name in ("file", "folder", "nowhere", "link"):
            wanted = result(storage.link("/a.png"), name=name)
            anyio.run(saved, folder, wanted, partial(_same, wanted), backend=loop)
    kept = (folder / "file-01234567-1.png").read_bytes() == OTHER and not (folder / "nobody").exists()
    beside = len([path for path in folder.glob("*~*.png") if path.read_bytes() == PICTURE])
    score(
        f"4 names taken, {loop}",
        f"{beside} saved beside, others' {'kept' if kept else 'CHANGED'}",
        "4, kept",
        kept and beside == 4,
    )


async def _public(score: Score, folder: Path, loop: str) -> None:
    """The same at the public face, where the fresh link is the gateway's: a link expires, an answer is cut."""
    kinds: list[dict[str, Any]] = [
        {"kind": "expired_link"},
        {"kind": "truncated"},
        {"kind": "wrong_length"},
        {"kind": "html"},
        {"kind": "accept_then_drop"},
        {"kind": "reset_at", "at": 5000},
        {"kind": "redirect", "location": "https://169.254.169.254/"},
    ]
    free = Limits(submit_rate=None, query_rate=None)
    with SocketSandbox.run(SandboxSettings(duration=0, spread=0)) as sandbox:
        async with sandbox.client(limits=free, polling=Polling.every(1)) as aidge:
            bought = await aidge.run(URL_REQUEST)
            whole = [path.read_bytes() for path in await aidge.save(bought, folder / "whole")]
            wrong = []
            for number, kind in enumerate(kinds):
                sandbox.clear_faults()
                sandbox.fault("object", next=1, **kind)
                before = sandbox.statistics()["received"]["query"]
                paths = await aidge.save(bought, folder / str(number))
                asked = sandbox.statistics()["received"]["query"] - before
                if asked != 1 or [path.read_bytes() for path in paths] != whole or _parts(folder):
                    wrong.append((kind, asked))
    score(f"{len(kinds)} faults of a real link, once each, {loop}", wrong or "saved after 1 query", "so", not wrong)


def _parts(folder: Path) -> list[Path]:
    return [Path(root) / name for root, _, names in os.walk(folder) for name in names if name.endswith(".part")]
