"""
The App and its boundary: what is typed goes in, one exit code comes out, and never a traceback unasked.

Each command is a file beside this one; none of them catches what only ends in a sentence.
"""

import io
import logging
import os
import re
import shlex
import sys
import traceback
from collections.abc import Sequence
from typing import Final

from cyclopts import App, CycloptsError, Group

from aidge_async import AidgeError, JournalError, RequestError, SettingsError
from aidge_async.cli.batch import batch
from aidge_async.cli.demo import demo
from aidge_async.cli.doctor import doctor
from aidge_async.cli.exits import Exit, UsageError
from aidge_async.cli.journal import make_journal
from aidge_async.cli.manifest import STDIN
from aidge_async.cli.options import JOURNAL_VARIABLE
from aidge_async.cli.output import complain, one_line
from aidge_async.cli.run import run
from aidge_async.cli.sandbox import sandbox
from aidge_async.cli.serve import serve
from aidge_async.cli.task import task
from aidge_async.cli.version import version
from aidge_async.cli.wording import as_typed

_NAME: Final = "aidge-async"
_ISSUES: Final = "please report it with what '--debug' shows"

# cyclopts' messages are of several sentences; ours are of one. What no pattern meets is shown as it is.
_REWORDED: Final = (
    (re.compile(r'Command "[^"]*" parameter (\S+) requires an argument'), r"\1 is missing, or has no value"),
    (re.compile(r'Command "[^"]*" parameter (\S+) flag required'), r"\1 is missing"),
    (re.compile(r'\. Did you mean "?([^"?]+)"?\?'), r" (did you mean '\1'?)"),
    (re.compile(r"\.? Available commands:.*$"), ""),
    (re.compile(r"\. Choose from: ([^.]*)"), r" (choose from \1)"),
    (re.compile(r"Unused Tokens: "), "more was typed than is taken: "),
    (re.compile(r'"'), "'"),
)


def make_app() -> App:
    """Return the command line as cyclopts sees it."""
    app = App(
        name=_NAME,
        version=version,
        group_parameters=Group("Options", sort_key=5),
        help=(
            "Buy pictures at Alibaba's Aidge gateway: clothes on another model. Results go to stdout, all else to "
            "stderr.\n\nNo account? 'aidge-async demo' shows the whole way on this machine, free of charge."
        ),
        help_epilogue=(
            "Exit codes: 0 all good, 1 a bug, 2 wrong use or settings, 3 some not submitted, failed or unfinished, "
            "4 some in doubt, 5 credentials, quota or budget, 130 interrupted."
        ),
    )
    app.command(demo)
    app.command(run, usage=f"Usage: {_NAME} run IMAGE... --model NAME --out DIR [OPTIONS]")
    app.command(batch, usage=f"Usage: {_NAME} batch MANIFEST --out DIR [OPTIONS]")
    app.command(task, usage=f"Usage: {_NAME} task TOKEN [--out DIR] [OPTIONS]")
    app.command(make_journal())
    app.command(doctor, usage=f"Usage: {_NAME} doctor [OPTIONS]")
    app.command(serve, usage=f"Usage: {_NAME} serve [OPTIONS]", help_epilogue="")
    app.command(sandbox, help_epilogue="")
    return app


def run_command_line(arguments: Sequence[str]) -> int:
    """Run what was typed and return the exit code."""
    _prepare_streams()
    try:
        return _run(list(arguments))
    except (UsageError, SettingsError, RequestError, JournalError) as exc:
        complain(as_typed(str(exc)))
        return Exit.USAGE
    except KeyboardInterrupt:
        again = _to_go_on(arguments)
        complain("interrupted; type the same again to go on" if again else "interrupted", command=again)
        return Exit.INTERRUPTED
    except Exception as exc:  # noqa: BLE001  the boundary: whatever it is, it is told in one sentence
        return _bug(exc, traced="--debug" in arguments)


def _to_go_on(arguments: Sequence[str]) -> str | None:
    """Return the line to type to go on with what a journal remembers."""
    with_journal = JOURNAL_VARIABLE in os.environ or any(typed.startswith("--journal") for typed in arguments)
    if arguments[:1] == ["batch"] or (arguments[:1] == ["run"] and with_journal):
        return shlex.join((_NAME, *arguments))
    return None


def _prepare_streams() -> None:
    # Warnings of the library reach people through the events; without this, Python writes each to stderr as well.
    logger = logging.getLogger("aidge_async")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    # Paths are printed byte for byte where that can be done, and in any case without failing.
    if isinstance(sys.stdout, io.TextIOWrapper):
        utf = sys.stdout.encoding.lower().startswith("utf")
        sys.stdout.reconfigure(errors="surrogateescape" if utf else "backslashreplace")


def _run(arguments: list[str]) -> int:
    app = make_app()
    if arguments[:1] == ["batch"]:
        # cyclopts takes a dash that stands alone for an option.
        arguments = [STDIN if argument == "-" else argument for argument in arguments]
    try:
        command, bound, _ = app.parse_args(arguments, print_error=False, exit_on_error=False, verbose=False)
    except CycloptsError as exc:
        raise UsageError(_wrong_use(exc)) from None
    return int(command(*bound.args, **bound.kwargs) or Exit.GOOD)


def _wrong_use(error: CycloptsError) -> str:
    """Return cyclopts' message as one sentence with the next step."""
    told = one_line(str(error))
    for pattern, ours in _REWORDED:
        told = pattern.sub(ours, told)
    command = " ".join((_NAME, *(error.command_chain or ())))
    return f"{told[:1].lower() if told[1:2].islower() else told[:1]}{told[1:].rstrip('.')}; see '{command} --help'"


def _bug(error: BaseException, *, traced: bool) -> Exit:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if traced:
        traceback.print_exception(error, file=sys.stderr)
    summary = error.summary if isinstance(error, AidgeError) else str(error)
    complain(f"a bug, sorry: {type(error).__name__}: {summary or 'no message'}; {_ISSUES}")
    return Exit.BUG
