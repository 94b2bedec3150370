"""
Says in one sentence which extra is missing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from aidge_async.cli.exits import UsageError

_SANDBOX_MODULES: Final = frozenset({"PIL", "starlette", "uvicorn", "h11"})


@contextmanager
def needs_sandbox() -> Iterator[None]:
    """
    Import what the extra `sandbox` brings inside the block.

    Raises:
        UsageError: It is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as exc:
        if (exc.name or "").partition(".")[0] not in _SANDBOX_MODULES:
            raise
        raise UsageError(f"{exc.name!r} is missing; type: pip install 'aidge-async[sandbox]'") from None
