"""
`aidge-async batch`: buy pictures of all images in a manifest.

What is typed becomes a catalogue; looking it over is `preflight.py`'s matter, buying it `purchases.py`'s.
"""

import functools
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

import anyio
from cyclopts import Group, Parameter

from aidge_async import AidgeClient, Limits
from aidge_async.cli.batch_desk import BatchDesk
from aidge_async.cli.batch_display import BatchDisplay, lasting
from aidge_async.cli.catalogue import Catalogue
from aidge_async.cli.catalogue_sheet import write_catalogue
from aidge_async.cli.errands import Wishes, carry_out
from aidge_async.cli.exits import Exit, UsageError
from aidge_async.cli.jobs import Board
from aidge_async.cli.manifest import Format, opened_manifest
from aidge_async.cli.options import (
    REPORT,
    Account,
    Budget,
    Deadline,
    Debug,
    Journal,
    PictureDefaults,
    Poll,
    check_budget,
    check_waits,
    prepare_folder,
)
from aidge_async.cli.output import complain, counted, write_result
from aidge_async.cli.preflight import Preflight, preflight
from aidge_async.cli.purchases import Purchases
from aidge_async.cli.remembered import remembered_in
from aidge_async.cli.report import Report

Rate: TypeAlias = float | Literal["learn"] | None

_ACCOUNT: Final = Account()
_DEFAULTS: Final = PictureDefaults()
_LIMITS: Final = Limits()
JOURNAL_NAME: Final = "journal.db"
_PACE: Final = Group("Pace", sort_key=3)


def batch(
    manifest: Annotated[str, Parameter(name="MANIFEST", help="A .csv or .jsonl file, or - for stdin.")],
    /,
    *,
    out: Annotated[
        Path | None, Parameter(name="--out", help="Folder for pictures, report and sheet; made if need be.")
    ] = None,
    journal: Journal = None,
    budget: Budget = None,
    dry_run: Annotated[
        bool,
        Parameter(negative=(), show_default=False, help="Check all, say what would be bought, send nothing."),
    ] = False,
    skip_bad: Annotated[
        bool, Parameter(negative=(), show_default=False, help="Buy the good rows where others are bad.")
    ] = False,
    retry_failed: Annotated[
        bool,
        Parameter(negative=(), show_default=False, help="Buy rows again whose task failed in an earlier run."),
    ] = False,
    sheet: Annotated[bool, Parameter(help="Write an HTML sheet, before and after.")] = True,
    format: Annotated[  # noqa: A002  what it is called on the command line
        Format | None, Parameter(help="What MANIFEST is, where its name does not say it.")
    ] = None,
    picture: Annotated[PictureDefaults, Parameter(name="*")] = _DEFAULTS,
    window: Annotated[int, Parameter(group=_PACE, help="Most rows under way at once.")] = 200,
    submit_rate: Annotated[Rate, Parameter(group=_PACE, help="Submits a second, or learn.")] = _LIMITS.submit_rate,
    query_rate: Annotated[Rate, Parameter(group=_PACE, help="Queries a second, or learn.")] = _LIMITS.query_rate,
    poll: Poll = None,
    deadline: Deadline = None,
    account: Annotated[Account, Parameter(name="*")] = _ACCOUNT,
    as_json: Annotated[
        bool,
        Parameter(
            name="--json", group=REPORT, negative=(), show_default=False, help="Results as JSON, one line a row."
        ),
    ] = False,
    debug: Debug = False,  # noqa: ARG001  read by the boundary in `app.py`
) -> Exit:
    """
    Buy pictures of every image in MANIFEST, a row each.

    Columns: image (a path relative to MANIFEST, or a URL), model, gender, age, background, keep_background, count,
    dimension, and key, after which pictures are called. Others come back in the report. What a row leaves out, the
    options below say for all rows.

    All rows and images are checked before anything is sent. DIR/report.jsonl has a line for each row as it ends.

    The journal (DIR/journal.db where none is named) remembers all that is bought: the same line, typed again, goes on
    where it stopped, and buys nothing twice. Ctrl-C submits nothing more and finishes what is under way; twice leaves
    at once.
    """
    check_waits(deadline=deadline, poll=poll)
    check_budget(budget)
    picture.check()
    _check(window=window, out=out, dry_run=dry_run)
    limits = Limits(submit_rate=submit_rate, query_rate=query_rate)
    display, board = BatchDisplay(), Board([])
    file = None if out is None or dry_run else journal or out / JOURNAL_NAME
    client = account.client(
        poll=poll, observers=[display, board], limits=limits, journal=file, budget=budget, anonymous=dry_run
    )
    wishes = Wishes(folder=out, deadline=deadline, flags=account.flags(), journal=file)
    if out is not None and not dry_run:
        prepare_folder(out)
    with opened_manifest(manifest, format) as opened:
        catalogue = Catalogue(opened, picture.values())
        with display:
            found = anyio.run(functools.partial(preflight, catalogue, client, on_row=display.checked))
        _tell(found, catalogue, opened.name, refused=not skip_bad)
        if found.broken_off or (found.bad.count and not skip_bad):
            return Exit.USAGE
        if out is None or file is None:
            return _estimate(found, submit_rate, as_json=as_json)
        remembered = remembered_in(file, client.settings.holder, catalogue.chosen_keys)
        if remembered.count:
            complain(f"going on with '{file}', which remembers {counted(remembered.count, 'purchase')}")
        with Report(out) as report:
            desk = BatchDesk(report=report, display=display, as_json=as_json, wishes=wishes)
            purchases = Purchases(
                catalogue=catalogue,
                board=board,
                total=found.rows + found.bad_images,
                desk=desk,
                window=window,
                remembered=remembered,
                retry_failed=retry_failed,
            )
            _buy(client, purchases, found, report=report.path, base=opened.folder if sheet else None)
            return desk.exit_code


def _check(*, window: int, out: Path | None, dry_run: bool) -> None:
    if window < 1:
        raise UsageError(f"--window must be a whole number from 1 (got {window}); change it")
    if out is None and not dry_run:
        raise UsageError("--out is missing, or has no value; name a folder, or only look with --dry-run")


def _tell(found: Preflight, catalogue: Catalogue, name: str, *, refused: bool) -> None:
    """Say what is wrong with the manifest, and what may be."""
    for sentence in (*found.doubtful.sentences(name), *catalogue.strangers, *found.bad.sentences(name)):
        complain(sentence)
    if catalogue.repeats:
        complain(f"{counted(catalogue.repeats, 'row')} left out: each says again what a row of its key said before")
    if found.broken_off:
        complain(f"nothing behind that line of {name} was read, and nothing was sent")
    elif found.bad.count and refused:
        complain(f"nothing was sent: correct {counted(found.bad.count, 'row')}, or buy the others with --skip-bad")


def _estimate(found: Preflight, submit_rate: Rate, *, as_json: bool) -> Exit:
    """Say what would be bought."""
    seconds = found.rows / submit_rate if isinstance(submit_rate, float) else None
    if as_json:
        facts = {
            "tasks": found.rows,
            "pictures": found.pictures,
            "urls": found.urls,
            "doubtful": found.doubtful.count,
            "bad": found.bad.count,
            "submitting_seconds": seconds,
        }
        write_result(json.dumps(facts))
    else:
        write_result(f"{counted(found.rows, 'task')} would be bought, {counted(found.pictures, 'picture')} at most.")
        if found.urls:
            write_result(f"{counted(found.urls, 'image')} given as URL, at which nobody has looked.")
        if seconds is not None:
            write_result(f"Submitting takes at least {lasting(seconds)}.")
        write_result("Nothing was sent.")
    return Exit.INCOMPLETE if found.bad.count else Exit.GOOD


def _buy(client: AidgeClient, purchases: Purchases, found: Preflight, *, report: Path, base: Path | None) -> None:
    """Buy, and whatever ends it, say how far it came and write the sheet; its originals are relative to *base*."""

    async def main() -> None:
        async with client:
            await purchases.buy_all(client)

    desk, began = purchases.desk, time.monotonic()
    desk.display.buying(found.rows + found.bad.count)
    try:
        with desk.display:
            _carry_out(main, purchases)
    except KeyboardInterrupt:
        desk.stopped = True
        raise
    finally:
        desk.summarize(pictures_asked=found.pictures, seconds=time.monotonic() - began)
        desk.files([report, *(_sheets(report, base=base) if base is not None else ())])


def _carry_out(main: Callable[[], Awaitable[None]], purchases: Purchases) -> None:
    carry_out(main, purchases)
    if purchases.stopped:
        raise KeyboardInterrupt  # all that was under way had the time to end, and still this is not all that was wanted


def _sheets(report: Path, *, base: Path) -> list[Path]:
    try:
        return write_catalogue(report, base=base)
    except UsageError as exc:
        complain(str(exc))
        return []
