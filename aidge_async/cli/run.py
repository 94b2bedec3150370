"""
`aidge-async run`: buy pictures of some images.

What is typed becomes jobs; carrying them out is `errands.py`'s matter.
"""

from pathlib import Path
from typing import Annotated, Final

import anyio
from cyclopts import Parameter

from aidge_async.cli.errands import Wishes
from aidge_async.cli.exits import Exit
from aidge_async.cli.jobs import make_jobs, read_images
from aidge_async.cli.options import (
    Account,
    Budget,
    Deadline,
    Journal,
    Picture,
    Poll,
    Report,
    check_budget,
    check_waits,
    prepare_folder,
)
from aidge_async.cli.remembered import name_anew, remembered_in
from aidge_async.cli.shop import Shop
from aidge_async.ports import Observer

_REPORT: Final = Report()
_ACCOUNT: Final = Account()


def run(
    images: Annotated[list[str], Parameter(name="IMAGE", help="A file, or an http(s) URL.", negative=())],
    /,
    *,
    out: Annotated[Path, Parameter(name="--out", help="Folder for the pictures; made if need be.")],
    picture: Annotated[Picture, Parameter(name="*")],
    sheet: Annotated[
        bool, Parameter(negative=(), show_default=False, help="Write an HTML sheet there too, before and after.")
    ] = False,
    journal: Journal = None,
    budget: Budget = None,
    deadline: Deadline = None,
    poll: Poll = None,
    account: Annotated[Account, Parameter(name="*")] = _ACCOUNT,
    report: Annotated[Report, Parameter(name="*")] = _REPORT,
) -> Exit:
    """
    Put clothes on another model: buy pictures of each IMAGE.

    All images are checked before anything is sent. JPEG, PNG, BMP or WEBP, at most 4 MB, 512 to 3000 pixels a side.

    With a journal, what was bought before in the same way is not bought again: the same line goes on where it stopped.
    """
    check_waits(deadline=deadline, poll=poll)
    check_budget(budget)
    read = read_images(images)
    jobs = make_jobs(read, [picture.values()] * len(read))
    observers: list[Observer] = []
    client = account.client(poll=poll, observers=observers, journal=journal, budget=budget)
    prepare_folder(out)
    if journal is not None:
        anyio.run(name_anew, jobs, remembered_in(journal, client.settings.holder))
    wishes = Wishes(folder=out, deadline=deadline, flags=account.flags(), journal=journal)
    shop = Shop(jobs=jobs, wishes=wishes, as_json=report.json)
    observers += shop.observers
    shop.buy(client)
    if sheet:
        shop.write_sheet(out, title="Before and after")
    return shop.desk.exit_code
