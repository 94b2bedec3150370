"""
Says in one sentence which extra is missing.
"""

from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

from aidge_async.cli.exits import UsageError

_SANDBOX_MODULES: Final = frozenset({"PIL", "starlette", "uvicorn", "h11"})
_ASGI_MODULES: Final = frozenset({"sse_starlette", "python_multipart"})


def needs_sandbox() -> AbstractContextManager[None]:
    """
    Import what the extra `sandbox` brings inside the block.

    Raises:
        UsageError: It is not installed.
    """
    return _needs(_SANDBOX_MODULES, "sandbox")


def needs_asgi() -> AbstractContextManager[None]:
    """
    Import what the extras `asgi` and `sandbox` bring inside the block; raises as `needs_sandbox`.
    """
    return _needs(_ASGI_MODULES | _SANDBOX_MODULES, "asgi,sandbox")


@contextmanager
def _needs(modules: Collection[str], extras: str) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as exc:
        if (exc.name or "").partition(".")[0] not in modules:
            raise
        raise UsageError(f"{exc.name!r} is missing; type: pip install 'aidge-async[{extras}]'") from None
