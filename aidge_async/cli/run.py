"""
`aidge-async run`: buy pictures of some images.

What is typed becomes jobs; carrying them out is `errands.py`'s matter.
"""

from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from aidge_async.cli.errands import Wishes
from aidge_async.cli.exits import Exit
from aidge_async.cli.jobs import make_jobs, read_images
from aidge_async.cli.options import Account, Deadline, Picture, Poll, Report, check_waits, prepare_folder
from aidge_async.cli.shop import Shop

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
    deadline: Deadline = None,
    poll: Poll = None,
    account: Annotated[Account, Parameter(name="*")] = _ACCOUNT,
    report: Annotated[Report, Parameter(name="*")] = _REPORT,
) -> Exit:
    """
    Put clothes on another model: buy pictures of each IMAGE.

    All images are checked before anything is sent. JPEG, PNG, BMP or WEBP, at most 4 MB, 512 to 3000 pixels a side.
    """
    check_waits(deadline=deadline, poll=poll)
    read = read_images(images)
    jobs = make_jobs(read, [picture.values()] * len(read))
    shop = Shop(jobs=jobs, wishes=Wishes(folder=out, deadline=deadline, flags=account.flags()), as_json=report.json)
    client = account.client(poll=poll, observers=shop.observers)
    prepare_folder(out)
    shop.buy(client)
    if sheet:
        shop.write_sheet(out, title="Before and after")
    return shop.desk.exit_code
