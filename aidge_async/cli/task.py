"""
`aidge-async task`: go on with tasks that were submitted before, here or elsewhere.

It buys nothing.
"""

import json
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from aidge_async.cli.errands import Wishes
from aidge_async.cli.exits import Exit, UsageError
from aidge_async.cli.jobs import Job
from aidge_async.cli.options import Account, Deadline, Poll, Report, check_waits, prepare_folder
from aidge_async.cli.shop import Shop

_REPORT: Final = Report()
_ACCOUNT: Final = Account()


def task(
    token: Annotated[
        str, Parameter(name="TOKEN", help="What `run` printed, a handle's `token`, or the report.jsonl of a batch.")
    ],
    /,
    *,
    out: Annotated[
        Path | None, Parameter(name="--out", help="Folder for the pictures; without it none is saved.")
    ] = None,
    deadline: Deadline = None,
    poll: Poll = None,
    account: Annotated[Account, Parameter(name="*")] = _ACCOUNT,
    report: Annotated[Report, Parameter(name="*")] = _REPORT,
) -> Exit:
    """
    Go on with a task: follow it to its end and save its pictures. With a batch's report: all that are unfinished.

    It buys nothing, and may be repeated while the gateway keeps the pictures.
    """
    check_waits(deadline=deadline, poll=poll)
    wishes = Wishes(folder=out, deadline=deadline, flags=account.flags())
    jobs = _unfinished(Path(token)) if token.endswith(".jsonl") else [Job(token=token)]
    shop = Shop(jobs=jobs, wishes=wishes, as_json=report.json)
    client = account.client(poll=poll, observers=shop.observers)
    if out is not None:
        prepare_folder(out)
    shop.resume(client)
    return shop.desk.exit_code


def _unfinished(report: Path) -> list[Job]:
    """
    Return a job for each unfinished row of a report.

    Raises:
        UsageError: It cannot be read, or nothing in it is unfinished.
    """
    try:
        lines = [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]
        jobs = [
            Job(image=line["image"], key=line["key"], token=line["token"])
            for line in lines
            if line["outcome"] == "unfinished"
        ]
    except (OSError, ValueError, LookupError, TypeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is no report of a batch"
        raise UsageError(f"'{report}' cannot be read ({reason}); name a token, or what a batch wrote") from None
    if not jobs:
        raise UsageError(f"nothing in '{report}' is unfinished; there is nothing to go on with")
    return jobs
