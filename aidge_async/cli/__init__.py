"""
The command line; `main` is the console script `aidge-async`.

Nothing optional may be imported here at the top: without the extra `cli`, `main` still has to say which one is missing.
"""

import sys
from collections.abc import Sequence

_NEEDED = frozenset({"cyclopts", "rich"})


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run one command and return its exit code; `aidge_async.cli.exits` lists the codes.

    Args:
        arguments: What was typed behind the command's name; `None`: the process's own arguments.
    """
    try:
        from aidge_async.cli.app import run_command_line
    except ModuleNotFoundError as exc:
        if (exc.name or "").partition(".")[0] not in _NEEDED:
            raise
        print(f"aidge-async: {exc.name!r} is missing; type: pip install 'aidge-async[cli]'", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return run_command_line(sys.argv[1:] if arguments is None else arguments)
