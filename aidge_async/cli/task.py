"""
`aidge-async task`: go on with a task that was submitted before, here or elsewhere.

It buys nothing.
"""

from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from aidge_async.cli.errands import Wishes
from aidge_async.cli.exits import Exit
from aidge_async.cli.jobs import Job
from aidge_async.cli.options import POLL, Account, Deadline, Poll, Report, check_waits, prepare_folder
from aidge_async.cli.shop import Shop

_REPORT: Final = Report()
_ACCOUNT: Final = Account()


def task(
    token: Annotated[str, Parameter(name="TOKEN", help="What `run` printed, or a handle's `token`.")],
    /,
    *,
    out: Annotated[
        Path | None, Parameter(name="--out", help="Folder for the pictures; without it none is saved.")
    ] = None,
    deadline: Deadline = None,
    poll: Poll = POLL,
    account: Annotated[Account, Parameter(name="*")] = _ACCOUNT,
    report: Annotated[Report, Parameter(name="*")] = _REPORT,
) -> Exit:
    """
    Go on with a task: follow it to its end and save its pictures.

    It buys nothing, and may be repeated while the gateway keeps the pictures.
    """
    check_waits(deadline=deadline, poll=poll)
    wishes = Wishes(folder=out, deadline=deadline, flags=account.flags())
    shop = Shop(jobs=[Job()], wishes=wishes, as_json=report.json)
    client = account.client(poll=poll, observers=shop.observers)
    if out is not None:
        prepare_folder(out)
    shop.resume(client, token)
    return shop.desk.exit_code
