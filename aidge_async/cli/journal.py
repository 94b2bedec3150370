"""
`aidge-async journal`: what was bought, what is in doubt, and what a person decides on that.

Looking takes no lock and changes nothing. How entries are written is `entries.py`'s matter, deciding `decisions.py`'s.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

import anyio
from cyclopts import App, Parameter

from aidge_async._core.lifecycle import State
from aidge_async._io.sqlite_reader import JournalReader, read_journal
from aidge_async.cli import entries
from aidge_async.cli.decisions import Decision, decide, foresee
from aidge_async.cli.exits import Exit, UsageError
from aidge_async.cli.options import JOURNAL_VARIABLE, REPORT, Account, Debug
from aidge_async.cli.output import complain, one_line, write_result

_DEFAULT: Final = Path("journal.db")

File: TypeAlias = Annotated[
    Path | None, Parameter(name="--journal", help="The journal: AIDGE_JOURNAL. Default: ./journal.db.")
]
Key: TypeAlias = Annotated[str, Parameter(name="KEY", help="As `journal list` shows it.")]
Json: TypeAlias = Annotated[
    bool, Parameter(name="--json", group=REPORT, negative=(), show_default=False, help="As JSON, an entry a line.")
]
StateWord: TypeAlias = Literal[
    "planned", "sending", "in_doubt", "accepted", "succeeded", "failed", "refused", "abandoned"
]

_ACCOUNT: Final = Account()


def make_journal() -> App:
    """Return the command and what it can do."""
    usage = "Usage: aidge-async journal"
    app = App(name="journal", help="Look at what was bought, and decide on what is in doubt.", help_epilogue="")
    app.command(list_, name="list", usage=f"{usage} list [--state STATE] [OPTIONS]")
    app.command(show, usage=f"{usage} show KEY [OPTIONS]")
    app.command(export, usage=f"{usage} export --json [OPTIONS]")
    app.command(resolve, usage=f"{usage} resolve KEY (--resubmit | --abandon | --attach TASK_ID) [OPTIONS]")
    return app


def list_(
    *,
    state: Annotated[StateWord | None, Parameter(help="Only those in this state.")] = None,
    journal: File = None,
    as_json: Json = False,
    debug: Debug = False,  # noqa: ARG001  read by the boundary in `app.py`
) -> Exit:
    """List what is recorded: state, when it came to it, pictures, key, and why."""
    with _opened(journal) as reader:
        for entry in reader.entries(None if state is None else State(state)):
            write_result(entries.as_json(entry) if as_json else entries.as_line(entry))
    return Exit.GOOD


def show(key: Key, /, *, journal: File = None, as_json: Json = False, debug: Debug = False) -> Exit:  # noqa: ARG001  read by the boundary
    """Show all that is recorded of one key, and how it came to be."""
    with _opened(journal) as reader:
        entry, history = reader.entry(key), reader.transitions(key)
    if entry is None:
        raise _unknown(key)
    if as_json:
        write_result(entries.as_json(entry, history))
    else:
        for line in entries.as_text(entry, history):
            write_result(line)
    return Exit.GOOD


def export(
    *,
    as_json: Annotated[
        bool, Parameter(name="--json", group=REPORT, negative=(), show_default=False, help="The format; there is one.")
    ],
    journal: File = None,
    debug: Debug = False,  # noqa: ARG001  read by the boundary in `app.py`
) -> Exit:
    """Write all that is recorded, histories included: JSON, an entry a line."""
    if not as_json:
        raise AssertionError("it has no negative form, and is required")
    with _opened(journal) as reader:
        for entry in reader.entries():
            write_result(entries.as_json(entry, reader.transitions(entry.key)))
    return Exit.GOOD


def resolve(
    key: Key,
    /,
    *,
    resubmit: Annotated[
        bool, Parameter(negative=(), show_default=False, help="Have it bought: the next run sends it.")
    ] = False,
    abandon: Annotated[bool, Parameter(negative=(), show_default=False, help="Leave it, and do not buy it.")] = False,
    attach: Annotated[
        str | None, Parameter(name="--attach", help="It is this task, as the vendor's console shows; follow it.")
    ] = None,
    yes: Annotated[bool, Parameter(negative=(), show_default=False, help="Do not ask.")] = False,
    journal: File = None,
    account: Annotated[Account, Parameter(name="*")] = _ACCOUNT,
    debug: Debug = False,  # noqa: ARG001  read by the boundary in `app.py`
) -> Exit:
    """
    Decide on what is in doubt, failed or was refused. Nothing is sent by this; what may be billed is said first.

    Look into the vendor's console before: what got no answer may have been accepted all the same.
    """
    path = _path(journal)
    decision = _decision(resubmit=resubmit, abandon=abandon, attach=attach, account=account)
    with read_journal(path):
        pass  # or deciding would make a journal where there is none
    ask: Callable[[str], bool] = _tell if yes else _ask
    decided = anyio.run(_resolve, path, key, decision, ask)
    write_result(f"{one_line(key)}: {entries.word(decided)}")
    return Exit.GOOD


async def _resolve(path: Path, key: str, decision: Decision, ask: Callable[[str], bool]) -> State:
    entry = await foresee(path, key, decision)
    if not ask(decision.warning(entry)):
        raise UsageError(f"nothing was changed: {key!r} stays {entries.word(entry.state)}")
    return (await decide(path, entry, decision)).state


def _decision(*, resubmit: bool, abandon: bool, attach: str | None, account: Account) -> Decision:
    if [resubmit, abandon, attach is not None].count(True) != 1:
        raise UsageError("give one of --resubmit, --abandon and --attach TASK_ID; only one can be done")
    if attach is None:
        return Decision(state=State.PLANNED if resubmit else State.ABANDONED)
    if not (attach.strip() and attach.isprintable()):
        raise UsageError(f"--attach must be a task's id (got {attach!r}); copy it from the vendor's console")
    settings = account.client(poll=None, observers=()).settings
    return Decision(state=State.ACCEPTED, task_id=attach.strip(), settings=settings)


def _ask(warning: str) -> bool:
    if not sys.stdin.isatty():
        raise UsageError(f"{warning}; nobody can be asked here, so nothing was changed: say --yes to go on")
    complain(warning)
    print("  Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().casefold() in {"y", "yes"}


def _tell(warning: str) -> bool:
    complain(warning)
    return True


def _path(typed: Path | None) -> Path:
    return typed or Path(os.environ.get(JOURNAL_VARIABLE) or _DEFAULT)


def _opened(typed: Path | None) -> JournalReader:
    reader = read_journal(_path(typed))
    if reader.stale:
        complain("the latest changes lie in a file beside the journal that cannot be read here; this is older")
    return reader


def _unknown(key: str) -> UsageError:
    return UsageError(f"the journal holds nothing under {key!r}; 'aidge-async journal list' shows what it holds")
