"""R13: keys and task ids as names of files: they stay under the output folder, and each picture keeps its own."""

from pathlib import Path
from typing import Any, Final

import anyio
import attrs
import httpx

from aidge_async import Limits, Succeeded
from tests.io.storage import PICTURE
from tests.matrix.scoring import Score
from tests.matrix.wire import LOOPS
from tests.support import URL_REQUEST, ScriptedGateway, accepted, finished

_DEVICES: Final = {"con", "prn", "aux", "nul", "conin$", "conout$"} | {
    f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789\xb9\xb2\xb3"
}
NASTY: Final = (
    "..", "...", "../x", "../../etc/passwd", "/etc/passwd", "//host/share", "a/b", "a\\b", "..\\..\\x", "C:\\x",
    "C:x", "\\\\?\\C:\\x", "~root", "~", "$HOME", "%TEMP%", "`id`", "$(id)", "-rf", "--out=/etc", ".hidden", ".",
    " ", "\t", "x ", "x.", " x", "a\0b", "\0", "a\nb", "a\rb", "\x1b[31m", "\x7f", 'a:b*c?d"e<f>g|h', "a|b",
    "&#x2f;", "%2e%2e%2f", "\u2215etc", "\u2025\uff0f", "\u202egpj.x", "\u200b", "\ufeff", "\udcff", "\U0001f457",
    "\U0001f468\u200d\U0001f469", "\u8fde\u8863\u88d9", "Gr\xf6\xdfe", "Gro\u0308\xdfe", "\u0130\u0131", "x" * 300,
    "\u8fde" * 300, "../" * 100, "." * 300, "CON", "con.x", "nul.tar.gz", "AUX.", "COM1", "com9.jpg", "lpt1",
    "COM\xb9", "lpt\xb3.x", "PRN ", "CONIN$", "clock$",
)  # fmt: skip
TASK_IDS: Final = ("task-1", *NASTY[1:8], "\0" * 9, "x" * 300, "CON", "\U0001f457" * 9, "a/../../../b", "12345678")


class Counted(httpx.AsyncBaseTransport):
    """Give each who asks another picture."""

    def __init__(self) -> None:
        self.given = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer with a picture that was not given before."""
        self.given += 1
        return httpx.Response(200, content=PICTURE + b"%d" % self.given, request=request)


def faults_of(name: str) -> list[str]:
    """Return why a platform might not take this name; a second implementation, by the rules of Windows and POSIX."""
    judged = {
        "a device": name.partition(".")[0].rstrip().lower() in _DEVICES,
        "a dot or blank at its end": name[-1] in ". ",
        "hidden": name[0] in ".-~ ",
        "a letter of the shell's or of Windows'": bool(set(name) & set("<>:\"/\\|?*$`&;'")),
        "not printable": not name.isprintable(),
        "too long": len(name.encode(errors="replace")) > 255,
    }
    return [why for why, is_so in judged.items() if is_so]


async def saved(folder: Path, task_ids: tuple[str, ...]) -> tuple[list[Path], list[str], int]:
    """Buy every task id under every name, and save all into one folder; return the paths, what failed, and how many."""
    odd, paths, pictures = list[str](), list[Path](), Counted()
    options: dict[str, Any] = {"limits": Limits(submit_rate=None, query_rate=None), "download_transport": pictures}
    done = finished("task")
    done["data"]["taskResult"][0]["url"] = "https://storage.example/a.png"
    for key in NASTY:
        async with ScriptedGateway([accepted(each) for each in task_ids], [done]).client(**options) as aidge:
            for task_id in task_ids:
                try:
                    handle = await aidge.submit(URL_REQUEST)
                    await handle.status()
                    paths += await aidge.save(attrs.evolve(await handle, name=key), folder)
                except BaseException as exc:  # noqa: BLE001  the row is about exactly these
                    odd.append(f"{key!r}, {task_id!r}: {type(exc).__name__}: {exc}")
    return paths, odd, pictures.given


async def kept(folder: Path) -> list[str]:
    """The same key by key, as `submit` takes it and a batch saves it; return what is odd."""
    odd = []
    for number, key in enumerate(key for key in NASTY if key.strip()):
        pictures = Counted()
        gateway = ScriptedGateway([accepted("task-1")], [finished("task-1")])
        gateway.queries = [{**finished("t"), "data": {"taskStatus": "finished", "taskResult": ["https://s.example/a"]}}]
        async with gateway.client(download_transport=pictures) as aidge:
            handle = await aidge.submit(URL_REQUEST, key=key)
            await handle.status()
            async with aidge.batch([(key, URL_REQUEST)], save_to=folder / str(number)) as outcomes:
                odd += [f"{key!r}: {outcome}" async for outcome in outcomes if not isinstance(outcome, Succeeded)]
        odd += [] if len(gateway.posted) == 1 else [f"{key!r} was bought {len(gateway.posted)} times"]
    return odd


def oddities(folder: Path, paths: list[Path], given: int) -> list[str]:
    """Return what is odd about saved files."""
    odd = [f"{path.name!r}: {why}" for path in paths for why in faults_of(path.name)]
    odd += [f"{path} is outside" for path in paths if path.resolve().parent != folder.resolve()]
    if len(set(paths)) != len(paths) or len({path.read_bytes() for path in paths}) != given:
        odd.append(f"{given} pictures in {len(set(paths))} files")
    return odd


def test_R13_names(score: Score, tmp_path: Path, full: bool) -> None:
    """Whatever a key or a task id is: one file a picture, under the folder, under a name that every platform takes."""
    task_ids = TASK_IDS if full else TASK_IDS[::3]
    for loop in LOOPS:
        folder = tmp_path / loop / "out" / "deeper"
        paths, odd, given = anyio.run(saved, folder, task_ids, backend=loop)
        odd += oddities(folder, paths, given)
        odd += anyio.run(kept, folder / "batch", backend=loop)
        around = [
            path for path in tmp_path.rglob("*") if path.is_file() and folder not in path.parents and loop in path.parts
        ]
        tried = f"{len(NASTY)} keys with {len(task_ids)} task ids each into one folder, {loop}"
        score(tried, f"{len(paths)} files; {odd[:5] or 0} odd, {len(around)} elsewhere", "0, 0", not odd and not around)
