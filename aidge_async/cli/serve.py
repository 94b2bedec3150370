"""
`aidge-async serve`: a page and an HTTP API for tasks, in a browser at once.

What is typed becomes settings; the processes are `serving.py`'s matter, and the application that of
`aidge_async.integrations.asgi`.
"""

import math
import os
import sys
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Group, Parameter

from aidge_async import AidgeClient, Limits, SettingsError
from aidge_async._core.lifecycle import State
from aidge_async._io.sqlite_reader import read_journal
from aidge_async.cli.batch import Rate
from aidge_async.cli.exits import Exit, UsageError
from aidge_async.cli.extras import needs_asgi
from aidge_async.cli.options import Account, Budget, Debug, Journal, check_budget, prepare_folder
from aidge_async.cli.output import complain, counted, write_result
from aidge_async.config import VARIABLES

_ACCOUNT: Final = Account()
_LIMITS: Final = Limits()
_FOLDER: Final = Path("aidge-web")
_JOURNAL_NAME: Final = "journal.db"
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_NETWORK: Final = Group("Network", sort_key=6)
_SERVER: Final = Group("Server", sort_key=7)


def serve(
    *,
    out: Annotated[Path, Parameter(name="--out", help="Folder for the pictures; made if need be.")] = _FOLDER,
    journal: Journal = None,
    budget: Budget = None,
    host: Annotated[str, Parameter(group=_NETWORK, help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, Parameter(group=_NETWORK, help="Port to listen on; 0 takes a free one.")] = 8000,
    allowed_host: Annotated[
        list[str] | None,
        Parameter(group=_NETWORK, negative=(), show_default=False, help="Name it is reached by; may be repeated."),
    ] = None,
    allow_anonymous: Annotated[
        bool,
        Parameter(
            group=_NETWORK, negative=(), show_default=False, help="Whoever reaches it may buy: needed beyond loopback."
        ),
    ] = False,
    workers: Annotated[int, Parameter(group=_SERVER, help="Processes that answer; they share the journal.")] = 1,
    max_waiting: Annotated[int, Parameter(group=_SERVER, help="Tasks that may wait to be submitted.")] = 500,
    drain: Annotated[float, Parameter(group=_SERVER, help="Seconds for what is in flight at the end.")] = 20.0,
    submit_rate: Annotated[Rate, Parameter(group=_SERVER, help="Submits a second, or learn.")] = _LIMITS.submit_rate,
    query_rate: Annotated[Rate, Parameter(group=_SERVER, help="Queries a second, or learn.")] = _LIMITS.query_rate,
    account: Annotated[Account, Parameter(name="*")] = _ACCOUNT,
    debug: Debug = False,  # noqa: ARG001  the boundary reads it
) -> Exit:
    """
    Serve a page on which photos are dropped and pictures come back, and an HTTP API for the same.

    It prints the page's address. The journal (DIR/journal.db where none is named) remembers all: started again, it goes
    on where it stopped. SIGTERM or Ctrl-C finishes what is in flight, for --drain seconds.

    Without an account, a sandbox is run behind it: nothing is generated, nothing is paid, and the page says so.
    """
    with needs_asgi():
        from aidge_async.cli.serving import Serving, run
    _check(host=host, port=port, workers=workers, drain=drain, allow_anonymous=allow_anonymous)
    check_budget(budget)
    prepare_folder(out)
    file = journal or out / _JOURNAL_NAME
    prepare_folder(file.parent)
    serving = Serving(
        folder=str(out.absolute()),
        journal=str(file.absolute()),
        budget=budget,
        max_waiting=max_waiting,
        allowed_hosts=tuple(allowed_host or ()),
        drain=drain,
        submit_rate=submit_rate,
        query_rate=query_rate,
        workers=workers,
    )
    _put_in_environment(account)
    with_sandbox = not _credentials()
    if with_sandbox:
        _tell_of_old_sandbox(file)
    else:
        AidgeClient.from_env()  # or each worker would say what is wrong with it
    if not run(serving, host=host, port=port, with_sandbox=with_sandbox, announce=_announce):
        raise UsageError("the server could not start; what was printed above says why")
    return Exit.GOOD


def _check(*, host: str, port: int, workers: int, drain: float, allow_anonymous: bool) -> None:
    if not 0 <= port <= 65_535:  # noqa: PLR2004  the greatest there is
        raise UsageError(f"--port must be from 0 to 65535 (got {port}); change it")
    if not 1 <= workers <= 64:  # noqa: PLR2004  more share one SQLite file badly
        raise UsageError(f"--workers must be from 1 to 64 (got {workers}); change it")
    if not 0 <= drain < math.inf:
        raise UsageError(f"--drain must be a number of seconds from 0 (got {drain:g}); change it")
    if host not in _LOOPBACK and not allow_anonymous:
        raise UsageError(
            f"on --host {host} whoever reaches it may buy on your account; add --allow-anonymous if that is meant, or "
            "mount 'aidge_async.integrations.asgi.tasks_app' with an 'authenticate' of your own"
        )


def _put_in_environment(account: Account) -> None:
    """Hand the account over as workers read it: by the environment, where the secret is anyway."""
    given = {
        "key_name": account.key_name,
        "region": account.region,
        "trial": None if account.trial is None else str(account.trial).lower(),
        "base_url": account.base_url,
        "wire_format": account.wire_format,
    }
    os.environ.update({VARIABLES[name]: value for name, value in given.items() if value is not None})


def _credentials() -> bool:
    """Return whether an account is set, whole; half of one is a mistake, and no wish for a sandbox."""
    names = [VARIABLES["key_name"], VARIABLES["key_secret"]]
    missing = [name for name in names if not os.environ.get(name, "").strip()]
    if len(missing) == 1:
        raise SettingsError(f"{missing[0]} is not set; set what the vendor's console shows, or neither for the sandbox")
    return not missing


def _tell_of_old_sandbox(journal: Path) -> None:
    """Say how many tasks a former sandbox took with it: they are in the journal, and nobody can bring them."""
    if not journal.is_file():
        return
    with read_journal(journal) as reader:
        lost = sum(1 for _ in reader.entries(State.ACCEPTED))
    if lost:
        complain(
            f"{counted(lost, 'task')} in '{journal}' were accepted by a former sandbox and will never end; to keep "
            "one over restarts, run 'aidge-async sandbox' and set what it prints"
        )


def _announce(url: str, sandbox_url: str | None) -> None:
    if sandbox_url is not None:
        complain(f"no account is set: this is the sandbox at {sandbox_url}; nothing is generated, nothing is paid")
        complain("its tasks end with it: what is still running when this stops will never come back")
    write_result(url)
    if sys.stderr.isatty():
        complain("open it in a browser; Ctrl-C ends it")
