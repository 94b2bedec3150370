"""
`aidge-async demo`: the whole way on this machine, from photographs to pictures, with no account and at no price.

The client is the real one and talks to the sandbox over a socket. Nothing is generated, and every output says so.
"""

import itertools
import sys
import time
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import Parameter

from aidge_async import AidgeClient, Polling
from aidge_async._options import ClientOptions
from aidge_async.cli.errands import Wishes
from aidge_async.cli.exits import Exit, UsageError
from aidge_async.cli.extras import needs_sandbox
from aidge_async.cli.jobs import make_jobs, read_images
from aidge_async.cli.options import Report, prepare_folder
from aidge_async.cli.output import counted
from aidge_async.cli.shop import Shop
from aidge_async.sandbox import SandboxError, SandboxSettings

_REPORT: Final = Report()
_FOLDER: Final = Path("aidge-demo")
_NOTICE: Final = "Sandbox: nothing was generated, nothing was paid."

# Six requests that differ in what the gateway offers: 13 pictures. More images than six begin again at the first.
_ASKED: Final[tuple[dict[str, Any], ...]] = (
    {"model": "universal_model_1", "background": "beach", "count": 2},
    {"model": "universal_model_2", "background": "European_street", "gender": "FEMALE", "count": 2, "dimension": 640},
    {"model": "universal_model_3", "count": 2},
    {"model": "universal_model_4", "background": "studio", "age": "YOUTH", "count": 2, "dimension": 600},
    {"model": "universal_model_2", "background": "room", "count": 3, "dimension": 720},
    {"model": "universal_model_3", "keep_background": True, "age": "OLD_AGE", "count": 2, "dimension": 640},
)

# Tasks of some 5 s, alike enough that the demo ends soon and unlike enough that they end one by one.
_SETTINGS: Final = SandboxSettings(duration=5.0, spread=0.15)
_POLL: Final = Polling.every(1)


def demo(
    *,
    images: Annotated[
        list[str] | None,
        Parameter(consume_multiple=True, negative=(), help="Photographs of yours instead of the six that are drawn."),
    ] = None,
    out: Annotated[Path, Parameter(name="--out", help="Folder for pictures and sheet; made if need be.")] = _FOLDER,
    report: Annotated[Report, Parameter(name="*")] = _REPORT,
) -> Exit:
    """
    Show the whole way on this machine: no account, nothing generated, nothing paid.

    Six photographs are drawn and go through the real client to a sandbox, which draws at least twelve pictures. They
    are saved with an HTML sheet, before and after side by side. It takes less than a minute.
    """
    with needs_sandbox():
        from aidge_async.cli.photos import save_samples
        from aidge_async.sandbox.server import running_sandbox
    prepare_folder(out)
    if sys.stderr.isatty() and not images:
        _say("Drawing six photographs.")
    read = read_images(images) if images else list[Path | str](save_samples(out / "photographs"))
    jobs = make_jobs(read, list(itertools.islice(itertools.cycle(_ASKED), len(read))))
    shop = Shop(jobs=jobs, wishes=Wishes(folder=out, deadline=None, resumable=False), as_json=report.json)
    began = time.monotonic()
    try:
        with running_sandbox(_SETTINGS) as running:
            _say(f"Sandbox at {running.url}: nothing is generated, nothing is paid.")
            options = ClientOptions(base_url=running.url, polling=_POLL, observers=shop.observers)
            shop.buy(AidgeClient(running.key_name, running.key_secret, **options))
    except SandboxError as exc:
        raise UsageError(str(exc)) from None
    took = time.monotonic() - began
    sheet = shop.write_sheet(out, title="Aidge demo: before and after", notice=_NOTICE)
    pictures = sum(len(row.pictures) for row in shop.rows)
    of = f"{counted(pictures, 'picture')} of {counted(len(jobs), 'photograph')} in {took:.0f} s"
    _say(f"{of}; nothing was generated, nothing was paid.")
    _say(f"Look at them in a browser: {sheet.resolve().as_uri()}")
    return shop.desk.exit_code


def _say(text: str) -> None:
    print(text, file=sys.stderr)
