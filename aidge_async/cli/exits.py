"""
Exit codes, and which one tells most where several apply.

How a command comes to its outcomes does not belong here.
"""

import enum
from collections.abc import Iterable
from typing import Final


class Exit(enum.IntEnum):
    """What a command's exit code says."""

    GOOD = 0
    """All is done."""
    BUG = 1
    """Our fault: please report it."""
    USAGE = 2
    """Something typed or set is wrong; nothing was sent."""
    INCOMPLETE = 3
    """Some images were not submitted, failed, or are unfinished."""
    IN_DOUBT = 4
    """Some were sent and got no certain answer."""
    REFUSED = 5
    """The account, its credentials or its quota, or the budget."""
    INTERRUPTED = 130
    """Ctrl-C or SIGTERM; 128 + 2 as shells have it."""


_GRAVEST_FIRST: Final = (Exit.INTERRUPTED, Exit.BUG, Exit.REFUSED, Exit.IN_DOUBT, Exit.INCOMPLETE, Exit.USAGE)


class UsageError(Exception):
    """Raised when something typed is wrong. The message is one sentence that names it, the rule and the next step."""


def gravest(codes: Iterable[Exit]) -> Exit:
    """Return the code to exit with where *codes* apply."""
    found = set(codes)
    return next((code for code in _GRAVEST_FIRST if code in found), Exit.GOOD)
